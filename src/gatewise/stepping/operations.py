"""One time step of a layer as a list of NumPy operations on arrays that stay where they are.

Arrays have their units or features in front, ``(units, batch)``, and no batch axis for a single sequence: so every gate is
one piece of memory. What a layer gives ends with a row of ones, which the bias of the next product is multiplied with.

A state has two places. In turn 0 a step reads the first and writes the second, in turn 1 the other way round: a step that
is interrupted has changed nothing that the next one reads.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Operation = tuple[Callable[..., Any], tuple[Any, ...]]
# One array for each turn.
Turns = tuple[Array, Array]

# A weight: an array, which stays what it is, or a Keras variable, whose `_value` is the array that it holds now.
Weight = Any

_ZERO, _ONE = np.zeros((), "float32"), np.ones((), "float32")


class Layer(NamedTuple):
    """A layer of a network as plain data.

    Attributes:
        kind: ``"LSTM"``, ``"GRU"``, ``"GRU, reset before"``, ``"SimpleRNN"``, ``"Dense"``, ``"Activation"`` or
            ``"Embedding"``.
        units: How many numbers it gives at a time step; of an Activation 0, for as many as it reads.
        activation: A name of `ACTIVATIONS`.
        weights: Kernel, recurrent kernel and bias, those that it has; the table of an Embedding. In the order and layout
            that Keras has them.
    """

    kind: str
    units: int
    activation: str = "linear"
    weights: tuple[Weight, ...] = ()


class Laid(NamedTuple):
    """A layer in memory.

    Attributes:
        entries: Where a turn has its input, if nothing comes before the layer.
        operations: What a turn does.
        outputs: Where a turn leaves its output, a row of ones below it.
        states: Where a turn has its states: ``h``, of an LSTM ``c`` too.
    """

    entries: Turns
    operations: list[list[Operation]]
    outputs: Turns
    states: tuple[Turns, ...] = ()


def aligned(shape: tuple[int, ...]) -> Array:
    """Return zeros that begin at a multiple of 64 bytes, so that two copies of a stream add up in the same order."""
    raw = np.zeros(4 * int(np.prod(shape)) + 64, "uint8")
    start = -raw.ctypes.data % 64
    return raw[start : start + 4 * int(np.prod(shape))].view("float32").reshape(shape)


def above_ones(size: int, rows: tuple[int, ...]) -> Array:
    """Return zeros with a row of ones below them."""
    array = aligned((size + 1, *rows))
    array[-1] = 1
    return array


def values_of(weights: tuple[Weight, ...]) -> list[Array]:
    """Return copies of what weights are now."""
    return [np.array(weight if isinstance(weight, np.ndarray) else weight._value) for weight in weights]


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


ACTIVATIONS: dict[str, Callable[[Array, Array], Any]] = {
    "linear": _linear,
    "relu": _relu,
    "tanh": np.tanh,
    "sigmoid": _sigmoid,
    "silu": _silu,
    "elu": _elu,
    "exponential": np.exp,
    "softplus": _softplus,
    "softmax": _softmax,
}


# -- layers -------------------------------------------------------------------------------------------------------------


class Part(ABC):
    """A layer of a chain: packs its weights, and lays out its arrays and operations.

    Args:
        layer: The layer.
        features: How many numbers it reads at a time step.
    """

    def __init__(self, layer: Layer, features: int) -> None:
        self.features = features
        self.units = layer.units or features
        self.activation = ACTIVATIONS[layer.activation]
        self.weights = layer.weights

    @property
    def multiplications(self) -> int:
        """How many one time step of one sequence takes in matrix products."""
        return 0

    def pack(self) -> list[Array]:
        """Return the weights as they are now, in the order that the operations want."""
        return []

    @abstractmethod
    def lay_out(self, weights: list[Array], rows: tuple[int, ...], before: Turns | None) -> Laid:
        """Lay the layer out in new memory.

        Args:
            weights: From `pack`.
            rows: The batch axis: ``()`` for a single sequence.
            before: The outputs of the layer before; None for the first.
        """


class Activation(Part):
    """``activation(x)``."""

    def lay_out(self, weights: list[Array], rows: tuple[int, ...], before: Turns | None) -> Laid:
        """See `Part.lay_out`."""
        entries = before or _same(above_ones(self.features, rows))
        output = above_ones(self.units, rows)
        operations: list[list[Operation]] = [[(self.activation, (entry[:-1], output[:-1]))] for entry in entries]
        return Laid(_without_ones(entries), operations, _same(output))


class Dense(Part):
    """``activation(x W + b)``."""

    @property
    def multiplications(self) -> int:
        """See `Part.multiplications`."""
        return (self.features + 1) * self.units

    def pack(self) -> list[Array]:
        """See `Part.pack`."""
        weights = aligned((self.features + 1, self.units))
        for part, values in zip((weights[:-1], weights[-1]), values_of(self.weights), strict=False):
            part[...] = values
        return [weights]

    def lay_out(self, weights: list[Array], rows: tuple[int, ...], before: Turns | None) -> Laid:
        """See `Part.lay_out`."""
        entries = before or _same(above_ones(self.features, rows))
        output = above_ones(self.units, rows)
        inner = output[:-1]
        operations: list[list[Operation]] = [[(weights[0].T.dot, (entry, inner))] for entry in entries]
        if self.activation is not _linear:
            for turn in operations:
                turn.append((self.activation, (inner, inner)))
        return Laid(_without_ones(entries), operations, _same(output))


class Embedding(Part):
    """A row of a table; its entries hold the numbers of the rows."""

    def pack(self) -> list[Array]:
        """See `Part.pack`."""
        return values_of(self.weights)

    def lay_out(self, weights: list[Array], rows: tuple[int, ...], before: Turns | None) -> Laid:
        """See `Part.lay_out`."""
        (table,) = weights
        numbers, found = np.zeros(rows, np.intp), aligned((*rows, self.units))
        output = above_ones(self.units, rows)
        # "clip" takes straight into `found`; there is nothing to clip, the numbers have been checked.
        operations: list[Operation] = [
            (table.take, (numbers, 0, found, "clip")),
            (np.copyto, (output[:-1], found.T)),
        ]
        return Laid(_same(numbers), [operations, operations], _same(output))


def _same(array: Array) -> Turns:
    return array, array


def _without_ones(turns: Turns) -> Turns:
    return turns[0][:-1], turns[1][:-1]
