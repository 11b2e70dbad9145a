"""The equations of the three cells, one step forward and, derived by hand, one step backward.

Everything is written for inputs that are already projected: ``x`` stands for ``x W + b`` with the bias that belongs to
the input, and ``h U`` for the state times its weights, with bias and dropout where there are some. Gates stand side by
side along the last axis in Keras's order. A cell knows nothing of time; `scans` walks it.

Sources: LSTM with forget gate, Gers et al. 2000, "Learning to Forget", eqs. 3 to 8 without peepholes; GRU, Cho et al. 2014
(arXiv:1406.1078v1, eqs. 5 to 8: the reset gate before the product, ``reset_after=False``) and v3 of the same paper (after it,
``reset_after=True``, as cuDNN computes it); plain RNN, Elman 1990.
"""

from functools import cache
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


class Weights(NamedTuple):
    """What the gates multiply something with, a state or an input.

    Attributes:
        kernel: ``(features, gates * units)``; for a state, the features are the units.
        bias: What is added to that product, ``(gates * units,)``; None where there is no such bias. With a state it is
            that of a GRU with ``reset_after=True``: every other bias belongs to the input.
        dropout: Factors of what is multiplied, drawn for each gate and row, the same in all steps:
            ``(gates, batch, features)``. None without dropout. They have no derivative.
    """

    kernel: Float[Array, "features gates"]
    bias: Float[Array, " gates"] | None = None
    dropout: Float[Array, "gate batch features"] | None = None

    def times(self, factor: Float[Array, "*time batch features"]) -> Float[Array, "*time batch gates"]:
        """Return what the gates get of a state or an input."""
        if self.dropout is None:
            product = factor @ self.kernel
        else:
            kernels = jnp.split(self.kernel, len(self.dropout), axis=-1)
            parts = zip(jax.lax.stop_gradient(self.dropout), kernels, strict=True)
            product = jnp.concatenate([(factor * m) @ k for m, k in parts], axis=-1)
        return product if self.bias is None else product + self.bias

    def back(self, d_gates: Float[Array, "batch gates"]) -> Float[Array, "batch features"]:
        """Return the gradient with respect to what was multiplied in one step."""
        if self.dropout is None:
            return d_gates @ self.kernel.T
        of_gates = [jnp.split(array, len(self.dropout), axis=-1) for array in (d_gates, self.kernel)]
        return sum((d @ k.T) * m for d, k, m in zip(*of_gates, self.dropout, strict=True))

    def gradient(
        self, factors: Float[Array, "time batch features"], d_gates: Float[Array, "time batch gates"]
    ) -> "Weights":
        """Return the gradient of the weights from all steps at once: one large matrix product."""
        if self.dropout is None:
            d_kernel = jnp.einsum("tbf,tbk->fk", factors, d_gates)
        else:
            parts = zip(self.dropout, jnp.split(d_gates, len(self.dropout), axis=-1), strict=True)
            d_kernel = jnp.concatenate([jnp.einsum("tbf,tbk->fk", factors * m, d) for m, d in parts], axis=-1)
        d_dropout = None if self.dropout is None else jnp.zeros_like(self.dropout)
        return Weights(d_kernel, None if self.bias is None else d_gates.sum((0, 1)), d_dropout)


class Inputs(NamedTuple):
    """What a walk gets from outside.

    Attributes:
        sequence: ``(time, batch, features)``.
        weights: What it is multiplied with.
        mask: ``(time, batch)``; where it is False, a row keeps its states, and whatever its input is makes no difference.
            None where every step counts.
    """

    sequence: Float[Array, "time batch features"]
    weights: Weights
    mask: Bool[Array, "time batch"] | None = None

    def projected(self) -> Float[Array, "time batch gates"]:
        """Return ``x W + b`` of every step; zero where it does not count, so that no NaN there gets any further."""
        projected = self.weights.times(self.sequence)
        return projected if self.mask is None else jnp.where(self.mask[..., None], projected, 0)


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


