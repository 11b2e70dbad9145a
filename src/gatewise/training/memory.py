"""How many members fit into memory at once, estimated before anything is compiled."""

import logging
from typing import Any

import jax
import numpy as np
import psutil

from gatewise.errors import EnvironmentFault
from gatewise.recurrent import MEMBERS, without_kernels
from gatewise.training.compiled import model_facts, shapes
from gatewise.training.data import Data
from gatewise.training.program import SHUFFLED_COPY_UP_TO
from gatewise.training.state import ModelValues, read_values
from gatewise.training.step import Step

logger = logging.getLogger("gatewise")

# A run holds its state before and after a dispatch, and XLA one more while it works.
_STATES = 3

# Where a model keeps its estimates.
_ESTIMATES = "_gatewise_member_bytes"


def members_that_fit(model: Any, data: Data, plan: Any, max_memory: int | None) -> int:
    """Return how many members may be trained at once.

    Args:
        model: The model, its metrics built.
        data: Training data, with a members axis where ``plan.member_data``.
        plan: The run's plan.
        max_memory: Bytes that may be used, or None for half of what is free now.

    Raises:
        EnvironmentFault: Not even one member fits.
    """
    budget = _free_bytes() // 2 if max_memory is None else max_memory
    # Tracing the backward pass takes as long as training a small ensemble: once is enough for equal calls.
    known = model.__dict__.setdefault(_ESTIMATES, {})
    key = (*model_facts(model).values(), shapes(data), plan)
    if key not in known:
        known[key] = bytes_per_member(model, data, plan)
    each = known[key]
    fit = int(budget // max(each, 1))
    if fit < 1:
        raise EnvironmentFault(
            f"One member needs about {_in_words(each)} and {_in_words(budget)} may be used: use a smaller batch or model, or "
            "raise max_memory."
        )
    logger.debug("gatewise estimates %.2f MiB a member; %d fit", each / 2**20, fit)
    return fit


def _in_words(size: int) -> str:
    """Return a number of bytes as "912 bytes", "3 KiB", "5 MiB" or "2,048 MiB"."""
    if size < 2**10:
        return f"{size} bytes"
    return f"{size // 2**10} KiB" if size < 2**20 else f"{size // 2**20:,} MiB"


def _free_bytes() -> int:
    """Return the free memory of the devices that JAX uses; on a CPU, and where a device does not tell, the computer's."""
    stats = [device.memory_stats() for device in jax.devices() if device.platform != "cpu"]
    if stats and all(stats):
        return sum(one["bytes_limit"] - one["bytes_in_use"] for one in stats)
    return int(psutil.virtual_memory().available)


def bytes_per_member(model: Any, data: Data, plan: Any) -> int:
    """Estimate what one member needs: its state, what the backward pass keeps, its rows, and its kept best weights."""
    values = read_values(model)
    state = _size(values)
    kept = _size(values.trainable) * len(plan.rules) + (state if plan.rules else 0)
    rows = _size(data) // (plan.members if plan.member_data else 1)
    if plan.kernel is not None:
        # Rows are read where they are, and nothing is kept for a backward pass.
        return _STATES * (state + kept) + (rows if plan.member_data else 0) + 4 * plan.steps.rows
    own_rows = rows if plan.member_data or (plan.shuffle and rows <= SHUFFLED_COPY_UP_TO) else 0
    return _STATES * (state + kept) + own_rows + _backward_size(model, values, data, plan)


def _backward_size(model: Any, values: ModelValues, data: Data, plan: Any) -> int:
    """Return the bytes that one step keeps for its backward pass, found by tracing it without numbers."""
    step = Step(model)
    index: tuple[Any, ...] = (0,) if plan.member_data else ()
    batch = Data(*jax.tree.map(lambda array: array[index][: plan.steps.batch], tuple(data)))

    def residuals(trainable: list[Any]) -> Any:
        def loss(weights: list[Any]) -> Any:
            return step.forward(values._replace(trainable=weights), step.reset_metrics(), batch, training=True)[0]

        return jax.vjp(loss, trainable)[1]

    with without_kernels(MEMBERS):
        return _size(jax.tree.leaves(jax.eval_shape(residuals, values.trainable)))


def _size(nest: Any) -> int:
    return sum(int(np.prod(leaf.shape)) * leaf.dtype.itemsize for leaf in jax.tree.leaves(nest))
