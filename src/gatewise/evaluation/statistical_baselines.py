"""The classical methods, by statsforecast: exponential smoothing, dynamic optimised Theta, ARIMA.

Their estimation is decades of work that statsforecast has done and checked; here they get the interface of the other
baselines, gaps in the history, and an answer for series that are too short for them. statsforecast is an extra, since it
brings numba, statsmodels, fugue and a dozen more along; it is loaded at the first forecast.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float64

from gatewise.errors import EnvironmentFault, GatewiseWarning
from gatewise.evaluation.averages import whole_number
from gatewise.evaluation.histories import read_histories
from gatewise.evaluation.simple_baselines import SeasonalNaive


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
        history = read_histories(values)
        season_length, horizon = whole_number(season_length, "season_length"), whole_number(horizon, "horizon")
        make = self._maker()
        forecasts = SeasonalNaive().forecast(values, season_length, horizon)
        failures = []
        for row, (first, last, skipped) in enumerate(
            zip(history.first, history.last, history.missing_at_end, strict=True)
        ):
            series = _without_gaps(history.values[row, first : last + 1])
            try:
                with warnings.catch_warnings(), np.errstate(all="ignore"):
                    warnings.simplefilter("ignore")
                    means = make(season_length=season_length).forecast(y=series, h=int(skipped) + horizon)["mean"]
            except Exception as error:  # Any method may fail on some series in a way of its own.
                failures.append(f"series {row}: {type(error).__name__}: {error}")
                continue
            if np.isfinite(means).all():
                forecasts[row] = means[skipped:]
            else:
                failures.append(f"series {row}: the forecast is not finite")
        if failures:
            warnings.warn(
                f"{self.name} failed on {len(failures)} of {len(forecasts)} series, which get the seasonal naive forecast "
                f"instead ({failures[0]}).",
                GatewiseWarning,
                stacklevel=2,
            )
        return forecasts

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


def _without_gaps(series: Float64[np.ndarray, " time"]) -> Float64[np.ndarray, " time"]:
    """Fill the gaps between values along a line, in an array of its own."""
    time = np.arange(len(series))
    known = ~np.isnan(series)
    return np.interp(time, time[known], series[known])
