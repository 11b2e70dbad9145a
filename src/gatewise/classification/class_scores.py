"""What a classifier does with each class, over all thresholds, and how often its probabilities come true: sums and curves."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Int, Int64


class ClassScores(NamedTuple):
    """Scores of each class.

    Attributes:
        precision: Share of the texts given a class that have it; NaN where none was given it, ``(classes,)``.
        recall: Share of the texts that have a class that were given it; NaN where none has it, ``(classes,)``.
        f1: Their harmonic mean, ``2 × hits / (given + has)``; NaN where no text has the class or was given it,
            ``(classes,)``.
        support: How many texts have the class, ``(classes,)``.
    """

    precision: Float64[np.ndarray, " classes"]
    recall: Float64[np.ndarray, " classes"]
    f1: Float64[np.ndarray, " classes"]
    support: Int64[np.ndarray, " classes"]


class Curve(NamedTuple):
    """One figure against another, over all thresholds.

    Attributes:
        x: From left to right, ``(levels,)``.
        y: ``(levels,)``.
        area: Below the curve.
    """

    x: Float64[np.ndarray, " levels"]
    y: Float64[np.ndarray, " levels"]
    area: float


class Reliability(NamedTuple):
    """Probabilities beside how often they came true.

    Attributes:
        predicted: Mean probability in each bin; NaN in an empty one, ``(levels,)``.
        observed: How often it came true there, ``(levels,)``.
        counts: How many are in each bin, ``(levels,)``.
        error: The expected calibration error: the distance of the two, averaged over all.
    """

    predicted: Float64[np.ndarray, " levels"]
    observed: Float64[np.ndarray, " levels"]
    counts: Int64[np.ndarray, " levels"]
    error: float


def confusion(
    truth: Int[np.ndarray, " samples"], given: Int[np.ndarray, " samples"], classes: int
) -> Int64[np.ndarray, "classes classes"]:
    """Return how many texts of each class (rows) were given each class (columns).

    >>> confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    return np.bincount(truth.astype(np.int64) * classes + given, minlength=classes * classes).reshape(classes, classes)


def class_scores(truth: Bool[np.ndarray, "samples classes"], given: Bool[np.ndarray, "samples classes"]) -> ClassScores:
    """Return precision, recall and F1 of each class, from which classes texts have and which they were given.

    >>> scores = class_scores(np.array([[1, 0], [1, 0], [0, 1]], bool), np.array([[1, 0], [0, 1], [0, 1]], bool))
    >>> scores.precision.tolist(), scores.recall.tolist(), [round(f1, 3) for f1 in scores.f1.tolist()]
    ([1.0, 0.5], [0.5, 1.0], [0.667, 0.667])
    """
    hits = (truth & given).sum(axis=0)
    has, was_given = truth.sum(axis=0), given.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return ClassScores(hits / was_given, hits / has, 2 * hits / (has + was_given), has.astype(np.int64))


def roc_curve(truth: Bool[np.ndarray, " samples"], scores: Float[np.ndarray, " samples"]) -> Curve:
    """Return the share of hits against the share of false alarms, over all thresholds.

    Texts with equal scores are on the same side of every threshold, so that the area is the chance that a text with the
    class has a higher score than one without, ties counted half (J. A. Hanley and B. J. McNeil, 1982).

    >>> roc_curve(np.array([True, False, True, False]), np.array([0.9, 0.8, 0.7, 0.1])).area
    0.75
    """
    hits, alarms = _counts(truth, scores)
    x, y = alarms / max(alarms[-1], 1), hits / max(hits[-1], 1)
    return Curve(x, y, float(np.trapezoid(y, x)) if hits[-1] and alarms[-1] else float("nan"))


def precision_recall_curve(truth: Bool[np.ndarray, " samples"], scores: Float[np.ndarray, " samples"]) -> Curve:
    """Return precision against recall, over all thresholds; the area is the average precision.

    The average precision is a sum of steps, not of trapezoids, which would promise what no threshold gives (J. Davis and M.
    Goadrich, The Relationship Between Precision-Recall and ROC Curves, 2006).

    >>> round(precision_recall_curve(np.array([True, False, True]), np.array([0.9, 0.8, 0.7])).area, 4)  # (1 + 2/3) / 2
    0.8333
    """
    hits, alarms = _counts(truth, scores)
    recall = hits / max(hits[-1], 1)
    with np.errstate(invalid="ignore"):
        precision = np.where(hits + alarms > 0, hits / np.maximum(hits + alarms, 1), 1.0)
    return Curve(recall, precision, float(np.sum(np.diff(recall) * precision[1:])) if hits[-1] else float("nan"))


def reliability(
    came_true: Bool[np.ndarray, " samples"], probabilities: Float[np.ndarray, " samples"], bins: int = 15
) -> Reliability:
    """Compare probabilities with how often they came true, in bins of one width.

    C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, On Calibration of Modern Neural Networks, ICML 2017, equations 2 and 3,
    with their 15 bins; there of the most likely class, here of whatever the probabilities are of.

    >>> both = reliability(np.array([True, True, False, False]), np.array([0.9, 0.9, 0.9, 0.2]))
    >>> both.counts.sum(), round(both.error, 3)  # 3/4 of |2/3 - 0.9| and 1/4 of |0 - 0.2|
    (np.int64(4), 0.225)
    """
    place = np.clip((probabilities * bins).astype(np.int64), 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    predicted = np.bincount(place, weights=probabilities, minlength=bins)
    observed = np.bincount(place, weights=came_true.astype(np.float64), minlength=bins)
    error = float(np.abs(predicted - observed).sum() / max(len(place), 1))
    with np.errstate(invalid="ignore"):
        return Reliability(predicted / counts, observed / counts, counts, error)


def _counts(
    truth: Bool[np.ndarray, " samples"], scores: Float[np.ndarray, " samples"]
) -> tuple[Float64[np.ndarray, " levels"], Float64[np.ndarray, " levels"]]:
    """Return hits and false alarms above each threshold, from none to all; one threshold for equal scores."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = (
        np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1) if len(ordered) else np.zeros(0, int)
    )
    hits = np.cumsum(truth[order])[last].astype(np.float64)
    return np.append(0.0, hits), np.append(0.0, last + 1 - hits)
