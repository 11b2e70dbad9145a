"""State that is right: one pass, many calls, single steps and a loop written in NumPy give the same numbers.

Up to eight time steps gatewise writes a loop out, above that it lets XLA loop: parts of 1 to 12 steps are both. The
gates of an LSTM are joined up to 16 units: NETWORKS has both as well.
"""

import functools
from typing import Any

import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.recurrent import recurrent_layers, state_variables
from gatewise.recurrent.quick import JOIN_GATES_UP_TO, UNROLL_UP_TO
from recurrent_twins import FEATURES, NETWORKS, Written, build, runs_forward, wave

keras = import_keras()
pytestmark = pytest.mark.usefixtures("quickly_compiled")

ROWS, TIME = 3, 24
LENGTHS = range(1, 13)
# Every length for every kind of cell; for what is made of them, some on each side of the limit.
EVERY_LENGTH = ("lstm", "gru", "gru-reset-before", "simple", "bidirectional-lstm")
CASES = [(name, length) for name in NETWORKS for length in (LENGTHS if name in EVERY_LENGTH else (1, 4, 12))]
EXACT = {"rtol": 0.0, "atol": 1e-6}

forward_only = pytest.mark.parametrize("name", [name for name in NETWORKS if runs_forward(NETWORKS[name])])
every_network = pytest.mark.parametrize("name", NETWORKS)
both_outputs = pytest.mark.parametrize("sequences", [False, True], ids=["last", "sequence"])


@functools.cache
def network(name: str, sequences: bool, rows: int | None = ROWS) -> Any:
    """Return one network, built once for all tests; nobody changes its weights."""
    return build(keras, NETWORKS[name], sequences, rows)


def written(name: str, sequences: bool, rows: int = ROWS) -> Written:
    return Written(NETWORKS[name], sequences, [np.asarray(v.value) for v in network(name, sequences).weights], rows)


def sequence(rows: int = ROWS, time: int = TIME) -> np.ndarray:
    return wave((rows, time, FEATURES), 0.9)


def in_parts(x: np.ndarray, length: int) -> list[np.ndarray]:
    return [x[:, start : start + length] for start in range(0, x.shape[1], length)]


def test_the_cases_are_on_both_sides_of_the_limits():
    assert LENGTHS[0] <= UNROLL_UP_TO < LENGTHS[-1] < TIME
    units = [cell.units for cells in NETWORKS.values() for cell in cells if cell.kind == "LSTM"]
    assert min(units) <= JOIN_GATES_UP_TO < max(units)


@both_outputs
@every_network
def test_one_pass_is_the_loop_in_numpy(name, sequences):
    x, expected = sequence(), written(name, sequences)(sequence())
    model = network(name, sequences)
    gw.reset_states(model)
    np.testing.assert_allclose(gw.predict(model, x), expected, **EXACT)
    np.testing.assert_allclose(gw.predict(network(name, sequences, None), x), expected, **EXACT)


@pytest.mark.parametrize(("name", "length"), CASES)
def test_calls_on_parts_carry_the_state(name, length):
    model, twin = network(name, True), written(name, True)
    gw.reset_states(model)
    outputs = [gw.predict(model, part) for part in in_parts(sequence(), length)]
    expected = [twin(part) for part in in_parts(sequence(), length)]
    np.testing.assert_allclose(np.concatenate(outputs, axis=1), np.concatenate(expected, axis=1), **EXACT)
    assert len(state_variables(model)) == len(twin.state)
    for variable, array in zip(state_variables(model), twin.state, strict=True):
        np.testing.assert_allclose(variable.value, array, **EXACT)
    if runs_forward(NETWORKS[name]):
        np.testing.assert_allclose(np.concatenate(outputs, axis=1), written(name, True)(sequence()), **EXACT)


@every_network
@pytest.mark.parametrize("length", [1, 12])
def test_calls_on_parts_that_give_the_last_output(name, length):
    model, twin = network(name, False), written(name, False)
    gw.reset_states(model)
    for part in in_parts(sequence(), length):
        np.testing.assert_allclose(gw.predict(model, part), twin(part), **EXACT)


@every_network
@pytest.mark.parametrize("length", [1, 12])
def test_batches_of_one_call_carry_the_state(name, length):
    model, twin = network(name, True), written(name, True)
    gw.reset_states(model)
    parts = in_parts(sequence(), length)
    outputs = gw.predict(model, np.concatenate(parts))
    np.testing.assert_allclose(outputs, np.concatenate([twin(part) for part in parts]), **EXACT)


@both_outputs
@forward_only
@pytest.mark.parametrize("rows", [1, ROWS])
def test_single_steps_are_one_pass(name, sequences, rows):
    x = sequence(rows)
    expected = written(name, True, rows)(x)
    for model in (network(name, sequences), network(name, sequences, None)):
        stream = gw.stream(model, batch_size=rows)
        for step in range(TIME):
            output = stream.step(x[:, step])
            np.testing.assert_allclose(output.reshape(rows, 1), expected[:, step], **EXACT)


