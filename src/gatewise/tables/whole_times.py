"""Whole numbers as points in time: counted steps, seconds since 1970, dates written 20240131, and serial numbers."""

import re

import numpy as np
from jaxtyping import Int, Int64

from gatewise.errors import DataError, UsageError
from gatewise.tables.cells import Where
from gatewise.tables.timestamps import Times

# Seconds, milliseconds … since 1970, for the years 1973 to 2261.
_EPOCHS = {"s": 10**8, "ms": 10**11, "us": 10**14, "ns": 10**17}
_UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_LAST_SECOND = 9_214_560_000
# The numbers by which spreadsheets count days, for the years 1954 to 2119.
_SERIALS = (20_000, 80_000)
_DAY_NAMES = re.compile(r"ds|date|day|datetime|timestamp", re.IGNORECASE)


def recognised(times: Times, name: str, where: Where, counted: bool) -> Times:
    """Return whole numbers as dates where they are that.

    Args:
        times: Whole numbers as they were read.
        name: The column.
        where: Names the place of a record's cell.
        counted: Whether the caller says that they count steps.

    Raises:
        DataError: Dates and other numbers mixed, or serial numbers of a spreadsheet.
    """
    values = times.values
    low, high = int(values.min()), int(values.max())
    if times.kind != "integer" or counted:
        return times
    if low >= 16_780_101 and high <= 22_611_231:
        return _written_days(times, name, where)
    for unit, first in _EPOCHS.items():
        scale = first // 10**8
        if first <= low and high < _LAST_SECOND * scale:
            found = values * (10**9 // scale)
            note = f"Column {name!r} holds {_UNITS[unit]} since 1970; times are in UTC."
            return Times("datetime", found, "UTC", [*times.notes, note])
    if _SERIALS[0] <= low and high <= _SERIALS[1] and _DAY_NAMES.fullmatch(name):
        place = int(np.argmin(values))
        raise DataError(
            f"{where(place)} is {low}, which looks like a spreadsheet's number for "
            f"{np.datetime64('1899-12-30') + low}: save dates as 2024-01-31, or give freq=1 if it counts steps."
        )
    return times


def _written_days(times: Times, name: str, where: Where) -> Times:
    year, rest = np.divmod(times.values, 10_000)
    month, day = np.divmod(rest, 100)
    months = ((year - 1970) * 12 + np.clip(month, 1, 12) - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (day - 1)
    wrong = (month < 1) | (month > 12) | (day < 1) | (days.astype("datetime64[M]") != months)
    for place in np.flatnonzero(wrong)[:1]:
        raise DataError(
            f"{where(int(place))} is {times.values[place]}, which is no date such as {_example(times.values[~wrong])}: "
            "correct it, or give freq=1 if the column counts steps."
        )
    note = f"Column {name!r} is read as %Y%m%d, such as {times.values[0]}."
    return Times("datetime", days.astype("datetime64[ns]").astype(np.int64), None, [*times.notes, note])


def _example(days: Int64[np.ndarray, " days"]) -> int:
    return int(days[0]) if len(days) else 20240131


def localized(times: Times, zone: str, codes: Int[np.ndarray, " rows"], where: Where) -> Times:
    """Return the times of a clock that is put forward and back, moved to UTC.

    Of two equal times in one series on the day the clock goes back, the first in the table is the earlier one.

    Args:
        times: Times without an offset.
        zone: The zone's name.
        codes: The series of each row, ``(rows,)``.
        where: Names the place of a record's cell.

    Raises:
        UsageError: There is no such zone.
        DataError: It does not have one of the times, or has it twice.
    """
    import pandas as pd

    index = pd.DatetimeIndex(times.values.view("datetime64[ns]"))
    try:
        marked = index.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward")
        certain = index.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    except Exception as error:
        raise UsageError(
            f"format has time_zone={zone!r}, which is unknown: give a name such as 'Europe/Berlin'."
        ) from error
    for place in np.flatnonzero(certain.isna() & ~marked.isna())[:1]:
        raise DataError(f"{where(int(place))} is {index[place]}, when clocks in {zone} were put forward: correct it.")
    twice = np.flatnonzero(certain.isna())
    earlier = np.zeros(len(index), bool)
    if len(twice):
        rank = pd.DataFrame({"series": codes[twice], "time": times.values[twice]}).groupby(["series", "time"])
        order, size = rank.cumcount().to_numpy(), rank["time"].transform("size").to_numpy()
        for place in twice[size != 2][:1]:
            raise DataError(
                f"{where(int(place))} is {index[place]}, which clocks in {zone} show twice, and the series has it "
                f"{'once' if size[twice == place][0] == 1 else 'more than twice'}: write times with their offset from UTC."
            )
        earlier[twice] = order == 0
    moved = index.tz_localize(zone, ambiguous=earlier).tz_convert("UTC").tz_localize(None)
    note = f"Times were moved from {zone} to UTC, where no hour is missing or double."
    return Times("datetime", moved.to_numpy().astype("datetime64[ns]").astype(np.int64), "UTC", [*times.notes, note])
