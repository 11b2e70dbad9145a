"""Intervals around forecasts from errors made before: how large an error is, and how much larger the next may be.

Split conformal prediction with a scale (Lei and others 2018, "Distribution-free predictive inference for regression",
section 5.2): an error is compared with the size that errors of its series and its step of the horizon have in *other* windows,
and an interval is that size times the conformal quantile of these comparisons. All comparisons of all series share a quantile,
as one series seldom has the 19 that a level of 95 per cent needs.

A size has two parts: how errors grow over the steps of the horizon, which all series share, and how large those of a series
are, of which a few windows say little. It is drawn to that of all series; so are the sizes that errors are compared with,
which are estimated without the error and those made at the same time. Sizes are in units of the usual movement of each series,
or of the recent one as far as errors go with that; `movement` says how far.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from gatewise.forecasting.choosing.movement import Movement, in_units_of_now, slope_on_movement

# The size of a series' errors is drawn to that of all series as if they were so many windows of its own; so many where that
# cannot be estimated, and the bounds of an estimate from at least so many series.
_SHARED_WINDOWS, _FEWEST_SHARED, _MOST_SHARED = 4.0, 0.5, 16.0
_SERIES_TO_ESTIMATE = 20
# An error counts as no more than so many times the usual of its step where sizes are estimated: one wild forecast must not
# make all intervals wide.
_FAR = 8.0
# Nor is an error compared with less than this share of the usual size, where all others were none: a price that changed once.
_CALMEST = 0.1
# Student's distribution has at least so many degrees of freedom.
_FEWEST_FREEDOM = 2.0


class UsualSizes(NamedTuple):
    """What intervals of all series have alike.

    Attributes:
        steps: The size of an error at each step of the horizon; NaN where no error is known, ``(horizon,)``.
        quantiles: Of the comparisons of errors with sizes, ``(levels,)``.
        windows: The size of a series' errors is drawn to that of all as if they were so many windows of its own.
        slope: The power of the recent movement of a series that the size of its errors goes with.
    """

    steps: Float64[np.ndarray, " horizon"]
    quantiles: Float64[np.ndarray, " levels"]
    windows: float
    slope: float


def half_widths(
    errors: Float64[np.ndarray, "windows series horizon"],
    steps_back: Int64[np.ndarray, " windows"],
    scale: Float64[np.ndarray, " series"],
    movement: Movement,
    levels: Float64[np.ndarray, " levels"],
) -> Float64[np.ndarray, "series horizon levels"]:
    """Return how far intervals reach to either side.

    Args:
        errors: Of forecasts that were made in the same way, NaN where not known.
        steps_back: Their cutoffs. Windows that forecast the same times err alike, and are not compared with each other.
        scale: The units of each series, above 0.
        movement: How much the series had moved of late, in these windows and now.
        levels: In per cent.

    Returns:
        NaN where there is no error at all.
    """
    usual = usual_sizes(errors, steps_back, scale, movement, levels)
    return half_widths_among(errors, steps_back, scale, movement, usual)


def half_widths_among(
    errors: Float64[np.ndarray, "windows series horizon"],
    steps_back: Int64[np.ndarray, " windows"],
    scale: Float64[np.ndarray, " series"],
    movement: Movement,
    usual: UsualSizes,
) -> Float64[np.ndarray, "series horizon levels"]:
    """Return how far intervals reach by what all series have alike, of which these are some; see `half_widths`."""
    seen = _seen(errors)
    if np.isnan(usual.steps).any() or not seen.any():
        return np.full((*errors.shape[1:], len(usual.quantiles)), np.nan)
    errors, steps_back = errors[seen], steps_back[seen]
    errors, scale = in_units_of_now(errors, scale, Movement(movement.then[seen], movement.now), usual.slope)
    _, means, there = _means(errors, scale, usual.steps)
    share = independent_windows(steps_back, errors.shape[2]) / len(errors)
    own = _drawn(share * means.sum(axis=0), share * there.sum(axis=0), usual.windows)
    return (own * scale)[:, None, None] * usual.steps[:, None] * usual.quantiles


def usual_sizes(
    errors: Float64[np.ndarray, "windows series horizon"],
    steps_back: Int64[np.ndarray, " windows"],
    scale: Float64[np.ndarray, " series"],
    movement: Movement,
    levels: Float64[np.ndarray, " levels"],
) -> UsualSizes:
    """Return what intervals of all series have alike; see `half_widths`."""
    nothing = UsualSizes(np.full(errors.shape[2], np.nan), np.full(len(levels), np.nan), 0.0, 0.0)
    seen = _seen(errors)
    if not seen.any():
        return nothing
    errors, steps_back = errors[seen], steps_back[seen]
    windows = independent_windows(steps_back, errors.shape[2])
    slope = slope_on_movement(_mean_sizes(errors, scale), movement.then[seen], windows)
    errors, scale = in_units_of_now(errors, scale, Movement(movement.then[seen], movement.now), slope)
    sizes = np.abs(errors) / scale[:, None]
    known = np.isfinite(sizes)
    if not known.any():
        # Errors in units of a movement that nobody knows.
        return nothing
    usual = _usual(sizes, known)
    relative, means, there = _means(errors, scale, usual)
    # Windows that overlap count as one.
    share = windows / len(errors)
    apart = (np.abs(steps_back[:, None] - steps_back) >= errors.shape[2]).astype(np.float64)
    series = int(known.any(axis=(0, 2)).sum())
    # A single series has no others to be drawn to.
    drawn = _shared_windows(np.where(there > 0, means, np.nan), apart) * (1 - 1 / series)
    others = np.maximum(_drawn(share * apart @ means, share * apart @ there, drawn), _CALMEST)
    compared = known & ((apart @ there > 0) & (there > 0))[..., None]
    if not compared.any():
        compared = known
    pooled = np.sort((relative / others[..., None])[compared])
    return UsualSizes(usual, conformal_quantiles(pooled, windows * series, levels), drawn, slope)


def _seen(errors: Float64[np.ndarray, "windows series horizon"]) -> Bool[np.ndarray, " windows"]:
    """Return of which windows anything is known."""
    return np.isfinite(errors).any(axis=(1, 2))


def _mean_sizes(
    errors: Float64[np.ndarray, "windows series horizon"], scale: Float64[np.ndarray, " series"]
) -> Float64[np.ndarray, "windows series"]:
    """Return the mean size of an error of each series in each window, NaN where none is known."""
    known = np.isfinite(errors)
    count = known.sum(axis=2)
    total = np.sum(np.abs(errors) / scale[:, None], axis=2, where=known)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)


def _means(
    errors: Float64[np.ndarray, "windows series horizon"],
    scale: Float64[np.ndarray, " series"],
    usual: Float64[np.ndarray, " horizon"],
) -> tuple[
    Float64[np.ndarray, "windows series horizon"],
    Float64[np.ndarray, "windows series"],
    Float64[np.ndarray, "windows series"],
]:
    """Return sizes relative to the usual one of their step, their means in each window, and 1 where there is any, else 0."""
    sizes = np.abs(errors) / scale[:, None]
    known = np.isfinite(sizes)
    relative = np.where(known, sizes / usual, 0.0)
    count = known.sum(axis=2)
    means = np.sum(np.minimum(relative, _FAR), axis=2) / np.maximum(count, 1)
    return relative, means, (count > 0).astype(np.float64)


def independent_windows(steps_back: Int64[np.ndarray, " windows"], horizon: int) -> float:
    """Return how many windows there are where those that overlap count as one."""
    return min(float(np.ptp(steps_back)) / horizon + 1, float(len(steps_back)))


def conformal_quantiles(
    ordered: Float64[np.ndarray, " errors"], independent: float, levels: Float64[np.ndarray, " levels"]
) -> Float64[np.ndarray, " levels"]:
    """Return quantiles of sorted sizes of errors that hold the next one, too.

    Of n errors that is the one at ``(n + 1) / n`` times the level. It is as much larger as Student's distribution is wider than
    the normal one, with a degree of freedom for each window of each series, as the errors of a window are much alike.

    Args:
        ordered: The sizes, the smallest first.
        independent: How many windows they are from.
        levels: In per cent.
    """
    # scipy.stats, which has the same numbers, takes longer to load than a forecast of a series.
    from scipy import special

    at = np.minimum(levels / 100 * (len(ordered) + 1), len(ordered))
    found = np.interp(at, np.arange(len(ordered) + 1), np.concatenate([[0.0], ordered]))
    tails = (1 + levels / 100) / 2
    return np.asarray(found * special.stdtrit(max(independent, _FEWEST_FREEDOM), tails) / special.ndtri(tails))


def _shared_windows(
    means: Float64[np.ndarray, "windows series"], apart: Float64[np.ndarray, "windows windows"]
) -> float:
    """Return how many windows of its own weigh as much, for the size of a series' errors, as all other series.

    The variance within series over that between them (Bühlmann 1967, "Experience rating and credibility"). What windows that
    do not overlap have in common, over the series, is what lasts: the variance between.
    """
    between, whole = [], []
    for first, second in np.argwhere(np.triu(apart, 1) > 0).tolist():
        both = np.isfinite(means[first]) & np.isfinite(means[second])
        if both.sum() >= _SERIES_TO_ESTIMATE:
            covariance = np.cov(means[first, both], means[second, both])
            between.append(covariance[0, 1])
            whole.append((covariance[0, 0] + covariance[1, 1]) / 2)
    if not between:
        return _SHARED_WINDOWS
    lasting = max(float(np.mean(between)), np.finfo(np.float64).tiny)
    return float(np.clip((np.mean(whole) - lasting) / lasting, _FEWEST_SHARED, _MOST_SHARED))


def _drawn(total: np.ndarray, count: np.ndarray, windows: float) -> np.ndarray:
    """Return the mean size of errors in some windows, drawn to 1, the usual one, as if that were so many windows; above 0."""
    whole = count + windows
    mean = np.divide(total + windows, whole, out=np.ones(whole.shape), where=whole > 0)
    return np.maximum(mean, np.finfo(np.float64).tiny)


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


def _usual(
    sizes: Float64[np.ndarray, "windows series horizon"], known: Bool[np.ndarray, "windows series horizon"]
) -> Float64[np.ndarray, " horizon"]:
    """Return the mean size of an error at each step over all windows and series, never smaller at a later step; above 0."""
    # Where most errors are none at all, none is far from them.
    bounded = np.where(known, np.minimum(sizes, _FAR * np.median(sizes[known]) or np.inf), 0.0)
    total, count = bounded.sum(axis=(0, 1)), known.sum(axis=(0, 1))
    usual = (total + total.sum() / count.sum()) / (count + 1)
    return np.maximum.accumulate(usual) + np.finfo(np.float64).tiny
