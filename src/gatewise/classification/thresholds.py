"""From which probability on a class is given."""

import numpy as np
from jaxtyping import Bool, Float64


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
