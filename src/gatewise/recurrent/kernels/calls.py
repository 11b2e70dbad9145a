"""The kernels as functions of JAX: a walk with a derivative, and its slow twin wherever a kernel cannot follow.

A kernel knows one batch of rows and the first derivative. Under `jax.vmap` (ensembles) the scan runs in its place, and so
it does for second derivatives: each of the two calls, forward and back, is differentiated as the scan that it stands for.
"""

from collections.abc import Callable, Sequence
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


class Inputs(NamedTuple):
    """What the gates get from outside: ``sequence @ kernel``.

    Attributes:
        sequence: ``(time, batch, features)``; where the gates have a bias, the last feature is 1 everywhere.
        kernel: ``(features, gates * units)``, the bias its last row.
    """

    sequence: Any
    kernel: Any

    @classmethod
    def of(cls, sequence: Any, kernel: Any, bias: Any) -> "Inputs":
        """Return the inputs with the bias, if there is one, made part of the kernel."""
        if bias is None:
            return cls(sequence, kernel)
        ones = jnp.ones((*sequence.shape[:2], 1), sequence.dtype)
        return cls(jnp.concatenate((sequence, ones), axis=-1), jnp.concatenate((kernel, bias[None])))

    def projected(self) -> Any:
        """Return ``x W + b`` of every step, as the scan wants it."""
        return self.sequence @ self.kernel


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
def kernel_walk(call: Call, inputs: Inputs, weights: Weights, states: States) -> tuple[Any, States]:
    """Walk a cell by its kernel.

    Args:
        call: How.
        inputs: The inputs, not projected: that is part of the walk.
        weights: The weights of the recurrence.
        states: The states before the first step, each ``(batch, units)``.

    Returns:
        The outputs ``(time, batch, units)``, or None where they are not wanted; and the states after the last step.
    """
    return _with_twin(partial(_predict, call), partial(_predict_twin, call))(inputs, weights, states)


def _walk_forward(call: Call, inputs: Inputs, weights: Weights, states: States) -> tuple[Any, Any]:
    # Every leaf comes with the word whether anybody differentiates with respect to it.
    asked = inputs.sequence.perturbed
    inputs, weights, states = jax.tree.map(lambda leaf: leaf.value, (inputs, weights, states), is_leaf=_has_value)
    kept = _with_twin(partial(_forward, call), partial(_forward_twin, call))(inputs, weights, states)
    outputs = kept.states[0] if call.sequences else None
    # An empty tuple or None: residuals are nests of arrays, and what is no array has to be seen in their structure.
    return (outputs, tuple(state[-1] for state in kept.states)), (() if asked else None, kept, inputs, weights, states)


def _has_value(leaf: Any) -> bool:
    return hasattr(leaf, "perturbed")


def _walk_back(call: Call, residuals: Any, gradients: tuple[Any, States]) -> tuple[Inputs, Weights, States]:
    asked, kept, inputs, weights, first = residuals
    gradients = jax.tree.map(_as_array, gradients, is_leaf=_is_zero)
    back = _with_twin(partial(_back, call, asked is not None), partial(_back_twin, call, asked is not None))
    d_sequence, d_kernel, d_weights, d_states = back(kept, inputs, weights, first, *gradients)
    if d_sequence is None:
        d_sequence = jnp.zeros_like(inputs.sequence)
    return Inputs(d_sequence, d_kernel), d_weights, d_states


def _is_zero(leaf: Any) -> bool:
    return isinstance(leaf, jax.custom_derivatives.SymbolicZero)


def _as_array(leaf: Any) -> Any:
    return jnp.zeros(leaf.shape, leaf.dtype) if _is_zero(leaf) else leaf


kernel_walk.defvjp(_walk_forward, _walk_back, symbolic_zeros=True)


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


def _run(
    call: Call, part: str, operands: list[Any], results: Sequence[tuple[int, ...]], aliases: dict[int, int]
) -> list[Any]:
    shapes = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in results]
    function = jax.ffi.ffi_call(target_name(call.name, part), shapes, input_output_aliases=aliases)
    return list(function(*operands, threads=np.int64(call.threads)))


def _forward_operands(call: Call, inputs: Inputs, weights: Weights, states: States) -> list[Any]:
    steps, shape = STEPS[call.name], target.shape()
    gated = steps.gates > 1
    kernels = (inputs.kernel, weights.kernel)
    panels = [packed_gates(shape, kernel, steps.gates) if gated else packed_units(shape, kernel) for kernel in kernels]
    bias = []
    if steps.biased:
        bias = [jnp.zeros(inputs.kernel.shape[1:], jnp.float32) if weights.bias is None else weights.bias]
    return [inputs.sequence, *panels, *bias, *states]


