"""A corpus cut into parts for training, validation and testing, so that the parts do not know each other.

Texts that are equal word for word, and texts of one group, always go into the same part; the classes have in every part
the shares that they have in the whole, as far as that allows. scikit-learn's splitters know either groups or parts of
several sizes, not both, and take a second to import.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float64, Int8, Int64

from gatewise.datasets.text.corpus import PARTS, Corpus
from gatewise.datasets.text.wording import short
from gatewise.errors import DataError, UsageError
from gatewise.tables.form import count


def split_corpus(corpus: Corpus, test: float = 0.2, validation: float = 0.0, seed: int = 0) -> Corpus:
    """Cut a corpus into parts at random, each class in every part with the share that it has in the whole.

    Equal texts, and texts of one group, stay together. The same corpus and seed give the same parts.

    Args:
        corpus: Labelled texts; an earlier split of theirs is forgotten.
        test: Share of the texts that goes into the test part.
        validation: Share that goes into the validation part.
        seed: Which of the possible splits.

    Returns:
        The same texts in the same order, with `split` set and a note that says how it was made.

    Raises:
        UsageError: The shares cannot be meant.
        DataError: A class has too few texts, or groups, to be in every part.

    >>> from gatewise.datasets.text import Texts
    >>> corpus = Corpus(Texts.of("abcdefgh"), np.array([0, 1] * 4, np.int32), ("no", "yes"))
    >>> split_corpus(corpus, test=0.5).test.counts()
    {'no': 2, 'yes': 2}
    """
    shares = _shares(test, validation)
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise UsageError(f"seed is {seed!r}: give a whole number of at least 0.")
    random = np.random.default_rng(int(seed))
    bundles = inseparable(corpus)
    wanted = [part for part, share in enumerate(shares) if share]
    _check_bundles(corpus, bundles, len(wanted))
    part_of = _share_out(corpus, bundles, shares, random)
    _check_parts(corpus, part_of[bundles], wanted)
    split = part_of[bundles]
    sizes = np.bincount(split, minlength=len(PARTS)).tolist()
    said = ", ".join(f"{sizes[part]:,} {PARTS[part]}" for part in wanted)
    together = "" if len(part_of) == len(corpus) else "; equal texts and texts of one group stay together"
    note = f"Split at random with seed {seed}, each class in its share{together}: {said}."
    return replace(corpus, split=split, notes=(*corpus.notes, note))


def shared_between(corpus: Corpus) -> int:
    """Return how many texts of the validation and test part are, word for word, in the training part as well."""
    if corpus.split is None:
        return 0
    texts, parts = list(corpus.texts.fingerprints()), corpus.split.tolist()
    train = {text for text, part in zip(texts, parts, strict=True) if part == 0}
    return sum(part > 0 and text in train for text, part in zip(texts, parts, strict=True))


def inseparable(corpus: Corpus) -> Int64[np.ndarray, " samples"]:
    """Number what has to stay together: equal texts, and texts of one group, also through one another."""
    first: dict[bytes, int] = {}
    same_text = np.array([first.setdefault(text, len(first)) for text in corpus.texts.fingerprints()], np.int64)
    if corpus.groups is None or not len(corpus):
        return same_text
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    # A graph of texts and groups; what is connected in it stays together.
    groups = corpus.groups.astype(np.int64) + len(first)
    nodes = int(groups.max()) + 1
    edges = coo_array((np.ones(len(corpus), np.int8), (same_text, groups)), shape=(nodes, nodes))
    _, component = connected_components(edges, directed=False)
    return np.unique(component[same_text], return_inverse=True)[1].astype(np.int64)


def _shares(test: float, validation: float) -> Float64[np.ndarray, " parts"]:
    for name, share in (("test", test), ("validation", validation)):
        if isinstance(share, bool) or not isinstance(share, int | float | np.number) or not 0 <= share < 1:
            raise UsageError(f"{name} is {short(share)}: give a share of at least 0 and below 1, such as 0.2.")
    if not 0 < test + validation < 1:
        raise UsageError(
            f"test={test} and validation={validation} leave {'everything' if not test + validation else 'nothing'} to "
            "train with: give shares whose sum is above 0 and below 1."
        )
    return np.array([1 - test - validation, validation, test])


def _check_bundles(corpus: Corpus, bundles: Int64[np.ndarray, " samples"], parts: int) -> None:
    """Refuse a class that cannot be in every part."""
    for position, name in enumerate(corpus.classes):
        rows = _having(corpus)[:, position]
        texts = int(rows.sum())
        found = len(np.unique(bundles[rows]))
        if found < parts and not (corpus.multi_label and not texts):
            together = "" if found == texts else f", which stay together in {count(found, 'group')}"
            raise DataError(
                f"Class {short(name)} has {count(texts, 'text')}{together}, and {parts} parts are to have it: add "
                f"texts of that class, or leave it out."
            )


def _share_out(
    corpus: Corpus,
    bundles: Int64[np.ndarray, " samples"],
    shares: Float64[np.ndarray, " parts"],
    random: np.random.Generator,
) -> Int8[np.ndarray, " rows"]:
    """Return a part for each bundle, the largest first: the part that is then least full of what the bundle brings."""
    having = _having(corpus)
    brings = np.zeros((int(bundles.max()) + 1, having.shape[1] + 1))
    np.add.at(brings, bundles, np.hstack([having, np.ones((len(having), 1))]))
    shuffled = random.permutation(len(brings))
    order = shuffled[np.argsort(-brings[shuffled, -1], kind="stable")]
    full = np.maximum(shares[:, None] * brings.sum(axis=0), 1e-9)
    filled = np.zeros_like(full)
    part_of = np.zeros(len(brings), np.int8)
    for bundle in order.tolist():
        columns = np.flatnonzero(brings[bundle])
        levels = ((filled[:, columns] + brings[bundle, columns]) / full[:, columns]).sum(axis=1)
        part = int(np.argmin(np.where(shares > 0, levels, np.inf)))
        part_of[bundle] = part
        filled[part] += brings[bundle]
    _spread_rare_classes(brings[:, :-1], part_of, np.flatnonzero(shares))
    return part_of


def _spread_rare_classes(
    brings: Float64[np.ndarray, "rows classes"],
    part_of: Int8[np.ndarray, " rows"],
    wanted: Int64[np.ndarray, " parts"],
) -> None:
    """Move bundles so that a class with few texts is in every part too; the largest part gives."""
    for position in np.argsort(brings.sum(axis=0), kind="stable"):
        owners = np.flatnonzero(brings[:, position])
        for part in wanted:
            held = np.bincount(part_of[owners], minlength=len(PARTS))
            if len(owners) and not held[part] and held.max() > 1:
                giving = owners[part_of[owners] == np.argmax(held)]
                part_of[giving[-1]] = part


def _check_parts(corpus: Corpus, split: Int8[np.ndarray, " samples"], wanted: list[int]) -> None:
    having = _having(corpus)
    for position, name in enumerate(corpus.classes):
        parts = np.unique(split[having[:, position]])
        missing = [PARTS[part] for part in wanted if part not in parts]
        if missing and having[:, position].any():
            raise DataError(
                f"The groups leave no text of class {short(name)} for the {missing[0]} part: give another seed, or "
                "other shares."
            )


def _having(corpus: Corpus) -> Bool[np.ndarray, "samples classes"]:
    """Say of each text which classes it has."""
    if corpus.multi_label:
        return corpus.labels
    return np.eye(len(corpus.classes), dtype=bool)[corpus.labels]
