"""Law: an ensemble trained by a kernel ends where the general way ends, whatever the network, the run and the vectors."""

import dataclasses

import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.errors import GatewiseWarning
from gatewise.recurrent.activations import hard_sigmoid_keras2
from gatewise.recurrent.kernels import library, target
from gatewise.training import run
from gatewise.training.callbacks import sort_callbacks
from gatewise.training.fit import make_plan, rate_position
from gatewise.training.preparation import Wishes, build_metrics, prepare
from gatewise.training.small_ensembles import calls, choice, selftest
from gatewise.training.state import read_values
from training.comparison import distance

keras = import_keras()
layers = keras.layers
pytestmark = pytest.mark.usefixtures("quickly_compiled")

# More than one block of the widest vectors, the last one not full, on each of two devices.
MEMBERS, ROWS, TIME, FEATURES = 35, 11, 3, 2
CLOSE = 1e-4


@dataclasses.dataclass(frozen=True)
class Case:
    """A network, and how its ensemble is trained."""

    name: str
    hidden: object
    optimizer: object = dataclasses.field(default=lambda: keras.optimizers.Adam(0.02))
    loss: object = "mse"
    batch: int = 4
    outputs: int = 1
    targets: int | None = None
    stateful: bool = False
    member_data: bool = False
    call: dict = dataclasses.field(default_factory=dict)

    @property
    def rows(self):
        return ROWS - ROWS % self.batch if self.stateful else ROWS

    def model(self):
        batch = self.batch if self.stateful else None
        head = layers.Dense(self.outputs)
        model = keras.Sequential([keras.Input(batch_shape=(batch, TIME, FEATURES)), *self.hidden(), head])
        model.compile(self.optimizer(), self.loss)
        return model

    def train(self, **call):
        front = (MEMBERS, self.rows) if self.member_data else (self.rows,)
        draw = np.random.default_rng(4).normal
        x = draw(size=(*front, TIME, FEATURES)).astype("float32")
        y = (x.mean(axis=(-1, -2))[..., None] + 0.3 * draw(size=(*front, self.targets or self.outputs))).astype(
            "float32"
        )
        options = {"members": MEMBERS, "batch_size": self.batch, "epochs": 3, "seed": 5, "verbose": 0}
        return gw.fit_ensemble(self.model(), x, y, member_data=self.member_data, **options | self.call | call)


def stacked(first, second, **options):
    return lambda: [first(3, return_sequences=True, **options), second(5, **options)]


def sgd(**options):
    return lambda: keras.optimizers.SGD(0.05, **options)


def stopping():
    return [keras.callbacks.EarlyStopping("val_loss", patience=1, restore_best_weights=True)]


OLD = {"recurrent_activation": hard_sigmoid_keras2}
WEIGHTS = np.linspace(0.2, 2, ROWS, dtype="float32")
ALONE = Case("lstm", lambda: [layers.LSTM(4)], batch=1)
SIMPLE = Case("simple", lambda: [layers.SimpleRNN(7)], sgd(), keras.losses.MeanSquaredError(), batch=5)
CASES = [
    Case("gru", lambda: [layers.GRU(5)], sgd(momentum=0.9, nesterov=True), "mae", outputs=3),
    Case("gru-before", lambda: [layers.GRU(6, reset_after=False, **OLD)], member_data=True, call={"shuffle": False}),
    Case("wide", lambda: [layers.LSTM(17)], sgd(momentum=0.5), "mae", call={"sample_weight": WEIGHTS, "devices": 1}),
    Case(
        "stacked", stacked(layers.GRU, layers.LSTM), outputs=2, call={"validation_split": 0.2, "callbacks": stopping()}
    ),
    Case("quantiles", lambda: [layers.LSTM(3)], loss=gw.losses.Pinball([0.1, 0.5, 0.9]), outputs=3, targets=1),
    Case("quantile", lambda: [layers.SimpleRNN(3)], loss=gw.losses.Pinball(0.8), outputs=2),
    Case("stateful", stacked(layers.LSTM, layers.LSTM, stateful=True, **OLD), batch=1, stateful=True),
    Case(
        "stateful-batches",
        stacked(layers.SimpleRNN, layers.GRU, stateful=True),
        stateful=True,
        call={"reset_states": "batch", "shuffle": False},
    ),
]
BY_NAME = {case.name: case for case in CASES}
every_case = pytest.mark.parametrize("name", BY_NAME)


