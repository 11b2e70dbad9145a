"""State as Keras on TensorFlow carries it: numbers recorded once by record_from_tensorflow.py, whose file names them."""

import functools
import json
from typing import Any

import numpy as np
import pytest
from record_from_tensorflow import EPOCHS, FILE, ROWS, SGD, cases, inputs

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.recurrent import state_variables
from recurrent_twins import NETWORKS, Written, build

keras = import_keras()
pytestmark = pytest.mark.usefixtures("quickly_compiled")

EXACT = {"rtol": 0.0, "atol": 1e-6}
# Three epochs of updates, in which another order of additions adds up.
TRAINED = {"rtol": 0.0, "atol": 1e-5}

each_case = pytest.mark.parametrize(("name", "time"), cases())


@functools.cache
def recorded() -> dict[str, Any]:
    return json.loads(FILE.read_text())


def result(name: str, time: int) -> dict[str, Any]:
    return next(r for r in recorded()["results"] if (r["network"], r["time"]) == (name, time))


def compiled(name: str, time: int) -> Any:
    model = build(keras, NETWORKS[name], sequences=False, stateful_rows=ROWS, time=time)
    model.compile(keras.optimizers.SGD(**SGD), "mse")
    return model


def assert_states(model: Any, expected: list[Any], tolerance: dict[str, float]) -> None:
    assert len(state_variables(model)) == len(expected)
    for variable, array in zip(state_variables(model), expected, strict=True):
        np.testing.assert_allclose(variable.value, array, **tolerance)


def test_the_file_says_where_its_numbers_are_from():
    origin = recorded()["origin"]
    assert origin["tensorflow"]
    assert origin["keras"]
    assert origin["date"]
    assert recorded()["inputs"]["SGD"] == SGD
    assert {(r["network"], r["time"]) for r in recorded()["results"]} == set(cases())


@each_case
def test_the_recorded_numbers_are_the_loop_in_numpy(name, time):
    values = [np.asarray(variable.value) for variable in compiled(name, time).weights]
    twin = Written(NETWORKS[name], False, values, ROWS)
    x = inputs(time)[0]
    outputs = np.concatenate([twin(x[start : start + ROWS]) for start in range(0, len(x), ROWS)])
    np.testing.assert_allclose(result(name, time)["predicted"], outputs, **EXACT)
    for array, expected in zip(twin.state, result(name, time)["states after predict"], strict=True):
        np.testing.assert_allclose(array, expected, **EXACT)


@each_case
def test_predict_and_evaluate(name, time):
    model, expected, (x, y) = compiled(name, time), result(name, time), inputs(time)
    np.testing.assert_allclose(gw.predict(model, x), expected["predicted"], **EXACT)
    assert_states(model, expected["states after predict"], EXACT)
    gw.reset_states(model)
    assert gw.evaluate(model, x, y, batch_size=ROWS) == pytest.approx(expected["evaluated"], abs=1e-6)
    assert_states(model, expected["states after predict"], EXACT)


@each_case
def test_fit(name, time):
    model, expected, (x, y) = compiled(name, time), result(name, time), inputs(time)
    history = gw.fit(model, x, y, batch_size=ROWS, epochs=EPOCHS, shuffle=False, verbose=0)
    assert history.history["loss"] == pytest.approx(expected["losses"], abs=1e-6)
    for variable, array in zip(model.weights, expected["weights after fit"], strict=True):
        np.testing.assert_allclose(variable.value, array, **TRAINED)
    assert_states(model, expected["states after fit"], TRAINED)
