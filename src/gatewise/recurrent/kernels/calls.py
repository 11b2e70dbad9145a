"""The kernels as functions of JAX: a walk with a derivative, and its slow twin wherever a kernel cannot follow.

A kernel knows one batch of rows and the first derivative. Under `jax.vmap` (ensembles) the scan runs in its place, and so
it does for second derivatives: each of the two calls, forward and back, is differentiated as the scan that it stands for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gatewise.recurrent import equations, scans
from gatewise.recurrent.equations import Cell, States, Weights
from gatewise.recurrent.kernels import target
from gatewise.recurrent.kernels.library import target_name
from gatewise.recurrent.kernels.products import packed_gates, packed_units, padded
from gatewise.recurrent.kernels.steps import STEPS

_NAMES: dict[type, str] = {equations.LSTM: "lstm", equations.GRU: "gru", equations.SimpleRNN: "simple"}


def kernel_name(cell: Cell) -> str | None:
    """Return under which name a cell has kernels; None where it has none."""
    return _NAMES.get(type(cell))


class _Kept(NamedTuple):
    """What a walk forward keeps: the states after every step ``(time, batch, units)``, and what the steps add to it.

    `saved` is ``(time, batch, parts * units)``, the parts side by side, or None for a cell that keeps nothing.
    """

    states: States
    saved: Any


@dataclass(frozen=True)
class Call:
    """How a walk is to be done: all that is known when a program is traced.

    Attributes:
        cell: The equations.
        sequences: Whether the output of every step is wanted.
        threads: How many threads share the rows.
    """

    cell: Cell
    sequences: bool
    threads: int

    @property
    def name(self) -> str:
        """The name of the cell's kernels."""
        return _NAMES[type(self.cell)]


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def kernel_walk(call: Call, projected: Any, weights: Weights, states: States) -> tuple[Any, States]:
    """Walk a cell by its kernel; arguments and results as in `scans.walk`."""
    return _with_twin(partial(_predict, call), partial(scans.walk, call.cell, call.sequences))(
        projected, weights, states
    )


def _walk_forward(call: Call, projected: Any, weights: Weights, states: States) -> tuple[Any, Any]:
    forward = _with_twin(partial(_forward, call), partial(_forward_twin, call))
    kept = forward(projected, weights, states)
    outputs = kept.states[0] if call.sequences else None
    return (outputs, tuple(state[-1] for state in kept.states)), (kept, weights, states)


def _walk_back(call: Call, residuals: Any, gradients: tuple[Any, States]) -> tuple[Any, Weights, States]:
    kept, weights, first = residuals
    back = _with_twin(partial(_back, call), partial(_back_twin, call))
    d_projected, d_inner, d_states = back(kept, weights, first, *gradients)
    before = scans.before(kept.states[0], first[0])
    return d_projected, call.cell.d_weights(weights, before, (), d_projected, d_inner), d_states


kernel_walk.defvjp(_walk_forward, _walk_back)


def _with_twin(kernel: Callable[..., Any], twin: Callable[..., Any]) -> Callable[..., Any]:
    """Return a kernel that is batched and differentiated as its twin."""
    batched = jax.custom_batching.custom_vmap(kernel)

    @batched.def_vmap
    def by_twin(size: int, along: Any, *arguments: Any) -> tuple[Any, Any]:
        axes = jax.tree.map(lambda has: 0 if has else None, tuple(along))
        results = jax.vmap(twin, in_axes=axes, axis_size=size)(*arguments)
        return results, jax.tree.map(lambda _: True, results)

    differentiable = jax.custom_vjp(batched)
    differentiable.defvjp(
        lambda *arguments: (batched(*arguments), arguments),
        lambda arguments, gradients: jax.vjp(twin, *arguments)[1](gradients),
    )
    return differentiable


# -- the three kernels ------------------------------------------------------------------------------------------------


def _run(call: Call, part: str, operands: list[Any], results: list[tuple[int, ...]], aliases: dict[int, int]) -> list[Any]:
    shapes = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in results]
    function = jax.ffi.ffi_call(target_name(call.name, part), shapes, input_output_aliases=aliases)
    return list(function(*operands, threads=np.int64(call.threads)))


