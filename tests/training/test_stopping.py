"""Law: each Keras callback that becomes part of the program does what it does in Keras.

Both models run beside each other: the same history, the same last epoch, the same weights, the same attributes left on
the callback.
"""

import warnings

import jax
import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.errors import GatewiseWarning, UsageError
from gatewise.training.state import read_values, write_values
from training.comparison import distance, history_distance, model_distance

keras = import_keras()
layers, callbacks = keras.layers, keras.callbacks
pytestmark = pytest.mark.usefixtures("quickly_compiled")

EPOCHS, ROWS = 14, 24


def build():
    keras.utils.set_random_seed(5)
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1, "sigmoid")])
    # Large steps with momentum: the losses swing for a while, and rounding errors still die out.
    model.compile(keras.optimizers.SGD(1.0, momentum=0.9), "binary_crossentropy", metrics=["accuracy"])
    return model


def data(rows=ROWS, seed=1):
    """Labels that the inputs tell only in part, so that validation gets better, worse and better."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(rows, 3)).astype("float32")
    return x, (x[:, :1] + 1.5 * generator.normal(size=(rows, 1)) > 0).astype("float32")


@pytest.fixture(scope="module")
def pair():
    """A model for Keras and one for gatewise, and what both hold before each run."""
    models = build(), build()
    gw.fit(models[1], *data(), batch_size=5, verbose=0)
    write_values(models[1], read_values(models[0]))
    return models, jax.tree.map(np.array, read_values(models[0]))


ATTRIBUTES = ("best", "wait", "best_epoch", "stopped_epoch", "cooldown_counter", "patience", "min_delta", "baseline")


def assert_same_callback(theirs, ours):
    for name in ATTRIBUTES:
        assert hasattr(theirs, name) == hasattr(ours, name)
        one, other = getattr(theirs, name, None), getattr(ours, name, None)
        assert (one is None) == (other is None), name
        assert one is None or distance(one, other) < 1e-4, (name, one, other)
    if getattr(theirs, "best_weights", None) is not None:
        for one, other in zip(theirs.best_weights, ours.best_weights, strict=True):
            assert distance(one, other) < 1e-4


def run_both(pair, make, **call):
    """Train both with callbacks of their own; compare all that is left; return gatewise's history."""
    models, start = pair
    histories, used = [], []
    call = {"batch_size": 5, "epochs": EPOCHS, "shuffle": False, "verbose": 0, "validation_data": data(9, 2), **call}
    for model, fit in zip(models, (type(models[0]).fit, gw.fit), strict=True):
        write_values(model, start)
        own = make()
        histories.append(fit(model, *data(), callbacks=own, **call))
        used.append(own)
    assert history_distance(*histories) < 1e-4
    assert model_distance(*models) < 1e-4
    assert models[0].stop_training == models[1].stop_training
    assert len(used[0]) == len(used[1])
    for theirs, ours in zip(*used, strict=True):
        assert_same_callback(theirs, ours)
    return histories[1]


STOPPING = {
    "patience-0": {"patience": 0},
    "patience-2": {"patience": 2},
    "min-delta": {"patience": 1, "min_delta": 0.01},
    "training-loss": {"monitor": "loss", "patience": 1},
    "accuracy-by-its-name": {"monitor": "val_accuracy", "patience": 2},
    "largest": {"monitor": "val_loss", "mode": "max", "patience": 2},
    "min-delta-largest": {"monitor": "accuracy", "mode": "max", "patience": 1, "min_delta": 0.05},
    "baseline-missed": {"patience": 3, "baseline": 0.1},
    "baseline-met": {"patience": 2, "baseline": 5.0},
    "late": {"patience": 1, "start_from_epoch": 6},
    "restore": {"patience": 3, "restore_best_weights": True},
    "restore-late": {"patience": 2, "start_from_epoch": 3, "restore_best_weights": True},
}


@pytest.mark.parametrize("settings", STOPPING.values(), ids=STOPPING)
def test_early_stopping(settings, pair):
    history = run_both(pair, lambda: [callbacks.EarlyStopping(**settings)])
    assert len(history.epoch) < EPOCHS
    assert history.stopped_epoch == len(history.epoch) - 1


def test_early_stopping_says_what_keras_says(pair, capsys):
    run_both(pair, lambda: [callbacks.EarlyStopping(patience=3, restore_best_weights=True, verbose=1)])
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "Epoch 6: early stopping"
    assert said[:2] == said[2:]


@pytest.mark.parametrize(
    "settings", [{"patience": 50}, {"patience": 50, "restore_best_weights": True}], ids=["keep", "restore"]
)
def test_early_stopping_that_never_fires(settings, pair):
    """Keras restores the best weights at the end of every run."""
    history = run_both(pair, lambda: [callbacks.EarlyStopping(**settings)])
    assert len(history.epoch) == EPOCHS
    assert history.stopped_epoch is None
    losses = history.history["val_loss"]
    assert min(losses) < losses[-1]


@pytest.mark.parametrize("freq", [2, 3, [1, 2, 5, 9, 11, 12], [4]], ids=str)
def test_epochs_without_validation_do_not_count(freq, pair):
    make = lambda: [callbacks.EarlyStopping(patience=1), callbacks.ReduceLROnPlateau(patience=0, factor=0.9)]  # noqa: E731
    with warnings.catch_warnings():
        # Keras warns in every epoch that is not validated.
        warnings.filterwarnings("ignore", "Early stopping conditioned|Learning rate reduction is")
        history = run_both(pair, make, validation_freq=freq)
    validated = [epoch for epoch in history.epoch if ((epoch + 1) % freq == 0 if freq in (2, 3) else epoch + 1 in freq)]
    assert len(history.history["val_loss"]) == len(validated) > 0


