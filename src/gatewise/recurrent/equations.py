"""The equations of the three cells, one step forward and, derived by hand, one step backward.

Everything is written for inputs that are already projected: ``x`` stands for ``x W + b`` with the bias that belongs to
the input. Gates stand side by side along the last axis in Keras's order. A cell knows nothing of time; `scans` walks it.

Sources: LSTM with forget gate, Gers et al. 2000, "Learning to Forget", eqs. 3 to 8 without peepholes; GRU, Cho et al. 2014
(arXiv:1406.1078v1, eqs. 5 to 8: the reset gate before the product, ``reset_after=False``) and v3 of the same paper (after it,
``reset_after=True``, as cuDNN computes it); plain RNN, Elman 1990.
"""

from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class Weights(NamedTuple):
    """What a cell multiplies its state with.

    Attributes:
        kernel: The recurrent kernel, ``(units, gates * units)``.
        bias: What is added to that product before the gates, ``(gates * units,)``; None where there is no such bias. Only a
            GRU with ``reset_after=True`` has one: every other bias can be added to the projected input.
    """

    kernel: Float[Array, "units gates"]
    bias: Float[Array, " gates"] | None = None


# What a cell carries: its output first.
States = tuple[Float[Array, "batch units"], ...]
Gates = Float[Array, "batch gates"]
# The same for all steps.
AllUnits = Float[Array, "time batch units"]
AllGates = Float[Array, "time batch gates"]


class Cell(Protocol):
    """One step of a recurrent cell and its derivative.

    The first of the states is the output, and each of them is ``(batch, units)``.
    """

    def step(self, weights: Weights, states: States, x: Gates) -> tuple[States, Any]:
        """Return the states after a step on a projected input ``(batch, gates * units)``, and what `back` needs of it."""
        ...

    def back(self, weights: Weights, d_states: States, around: States, saved: Any) -> tuple[States, Gates, Any]:
        """Return the gradient of one step.

        Args:
            weights: The weights.
            d_states: Gradient with respect to the states after the step.
            around: The output before the step and after it.
            saved: What `step` kept.

        Returns:
            The gradient with respect to the states before the step, to the projected input, and to ``h U`` (with its
            bias) where that is another than the gradient of the input, else None.
        """
        ...

    def d_weights(self, weights: Weights, before: AllUnits, saved: Any, d_x: AllGates, d_inner: Any) -> Weights:
        """Return the gradient of the weights from all steps at once, every argument with a time axis in front."""
        ...


def _over_time(left: AllUnits, right: AllGates) -> Float[Array, "units gates"]:
    """Return the sum over time and batch of the outer products: one large matrix product."""
    return jnp.einsum("tbh,tbk->hk", left, right)


class LSTM:
    """Long short-term memory; gates input, forget, cell (candidate), output; states h and c.

    ``i, f, o = σ(x + h U)``, ``g = tanh(x + h U)``; ``c' = f c + i g``; ``h' = o tanh(c')``.
    """

    def step(self, weights: Weights, states: States, x: Gates) -> tuple[States, Any]:
        """See `Cell.step`."""
        h, c = states
        i, f, g, o = jnp.split(x + h @ weights.kernel, 4, axis=-1)
        i, f, g, o = jax.nn.sigmoid(i), jax.nn.sigmoid(f), jnp.tanh(g), jax.nn.sigmoid(o)
        new_c = f * c + i * g
        squashed = jnp.tanh(new_c)
        return (o * squashed, new_c), (i, f, g, o, c, squashed)

    def back(self, weights: Weights, d_states: States, around: States, saved: Any) -> tuple[States, Gates, Any]:
        """See `Cell.back`."""
        i, f, g, o, c, squashed = saved
        d_h, d_c = d_states
        d_c = d_c + d_h * o * (1 - squashed * squashed)
        gates = (d_c * g * i * (1 - i), d_c * c * f * (1 - f), d_c * i * (1 - g * g), d_h * squashed * o * (1 - o))
        d_x = jnp.concatenate(gates, axis=-1)
        return (d_x @ weights.kernel.T, d_c * f), d_x, None

    def d_weights(self, weights: Weights, before: AllUnits, saved: Any, d_x: AllGates, d_inner: Any) -> Weights:
        """See `Cell.d_weights`."""
        return Weights(_over_time(before, d_x))


