"""A cell walked along a sequence, with a backward pass of its own.

JAX differentiates a scan by adding up the gradient of the recurrent kernel step by step, a small matrix product and a
read and write of the whole kernel in each. Here the walk back only collects the gradients of the gates, and one large
product over all steps follows. `benchmarks/layers.py` has it beside Keras on JAX.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from gatewise.recurrent.equations import AllGates, AllUnits, Cell, States, Weights


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def walk(
    cell: Cell, sequences: bool, projected: AllGates, weights: Weights, states: States
) -> tuple[AllUnits | None, States]:
    """Walk a cell along projected inputs.

    Args:
        cell: The equations.
        sequences: Whether to return the output of every step.
        projected: ``x W + b`` for every step, ``(time, batch, gates * units)``.
        weights: The weights of the recurrence.
        states: The states before the first step, each ``(batch, units)``.

    Returns:
        The outputs ``(time, batch, units)``, or None without `sequences`; and the states after the last step.
    """

    def step(states: States, x: Any) -> tuple[States, Any]:
        new, _ = cell.step(weights, states, x)
        return new, new[0] if sequences else None

    states, outputs = jax.lax.scan(step, states, projected)
    return outputs, states


def forward(cell: Cell, projected: AllGates, weights: Weights, states: States) -> tuple[AllUnits, Any, States]:
    """Walk as `walk` does, and keep what `back` needs.

    Args:
        cell: As in `walk`.
        projected: As in `walk`.
        weights: As in `walk`.
        states: As in `walk`.

    Returns:
        The outputs ``(time, batch, units)``, what ``cell.step`` kept of every step, and the states after the last step.
    """

    def step(states: States, x: Any) -> tuple[States, Any]:
        new, saved = cell.step(weights, states, x)
        return new, (new[0], saved)

    after, (outputs, saved) = jax.lax.scan(step, states, projected)
    return outputs, saved, after


def back(cell: Cell, kept: Any, d_outputs: AllUnits | None, d_after: States) -> tuple[AllGates, Any, States]:
    """Walk back, without the gradient of the weights.

    Args:
        cell: As in `walk`.
        kept: The outputs and what `forward` kept with them, the weights, and the first of the states before the first step.
        d_outputs: Gradient with respect to the outputs; None where they are not used.
        d_after: Gradient with respect to the states after the last step.

    Returns:
        The gradient with respect to the projected inputs, to ``h U`` (as from ``cell.back``), and to the first states.
    """
    outputs, saved, weights, first = kept

    def step(d_states: States, at: Any) -> tuple[States, Any]:
        around, saved, d_output = at
        if d_outputs is not None:
            d_states = (d_states[0] + d_output, *d_states[1:])
        d_states, d_x, d_inner = cell.back(weights, d_states, around, saved)
        return d_states, (d_x, d_inner)

    along = ((before(outputs, first), outputs), saved, d_outputs)
    d_states, (d_projected, d_inner) = jax.lax.scan(step, d_after, along, reverse=True)
    return d_projected, d_inner, d_states


def before(outputs: AllUnits, first: Any) -> AllUnits:
    """Return the output before each step."""
    return jnp.concatenate((first[None], outputs[:-1]))


def _forward(cell: Cell, sequences: bool, projected: Any, weights: Weights, states: States) -> tuple[Any, Any]:
    outputs, saved, after = forward(cell, projected, weights, states)
    return (outputs if sequences else None, after), (outputs, saved, weights, states[0])


def _backward(
    cell: Cell, sequences: bool, kept: Any, gradients: tuple[AllUnits | None, States]
) -> tuple[AllGates, Weights, States]:
    outputs, saved, weights, first = kept
    d_projected, d_inner, d_states = back(cell, kept, *gradients)
    return d_projected, cell.d_weights(weights, before(outputs, first), saved, d_projected, d_inner), d_states


walk.defvjp(_forward, _backward)
