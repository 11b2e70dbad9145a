"""A cell walked along a sequence, with a backward pass of its own.

JAX differentiates a scan by adding up the gradient of the recurrent kernel step by step, a small matrix product and a
read and write of the whole kernel in each. Here the walk back only collects the gradients of the gates, and one large
product over all steps follows: a quarter less time for a GRU of 64 units, on one core and on two.
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


def _forward(cell: Cell, sequences: bool, projected: AllGates, weights: Weights, states: States) -> tuple[Any, Any]:
    def step(states: States, x: Any) -> tuple[States, Any]:
        new, saved = cell.step(weights, states, x)
        return new, (new[0], saved)

    after, (outputs, saved) = jax.lax.scan(step, states, projected)
    return (outputs if sequences else None, after), (outputs, saved, weights, states[0])


def _backward(
    cell: Cell, sequences: bool, kept: Any, gradients: tuple[AllUnits | None, States]
) -> tuple[AllGates, Weights, States]:
    outputs, saved, weights, first = kept
    d_outputs, d_after = gradients
    before = jnp.concatenate((first[None], outputs[:-1]))

    def step(d_states: States, at: Any) -> tuple[States, Any]:
        around, saved, d_output = at
        if sequences:
            d_states = (d_states[0] + d_output, *d_states[1:])
        d_states, d_x, d_inner = cell.back(weights, d_states, around, saved)
        return d_states, (d_x, d_inner)

    along = ((before, outputs), saved, d_outputs)
    d_states, (d_projected, d_inner) = jax.lax.scan(step, d_after, along, reverse=True)
    return d_projected, cell.d_weights(weights, before, saved, d_projected, d_inner), d_states


walk.defvjp(_forward, _backward)
