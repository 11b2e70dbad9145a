"""Words in clusters of those that stand in the same company: what is seldom said in one way is often said in another.

A run of three words is met in few texts, the run of their clusters in many more. The clusters are those of k-means (S. P.
Lloyd, Least Squares Quantization in PCM, 1982) on the directions of the vectors of `word_vectors`, so that no label is
looked at.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int8, Int32

from gatewise.classification.negation import denied
from gatewise.datasets import Sequences

# The number of a word that is in no cluster, as of an unknown one.
NONE = 1
FIRST = 2
_ROUNDS = 8
# The clusters begin with some of the most frequent words, of so many for each cluster.
_FREQUENT = 4
# Words of a block of distances, which would not fit into the memory in one.
_BLOCK = 8192


def clusters_of(
    vectors: Float32[np.ndarray, "tokens features"], clusters: int, seed: int = 0
) -> Int32[np.ndarray, " tokens"]:
    """Return the cluster of each word, from 2; 1 for those without a vector.

    Args:
        vectors: Of the words by their numbers, the most frequent first; 0 and 1 are no words.
        clusters: How many clusters.
        seed: Where it is drawn from which words the clusters begin with.
    """
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    known = np.flatnonzero((norms[:, 0] > 0) & (np.arange(len(vectors)) >= FIRST))
    found = np.full(len(vectors), NONE, np.int32)
    clusters = min(clusters, len(known))
    if not clusters:
        return found
    given = (vectors[known] / norms[known]).astype(np.float32)
    frequent = min(_FREQUENT * clusters, len(known))
    middles = given[np.random.default_rng(seed).choice(frequent, clusters, replace=False)]
    for _ in range(_ROUNDS):
        nearest = _nearest(given, middles)
        sizes = np.bincount(nearest, minlength=clusters)
        order = np.argsort(nearest, kind="stable")
        there = np.flatnonzero(sizes)
        sums = np.add.reduceat(given[order], (np.cumsum(sizes) - sizes)[there], axis=0)
        # A cluster that lost all of its words stays where it was.
        middles[there] = sums / sizes[there, None]
    found[known] = _nearest(given, middles) + FIRST
    return found


class Clusters(NamedTuple):
    """The clusters of words, each of them twice: as it is, and denied.

    Attributes:
        of_words: The cluster of each word; words beyond them are in none.
        roles: What each word does, as `roles_of` says.
    """

    of_words: Int32[np.ndarray, " tokens"]
    roles: Int8[np.ndarray, " tokens"]

    @property
    def size(self) -> int:
        """How many numbers there are for clusters, denied ones and those of no cluster included."""
        return 2 * (int(self.of_words.max(initial=NONE)) + 1) - FIRST

    def numbers(self, words: Sequences) -> Sequences:
        """Return texts in the numbers of the clusters of their words.

        Args:
            words: The token numbers.
        """
        known = np.minimum(words.ids, len(self.of_words) - 1)
        found = np.where(words.ids < len(self.of_words), self.of_words[known], np.int32(NONE))
        turned = denied(words, self.roles) & (found >= FIRST)
        return Sequences(found + turned * np.int32((self.size - FIRST) // 2), words.lengths)


def _nearest(
    given: Float32[np.ndarray, "tokens features"], middles: Float32[np.ndarray, "levels features"]
) -> Int32[np.ndarray, " tokens"]:
    """Return which middle is nearest to each vector."""
    half = (middles * middles).sum(axis=1) / 2
    blocks = [
        (given[start : start + _BLOCK] @ middles.T - half).argmax(axis=1) for start in range(0, len(given), _BLOCK)
    ]
    return np.concatenate(blocks).astype(np.int32)
