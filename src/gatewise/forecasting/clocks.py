"""Rows that came later, or that say what is known in advance, put on the clock that the times of a table are shown on."""

from dataclasses import replace

import numpy as np
from jaxtyping import Shaped

from gatewise.errors import DataError
from gatewise.tables import SeriesTable
from gatewise.tables.series_table import offset_at


def on_the_clock_of(table: SeriesTable, rows: SeriesTable) -> SeriesTable:
    """Return rows with their times on the clock of a table.

    Args:
        table: The series.
        rows: Some of the same series, whose times may be those of another zone.

    Raises:
        DataError: One of the two has a zone, and the other has none, so that nothing says which times are the same.
    """
    if {table.starts.dtype.kind, rows.starts.dtype.kind} != {"M"} or table.zone is rows.zone is None:
        return rows
    if rows.zone is None:
        raise DataError(
            f"The new rows have times without an offset from UTC, and those that the forecaster was fitted with are of "
            f"{table.zone}: write them with their offset, or give a table that was read with "
            f'format={{"time_zone": "{table.zone}"}}.'
        )
    if table.zone is None:
        raise DataError(
            f"The new rows have times of {rows.zone}, and those that the forecaster was fitted with say no zone: give times "
            "without one, on the same clock."
        )
    if rows.zone == table.zone and (table.frequency is None or table.frequency.whole_days):
        return rows
    return replace(rows, starts=_shown(table, _instants(rows)), zone=table.zone)


def utc_of(table: SeriesTable) -> frozenset[str]:
    """Return what may be mended in rows for a table whose times are in UTC: different offsets from it."""
    return frozenset(["utc"] if table.zone == "UTC" else [])


def in_utc(table: SeriesTable) -> SeriesTable:
    """Return a table with times in UTC, where its steps are shorter than a day and its clock may be put forward or back."""
    if table.zone in (None, "UTC") or table.frequency is None or table.frequency.whole_days:
        return table
    return replace(table, starts=_instants(table), zone="UTC")


def stay_on_clock(table: SeriesTable, rows: SeriesTable) -> bool:
    """Return whether the clock of a table shows the times of later rows as the table counts on: it was not put on or back.

    Args:
        table: The series.
        rows: Later ones, on the clock of the table.
    """
    if table.zone is None or table.frequency is None or table.frequency.whole_days:
        return True
    reading = replace(rows, frequency=table.frequency)
    times = reading.times
    shown = replace(table, starts=table.starts[:1]).on_clock(times).dt.tz_localize(None).to_numpy()
    return bool(np.array_equal(shown.astype("datetime64[ns]"), times))


def _instants(table: SeriesTable) -> Shaped[np.ndarray, " series"]:
    """Return the starts of series in UTC."""
    import pandas as pd

    # Before they came here, times that a clock shows twice were moved to UTC.
    index = pd.DatetimeIndex(table.starts)
    zoned = index.tz_localize(table.zone, ambiguous=np.ones(len(index), bool), nonexistent="shift_forward")
    return zoned.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[ns]")


def _shown(table: SeriesTable, instants: Shaped[np.ndarray, " series"]) -> Shaped[np.ndarray, " series"]:
    """Return instants as the clock of a table counts them: days by its zone, shorter steps by the offset that it has."""
    import pandas as pd

    if table.frequency is not None and not table.frequency.whole_days:
        return instants + offset_at(table.starts[0], str(table.zone))
    local = pd.DatetimeIndex(instants).tz_localize("UTC").tz_convert(table.zone).tz_localize(None)
    return local.to_numpy().astype("datetime64[ns]")
