"""Distributions over members: one number for each network that was trained, and what is said of them all."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Spread(NamedTuple):
    """Where the middle and the bulk of a distribution over members are.

    Attributes:
        median: The median.
        low: The 5 % point.
        high: The 95 % point.
    """

    median: float
    low: float
    high: float


def spread(values: Float[np.ndarray, " members"]) -> Spread:
    """Return the median and the 5 and 95 % points of the finite values; NaN where none is finite."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return Spread(float("nan"), float("nan"), float("nan"))
    low, median, high = (float(point) for point in np.quantile(finite, (0.05, 0.5, 0.95)))
    return Spread(median, low, high)


def percentile(values: Float[np.ndarray, " members"], value: float | None) -> float | None:
    """Return which percent of the finite errors lie below a value; equal ones count half."""
    finite = values[np.isfinite(values)]
    if value is None or not len(finite):
        return None
    return float(100 * (np.sum(finite < value) + np.sum(finite == value) / 2) / len(finite))


def plain(number: float) -> float | None:
    """Return a finite number as it is, and None for the others, which JSON does not have."""
    return number if np.isfinite(number) else None
