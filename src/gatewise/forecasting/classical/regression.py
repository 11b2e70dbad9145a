"""`Regression`: the linear rival that knows covariates, so that a network has to be better than what a line explains."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float64

from gatewise.forecasting.covariate_glasses import CovariateGlasses, levels_of, positive_series, units_of
from gatewise.forecasting.linear_effects import own_variance, regression_of, smoothed, steps_of, waves
from gatewise.forecasting.panel import Panel

# A forecast may leave the range of its history by so many times the range.
_RANGES_BEYOND = 2.0


@dataclass(frozen=True)
class Regression:
    """A level that moves, a season of a few waves, and what covariates add; each series by itself.

    The effects of covariates that are known in advance, their squares included, come from a regression whose errors are a
    local level (`gatewise.forecasting.linear_effects`). What is left is forecast step by step of the horizon by another,
    on the last value, on the last two values of past covariates, and on how far such forecasts were off on average. Both
    are drawn to 0 as far as noise explains them. In logarithms where all values are positive.

    >>> Regression().forecast([[1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2.0]], season_length=2, horizon=3).round(1).tolist()
    [[1.0, 2.0, 1.0]]
    """

    name: ClassVar[str] = "Regression"

    def forecast(self, values: Any, season_length: int, horizon: int) -> Float64[np.ndarray, "series horizon"]:
        """Forecast without covariates; see `gatewise.baselines.Baseline.forecast`."""
        return self.forecast_panel(Panel(np.asarray(values, np.float64), season_length), horizon)

    def forecast_panel(self, panel: Panel, horizon: int) -> Float64[np.ndarray, "series horizon"]:
        """Forecast the steps after a panel with what its covariates say."""
        positive = positive_series(panel)
        units = units_of(panel, positive)
        levels = levels_of(panel, positive, units)
        time = levels.shape[1]
        columns, past, certain = _columns(panel, horizon)
        steps = steps_of(levels, columns[:, :time])
        effects = steps.effects(np.zeros(steps.moments.shape), own_variance(steps, certain))
        explained = np.einsum("stp,sp->st", columns, effects)
        ahead = _rest_ahead(levels - explained[:, :time], past, steps.rate, horizon)
        return _back(levels, ahead + explained[:, time : time + horizon], positive) * units[:, None]


def _columns(
    panel: Panel, horizon: int
) -> tuple[Float64[np.ndarray, "series reach columns"], Float64[np.ndarray, "series time past"], int]:
    """Return what explains each step and those of the horizon, past covariates, and how many columns are of the season."""
    time = panel.values.shape[1]
    long = np.isfinite(panel.values).sum(axis=1) >= 2 * panel.season_length + 2
    season = waves(time, panel.season_length, horizon) * long[:, None, None]
    lens = CovariateGlasses.of_each(panel)
    if lens is None or panel.covariates is None:
        return season, np.zeros((*panel.values.shape, 0)), season.shape[2]
    past = lens.beside(panel)[:, :time, lens.known :].astype(np.float64)
    future = panel.covariates.future[:, : time + horizon] if lens.known else np.zeros((len(panel), time + horizon, 0))
    return np.concatenate([lens.basis(future), season], axis=2), past, season.shape[2]


def _rest_ahead(
    rest: Float64[np.ndarray, "series time"],
    past: Float64[np.ndarray, "series time past"],
    rate: Float64[np.ndarray, " series"],
    horizon: int,
) -> Float64[np.ndarray, "series horizon"]:
    """Return what is left without effects and season over the horizon."""
    time = rest.shape[1]
    level = smoothed(rest[..., None], rate)[..., 0]
    usual = smoothed(past, rate)
    change = past - np.pad(usual, ((0, 0), (1, 0), (0, 0)), mode="edge")[:, :time]
    before = np.pad(change, ((0, 0), (1, 0), (0, 0)))[:, :time]
    begun = np.isfinite(rest).cumsum(axis=1) > 1
    ones = np.where(begun, 1.0, np.nan)[..., None]
    moves = np.concatenate([(rest - level)[..., None], change, before, ones], axis=2)
    now = np.nan_to_num(moves[:, -1])
    ahead = np.empty((len(rest), horizon))
    for step in range(1, horizon + 1):
        first = max(time - step, 0)
        steps = regression_of(rest[:, time - first :] - level[:, :first], moves[:, :first])
        weights = steps.effects(np.zeros(steps.moments.shape), own_variance(steps))
        ahead[:, step - 1] = level[:, -1] + np.sum(now * weights, axis=1)
    return ahead


def _back(
    levels: Float64[np.ndarray, "series time"], ahead: Float64[np.ndarray, "series horizon"], positive: np.ndarray
) -> Float64[np.ndarray, "series horizon"]:
    """Return forecasts in the units of the series, not far outside of their range."""
    known = np.isfinite(levels)
    low = np.where(known, levels, np.inf).min(axis=1)
    high = np.where(known, levels, -np.inf).max(axis=1)
    room = _RANGES_BEYOND * (high - low)
    kept = np.clip(ahead, (low - room)[:, None], (high + room)[:, None])
    return np.where(positive[:, None], np.exp(np.minimum(kept, 700.0)), kept)
