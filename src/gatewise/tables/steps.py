"""The frequency of a table, found in its times or checked against them, with a sentence for a time that is off it."""

from collections import Counter
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, NoReturn

import numpy as np
from jaxtyping import Bool, Int64

from gatewise.errors import DataError
from gatewise.tables.frequency import NANOSECONDS, Frequency, candidates, parse

# So many values that are evenly apart show that a series has a step of its own.
_ENOUGH = 6

WhereTime = Callable[[int], str]
"""Sorted row -> the place of its time as a sentence names it."""


class SortedTimes(NamedTuple):
    """The times of all series, one after the other, each in order and without duplicates.

    Attributes:
        kind: Whole numbers or dates.
        values: The times, ``(rows,)``.
        first: Which rows begin a series, ``(rows,)``.
    """

    kind: Literal["integer", "datetime"]
    values: Int64[np.ndarray, " rows"]
    first: Bool[np.ndarray, " rows"]


def find_frequency(times: SortedTimes, freq: Any, gaps: bool, where: WhereTime) -> Frequency | None:
    """Return the frequency of a table; None where every series has one row, so that nothing shows it.

    Args:
        times: The times of all series.
        freq: What the caller named; None finds it out.
        gaps: Whether more gaps than values are allowed.
        where: Names the place of a time.

    Raises:
        DataError: The times are irregular, or not those of the frequency that was named.
    """
    inside = np.flatnonzero(~times.first)
    if freq is not None:
        named = _checked(parse(freq, times.kind), times, where)
        if not gaps and len(inside):
            apart = _distances(named, times, inside) // named.step
            if apart.max() > 1:
                _refuse_sparse(named, apart, times, inside, where, freq)
        return named
    if not len(inside):
        return None
    units = [Frequency("integer", 1)] if times.kind == "integer" else candidates(times.values)
    for unit in units:
        steps = _distances(unit, times, inside)
        step = int(steps.min())
        regular = step > 0 and not np.any(steps % step)
        if regular and (unit.kind != "business-day" or _over_weekends(times, inside, steps)):
            break
    else:
        _refuse_irregular(times, inside, units[-1], where)
    found = Frequency(unit.kind, step, unit.anchor)
    if not gaps and steps.max() > step:
        _refuse_sparse(found, steps // step, times, inside, where)
    return found.named(found.ordinals(times.values[times.first]))


def _distances(unit: Frequency, times: SortedTimes, inside: np.ndarray) -> np.ndarray:
    """Return how many units each time is after the one before it in its series."""
    distances: np.ndarray = np.diff(unit.ordinals(times.values))[inside - 1]
    return distances


def _over_weekends(times: SortedTimes, inside: np.ndarray, steps: np.ndarray) -> bool:
    """Return whether days mostly follow each other, Monday on Friday: else they only happen to miss the weekends."""
    apart = times.values[inside] - times.values[inside - 1]
    return bool(np.any((steps == 1) & (apart == 3 * NANOSECONDS["D"]))) and bool(np.mean(steps == 1) > 0.5)


def _checked(named: Frequency, times: SortedTimes, where: WhereTime) -> Frequency:
    """Return a frequency that was named, once every time is on it."""
    for place in np.flatnonzero(~named.holds(times.values))[:1]:
        raise DataError(
            f"{where(int(place))} is {shown_time(times, place)}, which is no time of the frequency {named.alias!r}."
        )
    ordinals = named.ordinals(times.values)
    starts = np.maximum.accumulate(np.where(times.first, np.arange(len(ordinals)), 0))
    apart = ordinals - ordinals[starts]
    for place in np.flatnonzero(apart % named.step)[:1]:
        raise DataError(
            f"{where(int(place))} is {shown_time(times, place)}, {named.words(int(apart[place]))} after the first of its "
            f"series, and the frequency {named.alias!r} has a step of {named.words(named.step)}."
        )
    actual = named.named(ordinals[times.first])
    if isinstance(named.alias, str) and "-" in named.alias and actual.alias != named.alias and len(times.values):
        raise DataError(
            f"{where(0)} is {shown_time(times, 0)}, and the series are {actual.alias!r}, not {named.alias!r}: give that, or no "
            "frequency."
        )
    return Frequency(named.kind, named.step, named.anchor, named.alias)


def _refuse_irregular(times: SortedTimes, inside: np.ndarray, unit: Frequency, where: WhereTime) -> NoReturn:
    steps = times.values[inside] - times.values[inside - 1]
    counts = Counter(steps.tolist())
    usual, often = counts.most_common(1)[0]
    odd = int(inside[np.flatnonzero(steps % usual)[0]]) if np.any(steps % usual) else int(inside[0])
    step = int(times.values[odd] - times.values[odd - 1])
    raise DataError(
        f"{where(odd)} is {shown_time(times, odd)}, {unit.words(step)} after the time before it, while "
        f"{100 * often / len(steps):.0f} % of the steps are {unit.words(usual)}: a series has to be regular; correct the "
        "times, or sum or average the values over regular periods first."
    )


def _refuse_sparse(
    found: Frequency, steps: np.ndarray, times: SortedTimes, inside: np.ndarray, where: WhereTime, named: Any = None
) -> None:
    """Refuse a series that would be mostly gaps: it has another frequency, a wrong date, or rows only now and then."""
    series = np.cumsum(times.first)[inside] - 1
    rows = np.bincount(np.cumsum(times.first) - 1)
    missing = np.bincount(series, steps - 1, minlength=len(rows)).astype(np.int64)
    begins = np.flatnonzero(np.diff(series, prepend=-1))
    usual = np.ones(len(rows), np.int64)
    usual[series[begins]] = np.minimum.reduceat(steps, begins)
    even = np.zeros(len(rows), bool)
    even[series[begins]] = usual[series[begins]] == np.maximum.reduceat(steps, begins)
    for number in np.flatnonzero((usual > 1) & even & (rows >= _ENOUGH))[:1]:
        place = int(inside[begins[series[begins] == number][0]])
        rest = (
            f"while others have {found.words(found.step)}: read series of different frequencies as tables of their own."
            if named is None
            else f"while freq={named!r} names {found.words(found.step)}: give the step that it has, or allow it with "
            'fix=("gaps",).'
        )
        raise DataError(
            f"{where(place)} is {shown_time(times, place)}, in a series with steps of "
            f"{found.words(int(usual[number]) * found.step)}, {rest}"
        )
    for number in np.flatnonzero(missing > rows)[:1]:
        own = np.flatnonzero(series == number)
        widest = own[np.argmax(steps[own])]
        place = int(inside[widest])
        shortest = f"{found.words(found.step)} is {'the shortest step' if named is None else 'the step'}"
        raise DataError(
            f"{where(place)} is {shown_time(times, place)}, {found.words(int(steps[widest]) * found.step)} after the time "
            f"before it, where {shortest}: its series would have {missing[number]:,} missing times beside {rows[number]:,} "
            'that are there; correct it, or allow it with fix=("gaps",).'
        )


def shown_time(times: SortedTimes, place: int) -> str:
    """Return a time as a sentence shows it."""
    return show(times.kind, int(times.values[place]))


def show(kind: str, value: int) -> str:
    """Return one time as a sentence shows it: a whole number, a date, or a date with its time of day.

    >>> show("integer", 7), show("datetime", 0), show("datetime", 3_600 * 10**9)
    ('7', '1970-01-01', '1970-01-01 01:00:00')
    """
    if kind == "integer":
        return str(value)
    text = str(np.datetime64(value, "ns").astype("datetime64[us]")).replace("T", " ")
    return text.removesuffix(".000000").removesuffix(" 00:00:00")
