"""Labelled texts: what every reader of this room returns, and what a classifier is trained on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Int8, Int32, Int64

from gatewise.datasets.text.texts import Texts
from gatewise.errors import UsageError
from gatewise.tables.form import count

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = get_args(Part)


@dataclass(frozen=True, eq=False, repr=False)
class Corpus:
    """Labelled texts.

    Attributes:
        texts: The texts, ``(samples,)``.
        labels: The position of each text's class in `classes`, ``(samples,)``; or, where a text may have several,
            which classes it has, ``(samples, classes)``.
        classes: The names of the classes, in order: numbers by value, other names by alphabet.
        groups: Texts with the same number belong together (films, authors), ``(samples,)``, or None.
        split: To which part each text belongs, as its position in ``("train", "validation", "test")``, ``(samples,)``;
            or None, where there is only one part.
        notes: What was understood, found out and left out while reading, a sentence each.
        rows: The row that each text had where it was read, from 1, rows without a text counted and a header not,
            ``(samples,)``; or None, where every row had a text.
    """

    texts: Texts
    labels: Int32[np.ndarray, " samples"] | Bool[np.ndarray, "samples classes"]
    classes: tuple[str, ...]
    groups: Int32[np.ndarray, " samples"] | None = None
    split: Int8[np.ndarray, " samples"] | None = None
    notes: tuple[str, ...] = ()
    rows: Int64[np.ndarray, " samples"] | None = None

    @property
    def multi_label(self) -> bool:
        """Whether a text may have several classes, or none."""
        return self.labels.ndim == 2

    @property
    def train(self) -> "Corpus":
        """The training part; everything, where the corpus has only one part."""
        return self if self.split is None else self.part("train")

    @property
    def validation(self) -> "Corpus":
        """The part for choosing between models."""
        return self.part("validation")

    @property
    def test(self) -> "Corpus":
        """The part for the final figure."""
        return self.part("test")

    def part(self, name: Part) -> "Corpus":
        """Return one part as a corpus of its own.

        Raises:
            UsageError: There is no such part.
        """
        if name not in PARTS:
            raise UsageError(f"The part is {name!r}: give 'train', 'validation' or 'test'.")
        rows = np.flatnonzero(self.split == PARTS.index(name)) if self.split is not None else np.zeros(0, np.int64)
        if not len(rows):
            raise UsageError(
                f"This corpus has no {name} part: make one with gw.datasets.split_corpus(corpus, {name}=0.2)."
            )
        return self.select(rows)

    def select(self, rows: Sequence[int] | np.ndarray) -> "Corpus":
        """Return the texts at some positions, in that order, as a corpus of one part."""
        positions = np.asarray(rows, np.int64)
        groups = None if self.groups is None else self.groups[positions]
        texts, labels = self.texts.select(positions), self.labels[positions]
        return replace(self, texts=texts, labels=labels, groups=groups, split=None, rows=self.named_rows[positions])

    @property
    def named_rows(self) -> Int64[np.ndarray, " samples"]:
        """The row by which each text is named, ``(samples,)``: `rows`, or its position from 1."""
        return np.arange(1, len(self.texts) + 1) if self.rows is None else self.rows

    def counts(self) -> dict[str, int]:
        """Return how many texts each class has."""
        one_each = None if self.multi_label else np.bincount(self.labels, minlength=len(self.classes))
        sums = self.labels.sum(axis=0) if one_each is None else one_each
        return dict(zip(self.classes, sums.tolist(), strict=True))

    def __len__(self) -> int:
        return len(self.texts)

    def __repr__(self) -> str:
        classes = count(len(self.classes), "class", "classes")
        parts = ""
        if self.split is not None:
            sizes = np.bincount(self.split, minlength=len(PARTS)).tolist()
            parts = ": " + ", ".join(f"{size:,} {name}" for name, size in zip(PARTS, sizes, strict=True) if size)
        return f"<Corpus of {count(len(self), 'text')} in {classes}{parts}>"
