"""Rows that came after a table was read, put behind its series."""

from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Int64

from gatewise.errors import DataError
from gatewise.tables import SeriesTable, read_series
from gatewise.tables.form import quoted


def extended(table: SeriesTable, rows: Any) -> SeriesTable:
    """Return a table with more values behind those of its series.

    Args:
        table: The series.
        rows: Later values of some of them: a `SeriesTable`, or anything that `gatewise.read_series` takes. A list or an
            array follows the last value of a single series. Times that are left out are missing values.

    Raises:
        DataError: A series that is not in the table, or times that do not follow its last one.
    """
    more = rows if isinstance(rows, SeriesTable) else read_series(rows, freq=_frequency_for(table, rows))
    places = _places(table, more)
    gaps = _gaps(table, more, places)
    lengths = table.lengths
    added = np.zeros(len(table), np.int64)
    added[places] = gaps + more.lengths
    offsets = np.concatenate([[0], np.cumsum(lengths + added)]).astype(np.int64)
    values = np.full(offsets[-1], np.nan)
    observed = np.zeros(offsets[-1], bool)
    for source, begin in ((table, offsets[:-1]), (more, offsets[:-1][places] + lengths[places] + gaps)):
        at = np.arange(len(source.values)) + np.repeat(begin - source.offsets[:-1], source.lengths)
        values[at], observed[at] = source.values, source.observed
    return replace(table, values=values, observed=observed, offsets=offsets)


def shortened(table: SeriesTable, lengths: Int64[np.ndarray, " series"]) -> SeriesTable:
    """Return the table as it was when its series had so many values."""
    kept = np.arange(len(table.values)) - np.repeat(table.offsets[:-1], table.lengths) < np.repeat(
        lengths, table.lengths
    )
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return replace(table, values=table.values[kept], observed=table.observed[kept], offsets=offsets)


def _frequency_for(table: SeriesTable, rows: Any) -> Any:
    """Return the frequency to read rows with: that of the table, which few rows do not show by themselves."""
    listed = isinstance(rows, list | tuple | np.ndarray)
    return None if listed and table.starts.dtype.kind == "M" else table.freq


def _places(table: SeriesTable, more: SeriesTable) -> Int64[np.ndarray, " more"]:
    """Return where the series of new rows are in a table."""
    if len(table) == len(more) == 1:
        return np.zeros(1, np.int64)
    known = {name: place for place, name in enumerate(table.ids.tolist())}
    unknown = [name for name in more.ids.tolist() if name not in known]
    if unknown:
        raise DataError(
            f"The new rows have {len(unknown)} series that the forecaster was not fitted with, the first is {unknown[0]!r}; "
            f"it knows {quoted(table.ids.tolist(), 5)}: leave them out, or fit again with them."
        )
    return np.array([known[name] for name in more.ids.tolist()], np.int64)


def _gaps(table: SeriesTable, more: SeriesTable, places: Int64[np.ndarray, " more"]) -> Int64[np.ndarray, " more"]:
    """Return how many times lie between the last value of each series and its first new one."""
    ends = table.ends[places]
    if more.starts.dtype.kind != ends.dtype.kind:
        if len(table) == 1 and more.starts.dtype.kind == "i" and not more.starts[0]:
            # A list says no times: it goes on where the series ends.
            return np.zeros(1, np.int64)
        raise DataError(
            "The new rows and the series that the forecaster was fitted with do not have the same kind of times: give both "
            "dates, or both whole numbers."
        )
    if len(table) == 1 and more.starts.dtype.kind == "i" and not more.starts[0] and ends[0] >= 0:
        return np.zeros(1, np.int64)
    if table.frequency is None:
        raise DataError("The step of the series is not known, as each has one value: read them with freq.")
    frequency = table.frequency
    steps = frequency.ordinals(more.starts.view(np.int64)) - frequency.ordinals(ends.view(np.int64))
    off = np.flatnonzero((steps <= 0) | (steps % frequency.step != 0))
    if len(off):
        place = off[0]
        name, first, last = more.ids[place], _shown(more.starts[place]), _shown(ends[place])
        raise DataError(
            f"The new rows of series {name!r} begin at {first}, and its last value is of {last}: give rows from the step "
            "after that on, and each time once."
        )
    gaps: np.ndarray = steps // frequency.step - 1
    return gaps


def _shown(time: Any) -> str:
    return str(time).removesuffix("T00:00:00.000000000").removesuffix(".000000000")
