"""Intervals from the quantiles that networks give, made to hold what they promise.

Conformalised quantile regression (Romano, Patterson and Candès 2019): how far the values of past windows lay outside of the
network's own interval, or inside, says how much wider or narrower the next one is to be. The comparison is a ratio (Sesia and
Candès 2020, "A comparison of some conformal quantile regression methods"), so that series of any size share it and no bound
crosses the forecast.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float64, Int64

from gatewise.forecasting.choosing.bands import conformal_quantiles, independent_windows
from gatewise.forecasting.rolling import MEDIAN, QUANTILE_LEVELS

# The levels of a network's own intervals: an interval of another level is compared with the nearest of them.
_NARROWEST, _WIDEST = 100 * (2 * QUANTILE_LEVELS[[MEDIAN + 1, -1]] - 1)
# Every interval holds those of these levels that are below its own.
_NESTED = np.arange(50.5, 99.0)
# A network's interval reaches at least this share of the series' scale to either side.
_LEAST_REACH = 1e-3


def own_reach(
    quantiles: Mapping[str, Float64[np.ndarray, "*axes levels"]],
    weights: Mapping[str, Float64[np.ndarray, "*series"]],
) -> Float64[np.ndarray, "*axes levels"]:
    """Return how far the quantiles of `QUANTILE_LEVELS` are from the median, in the mean of several networks.

    Args:
        quantiles: By network.
        weights: What each weighs, one number for each series, ``(windows, series)`` or ``(series,)``. Where none has any
            weight, all have the same.
    """
    names = list(quantiles)
    each = np.stack([quantiles[name] - quantiles[name][..., MEDIAN, None] for name in names])
    shares = np.stack([weights[name] for name in names])
    total = shares.sum(axis=0)
    shares = np.where(total > 0, shares / np.where(total > 0, total, 1.0), 1 / len(names))
    return np.sum(shares[..., None, None] * each, axis=0)


def conformal_reach(
    errors: Float64[np.ndarray, "windows series horizon"],
    steps_back: Int64[np.ndarray, " windows"],
    reach: Float64[np.ndarray, "windows series horizon quantiles"],
    now: Float64[np.ndarray, "series horizon quantiles"],
    scale: Float64[np.ndarray, " series"],
    levels: Float64[np.ndarray, " levels"],
) -> Float64[np.ndarray, "2 series horizon levels"]:
    """Return how far intervals reach below the forecast, and above it.

    Args:
        errors: Actual values minus forecasts, NaN where not known.
        steps_back: The cutoffs of the windows.
        reach: Of the networks in these windows, as `own_reach` has it.
        now: The same for the forecast.
        scale: The units of each series, above 0.
        levels: In per cent.
    """
    from scipy import special

    # So that an interval is the same whichever others are asked for.
    every, asked = np.unique(np.concatenate([levels, _NESTED]), return_inverse=True)
    own = np.clip(every, _NARROWEST, _WIDEST)
    sides, now_sides = _sides(reach, scale, own), _sides(now, scale, own)
    known = np.isfinite(errors) & np.isfinite(sides).all(axis=(0, -1))
    if known.any():
        windows = independent_windows(steps_back[known.any(axis=(1, 2))], errors.shape[2])
        independent = windows * int(known.any(axis=(0, 2)).sum())
        ratio = np.abs(errors)[..., None] / np.where((errors > 0)[..., None], sides[1], sides[0])
        ordered = np.sort(ratio[known], axis=0)
        grown = [
            conformal_quantiles(ordered[:, place], independent, every[place : place + 1])[0]
            for place in range(len(every))
        ]
    else:
        grown = (special.ndtri((1 + every / 100) / 2) / special.ndtri((1 + own / 100) / 2)).tolist()
    now_sides = now_sides * np.array(grown)
    # A wider interval holds every narrower one.
    nested = np.maximum.accumulate(now_sides, axis=-1)
    return nested[..., asked[: len(levels)]]


def _sides(
    reach: Float64[np.ndarray, "*axes quantiles"], scale: Float64[np.ndarray, " series"], levels: np.ndarray
) -> Float64[np.ndarray, "2 *axes levels"]:
    """Return how far a network's own intervals of some levels reach below and above; above 0.

    Between its quantiles they lie as those of a normal distribution do.
    """
    from scipy import special

    knots = special.ndtri(QUANTILE_LEVELS)
    least = _LEAST_REACH * scale[:, None, None]
    sides = []
    for sign in (-1.0, 1.0):
        at = sign * special.ndtri((1 + levels / 100) / 2)
        right = np.clip(np.searchsorted(knots, at), 1, len(knots) - 1)
        share = (at - knots[right - 1]) / (knots[right] - knots[right - 1])
        found = reach[..., right - 1] + share * (reach[..., right] - reach[..., right - 1])
        sides.append(np.maximum(sign * found, least))
    return np.stack(sides)
