"""Which runs of one, two and three words are in a text: token numbers to the rows of a sparse matrix.

A run is known by the run without its last word and by that word, so that each order is looked up in a table of one
number a run, and a run is only looked for where the two shorter runs that it is made of are known.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Int32, Int64

from gatewise.datasets import Sequences

_EMPTY = -1
# An odd number with half of its bits set, spread over the word (that of the golden ratio).
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


class Table:
    """Numbers to their positions, by a hash table in three arrays: a hundred million look-ups take seconds."""

    def __init__(self, keys: Int64[np.ndarray, " terms"]) -> None:
        bits = max(int(2 * len(keys)).bit_length(), 4)
        self._shift = np.uint64(64 - bits)
        self._mask = (1 << bits) - 1
        self._keys = np.full(1 << bits, _EMPTY, np.int64)
        self._values = np.full(1 << bits, _EMPTY, np.int32)
        waiting = np.arange(len(keys))
        place = self._places(keys)
        while len(waiting):
            free = self._keys[place] == _EMPTY
            # Of several that want one place the last one gets it; the others look again.
            self._keys[place[free]] = keys[waiting[free]]
            settled = self._keys[place] == keys[waiting]
            self._values[place[settled]] = waiting[settled]
            waiting, place = waiting[~settled], (place[~settled] + 1) & self._mask

    def find(self, keys: Int64[np.ndarray, " tokens"]) -> Int32[np.ndarray, " tokens"]:
        """Return the position of each number, -1 where it is not in the table."""
        place = self._places(keys)
        found = self._keys[place]
        result = np.where(found == keys, self._values[place], np.int32(_EMPTY))
        waiting = np.flatnonzero((found != keys) & (found != _EMPTY))
        while len(waiting):
            place = (place[waiting] if len(place) == len(keys) else place) + 1 & self._mask
            found = self._keys[place]
            same = found == keys[waiting]
            result[waiting[same]] = self._values[place[same]]
            on = ~same & (found != _EMPTY)
            waiting, place = waiting[on], place[on]
        return result

    def _places(self, keys: Int64[np.ndarray, " tokens"]) -> Int64[np.ndarray, " tokens"]:
        return ((keys.astype(np.uint64) * _FACTOR) >> self._shift).astype(np.int64)


@dataclass(frozen=True, eq=False)
class NGrams:
    """The runs of words that a model knows.

    Attributes:
        size: How many numbers words have.
        orders: For each length of a run, from 1: the numbers of its runs, ``(terms,)``. Run k of the first order is word
            ``orders[0][k]``; of order n, the run ``key // size`` of order n - 1 with the word ``key % size`` behind it.
    """

    size: int
    orders: tuple[Int64[np.ndarray, " terms"], ...]

    @classmethod
    def of(cls, words: Sequences, size: int, longest: int = 3, min_texts: int = 2) -> "NGrams":
        """Find the runs of the training texts.

        Args:
            words: Their token numbers; 1, the unknown word, is in no run.
            size: How many numbers words have.
            longest: Words of the longest runs.
            min_texts: In how many texts a run has to be to be known.
        """
        text = np.repeat(np.arange(len(words)), words.lengths)
        orders: list[np.ndarray] = []
        found = None
        for order in range(1, longest + 1):
            keys = _keys(words.ids, text, found, order, size)
            orders.append(_frequent(keys, text, len(words), min_texts))
            if not len(orders[-1]):
                break
            found = Table(orders[-1]).find(keys)
        return cls(size, tuple(orders))

    @property
    def terms(self) -> int:
        """How many runs are known: the columns of the matrix."""
        return sum(map(len, self.orders))

    @cached_property
    def _tables(self) -> list[Table]:
        return [Table(keys) for keys in self.orders]

    def columns(self, words: Sequences) -> list[Int32[np.ndarray, " tokens"]]:
        """Return for each order the column of the run that begins at each token, -1 where none is known."""
        text = np.repeat(np.arange(len(words)), words.lengths)
        found, before, result = None, 0, []
        for order, table in enumerate(self._tables, 1):
            found = table.find(_keys(words.ids, text, found, order, self.size))
            result.append(np.where(found >= 0, found + np.int32(before), np.int32(_EMPTY)))
            before += len(self.orders[order - 1])
        return result

    def matrix(self, words: Sequences) -> Any:
        """Return which runs are in which text, a ``csr_array`` of ones ``(samples, terms)``."""
        from scipy import sparse

        text = np.repeat(np.arange(len(words), dtype=np.int64), words.lengths)
        cells = [text[found >= 0] * self.terms + found[found >= 0] for found in self.columns(words)]
        joined = np.sort(np.concatenate(cells)) if cells else np.zeros(0, np.int64)
        joined = joined[_firsts(joined)]
        rows = np.searchsorted(joined, np.arange(len(words) + 1) * self.terms)
        ones = np.ones(len(joined), np.float32)
        columns = (joined % max(self.terms, 1)).astype(np.int32)
        return sparse.csr_array((ones, columns, rows.astype(np.int32)), shape=(len(words), self.terms))


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
