"""State in training, evaluation, prediction and streams: carried where it should be, reset where it should be."""

import threading
from typing import Any

import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.errors import ShapeError
from gatewise.recurrent import state_variables
from recurrent_twins import NETWORKS, Written, build, wave

keras = import_keras()
layers = keras.layers

ROWS, BATCHES, TIME = 2, 4, 3
X = wave((ROWS * BATCHES, TIME, 2), 0.9)
Y = wave((ROWS * BATCHES, 1), 0.31, 0.5)
EXACT = {"rtol": 0.0, "atol": 1e-6}


def network(name: str = "lstm-lstm", rows: int | None = ROWS, rate: float = 0.0) -> Any:
    model = build(keras, NETWORKS[name], sequences=False, stateful_rows=rows, time=TIME)
    model.compile(keras.optimizers.SGD(rate), "mse")
    return model


def twin(model: Any, name: str = "lstm-lstm", rows: int = ROWS) -> Written:
    return Written(NETWORKS[name], False, [np.asarray(weight.value) for weight in model.weights], rows)


def state(model: Any) -> list[np.ndarray]:
    return [np.asarray(variable.value) for variable in state_variables(model)]


def weights(model: Any) -> list[np.ndarray]:
    return [np.asarray(weight.value) for weight in model.weights]


def batches(x: np.ndarray = X, rows: int = ROWS) -> list[np.ndarray]:
    return [x[start : start + rows] for start in range(0, len(x), rows)]


def assert_all_close(found: list[np.ndarray], expected: list[np.ndarray]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, **EXACT)


