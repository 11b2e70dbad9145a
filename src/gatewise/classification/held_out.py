"""What a classifier said of texts that its models did not know: what its scores, calibration and report come from."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64

from gatewise.classification.decision import Decision
from gatewise.classification.scores import Scores, mcnemar, scores

COMBINED, LINEAR, NETWORK, QUICK = "combined", "linear", "network", "quick"
Outcome = Literal["better", "no difference", "worse"]
# A difference is shown where chance alone would make one as large in fewer of so many cases.
_MOST_BY_CHANCE = 0.05


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Probabilities of training texts, each by models that were trained without it.

    Attributes:
        rows: Which texts of the corpus, ``(samples,)``.
        folds: The fold of each, ``(samples,)``.
        truth: Which classes each has, ``(samples, classes)``.
        probabilities: For ``"combined"``, ``"linear"`` and ``"network"``, as far as there are such models, and for the
            ``"quick"`` way to ask them: the probability of each class, ``(samples, classes)``. Each is calibrated without
            the text's own fold, where more folds than one were held out.
        decision: What makes classes of the probabilities, of each part in the same way.
    """

    rows: Int64[np.ndarray, " samples"]
    folds: Int32[np.ndarray, " samples"]
    truth: Bool[np.ndarray, "samples classes"]
    probabilities: dict[str, Float64[np.ndarray, "samples classes"]]
    decision: Decision

    @property
    def several(self) -> bool:
        """Whether a text may have several classes, or none."""
        return self.decision.several

    def given(self, part: str = COMBINED) -> Bool[np.ndarray, "samples classes"]:
        """Say of each text which classes one part gives it."""
        return self.decision.given(self.probabilities[part])

    def right(self, part: str = COMBINED) -> Bool[np.ndarray, " samples"]:
        """Say of each text whether all of its classes are those that one part gives it."""
        result: np.ndarray = (self.given(part) == self.truth).all(axis=1)
        return result

    def scores(self, part: str = COMBINED) -> Scores:
        """Return what the probabilities of one part are worth."""
        return scores(self.truth, self.probabilities[part], self.decision)

    def difference(self, one: str = COMBINED, other: str = LINEAR) -> float:
        """Return the p value of the difference between two parts: McNemar's exact test."""
        return mcnemar(self.right(one), self.right(other))

    def against_linear(self) -> Outcome | None:
        """Return whether the classifier has more texts right than the linear model alone, or fewer, beyond chance.

        None where there are no networks. A difference is shown from a p value below .05 on (McNemar's exact test).
        """
        if LINEAR not in self.probabilities or NETWORK not in self.probabilities:
            return None
        if self.difference() >= _MOST_BY_CHANCE:
            return "no difference"
        return "better" if self.right(COMBINED).sum() > self.right(LINEAR).sum() else "worse"
