"""Rows with what is known in advance, put behind the series of a table."""

from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float64

from gatewise.errors import DataError, UsageError
from gatewise.forecasting.clocks import on_the_clock_of, utc_of
from gatewise.forecasting.extension import laid, listed, offsets_of, order_of, places_of, shown, steps_after
from gatewise.tables import SeriesTable, read_series
from gatewise.tables.form import quoted
from gatewise.tables.reading import open_sheet


def with_future(table: SeriesTable, rows: Any) -> SeriesTable:
    """Return a table that knows more in advance.

    Args:
        table: The series.
        rows: A table with the series, times, and the columns that are known in advance, or anything that
            `gatewise.read_series` takes; values are not needed. Times up to the last value of a series have no part in it. Of
            a single covariate of a single series, a list.

    Raises:
        UsageError: Nothing is known in advance of these series.
        DataError: Columns or series that are not there, or times between the steps of the series.
    """
    names = table.future.names
    if not names:
        raise UsageError(
            "Rows with what is known in advance were given, and the series have no such covariates: leave them out, or name "
            "the columns."
        )
    more, known = _read(table, rows)
    more = on_the_clock_of(table, more)
    places = places_of(table, more)
    begin, fits = steps_after(table, more, places)
    if not fits.all():
        place = int(np.flatnonzero(~fits)[0])
        first = shown(more.starts[place], more.zone)
        raise DataError(
            f"The rows in advance of series {more.ids[place]!r} begin at {first}, which is no step after "
            f"{shown(table.ends[places[place]], table.zone)}, its last value: give its own times."
        )
    count = np.diff(table.ahead_offsets)
    lengths = more.lengths + np.diff(more.ahead_offsets)
    reach = count.copy()
    np.maximum.at(reach, places, begin + lengths)
    offsets = offsets_of(reach)
    ahead = np.full((offsets[-1], len(names)), np.nan)
    ahead[laid(offsets[:-1], table.ahead_offsets)] = table.ahead
    at = laid(offsets[:-1][places] + begin, offsets_of(lengths))
    after = np.arange(len(at)) - np.repeat(offsets_of(lengths)[:-1], lengths) + np.repeat(begin, lengths) >= 0
    ahead[at[after]] = known[after]
    return replace(table, ahead=ahead, ahead_offsets=offsets)


def _read(table: SeriesTable, rows: Any) -> tuple[SeriesTable, Float64[np.ndarray, "rows features"]]:
    """Return rows as a table whose first covariate stands for the values, and all of them."""
    names = table.future.names
    if isinstance(rows, SeriesTable):
        order = order_of(rows.future.names, names)
        return rows, _interleaved(rows)[:, order]
    if listed(rows):
        if len(names) > 1:
            raise DataError(f"A list holds one covariate, and {quoted(names)} are known in advance: give a table.")
        more = read_series(rows)
        return more, more.values[:, None]
    columns = _columns_of(rows)
    given: dict[str, Any] = {
        role: name for role, name in zip(("id_col", "time_col"), table.columns, strict=False) if name in columns
    }
    missing = [name for name in names if name not in columns]
    if missing:
        raise DataError(
            f"The rows in advance have no column {missing[0]!r}; they have {quoted(columns)}: add it, since the forecaster was "
            "fitted with it."
        )
    freq = table.freq if "time_col" in given or table.starts.dtype.kind == "i" else None
    others = {"covariates": {"past": names[1:]}} if len(names) > 1 else {}
    given["fix"] = utc_of(table)
    more = read_series(rows, target_col=names[0], freq=freq, **given, **others)  # type: ignore[arg-type]
    beside = more.past.values if others else np.zeros((len(more.values), 0))
    return more, np.concatenate([more.values[:, None], beside], axis=1)


def _columns_of(rows: Any) -> list[str]:
    with ExitStack() as closing:
        return [str(name) for name in open_sheet(rows, {}, frozenset(), closing).dialect.names]


def _interleaved(rows: SeriesTable) -> Float64[np.ndarray, "rows features"]:
    """Return what a table says up to the last value of each series and after it, series by series."""
    lengths = rows.lengths
    offsets = offsets_of(lengths + np.diff(rows.ahead_offsets))
    whole = np.empty((offsets[-1], len(rows.future.names)))
    whole[laid(offsets[:-1], rows.offsets)] = rows.future.values
    whole[laid(offsets[:-1] + lengths, rows.ahead_offsets)] = rows.ahead
    return whole
