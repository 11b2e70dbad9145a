"""Scores of quantiles, samples and intervals: what a forecast says about its own error, held against what happened.

Quantiles and intervals have their levels on a third axis. Quantile levels are probabilities between 0 and 1; the level
of an interval is the share of values that it promises to hold, in per cent. Missing values and `average` are as for
the errors of point forecasts.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64

from gatewise.errors import DataError, ShapeError, UsageError
from gatewise.evaluation.averages import (
    Average,
    Score,
    averaged,
    read_actual,
    read_array,
    read_forecast,
    read_levels,
    refuse,
)
from gatewise.evaluation.point_errors import seasonal_scale


def pinball(actual: Any, quantiles: Any, quantile_levels: Sequence[float], *, average: Average | None = None) -> Score:
    """Return the pinball (quantile) loss of each quantile.

    The mean of ``max(τ (y - q), (τ - 1) (y - q))``: Koenker and Bassett 1978, "Regression quantiles". At
    τ = 0.5 it is half the absolute error.

    Args:
        actual: What happened, NaN where that is not known, ``(series, horizon)``.
        quantiles: The forecast quantiles, ``(series, horizon, levels)``.
        quantile_levels: Their probabilities, between 0 and 1, ``(levels,)``.
        average: ``"points"`` or ``"series"`` for one number of each level; None for one of each series and level.

    Returns:
        ``(series, levels)``, or ``(levels,)`` where averaged.

    Raises:
        DataError: An array that cannot be scored.
        UsageError: `quantile_levels` or `average` cannot be meant.

    >>> pinball([[10]], [[[8, 12]]], [0.1, 0.9]).round(3).tolist()
    [[0.2, 0.2]]
    """
    return averaged(_pinball_terms(actual, quantiles, quantile_levels), average)


def crps_from_quantiles(
    actual: Any, quantiles: Any, quantile_levels: Sequence[float], *, average: Average | None = None
) -> Score:
    """Return the continuous ranked probability score, from quantiles: twice their mean pinball loss.

    The score is twice the integral of the pinball loss over all levels (Laio and Tamea 2007, "Verification tools for
    probabilistic forecasts of continuous hydrological variables"), and the mean over levels that are evenly spread stands
    for the integral. It is exact for the levels ``(k - ½) / n`` of n samples.

    Args:
        actual: What happened, NaN where that is not known, ``(series, horizon)``.
        quantiles: The forecast quantiles, ``(series, horizon, levels)``.
        quantile_levels: Their probabilities, between 0 and 1 and evenly spread, ``(levels,)``.
        average: ``"points"`` or ``"series"`` for one number; None for one of each series.

    Returns:
        ``(series,)``, NaN for a series without a known value; or one number. In the units of the series.

    Raises:
        DataError: An array that cannot be scored.
        UsageError: `quantile_levels` or `average` cannot be meant.

    >>> crps_from_quantiles([[10]], [[[8, 12]]], [0.25, 0.75]).tolist()
    [1.0]
    """
    return averaged(2 * _pinball_terms(actual, quantiles, quantile_levels).mean(axis=2), average)


def crps_from_samples(actual: Any, samples: Any, *, average: Average | None = None) -> Score:
    """Return the continuous ranked probability score of the distribution that the samples are.

    The mean of ``E|X - y| - ½ E|X - X'|`` with X and X' drawn from the samples, a sample paired with itself included:
    Gneiting and Raftery 2007, "Strictly proper scoring rules, prediction, and estimation", equation 21. With one
    sample it is the absolute error.

    Args:
        actual: What happened, NaN where that is not known, ``(series, horizon)``.
        samples: Drawn from the forecast, as from the members of an ensemble, ``(series, horizon, samples)``.
        average: ``"points"`` or ``"series"`` for one number; None for one of each series.

    Returns:
        ``(series,)``, NaN for a series without a known value; or one number. In the units of the series.

    Raises:
        DataError: An array that cannot be scored.
        UsageError: `average` cannot be meant.

    >>> crps_from_samples([[10]], [[[8, 12]]]).tolist()
    [1.0]
    """
    actual = read_actual(actual)
    array = np.sort(read_forecast(samples, "samples", actual, "samples"), axis=2)
    count = array.shape[2]
    # E|X - X'| of sorted samples is a weighted sum of them, which needs no pair.
    weights = (2 * np.arange(1, count + 1) - count - 1) / count**2
    return averaged(np.abs(array - actual[..., None]).mean(axis=2) - array @ weights, average)


def coverage(actual: Any, lower: Any, upper: Any, *, average: Average | None = None) -> Score:
    """Return the share of values inside the interval, its bounds included, from 0 to 1.

    A level of 80 per cent promises 0.8. Gneiting, Balabdaoui and Raftery 2007, "Probabilistic forecasts, calibration and
    sharpness".

    Args:
        actual: What happened, NaN where that is not known, ``(series, horizon)``.
        lower: Lower bounds, ``(series, horizon)`` or ``(series, horizon, levels)``.
        upper: Upper bounds, of the same shape.
        average: ``"points"`` or ``"series"`` for one number (of each level); None for one of each series.

    Returns:
        ``(series,)`` or ``(series, levels)``; or one number, or one of each level.

    Raises:
        DataError: An array that cannot be scored.
        UsageError: `average` cannot be meant.

    >>> coverage([[1, 5, 9, 20]], [[0, 0, 0, 0]], [[10, 10, 10, 10]]).tolist()
    [0.75]
    """
    known, low, high = _interval(actual, lower, upper)
    inside = ((known >= low) & (known <= high)).astype(np.float64)
    return averaged(np.where(np.isnan(known), np.nan, inside), average)


def width(actual: Any, lower: Any, upper: Any, *, average: Average | None = None) -> Score:
    """Return the mean width of the interval, in the units of the series.

    Over the points that `coverage` counts, so that both say something about the same intervals. Gneiting, Balabdaoui and
    Raftery 2007: of intervals that cover as promised the narrowest is the best.

    Args:
        actual: What happened, NaN where that is not known, ``(series, horizon)``.
        lower: Lower bounds, ``(series, horizon)`` or ``(series, horizon, levels)``.
        upper: Upper bounds, of the same shape.
        average: ``"points"`` or ``"series"`` for one number (of each level); None for one of each series.

    Returns:
        ``(series,)`` or ``(series, levels)``; or one number, or one of each level.

    Raises:
        DataError: An array that cannot be scored.
        UsageError: `average` cannot be meant.

    >>> width([[1, float("nan")]], [[0, 0]], [[10, 20]]).tolist()
    [10.0]
    """
    known, low, high = _interval(actual, lower, upper)
    return averaged(np.where(np.isnan(known), np.nan, high - low), average)


def msis(
    actual: Any,
    lower: Any,
    upper: Any,
    history: Any,
    season_length: int,
    level: float | Sequence[float],
    *,
    average: Average | None = None,
) -> Score:
    """Return the mean scaled interval score: width, and a fine for each value outside, in units of the scale of MASE.

    The mean of ``u - l + 2/α (l - y if y < l) + 2/α (y - u if y > u)``, with α = 1 - level/100, divided by the mean of
    ``|y_t - y_(t - season_length)|`` over the history: M4 (2020), there at level 95; Gneiting and Raftery 2007,
    equation 43.

    Args:
        actual: What happened, NaN where that is not known, ``(series, horizon)``.
        lower: Lower bounds, ``(series, horizon)``; ``(series, horizon, levels)`` where `level` is a list.
        upper: Upper bounds, of the same shape.
        history: What was known before, NaN where a value is missing or a series is shorter, ``(series, time)``.
        season_length: Steps in a season, 1 for none.
        level: What the intervals promise to hold, in per cent, such as 95; or one for each of their levels.
        average: ``"points"`` or ``"series"`` for one number (of each level); None for one of each series.

    Returns:
        ``(series,)`` or ``(series, levels)``; or one number, or one of each level. A series without a scale has NaN, as
        for `mase`.

    Raises:
        DataError: An array that cannot be scored.
        UsageError: `level`, `season_length` or `average` cannot be meant.

    >>> msis([[5, 16]], [[0, 0]], [[10, 10]], history=[[1, 3, 5]], season_length=1, level=80).tolist()
    [20.0]
    """
    levels = read_levels(level)
    known, low, high = _interval(actual, lower, upper)
    wanted = () if np.ndim(level) == 0 else levels.shape
    if low.shape[2:] != wanted:
        raise ShapeError(
            f"lower has shape {low.shape} where level is {level!r}: the third axis has one place for each level of a "
            "list, and is not there for a single level."
        )
    fine = 200 / (100 - (levels if wanted else levels[0]))
    scores = high - low + fine * (np.maximum(low - known, 0) + np.maximum(known - high, 0))
    scale = seasonal_scale(history, season_length, rows=len(known))
    return averaged(scores / scale.reshape(-1, *[1] * (scores.ndim - 1)), average)


def _pinball_terms(
    actual: Any, quantiles: Any, quantile_levels: Sequence[float]
) -> Float64[np.ndarray, "series horizon levels"]:
    """Return every point's loss at every level, NaN where the actual value is not known."""
    try:
        levels = np.asarray(quantile_levels, np.float64)
    except (TypeError, ValueError):
        levels = np.empty(0)
    if levels.ndim != 1 or not levels.size or not ((levels > 0) & (levels < 1)).all():
        raise UsageError(
            f"quantile_levels is {quantile_levels!r}: give a list of probabilities between 0 and 1, such as [0.1, 0.5, 0.9]."
        )
    actual = read_actual(actual)
    forecast = read_forecast(quantiles, "quantiles", actual, "levels")
    if forecast.shape[2] != len(levels):
        raise ShapeError(
            f"quantiles has shape {forecast.shape} where there are {len(levels)} quantile_levels: its third axis has one "
            "place for each."
        )
    above = actual[..., None] - forecast
    return np.maximum(levels * above, (levels - 1) * above)


def _interval(
    actual: Any, lower: Any, upper: Any
) -> tuple[
    Float64[np.ndarray, "series horizon *levels"],
    Float64[np.ndarray, "series horizon *levels"],
    Float64[np.ndarray, "series horizon *levels"],
]:
    """Return actual values, with an axis for levels where the bounds have one, and the bounds.

    Bounds may be infinite: that is the only honest interval of a level for which there are too few errors.
    """
    actual = read_actual(actual)
    axes = "(series, horizon, levels)" if np.ndim(lower) == 3 else "(series, horizon)"
    low, high = read_array(lower, "lower", axes), read_array(upper, "upper", axes)
    if low.shape != high.shape or low.shape[:2] != actual.shape:
        raise ShapeError(
            f"lower has shape {low.shape} and upper {high.shape} where actual has {actual.shape}: both bounds have the "
            "same shape, and the series and steps of actual."
        )
    known = actual if low.ndim == 2 else np.broadcast_to(actual[..., None], low.shape)
    counted = ~np.isnan(known)
    for name, bound in (("lower", low), ("upper", high)):
        refuse(
            counted & np.isnan(bound), name, "is NaN", "a bound that is missing cannot be left out of its own score."
        )
    crossed = counted & (low > high)
    if crossed.any():
        first = [int(at) for at in np.argwhere(crossed)[0]]
        raise DataError(
            f"lower is above upper at {crossed.sum()} of {crossed.size} places, the first at {first}: exchange them there."
        )
    return known, low, high
