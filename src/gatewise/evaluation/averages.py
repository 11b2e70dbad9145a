"""What all scores share: arrays that are read strictly, and two ways to average that give different numbers."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Bool, Float64

from gatewise.errors import DataError, GatewiseWarning, NonFiniteError, ShapeError, UsageError

Average = Literal["points", "series"]
Score = float | Float64[np.ndarray, "..."]


def averaged(
    terms: Float64[np.ndarray, "series horizon *levels"],
    average: Average | None,
    finish: Callable[[Any], Any] = lambda mean: mean,
) -> Score:
    """Average what every point contributes; NaN contributes nothing.

    Args:
        terms: Each point's contribution, NaN where it has none, ``(series, horizon)`` or ``(series, horizon, levels)``.
        average: None for one value a series; ``"series"`` for the mean of these; ``"points"`` for the mean over all
            points, so that series with more points weigh more.
        finish: What is done to a mean at its end, as the root of a mean square.

    Returns:
        ``(series,)`` or ``(series, levels)`` without an average, NaN for a series without a point; else one number, or
        one for each level.

    Raises:
        UsageError: `average` cannot be meant.
    """
    if average is not None and average not in get_args(Average):
        raise UsageError(
            f"average is {average!r}: give 'points', 'series', or None for one value of each series; published numbers "
            "use both averages."
        )
    counted = ~np.isnan(terms)
    sums, counts = np.sum(terms, axis=1, where=counted), np.sum(counted, axis=1)
    each = np.full(sums.shape, np.nan)
    np.divide(sums, counts, out=each, where=counts > 0)
    if average is None:
        return finish(each)
    has = counts > 0
    without = int((~has.reshape(len(has), -1).all(axis=1)).sum())
    if without:
        warnings.warn(
            f"{without} of {len(has)} series have no value and are left out of the average: they have no point to score, "
            "or their history has no scale.",
            GatewiseWarning,
            stacklevel=3,
        )
    if average == "points":
        total, count = sums.sum(axis=0), counts.sum(axis=0)
    else:
        total, count = np.sum(finish(each), axis=0, where=has), has.sum(axis=0)
    mean = np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)
    return (finish(mean) if average == "points" else mean)[()]


def read_array(values: Any, name: str, axes: str = "(series, horizon)") -> Float64[np.ndarray, "..."]:
    """Return values as float64 with these axes, refusing what is not.

    Raises:
        DataError: Not numbers.
        ShapeError: Another number of axes, or nothing in it.
    """
    try:
        given = np.asarray(values)
        # Text is refused even where it reads as a number, and truth values are no measurements.
        array = given.astype(np.float64) if given.dtype.kind in "iufO" else None
    except (TypeError, ValueError):
        array = None
    if array is None:
        raise DataError(f"{name} does not hold numbers only: give an array of numbers, with NaN where one is missing.")
    if array.ndim != len(axes.split(",")) or not array.size:
        row = ": a single series is one row, as values[None] makes it." if axes.startswith("(series") else "."
        raise ShapeError(f"{name} has shape {array.shape} where its axes have to be {axes}, none of them empty{row}")
    return array


def read_actual(values: Any) -> Float64[np.ndarray, "series horizon"]:
    """Return what really happened; NaN where that is not known.

    Raises:
        NonFiniteError: An infinite value.
    """
    actual = read_array(values, "actual")
    refuse(np.isinf(actual), "actual", "is infinite", "give NaN where a value is missing.")
    return actual


def read_forecast(
    values: Any, name: str, actual: Float64[np.ndarray, "series horizon"], last_axis: str = ""
) -> Float64[np.ndarray, "series horizon *more"]:
    """Return a forecast that has a number wherever there is an actual value.

    Args:
        values: The forecast.
        name: What it is called.
        actual: What it is compared with.
        last_axis: What a third axis is called; empty where there is none.

    Raises:
        ShapeError: Not of the shape of `actual`.
        NonFiniteError: NaN or infinite where there is an actual value.
    """
    forecast = read_array(values, name, f"(series, horizon, {last_axis})" if last_axis else "(series, horizon)")
    if forecast.shape[:2] != actual.shape:
        raise ShapeError(
            f"{name} has shape {forecast.shape} where actual has {actual.shape}: both have the same series and steps."
        )
    known = ~np.isnan(actual[..., None] if last_axis else actual)
    missing = known & ~np.isfinite(forecast)
    refuse(missing, name, "is not finite", "a forecast that is missing cannot be left out of its own score.")
    return forecast


def refuse(bad: Bool[np.ndarray, "..."], name: str, what: str, advice: str) -> None:
    """Raise where a value is bad, with their number and the place of the first.

    Raises:
        NonFiniteError: At least one is.
    """
    if bad.any():
        first = [int(at) for at in np.argwhere(bad)[0]]
        raise NonFiniteError(f"{name} {what} at {bad.sum()} of {bad.size} places, the first at {first}: {advice}")


def whole_number(value: Any, name: str) -> int:
    """Return a number that counts something.

    Raises:
        UsageError: It is not whole, or below 1.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise UsageError(f"{name} is {value!r}: give a whole number of at least 1.")
    return int(value)


def read_levels(level: float | Sequence[float]) -> Float64[np.ndarray, " levels"]:
    """Return the levels of intervals, in per cent.

    Raises:
        UsageError: Not numbers from 1 to below 100.
    """
    try:
        levels = np.atleast_1d(np.asarray(level, np.float64))
    except (TypeError, ValueError):
        levels = np.empty(0)
    # 0.95 would pass for a level of less than one per cent, and nobody means that.
    if levels.ndim != 1 or not levels.size or not ((levels >= 1) & (levels < 100)).all():
        raise UsageError(f"level is {level!r}: give per cent from 1 to below 100, such as 95 or [80, 95].")
    return levels
