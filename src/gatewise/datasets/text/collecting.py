"""Texts, labels, groups and parts out of the columns of a table, row by row; what is no text is refused with its place."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int8, Int32, Int64

from gatewise.datasets.text.corpus import PARTS
from gatewise.datasets.text.folders import PART_NAMES
from gatewise.datasets.text.frames import is_missing
from gatewise.datasets.text.labels import label_name, read_labels
from gatewise.datasets.text.table import Roles, Table
from gatewise.datasets.text.texts import Texts
from gatewise.datasets.text.wording import short
from gatewise.errors import DataError
from gatewise.tables.form import count

LONGEST_TEXT = 1_000_000


class Collected(NamedTuple):
    """What the rows of a table hold, those with a text.

    Attributes:
        table: The table, notes added.
        roles: Which of its columns holds what.
        texts: The texts, ``(samples,)``.
        labels: The names of each text's classes, ``(samples,)``.
        groups: The name of each text's group, ``(samples,)``, or None.
        parts: The part of each text, ``(samples,)``.
        has_parts: Whether the table says the parts.
        places: Where each text is, ``(samples,)``.
        rows: The row of each text, from 1, those without a text counted, ``(samples,)``.
    """

    table: Table
    roles: Roles
    texts: Texts
    labels: list[tuple[str, ...]]
    groups: list[str] | None
    parts: Int8[np.ndarray, " samples"]
    has_parts: bool
    places: list[Any]
    rows: Int64[np.ndarray, " samples"]


def collect(table: Table, roles: Roles, separator: str | None) -> Collected:
    """Take texts and all that belongs to them out of a table, and empty the table.

    Raises:
        DataError: There is no text, or something is no text, label, group or part.
    """
    texts, kept, empty = _texts(table, roles.text)
    if empty:
        were = "was" if len(empty) == 1 else "were"
        table.notes.append(f"{count(len(empty), 'row')} without a text {were} left out ({table.several(empty)}).")
    if not kept:
        raise DataError(f"{table.name} holds no texts in column {table.columns[roles.text]!r}: give texts with labels.")
    table.rows = [table.rows[row] for row in kept]
    table.places = [table.places[row] for row in kept]
    labels = read_labels(table, roles, separator)
    groups = None if roles.group is None else _groups(table, roles.group)
    parts = np.zeros(len(kept), np.int8) if roles.split is None else _parts(table, roles.split)
    table.rows = []
    rows = np.array(kept, np.int64) + 1
    return Collected(table, roles, texts, labels, groups, parts, roles.split is not None, table.places, rows)


def numbered(names: Sequence[str]) -> Int32[np.ndarray, " samples"]:
    """Number groups in the order in which they are met."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int32)


def _texts(table: Table, column: int) -> tuple[Texts, list[int], list[Any]]:
    """Return the texts, the rows that have one, and the places of those that have none."""
    kept: list[int] = []
    empty: list[Any] = []
    long: list[Any] = []

    def checked() -> Iterator[str]:
        for row, (cells, place) in enumerate(zip(table.rows, table.places, strict=True)):
            text = cells[column]
            if is_missing(text) or (isinstance(text, str) and not text.strip()):
                empty.append(place)
                continue
            if not isinstance(text, str):
                raise DataError(
                    f"{table.where(place)} holds {short(text)} in column {table.columns[column]!r}, which is no text: name "
                    "the column of the texts, text=…, or put it in quotes."
                )
            refuse_what_no_file_holds(table, place, text)
            if len(text) > LONGEST_TEXT:
                long.append(place)
            kept.append(row)
            # One text less in the table for each one more in the corpus.
            cells[column] = None
            yield text[:LONGEST_TEXT]

    texts = Texts.of(checked())
    if long:
        were = "was" if len(long) == 1 else "were"
        table.notes.append(
            f"{count(len(long), 'text')} {were} cut after {LONGEST_TEXT:,} characters ({table.several(long)})."
        )
    return texts, kept, empty


def refuse_what_no_file_holds(table: Table, place: Any, text: str) -> None:
    """Refuse a text with characters that no text file has, however they came into the table.

    Raises:
        DataError: It holds NUL, or half a surrogate pair.
    """
    if "\0" in text:
        raise DataError(
            f"{table.where(place)} holds a NUL character in its text (character {text.index(chr(0)):,}): remove it."
        )
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise DataError(
                f"{table.where(place)} holds half a surrogate pair in its text (character {error.start:,}), which is no "
                "text: remove it."
            ) from None


def _groups(table: Table, column: int) -> list[str]:
    names = []
    for cells, place in zip(table.rows, table.places, strict=True):
        name = label_name(cells[column])
        if name is None:
            raise DataError(
                f"{table.where(place)} has no group in column {table.columns[column]!r}: fill it in, or give a text that "
                "belongs to no other a group of its own."
            )
        names.append(name)
    return names


def _parts(table: Table, column: int) -> Int8[np.ndarray, " samples"]:
    parts = []
    for cells, place in zip(table.rows, table.places, strict=True):
        name = PART_NAMES.get(str(cells[column]).strip().lower())
        if name is None:
            raise DataError(
                f"{table.where(place)} has the part {short(cells[column])} in column {table.columns[column]!r}: write "
                "'train', 'validation' or 'test'."
            )
        parts.append(PARTS.index(name))
    return np.array(parts, np.int8)
