"""Rows that came after a table was read, put behind its series."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64

from gatewise.errors import DataError
from gatewise.forecasting.clocks import in_utc, on_the_clock_of, stay_on_clock, utc_of
from gatewise.tables import SeriesTable, read_series
from gatewise.tables.form import Fix, checked_fixes, count, quoted
from gatewise.tables.series_table import Explanation


def extended(table: SeriesTable, rows: Any, fix: Fix | Iterable[Fix] = (), horizon: int = 1) -> SeriesTable:
    """Return a table with more values behind those of its series.

    Args:
        table: The series.
        rows: Later values of some of them, with the covariates that the table has: a `SeriesTable`, or anything that
            `gatewise.read_series` takes. A list or an array follows the last value of a single series. Times that are
            left out are missing values. What the table knew in advance of these times is replaced by what the rows say.
        fix: What may be mended in rows that are read here, as in `gatewise.read_series`; ``"gaps"`` also allows any number of
            times between the last value of a series and its first new one.
        horizon: So many times may be missing there without that, or as many as there are new ones.

    Raises:
        DataError: A series that is not in the table, other covariates, times of another clock, or times that do not follow its
            last one.
    """
    fixes = checked_fixes(fix)
    more = rows if isinstance(rows, SeriesTable) else _read(table, rows, fixes)
    table, more = _on_one_clock(table, more)
    order = order_of(more.past.names, table.past.names)
    past = more.past.values[:, order] if order else np.zeros((len(more.values), 0))
    places = places_of(table, more)
    gaps = _gaps(table, more, places)
    table = replace(table, notes=(*table.notes, *_said(table, more, gaps, None if "gaps" in fixes else horizon)))
    lengths, begin = table.lengths, np.zeros(len(table), np.int64)
    begin[places] = gaps + more.lengths
    offsets = offsets_of(lengths + begin)
    at = laid(offsets[:-1], table.offsets), laid(offsets[:-1][places] + lengths[places] + gaps, more.offsets)
    values, observed = np.full(offsets[-1], np.nan), np.zeros(offsets[-1], bool)
    known = np.full((offsets[-1], len(table.past.names)), np.nan)
    for place, source, explained in ((at[0], table, table.past.values), (at[1], more, past)):
        values[place], observed[place] = source.values, source.observed
        if table.past.names:
            known[place] = explained
    longer = replace(table, values=values, observed=observed, offsets=offsets)
    if table.past.names:
        longer = replace(longer, past=Explanation(table.past.names, known))
    order = order_of(more.future.names, table.future.names)
    return _with_future(longer, table, (more, places, lengths[places] + gaps), order) if order else longer


def _with_future(
    longer: SeriesTable, table: SeriesTable, later: tuple[SeriesTable, np.ndarray, np.ndarray], order: list[int]
) -> SeriesTable:
    """Return a longer table with what was known in advance before, and what newer rows say, which counts where both do."""
    more, places, begin = later
    old, new = table.lengths + np.diff(table.ahead_offsets), more.lengths + np.diff(more.ahead_offsets)
    reach = np.maximum(longer.lengths, old)
    np.maximum.at(reach, places, begin + new)
    offsets = offsets_of(reach)
    known = np.full((offsets[-1], len(table.future.names)), np.nan)
    starts = offsets[:-1]
    known[laid(starts, table.offsets)] = table.future.values
    known[laid(starts + table.lengths, table.ahead_offsets)] = table.ahead
    known[laid(starts[places] + begin, more.offsets)] = more.future.values[:, order]
    known[laid(starts[places] + begin + more.lengths, more.ahead_offsets)] = more.ahead[:, order]
    inside = np.arange(len(known)) - np.repeat(starts, reach) < np.repeat(longer.lengths, reach)
    return replace(
        longer,
        future=Explanation(table.future.names, known[inside]),
        ahead=known[~inside],
        ahead_offsets=offsets_of(reach - longer.lengths),
    )


def shortened(table: SeriesTable, lengths: Int64[np.ndarray, " series"]) -> SeriesTable:
    """Return the table as it was when its series had so many values."""
    kept = np.arange(len(table.values)) - np.repeat(table.offsets[:-1], table.lengths) < np.repeat(
        lengths, table.lengths
    )
    offsets = offsets_of(lengths)
    past, future = (
        Explanation(one.names, one.values[kept]) if one.names else one for one in (table.past, table.future)
    )
    kept_values = {"values": table.values[kept], "observed": table.observed[kept], "past": past, "future": future}
    return replace(table, **kept_values, offsets=offsets)


def _on_one_clock(table: SeriesTable, more: SeriesTable) -> tuple[SeriesTable, SeriesTable]:
    """Return both with times of one zone, in UTC where the clock was put forward or back between them."""
    shifted = on_the_clock_of(table, more)
    if {table.starts.dtype.kind, more.starts.dtype.kind} != {"M"} or stay_on_clock(table, shifted):
        return table, shifted
    note = f"Times were moved from {table.zone} to UTC, where no hour is missing or double."
    moved = replace(in_utc(table), notes=(*table.notes, note))
    return moved, on_the_clock_of(moved, more)


def _said(table: SeriesTable, more: SeriesTable, gaps: np.ndarray, most: int | None) -> list[str]:
    """Return notes about times between the last values and the new ones, of which there may not be too many."""
    wide = np.flatnonzero(gaps > 0)
    if not len(wide):
        return []
    place = int(wide[np.argmax(gaps[wide])])
    far = f"{gaps[place]:,} {'time is' if gaps[place] == 1 else 'times are'} missing between the last value"
    if most is not None and gaps[place] > max(most, more.lengths[place]):
        first = shown(more.starts[place], more.zone)
        raise DataError(
            f"The new rows of series {more.ids[place]!r} begin at {first}, and {far} and that, more than "
            f"are forecast ({most:,}) or given ({more.lengths[place]:,}): correct it, give the rows between, or allow it with "
            'fix=("gaps",).'
        )
    others = f", the most of {count(len(wide), 'series', 'series')}" if len(wide) > 1 else ""
    return [f"{far} of series {more.ids[place]!r} and its first new one{others}: masked, not filled in."]


def _read(table: SeriesTable, rows: Any, fixes: frozenset[str]) -> SeriesTable:
    """Read rows with the roles that the columns of a table have."""
    fixes = fixes | utc_of(table)
    if not (table.past.names or table.future.names):
        return read_series(rows, freq=_frequency_for(table, rows), fix=fixes)  # type: ignore[arg-type]
    if listed(rows):
        raise DataError(
            f"The forecaster was fitted with the covariates {quoted([*table.future.names, *table.past.names])}, and a list "
            "has none: give a table with them."
        )
    covariates = {kind: names for kind in ("past", "future") if (names := getattr(table, kind).names)}
    reading: dict[str, Any] = {"freq": _frequency_for(table, rows), "covariates": covariates, "fix": fixes}
    return read_series(rows, target_col=table.columns[2], **reading)


def listed(rows: Any) -> bool:
    """Return whether rows are numbers without times."""
    return isinstance(rows, list | tuple | np.ndarray)


def order_of(given: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Return where the covariates of a table are among those of new rows.

    Raises:
        DataError: They are others.
    """
    if set(given) != set(wanted):
        have = f"the covariates {quoted(given)}" if given else "no covariates of that kind"
        known = f"{quoted(wanted)}" if wanted else "none"
        raise DataError(f"The new rows have {have}, and the forecaster was fitted with {known}: give the same ones.")
    return [list(given).index(name) for name in wanted]


