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

from gatewise.recurrent import equations, scans
from gatewise.recurrent.equations import Cell, Inputs, States, Weights
from gatewise.recurrent.kernels import arrays
from gatewise.recurrent.kernels.steps import STEPS
from gatewise.recurrent.scans import Along, Returns, returned

_NAMES: dict[type, str] = {
    equations.LSTM: "lstm",
    equations.GRU: "gru",
    equations.GRUResetBefore: "gru_reset_before",
    equations.SimpleRNN: "simple",
}


def kernel_name(cell: Cell, dropped: bool = False) -> str | None:
    """Return under which name a cell has kernels, those with dropout or those without; None where it has none."""
    name = _NAMES.get(type(cell))
    return f"{name}_dropped" if name is not None and dropped else name


class _Kept(NamedTuple):
    """What a walk forward keeps: the states after every step that was done, and what the steps add to it.

    Its arrays are the kernels' own, laid out as `arrays` says; nobody else reads them.
    """

    states: States
    saved: Any


@dataclass(frozen=True)
class Call:
    """How a walk is to be done: all that is known when a program is traced.

    Attributes:
        cell: The equations.
        returns: What is returned of every step.
        threads: How many threads share the rows.
        dropped: Whether inputs or states have dropout, gate by gate.
    """

    cell: Cell
    returns: Returns
    threads: int
    dropped: bool = False

    @property
    def steps(self) -> Any:
        """The equations as the kernels have them."""
        return STEPS[str(kernel_name(self.cell, self.dropped))]


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def kernel_walk(call: Call, inputs: Inputs, weights: Weights, states: States) -> tuple[Along, States]:
    """Walk a cell by its kernel.

    Args:
        call: How.
        inputs: The inputs, not projected: that is part of the walk.
        weights: The weights of the recurrence.
        states: The states before the first step, each ``(batch, units)``.

    Returns:
        As from `scans.walk`.
    """
    return _with_twin(partial(_predict, call), partial(_walk_twin, call))(inputs, weights, states)


def _walk_forward(call: Call, inputs: Inputs, weights: Weights, states: States) -> tuple[Any, Any]:
    # Every leaf comes with the word whether anybody differentiates with respect to it.
    asked = _is_perturbed(inputs.sequence)
    inputs, weights, states = jax.tree.map(lambda leaf: leaf.value, (inputs, weights, states), is_leaf=_has_value)
    forward = _with_twin(partial(_forward, call), partial(_forward_twin, call))
    kept, after = forward(inputs, weights, states)
    along = kept.states[: returned(call.returns, states)]
    # An empty tuple or None: residuals are nests of arrays, and what is no array has to be seen in their structure.
    return (along, after), (() if asked else None, kept, inputs, weights, states)


def _is_perturbed(leaf: Any) -> bool:
    return bool(leaf.perturbed)


def _has_value(leaf: Any) -> bool:
    return hasattr(leaf, "perturbed")


def _walk_back(call: Call, residuals: Any, gradients: tuple[Along, States]) -> tuple[Inputs, Weights, States]:
    asked, kept, inputs, weights, first = residuals
    d_along, d_after = gradients
    # What comes from nobody is left out.
    given = tuple(None if _is_zero(one) else one for one in d_along)
    d_after = tuple(jnp.zeros(one.shape, one.dtype) if _is_zero(one) else one for one in d_after)
    back = _with_twin(partial(_back, call, asked is not None), partial(_back_twin, call, asked is not None))
    d_sequence, d_projection, d_weights, d_states = back(kept, inputs, weights, first, given, d_after)
    return Inputs(d_sequence, d_projection, None), d_weights, d_states


def _is_zero(leaf: Any) -> bool:
    return isinstance(leaf, jax.custom_derivatives.SymbolicZero)


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


def _forward_operands(call: Call, inputs: Inputs, weights: Weights, states: States) -> dict[str, Any]:
    steps = call.steps
    return {
        "inputs": inputs.sequence,
        **arrays.of_mask(inputs.mask, states[0].shape[0], call.threads),
        "input_panels": arrays.panels(steps, inputs.weights.kernel),
        "panels": arrays.panels(steps, weights.kernel),
        "bias": arrays.bias(steps, inputs.weights),
        "inner_bias": arrays.bias(steps, weights),
        **arrays.of_dropout(steps, inputs, weights, back=False),
        **{f"{name}_first": state for name, state in zip(steps.states, states, strict=True)},
    }


