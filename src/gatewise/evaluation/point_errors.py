"""Errors of point forecasts, one for each series or averaged in one of the two published ways.

In all of them a point counts where its actual value is known: NaN means that it is not. A forecast has to be there
wherever the actual value is. `average` has no default that averages, since published numbers use both: M3's are means
over all points, M4's means over the series.
"""

from typing import Any

import numpy as np
from jaxtyping import Float64

from gatewise.errors import ShapeError, UsageError
from gatewise.evaluation.averages import (
    Average,
    Score,
    averaged,
    read_actual,
    read_array,
    read_forecast,
    refuse,
    whole_number,
)

# A series whose seasons differ by less than this share of its largest value repeats itself, but for rounding.
_ROUNDING = 1e-14


def mae(actual: Any, forecast: Any, *, average: Average | None = None) -> Score:
    """Return the mean absolute error, in the units of the series.

    The mean of ``|y - f|``; Hyndman and Koehler 2006, "Another look at measures of forecast accuracy".

    Args:
        actual: What happened, NaN where that is not known, ``(series, horizon)``.
        forecast: What was forecast, ``(series, horizon)``.
        average: ``"points"`` or ``"series"`` for one number; None for one of each series.

    Returns:
        ``(series,)``, NaN for a series without a known value; or one number.

    Raises:
        DataError: An array that cannot be scored.
        UsageError: `average` cannot be meant.

    >>> mae([[1, 2], [3, float("nan")]], [[1, 4], [6, 6]]).tolist()
    [1.0, 3.0]
    >>> float(mae([[1, 2], [3, float("nan")]], [[1, 4], [6, 6]], average="series"))
    2.0
    """
    return averaged(np.abs(_differences(actual, forecast)), average)


def rmse(actual: Any, forecast: Any, *, average: Average | None = None) -> Score:
    """Return the root of the mean squared error, in the units of the series.

    The root of the mean of ``(y - f)²``; Hyndman and Koehler 2006. With ``average="points"`` the root is
    that of the mean over all points; with ``"series"`` it is the mean of the series' roots.

    Args:
        actual: What happened, NaN where that is not known, ``(series, horizon)``.
        forecast: What was forecast, ``(series, horizon)``.
        average: ``"points"`` or ``"series"`` for one number; None for one of each series.

    Returns:
        ``(series,)``, NaN for a series without a known value; or one number.

    Raises:
        DataError: An array that cannot be scored.
        UsageError: `average` cannot be meant.

    >>> rmse([[1, 2]], [[1, 4]]).round(4).tolist()
    [1.4142]
    """
    return averaged(_differences(actual, forecast) ** 2, average, np.sqrt)


def smape(actual: Any, forecast: Any, *, average: Average | None = None) -> Score:
    """Return the symmetric mean absolute percentage error, from 0 to 200.

    The mean of ``200 |y - f| / (|y| + |f|)``: Makridakis and Hibon 2000, "The M3-Competition: results, conclusions and
    implications", and Makridakis, Spiliotis and Assimakopoulos 2020, "The M4 Competition: 100,000 time series and 61
    forecasting methods". Some libraries divide it by 2, or by 200. M3's
    tables average over points, M4's over series. Where value and forecast are both 0 the error is 0.

    Args:
        actual: What happened, NaN where that is not known, ``(series, horizon)``.
        forecast: What was forecast, ``(series, horizon)``.
        average: ``"points"`` or ``"series"`` for one number; None for one of each series.

    Returns:
        ``(series,)``, NaN for a series without a known value; or one number.

    Raises:
        DataError: An array that cannot be scored.
        UsageError: `average` cannot be meant.

    >>> smape([[100, 0]], [[300, 0]]).tolist()
    [50.0]
    """
    actual = read_actual(actual)
    forecast = read_forecast(forecast, "forecast", actual)
    size = np.abs(actual) + np.abs(forecast)
    missing_or_zero = np.where(np.isnan(actual), np.nan, 0.0)
    return averaged(np.divide(200 * np.abs(actual - forecast), size, out=missing_or_zero, where=size > 0), average)


def mase(actual: Any, forecast: Any, history: Any, season_length: int, *, average: Average | None = None) -> Score:
    """Return the mean absolute scaled error: 1 is the seasonal naive forecast's error within the history.

    The mean of ``|y - f|``, divided by the mean of ``|y_t - y_(t - season_length)|`` over the history: Hyndman and Koehler
    2006, who take a season of 1; with seasons as in M4 (2020: 1 for yearly, weekly and daily series, 4 for quarterly, 12 for
    monthly, 24 for hourly).

    Args:
        actual: What happened, NaN where that is not known, ``(series, horizon)``.
        forecast: What was forecast, ``(series, horizon)``.
        history: What was known before, NaN where a value is missing or a series is shorter, ``(series, time)``.
        season_length: Steps in a season, 1 for none.
        average: ``"points"`` or ``"series"`` for one number; None for one of each series.

    Returns:
        ``(series,)`` or one number. A series without a scale has NaN: one that repeats itself exactly, or without two
        values a season apart.

    Raises:
        DataError: An array that cannot be scored.
        UsageError: `season_length` or `average` cannot be meant.

    >>> mase([[5, 6]], [[4, 4]], history=[[1, 2, 3, 4]], season_length=1).tolist()
    [1.5]
    """
    errors = np.abs(_differences(actual, forecast))
    return averaged(errors / seasonal_scale(history, season_length, rows=len(errors))[:, None], average)


