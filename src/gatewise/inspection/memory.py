"""What gates and derivatives say of a network's memory: how long a unit keeps what it has, how far back outputs reach."""

import numpy as np
from jaxtyping import Float, Float64, Int64

# Above and below which a gate is called open and closed (A. Karpathy and others, Visualizing and Understanding Recurrent
# Networks, 2015, section 4.2).
OPEN, CLOSED = 0.9, 0.1
# The share of all influence that is to lie within the reach.
_WITHIN = 0.95
_FADED = 0.01
_GROWN = 10.0
_LEAST = 1e-30
_SHUT = 1e-3
# A half-life of so many steps is longer than anything that is read.
ENDLESS = 1e5


def saturation(gate: Float[np.ndarray, "time units"]) -> Float64[np.ndarray, "units 2"]:
    """Return for each unit in which share of the steps its gate is open (above 0.9) and closed (below 0.1).

    >>> saturation(np.array([[0.95, 0.5], [0.99, 0.05]])).tolist()
    [[1.0, 0.0], [0.0, 0.5]]
    """
    return np.stack([(gate > OPEN).mean(axis=0), (gate < CLOSED).mean(axis=0)], axis=1)


def half_life(keeping: Float[np.ndarray, "time units"]) -> Float64[np.ndarray, " units"]:
    """Return after how many steps half of what a unit holds is left, by the gate that keeps it: forget, or update.

    The state is multiplied by the gate in every step, so that the logarithms add up: ``ln 2 / -mean(ln gate)``. A gate below
    0.001 counts as that: a hard sigmoid is closed altogether at times, and what is gone cannot be more than gone.

    >>> half_life(np.full((10, 1), 0.5)).tolist()
    [1.0]
    """
    logarithm = np.log(np.maximum(keeping.astype(np.float64), _SHUT)).mean(axis=0)
    return np.log(2) / np.maximum(-logarithm, 1e-12)


def half_life_in_words(steps: float) -> str:
    """Say how long units keep what they hold.

    >>> half_life_in_words(2.26), half_life_in_words(7e11)
    ('half of what they hold for 2.26 steps', 'what they hold')
    """
    return f"half of what they hold for {steps:.3g} steps" if steps < ENDLESS else "what they hold"


def order_of_units(outputs: Float[np.ndarray, "time units"]) -> Int64[np.ndarray, " units"]:
    """Return the units in an order in which those that move alike, or opposite, are neighbours.

    By average-linkage clustering of one minus the absolute correlation over time.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    units = outputs.shape[1]
    if units < 3 or len(outputs) < 2:
        return np.arange(units)
    moved = outputs.astype(np.float64) - outputs.mean(axis=0, dtype=np.float64)
    size = np.sqrt((moved**2).sum(axis=0))
    likeness = (moved.T @ moved) / np.maximum(np.outer(size, size), _LEAST)
    distance = np.clip(1 - np.abs(likeness), 0, 1)
    np.fill_diagonal(distance, 0)
    return leaves_list(linkage(squareform(distance, checks=False), "average")).astype(np.int64)


def influence_by_lag(connectivity: Float[np.ndarray, "time time"]) -> Float64[np.ndarray, " time"]:
    """Return the mean of ``|∂output(t)/∂input(t - lag)|`` over all t, for each lag from 0 on.

    Args:
        connectivity: Rows are outputs, columns inputs.
    """
    return np.array([np.diagonal(connectivity, -lag).mean(dtype=np.float64) for lag in range(len(connectivity))])


def reach(by_lag: Float64[np.ndarray, " time"]) -> int:
    """Return how many steps outputs reach back: within them lies 95 % of the influence of all inputs.

    >>> reach(np.array([0.0, 0.0, 0.0, 1.0, 0.0, 0.0]))
    3
    """
    total = np.cumsum(by_lag)
    return int(np.argmax(total >= _WITHIN * total[-1])) if total[-1] > 0 else 0


def reach_in_words(by_lag: Float64[np.ndarray, " time"]) -> str:
    """Say how far outputs reach back."""
    if not by_lag.any():
        return "No input makes any difference to what the network says."
    steps, most = reach(by_lag), int(by_lag.argmax())
    share = by_lag[most] / by_lag.sum()
    if share > 0.5 and most:
        return (
            f"What the network says reaches back {_steps(most)}: {share:.0%} of the influence is that of this one step."
        )
    if not steps:
        return "What the network says depends on the step itself, not on those before: it reaches back 0 steps."
    if steps >= 0.9 * (len(by_lag) - 1):
        return "What the network says reaches back to the beginning of the sequence."
    return f"What the network says reaches back about {_steps(steps)}: 95 % of the influence of all inputs lies within them."


def decay_in_words(decay: Float[np.ndarray, " time"]) -> str:
    """Say what becomes of the last output's derivative on its way back through time.

    Args:
        decay: ``|∂h_T/∂h_t|``, in the order of time; the last is 1.
    """
    back = decay[::-1].astype(np.float64)
    if back.max() > _GROWN:
        place = int(back.argmax())
        return f"The gradient explodes: {_steps(place)} before the end it is {back.max():.3g} times as large."
    faded = np.flatnonzero(back < _FADED)
    if len(faded) and back[faded[0] :].max() < 10 * _FADED:
        return f"The gradient vanishes: {_steps(int(faded[0]))} before the end less than 1 % of it is left."
    return f"The gradient survives: {_steps(len(back) - 1)} before the end {back[-1]:.2g} of it is left."


def _steps(number: int) -> str:
    return "1 step" if number == 1 else f"{number:,} steps"