@pytest.fixture(autouse=True)
def any_size(monkeypatch):
    """Let the smallest job take a kernel, and leave the self-test out: the law is the same test with more members."""
    monkeypatch.setattr(choice, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(selftest, "fault", lambda kernel, model, plan: kernel.load())


@pytest.fixture(scope="module")
def general():
    """The general way of every case, done once."""
    known = {}

    def train(name):
        if name not in known:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("GATEWISE_KERNELS", "0")
                known[name] = BY_NAME[name].train()
        return known[name]

    return train


def check_equal(ours, theirs):
    assert ours.history.way.startswith("kernel")
    assert theirs.history.way == "general: GATEWISE_KERNELS=0"
    assert ours.history.history.keys() == theirs.history.history.keys()
    for name, losses in theirs.history.history.items():
        np.testing.assert_allclose(ours.history.history[name], losses, rtol=CLOSE, atol=1e-6, err_msg=name)
    assert ours.history.steps == theirs.history.steps
    assert ours.history.stopped_epoch == theirs.history.stopped_epoch
    for group in ("trainable", "optimizer", "recurrent"):
        least = 1e-3 if group == "optimizer" else 1e-12
        for number, pair in enumerate(zip(getattr(theirs.values, group), getattr(ours.values, group), strict=True)):
            assert distance(*pair, least) < CLOSE, (group, number)


@every_case
def test_kernel_ends_where_the_general_way_ends(general, name):
    ours, theirs = BY_NAME[name].train(), general(name)
    check_equal(ours, theirs)
    moved = ours.history.history["loss"]
    assert not np.allclose(moved[:, 0], moved[:, -1], rtol=1e-3)


@pytest.mark.parametrize(("name", "width"), [("stacked", 4), ("gru-before", 8)])
def test_narrower_vectors_make_no_difference(general, name, width, monkeypatch):
    monkeypatch.setenv("GATEWISE_VECTOR_WIDTH", str(width))
    cached = (target.shape, library.code_version, calls.code_version)
    for function in cached:
        function.cache_clear()
    try:
        assert target.shape().lanes == width
        check_equal(BY_NAME[name].train(), general(name))
    finally:
        monkeypatch.undo()
        for function in cached:
            function.cache_clear()


def test_a_member_is_the_solo_run_with_its_seed():
    case, member = ALONE, 20
    ensemble = case.train()
    assert ensemble.history.way.startswith("kernel")
    alone, seed = case.model(), gw.member_seed(5, member)
    draw = np.random.default_rng(4).normal
    x = draw(size=(ROWS, TIME, FEATURES)).astype("float32")
    y = (x.mean(axis=(-1, -2))[..., None] + 0.3 * draw(size=(ROWS, 1))).astype("float32")
    gw.initialize(alone, seed)
    history = gw.fit(alone, x, y, batch_size=1, epochs=3, seed=seed, verbose=0)
    np.testing.assert_allclose(ensemble.history.history["loss"][member], history.history["loss"], rtol=CLOSE)
    for ours, theirs in zip(ensemble.values.trainable, read_values(alone).trainable, strict=True):
        assert distance(theirs, ours[member]) < CLOSE


def test_it_makes_no_difference_where_the_run_is_cut(monkeypatch):
    whole = BY_NAME["stateful"].train()
    # Three steps a dispatch: it begins in the middle of epochs, and ends there.
    monkeypatch.setattr(run.Pace, "learn", lambda pace, steps, seconds: setattr(pace, "steps", 3))
    cut = BY_NAME["stateful"].train()
    for name, losses in whole.history.history.items():
        # The sum of an epoch's losses is taken up again in another order.
        np.testing.assert_allclose(cut.history.history[name], losses, rtol=1e-6)
    for ours, theirs in zip(cut.values.trainable, whole.values.trainable, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_members_whose_loss_is_not_finite_keep_their_last_weights(monkeypatch):
    case = dataclasses.replace(SIMPLE, call={"shuffle": False})
    rates = [0.05] * (MEMBERS - 1) + [1e30]
    ended = []
    for switch in ("1", "0"):
        monkeypatch.setenv("GATEWISE_KERNELS", switch)
        with pytest.warns(GatewiseWarning, match=f"1 of {MEMBERS} members became NaN or infinite, first of member 34"):
            ended.append(case.train(learning_rates=rates))
    ours, theirs = ended
    assert ours.history.bad == theirs.history.bad == {34: (0, 1)}
    for group in ("trainable", "optimizer"):
        for one, other in zip(getattr(theirs.values, group), getattr(ours.values, group), strict=True):
            np.testing.assert_allclose(other, one, rtol=CLOSE, atol=1e-5)


# -- which ensembles take a kernel ------------------------------------------------------------------------------------


def dense(**options):
    return layers.Dense(1, **options)


def refused(*hidden, head=None, optimizer="adam", loss="mse", **options):
    model = keras.Sequential([keras.Input((TIME, FEATURES)), *hidden, head or dense()])
    model.compile(optimizer, loss, **options)
    return model


def two_inputs():
    one, other = keras.Input((TIME, FEATURES)), keras.Input((TIME, FEATURES))
    model = keras.Model([one, other], dense()(layers.LSTM(3)(layers.add([one, other]))))
    model.compile("adam", "mse")
    return model


class Own(keras.Sequential):
    pass


def own():
    model = Own([keras.Input((TIME, FEATURES)), layers.LSTM(3), dense()])
    model.compile("adam", "mse")
    return model


def frozen():
    model = refused(layers.LSTM(3))
    model.layers[0].trainable = False
    model.compile("adam", "mse")
    return model


REASONS = {
    "the model is no chain of layers": two_inputs,
    "the model is of a class of its own, Own": own,
    "the model is no chain of LSTM, GRU or SimpleRNN layers with a Dense layer at its end": lambda: refused(
        layers.LSTM(3), layers.Activation("tanh"), head=layers.Reshape((3,))
    ),
    "dropout is a Dropout layer": lambda: refused(layers.LSTM(3), layers.Dropout(0.1, name="dropout")),
    "big has more than 32 units": lambda: refused(layers.GRU(33, name="big")),
    "wet has dropout": lambda: refused(layers.GRU(3, dropout=0.1, name="wet")),
    "odd has other activations": lambda: refused(layers.SimpleRNN(3, activation="relu", name="odd")),
    "bare has no bias": lambda: refused(layers.LSTM(3, use_bias=False, name="bare")),
    "back reads its input backwards, or returns its state": lambda: refused(
        layers.LSTM(3, go_backwards=True, name="back")
    ),
    "every returns every step": lambda: refused(layers.LSTM(3, return_sequences=True, name="every")),
    "top has an activation, a penalty or no bias": lambda: refused(
        layers.LSTM(3), head=dense(activation="relu", name="top")
    ),
    "it has penalties or constraints on its weights": lambda: refused(layers.LSTM(3, kernel_regularizer="l2")),
    "a layer is frozen": frozen,
    "the model has metrics besides its loss": lambda: refused(layers.LSTM(3), metrics=["mae"]),
    "its loss is not mse, mae or Pinball": lambda: refused(layers.LSTM(3), loss=keras.losses.Huber()),
    "its loss has a weight": lambda: refused(layers.LSTM(3), loss_weights=[2.0]),
    "its optimizer is RMSprop": lambda: refused(layers.LSTM(3), optimizer="rmsprop"),
    "its optimizer has clipnorm": lambda: refused(layers.LSTM(3), optimizer=keras.optimizers.Adam(clipnorm=1.0)),
    "its optimizer has use_ema": lambda: refused(layers.LSTM(3), optimizer=keras.optimizers.Adam(use_ema=True)),
    "its optimizer is Adam with amsgrad": lambda: refused(
        layers.LSTM(3), optimizer=keras.optimizers.Adam(amsgrad=True)
    ),
    "its learning rate is a schedule": lambda: refused(
        layers.LSTM(3), optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 9))
    ),
}


