"""Many series of any length in a few flat arrays, so that nothing has to walk over them one by one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int, Int64

from gatewise.errors import DataError, UsageError
from gatewise.tables.form import count, quoted
from gatewise.tables.frequency import Frequency
from gatewise.tables.steps import show

if TYPE_CHECKING:
    import pandas as pd


class Series(NamedTuple):
    """One series of a table.

    Attributes:
        id: Its name.
        times: Whole numbers or ``datetime64[ns]``, ``(time,)``.
        values: Its values, NaN where one is missing, ``(time,)``.
        observed: Where there is a value, ``(time,)``.
    """

    id: Any
    times: np.ndarray
    values: Float64[np.ndarray, " time"]
    observed: Bool[np.ndarray, " time"]


class Explanation(NamedTuple):
    """Covariates beside the values.

    Attributes:
        names: Their columns.
        values: A row for each value of the table, NaN at its gaps, ``(rows, features)``.
    """

    names: tuple[str, ...]
    values: Float64[np.ndarray, "rows features"]

    def part(self, rows: Int[np.ndarray, " chosen"]) -> "Explanation":
        """Return some of the rows; nothing is nothing."""
        return Explanation(self.names, self.values[rows]) if self.names else self


NOTHING = Explanation((), np.zeros((0, 0)))


@dataclass(frozen=True, eq=False, repr=False)
class SeriesTable:
    """Series of any length, all with the same step, one after the other in flat arrays.

    Value i of series s is at ``offsets[s] + i``; its time is that of the start plus i steps. Missing values, and the times
    that the source leaves out inside a series, are there as NaN and not observed: nothing is filled in.

    Attributes:
        ids: The series' names, in the order in which the source brings them, ``(series,)``.
        values: All values, ``(rows,)``.
        observed: Where there is a value, ``(rows,)``.
        offsets: Where each series begins and the last one ends, ``(series + 1,)``.
        starts: The time of the first value of each, whole numbers or ``datetime64[ns]``, ``(series,)``.
        frequency: The step; None where every series has one value, so that nothing shows it.
        zone: What the clock of the times is called, such as ``"UTC"``; None where the source does not say.
        past: Covariates known up to the last value.
        future: Covariates known in advance; `ahead` goes on where they end.
        ahead: What is known of the time after the last value, ``(ahead, features)``.
        ahead_offsets: Where each series begins in it, ``(series + 1,)``.
        static: One number, or text, a series for each name, ``(series,)``.
        columns: What the columns for series, time and value are called.
        notes: What was found out and done while the source was read, as sentences.
    """

    ids: np.ndarray
    values: Float64[np.ndarray, " rows"]
    observed: Bool[np.ndarray, " rows"]
    offsets: Int64[np.ndarray, " offsets"]
    starts: np.ndarray
    frequency: Frequency | None
    zone: str | None = None
    past: Explanation = NOTHING
    future: Explanation = NOTHING
    ahead: Float64[np.ndarray, "ahead features"] = field(default_factory=lambda: np.zeros((0, 0)))
    ahead_offsets: Int64[np.ndarray, " offsets"] = field(default_factory=lambda: np.zeros(1, np.int64))
    static: dict[str, np.ndarray] = field(default_factory=dict)
    columns: tuple[str, str, str] = ("unique_id", "ds", "y")
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def lengths(self) -> Int64[np.ndarray, " series"]:
        """How many values each series has, missing ones included, ``(series,)``."""
        lengths: np.ndarray = np.diff(self.offsets)
        return lengths

    @property
    def freq(self) -> str | int | None:
        """The step as pandas names it, or the whole number that it is."""
        return None if self.frequency is None else self.frequency.alias

    @property
    def missing(self) -> int:
        """How many values are missing."""
        return int(len(self.observed) - self.observed.sum())

    @property
    def times(self) -> np.ndarray:
        """The time of every value, whole numbers or ``datetime64[ns]``, ``(rows,)``."""
        lengths = self.lengths
        # In place: a table of few rows may have ten million steps.
        place = np.arange(len(self.values))
        place -= np.repeat(self.offsets[:-1], lengths)
        if self.frequency is None:
            return self._at(np.repeat(self.starts, lengths), place)
        place *= self.frequency.step
        place += np.repeat(self.frequency.ordinals(self.starts.view(np.int64)), lengths)
        return self.frequency.times(place).view(self.starts.dtype)

    def _at(self, starts: np.ndarray, steps: Int[np.ndarray, " rows"]) -> np.ndarray:
        """Return the times a number of steps after others, ``(rows,)``."""
        if self.frequency is None:
            if np.any(steps):
                raise DataError("The step of the series is not known, as each has one value: read them with freq.")
            return starts
        ordinals = self.frequency.ordinals(starts.view(np.int64)) + steps * self.frequency.step
        return self.frequency.times(ordinals).view(starts.dtype)

    @property
    def ends(self) -> np.ndarray:
        """The time of the last value of each series, ``(series,)``."""
        return self._at(self.starts, self.lengths - 1)

    def times_after(self, horizon: int) -> np.ndarray:
        """Return the times that follow the last value of each series, ``(series, horizon)``."""
        _at_least_one("horizon", horizon)
        return self.times_from_end(np.arange(1, horizon + 1))

    def times_from_end(self, steps: Int[np.ndarray, " steps"]) -> np.ndarray:
        """Return the times that are some steps after the last value of each series, or before it, ``(series, steps)``."""
        places = (self.lengths - 1)[:, None] + steps
        return self._at(np.repeat(self.starts, len(steps)), places.ravel()).reshape(places.shape)

    def __iter__(self) -> Iterator[Series]:
        times = self.times
        for place, name in enumerate(self.ids.tolist()):
            part = slice(self.offsets[place], self.offsets[place + 1])
            yield Series(name, times[part], self.values[part], self.observed[part])

    def __eq__(self, other: object) -> bool:
        """Compare all that a table holds, except for the notes."""
        if not isinstance(other, SeriesTable):
            return NotImplemented
        same_parts = all(
            getattr(self, name) == getattr(other, name) for name in ("frequency", "zone", "columns")
        ) and all(getattr(self, name).names == getattr(other, name).names for name in ("past", "future"))
        return (
            same_parts
            and self._arrays().keys() == other._arrays().keys()
            and all(
                one.dtype == two.dtype and np.array_equal(one, two, equal_nan=one.dtype.kind == "f")
                for one, two in zip(self._arrays().values(), other._arrays().values(), strict=True)
            )
        )

    __hash__ = None  # type: ignore[assignment]

    def _arrays(self) -> dict[str, np.ndarray]:
        names = ("ids", "values", "observed", "offsets", "starts", "ahead", "ahead_offsets")
        arrays = {name: getattr(self, name) for name in names}
        return {
            **arrays,
            "past": self.past.values,
            "future": self.future.values,
            **{f"={k}": v for k, v in self.static.items()},
        }

    def __repr__(self) -> str:
        return f"SeriesTable({self.summary()})"

    def summary(self) -> str:
        """Return in one line how many series there are, how long, with which step, from when to when."""
        lengths = self.lengths
        short, long = int(lengths.min()), int(lengths.max())
        kind = "integer" if self.starts.dtype.kind == "i" else "datetime"
        first, last = (show(kind, int(time.view(np.int64))) for time in (self.starts.min(), self.ends.max()))
        series = f"{len(self):,} series of " if len(self) > 1 else "1 series of "
        span = f"{short:,}" if short == long else f"{short:,} to {long:,}"
        values = "value" if span == "1" else "values"
        return f"{series}{span} {values}, freq {self.freq!r}, {first} to {last}, {self.missing:,} missing"

    def select(self, places: Sequence[int] | Int[np.ndarray, " chosen"]) -> "SeriesTable":
        """Return a table of some of the series, by number, in the order asked for."""
        chosen = np.asarray(places, np.int64)
        rows, offsets = _ranges(self.offsets[:-1][chosen], self.lengths[chosen])
        ahead, ahead_offsets = _ranges(self.ahead_offsets[:-1][chosen], np.diff(self.ahead_offsets)[chosen])
        static = {name: column[chosen] for name, column in self.static.items()}
        others = {"ids": self.ids[chosen], "static": static, "ahead": self.ahead[ahead], "ahead_offsets": ahead_offsets}
        return self._part(rows, offsets, self.starts[chosen], **others)

    def series(self, name: Any) -> Series:
        """Return the series of a name.

        Raises:
            DataError: There is none.
        """
        found = np.flatnonzero(self.ids == name)
        if not len(found):
            raise DataError(
                f"There is no series {name!r}; there are {quoted(self.ids.tolist(), 5)}: choose one of them."
            )
        return next(iter(self.select(found)))

    def tail(self, length: int) -> "SeriesTable":
        """Return the last values of each series, at most `length` of each."""
        _at_least_one("length", length)
        kept = np.minimum(self.lengths, length)
        rows, offsets = _ranges(self.offsets[1:] - kept, kept)
        return self._part(rows, offsets, self._at(self.starts, self.lengths - kept))

    def _part(
        self, rows: Int[np.ndarray, " rows"], offsets: Int[np.ndarray, " offsets"], starts: np.ndarray, **others: Any
    ) -> "SeriesTable":
        """Return a table of some of the rows, and with other fields replaced."""
        return replace(
            self,
            values=self.values[rows],
            observed=self.observed[rows],
            offsets=offsets,
            starts=starts,
            past=self.past.part(rows),
            future=self.future.part(rows),
            **others,
        )

    def stacked(
        self, length: int | None = None
    ) -> tuple[Float64[np.ndarray, "series time"], Bool[np.ndarray, "series time"]]:
        """Return the last values of all series side by side, shorter ones filled up on the left.

        Args:
            length: How many values of each; None takes as many as the longest has.

        Returns:
            The values, NaN where there is none, and where there is one, each ``(series, time)``.

        >>> import gatewise as gw
        >>> table = gw.read_series([1.0, None, 3.0])
        >>> table.stacked(4)[1].astype(int)
        array([[0, 1, 0, 1]])
        """
        length = int(self.lengths.max()) if length is None else length
        _at_least_one("length", length)
        place = self.offsets[1:, None] - length + np.arange(length)
        inside = place >= self.offsets[:-1, None]
        place = np.where(inside, place, 0)
        return np.where(inside, self.values[place], np.nan), inside & self.observed[place]

    def to_frame(self, ahead: bool = False) -> "pd.DataFrame":
        """Return a long frame of pandas: series, time, value, and the covariates of that time.

        Args:
            ahead: Whether what is known of the time after its last value follows each series, in rows without a value.
        """
        import pandas as pd

        more = np.diff(self.ahead_offsets) if ahead and self.future.names else np.zeros(len(self), np.int64)
        rows = self.lengths + more
        step = np.arange(rows.sum()) - np.repeat(np.cumsum(rows) - rows, rows)
        inside = step < np.repeat(self.lengths, rows)

        def spread(column: np.ndarray) -> np.ndarray:
            """Return a column of the values with NaN where there is only what is known in advance."""
            spread = np.full(len(inside), np.nan)
            spread[inside] = column
            return spread

        times = self.on_clock(self._at(np.repeat(self.starts, rows), step))
        columns: dict[str, Any] = dict(
            zip(self.columns, (np.repeat(self.ids, rows), times, spread(self.values)), strict=True)
        )
        columns.update(zip(self.past.names, map(spread, self.past.values.T), strict=True))
        for place, name in enumerate(self.future.names):
            columns[name] = spread(self.future.values[:, place])
            if more.any():
                columns[name][~inside] = self.ahead[:, place]
        columns.update({name: np.repeat(column, rows) for name, column in self.static.items()})
        return pd.DataFrame(columns)

    def on_clock(self, times: np.ndarray) -> "pd.Series":
        """Return times of this table as a column of pandas, in its time zone where it has one."""
        import pandas as pd

        column = pd.Series(times)
        if self.zone is None or self.frequency is None or self.frequency.whole_days:
            return column if self.zone is None else _zoned(column, self.zone)
        # All values were read at one offset, by which steps are counted on; the clock may be put forward or back after them.
        return (column - offset_at(self.starts[0], self.zone)).dt.tz_localize("UTC").dt.tz_convert(self.zone)

    def refuse_short(self, look_back: int, horizon: int) -> None:
        """Refuse series that are too short to learn from `look_back` values what the `horizon` after them are.

        Raises:
            DataError: A series has fewer values than one such sample.
        """
        _at_least_one("look_back", look_back)
        _at_least_one("horizon", horizon)
        short = np.flatnonzero(self.lengths < look_back + horizon)
        if len(short):
            more = f" (the first of {len(short):,} such series)" if len(short) > 1 else ""
            raise DataError(
                f"Series {self.ids[short[0]]!r}{more} has {self.lengths[short[0]]:,} values, and look_back={look_back} with "
                f"horizon={horizon} needs at least {look_back + horizon:,}: give longer series, or smaller numbers."
            )

    def refuse_unknown_future(self, horizon: int) -> None:
        """Refuse a horizon over which the covariates that should be known in advance are not.

        Raises:
            DataError: Rows are missing.
        """
        _at_least_one("horizon", horizon)
        if not self.future.names:
            return
        steps = np.arange(horizon)
        there = steps < np.diff(self.ahead_offsets)[:, None]
        place = np.where(there, self.ahead_offsets[:-1, None] + steps, 0)
        known = there[..., None] & np.isfinite(self.ahead[place]) if len(self.ahead) else there[..., None]
        known = np.broadcast_to(known, (len(self), horizon, len(self.future.names)))
        short = np.flatnonzero(~known.all(axis=(1, 2)))
        if len(short):
            series = short[0]
            columns = [name for name, one in zip(self.future.names, known[series].T, strict=True) if not one.all()]
            missing = np.flatnonzero(~known[series].all(axis=1))
            times = self._at(np.repeat(self.ends[series : series + 1], len(missing)), missing + 1)
            more = f" (the first of {len(short):,} such series)" if len(short) > 1 else ""
            raise DataError(
                f"Series {self.ids[series]!r}{more} has no {quoted(columns)} for {_span(times, missing)}, and a forecast of "
                f"{count(horizon, 'step')} needs them: give rows for these times with future, or below its last value "
                "with an empty value."
            )

    def categories(self, name: str, known: Sequence[str] | None = None) -> tuple[Int[np.ndarray, " series"], list[str]]:
        """Return a static covariate of text as numbers, and the texts that they stand for.

        Args:
            name: The covariate.
            known: The texts, as an earlier table gave them; None takes those of this one, sorted.

        Raises:
            DataError: A text that is not among those known.
        """
        if name not in self.static:
            raise UsageError(
                f"There is no static covariate {name!r}; there are {quoted(self.static)}: choose one of them."
            )
        column = self.static[name].astype(str)
        texts = sorted(set(column.tolist())) if known is None else list(known)
        number = {text: place for place, text in enumerate(texts)}
        unseen = next((place for place, text in enumerate(column.tolist()) if text not in number), None)
        if unseen is not None:
            raise DataError(
                f"Series {self.ids[unseen]!r} has {name}={str(column[unseen])!r}, which is none of the known "
                f"{quoted(texts, 5)}: correct it, or train with it."
            )
        return np.array([number[text] for text in column.tolist()], np.int64), texts


def _span(times: np.ndarray, steps: Int[np.ndarray, " steps"]) -> str:
    """Return times as they stand in a sentence: from the first to the last where no step is between them."""
    kind = "integer" if times.dtype.kind == "i" else "datetime"
    shown = [show(kind, int(time.view(np.int64))) for time in times]
    if len(shown) > 2 and np.ptp(steps) == len(steps) - 1:
        return f"{shown[0]} to {shown[-1]}"
    return ", ".join(shown[:3]) + (f" and {len(shown) - 3:,} more" if len(shown) > 3 else "")


def offset_at(time: Any, zone: str) -> Any:
    """Return how far a clock is ahead of UTC when it shows a time."""
    import pandas as pd

    shown = pd.Series([time])
    return (shown - _zoned(shown, zone).dt.tz_convert("UTC").dt.tz_localize(None)).to_numpy()[0]


def _zoned(times: "pd.Series", zone: str) -> "pd.Series":
    """Return days in their zone, in which midnight may be missing or double."""
    return times.dt.tz_localize(zone, ambiguous=np.ones(len(times), bool), nonexistent="shift_forward")


def _ranges(
    starts: Int[np.ndarray, " chosen"], lengths: Int[np.ndarray, " chosen"]
) -> tuple[Int[np.ndarray, " rows"], Int[np.ndarray, " offsets"]]:
    """Return the rows of some stretches one after the other, and where each stretch begins among them."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths), offsets


def _at_least_one(name: str, number: Any) -> None:
    if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 1:
        raise UsageError(f"{name} is {number!r}: give a whole number of at least 1.")
