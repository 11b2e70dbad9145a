"""What was chosen, and why, in sentences and as data."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a forecaster chose.

    Attributes:
        methods: Networks and baselines that were weighed.
        networks: Which of them are networks.
        weights: What each weighs in the forecast of each series, ``(methods, series)``.
        errors: Mean error of each in validation, in the scale of MASE; NaN without validation, ``(methods, series)``.
        sentences: The same for people.
        seconds: How long each part took.
    """

    methods: tuple[str, ...]
    networks: tuple[bool, ...]
    weights: Float64[np.ndarray, "methods series"]
    errors: Float64[np.ndarray, "methods series"]
    sentences: tuple[str, ...]
    seconds: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        return "\n".join(self.sentences)
