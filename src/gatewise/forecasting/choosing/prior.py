"""What methods weigh before anything is known of their errors."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from gatewise.forecasting.rolling import Rolled

_SIMPLE_NAMES = ("Naive", "SeasonalNaive", "Drift", "Mean")


@dataclass(frozen=True)
class Weighing:
    """How much is expected of methods, and how sure a choice of one must be.

    The first four are what groups of methods weigh relative to each other, together, before errors are known. They were chosen
    by `benchmarks/choosing.py` on training parts, which are forecast from one, two and three horizons before their ends; the
    simplest baselines are there for the series that they suit.

    Attributes:
        together: Networks that learned from all series.
        local: Networks of which each knows one series.
        classical: Theta, ETS, ARIMA and other baselines.
        simple: The simplest ones.
        chance: Of taking a method by itself, for one series or more of all, that is ahead by luck.
    """

    together: float = 3.5
    local: float = 0.5
    classical: float = 1.0
    simple: float = 0.1
    chance: float = 0.05


def prior_weights(rolled: Rolled, network_only: bool, weighing: Weighing) -> Float64[np.ndarray, " methods"]:
    """Return what each method weighs where nothing is known of its errors.

    Args:
        rolled: The methods.
        network_only: Whether baselines weigh nothing.
        weighing: What groups of methods weigh.

    Returns:
        They sum to 1.
    """
    networks = rolled.networks
    if network_only:
        return networks / networks.sum()
    local = np.array([name in rolled.local for name in rolled.names], bool)
    simple = np.array([name in _SIMPLE_NAMES for name in rolled.names], bool)
    groups = (
        (networks & ~local, weighing.together),
        (networks & local, weighing.local),
        (~networks & ~simple, weighing.classical),
        (~networks & simple, weighing.simple),
    )
    weights = np.zeros(len(rolled.names))
    for group, share in groups:
        if group.any():
            weights[group] = share / group.sum()
    total: np.ndarray = weights / weights.sum()
    return total
