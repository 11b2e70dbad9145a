"""What the linear model sees of a text, in views: runs of its words, of the clusters that these are in, and of its end."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Int32

from gatewise.classification.negation import roles_of
from gatewise.classification.ngrams import NGrams, matrix_of
from gatewise.classification.specification import Linear
from gatewise.classification.word_clusters import Clusters, clusters_of
from gatewise.datasets import Sequences
from gatewise.datasets.text.vocabulary import FIRST

# Longer runs of clusters, and pairs apart, add nothing for movie reviews that were held out, and take half as much time
# again.
_LONGEST = 3
# A run of clusters says little of a few texts, and there are many: it has to be in more texts than a run of words.
_MORE_TEXTS = 1
# Fewer clusters are too coarse to mean anything, and so many words at least should share one in the mean.
_FEWEST, _WORDS_OF_A_CLUSTER = 50, 20
# An end is a view where it is a part of most texts only.
_LONGER = 2

Columns = list[Int32[np.ndarray, " tokens"]]


@dataclass(frozen=True, eq=False)
class Runs:
    """The runs of a view.

    Attributes:
        ngrams: Which runs it knows; views that know the same ones share them.
        clusters: The clusters of which they are runs; None for runs of words.
        last: How many words of a text, its last ones, are looked at; None for all.
    """

    ngrams: NGrams
    clusters: Clusters | None = None
    last: int | None = None

    def columns(self, words: Sequences) -> Columns:
        """Return for each kind of run the column of the one that begins at each token, -1 where none is known."""
        return self.of(self.everywhere(words), words)

    def matrix(self, words: Sequences) -> Any:
        """Return which runs are in which text, a ``csr_array`` of ones ``(samples, terms)``."""
        return matrix_of(self.columns(words), words, self.ngrams.terms)

    def everywhere(self, words: Sequences) -> Columns:
        """Return the columns of all places of the texts, those that are not looked at included."""
        return self.ngrams.columns(words if self.clusters is None else self.clusters.numbers(words))

    def of(self, found: Columns, words: Sequences) -> Columns:
        """Return the columns of the places that are looked at, of those of all places."""
        if self.last is None:
            return found
        behind = np.repeat(words.offsets[1:], words.lengths) - np.arange(len(words.ids))
        return [np.where(behind <= self.last, one, np.int32(-1)) for one in found]


def views_of(
    words: Sequences,
    vocabulary: Sequence[str],
    spec: Linear,
    vectors: Float32[np.ndarray, "tokens features"] | None = None,
) -> list[Runs]:
    """Find the runs of the training texts: of words, of clusters if there are vectors, and of the ends of long texts.

    Args:
        words: The token numbers of the texts.
        vocabulary: The words; the first has the number 2.
        spec: The options.
        vectors: Of the most frequent words, by which they are put into clusters; None for no clusters.
    """
    views = [Runs(NGrams.of(words, len(vocabulary) + FIRST, spec.longest, spec.min_texts, spec.apart))]
    number = 0 if vectors is None else clusters_for(spec, len(vectors))
    if vectors is not None and number:
        clusters = Clusters(clusters_of(vectors, number), roles_of(vocabulary, spec.negations))
        longest, least = min(spec.longest, _LONGEST), spec.min_texts + _MORE_TEXTS
        views.append(Runs(NGrams.of(clusters.numbers(words), clusters.size, longest, least), clusters))
    usual = float(np.median(words.lengths)) if len(words) else 0.0
    views += [Runs(views[0].ngrams, None, last) for last in spec.endings if usual >= _LONGER * last]
    return views


def clusters_for(spec: Linear, words: int) -> int:
    """Return how many clusters so many words are put into; 0 where there are too few words for any."""
    number = min(spec.clusters, words // _WORDS_OF_A_CLUSTER)
    return number if number >= min(_FEWEST, spec.clusters) else 0