class GRU:
    """Gated recurrent unit, the reset gate after the product; gates update, reset, candidate; state h.

    ``z, r = σ(x + h U + b)``; ``n = tanh(x + r (h U + b))``; ``h' = z h + (1 - z) n``.
    """

    def step(self, weights: Weights, states: States, x: Gates) -> tuple[States, Any]:
        """See `Cell.step`."""
        (h,) = states
        inner = h @ weights.kernel
        if weights.bias is not None:
            inner = inner + weights.bias
        x_z, x_r, x_n = jnp.split(x, 3, axis=-1)
        u_z, u_r, u_n = jnp.split(inner, 3, axis=-1)
        z, r = jax.nn.sigmoid(x_z + u_z), jax.nn.sigmoid(x_r + u_r)
        n = jnp.tanh(x_n + r * u_n)
        return (z * h + (1 - z) * n,), (z, r, n, u_n)

    def back(self, weights: Weights, d_states: States, around: States, saved: Any) -> tuple[States, Gates, Any]:
        """See `Cell.back`."""
        z, r, n, u_n = saved
        d_h, h = d_states[0], around[0]
        d_n = d_h * (1 - z) * (1 - n * n)
        d_z = d_h * (h - n) * z * (1 - z)
        d_r = d_n * u_n * r * (1 - r)
        d_inner = jnp.concatenate((d_z, d_r, d_n * r), axis=-1)
        return (d_h * z + d_inner @ weights.kernel.T,), jnp.concatenate((d_z, d_r, d_n), axis=-1), d_inner

    def d_weights(self, weights: Weights, before: AllUnits, saved: Any, d_x: AllGates, d_inner: Any) -> Weights:
        """See `Cell.d_weights`."""
        return Weights(_over_time(before, d_inner), None if weights.bias is None else d_inner.sum((0, 1)))


class GRUResetBefore:
    """Gated recurrent unit, the reset gate before the product; gates update, reset, candidate; state h.

    ``z, r = σ(x + h U)``; ``n = tanh(x + (r h) U)``; ``h' = z h + (1 - z) n``.
    """

    def step(self, weights: Weights, states: States, x: Gates) -> tuple[States, Any]:
        """See `Cell.step`."""
        (h,) = states
        units = h.shape[-1]
        gates = jax.nn.sigmoid(x[..., : 2 * units] + h @ weights.kernel[:, : 2 * units])
        z, r = jnp.split(gates, 2, axis=-1)
        n = jnp.tanh(x[..., 2 * units :] + (r * h) @ weights.kernel[:, 2 * units :])
        return (z * h + (1 - z) * n,), (z, r, n)

    def back(self, weights: Weights, d_states: States, around: States, saved: Any) -> tuple[States, Gates, Any]:
        """See `Cell.back`."""
        z, r, n = saved
        d_h, h = d_states[0], around[0]
        units = h.shape[-1]
        d_n = d_h * (1 - z) * (1 - n * n)
        d_reset = d_n @ weights.kernel[:, 2 * units :].T
        gates = jnp.concatenate((d_h * (h - n) * z * (1 - z), d_reset * h * r * (1 - r)), axis=-1)
        d_before = d_h * z + d_reset * r + gates @ weights.kernel[:, : 2 * units].T
        return (d_before,), jnp.concatenate((gates, d_n), axis=-1), None

    def d_weights(self, weights: Weights, before: AllUnits, saved: Any, d_x: AllGates, d_inner: Any) -> Weights:
        """See `Cell.d_weights`."""
        gates = 2 * before.shape[-1]
        parts = _over_time(before, d_x[..., :gates]), _over_time(saved[1] * before, d_x[..., gates:])
        return Weights(jnp.concatenate(parts, axis=-1))


class SimpleRNN:
    """Plain recurrent network; state h: ``h' = tanh(x + h U)``."""

    def step(self, weights: Weights, states: States, x: Gates) -> tuple[States, Any]:
        """See `Cell.step`."""
        return (jnp.tanh(x + states[0] @ weights.kernel),), ()

    def back(self, weights: Weights, d_states: States, around: States, saved: Any) -> tuple[States, Gates, Any]:
        """See `Cell.back`."""
        d_x = d_states[0] * (1 - around[1] * around[1])
        return (d_x @ weights.kernel.T,), d_x, None

    def d_weights(self, weights: Weights, before: AllUnits, saved: Any, d_x: AllGates, d_inner: Any) -> Weights:
        """See `Cell.d_weights`."""
        return Weights(_over_time(before, d_x))
