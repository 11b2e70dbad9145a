"""Law: a loss that is not finite stops the run, is named by epoch and step, and leaves the last finite weights."""

import jax
import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.errors import NonFiniteLossError
from gatewise.training import run as run_module
from gatewise.training.state import read_values, write_values

keras = import_keras()
layers = keras.layers

ROWS, BATCH = 11, 3
STEPS = 4


def build(rate=0.01, loss="mse"):
    keras.utils.set_random_seed(2)
    model = keras.Sequential([keras.Input((2,)), layers.Dense(3, "tanh"), layers.Dropout(0.2), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate, momentum=0.5), loss)
    return model


def data(rows=ROWS):
    generator = np.random.default_rng(4)
    return generator.normal(size=(rows, 2)).astype("float32"), generator.normal(size=(rows, 1)).astype("float32")


def left_in(model):
    return [np.asarray(array).tobytes() for array in jax.tree.leaves(read_values(model))]


class BreaksAt(keras.losses.Loss):
    """Becomes infinite where a target is larger than 50; the gradient as well."""

    def call(self, y_true, y_pred):
        return keras.ops.mean(keras.ops.square(y_true - y_pred) / keras.ops.relu(50.0 - y_true), axis=-1)


class GradientBreaksAt(keras.losses.Loss):
    """Is finite everywhere; its gradient is not where a prediction is exactly its target."""

    def call(self, y_true, y_pred):
        return keras.ops.mean(keras.ops.sqrt(keras.ops.square(y_true - y_pred)), axis=-1)


MESSAGE = (
    "The loss or its gradient became NaN or infinite in epoch {}, step {}; the model keeps the last finite weights. Try a "
    "smaller learning rate, clipnorm=1.0 in the optimizer, or data scaled to about -1 to 1."
)


@pytest.fixture(scope="module")
def made():
    """Models and what they held when they were made, by loss: their programs are compiled once."""
    known = {}

    def pair(make):
        """Return a model and its twin, as they were made."""
        if make not in known:
            models = make(), make()
            for model in models:
                model.optimizer.build(model.trainable_variables)
            known[make] = models, jax.tree.map(np.array, read_values(models[0]))
        models, start = known[make]
        for model in models:
            write_values(model, start)
        return models

    return pair


def breaking():
    return build(loss=BreaksAt())


def with_zeros():
    x = keras.Input((2,))
    model = keras.Model(x, layers.Dense(1, use_bias=False)(x))
    model.compile(keras.optimizers.SGD(0.01), GradientBreaksAt())
    model.set_weights([np.full((2, 1), 0.5, "float32")])
    return model


def rate_that_breaks(epoch):
    """Return a callback that makes the learning rate so large in an epoch that the next loss overflows."""
    return keras.callbacks.LearningRateScheduler(lambda now, rate: 1e38 if now >= epoch else 0.01)


@pytest.mark.parametrize("seconds", [0.0, 1e-5, 0.5])
@pytest.mark.parametrize("row", range(ROWS))
def test_the_model_is_as_if_stopped_right_before(row, seconds, made, monkeypatch):
    """Every step of the first epoch, with dispatches of one step, of some, of all."""
    monkeypatch.setattr(run_module, "DISPATCH_SECONDS", seconds)
    x, y = data()
    y[row] = 60.0
    step = row // BATCH
    model, twin = made(breaking)
    with pytest.raises(NonFiniteLossError) as error:
        gw.fit(model, x, y, batch_size=BATCH, epochs=3, shuffle=False, seed=5, verbose=0)
    assert (error.value.epoch, error.value.step) == (0, step)
    assert str(error.value) == MESSAGE.format(1, step + 1)
    assert error.value.history.epoch == []
    assert error.value.history.steps == step
    if step:
        gw.fit(twin, x[: step * BATCH], y[: step * BATCH], batch_size=BATCH, shuffle=False, seed=5, verbose=0)
    assert left_in(model) == left_in(twin)


