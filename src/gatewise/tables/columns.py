"""One column of numbers out of a table, in the order of its rows: every cell has to be one, whatever stands beside it."""

import os
from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from gatewise.errors import DataError
from gatewise.tables.cells import numbers
from gatewise.tables.form import Fix, TableFormat, checked_fixes, checked_format, count, quoted
from gatewise.tables.reading import open_sheet
from gatewise.tables.unfolding import Sheet


class ValueColumn(NamedTuple):
    """A column of numbers.

    Attributes:
        name: The column's name from the header, or ``column 2`` (counted from 1) where there is no header.
        values: The numbers, ``(time,)``.
    """

    name: str
    values: Float64[np.ndarray, " time"]


def read_values(
    path: str | os.PathLike[str],
    column: str | None = None,
    fix: Fix | Iterable[Fix] = (),
    format: TableFormat | None = None,
) -> ValueColumn:
    """Read one column of numbers from a table, in the order of its rows.

    Unlike `read_series` this asks for no times, and takes no missing value.

    Args:
        path: A CSV, Parquet or .xlsx file, or ``"-"`` for standard input.
        column: Name of the column, or its number counted from 1. May be left out where only one column holds numbers.
        fix: What may be mended: ``"footer"`` and ``"comments"``; see `read_series`.
        format: How the table is written, where it does not show; see `TableFormat`.

    Returns:
        The column's name and its values ``(time,)``.

    Raises:
        UsageError: An option cannot be meant.
        DataError: The file cannot be read, has no such column or more than one to choose from, or a row or cell of it is
            not what the others are.
    """
    with ExitStack() as closing:
        sheet = open_sheet(path, checked_format(format), checked_fixes(fix), closing)
        place = _choose(sheet, column)
        parts: list[np.ndarray] = []
        seen = 0
        for block in sheet.blocks({place: "number"}):
            parts.append(numbers(block[place], sheet.dialect.style, partial(_where, sheet, place, seen)))
            seen += len(block)
    values = np.concatenate(parts)
    for row in np.flatnonzero(np.isnan(values))[:1]:
        raise DataError(f"{sheet.where(int(row), place)} is empty: fill in the missing value or delete the row.")
    return ValueColumn(sheet.dialect.names[place], values)


def _where(sheet: Sheet, column: int, seen: int, row: int) -> str:
    return sheet.where(seen + row, column)


def _choose(sheet: Sheet, column: str | None) -> int:
    """Return the place of the column of values."""
    names, kinds = sheet.dialect.names, sheet.dialect.kinds
    if column is not None:
        return _named(sheet, column)
    numeric = [place for place, kind in enumerate(kinds) if kind == "number"]
    if len(numeric) == 1:
        return numeric[0]
    if not numeric:
        raise DataError(f"{sheet.name} has no column of numbers among {quoted(names)}: give a file with one.")
    last = names[numeric[-1]]
    raise DataError(
        f"{sheet.name} has {count(len(numeric), 'column')} of numbers, {quoted(names[place] for place in numeric)}: choose "
        f"one with column={last!r}."
    )


def _named(sheet: Sheet, column: str) -> int:
    names = sheet.dialect.names
    if column in names:
        return names.index(column)
    if column.isascii() and column.isdigit() and 1 <= int(column) <= len(names):
        return int(column) - 1
    raise DataError(f"{sheet.name} has no column {column!r}; it has {quoted(names)}: choose one of them.")
