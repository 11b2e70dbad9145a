"""Baselines as methods of a rolling origin, and which of them are taken."""

import importlib.util
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64

from gatewise.errors import GatewiseWarning
from gatewise.evaluation.simple_baselines import Baseline, Drift, Naive, SeasonalNaive
from gatewise.evaluation.statistical_baselines import ARIMA, ETS, DynamicOptimizedTheta
from gatewise.forecasting.classical.regression import Regression
from gatewise.forecasting.panel import Panel

# About how many seconds a forecast takes for each value that it is estimated from, without a season and with one: AMD EPYC,
# statsforecast 2.0.1, series of 60 to 400 values. Numbers, and not a clock, so that the same series are always forecast
# in the same way.
_SECONDS_A_VALUE = {
    DynamicOptimizedTheta.name: (1.3e-5, 1.4e-5),
    ETS.name: (5e-5, 6.5e-4),
    ARIMA.name: (5e-4, 1.7e-3),
}
# What it takes to follow the values to a further cutoff, of what it takes to estimate.
_FOLLOWING = 0.1


@runtime_checkable
class PanelBaseline(Protocol):
    """A baseline that also knows the covariates of the series."""

    def forecast_panel(self, panel: Panel, horizon: int) -> Float64[np.ndarray, "series horizon"]:
        """Forecast the steps after a panel, in which every series has a value."""


@runtime_checkable
class Followed(Protocol):
    """A baseline that can go on with what it has estimated."""

    def forecast_from(
        self, values: Any, steps_back: Sequence[int], season_length: int, horizon: int
    ) -> Float64[np.ndarray, "series ends horizon"]:
        """Forecast from several ends with what was estimated at the first."""


@dataclass(eq=False)
class BaselineMethod:
    """A baseline.

    Attributes:
        baseline: The baseline.
    """

    baseline: Baseline
    is_network: bool = field(default=False, init=False)

    @property
    def title(self) -> str:
        """What it is called while it works."""
        return f"baseline {self.baseline.name}"

    def start(self, panel: Panel, horizon: int, steps_back: Sequence[int]) -> None:
        """Do nothing: it takes no time."""

    def stop(self) -> None:
        """Do nothing: nothing runs."""

    def roll(
        self, panel: Panel, horizon: int, steps_back: Sequence[int], progress: Callable[[float], None]
    ) -> dict[str, Float64[np.ndarray, "windows series horizon"]]:
        """Forecast from each cutoff; see `rolling.Method`."""
        forecasts = np.full((len(steps_back), len(panel), horizon), np.nan)
        for window, back in enumerate(steps_back):
            forecasts[window] = panel_forecast(self.baseline, panel.until(back), horizon)
            progress((window + 1) / len(steps_back))
        return {self.baseline.name: forecasts}


def panel_forecast(baseline: Baseline, panel: Panel, horizon: int) -> Float64[np.ndarray, "series horizon"]:
    """Return the forecasts of a baseline, with covariates where it takes them; NaN for a series without a value."""
    if not isinstance(baseline, PanelBaseline):
        return baseline_forecast(baseline, panel.values, panel.season_length, horizon)
    forecast = np.full((len(panel), horizon), np.nan)
    begun = np.flatnonzero(np.isfinite(panel.values).any(axis=1))
    if len(begun):
        forecast[begun] = baseline.forecast_panel(panel.select(begun), horizon)
    return forecast


def baseline_forecast(
    baseline: Baseline, values: Float64[np.ndarray, "series time"], season_length: int, horizon: int
) -> Float64[np.ndarray, "series horizon"]:
    """Return the forecasts of a baseline, NaN for a series without a value."""
    forecast = np.full((len(values), horizon), np.nan)
    begun = np.isfinite(values).any(axis=1)
    if begun.any():
        with warnings.catch_warnings():
            # A series that is too short for a method has the seasonal naive forecast, as the docs of Forecaster say.
            warnings.simplefilter("ignore", GatewiseWarning)
            forecast[begun] = baseline.forecast(values[begun], season_length, horizon)
    return forecast


def baseline_forecasts(
    baseline: Baseline,
    values: Float64[np.ndarray, "series time"],
    steps_back: Sequence[int],
    season_length: int,
    horizon: int,
) -> Float64[np.ndarray, "series ends horizon"]:
    """Return the forecasts of a baseline from several ends, estimated at the first of them where it can go on from there.

    Args:
        baseline: The baseline.
        values: The series.
        steps_back: The ends, as columns that come after them, the earliest end first.
        season_length: Steps in a season.
        horizon: Steps.
    """
    if len(steps_back) > 1 and isinstance(baseline, Followed):
        found = np.full((len(values), len(steps_back), horizon), np.nan)
        begun = np.isfinite(values).any(axis=1)
        found[begun] = baseline.forecast_from(values[begun], steps_back, season_length, horizon)
        return found
    ends = [values[:, : values.shape[1] - back] for back in steps_back]
    return np.stack([baseline_forecast(baseline, known, season_length, horizon) for known in ends], axis=1)


def usual_baselines(season_length: int, arima: bool = False, covariates: bool = False) -> tuple[Baseline, ...]:
    """Return the baselines that a forecast is weighed against: those of statsforecast only where it is installed."""
    simple: tuple[Baseline, ...] = (Naive(), SeasonalNaive(), Drift()) if season_length > 1 else (Naive(), Drift())
    if covariates:
        simple = (*simple, Regression())
    if not has_statsforecast():
        return simple
    return (*simple, DynamicOptimizedTheta(), ETS(), *([ARIMA()] if arima else []))


def seconds_of(baseline: Baseline, panel: Panel, cutoffs: int = 1, once: bool = False) -> float:
    """Return about how long a baseline takes to forecast all series from some cutoffs; 0 for those that take no time.

    Args:
        baseline: The baseline.
        panel: The series.
        cutoffs: How many, the end among them.
        once: Whether it is estimated at the first and at the end only.
    """
    costs = _SECONDS_A_VALUE.get(baseline.name, (0.0, 0.0))
    estimates = min(cutoffs, 2) + _FOLLOWING * max(cutoffs - 2, 0) if once else cutoffs
    return int(np.isfinite(panel.values).sum()) * costs[panel.season_length > 1] * estimates


def has_statsforecast() -> bool:
    """Return whether the extra `baselines` is installed."""
    return importlib.util.find_spec("statsforecast") is not None


BY_NAME: dict[str, Baseline] = {
    baseline.name: baseline
    for baseline in (Naive(), SeasonalNaive(), Drift(), Regression(), DynamicOptimizedTheta(), ETS(), ARIMA())
}
