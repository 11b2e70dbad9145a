"""Intervals around forecasts from errors made before: how large an error is, and how much larger the next may be.

Split conformal prediction with a scale (Lei and others 2018, "Distribution-free predictive inference for regression",
section 5.2): an error is compared with the size that errors of its series and its step of the horizon have in *other* windows,
and an interval is that size times the conformal quantile of these comparisons. Since the size is estimated without the
error that it is compared with, and those made at the same time, few windows give wide intervals by themselves. All
comparisons of all series share a quantile, as one series seldom has the 19 that a level of 95 per cent needs.
"""

import numpy as np
from jaxtyping import Float64, Int64

# The size of a series' errors is drawn to that of all series as if they were so many windows of its own.
_SHARED_WINDOWS = 2.0
# The errors at the steps of one window are much alike.
_FREEDOM_OF_A_WINDOW = 3.0


def half_widths(
    errors: Float64[np.ndarray, "windows series horizon"],
    steps_back: Int64[np.ndarray, " windows"],
    scale: Float64[np.ndarray, " series"],
    levels: Float64[np.ndarray, " levels"],
) -> Float64[np.ndarray, "series horizon levels"]:
    """Return how far intervals reach to either side.

    Args:
        errors: Of forecasts that were made in the same way, NaN where not known.
        steps_back: Their cutoffs. Windows that forecast the same times err alike, and are not compared with each other.
        scale: The units of each series, above 0.
        levels: In per cent.

    Returns:
        NaN where there is no error at all.
    """
    sizes = np.abs(errors) / scale[:, None]
    known = np.isfinite(sizes)
    if not known.any():
        return np.full((*errors.shape[1:], len(levels)), np.nan)
    usual = _usual(sizes, known)
    squares, counted = np.where(known, sizes, 0.0) ** 2, known.astype(np.float64)
    horizon, windows = errors.shape[2], len(errors)
    apart = (np.abs(steps_back[:, None] - steps_back) >= horizon).astype(np.float64)
    # Windows that overlap count as one.
    independent = min(float(np.ptp(steps_back)) / horizon + 1, windows)
    share = independent / windows
    others = _drawn(share * np.tensordot(apart, squares, 1), share * np.tensordot(apart, counted, 1), usual)
    pooled = np.sort((sizes / others)[known])
    at = np.ceil((len(pooled) + 1) * levels / 100 - 1e-9).astype(np.int64)
    quantiles = pooled[np.minimum(at, len(pooled)) - 1]
    if not apart.any():
        quantiles = quantiles * _student(levels, _FREEDOM_OF_A_WINDOW * independent * known.any(axis=(0, 2)).sum())
    own = _drawn(share * squares.sum(axis=0), share * counted.sum(axis=0), usual)
    return own[..., None] * scale[:, None, None] * quantiles


def _student(levels: Float64[np.ndarray, " levels"], freedom: float) -> Float64[np.ndarray, " levels"]:
    """Return how much wider intervals are for a size that was estimated from so few errors, these among them."""
    # scipy.stats, which has the same numbers, takes longer to load than a forecast of a series.
    from scipy import special

    tails = (1 + levels / 100) / 2
    return np.asarray(special.stdtrit(freedom, tails) / special.ndtri(tails))


def _drawn(total: np.ndarray, count: np.ndarray, usual: Float64[np.ndarray, " horizon"]) -> np.ndarray:
    """Return the root mean square of a series' errors at each step, drawn to the usual one; above 0."""
    return np.sqrt((total + _SHARED_WINDOWS * usual**2) / (count + _SHARED_WINDOWS)) + np.finfo(np.float64).tiny


def half_widths_of_movement(
    values: Float64[np.ndarray, "series time"], horizon: int, levels: Float64[np.ndarray, " levels"]
) -> Float64[np.ndarray, "series horizon levels"]:
    """Return how far intervals reach where no error is known: as a random walk goes that moves like the series.

    Args:
        values: The series.
        horizon: Steps.
        levels: In per cent.

    Returns:
        NaN for series without two values in a row.
    """
    from scipy import special

    steps = np.diff(values, axis=1)
    count = np.isfinite(steps).sum(axis=1)
    total = np.sum(steps**2, axis=1, where=np.isfinite(steps))
    size = np.sqrt(np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0))
    quantiles = special.stdtrit(np.maximum(count, 1)[:, None], (1 + levels / 100) / 2)
    return (size[:, None] * np.sqrt(np.arange(1, horizon + 1)))[..., None] * quantiles[:, None]


def _usual(sizes: Float64[np.ndarray, "windows series horizon"], known: np.ndarray) -> Float64[np.ndarray, " horizon"]:
    """Return the size of an error at each step over all windows and series, never smaller at a later step."""
    squares = np.sum(np.where(known, sizes, 0.0) ** 2, axis=(0, 1))
    counts = known.sum(axis=(0, 1))
    mean = np.sqrt(squares.sum() / counts.sum())
    usual = np.sqrt((squares + mean**2) / (counts + 1))
    return np.maximum.accumulate(usual)
