"""Prediction intervals from errors that were made before: split conformal prediction, for each step of the horizon.

A forecaster that has been wrong by so much, at this step, in so many past windows, is given an interval as wide as its
errors were. No distribution is assumed. What is assumed is that the next error is exchangeable with those before; errors
of a rolling origin are that as far as the series goes on as it did.
"""

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from gatewise.errors import DataError, GatewiseWarning, ShapeError
from gatewise.evaluation.averages import read_array, read_levels, refuse, whole_number

# As many errors as a level of 95 per cent needs; see `rank`.
ENOUGH_WINDOWS = 19


class Intervals(NamedTuple):
    """Lower and upper bounds around a forecast.

    Attributes:
        lower: ``(series, horizon, levels)``.
        upper: ``(series, horizon, levels)``.
        level: The share of values that each promises to hold, in per cent, ``(levels,)``.
    """

    lower: Float64[np.ndarray, "series horizon levels"]
    upper: Float64[np.ndarray, "series horizon levels"]
    level: Float64[np.ndarray, " levels"]


def conformal_intervals(
    errors: Any,
    forecast: Any,
    level: float | Sequence[float],
    *,
    spread: Any = None,
    errors_spread: Any = None,
    pool_below: int = ENOUGH_WINDOWS,
) -> Intervals:
    """Put intervals around forecasts, from the errors of forecasts that were made in the same way.

    The half-width at a level is the k-th smallest of the n absolute errors at that step, with ``k = ceil((n + 1) level /
    100)``; where the next error is exchangeable with these, the interval holds it with a probability of at least the level,
    and below ``level / 100 + 1 / (n + 1)``. Where k is above n, no finite interval keeps the promise, and the bounds are
    infinite: 80 per cent needs 4 errors, 95 per cent 19, 99 per cent 99. Lei and others 2018, "Distribution-free predictive
    inference for regression", section 2.2; step by step as in Stankevičiūtė, Alaa and van der Schaar 2021, "Conformal
    time-series forecasting".

    Args:
        errors: Errors of out-of-fold forecasts, of either sign; NaN where the actual value was not known, ``(windows,
            series, horizon)``.
        forecast: What the intervals are put around, ``(series, horizon)``.
        level: The share of values that they are to hold, in per cent: 80, or [80, 95].
        spread: How far errors go at each point, in any unit, as the spread of an ensemble, or the scale of a series;
            errors are compared, and widths given, in units of it. Above 0, ``(series, horizon)``; None for no difference.
        errors_spread: The same at the points of `errors`, ``(windows, series, horizon)``; None for `spread` in each window.
        pool_below: A series that has fewer errors than this at a step shares those of all series at that step. 1 never
            shares, where a series has any.

    Returns:
        The bounds. A higher level holds every lower one, and all hold the forecast.

    Raises:
        DataError: An array that cannot be meant, a spread that is not above 0, no error at all at a step.
        UsageError: `level` or `pool_below` cannot be meant.

    >>> errors = [[[1.0]], [[-3.0]], [[2.0]], [[-4.0]]]
    >>> conformal_intervals(errors, [[10.0]], level=[60, 80], pool_below=1).upper.tolist()
    [[[13.0, 14.0]]]
    """
    levels = read_levels(level)
    pool_below = whole_number(pool_below, "pool_below")
    errors, forecast = _read_errors(errors, forecast)
    units = _read_spread(spread, "spread", "(series, horizon)", forecast.shape)
    if errors_spread is not None:
        scores = np.abs(errors) / _read_spread(
            errors_spread, "errors_spread", "(windows, series, horizon)", errors.shape
        )
    else:
        scores = np.abs(errors) / units
    half = _quantiles(scores, levels)
    few = (~np.isnan(scores)).sum(axis=0) < pool_below
    if few.any():
        # All windows of all series as one series, at each step.
        pooled = _quantiles(scores.reshape(-1, 1, scores.shape[2]), levels)
        half = np.where(few[..., None], pooled, half)
    half = half * units[..., None]
    _warn_of_infinite(half, levels)
    return Intervals(forecast[..., None] - half, forecast[..., None] + half, levels)


def rank(count: Any, level: float) -> Int64[np.ndarray, "..."]:
    """Return which of that many sorted errors is the half-width: ``ceil((count + 1) level / 100)``.

    >>> rank([4, 19, 20], 95).tolist()
    [5, 19, 20]
    """
    # A level such as 99.9 is no binary fraction: without the margin a whole number may come out one too high.
    return np.asarray(np.ceil((np.asarray(count) + 1) * level / 100 - 1e-9), np.int64)


def _quantiles(
    scores: Float64[np.ndarray, "windows series horizon"], levels: Float64[np.ndarray, " levels"]
) -> Float64[np.ndarray, "series horizon levels"]:
    """Return the conformal quantile of the scores in all windows; infinite where there are too few for the level."""
    ordered = np.sort(scores, axis=0)  # NaN goes to the end
    counts = (~np.isnan(scores)).sum(axis=0)
    found = []
    for level in levels:
        at = rank(counts, float(level))
        value = np.take_along_axis(ordered, np.minimum(at, len(ordered))[None] - 1, axis=0)[0]
        found.append(np.where(at <= counts, value, np.inf))
    return np.stack(found, axis=-1)


def _read_errors(
    errors: Any, forecast: Any
) -> tuple[Float64[np.ndarray, "windows series horizon"], Float64[np.ndarray, "series horizon"]]:
    """Read errors and forecasts of the same series and steps."""
    errors = read_array(errors, "errors", "(windows, series, horizon)")
    forecast = read_array(forecast, "forecast")
    if errors.shape[1:] != forecast.shape:
        raise ShapeError(
            f"errors has shape {errors.shape} where forecast has {forecast.shape}: both have the same series and steps, "
            "errors with windows in front."
        )
    refuse(np.isinf(errors), "errors", "is infinite", "give NaN where an error is not known.")
    refuse(~np.isfinite(forecast), "forecast", "is not finite", "there is nothing to put an interval around.")
    empty = np.flatnonzero(np.isnan(errors).all(axis=(0, 1)))
    if empty.size:
        raise DataError(f"errors has no number at step {empty[0] + 1} of the horizon: give out-of-fold errors for it.")
    return errors, forecast


def _read_spread(values: Any, name: str, axes: str, shape: tuple[int, ...]) -> Float64[np.ndarray, "..."]:
    """Read the unit of each point's error; 1 where none is given."""
    if values is None:
        return np.ones(shape)
    array = read_array(values, name, axes)
    if array.shape != shape:
        raise ShapeError(f"{name} has shape {array.shape}: it has to be {axes}, here {shape}.")
    bad = ~(np.isfinite(array) & (array > 0))
    refuse(bad, name, "is not a number above 0", "errors are divided by it.")
    return array


def _warn_of_infinite(
    half: Float64[np.ndarray, "series horizon levels"], levels: Float64[np.ndarray, " levels"]
) -> None:
    """Say where there are no finite intervals."""
    infinite = np.isinf(half)
    if infinite.any():
        level = float(levels[infinite.any(axis=(0, 1))].min())
        warnings.warn(
            f"{infinite.sum()} of {half.size} intervals have no bounds, since {level:g} per cent needs at least "
            f"{_fewest(level)} errors: give more windows, or a larger pool_below so that series share theirs.",
            GatewiseWarning,
            stacklevel=3,
        )


def _fewest(level: float) -> int:
    """Return how many errors a level needs."""
    count = 1
    while rank(count, level) > count:
        count += 1
    return count