def rmsse(actual: Any, forecast: Any, history: Any, season_length: int = 1, *, average: Average | None = None) -> Score:
    """Return the root mean squared scaled error: 1 is the (seasonal) naive forecast's error within the history.

    The root of the mean of ``(y - f)²``, divided by the mean of ``(y_t - y_(t - season_length))²`` over the history:
    Makridakis, Spiliotis and Assimakopoulos 2022, "The M5 competition: background, organization, and
    implementation", with `season_length` 1. M5 leaves out a series' zeros before its first sale; put NaN there. Its total is
    weighted by sales, which neither average is.

    Args:
        actual: What happened, NaN where that is not known, ``(series, horizon)``.
        forecast: What was forecast, ``(series, horizon)``.
        history: What was known before, NaN where a value is missing or a series is shorter, ``(series, time)``.
        season_length: Steps in a season, 1 for none.
        average: ``"points"`` or ``"series"`` for one number; None for one of each series.

    Returns:
        ``(series,)`` or one number. A series without a scale has NaN, as for `mase`.

    Raises:
        DataError: An array that cannot be scored.
        UsageError: `season_length` or `average` cannot be meant.

    >>> rmsse([[5, 6]], [[4, 4]], history=[[1, 2, 3, 4]]).round(4).tolist()
    [1.5811]
    """
    squares = _differences(actual, forecast) ** 2
    scale = seasonal_scale(history, season_length, power=2, rows=len(squares))
    return averaged(squares / scale[:, None], average, np.sqrt)


def owa(*, smape: float, mase: float, naive2_smape: float, naive2_mase: float) -> float:
    """Return the overall weighted average of sMAPE and MASE, both relative to Naive2's: below 1 is better than Naive2.

    ``(sMAPE / sMAPE of Naive2 + MASE / MASE of Naive2) / 2``, of averages and never the average of ratios: M4
    (2020). It takes averages, since M4's total is over series with different seasons.

    Args:
        smape: Average sMAPE of the forecast.
        mase: Average MASE of the forecast.
        naive2_smape: Average sMAPE of `gatewise.baselines.Naive2` on the same points.
        naive2_mase: Average MASE of it.

    Raises:
        UsageError: Naive2's average is not above 0, or any is not finite.

    >>> round(owa(smape=11.374, mase=1.536, naive2_smape=13.564, naive2_mase=1.912), 3)  # the winner of M4
    0.821
    """
    if not (np.isfinite([smape, mase, naive2_smape, naive2_mase]).all() and naive2_smape > 0 and naive2_mase > 0):
        raise UsageError(
            f"OWA of sMAPE {smape} and MASE {mase} against {naive2_smape} and {naive2_mase} of Naive2 does not exist: give "
            "finite averages, those of Naive2 above 0."
        )
    return float((smape / naive2_smape + mase / naive2_mase) / 2)


def seasonal_scale(
    history: Any, season_length: int, *, power: int = 1, rows: int | None = None
) -> Float64[np.ndarray, " series"]:
    """Return the mean of ``|y_t - y_(t - season_length)| ** power`` over the history.

    Pairs of which one value is missing do not count.

    Args:
        history: The series, NaN where a value is missing, ``(series, time)``.
        season_length: Steps in a season, 1 for none.
        power: 1 for MASE and MSIS, 2 for RMSSE.
        rows: How many series there have to be; None for any number.

    Returns:
        ``(series,)``; NaN where it would be 0 but for rounding, and where no two values are a season apart.

    Raises:
        DataError: `history` is not an array of series.
        UsageError: `season_length` cannot be meant.
    """
    history = read_array(history, "history", "(series, time)")
    refuse(np.isinf(history), "history", "is infinite", "give NaN where a value is missing.")
    season_length = whole_number(season_length, "season_length")
    if rows is not None and len(history) != rows:
        raise ShapeError(f"history has {len(history)} series where actual has {rows}: give one row for each series.")
    steps = np.abs(history[:, season_length:] - history[:, :-season_length]) ** power
    counted = ~np.isnan(steps)
    sums, counts = np.sum(steps, axis=1, where=counted), counted.sum(axis=1)
    scale = np.divide(sums, counts, out=np.full(len(history), np.nan), where=sums > 0)
    largest = np.max(np.abs(history), axis=1, where=~np.isnan(history), initial=0.0)
    found: np.ndarray = np.where(scale > (_ROUNDING * largest) ** power, scale, np.nan)
    return found


def _differences(actual: Any, forecast: Any) -> Float64[np.ndarray, "series horizon"]:
    """Return actual minus forecast, NaN where the actual value is not known."""
    actual = read_actual(actual)
    return actual - read_forecast(forecast, "forecast", actual)
