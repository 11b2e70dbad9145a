"""What is remarkable about values that are accepted: nothing here changes one, except that empty series are left out."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from gatewise.errors import DataError
from gatewise.tables.form import count, quoted
from gatewise.tables.series_table import SeriesTable
from gatewise.tables.steps import show

# A value this many times the mean size of the others is remarked upon, in series of at least so many values.
_OUTLIER, _OUTLIER_LENGTH = 1_000.0, 10
_TINY = float(np.finfo(np.float32).tiny)
_YEAR = np.timedelta64(365, "D")


def remarked(table: SeriesTable, source: str) -> SeriesTable:
    """Return the table without series that have no value, and with notes on what is remarkable.

    Raises:
        DataError: No series has a value.
    """
    filled = np.logical_or.reduceat(table.observed, table.offsets[:-1])
    notes = list(table.notes)
    if not filled.any():
        raise DataError(f"{source} has no value in any series: give at least one.")
    if not filled.all():
        notes.append(f"Without any value, and left out: {_named(table.ids[~filled])}.")
        table = table.select(np.flatnonzero(filled))
    return replace(table, notes=(*notes, *_remarks(table)))


def _remarks(table: SeriesTable) -> Iterator[str]:
    # By what is there alone: of ten million steps it may be few.
    values = table.values[table.observed]
    number = np.add.reduceat(table.observed, table.offsets[:-1], dtype=np.int64)
    starts = np.cumsum(number) - number
    high, low = np.maximum.reduceat(values, starts), np.minimum.reduceat(values, starts)
    lengths = table.lengths
    if table.frequency is None:
        yield "Every series has one value, so that the frequency is not known: name it with freq."
    elif np.any(lengths == 1):
        yield f"With one value only: {_named(table.ids[lengths == 1])}."
    longer = lengths > 1
    zero, constant = longer & (high == 0) & (low == 0), longer & (high == low)
    if zero.any():
        yield f"Nothing but zeros: {_named(table.ids[zero])}."
    if np.any(constant & ~zero):
        yield f"The same value throughout: {_named(table.ids[constant & ~zero])}."
    sizes = np.abs(values)
    largest = np.maximum.reduceat(sizes, starts)
    rest = (np.add.reduceat(sizes, starts) - largest) / np.maximum(number - 1, 1)
    outlying = (number >= _OUTLIER_LENGTH) & (largest > _OUTLIER * rest) & (rest > 0)
    if outlying.any():
        yield (
            f"One value is more than {_OUTLIER:,.0f} times as large as the others on average, perhaps a wrong one: "
            f"{_named(table.ids[outlying])}."
        )
    tiny = (largest > 0) & (largest < _TINY)
    if tiny.any():
        yield f"All values are too small for float32, in which they are 0 (below {_TINY:.1e}): {_named(table.ids[tiny])}."
    yield from _times(table)
    for explanation in (table.past, table.future):
        for name, column in zip(explanation.names, explanation.values.T, strict=True):
            if np.nanmin(column) == np.nanmax(column):
                yield f"Covariate {name!r} has the same value everywhere, so that it explains nothing."


def _times(table: SeriesTable) -> Iterator[str]:
    if table.starts.dtype.kind != "M":
        return
    latest = table.ends.max()
    if latest > np.datetime64(datetime.now(UTC).replace(tzinfo=None), "ns") + _YEAR:
        yield f"The last time, {show('datetime', int(latest.view(np.int64)))}, is more than a year from now."
    zero = np.datetime64(0, "ns")
    if (
        table.starts.min() == zero
        and len(table) > 1
        and np.median(table.starts.view(np.int64)) > _YEAR.astype("m8[ns]").astype(int)
    ):
        yield f"Begins at 1970-01-01, perhaps a date that is not known: {_named(table.ids[table.starts == zero])}."


def _named(ids: np.ndarray) -> str:
    names: list[Any] = ids.tolist()
    return f"{count(len(names), 'series', 'series')} ({quoted(names, 3)})"
