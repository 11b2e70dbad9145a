"""Trains the same model with Keras and with gatewise, and says how far apart they end.

Run as a program, in a process of its own, it does so in float64 for the pairs of `IN_FLOAT64` and prints the differences as
JSON: ``{"lstm/adam": [weights, history], …}``. The process needs ``JAX_ENABLE_X64=1``.
"""

import json
import sys
from typing import Any

import numpy as np

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.training.state import model_variables
from training.architectures import ARCHITECTURES, OPTIMIZERS

keras = import_keras()

EPOCHS, BATCH = 3, 4
RAGGED, WHOLE = 11, 8

# A pair takes seconds of compiling: in float64 every architecture meets Adam, and fifteen another optimizer as well; in
# float32, whose tolerance hides more, each meets one of the four.
_OTHERS = [optimizer for optimizer in OPTIMIZERS if optimizer != "adam"]
IN_FLOAT64 = [
    (case, optimizer)
    for number, case in enumerate(ARCHITECTURES)
    for optimizer in ("adam", _OTHERS[number % len(_OTHERS)])[: 2 if number < 15 else 1]
]
IN_FLOAT32 = [
    (case, "adam" if number % 4 == 0 else _OTHERS[(number + 1) % len(_OTHERS)])
    for number, case in enumerate(ARCHITECTURES)
]


def distance(theirs: Any, ours: Any, least: float = 1e-12) -> float:
    """Return the largest difference of two arrays, relative to the largest value, or to `least` if that is larger."""
    theirs, ours = np.asarray(theirs, "float64"), np.asarray(ours, "float64")
    assert theirs.shape == ours.shape
    if theirs.size == 0:
        return 0.0
    difference = np.max(np.abs(theirs - ours))
    # Not a number of one counts as infinitely far from a number of the other.
    return float(np.nan_to_num(difference / max(float(np.max(np.abs(theirs))), least), nan=np.inf))


def model_distance(theirs: Any, ours: Any) -> float:
    """Return the largest `distance` between the variables of two models, optimizer slots included."""
    distances = []
    for name, group in model_variables(theirs)._asdict().items():
        # A momentum may pass through zero, and is as exact then as it was before.
        least = 1e-3 if name == "optimizer" else 1e-12
        pairs = zip(group, getattr(model_variables(ours), name), strict=True)
        distances += [distance(one.value, other.value, least) for one, other in pairs]
    return max(distances)


def history_distance(theirs: Any, ours: Any) -> float:
    """Return the largest `distance` between the columns of two histories, which must have the same names and epochs."""
    assert set(theirs.history) == set(ours.history)
    assert theirs.epoch == ours.epoch
    return max(distance(values, ours.history[name]) for name, values in theirs.history.items())


def train_both(theirs: Any, ours: Any, x: Any, y: Any, **arguments: Any) -> tuple[Any, Any]:
    """Train two equal models, one with ``model.fit`` and one with ``gw.fit``; return both histories."""
    for one, other in zip(theirs.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    arguments = {"batch_size": BATCH, "epochs": EPOCHS, "shuffle": False, "verbose": 0, **arguments}
    return theirs.fit(x, y, **arguments), gw.fit(ours, x, y, **arguments)


def compare(case: Any, optimizer: str, rows: int) -> tuple[float, float]:
    """Train an architecture both ways; return how far apart the weights and the histories are."""
    theirs, ours = case.build(OPTIMIZERS[optimizer]()), case.build(OPTIMIZERS[optimizer]())
    before = ours.get_weights()
    x, y, weight = case.data(rows)
    histories = train_both(theirs, ours, x, y, sample_weight=weight)
    assert any(distance(old, new) > 1e-3 for old, new in zip(before, ours.get_weights(), strict=True)), "nothing learnt"
    return model_distance(theirs, ours), history_distance(*histories)


def main() -> None:
    """Compare in float64."""
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    # Except on TensorFlow, Keras takes the results of many operations down to float32, whatever floatx says.
    keras.src.backend.common.dtypes.BIT64_TO_BIT32_DTYPE.pop("float64")
    results = {}
    for case, optimizer in IN_FLOAT64:
        try:
            results[f"{case.name}/{optimizer}"] = compare(case, optimizer, RAGGED if optimizer == "adam" else WHOLE)
        except Exception as error:
            results[f"{case.name}/{optimizer}"] = repr(error)
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
