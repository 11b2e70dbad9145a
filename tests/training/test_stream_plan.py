"""Streams that NumPy steps through say what the compiled forward pass says, and behave as a stream has to."""

import copy
import pickle
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.errors import DataError, GatewiseError
from gatewise.recurrent import fresh_states, recurrent_layers
from gatewise.stepping import plan as plans
from gatewise.stepping.operations import ACTIVATIONS
from gatewise.training.forward import Forward
from gatewise.training.stream import Compiled, Stream
from recurrent_twins import wave, weights

keras = import_keras()
layers = keras.layers
pytestmark = pytest.mark.usefixtures("quickly_compiled")

ROWS, STEPS = 3, 50
X = wave((ROWS, STEPS, 2), 0.9)
WORDS = (np.arange(ROWS * STEPS).reshape(ROWS, STEPS) * 5) % 7
EXACT = {"rtol": 0.0, "atol": 1e-6}


def in_a_row(*some: Any, shape: tuple[int | None, ...] = (None, 2)) -> Any:
    model = keras.Sequential([keras.Input(shape), *some])
    model.set_weights([0.7 * one for one in weights([variable.shape for variable in model.weights])])
    return model


def functional() -> Any:
    x = keras.Input((None, 2))
    inner = in_a_row(layers.Dense(3, "tanh"), layers.LSTM(4, return_sequences=True))
    model = keras.Model(x, layers.Dense(2)(layers.GRU(3)(layers.Dropout(0.5)(inner(x)))))
    model.set_weights([0.5 * one for one in weights([variable.shape for variable in model.weights])])
    return model


# One network for every kind of layer, and for every option that its operations know.
NETWORKS: dict[str, Callable[[], Any]] = {
    "LSTM": lambda: in_a_row(layers.LSTM(20), layers.Dense(1)),
    "LSTM without bias": lambda: in_a_row(layers.LSTM(4, use_bias=False), layers.Dense(2, "softmax", use_bias=False)),
    "LSTM with relu": lambda: in_a_row(layers.LSTM(4, activation="relu", dropout=0.3)),
    "GRU": lambda: in_a_row(layers.GRU(20), layers.Dense(1, "sigmoid")),
    "GRU without bias": lambda: in_a_row(layers.GRU(4, use_bias=False, return_sequences=True), layers.Dense(3)),
    "GRU with relu": lambda: in_a_row(layers.GRU(4, activation="relu", stateful=False)),
    "GRU, reset before": lambda: in_a_row(layers.GRU(20, reset_after=False), layers.Dense(1, "relu")),
    "GRU, reset before, without bias": lambda: in_a_row(layers.GRU(4, reset_after=False, use_bias=False)),
    "SimpleRNN": lambda: in_a_row(layers.SimpleRNN(20), layers.Dense(1, "softplus")),
    "SimpleRNN with sigmoid, without bias": lambda: in_a_row(layers.SimpleRNN(4, "sigmoid", use_bias=False)),
    "cells": lambda: in_a_row(layers.RNN(layers.GRUCell(3), return_sequences=True), layers.RNN(layers.LSTMCell(2))),
    "layers of gatewise": lambda: in_a_row(gw.layers.LSTM(3, return_sequences=True), gw.layers.GRU(2)),
    "stack": lambda: in_a_row(
        layers.Dense(3, "elu"),
        layers.SimpleRNN(4, return_sequences=True),
        layers.Activation("silu"),
        layers.GRU(3, return_sequences=True),
        layers.GaussianNoise(0.5),
        layers.GRU(2, return_sequences=True, reset_after=False),
        layers.LSTM(3, return_sequences=True),
        layers.TimeDistributed(layers.Dense(2, "tanh")),
    ),
    "activation first": lambda: in_a_row(layers.Activation("tanh"), layers.LSTM(2)),
    "functional": functional,
    "words": lambda: in_a_row(layers.Embedding(7, 3), layers.GRU(4), layers.Dense(2), shape=(None,)),
}
every_network = pytest.mark.parametrize("name", NETWORKS)


def data(name: str) -> np.ndarray:
    return WORDS if name == "words" else X


def compiled(model: Any, rows: int) -> Compiled:
    return Compiled(Forward(model, [fresh_states(layer, rows) for layer in recurrent_layers(model)]))


def small() -> Any:
    return NETWORKS["GRU without bias"]()


