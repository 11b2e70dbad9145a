"""One time step of the recurrent layers as NumPy operations: the equations of ``gatewise.recurrent.equations``, inference only.

The sigmoid of a gate is ``tanh(v / 2) / 2 + 1 / 2``, with the first half folded into the weights: so one call of tanh does
all gates of an LSTM.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from gatewise.stepping.operations import (
    Array,
    Laid,
    Operation,
    Part,
    Turns,
    above_ones,
    aligned,
    values_of,
)

# Where the states are in each turn, and what each turn does.
Steps = tuple[tuple[Turns, ...], list[list[Operation]]]

_HALF = np.array(0.5, "float32")


class Recurrent(Part):
    """A recurrent layer: what its cells have in common.

    The input and the state before stand in one array, a row of ones below them: ``[x, h, 1]``.
    """

    # Columns of the weights for every unit.
    columns = 1

    @property
    def multiplications(self) -> int:
        """See `Part.multiplications`."""
        return (self.features + self.units + 1) * self.columns * self.units

    def lay_out(self, weights: list[Array], rows: tuple[int, ...], before: Turns | None) -> Laid:
        """See `Part.lay_out`."""
        features = self.features
        joined = (
            above_ones(features + self.units, rows),
            above_ones(features + self.units, rows),
        )
        h: Turns = (joined[0][features:-1], joined[1][features:-1])
        states, operations = self.step(weights, joined, h)
        if before is not None:
            for turn in (0, 1):
                operations[turn].insert(0, (np.copyto, (joined[turn][:features], before[turn][:-1])))
        # Turn 0 leaves h where turn 1 reads it.
        outputs = (joined[1][features:], joined[0][features:])
        entries = (joined[0][:features], joined[1][:features])
        return Laid(entries, operations, outputs, states)

    @abstractmethod
    def step(self, weights: list[Array], joined: Turns, h: Turns) -> Steps:
        """Return where the states are, and the operations of both turns from ``[x, h, 1]`` to the new states."""

    def _packed(self, columns: int) -> tuple[Array, Array, Array, Array]:
        """Return new weights for ``[x, h, 1]``, and the rows of each of the three."""
        packed = aligned((self.features + self.units + 1, columns * self.units))
        return packed, packed[: self.features], packed[self.features : -1], packed[-1]

    def _weights(self) -> tuple[Array, Array, Array]:
        kernel, recurrent, *bias = values_of(self.weights)
        return kernel, recurrent, bias[0] if bias else np.zeros(kernel.shape[1], "float32")


class SimpleRNN(Recurrent):
    """``h' = activation(x W + h U + b)``."""

    def pack(self) -> list[Array]:
        """See `Part.pack`."""
        packed, of_x, of_h, of_one = self._packed(self.columns)
        of_x[...], of_h[...], of_one[...] = self._weights()
        return [packed]

    def step(self, weights: list[Array], joined: Turns, h: Turns) -> Steps:
        """See `Recurrent.step`."""
        z = aligned(h[0].shape)
        turns: list[list[Operation]] = [
            [(weights[0].T.dot, (joined[now], z)), (self.activation, (z, h[1 - now]))] for now in (0, 1)
        ]
        return (h,), turns


class LSTM(Recurrent):
    """Gates in the order output, input, forget, candidate, and the cell behind them.

    So ``[i, f] * [g, c]`` is one product.
    """

    columns = 4

    def pack(self) -> list[Array]:
        """See `Part.pack`."""
        packed, *parts = self._packed(self.columns)
        for part, values in zip(parts, self._weights(), strict=True):
            i, f, g, o = np.split(values, 4, axis=-1)
            np.concatenate((o / 2, i / 2, f / 2, g), axis=-1, out=part)
        return [packed]

    def step(self, weights: list[Array], joined: Turns, h: Turns) -> Steps:
        """See `Recurrent.step`."""
        units, rows = self.units, h[0].shape[1:]
        gates = aligned((5 * units, *rows)), aligned((5 * units, *rows))
        c = gates[0][4 * units :], gates[1][4 * units :]
        products = aligned((2 * units, *rows))
        turns: list[list[Operation]] = []
        for now in (0, 1):
            z = gates[now]
            first, second = products[:units], products[units:]
            turns.append(
                [
                    (weights[0].T.dot, (joined[now], z[: 4 * units])),
                    *_squashed(z[: 4 * units], 3 * units, self.activation),
                    (np.multiply, (z[units : 3 * units], z[3 * units :], products)),
                    (np.add, (first, second, c[1 - now])),
                    (self.activation, (c[1 - now], first)),
                    (np.multiply, (z[:units], first, h[1 - now])),
                ]
            )
        return (h, c), turns