def assert_all_equal(found: list[np.ndarray], expected: list[np.ndarray]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


class TestTraining:
    """A learning rate of 0 lets the NumPy twin follow a training run: only the state changes from step to step."""

    def loss_of(self, twin: Written, epochs: int, reset: str) -> list[float]:
        losses = []
        for _ in range(epochs):
            errors = []
            for number, batch in enumerate(batches()):
                if reset == "batch" or (reset == "epoch" and number == 0):
                    for directions in twin.layers:
                        for direction in directions:
                            direction[1] = [array * 0 for array in direction[1]]
                errors.append(np.mean((twin(batch) - batches(Y)[number]) ** 2))
            losses.append(float(np.mean(errors)))
        return losses

    @pytest.mark.parametrize("name", ["lstm-lstm", "gru", "simple", "bidirectional-gru"])
    @pytest.mark.parametrize("reset", ["epoch", "batch", "never"])
    def test_state_is_carried_from_step_to_step(self, name, reset):
        model = network(name)
        written = twin(model, name)
        history = gw.fit(model, X, Y, batch_size=ROWS, epochs=3, shuffle=False, reset_states=reset, verbose=0)
        assert history.history["loss"] == pytest.approx(self.loss_of(written, 3, reset), abs=1e-6)
        assert_all_close(state(model), written.state)

    def test_the_three_resets_differ(self):
        losses = {
            reset: gw.fit(
                network(), X, Y, batch_size=ROWS, epochs=2, shuffle=False, reset_states=reset, verbose=0
            ).history["loss"]
            for reset in ("epoch", "batch", "never")
        }
        assert losses["epoch"][0] == losses["epoch"][1]
        assert losses["never"][0] == losses["epoch"][0]
        assert losses["never"][1] != losses["epoch"][1]
        assert losses["batch"][0] != losses["epoch"][0]

    def test_the_default_is_a_reset_before_each_epoch(self):
        runs = [network(rate=0.1), network(rate=0.1)]
        gw.fit(runs[0], X, Y, batch_size=ROWS, epochs=3, shuffle=False, verbose=0)
        gw.fit(runs[1], X, Y, batch_size=ROWS, epochs=3, shuffle=False, verbose=0, reset_states="epoch")
        assert_all_equal(weights(runs[0]), weights(runs[1]))

    def test_never_goes_on_from_the_state_that_the_model_has(self):
        model, untouched = network(), network()
        gw.predict(model, X)
        written = twin(model)
        for batch in batches():
            written(batch)
        gw.fit(model, X, Y, batch_size=ROWS, shuffle=False, reset_states="never", verbose=0)
        for batch in batches():
            written(batch)
        assert_all_close(state(model), written.state)
        gw.fit(untouched, X, Y, batch_size=ROWS, shuffle=False, reset_states="never", verbose=0)
        assert max(np.abs(one - other).max() for one, other in zip(state(model), state(untouched), strict=True)) > 1e-6

    @pytest.mark.parametrize("reset", ["epoch", "never"])
    def test_validation_leaves_the_training_state_as_it_found_it(self, reset):
        call = {"batch_size": ROWS, "epochs": 4, "shuffle": False, "verbose": 0, "reset_states": reset}
        plain, validated = network(rate=0.1), network(rate=0.1)
        gw.fit(plain, X, Y, **call)
        history = gw.fit(validated, X, Y, validation_data=(X[:4], Y[:4]), **call)
        assert len(history.history["val_loss"]) == 4
        assert_all_equal(weights(plain), weights(validated))
        assert_all_equal(state(plain), state(validated))

    def test_validation_goes_on_from_where_training_is(self):
        model = network()
        written = twin(model)
        history = gw.fit(model, X, Y, batch_size=ROWS, shuffle=False, verbose=0, validation_data=(X[:ROWS], Y[:ROWS]))
        for batch in batches():
            written(batch)
        expected = float(np.mean((written(X[:ROWS]) - Y[:ROWS]) ** 2))
        assert history.history["val_loss"] == pytest.approx([expected], abs=1e-6)

    def test_the_gradient_stops_at_the_border_of_a_step(self):
        """One step from a carried state is one step of a stateless network that is given that state as a constant."""
        model = network("simple", rate=0.5)
        gw.predict(model, X[:ROWS])
        carried = state(model)[0]
        kernel, recurrent, bias, out, out_bias = (array.astype("float64") for array in weights(model))
        gw.fit(model, X[ROWS : 2 * ROWS], Y[:ROWS], batch_size=ROWS, reset_states="never", verbose=0)

        def loss(recurrent: np.ndarray) -> float:
            h = carried.astype("float64")
            for step in range(TIME):
                h = np.tanh(X[ROWS : 2 * ROWS, step] @ kernel + h @ recurrent + bias)
            return float(np.mean((h @ out + out_bias - Y[:ROWS]) ** 2))

        gradient = np.zeros_like(recurrent)
        for index in np.ndindex(*recurrent.shape):
            nudge = np.zeros_like(recurrent)
            nudge[index] = 1e-6
            gradient[index] = (loss(recurrent + nudge) - loss(recurrent - nudge)) / 2e-6
        np.testing.assert_allclose(weights(model)[1], recurrent - 0.5 * gradient, **EXACT)

    def test_rows_that_are_shuffled_still_see_a_carried_state(self):
        model, other = network(), network()
        losses = [
            gw.fit(m, X, Y, batch_size=ROWS, shuffle=shuffle, seed=1, verbose=0).history["loss"][0]
            for m, shuffle in ((model, True), (other, False))
        ]
        assert losses[0] != losses[1]


class TestPredictionAndEvaluation:
    def test_prediction_carries_and_never_resets(self):
        model = network()
        written = twin(model)
        for _ in range(3):
            expected = np.concatenate([written(batch) for batch in batches()])
            np.testing.assert_allclose(gw.predict(model, X), expected, **EXACT)
            assert_all_close(state(model), written.state)

    def test_evaluation_carries_and_never_resets(self):
        model = network()
        written = twin(model)
        for call in range(3):
            errors = [np.mean((written(x) - y) ** 2) for x, y in zip(batches(), batches(Y), strict=True)]
            found = gw.evaluate(model, X, Y, **({"batch_size": ROWS} if call else {}))
            assert found == pytest.approx(float(np.mean(errors)), abs=1e-6)
            assert_all_close(state(model), written.state)

    def test_evaluation_goes_on_from_prediction(self):
        model = network()
        written = twin(model)
        gw.predict(model, X[:ROWS])
        written(X[:ROWS])
        expected = float(np.mean((written(X[ROWS : 2 * ROWS]) - Y[:ROWS]) ** 2))
        assert gw.evaluate(model, X[ROWS : 2 * ROWS], Y[:ROWS]) == pytest.approx(expected, abs=1e-6)

    def test_reset_states(self):
        model = network()
        first = gw.predict(model, X)
        assert not np.array_equal(gw.predict(model, X), first)
        gw.reset_states(model)
        assert all((array == 0).all() for array in state(model))
        np.testing.assert_array_equal(gw.predict(model, X), first)

    def test_keras_itself_sees_the_state(self):
        model = network()
        gw.predict(model, X[:ROWS])
        np.testing.assert_allclose(model(X[ROWS : 2 * ROWS]), gw.predict(network(), X[: 2 * ROWS])[ROWS:], **EXACT)

    def test_trained_at_batch_1_used_at_any(self):
        model = network(rows=1, rate=0.1)
        gw.fit(model, X, Y, batch_size=1, epochs=2, shuffle=False, verbose=0)
        for rows in (1, 4, 8):
            gw.reset_states(model)
            written = twin(model, rows=rows)
            expected = np.concatenate([written(batch) for batch in batches(rows=rows)])
            np.testing.assert_allclose(gw.predict(model, X, batch_size=rows), expected, **EXACT)
            stream, written = gw.stream(model, batch_size=rows), twin(model, rows=rows)
            for batch in batches(rows=rows):
                np.testing.assert_allclose(stream.step(batch), written(batch), **EXACT)

    def test_another_batch_size_leaves_the_models_own_state_alone(self):
        model = network()
        gw.predict(model, X)
        before = state(model)
        gw.predict(model, X, batch_size=4)
        assert_all_equal(state(model), before)
        assert [array.shape for array in state(model)] == [array.shape for array in before]

    @pytest.mark.parametrize(
        "x", [X[:, :2], X[..., :1], X[0], X[:3], X[:0], np.full_like(X, np.nan), "text"], ids=lambda x: str(np.shape(x))
    )
    def test_a_refused_prediction_loses_nothing(self, x):
        model = network()
        gw.predict(model, X)
        before, carried = weights(model), state(model)
        with pytest.raises(gw.errors.GatewiseError):
            gw.predict(model, x)
        assert_all_equal(weights(model), before)
        assert_all_equal(state(model), carried)
        np.testing.assert_array_equal(model.get_weights()[0], before[0])

    def test_a_prediction_that_fails_inside_a_layer_loses_nothing(self):
        class Net(keras.Model):
            def __init__(self):
                super().__init__()
                self.recurrent, self.dense = layers.LSTM(3), layers.Dense(1)

            def call(self, x):
                return self.dense(self.recurrent(x))

        model = Net()
        model(X)
        before = weights(model)
        expected = gw.predict(model, X)
        with pytest.raises(ShapeError) as caught:
            gw.predict(model, X[..., :1])
        assert str(caught.value) == (
            f"Model '{model.name}' cannot be run on x (8, 3, 1): LSTMCell says: dot_general requires contracting dimensions "
            "to have the same shape, got (1,) and (2,)."
        )
        assert_all_equal(weights(model), before)
        np.testing.assert_array_equal(gw.predict(model, X), expected)

    def test_a_refused_evaluation_or_fit_loses_nothing(self):
        model = network(rate=0.1)
        gw.predict(model, X)
        before, carried = weights(model), state(model)
        for door in (gw.fit, gw.evaluate):
            with pytest.raises(gw.errors.GatewiseError):
                door(model, X, Y[:5], batch_size=ROWS)
            with pytest.raises(gw.errors.GatewiseError):
                door(model, X[:7], Y[:7], batch_size=ROWS)
        assert_all_equal(weights(model), before)
        assert_all_equal(state(model), carried)


class TestStreams:
    def test_a_stream_begins_at_zero_and_leaves_the_model_alone(self):
        model = network()
        gw.predict(model, X)
        carried = state(model)
        outputs = gw.stream(model, ROWS).step(X[:ROWS])
        np.testing.assert_allclose(outputs, twin(model)(X[:ROWS]), **EXACT)
        assert_all_equal(state(model), carried)

    def test_a_fork_goes_on_by_itself(self):
        stream = gw.stream(network(rows=None))
        stream.step(X[0, 0])
        fork = stream.fork()
        alone = [stream.step(value) for value in X[0, 1:]]
        before = stream.state
        np.testing.assert_array_equal([fork.step(value) for value in X[0, 1:]], alone)
        fork.step(X[1, 0])
        assert_all_equal(stream.state, before)

    def test_state_can_be_read_and_set(self):
        model = network(rows=None)
        one, other = gw.stream(model), gw.stream(model)
        one.step(X[0, 0])
        other.state = one.state
        np.testing.assert_array_equal(one.step(X[0, 1]), other.step(X[0, 1]))

    def test_what_is_read_is_a_copy(self):
        stream = gw.stream(network(rows=None))
        stream.step(X[0, 0])
        read, before = stream.state, stream.state
        for array in read:
            array[:] += 1
        assert_all_equal(stream.state, before)
        given = [array.copy() for array in before]
        stream.state = given
        for array in given:
            array[:] += 1
        assert_all_equal(stream.state, before)

    def test_the_state_of_training_can_be_streamed_on(self):
        model = network(rate=0.1)
        gw.fit(model, X, Y, batch_size=ROWS, shuffle=False, verbose=0)
        stream = gw.stream(model, ROWS)
        stream.state = state(model)
        np.testing.assert_allclose(stream.step(X[:ROWS]), gw.predict(model, X[:ROWS]), **EXACT)

    def test_a_stream_uses_the_weights_that_the_model_has_now(self):
        model = network(rows=None, rate=0.5)
        stream = gw.stream(model, 8)
        before = stream.step(X)
        gw.fit(model, X, Y, batch_size=4, epochs=3, verbose=0)
        stream.reset()
        after = stream.step(X)
        assert not np.array_equal(before, after)
        np.testing.assert_allclose(after, gw.predict(model, X), **EXACT)

    def test_save_and_load(self, tmp_path):
        model = network(rows=None)
        stream = gw.stream(model, ROWS)
        stream.step(X[:ROWS])
        stream.save(tmp_path / "state")
        other = gw.stream(model, ROWS)
        other.load(tmp_path / "state")
        np.testing.assert_array_equal(stream.step(X[ROWS : 2 * ROWS]), other.step(X[ROWS : 2 * ROWS]))

    def test_the_state_of_another_model_is_not_loaded(self, tmp_path):
        gw.stream(network(rows=None), ROWS).save(tmp_path / "state")
        stream = gw.stream(network("gru", rows=None), ROWS)
        stream.step(X[:ROWS])
        before = stream.state
        with pytest.raises(gw.errors.ModelFileError) as caught:
            stream.load(tmp_path / "state")
        assert str(caught.value) == (
            f"{tmp_path / 'state'} holds the state of another model: The state of this stream has the shapes [(2, 4)], and "
            "[(2, 4), (2, 4), (2, 3), (2, 3)] were given."
        )
        assert_all_equal(stream.state, before)

    @pytest.mark.parametrize(
        "x",
        [[1.0], [1.0, 2.0, 3.0], [[1.0, 2.0]] * 2, 1.0, None, "a", [np.nan, 1.0], [1j, 1.0], np.zeros((1, 0, 2))],
        ids=repr,
    )
    def test_a_refused_step_leaves_the_state_untouched(self, x):
        stream = gw.stream(network(rows=None))
        stream.step(X[0, 0])
        before = stream.state
        with pytest.raises(gw.errors.GatewiseError):
            stream.step(x)
        assert_all_equal(stream.state, before)

    def test_reset(self):
        stream = gw.stream(network(rows=None))
        first = stream.step(X[0, 0])
        stream.step(X[0, 1])
        stream.reset()
        assert all((array == 0).all() for array in stream.state)
        np.testing.assert_array_equal(stream.step(X[0, 0]), first)

    def test_words_by_number(self):
        model = keras.Sequential(
            [keras.Input((None,), dtype="int32"), layers.Embedding(7, 3), layers.GRU(4), layers.Dense(2)]
        )
        words = np.array([[1, 6, 0, 3], [2, 2, 5, 4]])
        expected = gw.predict(model, words)
        alone, together, chunks = gw.stream(model), gw.stream(model, 2), gw.stream(model, 2)
        for step in range(4):
            single, both = alone.step(int(words[0, step])), together.step(words[:, step])
        chunks.step(words[:, :3])
        np.testing.assert_allclose(single, expected[0], **EXACT)
        np.testing.assert_allclose(both, expected, **EXACT)
        np.testing.assert_allclose(chunks.step(words[:, 3:]), expected, **EXACT)

    def test_masked_steps_are_skipped(self):
        model = keras.Sequential([keras.Input((None, 1)), layers.Masking(0.0), layers.LSTM(3)])
        stream = gw.stream(model)
        stream.step([0.7])
        before = stream.state
        stream.step([0.0])
        assert_all_equal(stream.state, before)
        values = np.array([[[0.7], [0.0], [0.3]]], dtype="float32")
        np.testing.assert_allclose(stream.step([0.3])[None], gw.predict(model, values), **EXACT)


def test_masking_in_a_stateful_network():
    def made(rows: int | None) -> Any:
        return keras.Sequential(
            [
                keras.Input(batch_shape=(rows, None, 1)),
                layers.Masking(0.0),
                layers.LSTM(3, stateful=rows is not None),
                layers.Dense(1),
            ]
        )

    stateful, whole = made(2), made(None)
    whole.set_weights(stateful.get_weights())
    x = wave((2, 9, 1), 0.7)
    x[0, 2:5] = 0
    x[1, 6:8] = 0
    for part in (x[:, :3], x[:, 3:6]):
        gw.predict(stateful, part)
    np.testing.assert_allclose(gw.predict(stateful, x[:, 6:]), gw.predict(whole, x), **EXACT)


def test_threads_may_predict_and_stream_at_once():
    """The first call traces, and while it does it lends the layers other states: two at once must not mix them up."""
    for _ in range(3):
        model = network("lstm", rows=None)
        written = twin(model, "lstm", rows=8)
        outputs: list[Any] = []
        start = threading.Barrier(4)

        def work(number: int, model: Any = model, outputs: list[Any] = outputs, start: Any = start) -> None:
            start.wait()
            outputs.append(gw.stream(model, 8).step(X) if number % 2 else gw.predict(model, X, batch_size=8 + number))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expected = written(X)
        assert len(outputs) == 4
        for output in outputs:
            np.testing.assert_allclose(output, expected, **EXACT)
        (layer,) = [layer for layer in model.layers if isinstance(layer, layers.RNN)]
        assert layer.states is None
        assert not layer.stateful
        assert "inner_loop" not in vars(layer)
