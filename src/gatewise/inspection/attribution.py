"""What each step of a sequence adds to a score, in three ways that start from the same baseline.

*Gradient × input*: the derivative times the distance from the baseline, a straight line through the sequence (A. Shrikumar
and others, Learning Important Features Through Propagating Activation Differences, 2017, section 2). *Integrated gradients*:
the same, averaged along the straight way from the baseline (M. Sundararajan and others, Axiomatic Attribution for Deep
Networks, 2017); what the steps add sums up to the score less that of the baseline, and how nearly is the completeness
error. *Occlusion*: the score less that of the sequence with the step's vector replaced by the baseline's (M. D. Zeiler and
R. Fergus, Visualizing and Understanding Convolutional Networks, 2014, section 4.1).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float64

from gatewise.inspection.network import Slopes

# Points of the quadrature along the way, doubled until the sum is near enough.
_FIRST_POINTS, _MOST_POINTS = 32, 512
_ENOUGH = 0.005
# What scores of one size can be told apart by.
_TOLD_APART = 1e-5

# (vectors of rows) -> scores and slopes of each row, and scores alone.
Sloped = Callable[[np.ndarray], Any]
Scored = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Attribution:
    """What each step adds to the score.

    Attributes:
        gradient: By gradient × input, ``(time,)``.
        integrated: By integrated gradients, ``(time,)``.
        occlusion: By occlusion, ``(time,)``.
        score: Of the sequence.
        baseline: Of the baseline.
        points: How many points of the way integrated gradients were taken at.
    """

    gradient: Float64[np.ndarray, " time"]
    integrated: Float64[np.ndarray, " time"]
    occlusion: Float64[np.ndarray, " time"]
    score: float
    baseline: float
    points: int

    @property
    def completeness_error(self) -> float:
        """How far the sum of the integrated gradients is from the difference of the scores, as a share of it."""
        gap = abs(float(self.integrated.sum()) - (self.score - self.baseline))
        return gap / _difference(self.score, self.baseline)

    def __str__(self) -> str:
        return (
            f"The score is {self.score:+.3f}, that of the baseline {self.baseline:+.3f}; integrated gradients at {self.points} "
            f"points sum up to the difference within {self.completeness_error:.2%}."
        )


def attributed(
    sloped: Sloped,
    scored: Scored,
    vectors: Float[np.ndarray, "time features"],
    baseline: Float[np.ndarray, "time features"],
    first: int,
) -> Attribution:
    """Find what each step adds.

    Args:
        sloped: Runs the network on rows of vectors, and differentiates.
        scored: Only runs it.
        vectors: Of the sequence.
        baseline: What stands for nothing, step by step.
        first: Steps before this one are left alone: they are padding.

    Returns:
        The attribution of the steps from `first` on.
    """
    away = vectors - baseline
    points = _FIRST_POINTS
    # Both ends go with the first points: what is asked at once is computed at once.
    ends, integrated = _integrated(sloped, baseline, away, points, np.stack([baseline, vectors]))
    low, high = ends.scores.astype(np.float64).tolist()
    gradient = (ends.slopes[1] * away).sum(axis=-1, dtype=np.float64)
    while abs(integrated.sum() - (high - low)) > _ENOUGH * _difference(high, low) and points < _MOST_POINTS:
        points *= 2
        _, integrated = _integrated(sloped, baseline, away, points, vectors[None][:0])
    occlusion = high - _occluded(scored, vectors, baseline, first)
    return Attribution(gradient[first:], integrated[first:], occlusion, high, low, points)


def _difference(high: float, low: float) -> float:
    """Return how far two scores are apart, at least as far as float32 can tell of a sum over many steps."""
    return max(abs(high - low), _TOLD_APART * max(abs(high), abs(low)), float(np.finfo(np.float32).tiny))


def _integrated(
    sloped: Sloped,
    baseline: Float[np.ndarray, "time features"],
    away: Float[np.ndarray, "time features"],
    points: int,
    others: Float[np.ndarray, "rows time features"],
) -> tuple[Slopes, Float64[np.ndarray, " time"]]:
    """Integrate by Gauss's quadrature, which needs few points where the network is smooth.

    Returns:
        What the network says of other rows, and the integral.
    """
    places, weights = np.polynomial.legendre.leggauss(points)
    shares = ((places + 1) / 2).astype(baseline.dtype)
    rows = baseline[None] + shares[:, None, None] * away[None]
    count = len(others)
    found = sloped(np.concatenate([others, rows]))
    mean = np.einsum("p,ptf->tf", weights / 2, found.slopes[count:].astype(np.float64))
    ends = Slopes(*(array[:count] for array in found))
    return ends, np.asarray((mean * away).sum(axis=-1))


def _occluded(
    scored: Scored,
    vectors: Float[np.ndarray, "time features"],
    baseline: Float[np.ndarray, "time features"],
    first: int,
) -> Float64[np.ndarray, " steps"]:
    """Return the score without each step from `first` on."""
    steps = np.arange(first, len(vectors))
    rows = np.repeat(vectors[None], len(steps), axis=0)
    rows[np.arange(len(steps)), steps] = baseline[steps]
    return scored(rows).astype(np.float64)