@pytest.mark.parametrize("seconds", [0.0, 0.5])
@pytest.mark.parametrize("validation", [None, data(5)], ids=["alone", "validated"])
def test_in_a_later_epoch(seconds, validation, made, monkeypatch):
    """The rate of the third epoch spoils the weights in its first step, and the loss of the second step shows it."""
    monkeypatch.setattr(run_module, "DISPATCH_SECONDS", seconds)
    model, twin = made(build)
    call = {"batch_size": BATCH, "seed": 5, "verbose": 0, "validation_data": validation}
    with pytest.raises(NonFiniteLossError) as error:
        gw.fit(model, *data(), epochs=6, callbacks=[rate_that_breaks(2)], **call)
    assert error.value.epoch == 2
    assert error.value.history.epoch == [0, 1]
    assert len(error.value.history.history["loss"]) == 2
    history = gw.fit(twin, *data(), epochs=2, **call)
    assert error.value.history.history["loss"] == history.history["loss"]
    weights = model.get_weights()
    assert all(np.isfinite(array).all() for array in weights)
    # 1e38 times a gradient: either too large for a float, or so large that the next loss is.
    largest = max(float(np.abs(array).max()) for array in weights)
    assert (error.value.step == 0) == (largest < 1e3)
    if error.value.step == 0:
        for one, other in zip(weights, twin.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("seconds", [0.0, 0.5])
@pytest.mark.parametrize("row", [0, 4, ROWS - 1])
def test_a_gradient_that_is_not_finite_while_its_loss_is(row, seconds, made, monkeypatch):
    """Also in the very last step, after which no loss would tell."""
    monkeypatch.setattr(run_module, "DISPATCH_SECONDS", seconds)
    x, y = data()
    x[row] = y[row] = 0.0
    step = row // BATCH
    model, twin = made(with_zeros)
    with pytest.raises(NonFiniteLossError) as error:
        gw.fit(model, x, y, batch_size=BATCH, epochs=1, shuffle=False, verbose=0)
    assert (error.value.epoch, error.value.step) == (0, step)
    if step:
        gw.fit(twin, x[: step * BATCH], y[: step * BATCH], batch_size=BATCH, shuffle=False, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], twin.get_weights()[0])


def test_terminate_on_nan_ends_the_run_without_an_error(capsys):
    x, y = data()
    y[4] = 60.0
    model, twin = build(loss=BreaksAt()), build(loss=BreaksAt())
    ended = []
    note = keras.callbacks.LambdaCallback(on_train_end=ended.append)
    history = gw.fit(
        model,
        x,
        y,
        batch_size=BATCH,
        epochs=3,
        shuffle=False,
        seed=5,
        verbose=0,
        callbacks=[keras.callbacks.TerminateOnNaN(), note],
    )
    assert history.epoch == []
    assert len(ended) == 1
    assert MESSAGE.format(1, 2) in capsys.readouterr().out
    gw.fit(twin, x[:BATCH], y[:BATCH], batch_size=BATCH, shuffle=False, seed=5, verbose=0)
    assert left_in(model) == left_in(twin)


def test_terminate_on_nan_may_raise():
    x, y = data()
    y[4] = 60.0
    with pytest.raises(NonFiniteLossError):
        gw.fit(
            build(loss=BreaksAt()),
            x,
            y,
            batch_size=BATCH,
            verbose=0,
            callbacks=[keras.callbacks.TerminateOnNaN(raise_error=True)],
        )


def test_the_best_weights_are_restored_after_a_loss_that_is_not_finite():
    """Early stopping that keeps the best weights does so whatever ends the run."""
    model, twin = build(), build()
    stop = lambda: keras.callbacks.EarlyStopping("loss", patience=9, restore_best_weights=True)  # noqa: E731
    with pytest.raises(NonFiniteLossError):
        gw.fit(model, *data(), batch_size=BATCH, epochs=6, verbose=0, callbacks=[stop(), rate_that_breaks(3)])
    gw.fit(twin, *data(), batch_size=BATCH, epochs=3, verbose=0, callbacks=[stop()])
    for one, other in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_checkpoint_of_it_holds_the_last_finite_weights(tmp_path):
    """The same call fails again at the same place: nothing but another call can help."""
    call = {"batch_size": BATCH, "epochs": 6, "seed": 5, "verbose": 0, "checkpoint": tmp_path / "run"}
    model, again = build(), build()
    errors = []
    for each in (model, again):
        with pytest.raises(NonFiniteLossError) as error:
            gw.fit(each, *data(), callbacks=[rate_that_breaks(2)], **call)
        errors.append((error.value.epoch, error.value.step, error.value.history.history))
    assert errors[0] == errors[1]
    assert left_in(model) == left_in(again)


def test_a_model_whose_weights_are_not_finite_to_begin_with():
    model = build()
    model.set_weights([np.full(array.shape, np.nan) for array in model.get_weights()])
    with pytest.raises(NonFiniteLossError) as error:
        gw.fit(model, *data(), batch_size=BATCH, verbose=0)
    assert (error.value.epoch, error.value.step) == (0, 0)
