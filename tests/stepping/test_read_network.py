"""Networks read from their folders without Keras take the steps that `gatewise.stream` takes, bit for bit."""

import copy
import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gatewise as gw
from gatewise.artifact import read_folder
from gatewise.backend import import_keras
from gatewise.errors import DataError, ModelFileError, ShapeError
from gatewise.stepping import NoChain, StepNetwork, read_network
from gatewise.stepping.network import network_of
from recurrent_twins import wave, weights

keras = import_keras()
layers = keras.layers
X = wave((12, 2), 0.9)
WORDS = (np.arange(12) * 5) % 7


def in_a_row(*some: Any, shape: tuple[int | None, ...] = (None, 2)) -> Any:
    return filled(keras.Sequential([keras.Input(shape), *some]))


def filled(model: Any) -> Any:
    model.set_weights([0.7 * one for one in weights([variable.shape for variable in model.weights])])
    return model


def functional() -> Any:
    x = keras.Input((5, 2))
    inner = keras.Sequential([keras.Input((5, 2)), layers.Dense(3, "tanh"), layers.LSTM(4, return_sequences=True)])
    model = filled(keras.Model(x, layers.Dense(2)(layers.GRU(3)(layers.Dropout(0.5)(inner(x))))))
    # Frozen weights stand elsewhere in a folder.
    model.layers[-1].trainable = False
    return model


def mixed() -> Any:
    return filled(
        keras.Sequential(
            [
                keras.Input(batch_shape=(1, 3, 2)),
                layers.RNN(layers.GRUCell(3, reset_after=False), return_sequences=True),
                layers.SimpleRNN(2, "relu", use_bias=False, return_sequences=True),
                gw.layers.LSTM(2, return_sequences=True, stateful=True),
                layers.TimeDistributed(layers.Dense(2, "tanh")),
                layers.Activation("silu"),
            ]
        )
    )


NETWORKS: dict[str, Callable[[], Any]] = {
    "LSTM": lambda: in_a_row(layers.LSTM(20), layers.Dense(1, "softplus")),
    "two of one kind": lambda: in_a_row(
        layers.GRU(3, return_sequences=True), layers.GRU(3, use_bias=False), layers.Dense(2, use_bias=False)
    ),
    "functional": functional,
    "mixed": mixed,
    "words": lambda: in_a_row(layers.Embedding(7, 3), layers.GRU(4), layers.Dense(2), shape=(None,)),
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Path]]:
    root = tmp_path_factory.mktemp("networks")
    found = {}
    for name, build in NETWORKS.items():
        found[name] = build(), root / name
        gw.save(*found[name])
    return found


@pytest.mark.parametrize("name", NETWORKS)
def test_steps_are_those_of_a_stream(name: str, saved: dict[str, tuple[Any, Path]]) -> None:
    model, folder = saved[name]
    network, stream = read_network(folder), gw.stream(model)
    assert stream.way == "NumPy"
    steps, rows = network.pure_steps(), WORDS if name == "words" else X
    said, states = [], [steps.begin]
    for number in range(len(rows)):
        state, outputs = steps.step(states[-1], rows[number : number + 1])
        states.append(state)
        said.append(outputs[0])
        np.testing.assert_array_equal(outputs.ravel(), stream.step(rows[number]).ravel())
        assert state == b"".join(array.tobytes() for array in stream.state)
    # All at once, from the middle on, and after steps of another sequence.
    steps.step(states[4], rows[:5][::-1].copy())
    state, outputs = steps.step(states[3], rows[3:])
    assert state == states[-1]
    np.testing.assert_array_equal(outputs, np.stack(said[3:]))
    together = network.plan(2).steps(np.stack([rows, rows]))
    np.testing.assert_allclose(together.reshape(2, -1)[:, -len(said[-1]) :], [said[-1]] * 2, rtol=0, atol=1e-6)


def test_what_is_known_of_a_network(saved: dict[str, tuple[Any, Path]]) -> None:
    def known(name: str) -> tuple[Any, ...]:
        network = read_network(saved[name][1])
        return network.features, network.words, network.outputs, network.time, network.sequences

    assert known("LSTM") == (2, 0, 1, None, False)
    assert known("functional") == (2, 0, 2, 5, False)
    assert known("mixed") == (2, 0, 2, 3, True)
    assert known("words") == (0, 7, 2, None, False)


