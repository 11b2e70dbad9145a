"""Law: order and dropout come from the seed alone, differ wherever they should, and nothing else draws or is drawn from."""

import itertools
import random

import jax
import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.training import program as program_module
from gatewise.training import run as run_module
from gatewise.training.order import run_key, run_keys
from gatewise.training.state import model_variables, read_values, write_values

keras = import_keras()
layers = keras.layers

ROWS, BATCH, EPOCHS, UNITS = 8, 3, 4, 24
STEPS = 3


class Remembers(layers.Layer):
    """Writes down what it is given in training, step after step: the masks, where the inputs are ones."""

    def build(self, shape):
        self.seen = self.add_weight(shape=(EPOCHS * STEPS, 2, shape[-1]), initializer="zeros", trainable=False)
        self.count = self.add_weight(shape=(), dtype="int32", initializer="zeros", trainable=False)

    def call(self, x, training=False):
        if training:
            seen, count = map(keras.ops.convert_to_tensor, (self.seen, self.count))
            self.seen.assign(keras.ops.slice_update(seen, (count, 0, 0), x[None, :2]))
            self.count.assign(self.count + 1)
        return x


def watched():
    """A model that remembers the masks of two dropout layers."""
    keras.utils.set_random_seed(1)
    x = keras.Input((UNITS,))
    first, second = (Remembers(name=name)(layers.Dropout(0.5)(x)) for name in ("first", "second"))
    model = keras.Model(x, layers.Dense(1)(layers.Add()([first, second])))
    model.compile("sgd", "mse")
    return model


def masks_of(model, values):
    """Return the masks ``(…, epochs × steps, layers × rows, units)``; every second row is of the same layer."""
    parts = [
        np.asarray(values[position])
        for position, variable in enumerate(model.non_trainable_variables)
        if variable.shape == (EPOCHS * STEPS, 2, UNITS)
    ]
    assert len(parts) == 2
    return np.concatenate(parts, axis=-2)


def assert_all_different(masks):
    rows = masks.reshape(-1, UNITS)
    assert set(np.unique(rows)) == {0.0, 2.0}
    assert 0.4 < (rows == 0).mean() < 0.6
    assert len({row.tobytes() for row in rows}) == len(rows)


def test_masks_differ_between_rows_layers_steps_and_epochs():
    model = watched()
    gw.fit(model, np.ones((ROWS, UNITS)), np.ones((ROWS, 1)), batch_size=BATCH, epochs=EPOCHS, verbose=0)
    assert_all_different(masks_of(model, [variable.value for variable in model.non_trainable_variables]))


def test_masks_differ_between_members():
    model = watched()
    ensemble = gw.fit_ensemble(
        model, np.ones((ROWS, UNITS)), np.ones((ROWS, 1)), members=3, batch_size=BATCH, epochs=EPOCHS, verbose=0
    )
    assert_all_different(masks_of(model, ensemble.values.non_trainable))


def test_orders_differ_between_members_and_epochs():
    """Every row trains a weight of its own, by a step that shrinks from one step to the next: what is left is the order."""
    x = keras.Input((ROWS,))
    model = keras.Model(x, layers.Dense(1, use_bias=False, kernel_initializer="zeros")(x))
    rate = keras.optimizers.schedules.ExponentialDecay(1.0, 1, 0.5)
    model.compile(keras.optimizers.SGD(rate), keras.losses.MeanAbsoluteError())
    data, target = np.eye(ROWS), np.full((ROWS, 1), 1e6)
    ensemble = gw.fit_ensemble(model, data, target, members=4, batch_size=1, epochs=1, verbose=0)
    orders = [tuple(np.argsort(-weights[:, 0])) for weights in ensemble.values.trainable[0]]
    assert all(sorted(order) == list(range(ROWS)) for order in orders)
    assert len(set(orders)) == 4
    for member, order in enumerate(orders):
        seed = gw.member_seed(0, member)
        gw.initialize(model, seed)
        gw.fit(model, data, target, batch_size=1, epochs=1, seed=seed, verbose=0)
        assert tuple(np.argsort(-model.get_weights()[0][:, 0])) == order


# -- what changes nothing --------------------------------------------------------------------------------------------


def build():
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((2, 1)),
            layers.LSTM(3, dropout=0.2),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(0.02), "mse", metrics=["mae"])
    return model


def data(rows=10, seed=1):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(rows, 2, 1)).astype("float32")
    return x, (x.sum(axis=1) + generator.normal(size=(rows, 1))).astype("float32")


def train(model=None, **call):
    """Train five epochs; return all that the model holds then, to the last bit.

    Only the seeds that Keras counts up are left out: a callback that predicts moves them, and training reads none.
    """
    model = model or build()
    gw.fit(model, *data(), **{"batch_size": 4, "epochs": 5, "verbose": 0, "seed": 3, **call})
    variables = jax.tree.leaves(tuple(model_variables(model)))
    return [np.asarray(variable.value).tobytes() for variable in variables if "seed_generator" not in variable.path]


@pytest.fixture(scope="module")
def alone():
    """What a run without anything leaves."""
    return train()


class Looks(keras.callbacks.Callback):
    """Looks at everything and predicts in between, which in Keras moves the dropout."""

    def on_epoch_end(self, epoch, logs=None):
        self.model.predict(data()[0], verbose=0)
        self.model.layers[2](np.ones((1, 3)), training=True)
        gw.predict(self.model, data()[0])