def offsets_of(lengths: Int64[np.ndarray, " series"]) -> Int64[np.ndarray, " offsets"]:
    """Return where stretches of so many rows begin, and the last one ends."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def laid(begin: Int64[np.ndarray, " series"], offsets: Int64[np.ndarray, " offsets"]) -> Int64[np.ndarray, " rows"]:
    """Return where rows go whose stretches are to begin elsewhere."""
    return np.arange(offsets[-1]) + np.repeat(begin - offsets[:-1], np.diff(offsets))


def _frequency_for(table: SeriesTable, rows: Any) -> Any:
    """Return the frequency to read rows with: that of the table, which few rows do not show by themselves."""
    return None if listed(rows) and table.starts.dtype.kind == "M" else table.freq


def nameless(table: SeriesTable) -> bool:
    """Return whether a single series has no name of its own, and is called as its column of values is."""
    return bool(table.ids[0] == table.columns[2])


def places_of(table: SeriesTable, more: SeriesTable) -> Int64[np.ndarray, " more"]:
    """Return where the series of new rows are in a table."""
    if len(table) == len(more) == 1 and (nameless(more) or nameless(table)):
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
    gaps, fits = steps_after(table, more, places)
    off = np.flatnonzero((gaps < 0) | ~fits)
    if len(off):
        place = off[0]
        name = more.ids[place]
        first, last = shown(more.starts[place], more.zone), shown(table.ends[places[place]], table.zone)
        raise DataError(
            f"The new rows of series {name!r} begin at {first}, and its last value is of {last}: give rows from the step "
            "after that on, and each time once."
        )
    return gaps


def steps_after(
    table: SeriesTable, more: SeriesTable, places: Int64[np.ndarray, " more"]
) -> tuple[Int64[np.ndarray, " more"], Bool[np.ndarray, " more"]]:
    """Return how many steps after the one that follows its last value each series of new rows begins, and whether at a step.

    Raises:
        DataError: Their times cannot be compared.
    """
    ends, follows = table.ends[places], (np.zeros(1, np.int64), np.ones(1, bool))
    if more.starts.dtype.kind != ends.dtype.kind:
        if len(table) == 1 and more.starts.dtype.kind == "i" and not more.starts[0]:
            # A list says no times: it goes on where the series ends.
            return follows
        raise DataError(
            "The new rows and the series that the forecaster was fitted with do not have the same kind of times: give both "
            "dates, or both whole numbers."
        )
    if len(table) == 1 and more.starts.dtype.kind == "i" and not more.starts[0] and ends[0] >= 0:
        return follows
    if table.frequency is None:
        raise DataError("The step of the series is not known, as each has one value: read them with freq.")
    frequency = table.frequency
    if more.frequency not in (None, frequency):
        raise DataError(
            f"The new rows have the step {more.freq!r}, and the series that the forecaster was fitted with {table.freq!r}: "
            "give rows with the same one."
        )
    steps = frequency.ordinals(more.starts.view(np.int64)) - frequency.ordinals(ends.view(np.int64))
    on_it = frequency.holds(more.starts.view(np.int64))
    return steps // frequency.step - 1, on_it & (steps % frequency.step == 0)


def shown(time: Any, zone: str | None = None) -> str:
    """Return a time as it stands in a sentence."""
    text = str(time).removesuffix("T00:00:00.000000000").removesuffix(".000000000")
    return text if zone is None else f"{text} ({zone})"
