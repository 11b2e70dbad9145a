"""Whether series that say no dates have a season, and of how many steps: from the autocorrelation of their changes."""

import numpy as np
from jaxtyping import Float64

# A season is one that was seen so often at least, and no longer than this.
_CYCLES = 3
_LONGEST = 400
# Chance that a series without a season is said to have one, over all seasons that are looked at.
_BY_CHANCE = 0.005
# The shortest season whose autocorrelation comes so near to the highest is the season; the others are its multiples, or a
# longer cycle in which it lies.
_NEAR_HIGHEST = 0.7
# A season lasts: two to five of them apart values are still so much alike. A cycle that only fades is no season.
_LASTS = 0.6
_MOST_CYCLES = 5
# What goes further than so many times the usual is an outlier.
_FAR = 4.0
_ROUNDING = 1e-9
# Of many series some are looked at, evenly spread; and more than this share of them must have the season.
_MOST_SERIES = 200
_SHARE = 0.5


def detected_season(values: Float64[np.ndarray, "series time"]) -> int:
    """Return how many steps the season of series has, 1 where none is beyond chance.

    Compared are the values that the one before does not explain, without its outliers. The
    autocorrelation of a season is a peak that is there again after further seasons, and higher than chance lets any of the
    candidates be: its standard error is one over the root of the pairs (Bartlett 1946), and the level is divided by the number
    of candidates (Bonferroni). Of several series more than half must have the same.

    Args:
        values: The series, NaN where there is none.

    >>> detected_season(np.tile([3.0, 1.0, 4.0, 1.0, 5.0], 8)[None])
    5
    >>> detected_season(np.random.default_rng(0).standard_normal((1, 120)).cumsum(axis=1))
    1
    """
    rows = np.unique(np.linspace(0, len(values) - 1, min(len(values), _MOST_SERIES)).astype(int))
    found = np.array([_season_of(row[np.isfinite(row).argmax() :]) for row in values[rows] if np.isfinite(row).any()])
    seasons, counts = np.unique(found[found > 1], return_counts=True)
    if not len(seasons) or counts.max() <= _SHARE * len(found):
        return 1
    return int(seasons[counts.argmax()])


def _season_of(values: Float64[np.ndarray, " time"]) -> int:
    """Return the season of one series, from its first value on."""
    known = np.isfinite(values)
    longest = min(len(values) // _CYCLES, _LONGEST)
    if longest < 2 or known.mean() < 0.5:
        return 1
    filled = np.interp(np.arange(len(values)), np.flatnonzero(known), values[known])
    levels = np.log(filled) if (filled > 0).all() else filled
    news = _without_outliers(_unexplained(levels))
    if np.abs(news).max() <= _ROUNDING * np.abs(levels).max():
        return 1
    alike = _autocorrelation(news, len(news) - 1)
    lags = np.arange(2, longest + 1)
    limit = _quantile_of_normal(_BY_CHANCE / len(lags)) / np.sqrt(len(news) - lags)
    # Between a season and the next values differ: a trough is what tells a season from a trend that goes on.
    trough = np.minimum.accumulate(alike[1:])[lags - 2]
    peaks = (alike[lags] > limit) & (alike[lags] > alike[lags - 1]) & (alike[lags] >= alike[lags + 1])
    candidates = lags[peaks & (alike[lags] - trough > limit)]
    if not len(candidates):
        return 1
    near = candidates[alike[candidates] >= _NEAR_HIGHEST * alike[candidates].max()]
    lasting = [season for season in near.tolist() if _lasts(alike, season)]
    return int(lasting[0]) if lasting else 1


def _unexplained(values: Float64[np.ndarray, " time"]) -> Float64[np.ndarray, " time"]:
    """Return what each value is, around a straight line, beyond what the one before lets expect."""
    time = np.arange(len(values))
    around = values - np.polynomial.Polynomial.fit(time, values, 1)(time)
    square = float(around[:-1] @ around[:-1])
    return around[1:] - (float(around[1:] @ around[:-1]) / square if square else 0.0) * around[:-1]


def _lasts(alike: Float64[np.ndarray, " lags"], season: int) -> bool:
    """Return whether values some seasons apart are as much alike as those one season apart."""
    cycles = max(min(len(alike) // (2 * season), _MOST_CYCLES), 2)
    further = alike[season * np.arange(2, cycles + 1)]
    return bool(further.mean() > _LASTS * alike[season])


def _without_outliers(values: Float64[np.ndarray, " time"]) -> Float64[np.ndarray, " time"]:
    """Return values none of which is far from the others, around 0; what is left by rounding only is 0."""
    sizes = np.abs(values - np.median(values))
    usual = float(np.median(sizes)) or float(sizes.mean())
    bounded = np.clip(values, np.median(values) - _FAR * usual, np.median(values) + _FAR * usual)
    centred: np.ndarray = bounded - bounded.mean()
    return centred


def _autocorrelation(values: Float64[np.ndarray, " time"], lags: int) -> Float64[np.ndarray, " lags"]:
    """Return the autocorrelation at 0, 1, … lags, each the mean over as many pairs as it has; 0 where there are none."""
    size = 1 << (2 * len(values) - 1).bit_length()
    spectrum = np.abs(np.fft.rfft(values, size)) ** 2
    products = np.fft.irfft(spectrum, size)[: lags + 1]
    pairs = len(values) - np.arange(lags + 1)
    return np.where(pairs > 0, products / np.maximum(pairs, 1), 0.0) * len(values) / products[0]


def _quantile_of_normal(tail: float) -> float:
    from scipy import special

    return float(-special.ndtri(tail))
