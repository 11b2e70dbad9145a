"""Small networks on the airline passengers, one of each cell, with every number that they compute: what is taught with."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from gatewise.errors import UsageError
from gatewise.inspection.door import inspect
from gatewise.inspection.inspection import Inspection

CELLS = {"rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}

# Two units, so that an equation fits on a line; two years of months, so that there is something to forget.
UNITS, MONTHS = 2, 24
_EPOCHS = 60
# The bias of that gate: σ(3) is 0.95.
_OPEN = 3.0


@dataclass(frozen=True, eq=False)
class Lesson:
    """A trained network while it reads two years, with its weights.

    Attributes:
        cell: ``"rnn"``, ``"lstm"`` or ``"gru"``.
        passengers: The months that it reads, in thousands, and the next one.
        scale: The network reads passengers divided by this.
        kernel: Weights of the input, ``(gates * units,)``.
        recurrent: Weights of the state, ``(units, gates * units)``.
        bias: ``(gates * units,)``; of a GRU two rows, for the input and for the state.
        head: Weights of the output and, last, its bias, ``(units + 1,)``.
        inspection: What it computes.
    """

    cell: str
    passengers: Float[np.ndarray, " months"]
    scale: float
    kernel: Float[np.ndarray, " gates"]
    recurrent: Float[np.ndarray, "units gates"]
    bias: Float[np.ndarray, "..."]
    head: Float[np.ndarray, " weights"]
    inspection: Inspection


def lesson(cell: str, seed: int = 0) -> Lesson:
    """Train a network of a cell on the first two thirds of the airline passengers, and let it read the two years after them.

    Args:
        cell: ``"rnn"``, ``"lstm"`` or ``"gru"``.
        seed: Of its weights and of the order of its samples.

    The gate that keeps begins nearly open, as in C. Tallec and Y. Ollivier, Can recurrent neural networks warp time?, 2018,
    section 2: two years are long for a network that begins by forgetting.

    Raises:
        UsageError: There is no such cell.
    """
    from gatewise.backend import import_keras
    from gatewise.datasets import load_airline
    from gatewise.datasets.windows import windows
    from gatewise.training.fit import fit
    from gatewise.training.initial import initialize

    if cell not in CELLS:
        raise UsageError(f"There is no cell {cell!r}: give one of {', '.join(map(repr, CELLS))}.")
    keras = import_keras()
    series = load_airline()
    known = len(series) * 2 // 3
    scale = float(series[:known].max())
    x, y = windows(series[:known] / scale, look_back=MONTHS)
    layer: Any = getattr(keras.layers, CELLS[cell])(UNITS, name=cell)
    model = keras.Sequential([keras.Input((MONTHS, 1)), layer, keras.layers.Dense(1)], name=f"airline_{cell}")
    model.compile(keras.optimizers.Adam(0.01), "mse")
    initialize(model, seed)
    _begin_remembering(layer)
    fit(model, x, y, epochs=_EPOCHS, batch_size=4, seed=seed, verbose=0)
    read = series[known : known + MONTHS]
    kernel, recurrent, bias, head, offset = (np.asarray(array) for array in model.get_weights())
    return Lesson(
        cell=cell,
        passengers=series[known : known + MONTHS + 1],
        scale=scale,
        kernel=kernel[0],
        recurrent=recurrent,
        bias=bias,
        head=np.concatenate([head[:, 0], offset]),
        inspection=inspect(model, read / scale),
    )


def _begin_remembering(layer: Any) -> None:
    """Let the gate that keeps the state begin near 1: the forget gate, or the update gate."""
    bias = np.array(layer.cell.bias)
    if layer.name == "lstm":
        bias[UNITS : 2 * UNITS] = _OPEN
    elif layer.name == "gru":
        bias[0, :UNITS] = _OPEN
    layer.cell.bias.assign(bias)
