"""The mean of each place in the season, for many series at once."""

import numpy as np
from jaxtyping import Float64, Int64


def seasonal_means(
    levels: Float64[np.ndarray, "series time"], season_length: int, places: Int64[np.ndarray, "series time"]
) -> Float64[np.ndarray, "series places"]:
    """Return the additive season of series, drawn to none as far as it may be noise.

    Differences to a centred moving average, or to the mean where a series is too short for one, averaged by place; shrunk
    as James and Stein 1961, by the share of the variance of these means that the noise of the differences explains.

    Args:
        levels: The series, NaN where a value is missing.
        season_length: Steps in a season.
        places: The place in the season of each column.

    Returns:
        The means, which sum to 0, ``(series, places)``.
    """
    trend = _centred(levels, season_length)
    flat = np.nanmean(levels, axis=1, keepdims=True)
    differences = levels - np.where(np.isfinite(trend).any(axis=1, keepdims=True), trend, flat)
    known = np.isfinite(differences)
    held = np.where(known, differences, 0.0)
    one = np.eye(season_length)[places] * known[..., None]
    counts = one.sum(axis=1)
    means = np.einsum("st,stp->sp", held, one) / np.maximum(counts, 1)
    rest = (held - np.take_along_axis(means, places, axis=1)) * known
    free = np.maximum(known.sum(axis=1) - season_length, 1)
    noise = (rest**2).sum(axis=1) / free * (1 / np.maximum(counts, 1)).mean(axis=1)
    centred = means - means.mean(axis=1, keepdims=True)
    signal = np.maximum((centred**2).sum(axis=1) / max(season_length - 1, 1) - noise, 0.0)
    return centred * (signal / (signal + noise + np.finfo(np.float64).tiny))[:, None]


def _centred(levels: Float64[np.ndarray, "series time"], season_length: int) -> Float64[np.ndarray, "series time"]:
    """Return the moving average over a season, NaN where it is not known."""
    # A season of an even length is centred between two values: the ends of its window count half.
    weights = np.ones(season_length) if season_length % 2 else np.r_[0.5, np.ones(season_length - 1), 0.5]
    half = len(weights) // 2
    means = np.full(levels.shape, np.nan)
    if levels.shape[1] >= len(weights):
        spans = np.lib.stride_tricks.sliding_window_view(levels, len(weights), axis=1)
        means[:, half : half + spans.shape[1]] = spans @ weights / season_length
    return means