class Sigmoid:
    """What gates are squashed by: the logistic function."""

    @staticmethod
    def gate(x: Gates) -> Gates:
        """Return gates, from 0 to 1."""
        return jax.nn.sigmoid(x)

    @staticmethod
    def behind(d_gate: Gates, gate: Gates) -> Gates:
        """Return the gradient behind a gate: that of the gate times the slope there, which its value tells."""
        return d_gate * gate * (1 - gate)


class _Line(Sigmoid):
    """A straight line through ½, cut off at 0 and 1."""

    slope: float

    @classmethod
    def gate(cls, x: Gates) -> Gates:
        """See `Sigmoid.gate`."""
        return jnp.clip(cls.slope * x + 0.5, 0, 1)

    @classmethod
    def behind(cls, d_gate: Gates, gate: Gates) -> Gates:
        """See `Sigmoid.behind`."""
        return jnp.where((gate > 0) & (gate < 1), cls.slope * d_gate, 0)


class HardSigmoid(_Line):
    """Keras 3's ``"hard_sigmoid"``, ``relu6(x + 3) / 6``."""

    slope = 1 / 6


class HardSigmoidKeras2(_Line):
    """Keras 2's; see `gatewise.recurrent.activations`."""

    slope = 0.2


@cache
def with_gates(cell: Any, gates: Any) -> Any:
    """Return the equations of a cell with other gates, a `Sigmoid`; no kernel knows it, `scans` walks it."""
    return type(type(cell).__name__, (gates, type(cell)), {})()


class LSTM(Sigmoid):
    """Long short-term memory; gates input, forget, cell (candidate), output; states h and c.

    ``i, f, o = σ(x + h U)``, ``g = tanh(x + h U)``; ``c' = f c + i g``; ``h' = o tanh(c')``.
    """

    def step(self, weights: Weights, states: States, x: Gates) -> tuple[States, Any]:
        """See `Cell.step`."""
        h, c = states
        i, f, g, o = jnp.split(x + weights.times(h), 4, axis=-1)
        i, f, g, o = self.gate(i), self.gate(f), jnp.tanh(g), self.gate(o)
        new_c = f * c + i * g
        squashed = jnp.tanh(new_c)
        return (o * squashed, new_c), (i, f, g, o, c, squashed)

    def back(self, weights: Weights, d_states: States, around: States, saved: Any) -> tuple[States, Gates, Any]:
        """See `Cell.back`."""
        i, f, g, o, c, squashed = saved
        d_h, d_c = d_states
        d_c = d_c + d_h * o * (1 - squashed * squashed)
        behind = self.behind
        gates = (behind(d_c * g, i), behind(d_c * c, f), d_c * i * (1 - g * g), behind(d_h * squashed, o))
        d_x = jnp.concatenate(gates, axis=-1)
        return (weights.back(d_x), d_c * f), d_x, None

    def d_weights(self, weights: Weights, before: AllUnits, saved: Any, d_x: AllGates, d_inner: Any) -> Weights:
        """See `Cell.d_weights`."""
        return weights.gradient(before, d_x)


class GRU(Sigmoid):
    """Gated recurrent unit, the reset gate after the product; gates update, reset, candidate; state h.

    ``z, r = σ(x + h U + b)``; ``n = tanh(x + r (h U + b))``; ``h' = z h + (1 - z) n``.
    """

    def step(self, weights: Weights, states: States, x: Gates) -> tuple[States, Any]:
        """See `Cell.step`."""
        (h,) = states
        x_z, x_r, x_n = jnp.split(x, 3, axis=-1)
        u_z, u_r, u_n = jnp.split(weights.times(h), 3, axis=-1)
        z, r = self.gate(x_z + u_z), self.gate(x_r + u_r)
        n = jnp.tanh(x_n + r * u_n)
        return (z * h + (1 - z) * n,), (z, r, n, u_n)

    def back(self, weights: Weights, d_states: States, around: States, saved: Any) -> tuple[States, Gates, Any]:
        """See `Cell.back`."""
        z, r, n, u_n = saved
        d_h, h = d_states[0], around[0]
        d_n = d_h * (1 - z) * (1 - n * n)
        d_z = self.behind(d_h * (h - n), z)
        d_r = self.behind(d_n * u_n, r)
        d_inner = jnp.concatenate((d_z, d_r, d_n * r), axis=-1)
        return (d_h * z + weights.back(d_inner),), jnp.concatenate((d_z, d_r, d_n), axis=-1), d_inner

    def d_weights(self, weights: Weights, before: AllUnits, saved: Any, d_x: AllGates, d_inner: Any) -> Weights:
        """See `Cell.d_weights`."""
        return weights.gradient(before, d_inner)


