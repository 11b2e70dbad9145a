"""Rows put in order: sorted, without duplicates, on a regular grid, each step of it a value or a masked gap."""

from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64

from gatewise.errors import DataError
from gatewise.tables.form import count
from gatewise.tables.frequency import NANOSECONDS, Frequency
from gatewise.tables.series_table import NOTHING, Explanation, SeriesTable
from gatewise.tables.steps import SortedTimes, find_frequency, show
from gatewise.tables.unfolding import Unfolded

# With gaps allowed, a wrong date should not fill the memory.
_MOST_STEPS = 10_000_000
KEEP_ONE = 'keep one with fix=("duplicates-last",), or "duplicates-first", "duplicates-mean", "duplicates-sum".'
"""What to do about a time that a series has twice."""


def assemble(rows: Unfolded, freq: Any, fix: frozenset[str], several: bool) -> SeriesTable:
    """Return the rows as series.

    Args:
        rows: All values, in any order.
        freq: The frequency that the caller named.
        fix: What may be mended.
        several: Whether a column names the series.

    Raises:
        DataError: Duplicates, irregular times, or covariates that are not as they were declared.
    """
    notes = [*rows.notes, *rows.times.notes]
    rows, order = _sorted(rows, notes)
    rows, order = _single(rows, order, fix, several, notes)
    first = np.diff(rows.codes, prepend=-1) != 0
    kind = rows.times.kind
    found = find_frequency(
        SortedTimes(kind, rows.times.values, first), freq, "gaps" in fix, lambda row: rows.where_time(int(order[row]))
    )
    table = _on_grid(rows, found, first, notes)
    static = _static(rows, first, order)
    return replace(table, static=static, notes=tuple(notes))


def _sorted(rows: Unfolded, notes: list[str]) -> tuple[Unfolded, Int64[np.ndarray, " rows"]]:
    """Return the rows by series and time, and the row of the table that each was."""
    codes, times = rows.codes, rows.times.values
    same = codes[1:] == codes[:-1]
    if np.all(codes[1:] >= codes[:-1]) and np.all((times[1:] >= times[:-1]) | ~same):
        return rows, np.arange(len(codes))
    order = np.argsort(codes, kind="stable")
    back = (np.diff(times[order]) < 0) & (np.diff(codes[order]) == 0)
    if back.any():
        descending = np.all(back | (np.diff(codes[order]) != 0))
        what = (
            "The rows are in descending order of time"
            if descending
            else f"{count(int(back.sum()), 'row')} {'is' if back.sum() == 1 else 'are'} earlier than the row before"
        )
        notes.append(f"{what}; the table was sorted.")
        order = np.lexsort((times, codes))
    return _taken(rows, order), order


def _taken(rows: Unfolded, order: np.ndarray) -> Unfolded:
    return replace(
        rows,
        codes=rows.codes[order],
        times=rows.times._replace(values=rows.times.values[order]),
        values=rows.values[order],
        timed={kind: columns[order] for kind, columns in rows.timed.items()},
        static={name: column[order] for name, column in rows.static.items()},
    )


def _single(
    rows: Unfolded, order: np.ndarray, fix: frozenset[str], several: bool, notes: list[str]
) -> tuple[Unfolded, np.ndarray]:
    """Return the rows without duplicates: refused, or made one as asked for."""
    again = np.zeros(len(rows.codes), bool)
    again[1:] = (np.diff(rows.codes) == 0) & (np.diff(rows.times.values) == 0)
    if not again.any():
        return rows, order
    way = next((name.partition("-")[2] for name in fix if name.startswith("duplicates-")), None)
    if way is None:
        _refuse_duplicates(rows, order, again, several)
    starts = np.flatnonzero(~again)
    kept = starts if way == "first" else np.append(starts[1:], len(again)) - 1
    single = _taken(rows, kept)
    if way in ("mean", "sum"):
        observed = ~np.isnan(rows.values)
        sums = np.add.reduceat(np.where(observed, rows.values, 0.0), starts)
        numbers = np.add.reduceat(observed.astype(np.int64), starts)
        divisor = np.maximum(numbers, 1) if way == "mean" else 1
        single.values = np.where(numbers > 0, sums / divisor, np.nan)
    what = {
        "first": "the first was kept",
        "last": "the last was kept",
        "mean": "their mean was taken",
        "sum": "they were added up",
    }
    notes.append(f"{count(int(again.sum()), 'row')} with a time that its series already had: {what[str(way)]}.")
    return single, order[kept]


def _refuse_duplicates(rows: Unfolded, order: np.ndarray, again: Bool[np.ndarray, " rows"], several: bool) -> None:
    places = np.flatnonzero(again)
    row, before = int(places[0]), int(places[0]) - 1
    time = show(rows.times.kind, int(rows.times.values[row]))
    pair = sorted((int(order[before]), int(order[row])))
    where = rows.where_time(pair[1])
    first = rows.where_time(pair[0]).rpartition("row ")[2].partition(",")[0]
    series = f" of series {rows.ids[rows.codes[row]]!r}" if several else ""
    more = f" (the first of {count(len(places), 'such row')})" if len(places) > 1 else ""
    hint = KEEP_ONE
    if not several and len(places) * 3 >= len(again):
        hint = "if the table holds several series, name their column with id_col."
    elif rows.times.zone is None and _at_night(rows, places):
        hint = 'if clocks were put back, name their zone with format={"time_zone": "Europe/Berlin"} or the like.'
    raise DataError(f"{where} is {time}{series} once more, after row {first}{more}: {hint}")