def planned(model, x, y, batch=4):
    """Return what `fit_ensemble` would choose for ten thousand members."""
    data, _, options = prepare(model, (x, y, None, None), None, 0.0, None, Wishes(batch_size=batch), None)
    build_metrics(model, data, options.batch_size)
    plan = make_plan(model, data, None, sort_callbacks(model, None, rate_position(model)), options, MEMBERS)
    return choice.choose(model, data, plan, (10_000, 100, 2))


@pytest.mark.parametrize("reason", REASONS)
def test_the_general_way_says_why(reason):
    model = REASONS[reason]()
    x = np.ones((8, TIME, FEATURES), "float32")
    way = planned(model, [x, x] if len(model.inputs) == 2 else x, np.ones((8, *model.output_shape[1:]), "float32"))
    assert way == (None, f"general: {reason}")


def test_targets_of_another_shape_are_left_to_the_general_way():
    x = np.ones((8, TIME, FEATURES), "float32")
    assert (
        planned(refused(layers.LSTM(3)), x, np.ones((8, 1, 1), "float32")).words == "general: y has the shape (8, 1, 1)"
    )


def test_the_choice_depends_on_the_size_of_the_job(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(selftest, "fault", lambda kernel, model, plan: None)
    x, model = np.ones((8, TIME, FEATURES), "float32"), refused(layers.LSTM(3))
    assert planned(model, x, x[:, 0, :1]).words.startswith("kernel: one member a lane, ")
    monkeypatch.setattr(choice, "LEAST_SECONDS", 100.0)
    assert planned(model, x, x[:, 0, :1]).words == "general: it is too little work"
    # What is too little by itself is enough, if there is a lot of it.
    with choice.shared_by(10**9):
        assert planned(model, x, x[:, 0, :1]).words.startswith("kernel: one member a lane, ")
    assert planned(model, x, x[:, 0, :1]).words == "general: it is too little work"
    # A step whose rows fill more than the processor's caches is no quicker.
    monkeypatch.setattr(choice, "LEAST_SECONDS", 0.0)
    long = np.ones((512, 256, FEATURES), "float32")
    model = keras.Sequential([keras.Input((256, FEATURES)), layers.LSTM(32), dense()])
    model.compile("adam", "mse")
    assert planned(model, long, long[:, 0, :1], 256).words == "general: the rows of a step are more than fits a cache"


def test_a_kernel_that_fails_its_self_test_is_not_used(monkeypatch, tmp_path, caplog):
    monkeypatch.undo()
    monkeypatch.setattr(choice, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(selftest, "_answers", {})
    monkeypatch.setenv("GATEWISE_CACHE", str(tmp_path))
    deviation, asked = selftest.deviation, []
    monkeypatch.setattr(selftest, "deviation", lambda *given: asked.append(deviation(*given)) or asked[-1] + 0.5)
    x, model = np.ones((8, TIME, FEATURES), "float32"), refused(layers.SimpleRNN(2))
    way = planned(model, x, x[:, 0, :1])
    assert way == (None, "general: its self-test differs from the general way by 5.0e-01")
    assert "without its kernel" in caplog.text
    assert asked[0] < 1e-5
    # One that passes is believed the next time.
    monkeypatch.setattr(selftest, "_answers", {})
    monkeypatch.setattr(selftest, "deviation", lambda *given: 0.0)
    assert planned(model, x, x[:, 0, :1]).words.startswith("kernel")
    monkeypatch.setattr(selftest, "_answers", {})
    monkeypatch.setattr(selftest, "deviation", lambda *given: pytest.fail("was tested again"))
    assert planned(model, x, x[:, 0, :1]).words.startswith("kernel")
