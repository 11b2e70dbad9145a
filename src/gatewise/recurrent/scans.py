"""A cell walked along a sequence, with a backward pass of its own.

JAX differentiates a scan by adding up the gradient of the recurrent kernel step by step, a small matrix product and a
read and write of the whole kernel in each. Here the walk back only collects the gradients of the gates, and one large
product over all steps follows. `benchmarks/layers.py` has it beside Keras on JAX.
"""

from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from gatewise.recurrent.equations import AllGates, AllUnits, Cell, States, Weights

# What a walk returns of every step: nothing, its output, or all states; what comes after the last step it always does.
Returns = Literal["last", "outputs", "states"]
Mask = Bool[Array, "time batch"]
# Of every step, as many states as are returned: ``(time, batch, units)`` each.
Along = tuple[AllUnits, ...]


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def walk(
    cell: Cell, returns: Returns, projected: AllGates, mask: Mask | None, weights: Weights, states: States
) -> tuple[Along, States]:
    """Walk a cell along projected inputs.

    Args:
        cell: The equations.
        returns: What to return of every step.
        projected: ``x W + b`` for every step, ``(time, batch, gates * units)``; anything finite where it does not count.
        mask: Where a step counts, ``(time, batch)``: in others a row keeps its states. None where all do.
        weights: The weights of the recurrence.
        states: The states before the first step, each ``(batch, units)``.

    Returns:
        The states after every step, each ``(time, batch, units)``: none of them, the first (the output) or all; and the
        states after the last step.
    """

    def step(states: States, at: Any) -> tuple[States, Any]:
        x, counts = at
        after = _where(counts, cell.step(weights, states, x)[0], states)
        return after, after[: returned(returns, states)]

    states, along = jax.lax.scan(step, states, (projected, mask))
    return along, states


def returned(returns: Returns, states: States) -> int:
    """Return how many states of every step are returned."""
    return {"last": 0, "outputs": 1, "states": len(states)}[returns]


def forward(
    cell: Cell, projected: AllGates, mask: Mask | None, weights: Weights, states: States
) -> tuple[Along, Any, States]:
    """Walk as `walk` does, and keep what `back` needs.

    Args:
        cell: As in `walk`.
        projected: As in `walk`.
        mask: As in `walk`.
        weights: As in `walk`.
        states: As in `walk`.

    Returns:
        All states after every step, what ``cell.step`` kept of every step, and the states after the last step.
    """

    def step(states: States, at: Any) -> tuple[States, Any]:
        x, counts = at
        after, saved = cell.step(weights, states, x)
        after = _where(counts, after, states)
        return after, (after, saved)

    after, (along, saved) = jax.lax.scan(step, states, (projected, mask))
    return along, saved, after


def back(cell: Cell, kept: Any, d_along: Along, d_after: States) -> tuple[AllGates, Any, States]:
    """Walk back, without the gradient of the weights.

    Args:
        cell: As in `walk`.
        kept: The outputs and what `forward` kept with them, the mask, the weights, and the first of the states before the
            first step.
        d_along: Gradient with respect to as many states of every step as were returned.
        d_after: Gradient with respect to the states after the last step.

    Returns:
        The gradient with respect to the projected inputs, to ``h U`` (as from ``cell.back``), and to the first states.
    """
    outputs, saved, mask, weights, first = kept

    def step(d_states: States, at: Any) -> tuple[States, Any]:
        around, saved, counts, d_here = at
        d_states = (*(d + more for d, more in zip(d_states, d_here, strict=False)), *d_states[len(d_here) :])
        # Nothing goes through a step that does not count, and everything past it: each part is linear in `d_states`.
        d_before, d_x, d_inner = cell.back(weights, _where(counts, d_states, _zeros(d_states)), around, saved)
        return _where(counts, d_before, d_states), (d_x, d_inner)

    along = ((before(outputs, first), outputs), saved, mask, d_along)
    d_states, (d_projected, d_inner) = jax.lax.scan(step, d_after, along, reverse=True)
    return d_projected, d_inner, d_states


def before(outputs: AllUnits, first: Any) -> AllUnits:
    """Return the output before each step."""
    return jnp.concatenate((first[None], outputs[:-1]))


def _where(counts: Any, states: States, others: States) -> States:
    """Return the states of the rows in which a step counts, and of the rest the others."""
    if counts is None:
        return states
    return tuple(jnp.where(counts[:, None], one, other) for one, other in zip(states, others, strict=True))


def _zeros(states: States) -> States:
    return tuple(jnp.zeros_like(state) for state in states)


def _forward(
    cell: Cell, returns: Returns, projected: Any, mask: Any, weights: Weights, states: States
) -> tuple[Any, Any]:
    along, saved, after = forward(cell, projected, mask, weights, states)
    return (along[: returned(returns, states)], after), (along[0], saved, mask, weights, states[0])


def _backward(
    cell: Cell, returns: Returns, kept: Any, gradients: tuple[Along, States]
) -> tuple[AllGates, None, Weights, States]:
    outputs, saved, _, weights, first = kept
    d_projected, d_inner, d_states = back(cell, kept, *gradients)
    return d_projected, None, cell.d_weights(weights, before(outputs, first), saved, d_projected, d_inner), d_states


walk.defvjp(_forward, _backward)
