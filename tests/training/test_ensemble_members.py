"""Law: member k of an ensemble is the solo run with member k's seed; devices and blocks make no difference."""

import dataclasses

import jax
import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.errors import GatewiseWarning, NonFiniteLossError, UsageError
from gatewise.training.compiled import ProgramStore
from gatewise.training.state import read_values
from training.comparison import distance

keras = import_keras()
layers = keras.layers
pytestmark = pytest.mark.usefixtures("quickly_compiled")

MEMBERS, ROWS, TIME = 5, 14, 3
CLOSE = 1e-5


def plain():
    return keras.Sequential([keras.Input((TIME, 1)), layers.SimpleRNN(3), layers.Dense(1)])


def random():
    """Dropout, and statistics of batches."""
    return keras.Sequential(
        [
            keras.Input((TIME, 1)),
            layers.Flatten(),
            layers.Dropout(0.2),
            layers.Dense(4, "tanh"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(1),
        ]
    )


def random_recurrence():
    return keras.Sequential(
        [
            keras.Input((TIME, 1)),
            layers.SimpleRNN(3, dropout=0.2, recurrent_dropout=0.2),
            layers.GaussianNoise(0.1),
            layers.Dense(1),
        ]
    )


def stateful():
    return keras.Sequential(
        [keras.Input(batch_shape=(7, TIME, 1)), layers.SimpleRNN(3, stateful=True, dropout=0.2), layers.Dense(1)]
    )


def data(rows=ROWS, members=None, seed=2):
    generator = np.random.default_rng(seed)
    lead = () if members is None else (members,)
    x = generator.normal(size=(*lead, rows, TIME, 1)).astype("float32")
    return x, (x.sum(axis=-2) + generator.normal(size=(*lead, rows, 1))).astype("float32")


def early_stopping():
    # The targets are half noise: the validation loss turns early, and not for all members in the same epoch.
    return [keras.callbacks.EarlyStopping("val_loss", patience=1, restore_best_weights=True)]


def on_plateau():
    return [keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.3, patience=1, cooldown=1)]


def scheduled():
    return [keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.8)]


@dataclasses.dataclass(frozen=True)
class Case:
    """A way to train an ensemble."""

    name: str
    network: object = plain
    optimizer: object = dataclasses.field(default=lambda: keras.optimizers.Adam(0.03))
    call: object = dict
    member_data: bool = False


CASES = [
    Case("plain"),
    Case("in-order", call=lambda: {"shuffle": False}),
    Case("random", random),
    Case("random-recurrence", random_recurrence),
    Case("validation", random, call=lambda: {"validation_data": data(9, seed=3), "validation_freq": 2}),
    Case("split", call=lambda: {"validation_split": 0.3, "sample_weight": np.linspace(0.1, 2, ROWS, dtype="float32")}),
    Case(
        "early-stopping",
        random,
        lambda: keras.optimizers.Adam(0.3),
        lambda: {"validation_data": data(9, seed=3), "callbacks": early_stopping(), "epochs": 12},
    ),
    Case(
        "plateau",
        optimizer=lambda: keras.optimizers.SGD(0.05, momentum=0.5),
        call=lambda: {"validation_data": data(9, seed=3), "callbacks": on_plateau(), "epochs": 8},
    ),
    Case("schedule", call=lambda: {"callbacks": scheduled()}),
    Case("averaging", optimizer=lambda: keras.optimizers.Adam(0.03, use_ema=True, ema_momentum=0.8)),
    Case("own-data", random, call=lambda: {"validation_split": 0.3}, member_data=True),
    Case("own-rates", call=lambda: {"learning_rates": [0.001, 0.003, 0.01, 0.03, 0.1]}),
    Case("stateful", stateful, call=lambda: {"shuffle": False, "batch_size": 7}),
    Case("stateful-never-reset", stateful, call=lambda: {"shuffle": False, "batch_size": 7, "reset_states": "never"}),
]


def compiled(case):
    keras.utils.set_random_seed(4)
    model = case.network()
    model.compile(case.optimizer(), "mse", metrics=["mae"])
    return model


def train(case, model=None, seed=8, **more):
    x, y = data(members=MEMBERS if case.member_data else None)
    call = {"batch_size": 4, "epochs": 3, "verbose": 0, "seed": seed, **case.call(), **more}
    return gw.fit_ensemble(model or compiled(case), x, y, members=MEMBERS, member_data=case.member_data, **call)


