"""Record what PyTorch's LSTM, GRU and RNN do with the weights of Keras's layers: outputs, and gradients of a scalar.

Run once, by hand, in an environment with PyTorch and without gatewise:

    python tests/recurrent/record_from_torch.py

Inputs and weights come from a formula (`recurrent_twins.wave`), so the file written beside this one, which
``test_recorded_torch.py`` reads, holds only results, in Keras's layout. What differs between the two:

- PyTorch has weights as (gates * units, features), Keras as (features, gates * units);
- LSTM's gates stand in the same order (input, forget, cell, output), GRU's in PyTorch as reset, update, new, in Keras as
  update, reset, new; both then say ``h' = z h + (1 - z) n``, with the reset gate after the product (``reset_after=True``);
- PyTorch has a bias with the input and one with the state; Keras has both in GRU only, in others their sum.
"""

import datetime
import json
import platform
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from recurrent_twins import wave, weights

FILE = Path(__file__).with_name("torch_layers.json")

BATCH, TIME, FEATURES, UNITS = 3, 10, 2, 4
LENGTHS = [10, 4, 1]
GATES = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}
STATES = {"LSTM": 2, "GRU": 1, "SimpleRNN": 1}


def given(kind: str) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """Return the inputs ``(batch, time, features)``, the weights as Keras has them, and the first states."""
    columns = GATES[kind] * UNITS
    shapes = [(FEATURES, columns), (UNITS, columns), (2, columns) if kind == "GRU" else (columns,)]
    states = [wave((BATCH, UNITS), 0.53 + number, 0.6) for number in range(STATES[kind])]
    return wave((BATCH, TIME, FEATURES), 0.9), weights(shapes), states


def weighing(shape: tuple[int, ...]) -> np.ndarray:
    """Return factors that make a scalar of outputs ``(batch, time, units)``, each counting differently."""
    return wave(shape, 0.77)


def _to_torch(kind: str, array: np.ndarray) -> np.ndarray:
    """Return columns of gates as rows, in PyTorch's order of gates."""
    gates = np.split(array, GATES[kind], axis=-1)
    if kind == "GRU":
        gates = [gates[1], gates[0], gates[2]]
    return np.concatenate(gates, axis=-1).T.copy()


def _to_keras(kind: str, array: np.ndarray) -> np.ndarray:
    gates = np.split(array, GATES[kind], axis=0)
    if kind == "GRU":
        gates = [gates[1], gates[0], gates[2]]
    return np.concatenate(gates, axis=0).T


def record(torch: Any, kind: str, lengths: list[int] | None) -> dict[str, Any]:
    """Return the results of one layer, of rows that are padded behind their ends where there are lengths."""
    x, (kernel, recurrent, bias), states = given(kind)
    layer = getattr(torch.nn, kind.removeprefix("Simple"))(FEATURES, UNITS, batch_first=True)
    both = bias if kind == "GRU" else np.stack([bias, 0 * bias])
    values = [_to_torch(kind, array) for array in (kernel, recurrent, *both)]
    names = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
    layer.load_state_dict({name: torch.from_numpy(value) for name, value in zip(names, values, strict=True)})
    sequence = torch.from_numpy(x).requires_grad_()
    first = [torch.from_numpy(state).requires_grad_() for state in states]
    hidden = tuple(state[None] for state in first) if kind == "LSTM" else first[0][None]
    packed = sequence
    if lengths is not None:
        packed = torch.nn.utils.rnn.pack_padded_sequence(sequence, lengths, batch_first=True)
    outputs, after = layer(packed, hidden)
    if lengths is not None:
        outputs, _ = torch.nn.utils.rnn.pad_packed_sequence(outputs, batch_first=True)
    last = [state[0] for state in (after if kind == "LSTM" else (after,))]
    scalar = (outputs * torch.from_numpy(weighing(tuple(outputs.shape)))).sum() + sum(state.sum() for state in last)
    scalar.backward()
    gradients = [_to_keras(kind, getattr(layer, name).grad.numpy()) for name in names]
    d_bias = np.stack(gradients[2:]) if kind == "GRU" else gradients[2]
    results = {
        "outputs": outputs.detach().numpy(),
        "states": np.stack([state.detach().numpy() for state in last]),
        "d_inputs": sequence.grad.numpy(),
        "d_kernel": gradients[0],
        "d_recurrent_kernel": gradients[1],
        "d_bias": d_bias,
        "d_states": np.stack([state.grad.numpy() for state in first]),
    }
    return {name: np.round(array.astype("float64"), 7).tolist() for name, array in results.items()}


def main() -> None:
    """Record all layers and write the file."""
    import torch

    cases = {
        f"{kind}{'' if lengths is None else '-lengths'}": record(torch, kind, lengths)
        for kind in GATES
        for lengths in (None, LENGTHS)
    }
    origin = {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "date": datetime.date.today().isoformat(),
    }
    FILE.write_text(json.dumps({"origin": origin, "cases": cases}) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
