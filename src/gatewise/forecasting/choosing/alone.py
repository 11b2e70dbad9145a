"""The series for which one method by itself is better than all together, beyond noise."""

from statistics import NormalDist

import numpy as np
from jaxtyping import Bool, Float64, Int64

from gatewise.forecasting.rolling import Rolled

FEWEST_WINDOWS = 8


def beyond_noise(chance: float, comparisons: int) -> float:
    """Return how many standard errors a difference must be that is not to be luck.

    The best of many is often far ahead by luck: of so many comparisons that are all noise, not one is to be beyond it, but for
    this chance (Bonferroni's correction).

    Args:
        chance: Of one or more that are taken for more than they are.
        comparisons: How many there are.

    >>> round(beyond_noise(0.05, 7), 2), round(beyond_noise(0.05, 7 * 1000), 2)
    (2.45, 4.34)
    """
    return -NormalDist().inv_cdf(chance / max(comparisons, 1))


def better_alone(
    rolled: Rolled,
    mixed: Float64[np.ndarray, "windows series horizon"],
    steps_back: int,
    allowed: Bool[np.ndarray, " methods"],
    noise: float,
) -> Int64[np.ndarray, " series"]:
    """Return for each series the method that is better by itself than all of them together, beyond noise; -1 for none.

    The mean difference between the absolute errors of the two, window by window, over its standard error, in which windows
    that overlap count as one (Diebold and Mariano 1995); with fewer than 8 windows nothing is beyond noise.

    Args:
        rolled: The forecasts of all methods.
        mixed: The forecasts of all together, from each cutoff up to this one, as they would have been made there.
        steps_back: The cutoff.
        allowed: Which methods may be chosen.
        noise: How many standard errors are noise; see `beyond_noise`.
    """
    windows = len(mixed)
    chosen = np.full(mixed.shape[1], -1)
    back = rolled.steps_back[:windows]
    if windows <= FEWEST_WINDOWS or not allowed.any():
        return chosen
    known = np.where(rolled.known_at(steps_back)[:windows], rolled.actual[:windows], np.nan)
    both = np.isfinite(rolled.forecasts[:, :windows]).all(axis=0) & np.isfinite(known) & np.isfinite(mixed)
    size = lambda forecast: _mean_size(forecast - known, both)  # noqa: E731
    together = size(mixed)
    each = np.stack([size(forecast) for forecast in rolled.forecasts[:, :windows]])
    counted = np.isfinite(together)
    count = counted.sum(axis=0)
    step = max(int(np.median(-np.diff(back))), 1)
    independent = np.maximum(count * step / rolled.horizon, 1.0)
    gain = np.where(counted, together - each, 0.0)
    mean = gain.sum(axis=1) / np.maximum(count, 1)
    spread = np.sqrt(np.where(counted, (gain - mean[:, None]) ** 2, 0.0).sum(axis=1) / np.maximum(count - 1, 1))
    mean[~allowed] = -np.inf
    best = mean.argmax(axis=0)
    rows = np.arange(len(best))
    beyond = mean[best, rows] > noise * spread[best, rows] / np.sqrt(independent)
    return np.where(beyond & (count >= FEWEST_WINDOWS) & (mean[best, rows] > 0), best, chosen)


def _mean_size(
    errors: Float64[np.ndarray, "windows series horizon"], known: Bool[np.ndarray, "windows series horizon"]
) -> Float64[np.ndarray, "windows series"]:
    count = known.sum(axis=2)
    total = np.sum(np.abs(errors), axis=2, where=known)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
