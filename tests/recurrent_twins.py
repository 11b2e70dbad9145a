"""Recurrent networks written out in NumPy, step by step, and the same networks in Keras with weights from a formula.

Needs no gatewise and chooses no backend, so that the numbers recorded from Keras on TensorFlow come from these networks
as well.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Cell:
    """One recurrent layer: ``kind`` is LSTM, GRU, GRUv3 (``reset_after=False``) or SimpleRNN.

    ``merge`` is None for a layer that runs forward, else the ``merge_mode`` of a Bidirectional around it.
    """

    kind: str
    units: int
    merge: str | None = None


# Every kind alone, stacked on itself, stacked on others, and in both directions.
NETWORKS: dict[str, tuple[Cell, ...]] = {
    "lstm": (Cell("LSTM", 4),),
    "gru": (Cell("GRU", 4),),
    "gru-reset-before": (Cell("GRUv3", 4),),
    "simple": (Cell("SimpleRNN", 4),),
    "lstm-wide": (Cell("LSTM", 20),),
    "lstm-lstm": (Cell("LSTM", 4), Cell("LSTM", 3)),
    "gru-gru": (Cell("GRU", 3), Cell("GRU", 4)),
    "simple-gru-lstm": (Cell("SimpleRNN", 4), Cell("GRUv3", 3), Cell("LSTM", 2)),
    "bidirectional-lstm": (Cell("LSTM", 3, "concat"),),
    "bidirectional-gru": (Cell("GRU", 3, "sum"),),
    "bidirectional-simple": (Cell("SimpleRNN", 3, "mul"),),
    "lstm-bidirectional-gru": (Cell("LSTM", 3), Cell("GRUv3", 2, "ave")),
}

FEATURES = 2


def runs_forward(network: tuple[Cell, ...]) -> bool:
    """Say whether no layer of a network reads its sequence from the end."""
    return all(cell.merge is None for cell in network)


def wave(shape: tuple[int, ...], step: float, amplitude: float = 1.0) -> np.ndarray:
    """Return ``amplitude * sin(step * (1, 2, 3, …))`` in a shape: numbers that need no random generator."""
    count = int(np.prod(shape))
    return (amplitude * np.sin(step * np.arange(1, count + 1))).reshape(shape).astype("float32")


def weights(shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    """Return a weight for each shape, each a wave of its own."""
    return [wave(shape, 1.1 + 0.37 * index, 0.7) for index, shape in enumerate(shapes)]


def build(
    keras: Any,
    network: tuple[Cell, ...],
    sequences: bool,
    stateful_rows: int | None = None,
    time: int | None = None,
) -> Any:
    """Build a network in Keras, with a Dense(1) on top.

    Args:
        keras: The module, on whatever backend.
        network: Of `NETWORKS`.
        sequences: Whether the last recurrent layer gives an output for every step.
        stateful_rows: The batch of a stateful network; None for one that forgets.
        time: How many steps it is built for; None for any.
    """
    made = [keras.Input(batch_shape=(stateful_rows, time, FEATURES))]
    for number, cell in enumerate(network):
        # Drawing weights that are overwritten below would take most of the time.
        options: dict[str, Any] = {"kernel_initializer": "zeros", "recurrent_initializer": "zeros"}
        if cell.kind == "GRUv3":
            options["reset_after"] = False
        layer = getattr(keras.layers, cell.kind.removesuffix("v3"))(
            cell.units,
            return_sequences=sequences or number < len(network) - 1,
            stateful=stateful_rows is not None,
            **options,
        )
        if cell.merge is not None:
            layer = keras.layers.Bidirectional(layer, merge_mode=cell.merge)
        made.append(layer)
    made.append(keras.layers.Dense(1, kernel_initializer="zeros"))
    model = keras.Sequential(made)
    model.set_weights(weights([tuple(variable.shape) for variable in model.weights]))
    return model


# -- the same in NumPy ------------------------------------------------------------------------------------------------


def sigmoid(z: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-z))."""
    return 1 / (1 + np.exp(-z))