def solo_runs(case, seed=8):
    """Yield for each member the model and the history of its solo run."""
    x, y = data(members=MEMBERS if case.member_data else None)
    model = compiled(case)
    for member in range(MEMBERS):
        call = {"batch_size": 4, "epochs": 3, "verbose": 0, **case.call()}
        rates = call.pop("learning_rates", None)
        own = gw.member_seed(seed, member)
        # The run before may have changed it, and `initialize` keeps the learning rate that the model has.
        model.optimizer.learning_rate = float(case.optimizer().learning_rate.value) if rates is None else rates[member]
        gw.initialize(model, own)
        part = (x[member], y[member]) if case.member_data else (x, y)
        yield model, gw.fit(model, *part, seed=own, **call)


def assert_member(ensemble, member, model, history):
    """Compare weights, statistics, optimizer slots, recurrent state, history and the moment of stopping."""
    ours = jax.tree.leaves(jax.tree.map(lambda array: array[member], ensemble.values))
    for variable, array in zip(jax.tree.leaves(read_values(model)), ours, strict=True):
        assert distance(variable, array) < CLOSE
    assert ensemble.history.stopped_epoch[member] == history.stopped_epoch
    # A solo run that ends in its first epoch has no row at all, where a member has one of NaN.
    assert set(ensemble.history.history) == set(history.history) or not history.epoch
    for name, rows in ensemble.history.history.items():
        row = rows[member]
        assert distance(history.history.get(name, []), row[~np.isnan(row)]) < CLOSE


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_members_equal_solo_runs(case):
    ensemble = train(case)
    assert ensemble.seeds == tuple(gw.member_seed(8, member) for member in range(MEMBERS))
    for member, (model, history) in enumerate(solo_runs(case)):
        assert_member(ensemble, member, model, history)
    stopped = ensemble.history.stopped_epoch
    # Otherwise the case would not show that members stop by themselves.
    assert (len(set(stopped)) > 1) == (case.name == "early-stopping")
    weights = ensemble.values.trainable[0]
    assert all(distance(weights[0], other) > 1e-3 for other in weights[1:])


def test_a_member_is_an_ordinary_keras_model():
    case = CASES[2]
    ensemble = train(case)
    x, _ = data()
    for member, (model, _) in enumerate(solo_runs(case)):
        np.testing.assert_allclose(
            ensemble.member(member).predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-5
        )
        np.testing.assert_allclose(ensemble.predict(x)[member], model.predict(x, verbose=0), atol=1e-5)


def test_the_model_itself_is_left_as_it_was():
    case = CASES[2]
    model = compiled(case)
    before = jax.tree.map(np.array, read_values(model))
    train(case, model)
    jax.tree.map(np.testing.assert_array_equal, before, jax.tree.map(np.array, read_values(model)))


@pytest.mark.parametrize("name", ["random", "early-stopping", "own-data"])
def test_devices_make_no_difference(name):
    assert len(jax.devices()) == 2
    case = next(case for case in CASES if case.name == name)
    one, two = train(case, devices=1), train(case, devices=2)
    for first, second in zip(jax.tree.leaves(one.values), jax.tree.leaves(two.values), strict=True):
        assert distance(first, second) < CLOSE
    assert one.history.stopped_epoch == two.history.stopped_epoch


@pytest.mark.parametrize("name", ["random", "early-stopping", "own-data"])
def test_blocks_make_no_difference(name, caplog):
    case = next(case for case in CASES if case.name == name)
    model = compiled(case)
    with caplog.at_level("DEBUG", "gatewise"):
        whole = train(case, model, devices=1)
    mebibytes = next(float(r.args[0]) for r in caplog.records if "estimates" in r.msg)
    # Room for two members: three blocks, the last of which is filled up with copies.
    blocks = train(case, model, devices=1, max_memory=int(2.5 * mebibytes * 2**20))
    plans = [program.program.plan.members for program in ProgramStore.of(model, "fit_ensemble").programs.values()]
    assert plans == [MEMBERS, 2]
    for first, second in zip(jax.tree.leaves(whole.values), jax.tree.leaves(blocks.values), strict=True):
        assert distance(first, second) < CLOSE
    assert whole.history.stopped_epoch == blocks.history.stopped_epoch
    for losses, others in zip(whole.history.history.values(), blocks.history.history.values(), strict=True):
        np.testing.assert_allclose(losses, others, rtol=1e-5)


