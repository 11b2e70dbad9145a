"""Is the code of a network right on this machine? Compared with the general way before its first use.

The name of the code stands for everything that it depends on, the processor included, so that the answer is kept with it:
the general way is traced and compiled for this once on a machine.
"""

import logging
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gatewise.backend import kernel_folder
from gatewise.program_files import ProgramFiles
from gatewise.recurrent import MEMBERS, without_kernels
from gatewise.recurrent.kernels import target
from gatewise.training.data import Data
from gatewise.training.order import Steps, epoch_order, run_key
from gatewise.training.small_ensembles.calls import Kernel
from gatewise.training.state import ModelValues
from gatewise.training.step import Step

logger = logging.getLogger("gatewise")

_STEPS = 2
# Sums of some dozens of products of numbers of the size of 1, in float32.
_TOLERANCE = 1e-4
_EQUAL = b"equal"
_answers: dict[str, str | None] = {}


def fault(kernel: Kernel, model: Any, plan: Any) -> str | None:
    """Load a network's code, compiling it if need be, and return what is wrong with it; None where nothing is.

    Args:
        kernel: The network and where its numbers are.
        model: The model.
        plan: A plan of its training.
    """
    if kernel.name not in _answers:
        _answers[kernel.name] = _fault(kernel, model, plan)
        if (answer := _answers[kernel.name]) is not None:
            logger.warning("gatewise trains the ensemble without its kernel: %s", answer)
    return _answers[kernel.name]


def _fault(kernel: Kernel, model: Any, plan: Any) -> str | None:
    folder = kernel_folder()
    files = None if folder is None else ProgramFiles(folder)
    try:
        kernel.load()
        if files is not None and files.get(f"{kernel.name}-tested") == _EQUAL:
            return None
        difference = deviation(kernel, model, plan)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if not difference <= _TOLERANCE:
        return f"its self-test differs from the general way by {difference:.1e}"
    if files is not None:
        files.put(f"{kernel.name}-tested", _EQUAL)
    return None


def deviation(kernel: Kernel, model: Any, plan: Any) -> float:
    """Return the largest difference, relative to 1, of all values and losses after a few steps of some random members."""
    # More than one block, and one that is not full.
    members, steps = target.shape().lanes + 3, Steps(_STEPS * plan.steps.batch, plan.steps.batch)
    step = Step(model)
    draw = np.random.default_rng(7)
    values = _values(kernel, step, members, draw)
    data = _data(kernel, members, steps.rows, draw)
    keys = jnp.stack([run_key(member) for member in range(members)])
    zeros = [jnp.broadcast_to(array, (members, *array.shape)) for array in step.reset_metrics()]
    total = zeros[0]

    def by_kernel(values: ModelValues, data: Data) -> Any:
        where = steps, jnp.int32(0), jnp.int32(0), jnp.int32(_STEPS)
        new, sums, _ = kernel.train(values, total, keys, data, where)
        return new, sums

    def by_step(values: ModelValues, sums: list[Any], data: Data) -> Any:
        def one(values: ModelValues, sums: list[Any], data: Data) -> Any:
            if plan.reset_states == "batch":
                values = values._replace(recurrent=[jnp.zeros_like(array) for array in values.recurrent])
            values, sums, _ = step.train(step.pack(values), sums, data)
            return step.unpack(values), sums

        return jax.vmap(one)(values, sums, data)

    with without_kernels(MEMBERS):
        found = _compiled(by_kernel, values, data)(values, data)
        general, by_general = (values, zeros), None
        for batch in _batches(plan, steps, data, keys):
            by_general = by_general or _compiled(by_step, *general, batch)
            general = by_general(*general, batch)
    pairs = zip(jax.tree.leaves(found), jax.tree.leaves((general[0], general[1][0])), strict=True)
    largest = [np.max(np.abs(one - other) / (1 + np.abs(other)), initial=0.0) for one, other in map(_as_double, pairs)]
    return float(np.max(largest))


def _as_double(arrays: Any) -> Any:
    return [np.asarray(array, "float64") for array in arrays]


def _compiled(function: Any, *arguments: Any) -> Any:
    # Two steps of a small network take no time: what is compiled in a hurry is good enough.
    options: dict[str, Any] = {"xla_backend_optimization_level": 0}
    return jax.jit(function).lower(*arguments).compile(options)


def _batches(plan: Any, steps: Steps, data: Data, keys: Any) -> list[Data]:
    """Return what each step is to see: of every member its own rows."""
    same = np.tile(np.arange(steps.rows), (len(keys), 1))
    orders = jax.vmap(lambda key: epoch_order(key, jnp.int32(0), steps.rows))(keys) if plan.shuffle else same
    member = np.arange(len(keys))[:, None]
    found = []
    for first in range(0, steps.rows, steps.batch):
        rows = np.asarray(orders)[:, first : first + steps.batch]
        found.append(jax.tree.map(lambda array: array[member, rows] if plan.member_data else array[rows], data))  # noqa: B023
    return found


def _values(kernel: Kernel, step: Step, members: int, draw: np.random.Generator) -> ModelValues:
    """Draw values for which a small difference of a gradient makes a small difference of the weights."""
    variables = step.variables

    def drawn(variable: Any, make: Any) -> Any:
        return jnp.asarray(make(size=(members, *variable.shape)), jnp.float32)

    trainable = [drawn(variable, draw.normal) * 0.3 for variable in variables.trainable]
    recurrent = [drawn(variable, draw.uniform) for variable in variables.recurrent]
    optimizer = [drawn(variable, draw.uniform) * 0.5 + 0.2 for variable in variables.optimizer]
    count = variables.optimizer[kernel.iterations]
    optimizer[kernel.iterations] = jnp.full((members,), 5, count.dtype)
    fixed = [np.broadcast_to(v.value, (members, *v.shape)) for v in variables.non_trainable]
    return ModelValues(trainable, [jnp.asarray(array) for array in fixed], optimizer, recurrent)


def _data(kernel: Kernel, members: int, rows: int, draw: np.random.Generator) -> Data:
    network = kernel.network
    front = (members, rows) if network.member_data else (rows,)
    shapes = [(network.time, network.layers[0].features), (network.targets,), ()]
    x, y, weight = (draw.uniform(-1, 1, (*front, *shape)).astype("float32") for shape in shapes)
    return Data(x, y, weight if network.weighted else None)
