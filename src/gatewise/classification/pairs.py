"""Pairs of neighbouring words as numbers: "not good" is not "good"."""

import numpy as np
from jaxtyping import Int32

from gatewise.datasets import Sequences

# Odd numbers with half of their bits set, spread over the word (those of xxHash and of the golden ratio).
_FACTORS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], np.uint64)


def pairs_of(words: Sequences, buckets: int) -> Sequences:
    """Return the number of each word with the one before it, from 1 to `buckets`; 0 for the first word of a text.

    The number is ``1 + ((a·F1 + b)·F2 mod 2**64 >> 32) mod buckets``, so that several pairs may share one.

    Args:
        words: The token numbers of the texts.
        buckets: How many numbers there are for pairs.
    """
    ids = words.ids.astype(np.uint64)
    numbers: Int32[np.ndarray, " tokens"] = np.zeros(len(ids), np.int32)
    mixed = (ids[:-1] * _FACTORS[0] + ids[1:]) * _FACTORS[1]
    numbers[1:] = 1 + ((mixed >> np.uint64(32)) % np.uint64(buckets)).astype(np.int32)
    numbers[words.offsets[:-1][words.lengths > 0]] = 0
    return Sequences(numbers, words.lengths)
