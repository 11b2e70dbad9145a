"""Series of a panel moved to the first column, on the scale on which they are modelled, and forecasts back from it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from gatewise.forecasting.panel import Panel

# A forecast may leave the range of its history by so many times the range, or by a factor of e^3 where that is little.
_RANGES_BEYOND = 3.0
_LOG_BEYOND = 3.0


@dataclass(frozen=True, eq=False)
class AlignedSeries:
    """Series that begin at the first column, so that a recurrent network begins each of them in its first state.

    A series whose values are all positive is modelled in logarithms, in which sMAPE is ``200 tanh(|difference| / 2)`` of
    the two; any other as it is, in units of its own first movements.

    Attributes:
        levels: The series, gaps filled with the value a season or a step earlier, and the last value repeated behind the
            end, ``(series, time)``.
        observed: Where there is a value, ``(series, time)``.
        lengths: How many columns each series has, gaps included, ``(series,)``.
        positive: Which are in logarithms, ``(series,)``.
        units: What the others were divided by, ``(series,)``.
        season_length: Steps in a season.
    """

    levels: Float64[np.ndarray, "series time"]
    observed: Bool[np.ndarray, "series time"]
    lengths: Int64[np.ndarray, " series"]
    positive: Bool[np.ndarray, " series"]
    units: Float64[np.ndarray, " series"]
    season_length: int

    @classmethod
    def of(cls, panel: Panel, longest: int | None = None) -> "AlignedSeries":
        """Move series to the first column.

        Args:
            panel: The series.
            longest: How many of each series' last columns to keep. Default: all.
        """
        values = panel.values if longest is None else panel.values[:, -longest:]
        room = panel.room if longest is None else min(panel.room, longest)
        here = np.isfinite(values)
        columns = values.shape[1]
        lengths = columns - np.where(here.any(axis=1), here.argmax(axis=1), columns)
        place = _moved(here, room)
        inside = np.arange(room) < lengths[:, None]
        moved = np.take_along_axis(values, place, axis=1)
        observed = inside & np.isfinite(moved)
        positive = np.all(np.where(observed, moved, 1.0) > 0, axis=1)
        units = np.where(positive, 1.0, _first_movements(moved, observed))
        with np.errstate(divide="ignore", invalid="ignore"):
            levels = np.where(positive[:, None], np.log(moved), moved / units[:, None])
        levels = _filled(np.where(observed, levels, np.nan), observed, panel.season_length)
        return cls(levels, observed, lengths.astype(np.int64), positive, units, panel.season_length)

    def same_units(self, longer: "AlignedSeries") -> bool:
        """Return whether these series are on the scale that they have with later values, as far as they have begun."""
        begun = self.lengths > 0
        same = (self.positive == longer.positive) & (self.units == longer.units)
        return bool(same[begun].all())

    def back(
        self, forecast: Float64[np.ndarray, "*members series horizon"]
    ) -> Float64[np.ndarray, "*members series horizon"]:
        """Return forecasts on the scale of the levels in the units of the panel.

        They are kept within a wide range around their history, and not below 0 where no value of it is.
        """
        known = np.where(self.observed, self.levels, np.nan)
        empty = ~np.any(self.observed, axis=1)
        known[empty, 0] = 0.0
        low, high = np.nanmin(known, axis=1), np.nanmax(known, axis=1)
        beyond = np.maximum(_RANGES_BEYOND * (high - low), np.where(self.positive, _LOG_BEYOND, 0.0))
        floor = np.where(~self.positive & (low >= 0), 0.0, low - beyond)
        ceiling = np.where(self.positive, np.minimum(high + beyond, 700.0), high + beyond)
        kept = np.clip(forecast, floor[:, None], ceiling[:, None])
        values = np.where(self.positive[:, None], np.exp(np.minimum(kept, 700.0)), kept * self.units[:, None])
        return np.where(empty[:, None], np.nan, values)


def columns_moved(panel: Panel, longest: int) -> Int64[np.ndarray, "series room"]:
    """Return which column of a panel, of those that are kept, stands at each column of `AlignedSeries`."""
    return _moved(np.isfinite(panel.values[:, -longest:]), min(panel.room, longest))


def _moved(here: Bool[np.ndarray, "series time"], room: int) -> Int64[np.ndarray, "series room"]:
    columns = here.shape[1]
    first = np.where(here.any(axis=1), here.argmax(axis=1), columns)
    return np.minimum(first[:, None] + np.arange(room), columns - 1)


def _first_movements(
    values: Float64[np.ndarray, "series time"], observed: Bool[np.ndarray, "series time"], count: int = 8
) -> Float64[np.ndarray, " series"]:
    """Return the mean size of the first changes of each series, 1 where it never changes: a number later values do not move."""
    both = observed[:, 1:] & observed[:, :-1]
    steps = np.where(both, np.abs(np.diff(values, axis=1)), 0.0)
    moving = steps > 0
    early = moving & (np.cumsum(moving, axis=1) <= count)
    total, number = np.where(early, steps, 0.0).sum(axis=1), early.sum(axis=1)
    return np.where(number > 0, total / np.maximum(number, 1), 1.0)


def _filled(
    levels: Float64[np.ndarray, "series time"], observed: Bool[np.ndarray, "series time"], season_length: int
) -> Float64[np.ndarray, "series time"]:
    """Fill gaps from the past only: with the value a season earlier where there is one, else with the last."""
    filled = levels.copy()
    filled[~observed[:, 0], 0] = 0.0
    for step in np.flatnonzero(~np.all(observed, axis=0)).tolist():
        if step:
            before = filled[:, step - season_length if step >= season_length else step - 1]
            gap = ~observed[:, step]
            filled[gap, step] = before[gap]
    return filled