class GRU(Recurrent):
    """``reset_after=True``. Gates in the order update, reset, the candidate's share of x, the candidate's share of h."""

    columns = 4

    def pack(self) -> list[Array]:
        """See `Part.pack`."""
        kernel, recurrent, bias = self._weights()
        packed, of_x, of_h, of_one = self._packed(self.columns)
        gates, units = 2 * self.units, self.units
        # Without use_bias, one row of zeros stands for both.
        of_input, of_state = np.broadcast_to(bias, (2, 3 * units))
        for part, values in ((of_x, kernel), (of_h, recurrent), (of_one, of_input + of_state)):
            part[..., :gates] = values[..., :gates] / 2
        of_x[:, gates : gates + units] = kernel[:, gates:]
        of_h[:, gates + units :] = recurrent[:, gates:]
        of_one[gates:] = np.concatenate((of_input[gates:], of_state[gates:]))
        return [packed]

    def step(self, weights: list[Array], joined: Turns, h: Turns) -> Steps:
        """See `Recurrent.step`."""
        units, rows = self.units, h[0].shape[1:]
        gates = aligned((4 * units, *rows))
        z, r, n, inner = (gates[gate * units : (gate + 1) * units] for gate in range(4))
        turns: list[list[Operation]] = [
            [
                (weights[0].T.dot, (joined[now], gates)),
                *_squashed(gates[: 2 * units], 2 * units, None),
                (np.multiply, (r, inner, inner)),
                (np.add, (n, inner, n)),
                (self.activation, (n, n)),
                *_updated(z, n, h[now], inner, h[1 - now]),
            ]
            for now in (0, 1)
        ]
        return (h,), turns


class GRUResetBefore(Recurrent):
    """``reset_after=False``. Gates in the order update, reset, candidate, whose share of h is a product of its own."""

    columns = 3

    def pack(self) -> list[Array]:
        """See `Part.pack`."""
        packed, *parts = self._packed(self.columns)
        gates = 2 * self.units
        kernel, recurrent, bias = self._weights()
        for part, values in zip(parts, (kernel, recurrent, bias), strict=True):
            part[..., :gates] = values[..., :gates] / 2
        parts[0][:, gates:], parts[2][gates:] = kernel[:, gates:], bias[gates:]
        candidate = aligned((self.units, self.units))
        candidate[...] = recurrent[:, gates:]
        return [packed, candidate]

    def step(self, weights: list[Array], joined: Turns, h: Turns) -> Steps:
        """See `Recurrent.step`."""
        units, rows = self.units, h[0].shape[1:]
        gates, left, inner = aligned((3 * units, *rows)), aligned((units, *rows)), aligned((units, *rows))
        z, r, n = (gates[gate * units : (gate + 1) * units] for gate in range(3))
        turns: list[list[Operation]] = [
            [
                (weights[0].T.dot, (joined[now], gates)),
                *_squashed(gates[: 2 * units], 2 * units, None),
                (np.multiply, (r, h[now], left)),
                (weights[1].T.dot, (left, inner)),
                (np.add, (n, inner, n)),
                (self.activation, (n, n)),
                *_updated(z, n, h[now], inner, h[1 - now]),
            ]
            for now in (0, 1)
        ]
        return (h,), turns


def _squashed(gates: Array, sigmoids: int, activation: Callable[..., Any] | None) -> list[Operation]:
    """Return the sigmoids of the first rows, whose weights are halved, and the activation of the others."""
    first, others = gates[:sigmoids], gates[sigmoids:]
    at_once = activation is np.tanh
    operations: list[Operation] = [(np.tanh, (gates, gates) if at_once else (first, first))]
    if activation is not None and not at_once:
        operations.append((activation, (others, others)))
    return [*operations, (np.multiply, (first, _HALF, first)), (np.add, (first, _HALF, first))]


def _updated(z: Array, n: Array, before: Array, spare: Array, after: Array) -> tuple[Operation, ...]:
    """Return ``after = z before + (1 - z) n``, as ``n + z (before - n)``."""
    return (np.subtract, (before, n, spare)), (np.multiply, (z, spare, spare)), (np.add, (n, spare, after))
