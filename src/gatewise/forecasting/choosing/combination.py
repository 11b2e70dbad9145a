"""One forecast from several: weights learned from past errors, never far from equal ones where there are few errors."""

import numpy as np
from jaxtyping import Bool, Float64

from gatewise.forecasting.rolling import Rolled

# The errors of all series together count as much as those of so many forecast steps of the series itself, and that all
# methods are equally good as much as so many.
_POOLED_STEPS, _EQUAL_STEPS = 24.0, 8.0
# A method's weight falls with this power of its error; squared errors would be 2 for independent errors of equal bias.
_SHARPNESS = 4.0
# A method whose error is more than so many times the least is left out.
_MOST_ERROR = 1.5
# An error of less than this share of the usual one is none.
_EXACT = 1e-9


def weights_at(
    rolled: Rolled,
    steps_back: int,
    scale: Float64[np.ndarray, " series"],
    prior: Float64[np.ndarray, " methods"],
) -> Float64[np.ndarray, "methods series"]:
    """Return the weights of the methods at a cutoff, from errors that were known there.

    Args:
        rolled: Forecasts from this cutoff and from earlier ones.
        steps_back: The cutoff.
        scale: In units of which errors of different series are compared.
        prior: Weights for where nothing is known, ``(methods,)``.

    Returns:
        They sum to 1 for each series.
    """
    known = rolled.known_at(steps_back)
    scaled = np.abs(rolled.errors) / scale[:, None]
    step = float(np.median(-np.diff(rolled.steps_back))) if len(rolled.steps_back) > 1 else np.inf
    return weights_from(np.where(known, scaled, np.nan), prior, max(rolled.horizon / step, 1.0))


def weights_from(
    scaled: Float64[np.ndarray, "methods windows series horizon"],
    prior: Float64[np.ndarray, " methods"],
    overlap: float = 1.0,
) -> Float64[np.ndarray, "methods series"]:
    """Return weights from the sizes of errors; NaN is not known.

    A method's weight is its prior weight divided by a power of its mean error. The mean of a series is drawn to that of all
    series, and that to one for all methods, since a few errors say little; methods far behind the best are left out.

    Args:
        scaled: Absolute errors, in units of which series are compared.
        prior: Weights for where nothing is known.
        overlap: How many windows forecast the same step: their errors count as one.
    """
    if not (prior > 0).all():
        # Methods that may have no weight are nobody's measure.
        weights = np.zeros((len(prior), scaled.shape[2]))
        weights[prior > 0] = weights_from(scaled[prior > 0], prior[prior > 0], overlap)
        return weights
    series = scaled.shape[2]
    both: Bool[np.ndarray, ...] = np.isfinite(scaled).all(axis=0)
    count = both.sum(axis=(0, 2))
    total = np.sum(scaled, axis=(1, 3), where=both)
    if not count.any():
        return np.repeat((prior / prior.sum())[:, None], series, axis=1)
    own = total / np.maximum(count, 1)
    level = own.mean(axis=0)
    # Relative to the methods' mean on the series, so that no series has more to say than others.
    there = (count > 0) & (level > 0)
    shares = np.divide(own, level, out=np.ones(own.shape), where=there)
    pooled = shares[:, there].mean(axis=1) if there.any() else np.ones(len(own))
    steps, every = count / overlap, count.sum() / overlap
    pooled = (every * pooled + _EQUAL_STEPS) / (every + _EQUAL_STEPS)
    drawn = (
        (steps * shares + _POOLED_STEPS * pooled[:, None]) / (steps + _POOLED_STEPS) if series > 1 else pooled[:, None]
    )
    relative = (drawn + _EXACT) / (drawn.min(axis=0) + _EXACT)
    weights = np.where(relative <= _MOST_ERROR, prior[:, None] * relative**-_SHARPNESS, 0.0)
    return weights / weights.sum(axis=0)


def combined(
    forecasts: Float64[np.ndarray, "methods series horizon"], weights: Float64[np.ndarray, "methods series"]
) -> Float64[np.ndarray, "series horizon"]:
    """Return the weighted mean of the methods; a method without a forecast is left out."""
    there = np.isfinite(forecasts)
    share = np.where(there, weights[..., None], 0.0)
    total = share.sum(axis=0)
    mean = np.sum(share * np.where(there, forecasts, 0.0), axis=0)
    return np.divide(mean, total, out=np.full(total.shape, np.nan), where=total > 0)
