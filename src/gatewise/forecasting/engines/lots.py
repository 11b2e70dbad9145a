"""Lots: which series are the sample that all learn from, and which block each is in, by nothing but their names and a seed.

The lot of a series is a hash of its name. The sample are the series with the least lots, so that it is found in one pass
over the names in any order, and the least lot outside of it says how many series there are: of ``n`` evenly spread numbers
between 0 and 1 the ``k + 1``-th is about ``k / n`` (Bar-Yossef and others 2002, "Counting distinct elements in a data
stream").
"""

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int64

# Lots are whole numbers from 0 to this, without it.
MOST = 2**63
# Series in a block, on average.
SERIES_IN_A_BLOCK = 448


def lots_of(names: Iterable[Any], seed: int) -> Int64[np.ndarray, " series"]:
    """Return the lot of each series.

    Args:
        names: Of the series, texts or whole numbers.
        seed: Of all randomness.

    >>> lots_of(["a", "b", "a"], seed=0) % 1000
    array([ 94, 883,  94])
    """
    start = hashlib.blake2b(f"{seed}/".encode(), digest_size=8)
    lots = []
    for name in names:
        lot = start.copy()
        lot.update(str(name).encode())
        lots.append(int.from_bytes(lot.digest(), "little") >> 1)
    return np.array(lots, np.int64)


def least(lots: Int64[np.ndarray, " lots"], count: int) -> Int64[np.ndarray, " least"]:
    """Return the least lots, each once."""
    return np.unique(lots)[:count]


@dataclass(frozen=True)
class Draw:
    """What lots decide.

    Attributes:
        first_outside: Series with a smaller lot are the sample.
        blocks: How many blocks there are.
        rows: More series than nearly every block has, so that programs which are compiled for so many fit all of them.
    """

    first_outside: int
    blocks: int
    rows: int = 0

    @classmethod
    def of(cls, lots: Int64[np.ndarray, " lots"], sample: int) -> "Draw":
        """Draw a sample and count blocks.

        Args:
            lots: The least of all series, ``sample + 1`` of them where there are so many.
            sample: How many series the sample has at most.
        """
        known = least(lots, sample + 1)
        if len(known) <= sample:
            first_outside, series = MOST, float(len(known))
        else:
            first_outside = int(known[sample])
            series = sample * MOST / first_outside
        mean = SERIES_IN_A_BLOCK
        # By chance a block has more or less than the mean by about its root: one of a thousand by more than three of these.
        rows = math.ceil((mean + 3 * math.sqrt(mean)) / 8) * 8
        return cls(first_outside, max(round(series / mean), 1), rows)

    def in_sample(self, lots: Int64[np.ndarray, " series"]) -> Any:
        """Return which series are in the sample."""
        return lots < self.first_outside if self.first_outside < MOST else np.ones(len(lots), bool)

    def block_of(self, lots: Int64[np.ndarray, " series"]) -> Int64[np.ndarray, " series"]:
        """Return the block that each series is in, from 0."""
        # 53 bits are what a float holds.
        return ((lots >> 10) / 2.0**53 * self.blocks).astype(np.int64)
