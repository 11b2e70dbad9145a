"""Every row of docs/old-spellings.md: what the old line does here, and that the new one runs."""

import importlib.util
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.recurrent.activations import hard_sigmoid_keras2

keras = import_keras()

PAGE = Path(__file__).resolve().parents[2] / "docs" / "old-spellings.md"
LOOK_BACK = 3
TENSORFLOW = importlib.util.find_spec("tensorflow") is not None


class Row(NamedTuple):
    old: str
    outcome: str
    new: str


def rows():
    found = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| `"):
            old, outcome, new = cells
            found.append(Row(old.strip("`"), outcome, new.strip("`")))
    return found


def network(stateful):
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(1 if stateful else None, LOOK_BACK, 1)),
            keras.layers.LSTM(4, stateful=stateful),
            keras.layers.Dense(1),
        ]
    )
    model.compile(loss="mse", optimizer="adam")
    return model


@pytest.fixture
def names(tmp_path, monkeypatch):
    """What the lines of the page may use."""
    monkeypatch.chdir(tmp_path)
    x, y = gw.windows(np.sin(np.arange(40)), LOOK_BACK)
    names = {
        "gw": gw,
        "keras": keras,
        "numpy": np,
        "hard_sigmoid_keras2": hard_sigmoid_keras2,
        "look_back": LOOK_BACK,
        "x": x,
        "y": y,
        "model": network(stateful=False),
        "stateful": network(stateful=True),
    }
    exec("from keras import *; from keras.layers import *; from keras.optimizers import *", names)
    return names


def run(code, names):
    """Return the messages of the warnings that a line gives, NumPy's about Keras's own arrays left out."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exec(code, names)
    return [str(warning.message) for warning in caught if "__array__" not in str(warning.message)]


def test_the_page_has_its_tables():
    assert len(rows()) > 40
    assert {row.old for row in rows() if row.outcome.startswith("silent: ")} == set(SILENT)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.old)
def test_what_the_old_line_does(row, names):
    if "tensorflow" in row.old and TENSORFLOW:
        pytest.skip("TensorFlow is installed; the row is about Pythons without it")
    raised = re.fullmatch(r'`(\w+)`: "(.*)"', row.outcome)
    warned = re.fullmatch(r'runs, warns: "(.*)"', row.outcome)
    if raised:
        with pytest.raises(Exception) as caught:  # noqa: PT011  the page names the class and the text
            run(row.old, names)
        assert type(caught.value).__name__ == raised[1]
        assert raised[2] in str(caught.value)
    elif warned:
        assert any(warned[1] in message for message in run(row.old, names))
    else:
        assert row.outcome.startswith("silent: ")
        assert run(row.old, names) == []
        SILENT[row.old](names)


@pytest.mark.parametrize("new", sorted({row.new for row in rows()}))
def test_the_new_line_runs_without_a_warning(new, names):
    assert run(new, names) == []


def in_a_fresh_python(code):
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)


@pytest.mark.skipif(not TENSORFLOW, reason="TensorFlow is not installed")
def test_with_tensorflow_it_counts_which_comes_first():
    done = in_a_fresh_python(
        "import gatewise\nfrom tensorflow.keras.layers import LSTM\nimport keras\n"
        "print(LSTM is keras.layers.LSTM, keras.config.backend())"
    )
    assert done.stdout == "True jax\n"
    done = in_a_fresh_python("import tensorflow\nimport gatewise")
    assert "EnvironmentFault: Keras is already loaded on the 'tensorflow' backend and gatewise needs JAX" in done.stderr


# What the silent lines change, shown by numbers. Each gets the names of the page after the line was run.


def _state_is_lost_in_fit(names):
    layer = names["stateful"].layers[0]
    assert all(np.all(np.asarray(state) == 0) for state in layer.states)
    gw.fit(names["stateful"], names["x"], names["y"], batch_size=1, shuffle=False, reset_states="never", verbose=0)
    assert all(np.any(np.asarray(state) != 0) for state in layer.states)


def _state_is_lost_in_predict(names):
    same = np.repeat(names["x"][:1], 3, axis=0)
    lost = names["stateful"].predict(same, batch_size=1, verbose=0).ravel()
    kept = gw.predict(names["stateful"], same, batch_size=1).ravel()
    assert lost[0] == lost[1] == lost[2]
    assert len(set(kept.tolist())) == 3


def _default_is_sigmoid(names):
    assert keras.layers.LSTM(4).recurrent_activation is keras.activations.sigmoid


def _hard_sigmoid_is_another(names):
    new = keras.layers.LSTM(4, recurrent_activation="hard_sigmoid").recurrent_activation
    x = np.array([-1.0, 1.0, 2.75], np.float32)
    np.testing.assert_allclose(new(x), np.clip(x + 3, 0, 6) / 6, rtol=1e-6)
    np.testing.assert_allclose(hard_sigmoid_keras2(x), np.clip(0.2 * x + 0.5, 0, 1), rtol=1e-6)


def _gru_is_another(names):
    layer, old = keras.layers.GRU(4), keras.layers.GRU(4, reset_after=False)
    assert layer.reset_after is True
    assert layer.recurrent_activation is keras.activations.sigmoid
    for one in (layer, old):
        one.build((None, LOOK_BACK, 1))
    assert layer.count_params() - old.count_params() == 3 * 4


def _numpy_seeds_nothing(names):
    def drawn(seed):
        seed(7)
        return np.asarray(network(stateful=False).get_weights()[0])

    assert np.abs(drawn(np.random.seed) - drawn(np.random.seed)).max() > 0
    np.testing.assert_array_equal(drawn(keras.utils.set_random_seed), drawn(keras.utils.set_random_seed))


def _any_implementation(names):
    assert keras.layers.LSTM(4, implementation=7).cell.implementation == 7


SILENT = {
    "stateful.fit(x, y, batch_size=1, epochs=2, shuffle=False, verbose=0)": _state_is_lost_in_fit,
    "stateful.predict(x, batch_size=1, verbose=0)": _state_is_lost_in_predict,
    "LSTM(4)": _default_is_sigmoid,
    "LSTM(4, recurrent_activation='hard_sigmoid')": _hard_sigmoid_is_another,
    "GRU(4)": _gru_is_another,
    "numpy.random.seed(7)": _numpy_seeds_nothing,
    "LSTM(4, implementation=0)": _any_implementation,
}
