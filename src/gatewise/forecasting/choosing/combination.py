"""One forecast from several: weights learned from past errors, never far from equal ones where there are few errors."""

import numpy as np
from jaxtyping import Bool, Float64, Int

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
    usual: Float64[np.ndarray, " methods"] | None = None,
) -> Float64[np.ndarray, "methods series"]:
    """Return the weights of the methods at a cutoff, from errors that were known there.

    Args:
        rolled: Forecasts from this cutoff and from earlier ones.
        steps_back: The cutoff.
        scale: In units of which errors of different series are compared.
        prior: Weights for where nothing is known, ``(methods,)``.
        usual: How large the errors of each method are for series like these, as `usual_errors` gives it, which only some
            of them may be at hand to tell. Default: from these series.

    Returns:
        They sum to 1 for each series.
    """
    return weights_from(_scaled_at(rolled, steps_back, scale), prior, _overlap(rolled), usual)


def usual_errors_at(
    rolled: Rolled,
    steps_back: int,
    scale: Float64[np.ndarray, " series"],
    prior: Float64[np.ndarray, " methods"],
) -> Float64[np.ndarray, " methods"]:
    """Return how large the errors of each method are that were known at a cutoff; see `usual_errors` and `weights_at`."""
    usual = np.full(len(prior), np.nan)
    allowed = prior > 0
    usual[allowed] = usual_errors(_scaled_at(rolled, steps_back, scale)[allowed], _overlap(rolled))
    return usual


def _scaled_at(
    rolled: Rolled, steps_back: int, scale: Float64[np.ndarray, " series"]
) -> Float64[np.ndarray, "methods windows series horizon"]:
    return np.where(rolled.known_at(steps_back), np.abs(rolled.errors) / scale[:, None], np.nan)


def _overlap(rolled: Rolled) -> float:
    """Return how many windows forecast the same step."""
    step = float(np.median(-np.diff(rolled.steps_back))) if len(rolled.steps_back) > 1 else np.inf
    return max(rolled.horizon / step, 1.0)


def weights_from(
    scaled: Float64[np.ndarray, "methods windows series horizon"],
    prior: Float64[np.ndarray, " methods"],
    overlap: float = 1.0,
    usual: Float64[np.ndarray, " methods"] | None = None,
) -> Float64[np.ndarray, "methods series"]:
    """Return weights from the sizes of errors; NaN is not known.

    A method's weight is its prior weight divided by a power of its mean error. The mean of a series is drawn to that of all
    series, and that to one for all methods, since a few errors say little; methods far behind the best are left out.

    Args:
        scaled: Absolute errors, in units of which series are compared.
        prior: Weights for where nothing is known.
        overlap: How many windows forecast the same step: their errors count as one.
        usual: What the means are drawn to, as `usual_errors` gives it for all series, of which these are some. Default: these
            are all of them.
    """
    series = scaled.shape[2]
    if not (prior > 0).all():
        # Methods that may have no weight are nobody's measure.
        weights, allowed = np.zeros((len(prior), series)), prior > 0
        drawn_to = None if usual is None else usual[allowed]
        weights[allowed] = weights_from(scaled[allowed], prior[allowed], overlap, drawn_to)
        return weights
    alone = usual is None and series == 1
    usual = usual_errors(scaled, overlap) if usual is None else usual
    if not np.isfinite(usual).all():
        return np.repeat((prior / prior.sum())[:, None], series, axis=1)
    shares, count, _ = _shares(scaled)
    steps = count / overlap
    drawn = usual[:, None] if alone else (steps * shares + _POOLED_STEPS * usual[:, None]) / (steps + _POOLED_STEPS)
    relative = (drawn + _EXACT) / (drawn.min(axis=0) + _EXACT)
    weights = np.where(relative <= _MOST_ERROR, prior[:, None] * relative**-_SHARPNESS, 0.0)
    return weights / weights.sum(axis=0)


def usual_errors(
    scaled: Float64[np.ndarray, "methods windows series horizon"], overlap: float = 1.0
) -> Float64[np.ndarray, " methods"]:
    """Return the mean error of each method relative to that of all, drawn to 1; NaN where no error is known.

    Args:
        scaled: Absolute errors, in units of which series are compared; NaN is not known.
        overlap: How many windows forecast the same step: their errors count as one.
    """
    shares, count, there = _shares(scaled)
    if not count.any():
        return np.full(len(scaled), np.nan)
    pooled = shares[:, there].mean(axis=1) if there.any() else np.ones(len(shares))
    every = count.sum() / overlap
    drawn: np.ndarray = (every * pooled + _EQUAL_STEPS) / (every + _EQUAL_STEPS)
    return drawn


def _shares(
    scaled: Float64[np.ndarray, "methods windows series horizon"],
) -> tuple[Float64[np.ndarray, "methods series"], Int[np.ndarray, " series"], Bool[np.ndarray, " series"]]:
    """Return each method's mean error relative to that of all of them, from how many steps, and where there is one, else 1.

    Relative to the methods' mean on the series, so that no series has more to say than others.
    """
    both: Bool[np.ndarray, ...] = np.isfinite(scaled).all(axis=0)
    count = both.sum(axis=(0, 2))
    own = np.sum(scaled, axis=(1, 3), where=both) / np.maximum(count, 1)
    level = own.mean(axis=0)
    there = (count > 0) & (level > 0)
    return np.divide(own, level, out=np.ones(own.shape), where=there), count, there


def combined(
    forecasts: Float64[np.ndarray, "methods series horizon"], weights: Float64[np.ndarray, "methods series"]
) -> Float64[np.ndarray, "series horizon"]:
    """Return the weighted mean of the methods; a method without a forecast is left out."""
    there = np.isfinite(forecasts)
    share = np.where(there, weights[..., None], 0.0)
    total = share.sum(axis=0)
    mean = np.sum(share * np.where(there, forecasts, 0.0), axis=0)
    return np.divide(mean, total, out=np.full(total.shape, np.nan), where=total > 0)