@forward_only
@pytest.mark.parametrize("length", [2, 12])
def test_steps_of_several_observations_are_one_pass(name, length):
    stream, twin = gw.stream(network(name, True, None), batch_size=ROWS), written(name, True)
    outputs = [stream.step(part) for part in in_parts(sequence(), length)]
    np.testing.assert_allclose(np.concatenate(outputs, axis=1), twin(sequence()), **EXACT)
    for array, expected in zip(stream.state, twin.state, strict=True):
        np.testing.assert_allclose(array, expected, **EXACT)


@every_network
@pytest.mark.parametrize("rows", [1, 7])
def test_a_network_built_for_one_batch_predicts_at_any(name, rows):
    model, twin = network(name, True), written(name, True, rows)
    gw.reset_states(model)
    for part in in_parts(sequence(rows), 12):
        np.testing.assert_allclose(gw.predict(model, part, batch_size=rows), twin(part), **EXACT)


@every_network
def test_every_batch_size_has_a_state_of_its_own(name):
    model, twins = network(name, True), {rows: written(name, True, rows) for rows in (ROWS, 7)}
    gw.reset_states(model)
    for part in range(2):
        for rows, twin in twins.items():
            x = in_parts(sequence(rows), 12)[part]
            np.testing.assert_allclose(gw.predict(model, x, batch_size=rows), twin(x), **EXACT)
    gw.reset_states(model)
    for rows in twins:
        x = in_parts(sequence(rows), 12)[0]
        np.testing.assert_allclose(gw.predict(model, x, batch_size=rows), written(name, True, rows)(x), **EXACT)


@every_network
def test_a_stateless_network_forgets(name):
    model = network(name, True, None)
    part = in_parts(sequence(), 12)[1]
    assert (gw.predict(model, part) == gw.predict(model, part)).all()


@pytest.mark.parametrize("name", [name for name in NETWORKS if not runs_forward(NETWORKS[name])])
def test_a_stream_refuses_what_reads_from_the_end(name):
    backward = next(layer for layer in recurrent_layers(network(name, True)) if layer.go_backwards)
    with pytest.raises(gw.errors.UsageError) as caught:
        gw.stream(network(name, True))
    assert str(caught.value) == (
        f"Layer '{backward.name}' reads its sequence from the end, which a stream does not have: use gw.predict on whole "
        "sequences."
    )


class PeepholeCell(keras.layers.LSTMCell):
    """An LSTM whose gates see the old cell as well (Gers and Schmidhuber 2000): other equations, the same base class."""

    def _compute_carry_and_output_fused(self, z: Any, c_tm1: Any) -> Any:
        z0, z1, z2, z3 = z
        c = self.recurrent_activation(z1 + c_tm1) * c_tm1 + self.recurrent_activation(z0 + c_tm1) * self.activation(z2)
        return c, self.recurrent_activation(z3 + c)


@pytest.mark.parametrize("length", [1, 4, 12])
def test_cells_with_equations_of_their_own_keep_them(length):
    model = keras.Sequential([keras.Input((None, FEATURES)), keras.layers.RNN(PeepholeCell(4), return_sequences=True)])
    np.testing.assert_allclose(gw.predict(model, sequence(time=12)), model(sequence(time=12)), **EXACT)
    stream = gw.stream(model, ROWS)
    parts = [stream.step(part) for part in in_parts(sequence(time=12), length)]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), model(sequence(time=12)), **EXACT)


def test_several_cells_in_one_layer():
    cells = [keras.layers.LSTMCell(3), keras.layers.GRUCell(4), keras.layers.SimpleRNNCell(2)]
    model = keras.Sequential([keras.Input((None, FEATURES)), keras.layers.RNN(cells, return_sequences=True)])
    stateful = keras.Sequential(
        [keras.Input(batch_shape=(ROWS, None, FEATURES)), keras.layers.RNN(cells, return_sequences=True, stateful=True)]
    )
    expected = np.asarray(model(sequence()))
    np.testing.assert_allclose(gw.predict(model, sequence()), expected, **EXACT)
    stream = gw.stream(model, ROWS)
    for parts in (
        [gw.predict(stateful, part) for part in in_parts(sequence(), 8)],
        [stream.step(part) for part in in_parts(sequence(), 8)],
    ):
        np.testing.assert_allclose(np.concatenate(parts, axis=1), expected, **EXACT)
    assert [array.shape for array in stream.state] == [(ROWS, 3), (ROWS, 3), (ROWS, 4), (ROWS, 2)]
    gw.reset_states(stateful)
    assert all((np.asarray(variable.value) == 0).all() for variable in state_variables(stateful))


def test_pictures_over_time():
    frames = wave((ROWS, 6, 5, 2), 0.9)

    def made(rows: int | None) -> Any:
        return keras.Sequential(
            [
                keras.Input(batch_shape=(rows, None, 5, 2)),
                keras.layers.ConvLSTM1D(3, 2, padding="same", return_sequences=True, stateful=rows is not None),
            ]
        )

    model, stateful = made(None), made(ROWS)
    stateful.set_weights(model.get_weights())
    expected, stream = np.asarray(model(frames)), gw.stream(model, ROWS)
    for parts in (
        [gw.predict(stateful, part) for part in in_parts(frames, 3)],
        [stream.step(frames[:, step]) for step in range(6)],
    ):
        np.testing.assert_allclose(np.concatenate(parts, axis=1), expected, **EXACT)