def lstm_step(x: np.ndarray, state: list[np.ndarray], w: list[np.ndarray]) -> list[np.ndarray]:
    """Hochreiter and Schmidhuber 1997 with the forget gate of Gers et al. 2000; gates in the order i, f, c, o."""
    h, c = state
    kernel, recurrent_kernel, bias = w
    i, f, g, o = np.split(x @ kernel + h @ recurrent_kernel + bias, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return [sigmoid(o) * np.tanh(c), c]


def gru_step(x: np.ndarray, state: list[np.ndarray], w: list[np.ndarray]) -> list[np.ndarray]:
    """Cho et al. 2014, arXiv:1406.1078v1: the reset gate after the product; gates in the order z, r, h."""
    (h,) = state
    kernel, recurrent_kernel, (input_bias, recurrent_bias) = w
    xz, xr, xh = np.split(x @ kernel + input_bias, 3, axis=-1)
    hz, hr, hh = np.split(h @ recurrent_kernel + recurrent_bias, 3, axis=-1)
    z, r = sigmoid(xz + hz), sigmoid(xr + hr)
    return [z * h + (1 - z) * np.tanh(xh + r * hh)]


def gru_v3_step(x: np.ndarray, state: list[np.ndarray], w: list[np.ndarray]) -> list[np.ndarray]:
    """Cho et al. 2014, arXiv:1406.1078v3, equations 5 to 8: the reset gate before the product."""
    (h,) = state
    kernel, recurrent_kernel, bias = w
    xz, xr, xh = np.split(x @ kernel + bias, 3, axis=-1)
    uz, ur, uh = np.split(recurrent_kernel, 3, axis=-1)
    z, r = sigmoid(xz + h @ uz), sigmoid(xr + h @ ur)
    return [z * h + (1 - z) * np.tanh(xh + (r * h) @ uh)]


def simple_step(x: np.ndarray, state: list[np.ndarray], w: list[np.ndarray]) -> list[np.ndarray]:
    """Elman 1990: the old output joins the input."""
    (h,) = state
    kernel, recurrent_kernel, bias = w
    return [np.tanh(x @ kernel + h @ recurrent_kernel + bias)]


STEPS = {"LSTM": lstm_step, "GRU": gru_step, "GRUv3": gru_v3_step, "SimpleRNN": simple_step}
MERGES = {
    "concat": lambda a, b: np.concatenate([a, b], axis=-1),
    "sum": lambda a, b: a + b,
    "ave": lambda a, b: (a + b) / 2,
    "mul": lambda a, b: a * b,
}


class Written:
    """A network in NumPy that remembers its state from call to call, in float64.

    Args:
        network: Of `NETWORKS`.
        sequences: Whether it gives an output for every step.
        values: The weights, in Keras's order.
        rows: Sequences side by side.
    """

    def __init__(self, network: tuple[Cell, ...], sequences: bool, values: list[np.ndarray], rows: int) -> None:
        left = iter([array.astype("float64") for array in values])
        self.network, self.sequences = network, sequences
        # One entry a direction: [weights, state].
        self.layers = [[self._direction(cell, left, rows) for _ in range(_directions(cell))] for cell in network]
        self.dense = list(left)

    @staticmethod
    def _direction(cell: Cell, left: Iterator[np.ndarray], rows: int) -> list[Any]:
        states = 2 if cell.kind == "LSTM" else 1
        return [[next(left) for _ in range(3)], [np.zeros((rows, cell.units)) for _ in range(states)]]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Run ``(batch, time, features)`` from the state of the call before."""
        for number, (cell, directions) in enumerate(zip(self.network, self.layers, strict=True)):
            every_step = self.sequences or number < len(self.network) - 1
            outputs = [self._loop(cell, directions[0], x)]
            if cell.merge is not None:
                outputs.append(self._loop(cell, directions[1], x[:, ::-1])[:, ::-1])
            if not every_step:
                # The last step of each direction: for the second one that is the first in time.
                outputs = [output[:, -1 if index == 0 else 0] for index, output in enumerate(outputs)]
            x = outputs[0] if cell.merge is None else MERGES[cell.merge](*outputs)
        kernel, bias = self.dense
        return x @ kernel + bias

    @staticmethod
    def _loop(cell: Cell, direction: list[Any], x: np.ndarray) -> np.ndarray:
        outputs = []
        for step in range(x.shape[1]):
            direction[1] = STEPS[cell.kind](x[:, step], direction[1], direction[0])
            outputs.append(direction[1][0])
        return np.stack(outputs, axis=1)

    @property
    def state(self) -> list[np.ndarray]:
        """All states, in the order of the layers."""
        return [array for directions in self.layers for _, state in directions for array in state]


def _directions(cell: Cell) -> int:
    return 1 if cell.merge is None else 2