def test_more_members_do_not_change_the_first():
    case = CASES[2]
    x, y = data()
    call = {"batch_size": 4, "epochs": 2, "verbose": 0, "seed": 8}
    model = compiled(case)
    few = gw.fit_ensemble(model, x, y, members=2, **call)
    many = gw.fit_ensemble(compiled(case), x, y, members=7, **call)
    for first, second in zip(jax.tree.leaves(few.values), jax.tree.leaves(many.values), strict=True):
        assert distance(first, second[:2]) < CLOSE
    seeds = [gw.member_seed(8, 1), gw.member_seed(8, 0)]
    swapped = gw.fit_ensemble(model, x, y, members=2, **call, member_seeds=seeds)
    for first, second in zip(jax.tree.leaves(few.values), jax.tree.leaves(swapped.values), strict=True):
        assert distance(first, second[::-1]) < CLOSE
    with pytest.raises(UsageError, match="member_seeds has 1 value for 2 members: give one for each"):
        gw.fit_ensemble(model, x, y, members=2, **call, member_seeds=seeds[:1])


@pytest.mark.parametrize("batch", [4, 6])
def test_rows_spread_over_devices_make_no_difference(batch):
    """A batch of 4 rows on two devices; 14 rows leave a ragged step of 2 rows, batches of 6 as well."""
    histories, models = [], []
    for devices in (1, 2):
        model = compiled(CASES[2])
        x, y = data(15)
        call = {"batch_size": batch, "epochs": 3, "validation_data": data(9, seed=3), "verbose": 0, "seed": 8}
        histories.append(gw.fit(model, x, y, devices=devices, **call))
        models.append(read_values(model))
    for first, second in zip(*map(jax.tree.leaves, models), strict=True):
        assert distance(first, second) < CLOSE
    for name, values in histories[0].history.items():
        assert distance(values, histories[1].history[name]) < CLOSE


def test_rows_spread_over_devices_with_a_callback_on_the_host():
    """What a callback puts into the model comes from one device, and goes back to all."""

    class Doubles(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.set_weights([2 * array for array in self.model.get_weights()])

    results = []
    for devices in (1, 2):
        model = compiled(CASES[0])
        gw.fit(model, *data(), batch_size=4, epochs=3, devices=devices, callbacks=[Doubles()], verbose=0)
        results.append(model.get_weights())
    for first, second in zip(*results, strict=True):
        assert distance(first, second) < CLOSE


# -- members whose loss is not finite --------------------------------------------------------------------------------

RATES = [0.01, 1e6, 0.01, 0.02]


def diverging(rates, **call):
    model = compiled(Case("sgd", optimizer=lambda: keras.optimizers.SGD(0.01)))
    x, y = data()
    return gw.fit_ensemble(
        model, x, y, members=len(rates), batch_size=4, epochs=40, seed=8, verbose=0, learning_rates=rates, **call
    )


def solo_with_rate(member):
    model = compiled(Case("sgd", optimizer=lambda: keras.optimizers.SGD(0.01)))
    model.optimizer.learning_rate = RATES[member]
    own = gw.member_seed(8, member)
    gw.initialize(model, own)
    x, y = data()
    try:
        return model, gw.fit(model, x, y, batch_size=4, epochs=40, seed=own, verbose=0), None
    except NonFiniteLossError as error:
        return model, error.history, error


def test_one_diverging_member_is_named_and_the_others_go_on():
    with pytest.warns(GatewiseWarning) as caught:
        ensemble = diverging(RATES)
    model, history, error = solo_with_rate(1)
    assert error is not None
    assert ensemble.history.bad == {1: (error.epoch, error.step)}
    message = next(str(warning.message) for warning in caught if warning.category is GatewiseWarning)
    assert message == (
        f"The loss of 1 of 4 members became NaN or infinite, first of member 1 in epoch {error.epoch + 1}, step "
        f"{error.step + 1}; they keep their last finite weights. Try a smaller learning rate, clipnorm=1.0 in the "
        "optimizer, or data scaled to about -1 to 1."
    )
    assert all(np.isfinite(array).all() for array in ensemble.values.trainable)
    assert_member(ensemble, 1, model, history)
    for member in (0, 2, 3):
        model, history, error = solo_with_rate(member)
        assert error is None
        assert_member(ensemble, member, model, history)


def test_when_all_members_diverge_it_is_an_error():
    with pytest.raises(NonFiniteLossError, match="The loss of every member became NaN or infinite, first of member 0"):
        diverging([1e6, 1e7])


# -- what an ensemble cannot mean ------------------------------------------------------------------------------------


def test_a_schedule_and_rates_of_the_members_exclude_each_other():
    with pytest.raises(UsageError, match="LearningRateScheduler"):
        train(CASES[0], learning_rates=[0.1] * MEMBERS, callbacks=scheduled())


def test_class_weight_needs_the_same_rows_for_all():
    with pytest.raises(UsageError, match="class_weight"):
        train(next(case for case in CASES if case.member_data), class_weight={0: 1.0})
