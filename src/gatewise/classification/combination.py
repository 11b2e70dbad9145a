"""The numbers of several models to one probability of each class, by weights learnt from texts that were held out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int32

from gatewise.classification.specification import Method

# Holds the shifts of classes with few texts near zero.
_RIDGE = 1e-3
# Few texts hold back the spread of the sums where it is above that of a classifier that knows a lot, and the shifts once more:
# a few that are all on the right side would make both as large as can be. The hold falls with the square of their number,
# (40 / texts)² and (5 / texts)², and is nothing for thousands.
_FEW_FOR_SPREAD, _FEW_FOR_SHIFTS = 40.0, 5.0
_SPREAD = 2.0
# Of the variance of scores that others do not explain, so much may be chance at most: what is left has to have a sense.
_MOST_CHANCE = 0.8
# A logistic curve blurred by a variance q is one that is flatter by √(1 + q π/8) (D. J. C. MacKay, The Evidence Framework
# Applied to Classification Networks, 1992).
_LOGISTIC = 8 / np.pi
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
    *,
    held: bool = True,
) -> Combination:
    """Learn a combination from scores of texts that the models did not know.

    Args:
        scores: Of each model for each text.
        truth: Which classes each text has.
        several: Whether a text may have several classes, or none.
        method: How to calibrate; None takes the mean of the models and leaves it as it is. What can be done with so many
            texts, `usable` says.
        held: Whether few texts hold back how sure the sums are. Where only the ratios of weights count, they need not.
    """
    parts, _, outputs = scores.shape
    if method is None:
        return Combination(np.full(parts, 1 / parts), np.zeros(outputs), several)
    plain = _fitted(scores, truth, several, held)
    if method == "temperature":
        return plain
    found = plain.probabilities(scores)
    curves = tuple(_rising(found[:, k], truth[:, k]) for k in range(truth.shape[1]))
    return Combination(plain.weights, plain.shifts, several, curves)


def usable(method: Method | None, texts: int) -> Method | None:
    """Return how to calibrate with so many texts: where a curve was asked for and they are too few, by temperature."""
    return "temperature" if method == "isotonic" and texts < LEAST_FOR_ISOTONIC else method


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


def for_steadier(
    found: Combination,
    scores: Float64[np.ndarray, "parts samples outputs"],
    excess: Float64[np.ndarray, " parts"],
) -> Combination:
    """Return the combination for scores that have less chance in them than those it was learnt from.

    A score with chance in it gets a smaller weight than the same without (R. J. Carroll and others, Measurement Error in
    Nonlinear Models, 2006, chapter 4: regression calibration). With S the covariance of the scores and D that of the
    excess, the weights w become ``c · (S - D)⁻¹ S w``. The answer is also less spread around what they say, by the variance
    q, and a logistic curve that is not blurred by it is steeper: ``c = 1 / √(1 - q π/8)``.

    Args:
        found: Learnt from `scores`.
        scores: Of each model for each text.
        excess: By how much the variance of the scores of each model is greater than it will be.
    """
    if not excess.any():
        return found
    parts, _, outputs = scores.shape
    relative = scores if found.several or outputs == 1 else scores - scores.mean(axis=2, keepdims=True)
    means = relative.mean(axis=1, keepdims=True)
    flat = (relative - means).reshape(parts, -1)
    whole = flat @ flat.T / flat.shape[1]
    alone = 1 / np.maximum(np.diag(np.linalg.pinv(whole)), 1e-12)
    less = whole - np.diag(np.minimum(excess, _MOST_CHANCE * alone))
    weights = np.linalg.pinv(less) @ whole @ found.weights
    blur = float(weights @ (less - less @ np.linalg.pinv(whole) @ less) @ weights)
    steeper = 1 / np.sqrt(max(1 - blur / _LOGISTIC, 0.25))
    weights = np.maximum(weights, 0) * steeper
    middle = found.shifts + np.tensordot(found.weights, means[:, 0], axes=1)
    shifts = steeper * middle - np.tensordot(weights, means[:, 0], axes=1)
    return Combination(weights, shifts, found.several, found.curves)


def _fitted(scores: np.ndarray, truth: np.ndarray, several: bool, held: bool) -> Combination:
    from scipy.optimize import minimize

    parts, samples, outputs = scores.shape
    one = outputs == 1 and not several
    wanted = truth[:, 1:] if one else truth
    # Each output of a text is a decision of its own, where it may have several classes.
    hold = held * (outputs if several else 1) * (_FEW_FOR_SPREAD / samples) ** 2
    ridge = _RIDGE + (_FEW_FOR_SHIFTS / samples) ** 2
    apart = (scores - scores.mean(axis=1, keepdims=True)).reshape(parts, -1)
    together = apart @ apart.T / apart.shape[1]

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
        spread = max(float(np.sqrt(weights @ together @ weights)), _SPREAD)
        # Its logarithm, so that models with small scores are held as much as those with large ones.
        above = np.log(spread / _SPREAD)
        slope = np.concatenate(
            [
                np.tensordot(scores, off, axes=2) + hold * above / spread**2 * (together @ weights),
                off.sum(axis=0) + ridge * shifts,
            ]
        )
        return float(total / samples + 0.5 * (ridge * shifts @ shifts + hold * above**2)), slope

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
