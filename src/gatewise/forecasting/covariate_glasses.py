"""How networks see covariates, and series without what covariates that are known in advance do to them.

The effect of a promotion, a holiday or the temperature is taken out of a series before a network reads it, as the season is,
and put back into the forecast. What is left of it, and what past values of covariates say, the network sees as inputs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int

from gatewise.forecasting.covariates import Covariates
from gatewise.forecasting.linear_effects import WIDE, own_variance, shared, steps_of, waves
from gatewise.forecasting.panel import Panel

# A network sees nothing further from the usual than this, and no covariate works beyond its range by more than this share.
_FAR, _BEYOND = 8.0, 0.5
# Effects multiply by at most e^3.
_MOST_EFFECT = 3.0


@dataclass(frozen=True, eq=False)
class Bare:
    """Series without the effects of covariates, and the way back.

    Attributes:
        panel: The series.
        effects: What covariates add over the horizon, ``(series, horizon)``.
        positive: For which series that is in logarithms, ``(series,)``.
        units: In which it is measured in the others, ``(series,)``.
    """

    panel: Panel
    effects: Float64[np.ndarray, "series horizon"]
    positive: Bool[np.ndarray, " series"]
    units: Float64[np.ndarray, " series"]

    def back(
        self, forecast: Float64[np.ndarray, "*members series horizon"]
    ) -> Float64[np.ndarray, "*members series horizon"]:
        """Return forecasts with the effects."""
        effects = self.effects[:, : forecast.shape[-1]]
        multiplied = forecast * np.exp(np.where(self.positive[:, None], effects, 0.0))
        return np.where(self.positive[:, None], multiplied, forecast + effects * self.units[:, None])


@dataclass(frozen=True, eq=False)
class CovariateGlasses:
    """What is needed to see covariates as a network does, all of it from the part that was trained on.

    The arrays have a row for each series, or a single one for all.

    Attributes:
        past: Mean and spread of what is known up to now, ``(rows, 2, past)``.
        future: Mean, spread, least and most of what is known in advance, ``(rows, 4, future)``.
        static: Mean and spread of what is said of whole series, ``(1, 2, static)``.
        squared: Which of those known in advance also work through their squares: those of more than two values.
        mean: Effects in general, ``(rows, columns)``.
        variance: How far those of a series are from that, ``(rows, columns)``.
    """

    past: Float64[np.ndarray, "rows 2 past"]
    future: Float64[np.ndarray, "rows 4 future"]
    static: Float64[np.ndarray, "1 2 static"]
    squared: Bool[np.ndarray, " future"]
    mean: Float64[np.ndarray, "rows columns"]
    variance: Float64[np.ndarray, "rows columns"]

    @classmethod
    def of_each(cls, panel: Panel) -> "CovariateGlasses | None":
        """Fit glasses to each series by itself; None for a panel without covariates in time."""
        known = panel.covariates
        if known is None or not (known.past_names or known.future_names):
            return None
        return cls._fitted(panel, known, each=True)

    @classmethod
    def of_all(cls, panel: Panel) -> "CovariateGlasses | None":
        """Fit one pair of glasses to all series; None for a panel without covariates."""
        return None if panel.covariates is None else cls._fitted(panel, panel.covariates, each=False)

    @classmethod
    def _fitted(cls, panel: Panel, known: Covariates, each: bool) -> "CovariateGlasses":
        time = panel.values.shape[1]
        observed = np.isfinite(panel.values)[..., None]
        so_far = known.future[:, :time]
        past, future = (_scales(array, observed, each) for array in (known.past, so_far))
        ends = [
            how(np.where(observed, so_far, worst), axis=1 if each else (0, 1), keepdims=not each)
            for how, worst in ((np.min, np.inf), (np.max, -np.inf))
        ]
        ends = [np.nan_to_num(end.reshape(len(future), -1), posinf=0.0, neginf=0.0) for end in ends]
        static = _scales(known.static[:, None], np.ones((len(panel), 1, 1), bool), False)
        several = [len(np.unique(so_far[..., place][observed[..., 0]])) > 2 for place in range(so_far.shape[2])]
        squared = np.array(several, bool)
        width = so_far.shape[2] + int(squared.sum())
        rows = len(future)
        blank = cls(
            past,
            np.concatenate([future, np.stack(ends, axis=1)], axis=1),
            static,
            squared,
            np.zeros((rows, width)),
            np.zeros((rows, width)),
        )
        if not width:
            return blank
        positive = positive_series(panel)
        certain = waves(time, panel.season_length)
        levels = levels_of(panel, positive, units_of(panel, positive))
        steps = steps_of(levels, blank.columns(panel, known, certain))
        if each:
            mean, variance = np.zeros(steps.moments.shape), own_variance(steps, certain.shape[1])
        else:
            mean, variance = (array[None] for array in shared(steps))
        return cls(blank.past, blank.future, static, squared, mean[:, :width], variance[:, :width])

    @staticmethod
    def joined(parts: "Sequence[CovariateGlasses]") -> "CovariateGlasses | None":
        """Return the glasses of several groups of series as those of all; None where there are none."""
        if not parts:
            return None
        first = parts[0].arrays()
        both = {name: np.concatenate([part.arrays()[name] for part in parts]) for name in first if name not in _SHARED}
        return CovariateGlasses(**{**first, **both})

    @property
    def known(self) -> int:
        """How many covariates are known in advance."""
        return self.future.shape[2]

    def select(self, places: Int[np.ndarray, " chosen"]) -> "CovariateGlasses":
        """Return the glasses of some of the series, where each has its own."""
        own = {name: array if name in _SHARED else array[places] for name, array in self.arrays().items()}
        return CovariateGlasses(**own)

    def without(self, panel: Panel) -> Bare:
        """Return the series without the effects of what is known in advance, estimated from all of their values."""
        positive = positive_series(panel)
        units = units_of(panel, positive)
        time, width = panel.values.shape[1], self.mean.shape[1]
        known = panel.covariates
        assert known is not None
        if not width:
            return Bare(panel, np.zeros((len(panel), known.ahead)), positive, units)
        season = waves(time, panel.season_length)
        columns = self.columns(panel, known, season)
        levels = levels_of(panel, positive, units)
        steps = steps_of(levels, columns)
        whole = (len(panel), columns.shape[2])
        mean, variance = np.zeros(whole), np.full(whole, WIDE)
        mean[:, :width], variance[:, :width] = self.mean, self.variance
        effects = steps.effects(mean, variance)[:, :width]
        added = np.einsum("stp,sp->st", self.basis(known.future), effects)
        added = np.clip(added - added[:, :time].mean(axis=1, keepdims=True), -_MOST_EFFECT, _MOST_EFFECT)
        history = added[:, :time]
        with np.errstate(over="ignore"):
            bare = np.where(
                positive[:, None],
                panel.values * np.exp(-np.where(positive[:, None], history, 0.0)),
                panel.values - history * units[:, None],
            )
        return Bare(replace(panel, values=bare), added[:, time:], positive, units)

    def beside(self, panel: Panel) -> Float32[np.ndarray, "series reach features"]:
        """Return what a network sees of covariates at each column and the steps ahead: known in advance, then past.

        What is not known any more is as it was last.
        """
        known = panel.covariates
        assert known is not None
        past = np.clip((known.past - self.past[:, :1]) / self.past[:, 1:], -_FAR, _FAR)
        last = np.repeat(past[:, -1:], known.ahead, axis=1)
        parts = [self._seen(known.future), np.concatenate([past, last], axis=1)]
        return np.concatenate(parts, axis=2).astype(np.float32)

    def of_series(self, panel: Panel) -> Float32[np.ndarray, "series features"]:
        """Return what a network sees of whole series."""
        known = panel.covariates
        assert known is not None
        seen: np.ndarray = np.clip((known.static - self.static[:, 0]) / self.static[:, 1], -_FAR, _FAR)
        return seen.astype(np.float32)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all of it by name."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray], start: str = "covariates/") -> "CovariateGlasses | None":
        """Return glasses from their arrays among others; None where there are none."""
        names = [one.name for one in fields(cls)]
        return cls(*(arrays[start + name] for name in names)) if start + names[0] in arrays else None

    def _seen(self, future: Float64[np.ndarray, "series reach future"]) -> Float64[np.ndarray, "series reach future"]:
        return np.clip((future - self.future[:, :1]) / self.future[:, 1:2], -_FAR, _FAR)

    def basis(self, future: Float64[np.ndarray, "series reach future"]) -> Float64[np.ndarray, "series reach columns"]:
        """Return what the effects are of: values within their range or not far from it, and squares."""
        low, high = self.future[:, 2:3], self.future[:, 3:4]
        room = _BEYOND * (high - low)
        inside = (np.clip(future, low - room, high + room) - self.future[:, :1]) / self.future[:, 1:2]
        squares = inside[..., self.squared]
        return np.concatenate([inside, squares**2 - 1], axis=2)

    def columns(
        self, panel: Panel, known: Covariates, season: Float64[np.ndarray, "time waves"]
    ) -> Float64[np.ndarray, "series time columns"]:
        """Return the columns of the regression, the season last, for series that are long enough for one."""
        long = np.isfinite(panel.values).sum(axis=1) >= 2 * panel.season_length + 2
        own = season * long[:, None, None]
        return np.concatenate([self.basis(known.future[:, : panel.values.shape[1]]), own], axis=2)


_SHARED = ("squared", "static")


def _scales(
    columns: Float64[np.ndarray, "series time features"], observed: Bool[np.ndarray, "series time 1"], each: bool
) -> Float64[np.ndarray, "rows 2 features"]:
    """Return mean and spread where there are values; a spread of 1 for what never changes."""
    axes = 1 if each else (0, 1)
    count = np.maximum(observed.sum(axis=axes, keepdims=True), 1)
    mean = np.sum(columns, axis=axes, keepdims=True, where=observed) / count
    spread = np.sqrt(np.sum((columns - mean) ** 2, axis=axes, keepdims=True, where=observed) / count)
    around = np.abs(mean) + np.finfo(np.float64).tiny
    spread = np.where(spread > 1e-9 * around, spread, 1.0)
    return np.concatenate([mean, spread], axis=1)


def positive_series(panel: Panel) -> Bool[np.ndarray, " series"]:
    """Return which series are modelled in logarithms."""
    return np.all(np.where(np.isfinite(panel.values), panel.values, 1.0) > 0, axis=1)


def units_of(panel: Panel, positive: Bool[np.ndarray, " series"]) -> Float64[np.ndarray, " series"]:
    """Return 1 for series in logarithms, and for others how far they go in a step."""
    steps = np.diff(panel.values, axis=1)
    known = np.isfinite(steps)
    size = np.sqrt(np.sum(steps**2, axis=1, where=known) / np.maximum(known.sum(axis=1), 1))
    return np.where(positive | ~(size > 0), 1.0, size)


def levels_of(
    panel: Panel, positive: Bool[np.ndarray, " series"], units: Float64[np.ndarray, " series"]
) -> Float64[np.ndarray, "series time"]:
    """Return series in logarithms, or in their units."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(positive[:, None], np.log(panel.values), panel.values / units[:, None])
