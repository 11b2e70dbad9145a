"""One time step of a layer as a list of NumPy operations on arrays that stay where they are.

Arrays have their units or features in front, ``(units, batch)``, and no batch axis for a single sequence: so every gate is
one piece of memory. What a layer gives ends with a row of ones, which the bias of the next product is multiplied with.

A state has two places. In turn 0 a step reads the first and writes the second, in turn 1 the other way round: a step that
is interrupted has changed nothing that the next one reads.

The sigmoid of a gate is ``tanh(v / 2) / 2 + 1 / 2``, with the first half folded into the weights: so one call of tanh does
all gates of an LSTM. The equations are those of ``gatewise.recurrent.equations``.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from gatewise.backend import import_keras

keras = import_keras()

Array = np.ndarray[Any, np.dtype[Any]]
Operation = tuple[Callable[..., Any], tuple[Any, ...]]
# One array for each turn.
Turns = tuple[Array, Array]

_HALF, _ZERO, _ONE = (np.array(value, "float32") for value in (0.5, 0, 1))


class Laid(NamedTuple):
    """A layer in memory.

    Attributes:
        entries: Where a turn has its input, if nothing comes before the layer.
        operations: What a turn does.
        outputs: Where a turn leaves its output, a row of ones below it.
        states: Where a turn has its states: ``h``, of an LSTM ``c`` too.
    """

    entries: Turns
    operations: tuple[list[Operation], list[Operation]]
    outputs: Turns
    states: tuple[Turns, ...] = ()


def aligned(shape: tuple[int, ...]) -> Array:
    """Return zeros that begin at a multiple of 64 bytes, so that two copies of a stream add up in the same order."""
    raw = np.zeros(4 * int(np.prod(shape)) + 64, "uint8")
    start = -raw.ctypes.data % 64
    return raw[start : start + 4 * int(np.prod(shape))].view("float32").reshape(shape)


def _above_ones(size: int, rows: tuple[int, ...]) -> Array:
    array = aligned((size + 1, *rows))
    array[-1] = 1
    return array


def _values(*variables: Any) -> list[Array]:
    return [np.array(variable._value) for variable in variables]


# -- activations: (source, target), which may be the same array ---------------------------------------------------------


def _linear(source: Array, target: Array) -> None:
    np.copyto(target, source)


def _relu(source: Array, target: Array) -> None:
    np.maximum(source, _ZERO, out=target)


def _sigmoid(source: Array, target: Array) -> None:
    # Not by way of tanh, which loses the small probabilities.
    np.negative(source, target)
    np.exp(target, target)
    np.add(target, _ONE, target)
    np.reciprocal(target, target)


def _silu(source: Array, target: Array) -> None:
    np.multiply(source, 1 / (1 + np.exp(-source)), target)


def _elu(source: Array, target: Array) -> None:
    np.copyto(target, np.where(source > 0, source, np.expm1(source)))


def _softplus(source: Array, target: Array) -> None:
    np.logaddexp(source, _ZERO, target)


def _softmax(source: Array, target: Array) -> None:
    np.subtract(source, source.max(axis=0), target)
    np.exp(target, target)
    np.divide(target, target.sum(axis=0), target)


ACTIVATIONS: dict[Any, Callable[[Array, Array], Any]] = {
    keras.activations.linear: _linear,
    keras.activations.relu: _relu,
    keras.activations.tanh: np.tanh,
    keras.activations.sigmoid: _sigmoid,
    keras.activations.silu: _silu,
    keras.activations.elu: _elu,
    keras.activations.exponential: np.exp,
    keras.activations.softplus: _softplus,
    keras.activations.softmax: _softmax,
}


# -- layers -------------------------------------------------------------------------------------------------------------


class Part:
    """A layer of a chain: packs its weights, and lays out its arrays and operations.

    Args:
        layer: A built Keras layer.
        features: How many numbers it reads at a time step.
    """

    def __init__(self, layer: Any, features: int) -> None:
        self.features = self.units = features
        self.variables: list[Any] = []

    @property
    def multiplications(self) -> int:
        """How many one time step of one sequence takes in matrix products."""
        return 0

    def pack(self) -> list[Array]:
        """Return the weights as they are now, in the order that the operations want."""
        return []

    def lay_out(self, weights: list[Array], rows: tuple[int, ...], before: Turns | None) -> Laid:
        """Lay the layer out in new memory.

        Args:
            weights: From `pack`.
            rows: The batch axis: ``()`` for a single sequence.
            before: The outputs of the layer before; None for the first.
        """
        raise NotImplementedError


class Activation(Part):
    """``activation(x)``."""

    def __init__(self, layer: Any, features: int) -> None:
        super().__init__(layer, features)
        self.activation = ACTIVATIONS[layer.activation]

    def lay_out(self, weights: list[Array], rows: tuple[int, ...], before: Turns | None) -> Laid:
        """See `Part.lay_out`."""
        entries = before or _same(_above_ones(self.features, rows))
        output = _above_ones(self.units, rows)
        operations = [[(self.activation, (entry[:-1], output[:-1]))] for entry in entries]
        return Laid(_without_ones(entries), (operations[0], operations[1]), _same(output))


class Dense(Activation):
    """``activation(x W + b)``."""

    def __init__(self, layer: Any, features: int) -> None:
        super().__init__(layer, features)
        self.units = layer.units
        self.variables = [one for one in (layer.kernel, layer.bias) if one is not None]

    @property
    def multiplications(self) -> int:
        """See `Part.multiplications`."""
        return (self.features + 1) * self.units

    def pack(self) -> list[Array]:
        """See `Part.pack`."""
        weights = aligned((self.features + 1, self.units))
        for part, values in zip((weights[:-1], weights[-1]), _values(*self.variables), strict=False):
            part[...] = values
        return [weights]

    def lay_out(self, weights: list[Array], rows: tuple[int, ...], before: Turns | None) -> Laid:
        """See `Part.lay_out`."""
        entries = before or _same(_above_ones(self.features, rows))
        output = _above_ones(self.units, rows)
        inner = output[:-1]
        operations: list[list[Operation]] = [[(weights[0].T.dot, (entry, inner))] for entry in entries]
        if self.activation is not _linear:
            for turn in operations:
                turn.append((self.activation, (inner, inner)))
        return Laid(_without_ones(entries), (operations[0], operations[1]), _same(output))


class Embedding(Part):
    """A row of a table; its entries hold the numbers of the rows."""

    def __init__(self, layer: Any, features: int) -> None:
        super().__init__(layer, features)
        self.units = layer.output_dim
        self.variables = [layer.embeddings]

    def pack(self) -> list[Array]:
        """See `Part.pack`."""
        return _values(*self.variables)

    def lay_out(self, weights: list[Array], rows: tuple[int, ...], before: Turns | None) -> Laid:
        """See `Part.lay_out`."""
        (table,) = weights
        numbers, found = np.zeros(rows, np.intp), aligned((*rows, self.units))
        output = _above_ones(self.units, rows)
        # "clip" takes straight into `found`; there is nothing to clip, the numbers have been checked.
        operations: list[Operation] = [
            (table.take, (numbers, 0, found, "clip")),
            (np.copyto, (output[:-1], found.T)),
        ]
        return Laid(_same(numbers), (operations, operations), _same(output))


class Recurrent(Part):
    """A recurrent layer: what its cells have in common.

    The input and the state before stand in one array, a row of ones below them: ``[x, h, 1]``.
    """

    # Columns of the weights for every unit.
    columns = 1

    def __init__(self, layer: Any, features: int) -> None:
        super().__init__(layer, features)
        cell = layer.cell
        self.units = cell.units
        self.variables = [one for one in (cell.kernel, cell.recurrent_kernel, cell.bias) if one is not None]
        self.activation = ACTIVATIONS[cell.activation]

    @property
    def multiplications(self) -> int:
        """See `Part.multiplications`."""
        return (self.features + self.units + 1) * self.columns * self.units

    def lay_out(self, weights: list[Array], rows: tuple[int, ...], before: Turns | None) -> Laid:
        """See `Part.lay_out`."""
        features = self.features
        joined = (
            _above_ones(features + self.units, rows),
            _above_ones(features + self.units, rows),
        )
        h: Turns = (joined[0][features:-1], joined[1][features:-1])
        states, operations = self.step(weights, joined, h)
        if before is not None:
            for turn in (0, 1):
                operations[turn].insert(0, (np.copyto, (joined[turn][:features], before[turn][:-1])))
        # Turn 0 leaves h where turn 1 reads it.
        outputs = (joined[1][features:], joined[0][features:])
        entries = (joined[0][:features], joined[1][:features])
        return Laid(entries, (operations[0], operations[1]), outputs, states)

    def step(
        self, weights: list[Array], joined: Turns, h: Turns
    ) -> tuple[tuple[Turns, ...], tuple[list[Operation], list[Operation]]]:
        """Return where the states are, and the operations of both turns from ``[x, h, 1]`` to the new states."""
        raise NotImplementedError

    def _packed(self, columns: int) -> tuple[Array, Array, Array, Array]:
        """Return new weights for ``[x, h, 1]``, and the rows of each of the three."""
        packed = aligned((self.features + self.units + 1, columns * self.units))
        return packed, packed[: self.features], packed[self.features : -1], packed[-1]

    def _weights(self) -> tuple[Array, Array, Array]:
        kernel, recurrent, *bias = _values(*self.variables)
        return kernel, recurrent, bias[0] if bias else np.zeros(kernel.shape[1], "float32")


class SimpleRNN(Recurrent):
    """``h' = activation(x W + h U + b)``."""

    def pack(self) -> list[Array]:
        """See `Part.pack`."""
        packed, of_x, of_h, of_one = self._packed(self.columns)
        of_x[...], of_h[...], of_one[...] = self._weights()
        return [packed]

    def step(
        self, weights: list[Array], joined: Turns, h: Turns
    ) -> tuple[tuple[Turns, ...], tuple[list[Operation], list[Operation]]]:
        """See `Recurrent.step`."""
        z = aligned(h[0].shape)
        turns = [[(weights[0].T.dot, (joined[now], z)), (self.activation, (z, h[1 - now]))] for now in (0, 1)]
        return (h,), (turns[0], turns[1])


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

    def step(
        self, weights: list[Array], joined: Turns, h: Turns
    ) -> tuple[tuple[Turns, ...], tuple[list[Operation], list[Operation]]]:
        """See `Recurrent.step`."""
        units, rows = self.units, h[0].shape[1:]
        gates = aligned((5 * units, *rows)), aligned((5 * units, *rows))
        c = gates[0][4 * units :], gates[1][4 * units :]
        products = aligned((2 * units, *rows))
        turns = []
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
        return (h, c), (turns[0], turns[1])


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

    def step(
        self, weights: list[Array], joined: Turns, h: Turns
    ) -> tuple[tuple[Turns, ...], tuple[list[Operation], list[Operation]]]:
        """See `Recurrent.step`."""
        units, rows = self.units, h[0].shape[1:]
        gates = aligned((4 * units, *rows))
        z, r, n, inner = (gates[gate * units : (gate + 1) * units] for gate in range(4))
        turns = [
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
        return (h,), (turns[0], turns[1])


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

    def step(
        self, weights: list[Array], joined: Turns, h: Turns
    ) -> tuple[tuple[Turns, ...], tuple[list[Operation], list[Operation]]]:
        """See `Recurrent.step`."""
        units, rows = self.units, h[0].shape[1:]
        gates, left, inner = aligned((3 * units, *rows)), aligned((units, *rows)), aligned((units, *rows))
        z, r, n = (gates[gate * units : (gate + 1) * units] for gate in range(3))
        turns = [
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
        return (h,), (turns[0], turns[1])


def _squashed(gates: Array, sigmoids: int, activation: Callable[..., Any] | None) -> list[Operation]:
    """Return the sigmoids of the first rows, whose weights are halved, and the activation of the others."""
    operations: list[Operation] = []
    first, others = gates[:sigmoids], gates[sigmoids:]
    if activation is np.tanh:
        operations.append((np.tanh, (gates, gates)))
    else:
        operations.append((np.tanh, (first, first)))
        if activation is not None:
            operations.append((activation, (others, others)))
    return [*operations, (np.multiply, (first, _HALF, first)), (np.add, (first, _HALF, first))]


def _updated(z: Array, n: Array, before: Array, spare: Array, after: Array) -> Sequence[Operation]:
    """Return ``after = z before + (1 - z) n``, as ``n + z (before - n)``."""
    return (np.subtract, (before, n, spare)), (np.multiply, (z, spare, spare)), (np.add, (n, spare, after))


def _same(array: Array) -> Turns:
    return array, array


def _without_ones(turns: Turns) -> Turns:
    return turns[0][:-1], turns[1][:-1]
