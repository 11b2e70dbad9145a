"""The season that was known at each step of a series, from the values up to there and no later one."""

import numpy as np
from jaxtyping import Float64


def seasons_so_far(
    levels: Float64[np.ndarray, "series time"], season_length: int, memory: float = 1.0
) -> Float64[np.ndarray, "series time {season_length}"]:
    """Return at every step the season as it could be estimated there, shrunk as far as it might be noise.

    The differences of the values to a centred moving average over one season, averaged by place: the classical
    decomposition, additive, of everything up to that step. These averages are shrunk to 0 by the share of their variance
    that noise explains (James and Stein 1961; for seasons Miller and Williams 2003, "Shrinkage estimators of time series
    seasonal factors"): all of it before there are two residuals more than places.

    Args:
        levels: Series that begin at the first column, without gaps, ``(series, time)``.
        season_length: Steps in a season.
        memory: Weight of a season a season later. 1 weighs all the same.

    Returns:
        The season ``(series, time, season_length)``; place p is for the steps t with ``t % season_length == p``.
    """
    series, time = levels.shape
    season = np.zeros((series, time, season_length))
    half = season_length // 2
    if season_length < 2 or time <= 2 * season_length:
        return season
    detrended = levels - centred_means(levels, season_length)
    sums = np.zeros((series, season_length))
    squares, counts = sums.copy(), np.zeros(season_length)
    for known in range(half, time - half):
        place = known % season_length
        value = detrended[:, known]
        sums[:, place] = memory * sums[:, place] + value
        squares[:, place] = memory * squares[:, place] + value**2
        counts[place] = memory * counts[place] + 1
        # The average around a step takes values up to half a season later.
        season[:, known + half] = _shrunk(sums, squares, counts, known - half + 1)
    return season


def centred_means(levels: Float64[np.ndarray, "series time"], season_length: int) -> Float64[np.ndarray, "series time"]:
    """Return moving averages over a season, NaN where they are not known. The ends of an even season's window count half."""
    weights = np.ones(season_length) if season_length % 2 else np.r_[0.5, np.ones(season_length - 1), 0.5]
    half = len(weights) // 2
    means = np.full(levels.shape, np.nan)
    spans = np.lib.stride_tricks.sliding_window_view(levels, len(weights), axis=1)
    means[:, half : half + spans.shape[1]] = spans @ weights / season_length
    return means


def _shrunk(
    sums: Float64[np.ndarray, "series places"],
    squares: Float64[np.ndarray, "series places"],
    counts: Float64[np.ndarray, " places"],
    values: int,
) -> Float64[np.ndarray, "series places"]:
    """Return the averages of the places, around their mean, as far as they are more than noise."""
    places = len(counts)
    free = values - places
    if free < 2 or counts.min() == 0:
        return np.zeros_like(sums)
    means = sums / counts
    residuals = np.maximum(squares - sums * means, 0).sum(axis=1)
    noise = residuals / (counts.sum() - places + 1e-9) * (1 / counts).mean()
    centred = means - means.mean(axis=1, keepdims=True)
    signal = np.maximum((centred**2).sum(axis=1) / (places - 1) - noise, 0)
    return centred * (signal / (signal + noise + 1e-12))[:, None]
