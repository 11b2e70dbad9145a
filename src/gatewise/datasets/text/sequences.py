"""Token numbers of many texts, each as long as it is, and as one matrix for a network."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Int32, Int64

from gatewise.errors import ShapeError, UsageError

End = Literal["pre", "post"]


@dataclass(frozen=True, eq=False)
class Sequences:
    """Token numbers of many texts, one after another.

    Attributes:
        ids: The numbers of all texts, ``(tokens,)``.
        lengths: How many of them belong to each text, ``(samples,)``.

    >>> sequences = Sequences.of([[1, 14, 22], [1, 2]])
    >>> [list(map(int, ids)) for ids in sequences], sequences.padded(4).tolist()
    ([[1, 14, 22], [1, 2]], [[0, 1, 14, 22], [0, 0, 1, 2]])
    """

    ids: Int32[np.ndarray, " tokens"]
    lengths: Int64[np.ndarray, " samples"]

    @classmethod
    def of(cls, sequences: Sequence[Sequence[int]]) -> "Sequences":
        """Gather lists of numbers."""
        lengths = np.fromiter((len(ids) for ids in sequences), np.int64, len(sequences))
        flat = (number for ids in sequences for number in ids)
        return cls(np.fromiter(flat, np.int32, int(lengths.sum())), lengths)

    @property
    def offsets(self) -> Int64[np.ndarray, " rows"]:
        """Where each text begins in `ids`, and at last where the last one ends, ``(samples + 1,)``."""
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(self.lengths)])

    def select(self, rows: Sequence[int] | np.ndarray) -> "Sequences":
        """Return the numbers of the texts at some positions, in that order."""
        positions = np.asarray(rows, np.int64)
        lengths = self.lengths[positions]
        within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return Sequences(self.ids[np.repeat(self.offsets[:-1][positions], lengths) + within], lengths)

    def padded(
        self, maxlen: int | None = None, padding: End = "pre", truncating: End = "pre", value: int = 0
    ) -> Int32[np.ndarray, "samples time"]:
        """Return one row for each text, all of one length: the numbers that ``keras.utils.pad_sequences`` gives.

        Args:
            maxlen: Length of the rows. Default: that of the longest text.
            padding: The end at which a shorter text is filled up.
            truncating: The end at which a longer text is cut.
            value: What it is filled up with.

        Raises:
            UsageError: An argument that cannot be meant.
        """
        time = int(self.lengths.max(initial=0)) if maxlen is None else maxlen
        if isinstance(time, bool) or not isinstance(time, int | np.integer) or time < (maxlen is not None):
            raise UsageError(f"maxlen is {maxlen!r}: give a whole number of at least 1, or None for the longest text.")
        for name, end in (("padding", padding), ("truncating", truncating)):
            if end not in get_args(End):
                raise UsageError(f"{name} is {end!r}: give 'pre' or 'post'.")
        rows = np.full((len(self), time), value, np.int32)
        kept = np.minimum(self.lengths, time)
        first = self.offsets[:-1] + (self.lengths - kept if truncating == "pre" else 0)
        column = time - kept if padding == "pre" else np.zeros_like(kept)
        for row, (start, count, place) in enumerate(zip(first.tolist(), kept.tolist(), column.tolist(), strict=True)):
            rows[row, place : place + count] = self.ids[start : start + count]
        return rows

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, row: int) -> Int32[np.ndarray, " time"]:
        position = range(len(self))[row]
        end = int(self.lengths[: position + 1].sum())
        return self.ids[end - int(self.lengths[position]) : end]

    def __iter__(self) -> Iterator[Int32[np.ndarray, " time"]]:
        return iter(np.split(self.ids, np.cumsum(self.lengths)[:-1]) if len(self) else [])

    def __post_init__(self) -> None:
        if int(self.lengths.sum()) != len(self.ids):
            raise ShapeError(
                f"The lengths add up to {int(self.lengths.sum())} and there are {len(self.ids)} numbers: give the "
                "lengths of these texts."
            )
