"""Cases of the catalogue about the Python API: the same numbers in another guise give the same answer, bit for bit."""

import copy
import os
import pickle
import random
import threading

import numpy as np
import pandas as pd
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from made_texts import made

keras = import_keras()
layers = keras.layers

X = np.random.default_rng(0).normal(size=(12, 3, 2)).astype("float32")
Y = X.sum(axis=(1, 2), keepdims=True)[:, 0].astype("float32")


def network(seed=1):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((3, 2)), layers.SimpleRNN(2), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


@pytest.fixture(scope="module")
def model():
    return network()


@pytest.fixture(scope="module")
def trained():
    """What a training of the plain arrays comes to."""
    return fitted(X, Y)


def fitted(x, y, model=None):
    model = model or network()
    gw.fit(model, x, y, epochs=2, batch_size=4, seed=3, verbose=0)
    return [array.tobytes() for array in model.get_weights()]


def strided(array):
    wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


def on_disk(array, folder):
    path = folder / f"{array.ndim}.npy"
    np.save(path, array)
    return np.load(path, mmap_mode="r")


GUISES = {
    "in Fortran's order": lambda array, _: np.asfortranarray(array),
    "every other number": lambda array, _: strided(array),
    "backwards and back": lambda array, _: np.ascontiguousarray(array[::-1])[::-1],
    "big-endian": lambda array, _: array.astype(">f4"),
    "float64": lambda array, _: array.astype("float64"),
    "lists of lists": lambda array, _: array.tolist(),
    "read-only": lambda array, _: np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape),
    "on disk": on_disk,
    "objects that are numbers": lambda array, _: array.astype(object),
}


@pytest.mark.parametrize("guise", GUISES)
def test_the_same_numbers_are_the_same_training(guise, trained, model, tmp_path):
    """P05, P06, P08, P09."""
    x, y = GUISES[guise](X, tmp_path), GUISES[guise](Y, tmp_path)
    if guise == "objects that are numbers":
        with pytest.raises(gw.errors.DataError, match="holds objects: convert them to numbers first"):
            gw.fit(network(), x, y, verbose=0)
        return
    before = np.array(x), np.array(y)
    assert fitted(x, y) == trained
    assert gw.predict(model, x).tobytes() == gw.predict(model, X).tobytes()
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(y, before[1])


@pytest.mark.parametrize("kind", ["float16", "int8", "uint8", "int64", "bool"])
def test_smaller_types_are_the_numbers_that_they_hold(kind, model):
    """P08."""
    x = (np.arange(24) % 2).reshape(4, 3, 2).astype(kind)
    assert gw.predict(model, x).tobytes() == gw.predict(model, x.astype("float32")).tobytes()


def test_an_answer_does_not_depend_on_its_neighbours(model):
    """P12, to the last digits: a batch of another size is another sum of products."""
    order = np.random.default_rng(1).permutation(12)
    whole = gw.predict(model, X)
    np.testing.assert_array_equal(gw.predict(model, X[order]), whole[order])
    np.testing.assert_allclose(gw.predict(model, X[3:8]), whole[3:8], rtol=1e-6)
    np.testing.assert_allclose(gw.predict(model, X, batch_size=5), whole, rtol=1e-6)


def test_columns_of_a_table_are_found_by_name_and_not_by_place():
    """P07: and another name is refused."""
    frame = pd.DataFrame({"unique_id": "a", "ds": pd.date_range("2024", periods=3), "y": [1.0, 2.0, 3.0]})
    assert gw.read_series(frame[["y", "ds", "unique_id"]]) == gw.read_series(frame)
    with pytest.raises(gw.errors.DataError) as caught:
        gw.read_series(frame.rename(columns={"y": "Y"}), target_col="y")
    assert str(caught.value) == (
        "The frame has no column 'y' (target_col); it has 'unique_id', 'ds', 'Y': did you mean 'Y'?"
    )


@pytest.fixture(scope="module")
def classifier():
    return gw.TextClassifier(network=()).fit(*made(60, seed=0))


def test_a_second_fit_forgets_the_first(classifier):
    """P10, P11."""
    asked, _ = made(20, seed=1)
    other = gw.TextClassifier(network=()).fit(*made(40, seed=5))
    assert not np.array_equal(other.predict_proba(asked), classifier.predict_proba(asked))
    again = other.fit(*made(60, seed=0)).predict_proba(asked)
    assert again.tobytes() == classifier.predict_proba(asked).tobytes()


def test_a_second_fit_of_a_forecaster_forgets_the_first():
    """P10."""
    forecaster = gw.Forecaster(2, network=(), baselines=["Naive", "Drift"])
    first = forecaster.fit([1.0, 2.0, 4.0, 3.0, 5.0, 6.0]).predict()
    forecaster.fit([9.0, 7.0, 8.0, 2.0, 3.0, 1.0])
    pd.testing.assert_frame_equal(forecaster.fit([1.0, 2.0, 4.0, 3.0, 5.0, 6.0]).predict(), first)


@pytest.mark.parametrize("way", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))], ids=["copy", "pickle"])
def test_copies_answer_as_the_original_and_are_not_it(way, classifier):
    """P13."""
    asked, _ = made(20, seed=1)
    before = classifier.predict_proba(asked)
    twin = way(classifier)
    np.testing.assert_array_equal(twin.predict_proba(asked), before)
    twin.fit(*made(40, seed=5))
    np.testing.assert_array_equal(classifier.predict_proba(asked), before)


def test_neither_environment_nor_generators_are_touched(trained):
    """P14; more of it in tests/training/test_randomness.py."""
    environment = dict(os.environ)
    random.seed(1)
    np.random.seed(1)
    model = network()
    states = random.getstate(), np.random.get_state()[1].tolist()
    assert fitted(X, Y, model) == trained
    gw.TextClassifier(network=()).fit(*made(20, seed=0))
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states
    assert dict(os.environ) == environment


def test_two_trainings_at_once_are_two_trainings(trained):
    """P15."""
    models, found = [network(), network()], {}

    def work(number):
        found[number] = fitted(X, Y, models[number])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {0: trained, 1: trained}
