"""The quick way to ask a classifier: which texts the networks are asked about, and what is made of their answer."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from gatewise.classification.combination import Combination

# The share of the texts about which the networks are asked. Of movie reviews that were held out, a tenth had all of the
# accuracy that networks add.
_SHARE = 0.1


@dataclass(frozen=True, eq=False)
class Quickness:
    """When networks are asked, and what is made of their answer.

    Attributes:
        below: They are asked where the linear model is less sure than this.
        combination: Of the linear model and one network of each kind.
    """

    below: float
    combination: Combination

    def unsure(self, chances: Float64[np.ndarray, "samples classes"]) -> Bool[np.ndarray, " samples"]:
        """Say of which texts the linear model is not sure.

        Args:
            chances: What it says.
        """
        result: np.ndarray = _sureness(chances, self.combination.several) < self.below
        return result

    @classmethod
    def learnt(cls, chances: Float64[np.ndarray, "samples classes"], combination: Combination) -> "Quickness":
        """Decide when the networks are asked.

        Args:
            chances: What the linear model said of texts that it did not know.
            combination: Of the linear model and one network of each kind.
        """
        return cls(float(np.quantile(_sureness(chances, combination.several), _SHARE)), combination)


def _sureness(chances: Float64[np.ndarray, "samples classes"], several: bool) -> Float64[np.ndarray, " samples"]:
    """Return the probability of what is decided; of several decisions that of the least sure one."""
    sureness: np.ndarray = np.maximum(chances, 1 - chances).min(axis=1) if several else chances.max(axis=1)
    return sureness