def _predict(call: Call, inputs: Inputs, weights: Weights, states: States) -> tuple[Along, States]:
    operands = _forward_operands(call, inputs, weights, states)
    count = returned(call.returns, states)
    results = arrays.run(call, "predict", operands, arrays.forward_results(call.steps, operands, count, saving=False))
    names = call.steps.states
    return tuple(results[name] for name in names[:count]), tuple(results[f"{name}_last"] for name in names)


def _forward(call: Call, inputs: Inputs, weights: Weights, states: States) -> tuple[_Kept, States]:
    operands, names = _forward_operands(call, inputs, weights, states), call.steps.states
    shapes = arrays.forward_results(call.steps, operands, len(names), saving=True)
    results = arrays.run(call, "forward", operands, shapes)
    kept = _Kept(tuple(results[name] for name in names), results.get("saved"))
    return kept, tuple(results[f"{name}_last"] for name in names)


def _back(
    call: Call,
    asked: bool,
    kept: _Kept,
    inputs: Inputs,
    weights: Weights,
    first: States,
    d_along: tuple[Any, ...],
    d_after: States,
) -> tuple[Any, Weights, Weights, States]:
    steps, (batch, units) = call.steps, first[0].shape
    operands = {
        "inputs": inputs.sequence,
        **arrays.of_mask(inputs.mask, batch, call.threads),
        **arrays.transposed_panels(steps, inputs.weights.kernel if asked else None, weights.kernel),
        **arrays.of_dropout(steps, inputs, weights, back=True),
        "saved": kept.saved,
    }
    nothing = jnp.zeros((0, batch, units), jnp.float32)
    along = {name: one for name, one in zip(steps.states, d_along, strict=False) if one is not None}
    for name, state, before, d_state in zip(steps.states, kept.states, first, d_after, strict=True):
        operands |= {name: state, f"{name}_first": before, f"d_along_{name}": along.get(name, nothing)}
        operands[f"d_{name}_passed"] = d_state
    operands["d_hidden_passed"] = arrays.with_room(d_after[0])
    shapes = arrays.back_results(steps, operands, asked, call.threads)
    results = arrays.run(call, "back", operands, shapes)
    of_inputs, of_state = arrays.gradients(steps, results, inputs.sequence.shape[2], units)
    d_states = (results["d_hidden"][:, :units], *(results[f"d_{name}"] for name in steps.states[1:]))
    d_sequence = results["d_inputs"][..., : inputs.sequence.shape[2]] if asked else None
    return d_sequence, _as(inputs.weights, of_inputs), _as(weights, of_state), d_states


def _as(weights: Weights, gradient: Weights) -> Weights:
    """Return the gradient of what there is of some weights."""
    d_dropout = None if weights.dropout is None else jnp.zeros_like(weights.dropout)
    return Weights(gradient.kernel, None if weights.bias is None else gradient.bias, d_dropout)


# -- their twins ------------------------------------------------------------------------------------------------------


def _walk_twin(call: Call, inputs: Inputs, weights: Weights, states: States) -> tuple[Along, States]:
    return scans.walk(call.cell, call.returns, inputs.projected(), inputs.mask, weights, states)


def _forward_twin(call: Call, inputs: Inputs, weights: Weights, states: States) -> tuple[_Kept, States]:
    """Walk forward and keep the states alone: the twin of the walk back begins from the inputs."""
    along, after = scans.walk(call.cell, "states", inputs.projected(), inputs.mask, weights, states)
    shape = arrays.saved_shape(call.steps, *along[0].shape)
    return _Kept(along, None if shape is None else jnp.zeros(shape, jnp.float32)), after


def _back_twin(
    call: Call,
    asked: bool,
    kept: _Kept,
    inputs: Inputs,
    weights: Weights,
    first: States,
    d_along: tuple[Any, ...],
    d_after: States,
) -> tuple[Any, Weights, Weights, States]:
    """Walk back from the inputs and not from what was kept, so that the derivative of this is all of the derivative."""

    def walk(sequence: Any, projection: Weights, weights: Weights, first: States) -> Any:
        return _walk_twin(call, Inputs(sequence, projection, inputs.mask), weights, first)

    (along, _), back = jax.vjp(walk, inputs.sequence, inputs.weights, weights, first)
    given = [*d_along, *([None] * (len(along) - len(d_along)))]
    d_along = tuple(jnp.zeros_like(a) if d is None else d for a, d in zip(along, given, strict=True))
    d_sequence, *rest = back((d_along, d_after))
    return d_sequence if asked else None, *rest
