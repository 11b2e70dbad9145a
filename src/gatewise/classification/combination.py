"""The numbers of several models to one probability of each class, by weights learnt from texts that were held out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int32

from gatewise.classification.specification import Method

# Holds the shifts of classes with few texts near zero.
_RIDGE = 1e-3
# A curve needs this many texts, or it follows every accident.
LEAST_FOR_ISOTONIC = 1000


@dataclass(frozen=True, eq=False)
class Combination:
    """How scores of models become probabilities.

    Attributes:
        weights: By how much the scores of each model are multiplied, ``(parts,)``.
        shifts: What is added to each output, ``(outputs,)``.
        several: Whether a text may have several classes, or none.
        curves: For each class, points of a rising curve from probabilities to better ones, ``(2, levels)``; None for none.
    """

    weights: Float64[np.ndarray, " parts"]
    shifts: Float64[np.ndarray, " outputs"]
    several: bool
    curves: tuple[Float64[np.ndarray, "two levels"], ...] | None = None

    def probabilities(
        self, scores: Float64[np.ndarray, "parts samples outputs"]
    ) -> Float64[np.ndarray, "samples classes"]:
        """Return the probability of each class for each text."""
        result = link(np.tensordot(self.weights, scores, axes=1) + self.shifts, self.several)
        if self.curves is None:
            return result
        bent = np.stack([np.interp(result[:, k], *curve) for k, curve in enumerate(self.curves)], axis=1)
        return bent if self.several else bent / np.maximum(bent.sum(axis=1, keepdims=True), 1e-12)


def link(scores: Float64[np.ndarray, "samples outputs"], several: bool) -> Float64[np.ndarray, "samples classes"]:
    """Return probabilities: one output is the log-odds of the second of two classes."""
    if several:
        return 0.5 * (1 + np.tanh(0.5 * scores))
    if scores.shape[1] == 1:
        second = 0.5 * (1 + np.tanh(0.5 * scores))
        return np.concatenate([1 - second, second], axis=1)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def combine(
    scores: Float64[np.ndarray, "parts samples outputs"],
    truth: Bool[np.ndarray, "samples classes"],
    several: bool,
    method: Method | None,
) -> Combination:
    """Learn a combination from scores of texts that the models did not know.

    Args:
        scores: Of each model for each text.
        truth: Which classes each text has.
        several: Whether a text may have several classes, or none.
        method: How to calibrate; None takes the mean of the models and leaves it as it is.
    """
    parts, _, outputs = scores.shape
    if method is None:
        return Combination(np.full(parts, 1 / parts), np.zeros(outputs), several)
    plain = _fitted(scores, truth, several)
    if method == "temperature" or len(truth) < LEAST_FOR_ISOTONIC:
        return plain
    found = plain.probabilities(scores)
    curves = tuple(_rising(found[:, k], truth[:, k]) for k in range(truth.shape[1]))
    return Combination(plain.weights, plain.shifts, several, curves)


def cross_combined(
    scores: Float64[np.ndarray, "parts samples outputs"],
    truth: Bool[np.ndarray, "samples classes"],
    folds: Int32[np.ndarray, " samples"],
    several: bool,
    method: Method | None,
) -> Float64[np.ndarray, "samples classes"]:
    """Return probabilities of texts by combinations that were learnt without their fold."""
    result = np.zeros(truth.shape)
    for fold in np.unique(folds):
        inside = folds == fold
        # With one fold only there is nothing else to learn from; a combination has a handful of numbers.
        rest = ~inside if (~inside).any() else inside
        learnt = combine(scores[:, rest], truth[rest], several, method)
        result[inside] = learnt.probabilities(scores[:, inside])
    return result


def _fitted(scores: np.ndarray, truth: np.ndarray, several: bool) -> Combination:
    from scipy.optimize import minimize

    parts, samples, outputs = scores.shape
    one = outputs == 1 and not several
    wanted = truth[:, 1:] if one else truth

    def loss(values: np.ndarray) -> tuple[float, Any]:
        weights, shifts = values[:parts], values[parts:]
        sums = np.tensordot(weights, scores, axes=1) + shifts
        if several or one:
            found = 0.5 * (1 + np.tanh(0.5 * sums))
            total = (np.logaddexp(0, sums) - wanted * sums).sum()
        else:
            highest = sums.max(axis=1, keepdims=True)
            norm = highest + np.log(np.exp(sums - highest).sum(axis=1, keepdims=True))
            found = np.exp(sums - norm)
            total = (norm[:, 0] - sums[wanted]).sum()
        off = (found - wanted) / samples
        slope = np.concatenate([np.tensordot(scores, off, axes=2), off.sum(axis=0) + _RIDGE * shifts])
        return float(total / samples + 0.5 * _RIDGE * shifts @ shifts), slope

    start = np.concatenate([np.full(parts, 1 / parts), np.zeros(outputs)])
    # A model that is worse than nothing gets no say, rather than a negative one.
    bounds = [(0.0, None)] * parts + [(None, None)] * outputs
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return Combination(best[:parts], best[parts:], several)


def _rising(
    found: Float64[np.ndarray, " samples"], truth: Bool[np.ndarray, " samples"]
) -> Float64[np.ndarray, "two levels"]:
    """Return the rising curve that fits best, as the middles of its steps (isotonic regression)."""
    from scipy.optimize import isotonic_regression

    order = np.argsort(found, kind="stable")
    fitted = isotonic_regression(truth[order].astype(float)).x
    starts = np.flatnonzero(np.append(True, np.diff(fitted) > 0))
    middles = np.add.reduceat(found[order], starts) / np.diff(np.append(starts, len(found)))
    # A step of only right or only wrong answers is no certainty: as if half a text more were otherwise.
    sizes = np.diff(np.append(starts, len(found)))
    levels = (fitted[starts] * sizes + 0.5) / (sizes + 1)
    middles, kept = np.unique(middles, return_index=True)
    return np.stack([middles, np.maximum.accumulate(levels[kept])])
