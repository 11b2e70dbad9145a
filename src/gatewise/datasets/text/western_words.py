"""Western texts to token numbers, many texts at a time: what `tokenize` and a dict give, several times quicker.

That is for texts in which each character is a byte of the code page 1252: ASCII, the letters and signs of western Europe.
No string is made of a token. Where tokens begin and end is seen from the kinds of neighbouring characters, in whole
arrays of bytes, and a token is looked up by its bytes, eight of which are a number: a word of up to 24 letters is three
numbers. They are mixed to one for a hash table, and then compared, so that no other word is ever taken for it.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, Int64, UInt64

from gatewise.datasets.text.number_table import Table
from gatewise.datasets.text.sequences import Sequences
from gatewise.datasets.text.tokens import composed, tokenize

_CODE = "cp1252"
_BREAK = re.compile(rb"<br[\t-\r\x1c-\x20\xa0]*/?>", re.IGNORECASE)
# A byte that is no character of the code page, between texts.
_BETWEEN = 0x81
_BLANK, _WORD, _SIGN = 0, 1, 2
_APOSTROPHE = ord("'")
_BYTES = 8
_NUMBERS = 3
_LONGEST = _BYTES * _NUMBERS
# Odd numbers with half of their bits set (xxHash).
_FACTORS = np.array([0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)
# The first n bytes of a number.
_FIRST = np.array([(1 << 8 * n) - 1 for n in range(_BYTES)] + [2**64 - 1], np.uint64)


@cache
def _kinds() -> np.ndarray:
    """Return what `tokenize` makes of each byte between two letters."""
    kinds = np.zeros(256, np.uint8)
    for code in range(256):
        character = bytes([code]).decode(_CODE, "replace")
        kinds[code] = (_WORD, _BLANK, _SIGN)[len(tokenize(f"a{character}a")) - 1]
    kinds[_APOSTROPHE] = _SIGN
    kinds[[byte for byte in range(256) if bytes([byte]).decode(_CODE, "ignore") == ""]] = _BLANK
    return kinds


def as_western(text: str) -> bytes | None:
    """Return a text in lower case with a byte for each character; None where it has others."""
    if text.isascii():
        return text.encode("ascii")
    try:
        return composed(text).encode(_CODE)
    except UnicodeEncodeError:
        return None


class _Tokens(NamedTuple):
    """Where the tokens of a block are.

    Attributes:
        block: The block, in lower case, with room to read beyond its end.
        starts: Where each token begins, ``(tokens,)``.
        sizes: Of how many bytes it is, ``(tokens,)``.
        lengths: How many tokens each text has, ``(samples,)``.
    """

    block: np.ndarray
    starts: Int64[np.ndarray, " tokens"]
    sizes: Int64[np.ndarray, " tokens"]
    lengths: Int64[np.ndarray, " samples"]


class WesternWords:
    """The numbers of the words of a vocabulary.

    Args:
        words: The words; those with other characters cannot be in such a text.
        first: The number of the first word; the next has the next one.
        unknown: The number of a token that is none of them.
    """

    def __init__(self, words: Sequence[str], first: int, unknown: int) -> None:
        self.unknown = unknown
        found = [(as_western(word), first + place) for place, word in enumerate(words)]
        numbered = [(word, number) for word, number in found if word is not None]
        self.long = {word: number for word, number in numbered if len(word) > _LONGEST}
        short = [pair for pair in numbered if len(pair[0]) <= _LONGEST]
        packed = b"".join(word.ljust(_LONGEST, b"\0") for word, _ in short)
        self.keys = np.frombuffer(packed, "<u8").reshape(-1, _NUMBERS)
        self.numbers = np.array([number for _, number in short], np.int32)
        self.table = Table(_mixed(self.keys))

    def encode(self, texts: Sequence[bytes]) -> Sequences:
        """Return the numbers of the tokens of texts that `as_western` returned."""
        tokens = _cut(texts)
        windows = np.ndarray((len(tokens.block) - _BYTES + 1,), "<u8", tokens.block, strides=(1,))
        keys = np.zeros((len(tokens.starts), _NUMBERS), np.uint64)
        keys[:, 0] = windows[tokens.starts] & _FIRST[np.minimum(tokens.sizes, _BYTES)]
        rows = np.flatnonzero(tokens.sizes > _BYTES)
        for part in range(1, _NUMBERS):
            starts, sizes = tokens.starts[rows] + _BYTES * part, tokens.sizes[rows] - _BYTES * part
            keys[rows, part] = windows[starts] & _FIRST[np.clip(sizes, 0, _BYTES)]
        found = self.table.find(_mixed(keys))
        there = np.flatnonzero((found >= 0) & (tokens.sizes <= _LONGEST))
        # Another word may be mixed to the same number.
        there = there[(self.keys[found[there]] == keys[there]).all(axis=1)]
        ids: Int32[np.ndarray, " tokens"] = np.full(len(found), self.unknown, np.int32)
        ids[there] = self.numbers[found[there]]
        for row in rows[tokens.sizes[rows] > _LONGEST].tolist() if self.long else ():
            start = int(tokens.starts[row])
            token = tokens.block[start : start + int(tokens.sizes[row])].tobytes()
            ids[row] = self.long.get(token, self.unknown)
        return Sequences(ids, tokens.lengths)


def _cut(texts: Sequence[bytes]) -> _Tokens:
    """Find the tokens: runs of letters and digits with apostrophes inside, and single signs."""
    between = bytes([_BETWEEN])
    joined = between + b"".join(text + between for text in texts)
    if b"<" in joined:
        joined = _BREAK.sub(b" ", joined)
    block = np.frombuffer(joined.lower() + bytes(_LONGEST + _BYTES), np.uint8)
    kinds = _kinds()[block]
    word = kinds == _WORD
    marks = np.flatnonzero(block == _APOSTROPHE)
    inside = marks[word[marks - 1] & word[marks + 1]]
    word[inside] = True
    sign = kinds == _SIGN
    sign[inside] = False
    begins, ends = word.copy(), word.copy()
    begins[1:] &= ~word[:-1]
    ends[:-1] &= ~word[1:]
    starts = np.flatnonzero(begins | sign)
    sizes = np.flatnonzero(ends | sign) - starts + 1
    bounds = np.searchsorted(starts, np.flatnonzero(block == _BETWEEN))
    return _Tokens(block, starts, sizes, np.diff(bounds))


def _mixed(keys: UInt64[np.ndarray, "tokens parts"]) -> Int64[np.ndarray, " tokens"]:
    """Return one number from 0 on for each row of numbers."""
    mixed: UInt64[np.ndarray, " tokens"] = keys[:, 0] * _FACTORS[0]
    for part in range(1, keys.shape[1]):
        mixed ^= (keys[:, part] + (mixed >> np.uint64(29))) * _FACTORS[part]
    return (mixed >> np.uint64(1)).astype(np.int64)
