"""Which runs of words, and pairs of words with one between them, are in a text: token numbers to the rows of a matrix.

A run is known by the run without its last word and by that word, so that each order is looked up in a table of one
number a run, and a run is only looked for where the two shorter runs that it is made of are known. A pair is known by its
two words in the same way.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Int32, Int64

from gatewise.datasets import Sequences
from gatewise.datasets.text.number_table import Table

_EMPTY = -1


@dataclass(frozen=True, eq=False)
class NGrams:
    """The runs of words that a model knows.

    Attributes:
        size: How many numbers words have.
        orders: For each length of a run, from 1: the numbers of its runs, ``(terms,)``. Run k of the first order is word
            ``orders[0][k]``; of order n, the run ``key // size`` of order n - 1 with the word ``key % size`` behind it.
        apart: The numbers of pairs with one word between them: word ``orders[0][key // size]``, and then ``key % size``;
            None where they do not count.
    """

    size: int
    orders: tuple[Int64[np.ndarray, " terms"], ...]
    apart: Int64[np.ndarray, " terms"] | None = None

    @classmethod
    def of(cls, words: Sequences, size: int, longest: int = 3, min_texts: int = 2, apart: bool = False) -> "NGrams":
        """Find the runs of the training texts.

        Args:
            words: Their token numbers; 1, the unknown word, is in no run.
            size: How many numbers words have.
            longest: Words of the longest runs.
            min_texts: In how many texts a run has to be to be known.
            apart: Whether pairs with one word between them count as well.
        """
        text = np.repeat(np.arange(len(words)), words.lengths)
        orders: list[np.ndarray] = []
        found, pairs = None, None
        for order in range(1, longest + 1):
            keys = _keys(words.ids, text, found, order, size)
            orders.append(_frequent(keys, text, len(words), min_texts))
            if not len(orders[-1]):
                break
            found = Table(orders[-1]).find(keys)
            if apart and order == 1:
                pairs = _frequent(_keys_apart(words.ids, text, found, size), text, len(words), min_texts)
        return cls(size, tuple(orders), pairs)

    @property
    def terms(self) -> int:
        """How many runs are known: the columns of the matrix."""
        return sum(map(len, self._kinds))

    @property
    def steps(self) -> list[tuple[int, ...]]:
        """Return for each kind of run how far each of its words is from the first, in the order of `columns`."""
        runs: list[tuple[int, ...]] = [tuple(range(order)) for order in range(1, len(self.orders) + 1)]
        return runs if self.apart is None else [*runs, (0, 2)]

    @property
    def _kinds(self) -> list[Int64[np.ndarray, " terms"]]:
        return [*self.orders, *(() if self.apart is None else (self.apart,))]

    @cached_property
    def _tables(self) -> list[Table]:
        return [Table(keys) for keys in self._kinds]

    def columns(self, words: Sequences) -> list[Int32[np.ndarray, " tokens"]]:
        """Return for each kind of run the column of the one that begins at each token, -1 where none is known."""
        text = np.repeat(np.arange(len(words)), words.lengths)
        found: list[Int32[np.ndarray, " tokens"]] = []
        for order in range(1, len(self.orders) + 1):
            keys = _keys(words.ids, text, found[-1] if found else None, order, self.size)
            found.append(self._tables[order - 1].find(keys))
        if self.apart is not None:
            found.append(self._tables[-1].find(_keys_apart(words.ids, text, found[0], self.size)))
        before = np.cumsum([0, *map(len, self._kinds)]).astype(np.int32)
        return [
            np.where(one >= 0, one + start, np.int32(_EMPTY)) for one, start in zip(found, before[:-1], strict=True)
        ]

    def matrix(self, words: Sequences) -> Any:
        """Return which runs are in which text, a ``csr_array`` of ones ``(samples, terms)``."""
        return matrix_of(self.columns(words), words, self.terms)


def matrix_of(columns: list[Int32[np.ndarray, " tokens"]], words: Sequences, terms: int) -> Any:
    """Return which runs are in which text, a ``csr_array`` of ones ``(samples, terms)``.

    Args:
        columns: For each kind of run the column of the one that begins at each token, -1 for none.
        words: The texts.
        terms: How many columns there are.
    """
    from scipy import sparse

    # Short numbers are sorted in half of the time, and sorting is most of the work.
    kind: Any = np.uint32 if len(words) * terms < 2**32 else np.uint64
    starts = np.arange(len(words) + 1, dtype=kind) * kind(terms)
    text = np.repeat(starts[:-1], words.lengths)
    there = [np.flatnonzero(found >= 0) for found in columns]
    cells = [text[places] + found[places].astype(kind) for places, found in zip(there, columns, strict=True)]
    joined = np.concatenate(cells) if cells else np.zeros(0, kind)
    joined.sort()
    joined = joined[_firsts(joined)]
    rows = np.searchsorted(joined, starts)
    ones = np.ones(len(joined), np.float32)
    joined -= np.repeat(starts[:-1], np.diff(rows))
    return sparse.csr_array((ones, joined.astype(np.int32), rows.astype(np.int32)), shape=(len(words), terms))


def _keys(
    ids: Int32[np.ndarray, " tokens"],
    text: Int64[np.ndarray, " tokens"],
    shorter: Int32[np.ndarray, " tokens"] | None,
    order: int,
    size: int,
) -> Int64[np.ndarray, " tokens"]:
    """Return the number of the run of some length that begins at each token, and -2 where there is none."""
    none = np.int64(-2)
    if shorter is None:
        return np.where(ids > 1, ids.astype(np.int64), none)
    keys = np.full(len(ids), none, np.int64)
    reach = order - 1
    whole = (shorter[:-reach] >= 0) & (text[:-reach] == text[reach:]) if reach < len(ids) else np.zeros(0, bool)
    if reach < len(ids):
        whole &= shorter[1 : len(ids) - reach + 1] >= 0
        keys[:-reach] = np.where(whole, shorter[:-reach].astype(np.int64) * size + ids[reach:], none)
    return keys


def _keys_apart(
    ids: Int32[np.ndarray, " tokens"],
    text: Int64[np.ndarray, " tokens"],
    single: Int32[np.ndarray, " tokens"],
    size: int,
) -> Int64[np.ndarray, " tokens"]:
    """Return the number of each known word with the known word after the next, and -2 where there is none."""
    keys = np.full(len(ids), np.int64(-2))
    if len(ids) > 2:
        both = (single[:-2] >= 0) & (single[2:] >= 0) & (text[:-2] == text[2:])
        keys[:-2] = np.where(both, single[:-2].astype(np.int64) * size + ids[2:], np.int64(-2))
    return keys


def _frequent(
    keys: Int64[np.ndarray, " tokens"], text: Int64[np.ndarray, " tokens"], texts: int, least: int
) -> Int64[np.ndarray, " terms"]:
    """Return the numbers that are in so many texts at least, in order."""
    there = keys >= 0
    keys, text = keys[there], text[there]
    if len(keys) and int(keys.max()) < 2**62 // max(texts, 1):
        # One sort of one number finds each run in each text once.
        both = np.sort(keys * texts + text)
        ordered = both[_firsts(both)] // texts
    else:
        order = np.lexsort((text, keys))
        keys, text = keys[order], text[order]
        ordered = keys[_firsts(keys) | _firsts(text)]
    starts = np.flatnonzero(_firsts(ordered))
    counts = np.diff(np.append(starts, len(ordered)))
    return ordered[starts[counts >= least]]


def _firsts(ordered: np.ndarray) -> np.ndarray:
    """Say where another value begins."""
    first = np.ones(len(ordered), bool)
    first[1:] = ordered[1:] != ordered[:-1]
    return first