class GRUResetBefore(Sigmoid):
    """Gated recurrent unit, the reset gate before the product; gates update, reset, candidate; state h.

    ``z, r = σ(x + h U)``; ``n = tanh(x + (r h) U)``; ``h' = z h + (1 - z) n``.
    """

    def step(self, weights: Weights, states: States, x: Gates) -> tuple[States, Any]:
        """See `Cell.step`."""
        (h,) = states
        of_gates, of_candidate = self._parts(weights)
        x_gates, x_n = jnp.split(x, [2 * h.shape[-1]], axis=-1)
        z, r = jnp.split(self.gate(x_gates + of_gates.times(h)), 2, axis=-1)
        n = jnp.tanh(x_n + of_candidate.times(r * h))
        return (z * h + (1 - z) * n,), (z, r, n)

    def back(self, weights: Weights, d_states: States, around: States, saved: Any) -> tuple[States, Gates, Any]:
        """See `Cell.back`."""
        z, r, n = saved
        d_h, h = d_states[0], around[0]
        of_gates, of_candidate = self._parts(weights)
        d_n = d_h * (1 - z) * (1 - n * n)
        d_reset = of_candidate.back(d_n)
        d_gates = jnp.concatenate((self.behind(d_h * (h - n), z), self.behind(d_reset * h, r)), axis=-1)
        return (d_h * z + d_reset * r + of_gates.back(d_gates),), jnp.concatenate((d_gates, d_n), axis=-1), None

    def d_weights(self, weights: Weights, before: AllUnits, saved: Any, d_x: AllGates, d_inner: Any) -> Weights:
        """See `Cell.d_weights`."""
        d_gates, d_n = jnp.split(d_x, [2 * before.shape[-1]], axis=-1)
        of_gates, of_candidate = self._parts(weights)
        parts = of_gates.gradient(before, d_gates).kernel, of_candidate.gradient(saved[1] * before, d_n).kernel
        d_dropout = None if weights.dropout is None else jnp.zeros_like(weights.dropout)
        return Weights(jnp.concatenate(parts, axis=-1), None, d_dropout)

    @staticmethod
    def _parts(weights: Weights) -> tuple[Weights, Weights]:
        """Return what the gates multiply h with, and what the candidate multiplies r h with."""
        gates, candidate = jnp.split(weights.kernel, [2 * weights.kernel.shape[0]], axis=-1)
        if weights.dropout is None:
            return Weights(gates), Weights(candidate)
        return Weights(gates, None, weights.dropout[:2]), Weights(candidate, None, weights.dropout[2:])


class SimpleRNN:
    """Plain recurrent network; state h: ``h' = tanh(x + h U)``."""

    def step(self, weights: Weights, states: States, x: Gates) -> tuple[States, Any]:
        """See `Cell.step`."""
        return (jnp.tanh(x + weights.times(states[0])),), ()

    def back(self, weights: Weights, d_states: States, around: States, saved: Any) -> tuple[States, Gates, Any]:
        """See `Cell.back`."""
        d_x = d_states[0] * (1 - around[1] * around[1])
        return (weights.back(d_x),), d_x, None

    def d_weights(self, weights: Weights, before: AllUnits, saved: Any, d_x: AllGates, d_inner: Any) -> Weights:
        """See `Cell.d_weights`."""
        return weights.gradient(before, d_x)