def test_an_epoch_counted_from_later(pair):
    history = run_both(pair, lambda: [callbacks.EarlyStopping(patience=1)], initial_epoch=2)
    assert history.epoch[0] == 2


PLATEAU = {
    "patience-1": {"patience": 1, "factor": 0.5},
    "cooldown": {"patience": 0, "cooldown": 2, "factor": 0.5},
    "least-rate": {"patience": 0, "factor": 0.1, "min_lr": 0.02},
    "min-delta": {"patience": 1, "min_delta": 0.05, "factor": 0.3},
    "largest": {"patience": 1, "monitor": "val_accuracy", "factor": 0.5, "min_delta": 0.0},
    "never": {"patience": 40},
}


@pytest.mark.parametrize("settings", PLATEAU.values(), ids=PLATEAU)
def test_reduce_on_plateau(settings, pair):
    history = run_both(pair, lambda: [callbacks.ReduceLROnPlateau(**settings)])
    rates = history.history["learning_rate"]
    assert rates[0] == 1.0
    assert (len(set(rates)) > 1) == (settings["patience"] < 40)


SCHEDULES = {
    "of-epoch": lambda epoch: 1.0 / (1 + epoch),
    "of-rate": lambda epoch, rate: rate * 0.9,
    "of-both": lambda epoch, rate: np.float32(rate) if epoch < 4 else rate * float(np.exp(-0.1)),
}


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_schedules(schedule, pair):
    history = run_both(pair, lambda: [callbacks.LearningRateScheduler(schedule)])
    assert len(set(history.history["learning_rate"])) > 3


def test_a_schedule_from_a_later_epoch(pair):
    run_both(pair, lambda: [callbacks.LearningRateScheduler(lambda epoch, rate: rate / (1 + epoch))], initial_epoch=3)


def test_a_schedule_has_to_return_a_float(pair):
    (_, model), _ = pair
    with pytest.raises(UsageError) as refused:
        gw.fit(model, *data(), batch_size=5, callbacks=callbacks.LearningRateScheduler(lambda epoch: None), verbose=0)
    assert (
        str(refused.value) == "The schedule of LearningRateScheduler returned None for epoch 0: it must return a float."
    )


TOGETHER = {
    "schedule-and-stopping": lambda: [
        callbacks.LearningRateScheduler(SCHEDULES["of-rate"]),
        callbacks.EarlyStopping(patience=2, restore_best_weights=True),
    ],
    "schedule-and-plateau": lambda: [
        callbacks.LearningRateScheduler(SCHEDULES["of-rate"]),
        callbacks.ReduceLROnPlateau(patience=1, factor=0.5),
    ],
    "plateau-and-stopping": lambda: [
        callbacks.ReduceLROnPlateau(patience=1, factor=0.5),
        callbacks.EarlyStopping(patience=4, restore_best_weights=True),
    ],
    "two-stoppings": lambda: [
        callbacks.EarlyStopping(patience=2, restore_best_weights=True),
        callbacks.EarlyStopping("accuracy", patience=3),
    ],
    "nan-and-stopping": lambda: [callbacks.TerminateOnNaN(), callbacks.EarlyStopping(patience=2)],
}


@pytest.mark.parametrize("make", TOGETHER.values(), ids=TOGETHER)
def test_callbacks_together(make, pair):
    run_both(pair, make)


@pytest.mark.parametrize("weights_only", [False, True], ids=["model", "weights"])
@pytest.mark.parametrize("settings", [{}, {"monitor": "accuracy"}, {"initial_value_threshold": 0.7}], ids=str)
def test_the_best_model_is_written(weights_only, settings, pair, tmp_path):
    names = iter(("theirs", "ours"))
    ending = ".weights.h5" if weights_only else ".keras"
    make = lambda: [  # noqa: E731
        callbacks.ModelCheckpoint(
            tmp_path / (next(names) + ending), save_best_only=True, save_weights_only=weights_only, **settings
        ),
        callbacks.EarlyStopping(patience=3),
    ]
    run_both(pair, make)
    written = []
    for name in ("theirs", "ours"):
        model = build() if weights_only else keras.saving.load_model(tmp_path / (name + ending))
        if weights_only:
            model.optimizer.build(model.trainable_variables)
            model.load_weights(tmp_path / (name + ending))
        written.append(model)
    assert model_distance(*written) < 1e-4


def test_no_file_where_nothing_was_better(pair, tmp_path):
    path = tmp_path / "never.keras"
    run_both(pair, lambda: [callbacks.ModelCheckpoint(path, save_best_only=True, initial_value_threshold=0.001)])
    assert not path.exists()


def test_what_is_watched_must_be_there(pair):
    """Keras warns in every epoch; here it is said once, before the run."""
    (_, model), start = pair
    write_values(model, start)
    with pytest.warns(GatewiseWarning) as caught:
        history = gw.fit(
            model, *data(), batch_size=5, epochs=3, verbose=0, callbacks=callbacks.EarlyStopping(patience=0)
        )
    assert len(history.epoch) == 3
    assert [str(warning.message) for warning in caught if warning.category is GatewiseWarning] == [
        "EarlyStopping watches 'val_loss', which this run does not have, and will not act: the run has loss, accuracy."
    ]
