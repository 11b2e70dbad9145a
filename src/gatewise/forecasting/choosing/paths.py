"""Whole paths into the future: at each step as the intervals say, and from step to step as errors of past forecasts went.

A Gaussian copula joins the two. How errors at the steps of one forecast go together is what the errors of past forecasts
show, of all series, drawn to how those of a random walk do as long as there are few of them; the distribution of each step
alone is that of the intervals. Schefzik, Thorarinsdottir and Gneiting 2013, "Uncertainty quantification in complex simulation
models using ensemble copula coupling", compare the ways to do this; a copula that is estimated can have more paths than there
were errors.
"""

import numpy as np
from jaxtyping import Float64, Int64

# How errors go together is drawn to a random walk's as if that had been seen in so many windows.
_WALK_WINDOWS = 2.0
# An error counts as no larger than so many times the usual of its step.
_FAR = 3.0
# Levels for which the reach of intervals is asked for; between them it is a straight line, and beyond the last as there.
PATH_LEVELS = np.concatenate([np.arange(0.5, 99.5, 1.0), np.arange(99.5, 99.95, 0.1)])


def dependence(
    errors: Float64[np.ndarray, "windows series horizon"], steps_back: Int64[np.ndarray, " windows"]
) -> Float64[np.ndarray, "horizon horizon"]:
    """Return how errors at the steps of one forecast correlate.

    Args:
        errors: Of past forecasts, with their signs; NaN where not known. Windows that are not known to their end do not count.
        steps_back: Their cutoffs. Windows that overlap count as one, for how far to go from a random walk.
    """
    steps = np.arange(1.0, errors.shape[2] + 1)
    walk = np.sqrt(np.minimum(steps[:, None], steps) / np.maximum(steps[:, None], steps))
    known = np.isfinite(errors).all(axis=2)
    squares = np.where(known[..., None], errors, 0.0) ** 2
    # A series counts by how its errors go, whatever their size.
    size = np.sqrt(squares.sum(axis=(0, 2)))
    known &= size > 0
    if not known.any():
        return walk
    whole = (errors / np.where(size > 0, size, 1.0)[:, None])[known]
    usual = np.sqrt(np.mean(whole**2, axis=0)) + np.finfo(np.float64).tiny
    bounded = np.clip(whole / usual, -_FAR, _FAR)
    products = bounded.T @ bounded
    spread = np.sqrt(np.diag(products)) + np.finfo(np.float64).tiny
    seen = products / spread[:, None] / spread
    apart = float(np.ptp(steps_back)) / len(steps) + 1
    count = min(apart, len(errors)) * known.any(axis=0).sum()
    return (count * seen + _WALK_WINDOWS * walk) / (count + _WALK_WINDOWS)


def drawn_paths(
    middle: Float64[np.ndarray, "series horizon"],
    below: Float64[np.ndarray, "series horizon levels"],
    above: Float64[np.ndarray, "series horizon levels"],
    correlation: Float64[np.ndarray, "horizon horizon"],
    normal: Float64[np.ndarray, "series paths horizon"],
) -> Float64[np.ndarray, "series paths horizon"]:
    """Return paths whose steps have the distribution of the intervals, and go together as a correlation says.

    Args:
        middle: The forecasts: the median of each step.
        below: How far the intervals of `PATH_LEVELS` reach below it.
        above: How far above.
        correlation: Of the steps, as `dependence` has it.
        normal: Independent draws from the standard normal distribution.
    """
    from scipy import special

    root = np.linalg.cholesky(correlation + 1e-9 * np.eye(len(correlation)))
    levels = np.concatenate([[0.0], PATH_LEVELS])
    steps = np.arange(middle.shape[1])
    paths = np.empty(normal.shape)
    for row in range(len(middle)):
        together = normal[row] @ root.T
        # The level of the interval that just holds a draw.
        level = 100 * (2 * special.ndtr(np.abs(together)) - 1)
        right = np.clip(np.searchsorted(levels, level), 1, len(PATH_LEVELS))
        share = np.clip((level - levels[right - 1]) / (levels[right] - levels[right - 1]), 0.0, 1.0)
        up = together > 0
        reach = np.stack([np.pad(-below[row], ((0, 0), (1, 0))), np.pad(above[row], ((0, 0), (1, 0)))])
        outer, inner = (reach[up.astype(np.int64), steps, place] for place in (right, right - 1))
        paths[row] = middle[row] + inner + share * (outer - inner)
    return paths
