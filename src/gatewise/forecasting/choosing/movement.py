"""How much series have moved of late, and how far the sizes of errors go with it.

The usual movement of a series, by which errors of different series are compared, is that of its whole history. Where series
have become livelier or calmer since, so have their errors, as in the years of M3; elsewhere they have hardly. By how much is
learned from past errors: the slope of their logarithms on those of the recent movement at their cutoffs.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64

# The weight of a step falls by half over a season, or over so many steps.
_LEAST_HALF_LIFE = 2.0
# The recent movement is drawn to the usual one as if that were so many steps.
_USUAL_STEPS = 2.0
# No more is made of a movement that has changed, and of an error, in logarithms.
_MOST = np.log(4.0)
# The slope is estimated from at least so many series.
_SERIES_TO_ESTIMATE = 20


class Movement(NamedTuple):
    """How much series had moved of late, relative to how much they usually do.

    Attributes:
        then: When each window was forecast, ``(windows, series)``.
        now: At the cutoff whose intervals are asked for, ``(series,)``.
    """

    then: Float64[np.ndarray, "windows series"]
    now: Float64[np.ndarray, " series"]


def recent_movement(values: Float64[np.ndarray, "series time"], season_length: int) -> Float64[np.ndarray, " series"]:
    """Return how far series have gone in a step of late, relative to how far they usually go; about 1, above 0.

    Args:
        values: The series, to a cutoff.
        season_length: Steps in a season.
    """
    steps = np.abs(np.diff(values, axis=1))
    known = np.isfinite(steps)
    count = known.sum(axis=1)
    usual = np.sum(steps, axis=1, where=known) / np.maximum(count, 1)
    # In units before they are weighed: a series that never moves has moved as usual.
    relative = np.where(known & (usual > 0)[:, None], steps, 1.0) / np.where(usual > 0, usual, 1.0)[:, None]
    age = np.arange(steps.shape[1])[::-1]
    weight = np.where(known, 0.5 ** (age / max(season_length, _LEAST_HALF_LIFE)), 0.0)
    return (np.sum(weight * relative, axis=1) + _USUAL_STEPS) / (weight.sum(axis=1) + _USUAL_STEPS)


def slope_on_movement(
    sizes: Float64[np.ndarray, "windows series"],
    then: Float64[np.ndarray, "windows series"],
    independent: float,
) -> float:
    """Return the power of the recent movement that sizes of errors go with, from 0 to 1; 0 where series are few.

    The slope within windows, drawn to 0 as far as its standard error explains it (James and Stein 1961, the positive part).

    Args:
        sizes: The mean size of the errors of each series in each window, in units of the series; NaN where not known.
        then: How much the series had moved of late when the windows were forecast.
        independent: How many windows there are where those that overlap count as one.
    """
    known = np.isfinite(sizes) & (sizes > 0) & (then > 0)
    series = int(known.any(axis=0).sum())
    if series < _SERIES_TO_ESTIMATE:
        return 0.0
    x = _within(np.log(np.where(known, then, 1.0)), known)
    y = _within(np.log(np.where(known, sizes, 1.0)), known)
    squares = float((x**2).sum())
    if squares <= 0:
        return 0.0
    slope = float((x * y).sum()) / squares
    count = series * independent
    variance = float(((y - slope * x) ** 2).sum()) / squares / max(count - 2, 1)
    if slope <= 0:
        return 0.0
    return min(slope * max(1 - variance / slope**2, 0.0), 1.0)


def _within(
    logarithms: Float64[np.ndarray, "windows series"], known: Bool[np.ndarray, "windows series"]
) -> Float64[np.ndarray, "windows series"]:
    """Return how far they are from the mean of their window, bounded; 0 where not known."""
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    mean = np.sum(logarithms, axis=1, where=known, keepdims=True) / count
    return np.where(known, np.clip(logarithms - mean, -2 * _MOST, 2 * _MOST), 0.0)


def in_units_of_now(
    errors: Float64[np.ndarray, "windows series horizon"],
    scale: Float64[np.ndarray, " series"],
    movement: Movement,
    slope: float,
) -> tuple[Float64[np.ndarray, "windows series horizon"], Float64[np.ndarray, " series"]]:
    """Return errors as large as they would be now, and the units of series that move as they do now.

    Args:
        errors: Of past windows.
        scale: The units of each series, where it moves as usual.
        movement: How much the series had moved of late, in these windows and now.
        slope: The power of it that errors go with.
    """
    then, now = (np.exp(slope * np.clip(np.log(moved), -_MOST, _MOST)) for moved in movement)
    return errors * (now / then)[..., None], scale * now
