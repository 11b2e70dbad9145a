"""The classical methods, by statsforecast: exponential smoothing, dynamic optimised Theta, ARIMA.

Their estimation is decades of work that statsforecast has done and checked; here they get the interface of the other
baselines, gaps in the history, and an answer for series that are too short for them. statsforecast is an extra, since it
brings numba, statsmodels, fugue and a dozen more along; it is loaded at the first forecast.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float64

from gatewise.errors import EnvironmentFault, GatewiseWarning
from gatewise.evaluation.averages import whole_number
from gatewise.evaluation.histories import Histories, read_histories
from gatewise.evaluation.simple_baselines import SeasonalNaive

# Seasons of a series of which an estimate may serve for later ends.
_SETTLED = 3


@dataclass(frozen=True)
class _Statistical:
    """A model of statsforecast, one series after the other."""

    name: ClassVar[str]
    _model: ClassVar[str]

    def forecast(self, values: Any, season_length: int, horizon: int) -> Float64[np.ndarray, "series horizon"]:
        """Fit and forecast each series; see `Baseline.forecast`.

        A series begins with its first value; gaps inside it are filled along a line, and where values are missing at
        its end the forecast begins after the last one that is there. A series on which the method fails, mostly
        since it is too short, gets the seasonal naive forecast, and a GatewiseWarning says how many did.

        Raises:
            EnvironmentFault: statsforecast is not installed.
        """
        found, failures = self._from(read_histories(values), [0], season_length, horizon)
        if failures:
            warnings.warn(
                f"{self.name} failed on {len(failures)} of {len(found)} series, which get the seasonal naive forecast "
                f"instead ({failures[0]}).",
                GatewiseWarning,
                stacklevel=2,
            )
        return found[:, 0]

    def forecast_from(
        self, values: Any, steps_back: Sequence[int], season_length: int, horizon: int
    ) -> Float64[np.ndarray, "series ends horizon"]:
        """Forecast each series from several ends, with what was estimated at the first of them by which it had three seasons.

        At the later ends only the states follow the values, as those of a network do that is not trained again. Before, it is
        estimated at every end: of two seasons no method knows that they are.

        Args:
            values: The series, to the last end or beyond; see `Baseline.forecast`.
            steps_back: The ends, as columns that come after them, the earliest end first.
            season_length: Steps in a season, 1 for none.
            horizon: Steps.

        Returns:
            NaN where a series had not begun.

        Raises:
            EnvironmentFault: statsforecast is not installed.
        """
        return self._from(read_histories(values), steps_back, season_length, horizon)[0]

    def _from(
        self, history: Histories, steps_back: Sequence[int], season_length: int, horizon: int
    ) -> tuple[Float64[np.ndarray, "series ends horizon"], list[str]]:
        """Return the forecasts from several ends, and what failed."""
        season_length, horizon = whole_number(season_length, "season_length"), whole_number(horizon, "horizon")
        make, columns, failures = self._maker(), history.values.shape[1], []
        found = np.full((len(history.values), len(steps_back), horizon), np.nan)
        for row, values in enumerate(history.values):
            model = _OneSeries(make(season_length=season_length), _SETTLED * season_length if season_length > 1 else 0)
            for place, back in enumerate(steps_back):
                until = values[: columns - back]
                known = np.flatnonzero(np.isfinite(until))
                if not len(known):
                    continue
                skipped = len(until) - 1 - int(known[-1])
                try:
                    means = model.forecast(_without_gaps(until[known[0] : known[-1] + 1]), skipped + horizon)
                    found[row, place] = means[skipped:]
                except Exception as error:  # Any method may fail on some series in a way of its own.
                    failures.append(f"series {row}: {type(error).__name__}: {error}")
                    found[row, place] = SeasonalNaive().forecast(until[None], season_length, horizon)[0]
        return found, failures

    def _maker(self) -> Callable[..., Any]:
        """Return the class of statsforecast."""
        try:
            from statsforecast import models
        except ImportError as error:
            raise EnvironmentFault(
                f"{self.name} needs statsforecast: pip install 'gatewise[baselines]', or take a baseline that does without."
            ) from error
        return getattr(models, self._model)


class ETS(_Statistical):
    """Exponential smoothing with error, trend and season chosen by AICc.

    Hyndman, Koehler, Snyder and Grose 2002, "A state space framework for automatic forecasting using exponential smoothing
    methods"; statsforecast's ``AutoETS``.
    """

    name = "ETS"
    _model = "AutoETS"


class DynamicOptimizedTheta(_Statistical):
    """The Theta method with its line and its smoothing estimated, on seasonally adjusted values.

    Fiorucci and others 2016, "Models for optimising the theta method and their relationship to state space models";
    statsforecast's ``DynamicOptimizedTheta``.
    """

    name = "DynamicOptimizedTheta"
    _model = "DynamicOptimizedTheta"


class ARIMA(_Statistical):
    """Seasonal ARIMA with orders chosen step by step by AICc.

    Hyndman and Khandakar 2008, "Automatic time series forecasting: the forecast package for R"; statsforecast's ``AutoARIMA``.
    """

    name = "ARIMA"
    _model = "AutoARIMA"


class _OneSeries:
    """A model of statsforecast for one series: estimated at the first end, and followed to later ones.

    Args:
        model: The model.
        settled: From how many values on an estimate lasts: one of fewer is made anew at the next end.
    """

    def __init__(self, model: Any, settled: int) -> None:
        self.model = model
        self.settled = settled
        self.estimated = False

    def forecast(self, series: Float64[np.ndarray, " time"], ahead: int) -> Float64[np.ndarray, " ahead"]:
        """Return so many steps after a series that ends later than the one before."""
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            if self.estimated:
                means = self.model.forward(y=series, h=ahead)["mean"]
            else:
                means = self.model.fit(series).predict(ahead)["mean"]
        if not np.isfinite(means).all():
            raise ValueError("the forecast is not finite")
        self.estimated = self.estimated or len(series) >= self.settled
        return np.asarray(means, np.float64)


def _without_gaps(series: Float64[np.ndarray, " time"]) -> Float64[np.ndarray, " time"]:
    """Fill the gaps between values along a line, in an array of its own."""
    time = np.arange(len(series))
    known = ~np.isnan(series)
    return np.interp(time, time[known], series[known])
