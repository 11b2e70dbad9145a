"""What the linear model sees of a text, in views: runs of its words, and runs of the clusters that its words are in."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Int32

from gatewise.classification.ngrams import NGrams
from gatewise.classification.specification import Linear
from gatewise.classification.word_clusters import clusters_of, in_clusters
from gatewise.datasets import Sequences

# Longer runs of clusters add nothing for movie reviews that were held out, and take half as much time again.
_LONGEST = 3
# A run of clusters says little of a few texts, and there are many: it has to be in more texts than a run of words.
_MORE_TEXTS = 1
# Fewer clusters are too coarse to mean anything, and so many words at least should share one in the mean.
_FEWEST, _WORDS_OF_A_CLUSTER = 50, 20


@dataclass(frozen=True, eq=False)
class Runs:
    """The runs of a view.

    Attributes:
        ngrams: Which runs it knows.
        clusters: The cluster of each word, of which they are runs; None for runs of words.
    """

    ngrams: NGrams
    clusters: Int32[np.ndarray, " tokens"] | None = None

    def columns(self, words: Sequences) -> list[Int32[np.ndarray, " tokens"]]:
        """Return for each kind of run the column of the one that begins at each token, -1 where none is known."""
        return self.ngrams.columns(self._numbers(words))

    def matrix(self, words: Sequences) -> Any:
        """Return which runs are in which text, a ``csr_array`` of ones ``(samples, terms)``."""
        return self.ngrams.matrix(self._numbers(words))

    def _numbers(self, words: Sequences) -> Sequences:
        return words if self.clusters is None else in_clusters(words, self.clusters)


def views_of(
    words: Sequences, size: int, spec: Linear, vectors: Float32[np.ndarray, "tokens features"] | None = None
) -> list[Runs]:
    """Find the runs of the training texts: those of words, and if there are vectors those of clusters.

    Args:
        words: The token numbers of the texts.
        size: How many numbers words have.
        spec: The options.
        vectors: Of the most frequent words, by which they are put into clusters; None for no clusters.
    """
    views = [Runs(NGrams.of(words, size, spec.longest, spec.min_texts, spec.apart))]
    number = 0 if vectors is None else clusters_for(spec, len(vectors))
    if vectors is not None and number:
        clusters = clusters_of(vectors, number)
        numbers, longest = in_clusters(words, clusters), min(spec.longest, _LONGEST)
        known = int(clusters.max()) + 1
        views.append(Runs(NGrams.of(numbers, known, longest, spec.min_texts + _MORE_TEXTS, spec.apart), clusters))
    return views


def clusters_for(spec: Linear, words: int) -> int:
    """Return how many clusters so many words are put into; 0 where there are too few words for any."""
    number = min(spec.clusters, words // _WORDS_OF_A_CLUSTER)
    return number if number >= min(_FEWEST, spec.clusters) else 0
