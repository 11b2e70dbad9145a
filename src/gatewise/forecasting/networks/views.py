"""How a local network sees its series: on which scale, without its season, in units of its own movement."""

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Float64, Int64

from gatewise.errors import UsageError
from gatewise.forecasting.networks.power import from_scale, guerrero, to_scale
from gatewise.forecasting.networks.seasonal_means import seasonal_means

Scale = Literal["log", "box-cox", "plain"]
Season = Literal["differences", "removed", "kept"]
# A forecast may leave the range of its history by so many times the range.
_RANGES_BEYOND = 2.0
_ROUNDING = 1e-10


@dataclass(frozen=True)
class LocalView:
    """A way to see series.

    Attributes:
        scale: ``"log"``: logarithms; ``"box-cox"``: the power between them and the values on whose scale movements are most
            alike; ``"plain"``: values as they are. So is any series with a value of 0 or below.
        season: ``"differences"``: changes since the season before; ``"removed"``: without the mean of each place in the
            season; ``"kept"``: as it is. A series of less than two seasons is seen as it is.
    """

    scale: Scale = "log"
    season: Season = "differences"

    def __post_init__(self) -> None:
        for name, kinds in (("scale", Scale), ("season", Season)):
            if getattr(self, name) not in get_args(kinds):
                raise UsageError(
                    f"{name} is {getattr(self, name)!r}: choose among {', '.join(map(repr, get_args(kinds)))}."
                )

    @property
    def name(self) -> str:
        """The view in words."""
        words = {"differences": "seasonal differences", "removed": "season removed", "kept": "as it is"}[self.season]
        return f"{'' if self.scale == 'plain' else f'{self.scale}, '}{words}"


@dataclass(frozen=True, eq=False)
class Glasses:
    """A view fitted to series: what is needed to see them in this way, longer ones too, and to see back.

    Attributes:
        power: Of each series' scale, as in `power.to_scale`: 0 for logarithms, NaN for as it is, ``(series,)``.
        differences: Which are changes since the season before, ``(series,)``.
        season: The mean of each place in the season, 0 where none is removed; place 0 is that of the series' first value,
            ``(series, places)``.
        scale: What the movements are divided by; 0 for a series that never moves, whose forecast does not either,
            ``(series,)``.
    """

    power: Float64[np.ndarray, " series"]
    differences: Bool[np.ndarray, " series"]
    season: Float64[np.ndarray, "series places"]
    scale: Float64[np.ndarray, " series"]

    @classmethod
    def fitted(cls, view: LocalView, values: Float64[np.ndarray, "series time"], season_length: int) -> "Glasses":
        """Fit a view to series that end at the last column."""
        observed = np.isfinite(values)
        series = len(values)
        if view.scale == "box-cox":
            power = guerrero(values, season_length)
        else:
            logs = np.logical_and(view.scale == "log", (np.where(observed, values, 1.0) > 0).all(axis=1))
            power = np.where(logs, 0.0, np.nan)
        long = observed.sum(axis=1) >= 2 * season_length + 2
        differences = (view.season == "differences") & (season_length > 1) & long
        season = np.zeros((series, season_length))
        blank = cls(power, differences, season, np.ones(series))
        removed = (
            (view.season != "kept") & (season_length > 1) & ~differences & (observed.sum(axis=1) > season_length + 1)
        )
        if removed.any():
            levels = blank._levels(values)[removed]
            season[removed] = seasonal_means(levels, season_length, _places(values, season_length)[removed])
        seen = replace(blank, season=season)
        return replace(seen, scale=_movement(seen.see(values), differences))

    def select(self, rows: np.ndarray) -> "Glasses":
        """Return the glasses of some of the series."""
        return Glasses(self.power[rows], self.differences[rows], self.season[rows], self.scale[rows])

    @property
    def units(self) -> Float64[np.ndarray, " series"]:
        """What is divided by: the scale where there is one."""
        return np.where(self.scale > 0, self.scale, 1.0)

    def see(self, values: Float64[np.ndarray, "series time"]) -> Float64[np.ndarray, "series time"]:
        """Return series as the network is to see them, NaN where a value is missing."""
        levels = self._levels(values)
        length = self.season.shape[1]
        places = _places(values, length)
        without = levels - np.take_along_axis(self.season, places, axis=1)
        if self.differences.any():
            before = np.pad(levels, ((0, 0), (length, 0)), constant_values=np.nan)[:, : levels.shape[1]]
            without = np.where(self.differences[:, None], levels - before, without)
        return without / self.units[:, None]

    def back(
        self,
        values: Float64[np.ndarray, "series time"],
        seen: Float64[np.ndarray, "members series horizon"],
    ) -> Float64[np.ndarray, "members series horizon"]:
        """Return forecasts as the network sees them in the units of the series, not far outside of their range."""
        levels = filled(self._levels(values))
        length, horizon = self.season.shape[1], seen.shape[2]
        moved = seen * self.units[:, None]
        steps = np.arange(1, horizon + 1)
        places = (_places(values, length)[:, -1:] + steps) % length
        plain = moved + np.take_along_axis(self.season, places, axis=1)
        chained = np.empty_like(moved)
        for step in range(horizon):
            at = levels.shape[1] + step - length
            before = levels[:, max(at, 0)] if at < levels.shape[1] else chained[:, :, step - length]
            chained[:, :, step] = before + moved[:, :, step]
        forecast = np.where(self.differences[:, None], chained, plain)
        low, high = levels.min(axis=1), levels.max(axis=1)
        room = _RANGES_BEYOND * np.maximum(high - low, np.where(self.power == 0, 0.1, 0.0))
        forecast = np.clip(forecast, (low - room)[:, None], (high + room)[:, None])
        return from_scale(forecast, self.power)

    def _levels(self, values: Float64[np.ndarray, "series time"]) -> Float64[np.ndarray, "series time"]:
        return to_scale(values, self.power)


def _places(values: Float64[np.ndarray, "series time"], season_length: int) -> Int64[np.ndarray, "series time"]:
    """Return the place in the season of every column, counted from the first value of each series."""
    first = np.isfinite(values).argmax(axis=1)
    return (np.arange(values.shape[1]) - first[:, None]) % season_length


def filled(levels: Float64[np.ndarray, "series time"]) -> Float64[np.ndarray, "series time"]:
    """Repeat the last value in gaps, and the first one before a series begins; 0 where there is none."""
    known = np.isfinite(levels)
    place = np.maximum.accumulate(np.where(known, np.arange(levels.shape[1]), -1), axis=1)
    place = np.where(place < 0, known.argmax(axis=1)[:, None], place)
    return np.nan_to_num(np.take_along_axis(levels, place, axis=1))


def _movement(
    seen: Float64[np.ndarray, "series time"], differences: Bool[np.ndarray, " series"]
) -> Float64[np.ndarray, " series"]:
    """Return how far series usually go: from step to step, or from season to season; 0 for one that never moves."""
    filled = np.where(np.isfinite(seen), seen, np.nan)
    steps = np.where(differences[:, None], filled, np.diff(filled, axis=1, prepend=np.nan))
    known = np.isfinite(steps)
    squares = np.sum(np.where(known, steps, 0.0) ** 2, axis=1) / np.maximum(known.sum(axis=1), 1)
    size = np.sqrt(squares)
    # What is left of a series that only repeats itself is rounding.
    around = np.where(np.isfinite(seen), np.abs(seen), 0.0).max(axis=1)
    return np.where(size > _ROUNDING * around, size, 0.0)
