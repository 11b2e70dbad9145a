"""Texts outside of the training part that are training texts with small changes.

What differs in blanks, signs and case alone is found by what is left without these. What differs in a few words is found by
samples: of all stretches of 32 letters in a text, those whose hash begins with six zeros, whatever text they are in (U. Manber,
Finding Similar Files in a Large File System, 1994). A text of which half of the samples are in training texts is a copy.
"""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt64

from gatewise.datasets.text.corpus import Corpus
from gatewise.datasets.text.texts import Texts

_DROPPED = bytes(code for code in range(128) if not chr(code).isalnum())
_NUMBERS = 4
_STRETCH = 8 * _NUMBERS
_SAMPLED_BITS = np.uint64(6)
_FEWEST_SAMPLES = 4
_SHARE = 0.5
# Bytes that are looked at together.
_BLOCK = 1 << 20
# An odd number with half of its bits set (xxHash).
_FACTOR = np.uint64(0xC2B2AE3D27D4EB4F)


class _Samples(NamedTuple):
    """Stretches of texts.

    Attributes:
        hashes: The hash of each, ``(samples,)``.
        texts: Which text it is in, ``(samples,)``.
    """

    hashes: UInt64[np.ndarray, " samples"]
    texts: Int64[np.ndarray, " samples"]


def near_copies(corpus: Corpus) -> int:
    """Return how many texts of the validation and test part are nearly, and not word for word, training texts."""
    if corpus.split is None or not (corpus.split > 0).any() or not (corpus.split == 0).any():
        return 0
    inside = corpus.texts.select(np.flatnonzero(corpus.split == 0))
    outside = corpus.texts.select(np.flatnonzero(corpus.split > 0))
    known = set(inside.fingerprints())
    equal = np.array([text in known for text in outside.fingerprints()])
    known = {_digest(text) for text in _stripped(inside)}
    # A text without letters and digits is no copy of another.
    alike = np.array([bool(text) and _digest(text) in known for text in _stripped(outside)])
    samples = _sampled(outside)
    there = np.isin(samples.hashes, np.unique(_sampled(inside).hashes))
    every, found = (np.bincount(samples.texts[kept], minlength=len(outside)) for kept in (slice(None), there))
    alike |= (every >= _FEWEST_SAMPLES) & (found >= _SHARE * every)
    return int((alike & ~equal).sum())


def _stripped(texts: Texts) -> Iterator[bytes]:
    """Go through texts without blanks, signs and case."""
    return (text.lower().translate(None, _DROPPED) for text in texts.raw())


def _digest(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=16).digest()


def _sampled(texts: Texts) -> _Samples:
    parts: list[_Samples] = []
    block: list[bytes] = []
    first = size = 0
    for text in _stripped(texts):
        block.append(text)
        size += len(text)
        if size > _BLOCK:
            parts.append(_of_block(block, first))
            first, block, size = first + len(block), [], 0
    parts.append(_of_block(block, first))
    return _Samples(*(np.concatenate([part[place] for part in parts]) for place in range(2)))


def _of_block(block: list[bytes], first: int) -> _Samples:
    joined = b"".join(block) + bytes(_STRETCH)
    numbers = np.ndarray((len(joined) - 7,), "<u8", joined, strides=(1,))
    places = len(joined) - _STRETCH
    mixed = np.zeros(places, np.uint64)
    for step in range(_NUMBERS):
        mixed = (mixed ^ (mixed >> np.uint64(29)) ^ numbers[8 * step : 8 * step + places]) * _FACTOR
    starts = np.flatnonzero(mixed >> (np.uint64(64) - _SAMPLED_BITS) == 0)
    ends = np.cumsum([len(text) for text in block])
    text = np.searchsorted(ends, starts, side="right")
    # A stretch that begins in one text and ends in the next is in neither.
    whole = np.flatnonzero(starts + _STRETCH <= np.append(ends, 0)[text])
    return _Samples(mixed[starts[whole]], text[whole] + first)
