"""What intervals know of the edges of a series: how long ago its last value was, and that it never was below 0."""

import numpy as np
from jaxtyping import Float64, Int64


def steps_since(values: Float64[np.ndarray, "series time"]) -> Int64[np.ndarray, " series"]:
    """Return how many times have passed since the last value of each series; 0 for one without any.

    >>> steps_since(np.array([[1.0, 2.0], [1.0, np.nan], [np.nan, np.nan]])).tolist()
    [0, 1, 0]
    """
    known = np.isfinite(values)
    return np.where(known.any(axis=1), known[:, ::-1].argmax(axis=1), 0)


def further_ahead(
    reach: Float64[np.ndarray, "*sides series horizon levels"], since: Int64[np.ndarray, " series"]
) -> Float64[np.ndarray, "*sides series horizon levels"]:
    """Return how far intervals reach where the last values are missing: as far as those of steps so much further ahead.

    Beyond the horizon they grow as a random walk goes, with the root of the steps.

    Args:
        reach: By steps after the last value.
        since: How many times have passed since that.
    """
    horizon = reach.shape[-2]
    ahead = since[:, None] + np.arange(1, horizon + 1)
    at = np.minimum(ahead, horizon)
    rows = np.arange(len(since))[:, None]
    found: np.ndarray = reach[..., rows, at - 1, :] * np.sqrt(ahead / at)[..., None]
    return found


def floors(values: Float64[np.ndarray, "series time"]) -> Float64[np.ndarray, " series"]:
    """Return below what no forecast of a series goes: 0 where none of its values does, else nothing.

    >>> floors(np.array([[0.0, 2.0], [-1.0, 2.0], [np.nan, np.nan]])).tolist()
    [0.0, -inf, -inf]
    """
    known = np.isfinite(values)
    never = known.any(axis=1) & (np.where(known, values, 0.0) >= 0).all(axis=1)
    return np.where(never, 0.0, -np.inf)


def above_floor(
    floor: Float64[np.ndarray, "*axes"],
    forecast: Float64[np.ndarray, "*axes"],
    reach: Float64[np.ndarray, "2 *axes levels"],
) -> tuple[Float64[np.ndarray, "*axes"], Float64[np.ndarray, "2 *axes levels"]]:
    """Return forecasts that do not go below a floor, and how far the bounds reach from there, which do not either.

    A value that is not below the floor is inside such an interval where it was inside the one that was cut.

    Args:
        floor: Below what nothing is to go, for each forecast.
        forecast: The forecasts.
        reach: How far their intervals reach below and above.
    """
    middle = np.maximum(forecast, floor)
    low = np.maximum(forecast[..., None] - reach[0], floor[..., None])
    high = np.maximum(forecast[..., None] + reach[1], floor[..., None])
    return middle, np.stack([middle[..., None] - low, high - middle[..., None]])