class LooksAtSteps(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.last = self.model.get_weights()


SETTINGS = {
    "validation": lambda: {"validation_data": data(7, 2)},
    "validation-at-times": lambda: {"validation_data": data(7, 2), "validation_freq": 3},
    "line-an-epoch": lambda: {"verbose": 2},
    "bar": lambda: {"verbose": 1},
    "callback": lambda: {"callbacks": [keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None)]},
    "looking": lambda: {"callbacks": [Looks()], "validation_data": data(7, 2)},
    "looking-at-steps": lambda: {"callbacks": [LooksAtSteps()]},
    "early-stopping": lambda: {
        "validation_data": data(7, 2),
        "callbacks": [keras.callbacks.EarlyStopping(patience=20)],
    },
    "early-stopping-on-loss": lambda: {"callbacks": [keras.callbacks.EarlyStopping("loss", patience=20)]},
    "plateau": lambda: {"callbacks": [keras.callbacks.ReduceLROnPlateau("loss", patience=20)]},
    "same-rate": lambda: {"callbacks": [keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate)]},
    "nan": lambda: {"callbacks": [keras.callbacks.TerminateOnNaN()]},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_what_only_looks_on_changes_nothing(settings, alone):
    assert train(**settings()) == alone


def test_saving_changes_nothing(alone, tmp_path):
    best = keras.callbacks.ModelCheckpoint(
        tmp_path / "best.weights.h5", "loss", save_best_only=True, save_weights_only=True
    )
    assert train(checkpoint=tmp_path / "run", callbacks=[best]) == alone


@pytest.mark.parametrize("seconds", [0.0, 1e-4])
def test_where_a_run_is_cut_changes_nothing(seconds, alone, monkeypatch):
    monkeypatch.setattr(run_module, "DISPATCH_SECONDS", seconds)
    assert train() == alone


def test_how_rows_are_fetched_changes_nothing(alone, monkeypatch):
    """Data too large for a shuffled copy are gathered batch by batch: for one model, and for the members of an ensemble."""
    call = {"members": 3, "batch_size": 4, "epochs": 2, "verbose": 0}
    ensembles = [gw.fit_ensemble(build(), *data(), **call)]
    monkeypatch.setattr(program_module, "SHUFFLED_COPY_UP_TO", 0)
    assert train() == alone
    ensembles.append(gw.fit_ensemble(build(), *data(), **call))
    for first, second in zip(*(jax.tree.leaves(ensemble.values) for ensemble in ensembles), strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_model_that_predicted_before_trains_the_same(alone):
    model = build()
    model.predict(data()[0], verbose=0)
    model.layers[2](np.ones((1, 3)), training=True)
    gw.predict(model, data()[0])
    seeds = [variable for variable in model.non_trainable_variables if "seed_generator" in variable.path]
    assert seeds
    moved = [np.asarray(variable.value) for variable in seeds]
    assert train(model) == alone
    # Training leaves the seeds that Keras counts up as it found them.
    for variable, value in zip(seeds, moved, strict=True):
        np.testing.assert_array_equal(variable.value, value)


def test_the_same_again_and_another_seed(alone):
    model = build()
    start = jax.tree.map(np.array, read_values(model))
    assert train(model) == alone
    write_values(model, start)
    assert train(model) == alone
    write_values(model, start)
    assert train(model, seed=4) != alone


def test_every_bit_of_a_seed_counts():
    model = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.random.default_rng(0).normal(size=(2, 20, 2))
    start = jax.tree.map(np.array, read_values(model))
    results = set()
    seeds = (1, 1 + 2**31, 1 + 2**32, 1 + 2**62)
    for seed in seeds:
        write_values(model, start)
        gw.fit(model, x, y[:, :1], batch_size=1, seed=seed, verbose=0)
        results.add(model.get_weights()[0].tobytes())
        gw.initialize(model, seed)
        results.add(model.get_weights()[0].tobytes())
    assert len(results) == 2 * len(seeds)


def test_members_have_seeds_of_their_own():
    seeds = {gw.member_seed(seed, member) for seed, member in itertools.product(range(30), range(30))}
    assert len(seeds) == 900
    assert all(0 <= seed < 2**31 for seed in seeds)


def global_states():
    keras_generator = keras.src.backend.common.global_state.get_global_attribute("global_seed_generator")
    return (
        random.getstate(),
        [np.asarray(part).tolist() for part in np.random.get_state()[1:]],
        None if keras_generator is None else np.asarray(keras_generator.state.value).tolist(),
    )


def test_nobody_elses_generator_is_touched():
    model = build()
    x, y = data()
    keras.random.uniform((1,))
    before = global_states()
    assert before[2] is not None
    gw.fit(model, x, y, batch_size=4, verbose=0, validation_data=data(4))
    gw.predict(model, x)
    gw.evaluate(model, x, y, batch_size=4)
    assert global_states() == before
    gw.initialize(model, 3)
    assert global_states() == before
    ensemble = gw.fit_ensemble(model, x, y, members=2, batch_size=4, verbose=0)
    assert global_states() == before
    ensemble.predict(x)
    ensemble.member(1)
    assert global_states() == before


@pytest.mark.parametrize("seeds", [[0, 1, 2**31, 2**32 - 1], [3, 2**40 + 7]], ids=["32 bits", "more"])
def test_keys_of_many_runs_are_the_keys_of_each(seeds):
    together = jax.random.key_data(run_keys(seeds))
    assert np.array_equal(together, [jax.random.key_data(run_key(seed)) for seed in seeds])
