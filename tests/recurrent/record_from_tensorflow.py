"""Record what stateful networks do in Keras on TensorFlow, whose state has always been carried.

Run once, by hand, in an environment with TensorFlow and without gatewise:

    KERAS_BACKEND=tensorflow python tests/recurrent/record_from_tensorflow.py

Inputs and weights come from a formula (`recurrent_twins.wave`), so the file written beside this one, which
``test_recorded_states.py`` reads, holds only results.
"""

import datetime
import json
import platform
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from recurrent_twins import FEATURES, NETWORKS, build, wave

FILE = Path(__file__).with_name("tensorflow_states.json")

ROWS, BATCHES, EPOCHS = 2, 4, 3
# One length that gatewise writes out and one that it loops over; for the larger networks only the second.
BOTH = ("lstm", "gru", "gru-reset-before", "simple", "lstm-lstm")
SGD = {"learning_rate": 0.1, "momentum": 0.5}


def inputs(time: int) -> tuple[np.ndarray, np.ndarray]:
    """Return x ``(rows, time, features)`` and y ``(rows, 1)`` of all batches."""
    return wave((ROWS * BATCHES, time, FEATURES), 0.9), wave((ROWS * BATCHES, 1), 0.31, 0.5)


def cases() -> list[tuple[str, int]]:
    """Return the name of a network and a number of time steps, for everything recorded."""
    return [(name, time) for name in NETWORKS for time in ((3, 10) if name in BOTH else (10,))]


def _reset(model: Any) -> None:
    for layer in model.layers:
        if getattr(layer, "stateful", False):
            layer.reset_states()


def _states(model: Any) -> list[Any]:
    layers = [part for layer in model.layers for part in _directions(layer)]
    return [state.numpy().tolist() for layer in layers for state in layer.states]


def _directions(layer: Any) -> list[Any]:
    if hasattr(layer, "forward_layer"):
        return [layer.forward_layer, layer.backward_layer]
    return [layer] if hasattr(layer, "cell") else []


def record(keras: Any, name: str, time: int) -> dict[str, Any]:
    """Return the results of one network."""
    x, y = inputs(time)
    model = build(keras, NETWORKS[name], sequences=False, stateful_rows=ROWS, time=time)
    model.compile(keras.optimizers.SGD(**SGD), "mse")
    predicted = model.predict(x, batch_size=ROWS, verbose=0)
    states = _states(model)
    _reset(model)
    evaluated = model.evaluate(x, y, batch_size=ROWS, verbose=0)
    losses = []
    for _ in range(EPOCHS):
        _reset(model)
        history = model.fit(x, y, batch_size=ROWS, epochs=1, shuffle=False, verbose=0)
        losses += history.history["loss"]
    return {
        "network": name,
        "time": time,
        "predicted": predicted.tolist(),
        "states after predict": states,
        "evaluated": evaluated,
        "losses": losses,
        "states after fit": _states(model),
        "weights after fit": [np.asarray(weight).tolist() for weight in model.get_weights()],
    }


def main() -> None:
    """Record everything."""
    import keras
    import tensorflow

    if keras.config.backend() != "tensorflow":
        raise SystemExit("Set KERAS_BACKEND=tensorflow.")
    recorded = {
        "origin": {
            "written by": "tests/recurrent/record_from_tensorflow.py",
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "keras": keras.__version__,
            "tensorflow": tensorflow.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "machine": platform.machine(),
        },
        "inputs": {
            "formula": "amplitude * sin(step * (1, 2, 3, ...)), in C order, float32",
            "x": {"shape": [ROWS * BATCHES, "time", FEATURES], "step": 0.9, "amplitude": 1.0},
            "y": {"shape": [ROWS * BATCHES, 1], "step": 0.31, "amplitude": 0.5},
            "weights": "weight k of a network: step 1.1 + 0.37 k, amplitude 0.7",
            "batch": ROWS,
            "epochs": EPOCHS,
            "SGD": SGD,
            "state": "zero before predict, before evaluate and before every epoch; no shuffle",
        },
        "results": [record(keras, name, time) for name, time in cases()],
    }
    FILE.write_text(_compact(recorded) + "\n")
    print(f"{FILE}: {len(recorded['results'])} networks")


def _compact(recorded: dict[str, Any]) -> str:
    """Write one line a result, and floats with the nine digits that tell any two float32 apart."""
    rounded = json.loads(json.dumps(recorded), parse_float=lambda text: float(f"{float(text):.9g}"))
    lines = ",\n".join(json.dumps(result) for result in rounded.pop("results"))
    return json.dumps(rounded, indent=1)[:-2] + ',\n "results": [\n' + lines + "\n ]\n}"


if __name__ == "__main__":
    main()
