"""Frequencies: points in time as numbers of steps, and back."""

import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Int64

from gatewise.errors import UsageError

NANOSECONDS = {
    "D": 86_400 * 10**9,
    "h": 3_600 * 10**9,
    "min": 60 * 10**9,
    "s": 10**9,
    "ms": 10**6,
    "us": 1_000,
    "ns": 1,
}
_DAY = NANOSECONDS["D"]
_NAMES = {1: ("M", "monthly"), 3: ("Q", "quarterly"), 12: ("Y", "yearly")}
_MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAY_NAMES = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
# A Monday before all that a timestamp can be; business days are counted from here.
_MONDAY = np.datetime64("1600-01-03", "D")

Kind = Literal["integer", "fixed", "month", "business-day"]
Anchor = Literal["S", "E", "BS", "BE"]


@dataclass(frozen=True, slots=True)
class Frequency:
    """The step from one value of a series to the next.

    Attributes:
        kind: Whole numbers; a fixed time; months; Mondays to Fridays.
        step: How many numbers, nanoseconds, months or business days it is.
        anchor: For months, the day: first or last, of all days or of business days.
        alias: Its name in pandas; the step itself for whole numbers.
    """

    kind: Kind
    step: int
    anchor: Anchor = "S"
    alias: str | int = 1

    @property
    def whole_days(self) -> bool:
        """Whether each step goes to the same time of a later day, whatever the clock does in between."""
        return self.kind != "fixed" or self.step % _DAY == 0

    def ordinals(self, times: Int64[np.ndarray, " rows"]) -> Int64[np.ndarray, " rows"]:
        """Return times as a number of units (of which `step` make a step): numbers, nanoseconds, months, days."""
        if self.kind in ("integer", "fixed"):
            return times
        days = times.view("datetime64[ns]").astype("datetime64[D]")
        if self.kind == "month":
            return days.astype("datetime64[M]").astype(np.int64)
        return np.busday_count(_MONDAY, days).astype(np.int64)

    def times(self, ordinals: Int64[np.ndarray, " rows"]) -> Int64[np.ndarray, " rows"]:
        """Return the times of ordinals: numbers, or nanoseconds since 1970."""
        if self.kind in ("integer", "fixed"):
            return ordinals
        monthly = self.kind == "month"
        days = _day_of_month(ordinals, self.anchor) if monthly else np.busday_offset(_MONDAY, ordinals)
        return days.astype("datetime64[ns]").astype(np.int64)

    def holds(self, times: Int64[np.ndarray, " rows"]) -> Bool[np.ndarray, " rows"]:
        """Return which times are such as this frequency has, whatever the step."""
        on_it: np.ndarray = self.times(self.ordinals(times)) == times
        return on_it

    def named(self, ordinals: Int64[np.ndarray, " series"]) -> "Frequency":
        """Return the frequency with the name it has for series that begin at these ordinals."""
        return Frequency(self.kind, self.step, self.anchor, self._alias(ordinals))

    def _alias(self, ordinals: Int64[np.ndarray, " series"]) -> str | int:
        if self.kind == "integer":
            return self.step
        if self.kind == "business-day":
            return "B" if self.step == 1 else f"{self.step}B"
        phases = np.unique(ordinals % self.step) if len(ordinals) else np.zeros(0)
        if self.kind == "month":
            if self.step in (3, 12) and len(phases) == 1:
                month = int(phases[0]) if self.anchor in ("S", "BS") or self.step == 12 else int(phases[0]) % 3
                if self.step == 3 and self.anchor in ("E", "BE"):
                    month = month + 9 if month < 2 else 11
                return f"{self._prefix(_NAMES[self.step][0])}-{_MONTH_NAMES[month]}"
            return ("" if self.step == 1 else str(self.step)) + self._prefix("M")
        if self.step % (7 * _DAY) == 0 and len(phases) == 1:
            weeks = self.step // (7 * _DAY)
            # 1 January 1970 was a Thursday.
            day = _DAY_NAMES[(int(ordinals[0]) // _DAY + 3) % 7]
            return ("" if weeks == 1 else str(weeks)) + f"W-{day}"
        unit = next(unit for unit, size in NANOSECONDS.items() if self.step % size == 0)
        return ("" if self.step == NANOSECONDS[unit] else str(self.step // NANOSECONDS[unit])) + unit

    def _prefix(self, letter: str) -> str:
        return f"B{letter}{self.anchor[1]}" if len(self.anchor) == 2 else f"{letter}{self.anchor}"

    def words(self, units: int) -> str:
        """Return a distance in units as a sentence says it: ``"2 months"``."""
        if self.kind == "fixed":
            unit = next(unit for unit, size in NANOSECONDS.items() if units % size == 0)
            number = units // NANOSECONDS[unit]
            noun = {"D": "day", "h": "hour", "min": "minute", "s": "second"}.get(unit, unit)
        else:
            number = units
            noun = {"integer": "", "month": "month", "business-day": "business day"}[self.kind]
        return str(number) if not noun else f"{number} {noun}{'' if number == 1 or noun in NANOSECONDS else 's'}"


def _day_of_month(months: Int64[np.ndarray, " rows"], anchor: Anchor) -> np.ndarray:
    first = months.astype("datetime64[M]").astype("datetime64[D]")
    last = (months + 1).astype("datetime64[M]").astype("datetime64[D]") - 1
    if anchor in ("S", "E"):
        return first if anchor == "S" else last
    return np.busday_offset(first, 0, "forward") if anchor == "BS" else np.busday_offset(last, 0, "backward")


def parse(freq: Any, kind: Literal["integer", "datetime"]) -> Frequency:
    """Return the frequency that a caller named.

    Args:
        freq: A name or offset of pandas, or a whole number.
        kind: What the times of the table are.

    Raises:
        UsageError: It cannot be meant.
    """
    if isinstance(freq, int) and not isinstance(freq, bool):
        if kind != "integer":
            raise UsageError(f"freq is {freq}, and the table's times are dates: give a name such as 'D' or 'MS'.")
        if freq < 1:
            raise UsageError(f"freq is {freq}: give at least 1.")
        return Frequency("integer", freq, alias=freq)
    if kind == "integer":
        raise UsageError(
            f"freq is {freq!r}, and the table's times are whole numbers: give the step between two, such as 1."
        )
    return _parse_alias(freq)


def _parse_alias(freq: Any) -> Frequency:
    from pandas.tseries.frequencies import to_offset

    try:
        offset = to_offset(freq)
    except (ValueError, TypeError):
        offset = None
    if offset is None:
        raise UsageError(
            f"freq is {freq!r}, which pandas does not know: give a name such as 'h', 'D', 'W-SUN', 'MS' or 'B'."
        )
    number, alias = offset.n, offset.freqstr.lstrip("0123456789")
    if number < 1:
        raise UsageError(f"freq is {freq!r}: give a step forward.")
    calendar = re.fullmatch(r"(B?)([MQY])([SE])(-[A-Z]{3})?", alias)
    if calendar:
        months = {"M": 1, "Q": 3, "Y": 12}[calendar[2]]
        return Frequency("month", number * months, calendar[1] + calendar[3], offset.freqstr)  # type: ignore[arg-type]
    if alias == "B":
        return Frequency("business-day", number, alias=offset.freqstr)
    days = {"D": 1, "W": 7}.get(alias.partition("-")[0])
    nanoseconds = number * days * _DAY if days else getattr(offset, "nanos", None) if alias in NANOSECONDS else None
    if nanoseconds is None:
        raise UsageError(
            f"freq is {freq!r}, and such a step is not read: give a fixed time, months, quarters, years or 'B'."
        )
    return Frequency("fixed", int(nanoseconds), alias=offset.freqstr)


def candidates(times: Int64[np.ndarray, " rows"]) -> list[Frequency]:
    """Return the units in which dates can be counted, the longest first; steps are for the data to say."""
    found: list[Frequency] = []
    whole_days = not np.any(times % _DAY)
    if whole_days:
        for anchor in ("S", "E", "BS", "BE"):
            frequency = Frequency("month", 1, anchor)
            if frequency.holds(times[:1000]).all() and frequency.holds(times).all():
                found.append(frequency)
                break
        weekdays = (times // _DAY + 3) % 7
        if np.all(weekdays < 5):
            found.append(Frequency("business-day", 1))
    return [*found, Frequency("fixed", 1)]
