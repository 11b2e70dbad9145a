"""Training texts cut into folds, so that every text is judged by models that know neither it nor its neighbours."""

import numpy as np
from jaxtyping import Int32, Int64

from gatewise.datasets import Corpus
from gatewise.datasets.text.splits import inseparable

# Texts that were collected one after another resemble each other (reviews of one film, comments of one day), and nobody
# else says which: where there are no groups, so many runs of neighbours of a class stay together in each fold.
_RUNS = 10


def fold_of(corpus: Corpus, folds: int) -> Int32[np.ndarray, " samples"]:
    """Return the fold of each text.

    Texts that are equal word for word are in one fold, and so are texts of one group. Each fold has its share of every
    class. Without groups, neighbours in the order of the corpus stay together as well.

    Args:
        corpus: The training texts.
        folds: How many folds.
    """
    bundles = inseparable(corpus)
    labels = _one_label(corpus)
    if corpus.groups is None:
        wanted = np.zeros(len(corpus), np.int64)
        for label in np.unique(labels):
            rows = np.flatnonzero(labels == label)
            run = max(len(rows) // (folds * _RUNS), 1)
            # A class of its own begins in another fold, so that rare classes are not all in the first.
            wanted[rows] = (np.arange(len(rows)) // run + label) % folds
        first = np.zeros(int(bundles.max()) + 1, np.int64)
        first[bundles[::-1]] = wanted[::-1]
        return first[bundles].astype(np.int32)
    return _shared_out(bundles, labels, folds)


def _shared_out(
    bundles: Int64[np.ndarray, " samples"], labels: Int64[np.ndarray, " samples"], folds: int
) -> Int32[np.ndarray, " samples"]:
    """Give each bundle, the largest first, to the fold that is then least full of what the bundle brings."""
    brings = np.zeros((int(bundles.max()) + 1, int(labels.max()) + 1))
    np.add.at(brings, (bundles, labels), 1)
    full = np.maximum(brings.sum(axis=0) / folds, 1e-9)
    filled = np.zeros((folds, brings.shape[1]))
    fold = np.zeros(len(brings), np.int32)
    for bundle in np.argsort(-brings.sum(axis=1), kind="stable").tolist():
        levels = ((filled + brings[bundle]) / full * (brings[bundle] > 0)).sum(axis=1)
        fold[bundle] = int(np.argmin(levels))
        filled[fold[bundle]] += brings[bundle]
    return fold[bundles]


def _one_label(corpus: Corpus) -> Int64[np.ndarray, " samples"]:
    """Return a number for each text by which classes are shared out; of several classes that of the rarest."""
    if not corpus.multi_label:
        return corpus.labels.astype(np.int64)
    rarity = np.argsort(np.argsort(corpus.labels.sum(axis=0), kind="stable"), kind="stable")
    ranks = np.where(corpus.labels, rarity, len(rarity))
    return ranks.min(axis=1, initial=len(rarity)).astype(np.int64)