@every_network
def test_single_steps_are_the_compiled_forward_pass(name: str) -> None:
    model, x = NETWORKS[name](), data(name)
    alone, together, reference = gw.stream(model), gw.stream(model, ROWS), compiled(model, ROWS)
    assert (alone.way, together.way) == ("NumPy", "NumPy")
    for step in range(STEPS):
        expected = reference.steps(x[:, step : step + 1])
        np.testing.assert_allclose(together.step(x[:, step]), expected, **EXACT)
        np.testing.assert_allclose(alone.step(x[0, step]), expected[0], **EXACT)
    for found, one, wanted in zip(together.state, alone.state, reference.state, strict=True):
        assert found.dtype == wanted.dtype
        np.testing.assert_allclose(found, wanted, **EXACT)
        np.testing.assert_allclose(one, wanted[:1], **EXACT)


@every_network
@pytest.mark.parametrize("rows", [1, ROWS])
def test_several_steps_at_once_are_single_steps(name: str, rows: int) -> None:
    model, x = NETWORKS[name](), data(name)[:rows]
    single, several = gw.stream(model, rows), gw.stream(model, rows)
    outputs = [single.step(x[:, step]) for step in range(7)]
    found = several.step(x[:, :7])
    np.testing.assert_array_equal(found, np.concatenate(outputs, axis=1) if found.ndim == 3 else outputs[-1])
    for one, other in zip(single.state, several.state, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_those_of_keras(name: str) -> None:
    # Far out, too: where exp overflows, and where a sigmoid made from tanh would be 0.
    values = np.concatenate([np.linspace(-90, 80, 35), np.linspace(-3, 3, 40)]).astype("float32")
    target = np.empty_like(values)
    with np.errstate(all="ignore"):
        ACTIVATIONS[name](values.copy(), target)
        in_place = values.copy()
        ACTIVATIONS[name](in_place, in_place)
    np.testing.assert_allclose(
        target, np.asarray(getattr(keras.activations, name)(keras.ops.array(values))), rtol=2e-6, atol=1e-37
    )
    np.testing.assert_array_equal(in_place, target)


@pytest.mark.parametrize(("name", "rows"), [("stack", ROWS), ("words", 1), ("GRU", 1)])
def test_weights_that_change_between_steps_are_seen(name: str, rows: int) -> None:
    model, x = NETWORKS[name](), data(name)[:rows]
    stream = gw.stream(model, rows)
    stream.step(x[:, 0])
    fork, carried = stream.fork(), stream.state
    # One weight at a time: none of them may be forgotten.
    for number, variable in enumerate(model.weights):
        before = stream.fork().step(x[:, 1])
        variable.assign(variable * -0.6 + 0.1)
        fresh = gw.stream(model, rows)
        fresh.state = carried
        expected = fresh.step(x[:, 1])
        assert not np.array_equal(before, expected), number
        np.testing.assert_array_equal(stream.fork().step(x[:, 1]), expected)
        for one, other in zip(stream.state, carried, strict=True):
            np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(fork.step(x[:, 1]), stream.step(x[:, 1]))


@pytest.mark.parametrize(
    "copied",
    [Stream.fork, copy.copy, copy.deepcopy, lambda stream: pickle.loads(pickle.dumps(stream))],
    ids=["fork", "copy", "deepcopy", "pickle"],
)
def test_a_copy_shares_nothing(copied: Callable[[Any], Any]) -> None:
    stream = gw.stream(small())
    stream.step(X[0, 0])
    other = copied(stream)
    before = stream.state
    other.step(X[0, 5])
    other.step(X[0, 6])
    for one, wanted in zip(stream.state, before, strict=True):
        np.testing.assert_array_equal(one, wanted)
    other.state = before
    for step in range(1, 6):
        np.testing.assert_array_equal(other.step(X[0, step]), stream.step(X[0, step]))


def test_outputs_are_the_callers_own() -> None:
    stream = gw.stream(small())
    first = stream.step(X[0, 0])
    kept, state = first.copy(), stream.state
    second = stream.fork().step(X[0, 1])
    first[...] = 9
    np.testing.assert_array_equal(stream.step(X[0, 1]), second)
    for array in state:
        array[...] = 9
    stream.reset()
    np.testing.assert_array_equal(stream.step(X[0, 0]), kept)


def stopped(stream: Any, after: int) -> None:
    """Let Ctrl-C come in the middle of a step, when `after` steps have been done."""
    done = iter(range(after + 1))

    def stop() -> None:
        if next(done) == after:
            raise KeyboardInterrupt

    for turn in (0, 1):
        operations = stream._steps._operations[turn]
        # h and c of the first layer are done by then, and those of the second are not.
        operations.insert(len(operations) // 2, (stop, ()))


@pytest.mark.parametrize("x", [X[0, 1], X[:1, 1:5]], ids=["one step", "several steps"])
def test_an_interrupted_step_has_not_happened(x: np.ndarray) -> None:
    stream = gw.stream(NETWORKS["stack"]())
    stream.step(X[0, 0])
    other, before = stream.fork(), stream.state
    stopped(stream, after=x.ndim - 1 if x.ndim > 1 else 0)
    with pytest.raises(KeyboardInterrupt):
        stream.step(x)
    for one, wanted in zip(stream.state, before, strict=True):
        np.testing.assert_array_equal(one, wanted)
    stream = stream.fork()
    np.testing.assert_array_equal(stream.step(x), other.step(x))


def test_threads_that_share_a_stream_take_turns() -> None:
    """Steps of a constant: their order does not matter, and none may be lost or mixed up with another."""
    shared, alone = gw.stream(NETWORKS["stack"]()), gw.stream(NETWORKS["stack"]())
    expected = {alone.step(X[0, 0]).tobytes() for _ in range(2000)}
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.extend(shared.step(X[0, 0]).tobytes() for _ in range(500)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2000
    assert set(found) == expected
    for one, wanted in zip(shared.state, alone.state, strict=True):
        np.testing.assert_array_equal(one, wanted)


FLOATS: dict[str, Any] = {
    "float64": np.array([0.5, -1.0]),
    "float16": np.array([0.5, -1.0], "float16"),
    "another byte order": np.array([0.5, -1.0], ">f4"),
    "every other number": np.array([0.5, 9.0, -1.0, 9.0], "float32")[::2],
    "list": [0.5, -1.0],
    "tuple": (0.5, -1),
    "list of 0-d arrays": [np.array(0.5), np.array(-1.0)],
    "batch of one": [[0.5, -1.0]],
    "one step of one": [[[0.5, -1.0]]],
}


@pytest.mark.parametrize("kind", FLOATS)
def test_what_numbers_may_come_as(kind: str) -> None:
    stream = gw.stream(small())
    expected = stream.fork().step(np.array([0.5, -1.0], "float32"))
    np.testing.assert_array_equal(stream.step(FLOATS[kind]).reshape(expected.shape), expected)


def test_whole_numbers_and_words_may_come_as_any_integer() -> None:
    numbers, words = gw.stream(small()), gw.stream(NETWORKS["words"]())
    expected = numbers.fork().step(np.array([1, 0], "float32"))
    for x in ([1, 0], np.array([1, 0], "uint8"), np.array([True, False])):
        np.testing.assert_array_equal(numbers.fork().step(x), expected)
    expected = words.fork().step(6)
    for x in (np.int64(6), np.array(6, "uint8"), np.array([6]), [6], [[6]], 6.0, np.float32(6)):
        np.testing.assert_array_equal(words.fork().step(x).reshape(expected.shape), expected)


BAD: list[tuple[Any, str]] = [
    ([np.inf, 0.0], "x holds a value that is NaN or infinite, at index (0,): remove or replace it."),
    (np.array([0.0, np.nan]), "x holds a value that is NaN or infinite, at index (1,): remove or replace it."),
    (
        np.array([0.0, 1e300]),
        "x holds a value beyond float32 at index (1,) (1e+300): scale the data, best to about -1 to 1.",
    ),
    (
        np.array([1.0, None]),
        "x holds objects: convert them to numbers first, for example with np.asarray(x, dtype='float32').",
    ),
    ([X[0, 0]], "x is a list of arrays, and a step takes one array: np.stack makes one of rows."),
    ({"x": X[0, 0]}, "x is a dict of arrays, and a step takes one array: np.stack makes one of rows."),
    (
        np.zeros((2, 2), "float32"),
        "x has the shape (2, 2), and a step of this stream needs (1, 2): one row for each sequence, one column for each "
        "feature.",
    ),
    (
        np.zeros((), "float32"),
        "x has the shape (), and a step of this stream needs (1, 2): one row for each sequence, one column for each feature.",
    ),
]


@pytest.mark.parametrize(("x", "sentence"), BAD, ids=range(len(BAD)))
def test_what_is_refused_leaves_the_stream_as_it_was(x: Any, sentence: str) -> None:
    stream = gw.stream(small())
    stream.step(X[0, 0])
    other = stream.fork()
    with pytest.raises(GatewiseError) as caught:
        stream.step(x)
    assert str(caught.value) == sentence
    np.testing.assert_array_equal(stream.step(X[0, 1]), other.step(X[0, 1]))


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("word", [-1, 7])
def test_a_word_that_the_table_does_not_have_is_refused(masked: bool, word: int) -> None:
    embedding = layers.Embedding(7, 3, mask_zero=masked, name="table")
    stream = gw.stream(in_a_row(embedding, layers.GRU(4), shape=(None,)), 2)
    with pytest.raises(DataError) as caught:
        stream.step([3, word])
    assert str(caught.value) == (
        f"x holds the index {float(word)} at (1,), and layer 'table' has 7 rows, numbered 0 to 6: give it a larger "
        "input_dim, or replace rare words."
    )
    assert all((array == 0).all() for array in stream.state)


def test_weights_that_are_not_finite_give_no_warning() -> None:
    model = small()
    model.set_weights([np.full_like(weight, np.inf) for weight in model.get_weights()])
    with np.errstate(all="raise"):
        assert np.isnan(gw.stream(model).step(X[0, 0])).all()


def two_inputs_of_a_layer() -> Any:
    x = keras.Input((None, 2))
    h = layers.LSTM(2, return_sequences=True)(x)
    return keras.Model(x, layers.Add(name="sum")([x, h]))


def in_training() -> Any:
    x = keras.Input((None, 2))
    return keras.Model(x, layers.LSTM(2, name="lstm")(x, training=True))


def shared() -> Any:
    x, layer = keras.Input((None, 2)), layers.GRU(2, return_sequences=True, name="twice")
    return keras.Model(x, layer(layer(x)))


COMPILED: dict[str, tuple[Callable[[], Any], str]] = {
    "masked": (lambda: in_a_row(layers.Masking(0.0, name="mask"), layers.LSTM(2)), "layer 'lstm' is called with more"),
    "other gates": (
        lambda: in_a_row(layers.LSTM(2, recurrent_activation="hard_sigmoid", name="a")),
        "layer 'a' has the recurrent_activation hard_sigmoid",
    ),
    "other activation": (lambda: in_a_row(layers.GRU(2, "mish", name="a")), "layer 'a' has the activation mish"),
    "other layer": (
        lambda: in_a_row(layers.LeakyReLU(name="leaky"), layers.LSTM(2)),
        "layer 'leaky' is a LeakyReLU",
    ),
    "bfloat16": (
        lambda: in_a_row(layers.LSTM(2, name="a", dtype="mixed_bfloat16")),
        "layer 'a' has the dtype policy mixed_bfloat16",
    ),
    "two ways": (two_inputs_of_a_layer, "layer 'sum' is called with more than one tensor"),
    "in training": (in_training, "layer 'lstm' is called with more than one tensor, or with training=True"),
    "twice": (shared, "layer 'twice' is called twice"),
}


@pytest.mark.parametrize("case", COMPILED)
def test_what_is_compiled_says_why(case: str) -> None:
    build, reason = COMPILED[case]
    keras.utils.clear_session(free_memory=False)
    stream = gw.stream(build())
    assert stream.way.startswith(f"compiled: {reason}")
    assert repr(stream).endswith(f" state arrays; {stream.way}>")


def test_a_convolution_of_one_step_is_compiled() -> None:
    assert gw.stream(in_a_row(layers.Conv1D(2, 1, name="conv"), layers.LSTM(2))).way == (
        "compiled: layer 'conv' is a Conv1D"
    )


def test_more_multiplications_than_pay_are_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "MOST_MULTIPLICATIONS", 110)
    model = in_a_row(layers.LSTM(4), layers.Dense(1))
    # (2 + 4 + 1) · 16 for the LSTM, (4 + 1) · 1 for the Dense.
    assert gw.stream(model).way == "compiled: 117 multiplications a step, above 110"
    monkeypatch.setattr(plans, "MOST_MULTIPLICATIONS", 117)
    assert gw.stream(model).way == "NumPy"
    assert gw.stream(model, 2).way == "compiled: 234 multiplications a step, above 117"