def test_rows_and_states_that_do_not_fit_are_refused(saved: dict[str, tuple[Any, Path]]) -> None:
    steps = read_network(saved["LSTM"][1]).pure_steps()
    wrong: list[tuple[bytes, np.ndarray, type[Exception], str]] = [
        (
            steps.begin,
            X[:, :1],
            ShapeError,
            "have the shape (12, 1), and this network needs (time, 2), at least one row",
        ),
        (steps.begin, X[:0], ShapeError, "have the shape (0, 2)"),
        (steps.begin[:-4], X, ShapeError, "The state has 156 bytes and this network's has 160"),
        (steps.begin, np.array([[1.0, np.nan]]), DataError, "NaN, infinite or beyond float32, at index (0, 1)"),
        (steps.begin, np.array([[1e300, 0.0]]), DataError, "NaN, infinite or beyond float32, at index (0, 0)"),
    ]
    for state, rows, kind, part in wrong:
        with pytest.raises(kind) as caught:
            steps.step(state, rows)
        assert part in str(caught.value)
    words = read_network(saved["words"][1]).pure_steps()
    with pytest.raises(ShapeError, match=r"have the shape \(\), and this network needs \(time,\)"):
        words.step(words.begin, np.array(3))
    for rows in (np.array([7]), np.array([-1]), np.array([1.0]), np.array([2**64 - 1], np.uint64)):
        with pytest.raises(DataError, match="Words are whole numbers from 0 to 6"):
            words.step(words.begin, rows)


COMPILED: dict[str, tuple[Callable[[], Any], str]] = {
    "both ways": (lambda: in_a_row(layers.Bidirectional(layers.LSTM(2), name="both")), "layer 'both' is a 'Bidirec"),
    "backwards": (
        lambda: in_a_row(layers.GRU(2, go_backwards=True, name="a")),
        "layer 'a' reads its sequence from the end",
    ),
    "other gates": (
        lambda: in_a_row(layers.LSTM(2, recurrent_activation="hard_sigmoid", name="a")),
        "layer 'a' has the recurrent_activation 'hard_sigmoid'",
    ),
    "masked": (
        lambda: in_a_row(layers.Embedding(5, 2, mask_zero=True, name="a"), layers.LSTM(2), shape=(None,)),
        "layer 'a' masks its input",
    ),
    "half": (lambda: in_a_row(layers.GRU(2, dtype="mixed_bfloat16", name="a")), "layer 'a' has another dtype policy"),
    "no memory": (lambda: in_a_row(layers.Dense(2)), "it has no recurrent layer"),
    "in front": (lambda: in_a_row(layers.Conv1D(2, 1, name="a"), layers.GRU(2)), "layer 'a' is a 'Conv1D'"),
}


@pytest.mark.parametrize("case", COMPILED)
def test_what_numpy_does_not_step_through_says_why(case: str, tmp_path: Path) -> None:
    build, reason = COMPILED[case]
    gw.save(build(), tmp_path / "model")
    with pytest.raises(NoChain) as caught:
        read_network(tmp_path / "model")
    assert str(caught.value).startswith(reason)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return where in a nest of dicts and lists everything stands."""
    found = [path] if path else []
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return found + [place for key, one in inner for place in places(one, (*path, key))]


def changed(value: Any, path: tuple[Any, ...], to: Any) -> Any:
    value = copy.deepcopy(value)
    inner = value
    for key in path[:-1]:
        inner = inner[key]
    if to is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = to
    return value


@pytest.mark.parametrize("name", ["functional", "mixed", "words"])
def test_a_description_that_was_changed_is_a_network_or_a_refusal(
    name: str, saved: dict[str, tuple[Any, Path]]
) -> None:
    manifest, arrays = read_folder(saved[name][1], "model")
    draw, kinds = random.Random(7), set()
    everywhere = places(manifest["topology"])
    others = [None, "", "Dense", "tanh", 3, -1, 2**70, 1.5, True, [], [0], {}, {"class_name": "LSTM"}, "é\n"]
    for _ in range(400):
        topology = changed(manifest["topology"], draw.choice(everywhere), draw.choice(others))
        try:
            found: Any = network_of({**manifest, "topology": topology}, arrays, Path("model"))
        except (NoChain, ModelFileError) as error:
            found = error
        kinds.add(type(found))
        assert not isinstance(found, Exception) or str(found).isprintable()
    assert kinds == {StepNetwork, NoChain, ModelFileError}


def test_weights_that_are_not_finite_or_have_another_shape_are_refused(saved: dict[str, tuple[Any, Path]]) -> None:
    manifest, arrays = read_folder(saved["LSTM"][1], "model")
    kernel = next(name for name in arrays if name.endswith("lstm_cell/kernel"))
    for array, reason in ((arrays[kernel][:1], "has the shape (1, 80)"), (arrays[kernel] * np.inf, "holds NaN or inf")):
        with pytest.raises(ModelFileError) as caught:
            network_of(manifest, {**arrays, kernel: array}, Path("model"))
        assert reason in str(caught.value)


def test_reading_and_stepping_load_neither_keras_nor_jax(saved: dict[str, tuple[Any, Path]]) -> None:
    code = f"""
import sys
import numpy as np
from gatewise.stepping import read_network
steps = read_network({str(saved["LSTM"][1])!r}).pure_steps()
steps.step(steps.begin, np.ones((3, 2)))
heavy = "keras jax jaxlib h5py pandas scipy safetensors plotly jinja2 llvmlite rich psutil".split()
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.replace("'", '"')) == []