def _predict(call: Call, inputs: Inputs, weights: Weights, states: States) -> tuple[Any, States]:
    time, (batch, units) = len(inputs.sequence), states[0].shape
    # Where only the last output is wanted, two places are enough for h: before a step, and after it. c needs one.
    slots = [time if call.sequences else 2, 1][: len(states)]
    operands = _forward_operands(call, inputs, weights, states)
    after = _run(call, "predict", operands, [(slot, batch, units) for slot in slots], {})
    last = tuple(state[(time - 1) % slot] for state, slot in zip(after, slots, strict=True))
    return after[0] if call.sequences else None, last


def _forward(call: Call, inputs: Inputs, weights: Weights, states: States) -> _Kept:
    time, (batch, units) = len(inputs.sequence), states[0].shape
    parts = STEPS[call.name].saves
    results = [*((time, batch, units) for _ in states), *([(time, batch, parts * units)] if parts else [])]
    kept = _run(call, "forward", _forward_operands(call, inputs, weights, states), results, {})
    return _Kept(tuple(kept[: len(states)]), kept[-1] if parts else None)


def _back(
    call: Call,
    asked: bool,
    kept: _Kept,
    inputs: Inputs,
    weights: Weights,
    first: States,
    d_outputs: Any,
    d_after: States,
) -> tuple[Any, Any, Weights, States]:
    steps, shape = STEPS[call.name], target.shape()
    time, batch, units = kept.states[0].shape
    features = inputs.sequence.shape[2]
    if d_outputs is None:
        d_outputs = jnp.zeros((1, batch, units), jnp.float32)
    room = padded(shape, units)
    # The gradient of h has room for whole vectors, which the products then write.
    d_states = [jnp.pad(d_after[0], ((0, 0), (0, room - units))), *d_after[1:]]
    columns = steps.gates * units
    kernels = [jnp.zeros((call.threads, height, padded(shape, columns)), jnp.float32) for height in (units, features)]
    both = [*kernels, *d_states]
    around = [array for pair in zip(kept.states, first, strict=True) for array in pair]
    saved = [] if kept.saved is None else [kept.saved]
    # The gradient of the inputs has no steps where nobody asks for it.
    input_panels = packed_units(shape, inputs.kernel.T) if asked else jnp.zeros(0, jnp.float32)
    panels = packed_units(shape, weights.kernel.T)
    operands = [inputs.sequence, panels, input_panels, d_outputs, *saved, *around, *both]
    gradients = [(time, batch, columns), (time if asked else 0, batch, padded(shape, features))]
    gradients += [(time, batch, columns)] if steps.own_inner_gradient else []
    results = [*gradients, *(array.shape for array in both)]
    aliases = {len(operands) - k: len(results) - k for k in range(len(both), 0, -1)}
    d_projected, d_sequence, *rest = _run(call, "back", operands, results, aliases)
    d_inner = rest.pop(0) if steps.own_inner_gradient else d_projected
    # Each thread has added up its own rows.
    d_kernel, d_input_kernel = (kernel.sum(0)[:, :columns] for kernel in rest[:2])
    d_bias = None if weights.bias is None else d_inner.sum((0, 1))
    d_sequence = d_sequence[..., :features] if asked else None
    return d_sequence, d_input_kernel, Weights(d_kernel, d_bias), (rest[2][:, :units], *rest[3:])


# -- their twins ------------------------------------------------------------------------------------------------------


def _predict_twin(call: Call, inputs: Inputs, weights: Weights, states: States) -> tuple[Any, States]:
    returns: scans.Returns = "outputs" if call.sequences else "last"
    along, after = scans.walk(call.cell, returns, inputs.projected(), None, weights, states)
    return along[0] if call.sequences else None, after


def _forward_twin(call: Call, inputs: Inputs, weights: Weights, states: States) -> _Kept:
    along, saved, _ = scans.forward(call.cell, inputs.projected(), None, weights, states)
    return _Kept(along, jnp.concatenate(saved[: STEPS[call.name].saves], axis=-1) if saved else None)


def _back_twin(
    call: Call,
    asked: bool,
    kept: _Kept,
    inputs: Inputs,
    weights: Weights,
    first: States,
    d_outputs: Any,
    d_after: States,
) -> tuple[Any, Any, Weights, States]:
    saved = () if kept.saved is None else tuple(jnp.split(kept.saved, STEPS[call.name].saves, axis=-1))
    if call.name == "lstm":
        cells = kept.states[1]
        saved = (*saved, scans.before(cells, first[1]), jnp.tanh(cells))
    outputs = kept.states[0]
    kept_there = outputs, saved, None, weights, first[0]
    d_along = () if d_outputs is None else (d_outputs,)
    d_projected, d_inner, d_states = scans.back(call.cell, kept_there, d_along, d_after)
    before = scans.before(outputs, first[0])
    d_weights = call.cell.d_weights(weights, before, saved, d_projected, d_inner)
    d_sequence = d_projected @ inputs.kernel.T if asked else None
    return d_sequence, jnp.einsum("tbf,tbk->fk", inputs.sequence, d_projected), d_weights, d_states
