"""From which probability on a class is given."""

import numpy as np
from jaxtyping import Bool, Float64

from gatewise.classification.specification import Calibration
from gatewise.errors import UsageError


def check_thresholds(calibration: Calibration, classes: int, several: bool) -> None:
    """Refuse thresholds where a text has one of many classes.

    Raises:
        UsageError: With the number of classes.
    """
    if calibration.thresholds != "half" and not several and classes > 2:
        raise UsageError(
            f"thresholds={calibration.thresholds!r} is for two classes or for texts with several, and each text has one of "
            f"{classes} here: leave it out; class_weight makes a class more or less likely to be given."
        )


def threshold_of(
    given: str | float, truth: Bool[np.ndarray, " samples"], probability: Float64[np.ndarray, " samples"]
) -> float:
    """Return from which probability on a class is given.

    Args:
        given: As `Calibration.thresholds`.
        truth: Which texts held out have it.
        probability: Its probability for each of them.
    """
    if isinstance(given, str):
        return 0.5 if given == "half" else best_f1(truth, probability)
    return float(given)


def as_weights(threshold: float) -> Float64[np.ndarray, " classes"]:
    """Return weights of two classes by which the second is given from a probability on.

    >>> (np.array([[0.7, 0.3], [0.8, 0.2]]) * as_weights(0.25)).argmax(axis=1).tolist()
    [1, 0]
    """
    return np.array([2 * threshold, 2 * (1 - threshold)])


def best_f1(truth: Bool[np.ndarray, " samples"], probability: Float64[np.ndarray, " samples"]) -> float:
    """Return the threshold that is best for F1: half way between two probabilities; ½ where nothing is true.

    >>> best_f1(np.array([False, True, True]), np.array([0.1, 0.3, 0.4]))
    0.2
    """
    order = np.argsort(-probability, kind="stable")
    found = np.cumsum(truth[order])
    if not len(found) or not found[-1]:
        return 0.5
    f1 = 2 * found / (np.arange(1, len(found) + 1) + found[-1])
    last = np.append(np.diff(probability[order]) < 0, True)
    best = int(np.argmax(np.where(last, f1, -1)))
    below = probability[order[best + 1]] if best + 1 < len(order) else 0.0
    return float((probability[order[best]] + below) / 2)
