"""Many texts in one block of memory.

A Python string of which a single character is an emoji takes four bytes for each of its characters, and every string
has 50 bytes of its own. A corpus keeps the UTF-8 bytes of all texts in one block instead, and makes a string of a text
when it is asked for. Some of the texts, a part of a corpus, share that block.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np
from jaxtyping import Int64

from gatewise.datasets.text.wording import short
from gatewise.errors import DataError, UsageError


class Texts(Sequence[str]):
    """An unchangeable sequence of texts, kept as UTF-8.

    >>> texts = Texts.of(["not bad", "é 👍"])
    >>> len(texts), texts[1], texts.select([1])[0], texts.nbytes
    (2, 'é 👍', 'é 👍', 14)
    """

    __slots__ = ("_block", "_ends", "_starts")

    def __init__(
        self,
        block: bytes,
        ends: Int64[np.ndarray, " samples"],
        starts: Int64[np.ndarray, " samples"] | None = None,
    ) -> None:
        self._block = block
        self._ends = ends
        # Without starts the texts lie one after another.
        self._starts = np.concatenate([np.zeros(1, np.int64), ends])[:-1] if starts is None else starts

    @classmethod
    def of(cls, texts: Iterable[str], name: str = "texts") -> "Texts":
        """Gather texts.

        Args:
            texts: The texts.
            name: What to call them in an error.

        Raises:
            UsageError: Something among them is not a str.
            DataError: A text holds half a surrogate pair, which no file can hold.
        """
        if isinstance(texts, cls):
            return texts
        if isinstance(texts, str):
            raise UsageError(f"{name} is one string, {short(texts)}: give a list of texts.")
        block = bytearray()
        ends = []
        for position, text in enumerate(texts):
            if not isinstance(text, str):
                raise UsageError(f"{name}[{position}] is {short(text)}, which is not a str: give a list of texts.")
            try:
                block += text.encode("utf-8")
            except UnicodeEncodeError as error:
                raise DataError(
                    f"{name}[{position}] holds half a surrogate pair at character {error.start}, which is no text: "
                    "remove it."
                ) from None
            ends.append(len(block))
        return cls(bytes(block), np.array(ends, np.int64))

    @property
    def nbytes(self) -> int:
        """How many bytes the texts take."""
        return int((self._ends - self._starts).sum())

    def select(self, rows: Sequence[int] | np.ndarray) -> "Texts":
        """Return the texts at some positions, in that order."""
        positions = np.asarray(rows, np.int64)
        return Texts(self._block, self._ends[positions], self._starts[positions])

    def packed(self) -> tuple[bytes, Int64[np.ndarray, " samples"]]:
        """Return the UTF-8 of all texts one after another, and where each ends: the arguments of this class."""
        return b"".join(self.raw()), np.cumsum(self._ends - self._starts)

    def raw(self) -> Iterator[bytes]:
        """Go through the texts as UTF-8."""
        for start, end in zip(self._starts.tolist(), self._ends.tolist(), strict=True):
            yield self._block[start:end]

    def fingerprints(self) -> Iterator[bytes]:
        """Go through 16 bytes for each text, the same for equal texts only: so that a set of them is small."""
        return (hashlib.blake2b(text, digest_size=16).digest() for text in self.raw())

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> "Texts": ...
    def __getitem__(self, index: int | slice) -> "str | Texts":
        if isinstance(index, slice):
            return self.select(np.arange(len(self))[index])
        position = range(len(self))[index]
        return self._block[int(self._starts[position]) : int(self._ends[position])].decode("utf-8")

    def __iter__(self) -> Iterator[str]:
        return (piece.decode("utf-8") for piece in self.raw())

    def __len__(self) -> int:
        return len(self._ends)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Texts):
            return NotImplemented
        return len(self) == len(other) and all(one == two for one, two in zip(self.raw(), other.raw(), strict=True))

    def __hash__(self) -> int:
        return hash(tuple(self.fingerprints()))

    def __repr__(self) -> str:
        return f"<{len(self)} texts, {self.nbytes / 1e6:.1f} MB>"
