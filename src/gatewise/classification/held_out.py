"""What a classifier said of texts that its models did not know: what its scores, calibration and report come from."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64

from gatewise.classification.scores import Scores, hits, mcnemar, scores

COMBINED, LINEAR, NETWORK, QUICK = "combined", "linear", "network", "quick"


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Probabilities of training texts, each by models that were trained without it.

    Attributes:
        rows: Which texts of the corpus, ``(samples,)``.
        folds: The fold of each, ``(samples,)``.
        truth: Which classes each has, ``(samples, classes)``.
        probabilities: For ``"combined"``, ``"linear"`` and ``"network"``, as far as there are such models, and for the
            ``"quick"`` way to ask them: the probability of each class, ``(samples, classes)``. Each is calibrated without
            the text's own fold.
        several: Whether a text may have several classes, or none.
    """

    rows: Int64[np.ndarray, " samples"]
    folds: Int32[np.ndarray, " samples"]
    truth: Bool[np.ndarray, "samples classes"]
    probabilities: dict[str, Float64[np.ndarray, "samples classes"]]
    several: bool = False

    def scores(self, part: str = COMBINED) -> Scores:
        """Return what the probabilities of one part are worth."""
        return scores(self.truth, self.probabilities[part], self.several)

    def difference(self, one: str = COMBINED, other: str = LINEAR) -> float:
        """Return the p value of the difference between two parts: McNemar's exact test."""
        return mcnemar(*(hits(self.truth, self.probabilities[part], self.several) for part in (one, other)))

    @property
    def linear_is_as_good(self) -> bool:
        """Whether nothing shows that the networks add anything to the linear model.

        So it is where the combination has not more texts right, or the difference may be chance (p of at least .05).
        """
        if LINEAR not in self.probabilities or NETWORK not in self.probabilities:
            return LINEAR in self.probabilities
        more = self.scores(COMBINED).accuracy > self.scores(LINEAR).accuracy
        return not more or self.difference() >= 0.05
