"""Law: one trace and one compilation for each call of ``gw.fit``, none for a call like the last one, and the log says why."""

import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.errors import UsageError
from gatewise.training import run
from gatewise.training.compiled import ProgramStore, Traces

keras = import_keras()
layers = keras.layers

ROWS = 10


def build():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return model


def data(rows=ROWS):
    generator = np.random.default_rng(rows)
    return generator.normal(size=(rows, 3)), generator.normal(size=(rows, 1))


def call(**changes):
    """Return the arguments of a call with a ragged last batch, validation, early stopping and a schedule."""
    x, y = data()
    arguments = {
        "x": x,
        "y": y,
        "batch_size": 4,
        "epochs": 6,
        "validation_data": data(7),
        "callbacks": [
            keras.callbacks.EarlyStopping(patience=50),
            keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.9 * rate),
        ],
        "verbose": 0,
    }
    return {**arguments, **changes}


@pytest.fixture(scope="module")
def trained():
    """A model that was trained once."""
    model = build()
    gw.fit(model, **call())
    return model


def traces(model, purpose="fit"):
    return [compiled.program.traces for compiled in ProgramStore.of(model, purpose).programs.values()]


@pytest.mark.parametrize("seconds", [0.0, 1e-4, 0.5])
def test_one_trace_however_many_dispatches(seconds, monkeypatch):
    monkeypatch.setattr(run, "DISPATCH_SECONDS", seconds)
    dispatches = []
    plain = run.CompiledProgram.__call__
    monkeypatch.setattr(run.CompiledProgram, "__call__", lambda self, *a: (dispatches.append(1), plain(self, *a))[1])
    model = build()
    history = gw.fit(model, **call())
    assert traces(model) == [1]
    assert history.compile_seconds > 0
    # Three steps and two validation steps an epoch; with no time for a dispatch each is one step.
    assert len(dispatches) == 30 if seconds == 0.0 else 1 < len(dispatches) <= 30


def test_one_trace_for_a_whole_ensemble():
    model = build()
    x, y = data()
    for _ in range(2):
        gw.fit_ensemble(model, x, y, members=3, batch_size=4, epochs=3, validation_data=data(7), verbose=0)
    assert traces(model, "fit_ensemble") == [1]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"epochs": 9},
        {"initial_epoch": 2},
        {"seed": 5},
        {"verbose": 2},
        {"x": data()[0] + 1, "y": data()[1] * 2},
        {"x": data()[0].astype("float64"), "y": data()[1].astype("float32")},
        {
            "callbacks": [
                keras.callbacks.EarlyStopping(patience=50),
                keras.callbacks.LearningRateScheduler(lambda _, r: r),
            ]
        },
        {"callbacks": call()["callbacks"] + [keras.callbacks.TerminateOnNaN()]},
    ],
    ids=lambda changes: ", ".join(changes) or "nothing",
)
def test_a_call_like_the_last_one_compiles_nothing(trained, changes, caplog):
    before = Traces.count
    with caplog.at_level("DEBUG", "gatewise"):
        history = gw.fit(trained, **call(**changes))
    assert Traces.count == before
    assert history.compile_seconds == 0.0
    assert not [record for record in caplog.records if "compiles" in record.getMessage()]


# Without validation data the callback of `call` has nothing to watch, which is another test's business.
@pytest.mark.filterwarnings("ignore:EarlyStopping watches 'val_loss', which this run does not have")
@pytest.mark.parametrize(
    ("argument", "changes"),
    [
        ("batch_size, validation_batch_size", {"batch_size": 5}),
        ("batch_size", {"batch_size": 5, "validation_batch_size": 4}),
        ("validation_batch_size", {"validation_batch_size": 2}),
        ("shuffle", {"shuffle": False}),
        ("validation_freq", {"validation_freq": 2}),
        ("callbacks", {"callbacks": None}),
        ("callbacks", {"callbacks": [keras.callbacks.EarlyStopping(patience=51), call()["callbacks"][1]]}),
        ("x, y, sample_weight", {"sample_weight": np.ones(ROWS)}),
        ("x, y, sample_weight, batch_size", dict(zip("xy", data(12), strict=True))),
        ("validation_data, validation_batch_size", {"validation_data": None}),
    ],
    ids=lambda part: ", ".join(part) if isinstance(part, dict) else part,
)
def test_when_it_compiles_again_the_log_names_the_argument(trained, argument, changes, caplog):
    gw.fit(trained, **call())
    before = Traces.count
    with caplog.at_level("DEBUG", "gatewise"):
        gw.fit(trained, **call(**changes))
    assert Traces.count == before + 1
    assert f"gatewise compiles fit again: {argument} changed" in [record.getMessage() for record in caplog.records]


def test_compiling_the_model_anew_or_freezing_a_layer_is_named_too(caplog):
    model = build()
    gw.fit(model, **call())
    messages = []
    with caplog.at_level("DEBUG", "gatewise"):
        model.compile(keras.optimizers.SGD(0.01), "mae")
        gw.fit(model, **call())
        model.layers[0].trainable = False
        with pytest.raises(UsageError, match="trainable weights"):
            gw.fit(model, **call())
        model.compile(keras.optimizers.SGD(0.01), "mae")
        gw.fit(model, **call())
        messages = [record.getMessage() for record in caplog.records if "again" in record.getMessage()]
    assert messages == [
        "gatewise compiles fit again: compile() changed",
        "gatewise compiles fit again: trainable, compile() changed",
    ]
