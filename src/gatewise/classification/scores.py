"""What probabilities are worth: accuracy with its interval, log loss, calibration error, and tests of differences."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from gatewise.classification.decision import Decision

# Bins of equal width of the probability of the class that was chosen; C. Guo and others, On Calibration of Modern Neural
# Networks, ICML 2017.
_BINS = 15
_LEAST = 1e-7


class Scores(NamedTuple):
    """What probabilities are worth on some texts.

    Attributes:
        texts: How many texts.
        accuracy: The share of texts whose classes are all right.
        interval: Within which the accuracy is with 95 % confidence (Wilson).
        log_loss: Mean of minus the logarithm of the probability of what is true; over the classes too, where a text may
            have several.
        calibration_error: Expected calibration error: how far the probability of what was given and the share of right
            answers are apart, in the mean over 15 bins.
    """

    texts: int
    accuracy: float
    interval: tuple[float, float]
    log_loss: float
    calibration_error: float


def scores(
    truth: Bool[np.ndarray, "samples classes"],
    probabilities: Float64[np.ndarray, "samples classes"],
    decision: Decision,
) -> Scores:
    """Return what probabilities are worth.

    Args:
        truth: Which classes each text has.
        probabilities: Of each class.
        decision: What makes classes of them.
    """
    given = decision.given(probabilities)
    right = (given == truth).all(axis=1)
    kept = np.clip(probabilities, _LEAST, 1 - _LEAST)
    if decision.several:
        loss = -np.where(truth, np.log(kept), np.log1p(-kept)).mean()
        confidence, correct = np.where(given, kept, 1 - kept).ravel(), (given == truth).ravel()
    else:
        loss = -np.log(kept[truth]).mean()
        confidence, correct = kept[given], right
    return Scores(
        len(truth), float(right.mean()), wilson(int(right.sum()), len(right)), float(loss), _ece(confidence, correct)
    )


def wilson(right: int, texts: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the 95 % interval of a share (E. B. Wilson, 1927).

    >>> [round(end, 4) for end in wilson(90, 100)]
    [0.8256, 0.9448]
    """
    if not texts:
        return 0.0, 1.0
    share, room = right / texts, z * z / texts
    middle = (share + room / 2) / (1 + room)
    half = z * np.sqrt(share * (1 - share) / texts + room / (4 * texts)) / (1 + room)
    return float(middle - half), float(middle + half)


def mcnemar(one: Bool[np.ndarray, " samples"], other: Bool[np.ndarray, " samples"]) -> float:
    """Return how likely it is that two classifiers that are equally good differ as much or more (McNemar, exact).

    Args:
        one: Which texts the first has right.
        other: Which texts the second has right.

    >>> round(mcnemar(np.array([True] * 8 + [False] * 2), np.array([False] * 8 + [True] * 2)), 4)
    0.1094
    """
    from scipy.stats import binomtest

    better, worse = int((one & ~other).sum()), int((other & ~one).sum())
    return float(binomtest(better, better + worse).pvalue) if better + worse else 1.0


def _ece(confidence: Float64[np.ndarray, " samples"], correct: Bool[np.ndarray, " samples"]) -> float:
    lowest = 0.0 if not len(confidence) else min(float(confidence.min()), 0.5)
    bins = np.minimum(((confidence - lowest) / max(1 - lowest, 1e-9) * _BINS).astype(np.int64), _BINS - 1)
    counts: Int64[np.ndarray, " rows"] = np.bincount(bins, minlength=_BINS)
    sure, right = (np.bincount(bins, weights=values, minlength=_BINS) for values in (confidence, correct.astype(float)))
    return float(np.abs(sure - right).sum() / max(counts.sum(), 1))
