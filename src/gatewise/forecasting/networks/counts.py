"""Counts, and the negative binomial distribution that a network has of them.

Its mean is a multiple of the recent level of the series, and its variance the mean and a share of its square, the dispersion;
a network says the logarithm of the one and, through a softplus, the other (Salinas and others 2020, "DeepAR: Probabilistic
forecasting with autoregressive recurrent networks").
"""

import numpy as np
from jaxtyping import Float, Float64

from gatewise.errors import DataError
from gatewise.forecasting.networks.heads import COUNTS, outputs_of
from gatewise.forecasting.rolling import QUANTILE_LEVELS

# Counts begin with a variance of their mean and a tenth of its square; less than this share of the square is no dispersion. A
# mean is at most so many times the level, in logarithms, and the level at least such a share of the mean of the series.
LEAST_DISPERSION = 1e-3
DISPERSION = float(np.log(np.expm1(0.1 - LEAST_DISPERSION)))
FARTHEST = 4.0
_LEAST_LEVEL = 0.1


def level_of_counts(
    recent: Float64[np.ndarray, "series *rows"], values: Float64[np.ndarray, "series time"]
) -> Float64[np.ndarray, "series *rows"]:
    """Return the levels whose multiples a network forecasts: the recent one, and where that is next to nothing a bit; above 0.

    Args:
        recent: Levels at some times.
        values: The series.
    """
    known = np.isfinite(values)
    mean = np.sum(values, axis=1, where=known) / np.maximum(known.sum(axis=1), 1)
    least = np.maximum(_LEAST_LEVEL * mean, LEAST_DISPERSION)
    return np.maximum(recent, least.reshape(-1, *[1] * (recent.ndim - 1)))


def quantiles_of_counts(
    outputs: Float[np.ndarray, "*axes outputs"], level: Float64[np.ndarray, "*#axes"]
) -> Float64[np.ndarray, "*axes steps levels"]:
    """Return the quantiles that the outputs of a network for counts mean.

    A count stands for all numbers up to a half below and above it, evenly, so that quantiles go up without steps (Machado and
    Santos Silva 2005, "Quantiles for counts"); rounded they are those of the counts. None is below 0.

    Args:
        outputs: On their last axis those of a step stand together.
        level: What the means are multiples of.
    """
    from scipy import stats

    each = np.asarray(outputs, np.float64).reshape(*outputs.shape[:-1], -1, outputs_of(COUNTS))
    mean = level[..., None] * np.exp(np.clip(each[..., 0], -FARTHEST, FARTHEST))
    size = 1 / (np.logaddexp(0.0, each[..., 1] + DISPERSION) + LEAST_DISPERSION)
    counts = stats.nbinom(size[..., None], (size / (size + mean))[..., None])
    whole = counts.ppf(QUANTILE_LEVELS)
    share = (QUANTILE_LEVELS - counts.cdf(whole - 1)) / counts.pmf(whole)
    return np.maximum(whole - 0.5 + share, 0.0)


def refuse_all_but_counts(values: Float64[np.ndarray, "series time"], covariates: bool) -> None:
    """Refuse what a head for counts cannot learn from.

    Args:
        values: The series.
        covariates: Whether they have any.

    Raises:
        DataError: A value is no count, or there are covariates.
    """
    if covariates:
        raise DataError(
            f"The series have covariates, and networks with the head {COUNTS!r} go by the counts alone: leave one of the two "
            "out."
        )
    wrong = np.argwhere(np.isfinite(values) & ((values < 0) | (values != np.floor(values))))
    if len(wrong):
        row, column = wrong[0].tolist()
        raise DataError(
            f"Series {row + 1} of {len(values)} has the value {values[row, column]:g}, and networks with the head {COUNTS!r} "
            "are for counts, whole numbers from 0 up: take the head 'quantile'."
        )
