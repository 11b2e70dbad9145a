"""The Box-Cox scale: between the values as they are and their logarithms, where the size of movements is the same throughout.

Box and Cox 1964, "An analysis of transformations": ``(y^λ - 1) / λ``, and the logarithm for λ = 0.
"""

import numpy as np
from jaxtyping import Float64

# λ is sought among these. Below 0 a forecast has an upper bound, above 1 values move more where they are small.
POWERS = np.linspace(0.0, 1.0, 101)
# The largest exponent of e.
_LARGEST = 700.0


def to_scale(
    values: Float64[np.ndarray, "series time"], power: Float64[np.ndarray, " series"]
) -> Float64[np.ndarray, "series time"]:
    """Return values on the scale of each series' power: 0 for logarithms, NaN for as they are.

    >>> to_scale(np.array([[1.0, 4.0], [1.0, np.e], [-3.0, 5.0]]), np.array([0.5, 0.0, np.nan])).tolist()
    [[0.0, 2.0], [0.0, 1.0], [-3.0, 5.0]]
    """
    lam = power[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(values)
        # As accurate for a small power as for a large one.
        moved = np.where(lam == 0, logs, np.expm1(lam * logs) / np.where(lam == 0, 1.0, lam))
    return np.where(np.isnan(lam), values, moved)


def from_scale(
    levels: Float64[np.ndarray, "*axes series time"], power: Float64[np.ndarray, " series"]
) -> Float64[np.ndarray, "*axes series time"]:
    """Return the values of `to_scale` again; what is below all values is 0."""
    lam = power[:, None]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        logs = np.where(lam == 0, levels, np.log1p(np.maximum(lam * levels, -1.0)) / np.where(lam == 0, 1.0, lam))
        return np.where(np.isnan(lam), levels, np.exp(np.minimum(logs, _LARGEST)))


def guerrero(values: Float64[np.ndarray, "series time"], season_length: int) -> Float64[np.ndarray, " series"]:
    """Return for each series the power on whose scale its movements are most alike; NaN for one with a value of 0 or below.

    Guerrero 1993, "Time-series analysis supported by power transformations": of the series cut into seasons, or pairs of values
    where there is none, the power for which their standard deviations over the (1 - λ)-th power of their means vary the least.
    A series with fewer than two whole seasons is seen in logarithms.

    Args:
        values: The series, to the last column; NaN where there is none.
        season_length: Steps in a season.
    """
    length = max(season_length, 2)
    blocks = values.shape[1] // length
    observed = np.isfinite(values)
    positive = (np.where(observed, values, 1.0) > 0).all(axis=1) & observed.any(axis=1)
    logs = np.where(positive, 0.0, np.nan)
    if blocks < 2 or not positive.any():
        return logs
    cut = np.where(positive[:, None], values, np.nan)[:, -blocks * length :].reshape(len(values), blocks, length)
    whole = np.isfinite(cut).all(axis=2)
    mean = np.where(whole, cut.mean(axis=2), 1.0)
    deviation = np.where(whole, cut.std(axis=2, ddof=1), np.nan)
    best, least = logs.copy(), np.full(len(values), np.inf)
    enough = whole.sum(axis=1) >= 2
    for power in POWERS.tolist():
        relative = np.where(enough[:, None], deviation / mean ** (1 - power), 1.0)
        count = np.maximum(np.isfinite(relative).sum(axis=1), 2)
        middle = np.nansum(relative, axis=1) / count
        spread = np.sqrt(np.nansum((relative - middle[:, None]) ** 2, axis=1) / (count - 1))
        vary = np.divide(spread, middle, out=np.full(len(values), np.inf), where=(middle > 0) & enough)
        better = vary < least
        best[better], least[better] = power, vary[better]
    return np.where(positive, best, np.nan)
