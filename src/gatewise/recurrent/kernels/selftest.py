"""Is a kernel right on this machine? Compared with the scan once in each process, before its first use."""

import functools
import logging
import threading
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gatewise.recurrent import scans
from gatewise.recurrent.equations import GRU, Cell, Inputs, Weights
from gatewise.recurrent.kernels import library
from gatewise.recurrent.kernels.calls import Call, kernel_name, kernel_walk
from gatewise.recurrent.kernels.steps import STEPS

logger = logging.getLogger("gatewise")

# Rows for more than one tile and two threads, units for a full vector and a tail.
_TIME, _BATCH, _FEATURES, _UNITS = 3, 13, 2, 21
# Numbers of the size of 1, and sums of a few dozen of them in float32.
_TOLERANCE = 1e-4


@functools.cache
def fault(kind: type[Cell], dropped: bool = False) -> str | None:
    """Load a cell's kernels, compiling them if need be, and return what is wrong with them; None where nothing is.

    Args:
        kind: The class of a cell that has kernels.
        dropped: Whether those with dropout are meant.
    """
    answers: list[str | None] = []
    # In a thread of its own: whoever asks may be in the middle of tracing a model, which is a matter of the thread.
    asked = threading.Thread(target=lambda: answers.append(_fault(kind(), dropped)), name="gatewise-selftest")
    asked.start()
    asked.join()
    answer = answers[0] if answers else "its self-test did not come to an end"
    if answer is not None:
        logger.warning("gatewise does without the kernels of %s: %s", kind.__name__, answer)
    return answer


def _fault(cell: Cell, dropped: bool) -> str | None:
    name = kernel_name(cell, dropped)
    assert name is not None
    try:
        library.load(name)
        deviation = _deviation(cell, dropped)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if deviation <= _TOLERANCE:
        return None
    return f"its self-test differs from the scan by {deviation:.1e}"


def _deviation(cell: Cell, dropped: bool) -> float:
    """Return the largest difference of results and gradients between a kernel and the scan."""
    steps = STEPS[str(kernel_name(cell))]
    random = np.random.default_rng(7)
    make = lambda *shape: jnp.asarray(random.normal(size=shape), jnp.float32)  # noqa: E731
    columns = steps.gates * _UNITS
    mask = jnp.asarray(random.random((_TIME, _BATCH)) < 0.7)
    drop = lambda depth: jnp.abs(make(steps.gates, _BATCH, depth)) if dropped else None  # noqa: E731
    projection = Weights(make(_FEATURES, columns), make(columns), drop(_FEATURES))
    weights = Weights(0.3 * make(_UNITS, columns), make(columns) if type(cell) is GRU else None, drop(_UNITS))
    states = tuple(make(_BATCH, _UNITS) for _ in steps.states)

    def by_kernel(sequence: Any, projection: Weights, *rest: Any) -> Any:
        return kernel_walk(Call(cell, "states", 2, dropped), Inputs(sequence, projection, mask), *rest)

    def by_scan(sequence: Any, projection: Weights, *rest: Any) -> Any:
        return scans.walk(cell, "states", Inputs(sequence, projection, mask).projected(), mask, *rest)

    @jax.jit
    def largest(*arguments: Any) -> Any:
        both = []
        for walk in (by_kernel, by_scan):
            results, back = jax.vjp(walk, *arguments)
            both.append((walk(*arguments), results, back(jax.tree.map(jnp.cos, results))))
        differences = jax.tree.map(lambda one, other: jnp.max(jnp.abs(one - other) / (1 + jnp.abs(other))), *both)
        return jnp.max(jnp.stack(jax.tree.leaves(differences)))

    return float(largest(make(_TIME, _BATCH, _FEATURES), projection, weights, states))