def _at_night(rows: Unfolded, places: np.ndarray) -> bool:
    """Return whether all duplicates are such as clocks show twice: from midnight to three, in spring or autumn."""
    if rows.times.kind != "datetime":
        return False
    times = rows.times.values[places]
    hours = times // NANOSECONDS["h"] % 24
    months = times.view("datetime64[ns]").astype("datetime64[M]").astype(int) % 12 + 1
    on_the_clock = np.any(rows.times.values % NANOSECONDS["D"])
    return bool(on_the_clock and np.all(hours <= 3) and np.all(np.isin(months, (3, 4, 9, 10, 11))))


def _on_grid(rows: Unfolded, found: Frequency | None, first: np.ndarray, notes: list[str]) -> SeriesTable:
    """Return the series with every step of their grid, gaps masked."""
    begins = np.flatnonzero(first)
    times = rows.times.values
    counts = np.diff(begins, append=len(times))
    if found is None:
        step = np.zeros(len(times), np.int64)
    else:
        ordinals = found.ordinals(times)
        step = (ordinals - np.repeat(ordinals[begins], counts)) // found.step
    lengths = step[begins + counts - 1] + 1
    offsets = _offsets(lengths)
    if offsets[-1] > max(_MOST_STEPS, 10 * len(times)):
        widest = int(np.argmax(lengths))
        first, last = begins[widest], begins[widest] + counts[widest] - 1
        span = " to ".join(show(rows.times.kind, int(times[place])) for place in (first, last))
        raise DataError(
            f"Series {rows.ids[rows.codes[first]]!r} would have {lengths[widest]:,} steps from {span}: correct its times, or "
            "name a longer step with freq."
        )
    total, place = int(offsets[-1]), None
    if total > len(times):
        place = np.repeat(offsets[:-1], counts) + step
    values = _spread(rows.values, place, total)
    timed = {kind: _spread(columns, place, total) for kind, columns in rows.timed.items()}
    inside = np.ones(total, bool)
    if "future" in timed:
        # What is known of the future stands behind the last value.
        row = np.arange(len(values))
        latest = np.maximum.reduceat(np.where(np.isnan(values), -1, row), offsets[:-1])
        inside = row <= np.repeat(np.where(latest < 0, offsets[1:], latest), lengths)
    _note_missing(rows, place, inside, notes)
    kept = np.add.reduceat(inside, offsets[:-1], dtype=np.int64)
    starts = times[begins] if rows.times.kind == "integer" else times[begins].view("datetime64[ns]")
    ahead = timed["future"][~inside] if "future" in timed else np.zeros((0, 0))
    values = values if inside.all() else values[inside]
    return SeriesTable(
        rows.ids[rows.codes[begins]],
        values,
        ~np.isnan(values),
        _offsets(kept),
        starts,
        found,
        rows.times.zone,
        ahead=ahead,
        ahead_offsets=_offsets(lengths - kept),
        past=_explanation(rows, timed, "past", inside),
        future=_explanation(rows, timed, "future", inside),
    )


def _explanation(rows: Unfolded, timed: dict[str, np.ndarray], kind: str, inside: np.ndarray) -> Explanation:
    return Explanation(rows.timed_names[kind], timed[kind][inside]) if kind in timed else NOTHING


def _offsets(lengths: Int64[np.ndarray, " series"]) -> Int64[np.ndarray, " offsets"]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _spread(column: np.ndarray, place: np.ndarray | None, length: int) -> np.ndarray:
    """Return a column on the grid, NaN at its gaps; `place` is None where there are none."""
    if place is None:
        return column
    spread = np.full((length, *column.shape[1:]), np.nan)
    spread[place] = column
    return spread


def _note_missing(rows: Unfolded, place: np.ndarray | None, inside: np.ndarray, notes: list[str]) -> None:
    """Say how many steps of the grid have no row, or an empty one; by the rows alone, of which there may be few."""
    place = np.arange(len(rows.codes)) if place is None else place
    kept = inside[place]
    codes, place = rows.codes[kept], place[kept]
    between = (np.diff(place) - 1)[np.diff(codes) == 0]
    gaps = int(between.sum())
    if gaps:
        are = "is" if gaps == 1 else "are"
        notes.append(
            f"{count(gaps, 'time')} between the first and the last of a series {are} not in the table (at most "
            f"{int(between.max()):,} in a row): masked as missing, not filled in."
        )
    empty = int(np.isnan(rows.values[kept]).sum())
    if empty:
        notes.append(f"{count(empty, 'value')} {'is' if empty == 1 else 'are'} empty: masked as missing.")


def _static(rows: Unfolded, first: Bool[np.ndarray, " rows"], order: np.ndarray) -> dict[str, np.ndarray]:
    """Return one value a series for each static covariate."""
    found = {}
    begins = np.flatnonzero(first)
    for name, column in rows.static.items():
        expected = np.repeat(column[begins], np.diff(begins, append=len(column)))
        for row in np.flatnonzero(column != expected)[:1]:
            where = rows.where_time(int(order[row])).partition(", column")[0]
            raise DataError(
                f"{where}, column {name!r} is {column[row]!r}, and series {rows.ids[rows.codes[row]]!r} began with "
                f"{expected[row]!r}: a static covariate has one value a series; declare it as past or future instead."
            )
        found[name] = column[begins]
    return found
