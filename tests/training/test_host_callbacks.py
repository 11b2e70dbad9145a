"""Law: any other Keras callback is called as Keras calls it, sees what it would see there, and may change as much."""

import functools

import jax
import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.errors import NotCompilableError, UsageError
from gatewise.training.state import read_values, write_values
from training.comparison import distance, history_distance, model_distance

keras = import_keras()
layers = keras.layers
pytestmark = pytest.mark.usefixtures("quickly_compiled")

ROWS, EPOCHS = 10, 4


def build(rate=0.05):
    keras.utils.set_random_seed(5)
    model = keras.Sequential([keras.Input((3,)), layers.Dense(3, "tanh"), layers.BatchNormalization(), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate, momentum=0.9), "mse", metrics=["mae"])
    return model


@functools.cache
def pair():
    """Return a model for Keras and one for gatewise, whose programs are compiled once, and what both hold before a run."""
    models = build(), build()
    for model in models:
        model.optimizer.build(model.trainable_variables)
    return models, jax.tree.map(np.array, read_values(models[0]))


def data(rows=ROWS, seed=1):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(rows, 3)).astype("float32")
    return x, (x[:, :1] + generator.normal(size=(rows, 1))).astype("float32")


class Spy(keras.callbacks.Callback):
    """Writes down what it is told, and what the model holds at that moment."""

    def __init__(self):
        super().__init__()
        self.told = []

    def _note(self, hook, number, logs):
        weights = [np.array(array) for array in self.model.get_weights()]
        self.told.append((hook, number, dict(logs or {}), weights, int(self.model.optimizer.iterations)))

    def on_train_begin(self, logs=None):
        self._note("train begin", None, logs)

    def on_train_end(self, logs=None):
        self._note("train end", None, logs)

    def on_epoch_begin(self, epoch, logs=None):
        self._note("epoch begin", epoch, logs)

    def on_epoch_end(self, epoch, logs=None):
        self._note("epoch end", epoch, logs)

    def on_test_begin(self, logs=None):
        self._note("test begin", None, logs)

    def on_test_end(self, logs=None):
        self._note("test end", None, logs)