def _forward_operands(call: Call, projected: Any, weights: Weights, states: States) -> list[Any]:
    steps, shape = STEPS[call.name], target.shape()
    gated = steps.gates > 1
    panels = packed_gates(shape, weights.kernel, steps.gates) if gated else packed_units(shape, weights.kernel)
    bias = []
    if steps.biased:
        bias = [jnp.zeros(projected.shape[2:], jnp.float32) if weights.bias is None else weights.bias]
    return [projected, panels, *bias, *states]


def _predict(call: Call, projected: Any, weights: Weights, states: States) -> tuple[Any, States]:
    time, batch, units = len(projected), *states[0].shape
    # Where only the last output is wanted, two places are enough for h: before a step, and after it. c needs one.
    slots = [time if call.sequences else 2, 1][: len(states)]
    operands = _forward_operands(call, projected, weights, states)
    after = _run(call, "predict", operands, [(slot, batch, units) for slot in slots], {})
    last = tuple(state[(time - 1) % slot] for state, slot in zip(after, slots, strict=True))
    return after[0] if call.sequences else None, last


def _forward(call: Call, projected: Any, weights: Weights, states: States) -> _Kept:
    time, batch, units = len(projected), *states[0].shape
    parts = STEPS[call.name].saves
    results = [*((time, batch, units) for _ in states), *([(time, batch, parts * units)] if parts else [])]
    kept = _run(call, "forward", _forward_operands(call, projected, weights, states), results, {})
    return _Kept(tuple(kept[: len(states)]), kept[-1] if parts else None)


def _back(
    call: Call, kept: _Kept, weights: Weights, first: States, d_outputs: Any, d_after: States
) -> tuple[Any, Any, States]:
    steps, shape = STEPS[call.name], target.shape()
    time, batch, units = kept.states[0].shape
    if d_outputs is None:
        d_outputs = jnp.zeros((1, batch, units), jnp.float32)
    room = padded(shape, units)
    # The gradient of h has room for whole vectors, which the products then write.
    d_states = [jnp.pad(d_after[0], ((0, 0), (0, room - units))), *d_after[1:]]
    around = [array for pair in zip(kept.states, first, strict=True) for array in pair]
    saved = [] if kept.saved is None else [kept.saved]
    operands = [packed_units(shape, weights.kernel.T), d_outputs, *saved, *around, *d_states]
    gradients = [(time, batch, steps.gates * units)] * (2 if steps.own_inner_gradient else 1)
    results = [*gradients, *(state.shape for state in d_states)]
    aliases = {len(operands) - k: len(results) - k for k in range(len(d_states), 0, -1)}
    d_projected, *rest = _run(call, "back", operands, results, aliases)
    d_inner = rest.pop(0) if steps.own_inner_gradient else None
    return d_projected, d_inner, (rest[0][:, :units], *rest[1:])


# -- their twins ------------------------------------------------------------------------------------------------------


def _forward_twin(call: Call, projected: Any, weights: Weights, states: States) -> _Kept:
    outputs, saved, after = scans.forward(call.cell, projected, weights, states)
    if call.name == "lstm":
        *gates, c, _ = saved
        return _Kept((outputs, jnp.concatenate((c[1:], after[1][None]))), jnp.concatenate(gates, axis=-1))
    return _Kept((outputs,), jnp.concatenate(saved, axis=-1) if saved else None)


def _back_twin(
    call: Call, kept: _Kept, weights: Weights, first: States, d_outputs: Any, d_after: States
) -> tuple[Any, Any, States]:
    saved = () if kept.saved is None else tuple(jnp.split(kept.saved, STEPS[call.name].saves, axis=-1))
    if call.name == "lstm":
        cells = kept.states[1]
        saved = (*saved, scans.before(cells, first[1]), jnp.tanh(cells))
    return scans.back(call.cell, (kept.states[0], saved, weights, first[0]), d_outputs, d_after)
