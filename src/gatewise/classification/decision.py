"""Which classes a text is given by its probabilities: the one place where that is decided.

Whatever is counted as right (headline, intervals, tests of differences, tables of classes) is counted by this, and so it is
what `TextClassifier.predict` says.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

_ALIKE = 1 - 1e-9


@dataclass(frozen=True, eq=False)
class Decision:
    """How probabilities become classes.

    Attributes:
        weights: By how much the probability of each class is multiplied, before the largest is chosen, ``(classes,)``.
        thresholds: From which probability on each class is given, where a text may have several, ``(classes,)``.
        several: Whether a text may have several classes, or none.
    """

    weights: Float64[np.ndarray, " classes"]
    thresholds: Float64[np.ndarray, " classes"]
    several: bool

    @classmethod
    def plain(cls, classes: int, several: bool = False) -> "Decision":
        """Return the one that gives the likeliest class; of several, those with a probability of at least ½."""
        return cls(np.ones(classes), np.full(classes, 0.5), several)

    def given(self, probabilities: Float64[np.ndarray, "samples classes"]) -> Bool[np.ndarray, "samples classes"]:
        """Say of each text which classes it is given.

        >>> Decision.plain(2).given(np.array([[0.4, 0.6], [0.8, 0.2]])).tolist()
        [[False, True], [True, False]]
        """
        if self.several:
            result: np.ndarray = probabilities >= self.thresholds
            return result
        weighed = probabilities * self.weights
        # Where several are alike (balanced classes, and a text of which nothing is known), the likeliest of these.
        highest = weighed >= _ALIKE * weighed.max(axis=1, keepdims=True)
        chosen = np.where(highest, probabilities, -1.0).argmax(axis=1)
        return np.eye(len(self.weights), dtype=bool)[chosen]