class BatchSpy(Spy):
    """Sees every step as well."""

    def on_train_batch_begin(self, batch, logs=None):
        self._note("batch begin", batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        self._note("batch end", batch, logs)


def run_both(make, **call):
    """Train with Keras and with gatewise; compare weights and histories; return both lists of callbacks."""
    (models, start), used, histories = pair(), [], []
    call = {"batch_size": 4, "epochs": EPOCHS, "shuffle": False, "verbose": 0, **call}
    for model, fit in zip(models, (type(models[0]).fit, gw.fit), strict=True):
        write_values(model, start)
        used.append(make())
        histories.append(fit(model, *data(), callbacks=used[-1], **call))
    assert history_distance(*histories) < 1e-4
    assert model_distance(*models) < 1e-4
    assert float(models[0].optimizer.learning_rate) == float(models[1].optimizer.learning_rate)
    return used


def assert_same_story(theirs, ours):
    assert [entry[:2] for entry in ours.told] == [entry[:2] for entry in theirs.told]
    for their, our in zip(theirs.told, ours.told, strict=True):
        assert our[2].keys() == their[2].keys(), our[:2]
        for name, value in their[2].items():
            assert type(our[2][name]) is float, our[:2]
            assert distance(value, our[2][name]) < 1e-4, our[:2]
        assert our[4] == their[4], our[:2]
        for one, other in zip(their[3], our[3], strict=True):
            assert distance(one, other) < 1e-4, our[:2]


CALLS = {
    "plain": {},
    "validation": {"validation_data": data(7, 2)},
    "every-second": {"validation_data": data(7, 2), "validation_freq": 2},
    "listed": {"validation_data": data(13, 2), "validation_freq": [2, 3]},
    "later": {"validation_data": data(7, 2), "initial_epoch": 2},
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("spy", [Spy, BatchSpy])
def test_the_same_hooks_in_the_same_order(spy, call):
    (theirs,), (ours,) = run_both(lambda: [spy()], **call)
    assert_same_story(theirs, ours)
    assert ours.params["epochs"] == theirs.params["epochs"]
    assert ours.params["steps"] == theirs.params["steps"]


@pytest.mark.parametrize("spy", [Spy, BatchSpy])
def test_beside_callbacks_that_are_compiled(spy):
    make = lambda: [  # noqa: E731
        keras.callbacks.ReduceLROnPlateau(patience=0, factor=0.5, min_delta=0.1),
        keras.callbacks.EarlyStopping(patience=2, min_delta=0.1),
        spy(),
    ]
    (*_, theirs), (*_, ours) = run_both(make, validation_data=data(7, 2), epochs=12)
    assert_same_story(theirs, ours)
    assert ours.told[-2][1] < 11


def test_beside_a_schedule():
    make = lambda: [keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.7), Spy()]  # noqa: E731
    (_, theirs), (_, ours) = run_both(make)
    assert_same_story(theirs, ours)


# -- callbacks that change something ---------------------------------------------------------------------------------


class SetsRate(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.learning_rate = 0.05 / (1 + epoch)


class SetsRateInSteps(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.model.optimizer.learning_rate = 0.9 * float(self.model.optimizer.learning_rate)


class ShrinksWeights(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.set_weights([0.5 * array for array in self.model.get_weights()])


class ShrinksWeightsInSteps(keras.callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        self.model.layers[0].kernel.assign(0.9 * self.model.layers[0].kernel)


class RestoresAtTheEnd(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.first = [np.array(array) for array in self.model.get_weights()]

    def on_train_end(self, logs=None):
        self.model.set_weights(self.first)


class AddsToTheLogs(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs["double"] = 2 * logs["loss"]


class StopsAfterAnEpoch(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch == 1


class StopsAfterAStep(keras.callbacks.Callback):
    """In the middle of an epoch: Keras still validates, ends the epoch and writes it into the history."""

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations) == 5:
            self.model.stop_training = True


class StopsBeforeAnEpoch(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.model.stop_training = epoch == 2


class ValidatesOtherWeights(keras.callbacks.Callback):
    """As SwapEMAWeights does it: other weights for the validation only."""

    def on_test_begin(self, logs=None):
        self.trained = [np.array(array) for array in self.model.get_weights()]
        self.model.set_weights([0.5 * array for array in self.trained])

    def on_test_end(self, logs=None):
        self.model.set_weights(self.trained)


class StopsInValidation(keras.callbacks.Callback):
    def on_test_end(self, logs=None):
        self.model.stop_training = True


CHANGES = [
    SetsRate,
    SetsRateInSteps,
    ShrinksWeights,
    ShrinksWeightsInSteps,
    RestoresAtTheEnd,
    AddsToTheLogs,
    StopsAfterAnEpoch,
    StopsAfterAStep,
    StopsBeforeAnEpoch,
    StopsInValidation,
    ValidatesOtherWeights,
]


@pytest.mark.parametrize("validation", [None, data(7, 2)], ids=["alone", "validated"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_callback_may_change_the_run(change, validation):
    (*_, theirs), (*_, ours) = run_both(lambda: [change(), Spy()], validation_data=validation)
    assert_same_story(theirs, ours)


def test_averaged_weights_are_validated_where_keras_swaps_them_in():
    optimizer = lambda: keras.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.5)  # noqa: E731
    models = build(), build()
    histories = []
    for model, fit in zip(models, (keras.Model.fit, gw.fit), strict=True):
        model.compile(optimizer(), "mse")
        call = {"batch_size": 4, "epochs": EPOCHS, "shuffle": False, "verbose": 0, "validation_data": data(7, 2)}
        histories.append(fit(model, *data(), callbacks=[keras.callbacks.SwapEMAWeights()], **call))
    assert history_distance(*histories) < 1e-4
    assert model_distance(*models) < 1e-4


def test_backup_and_restore_goes_on_where_it_was(tmp_path):
    class Fails(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 3:
                raise LookupError("power cut")

    models, epochs = [], []
    for name, fit in (("theirs", keras.Model.fit), ("ours", gw.fit)):
        backup = lambda name=name: keras.callbacks.BackupAndRestore(tmp_path / name)  # noqa: E731
        call = {"batch_size": 4, "epochs": 5, "shuffle": False, "verbose": 0}
        with pytest.raises(LookupError):
            fit(build(), *data(), callbacks=[backup(), Fails()], **call)
        models.append(build())
        history = fit(models[-1], *data(), callbacks=[backup()], **call)
        epochs.append(history.epoch)
        assert history.steps == 6 if name == "ours" else True
    assert epochs[0] == epochs[1] == [3, 4]
    assert model_distance(*models) < 1e-4


def test_files_that_callbacks_write(tmp_path):
    for folder, fit in (("theirs", keras.Model.fit), ("ours", gw.fit)):
        (tmp_path / folder).mkdir()
        make = [
            keras.callbacks.CSVLogger(tmp_path / folder / "log.csv"),
            keras.callbacks.ModelCheckpoint(tmp_path / folder / "{epoch:02d}.weights.h5", save_weights_only=True),
        ]
        fit(build(), *data(), batch_size=4, epochs=3, shuffle=False, verbose=0, callbacks=make)
    theirs, ours = (sorted(path.name for path in (tmp_path / name).iterdir()) for name in ("theirs", "ours"))
    assert ours == theirs == ["01.weights.h5", "02.weights.h5", "03.weights.h5", "log.csv"]
    # Keras leaves room for validation, and writes NA into it.
    tables = [np.genfromtxt(tmp_path / name / "log.csv", delimiter=",", names=True) for name in ("theirs", "ours")]
    assert tables[0].dtype.names == tables[1].dtype.names
    assert all(distance(tables[0][name], tables[1][name]) < 1e-4 for name in ("epoch", "loss", "mae"))
    for number in (1, 2, 3):
        models = []
        for name in ("theirs", "ours"):
            model = build()
            model.load_weights(tmp_path / name / f"{number:02d}.weights.h5")
            models.append(model.get_weights())
        assert max(distance(one, other) for one, other in zip(*models, strict=True)) < 1e-4


def test_the_model_knows_its_history():
    model = build()
    history = gw.fit(model, *data(), batch_size=4, epochs=2, verbose=0)
    assert model.history is history


def test_an_error_in_a_callback_reaches_the_caller_and_the_model_keeps_its_weights():
    class Fails(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                raise LookupError("mine")

    model, twin = build(), build()
    with pytest.raises(LookupError, match="mine"):
        gw.fit(model, *data(), batch_size=4, epochs=5, callbacks=[Fails()], verbose=0)
    gw.fit(twin, *data(), batch_size=4, epochs=3, verbose=0)
    assert model_distance(twin, model) < 1e-4


def test_what_is_no_callback():
    with pytest.raises(UsageError) as refused:
        gw.fit(build(), *data(), batch_size=4, callbacks=[print])
    assert str(refused.value) == (
        "callbacks holds a builtin_function_or_method, which is no keras.callbacks.Callback: derive from that class, or "
        "leave it out."
    )


def test_validation_batches_are_nobodys():
    class Watches(keras.callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            pass

    with pytest.raises(NotCompilableError) as refused:
        gw.fit(build(), *data(), batch_size=4, callbacks=[Watches()])
    assert str(refused.value) == (
        "Watches wants to see every validation batch, and validation is part of the program: use on_epoch_end or "
        "on_test_end instead."
    )
