"""Models that cannot be trained or run, and paths that are none: who is refused, and in which words."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.errors import NotCompilableError, ShapeError, UsageError
from training.bad_calls import (
    BOTH,
    TARGETS,
    Bad,
    OwnTestStep,
    OwnTrainStep,
    X,
    Y,
    assert_refused,
    backwards,
    dense,
    frozen_later,
    net,
    refusals,
    stateful,
    stateful_without_state,
    two_inputs,
    unbuilt,
)

keras = import_keras()

MODEL = [
    Bad(
        "text for a model",
        lambda: gw.predict("text", X),
        UsageError,
        "A keras.Model is needed, and a str was passed: pass a model, such as a keras.Sequential.",
    ),
    Bad(
        "None for a model",
        lambda: gw.predict(None, X),
        UsageError,
        "A keras.Model is needed, and None was passed: pass a model, such as a keras.Sequential.",
    ),
    Bad(
        "a number for a model",
        lambda: gw.evaluate(3, X, Y),
        UsageError,
        "A keras.Model is needed, and an int was passed: pass a model, such as a keras.Sequential.",
    ),
    Bad(
        "a class for a model",
        lambda: gw.stream(keras.Sequential),
        UsageError,
        "A keras.Model is needed, and the class Sequential was passed: pass a model, such as a keras.Sequential.",
    ),
    Bad(
        "a number to be reset",
        lambda: gw.reset_states(3),
        UsageError,
        "A keras.Model is needed, and the type of what was passed is int: pass a model, such as a keras.Sequential.",
    ),
    Bad(
        "an ensemble to be reset",
        lambda: gw.reset_states(gw.fit_ensemble(net(), X, Y, members=2, verbose=0)),
        UsageError,
        "A keras.Model is needed, and the type of what was passed is Ensemble: use its own reset_states().",
    ),
    Bad(
        "a list for a model",
        lambda: gw.initialize([], 0),
        UsageError,
        "A keras.Model is needed, and a list was passed: pass a model, such as a keras.Sequential.",
    ),
    Bad(
        "fit without compile",
        lambda: gw.fit(net(loss=None), X, Y),
        UsageError,
        "Model 'net' is not compiled: call model.compile(optimizer=..., loss=...) first.",
    ),
    Bad(
        "fit_ensemble without compile",
        lambda: gw.fit_ensemble(net(loss=None), X, Y, members=2),
        UsageError,
        "Model 'net' is not compiled: call model.compile(optimizer=..., loss=...) first.",
    ),
    Bad(
        "evaluate without compile",
        lambda: gw.evaluate(net(loss=None), X, Y),
        UsageError,
        "Model 'net' is not compiled: call model.compile(optimizer=..., loss=...) first.",
    ),
    Bad(
        "fit before build",
        lambda: gw.fit(unbuilt(), X, Y),
        UsageError,
        "Model 'net' is not built, so its weights do not exist yet: begin it with keras.Input(shape=...), or "
        "call it once on a batch of data.",
    ),
    Bad(
        "predict before build",
        lambda: gw.predict(unbuilt(), X),
        UsageError,
        "Model 'net' is not built, so its weights do not exist yet: begin it with keras.Input(shape=...), or "
        "call it once on a batch of data.",
    ),
    Bad(
        "stream before build",
        lambda: gw.stream(unbuilt()),
        UsageError,
        "Model 'net' is not built, so its weights do not exist yet: begin it with keras.Input(shape=...), or "
        "call it once on a batch of data.",
    ),
    Bad(
        "stateful without a state",
        lambda: gw.predict(stateful_without_state(), X),
        UsageError,
        "Layer 'lstm' is stateful and has no state yet: give the model keras.Input(batch_shape=(batch, time, "
        "features)) with the batch size written out.",
    ),
    Bad(
        "run_eagerly",
        lambda: gw.fit(net(run_eagerly=True), X, Y),
        NotCompilableError,
        "Model 'net' was compiled with run_eagerly=True, and gatewise runs nothing eagerly: compile it "
        "without run_eagerly, or use model.fit to step through Python.",
    ),
    Bad(
        "own train_step",
        lambda: gw.fit(dense(OwnTrainStep), X, X),
        NotCompilableError,
        "OwnTrainStep overrides train_step, which gatewise replaces: override compute_loss or call instead, "
        "or use model.fit.",
    ),
    Bad(
        "own test_step",
        lambda: gw.evaluate(dense(OwnTestStep), X, X),
        NotCompilableError,
        "OwnTestStep overrides test_step, which gatewise replaces: override compute_loss or call instead, or "
        "use model.fit.",
    ),
    Bad(
        "a layer frozen after compile",
        lambda: gw.fit(frozen_later(), X, Y),
        UsageError,
        "The trainable weights of model 'net' are not those that its optimizer was made for: call "
        "model.compile(...) again after a layer was frozen, thawed or added.",
    ),
    Bad(
        "no recurrent layer",
        lambda: gw.stream(dense()),
        UsageError,
        "Model 'dense' has no recurrent layer, so there is no state to stream: use gw.predict.",
    ),
    Bad(
        "two inputs of a stream",
        lambda: gw.stream(two_inputs()),
        UsageError,
        "Model 'two' has 2 inputs, and a stream feeds one: use gw.predict.",
    ),
    Bad(
        "backwards in a stream",
        lambda: gw.stream(backwards()),
        UsageError,
        "Layer 'gru' reads its sequence from the end, which a stream does not have: use gw.predict on whole sequences.",
    ),
]


STATE = [
    Bad(
        "another batch_size",
        lambda: gw.fit(stateful(), X, Y, batch_size=8),
        UsageError,
        "Model 'carrier' carries its state for a batch of 4, and batch_size=8: use batch_size=4, or build "
        "the model with keras.Input(batch_shape=(8, ...)).",
    ),
    Bad(
        "three rows too many",
        lambda: gw.fit(stateful(), X[:39], Y[:39]),
        UsageError,
        "A stateful model needs whole batches, and 39 rows cannot be cut into batches of 4: build the model "
        "for another batch size (for example 3), or drop the last 3 rows (x[:36], y[:36]).",
    ),
    Bad(
        "one row too many",
        lambda: gw.fit(stateful(), X[:37], Y[:37], sample_weight=np.ones(37)),
        UsageError,
        "A stateful model needs whole batches, and 37 rows cannot be cut into batches of 4: build the model "
        "for another batch size (for example 1), or drop the last row (x[:36], y[:36], sample_weight[:36]).",
    ),
    Bad(
        "fewer rows than a batch",
        lambda: gw.fit(stateful(), X[:3], Y[:3]),
        UsageError,
        "A stateful model needs whole batches, and 3 rows cannot be cut into batches of 4: build the model "
        "for another batch size (for example 3).",
    ),
    Bad(
        "a dict with rows too many",
        lambda: gw.fit(
            two_inputs(4),
            {name: array[:38] for name, array in BOTH.items()},
            {name: array[:38] for name, array in TARGETS.items()},
        ),
        UsageError,
        "A stateful model needs whole batches, and 38 rows cannot be cut into batches of 4: build the model "
        "for another batch size (for example 2), or drop the last 2 rows (x['left'][:36], x['right'][:36], "
        "y['one'][:36], y['two'][:36]).",
    ),
    Bad(
        "a split with rows too many for training",
        lambda: gw.fit(stateful(), X, Y, validation_split=0.33),
        UsageError,
        "A stateful model needs whole batches, and 26 training rows cannot be cut into batches of 4: build "
        "the model for another batch size (for example 2), or drop the last 2 rows (x[:24], y[:24], and as "
        "validation_data in place of validation_split x[26:38], y[26:38]).",
    ),
    Bad(
        "a split with rows too many for validation",
        lambda: gw.fit(stateful(), X[:38], Y[:38], validation_split=0.25),
        UsageError,
        "A stateful model needs whole batches, and 10 validation rows cannot be cut into batches of 4: build "
        "the model for another batch size (for example 5), or drop the last 2 rows (x[:28], y[:28], and as "
        "validation_data in place of validation_split x[28:36], y[28:36]).",
    ),
    Bad(
        "rows too many for validation",
        lambda: gw.fit(stateful(), X, Y, validation_data=(X[:5], Y[:5])),
        UsageError,
        "A stateful model needs whole batches, and 5 validation rows cannot be cut into batches of 4: build "
        "the model for another batch size (for example 5), or drop the last row (validation_data[0][:4], "
        "validation_data[1][:4]).",
    ),
    Bad(
        "another validation_batch_size",
        lambda: gw.fit(stateful(), X, Y, validation_data=(X[:5], Y[:5]), validation_batch_size=5),
        UsageError,
        "Model 'carrier' carries its state for a batch of 4, and validation_batch_size=5: use "
        "validation_batch_size=4, or build the model with keras.Input(batch_shape=(5, ...)).",
    ),
    Bad(
        "rows too many of each member",
        lambda: gw.fit_ensemble(
            stateful(), np.stack([X[:39]] * 2), np.stack([Y[:39]] * 2), members=2, member_data=True
        ),
        UsageError,
        "A stateful model needs whole batches, and 39 rows cannot be cut into batches of 4: build the model "
        "for another batch size (for example 3), or drop the last 3 rows (x[:, :36], y[:, :36]).",
    ),
    Bad(
        "rows too many to predict",
        lambda: gw.predict(stateful(), X[:39]),
        UsageError,
        "A stateful model needs whole batches, and 39 rows cannot be cut into batches of 4: use another "
        "batch_size (for example 3), or drop the last 3 rows (x[:36]).",
    ),
    Bad(
        "rows too many to evaluate",
        lambda: gw.evaluate(stateful(), X[:39], Y[:39]),
        UsageError,
        "A stateful model needs whole batches, and 39 rows cannot be cut into batches of 4: build the model "
        "for another batch size (for example 3), or drop the last 3 rows (x[:36], y[:36]).",
    ),
    Bad(
        "another batch_size to evaluate",
        lambda: gw.evaluate(stateful(), X, Y, batch_size=8),
        UsageError,
        "Model 'carrier' carries its state for a batch of 4, and batch_size=8: use batch_size=4, or build "
        "the model with keras.Input(batch_shape=(8, ...)).",
    ),
]


PATH = [
    Bad(
        "None to load",
        lambda: gw.load(None),
        UsageError,
        "The path is None: a str or a pathlib.Path with the name of a file or folder is needed.",
    ),
    Bad(
        "a number to load",
        lambda: gw.load(3.5),
        UsageError,
        "The path is 3.5: a str or a pathlib.Path with the name of a file or folder is needed.",
    ),
    Bad(
        "a path that no system has",
        lambda: gw.load("a\0b"),
        UsageError,
        "The path is 'a\\x00b': a str or a pathlib.Path with the name of a file or folder is needed.",
    ),
    Bad(
        "a number for the user's own classes",
        lambda: gw.load("model", custom_objects=3),
        UsageError,
        "custom_objects is an int: pass a dict from names to classes and functions.",
    ),
    Bad(
        "a number for a checkpoint",
        lambda: gw.fit(net(), X, Y, checkpoint=3),
        UsageError,
        "The path is 3: a str or a pathlib.Path with the name of a file or folder is needed.",
    ),
    Bad(
        "None to save",
        lambda: gw.save(net(), None),
        UsageError,
        "The path is None: a str or a pathlib.Path with the name of a file or folder is needed.",
    ),
    Bad(
        "None for a file of Keras",
        lambda: gw.from_keras(None),
        UsageError,
        "The path is None: a str or a pathlib.Path with the name of a file or folder is needed.",
    ),
    Bad(
        "a number for a file of Keras",
        lambda: gw.to_keras(net(), 3),
        UsageError,
        "The path is 3: a str or a pathlib.Path with the name of a file or folder is needed.",
    ),
    Bad(
        "None for the state of a stream",
        lambda: gw.stream(net()).save(None),
        UsageError,
        "The path is None: a str or a pathlib.Path with the name of a file or folder is needed.",
    ),
    Bad(
        "a number for the state of a stream",
        lambda: gw.stream(net()).load(3),
        UsageError,
        "The path is 3: a str or a pathlib.Path with the name of a file or folder is needed.",
    ),
]


@refusals([*MODEL, *STATE, *PATH])
def test_is_refused_in_a_sentence(bad: Bad) -> None:
    assert_refused(bad)


@pytest.fixture(scope="module")
def ensemble() -> Any:
    return gw.fit_ensemble(net(), X, Y, members=2, verbose=0)


@pytest.mark.parametrize(
    "door",
    [
        lambda ensemble: gw.fit(ensemble, X, Y),
        lambda ensemble: gw.fit_ensemble(ensemble, X, Y, members=2),
        lambda ensemble: gw.predict(ensemble, X),
        lambda ensemble: gw.evaluate(ensemble, X, Y),
        gw.stream,
        lambda ensemble: gw.initialize(ensemble, 0),
    ],
    ids=["fit", "fit_ensemble", "predict", "evaluate", "stream", "initialize"],
)
def test_an_ensemble_is_no_model(ensemble: Any, door: Any) -> None:
    sentence = (
        "A keras.Model is needed, and an Ensemble was passed: use ensemble.predict(x) for all members, or "
        "ensemble.member(k), which is a model."
    )
    assert_refused(Bad("", lambda: door(ensemble), UsageError, sentence))


def test_what_an_ensemble_refuses(ensemble: Any) -> None:
    table = [
        ("half a member", lambda: ensemble.member(1.5), "Member 1.5 of an ensemble of 2: choose from 0 to 1."),
        ("text", lambda: ensemble.member("0"), "Member '0' of an ensemble of 2: choose from 0 to 1."),
        ("too large", lambda: ensemble.member(2), "Member 2 of an ensemble of 2: choose from 0 to 1."),
        ("verbose", lambda: ensemble.predict(X, verbose=7), "verbose=7: choose 'auto', 0, 1 or 2."),
        ("batch", lambda: ensemble.predict(X, 0), "batch_size=0: a whole number of at least 1 is needed."),
    ]
    for what, call, sentence in table:
        assert_refused(Bad(what, call, UsageError, sentence))
    sentence = (
        "x has the shape (40, 2, 1), and layer 'lstm' (LSTM) expects (samples, 3, 1): change x, or build the model for "
        "this shape."
    )
    assert_refused(Bad("", lambda: ensemble.predict(X[:, :2]), ShapeError, sentence))


def test_rows_too_many_of_stateful_members() -> None:
    ensemble = gw.fit_ensemble(stateful(), X, Y, members=2, verbose=0)
    sentence = (
        "A stateful model needs whole batches, and 39 rows cannot be cut into batches of 4: use another batch_size (for "
        "example 3), or drop the last 3 rows (x[:36])."
    )
    assert_refused(Bad("", lambda: ensemble.predict(X[:39]), UsageError, sentence))


def test_many_members_run_on_fewer_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    ensemble = gw.fit_ensemble(net(), X, Y, members=2, verbose=0)
    whole = ensemble.predict(X)
    monkeypatch.setattr("gatewise.training.members._MEMBER_ROWS_PER_DISPATCH", 40)
    np.testing.assert_allclose(ensemble.predict(X), whole, atol=1e-6)
    assert sorted(ensemble._forwards) == [16, 1024]
    monkeypatch.setattr("gatewise.training.members._MEMBER_ROWS_PER_DISPATCH", 1)
    np.testing.assert_allclose(ensemble.predict(X[:3]), whole[:, :3], atol=1e-6)
    assert sorted(ensemble._forwards) == [1, 16, 1024]


def test_the_remedy_for_a_split_works() -> None:
    history = gw.fit(stateful(), X[:24], Y[:24], validation_data=(X[26:38], Y[26:38]), verbose=0)
    assert np.isfinite(history.history["val_loss"]).all()


def test_a_state_is_not_written_over_what_is_there(tmp_path: Path) -> None:
    stream = gw.stream(net())
    stream.save(tmp_path / "state")
    gw.save(net(), tmp_path / "model")
    gw.save(gw.fit_ensemble(net(), X, Y, members=2, verbose=0), tmp_path / "ensemble")
    gw.fit(net(), X, Y, checkpoint=tmp_path / "run", verbose=0)
    for name, held in (
        ("state", "the saved state of a stream"),
        ("model", "a saved model"),
        ("ensemble", "a saved ensemble"),
        ("run", "the checkpoint of a run"),
    ):
        sentence = f"{tmp_path / name} already holds {held}: pass overwrite=True, or choose another path."
        assert_refused(Bad(name, lambda name=name: stream.save(tmp_path / name), UsageError, sentence))


def test_a_class_that_cannot_be_made_again_is_no_member() -> None:
    class Small(keras.Model):
        def __init__(self, width: Any) -> None:
            super().__init__(name="small")
            self.dense = keras.layers.Dense(width[0])
            self(X)

        def call(self, x: Any) -> Any:
            return self.dense(x[:, 0])

    model = Small([1])
    model.compile("sgd", "mse")
    ensemble = gw.fit_ensemble(model, X, Y, members=2, verbose=0)
    with pytest.raises(UsageError) as caught:
        ensemble.member(0)
    lines = str(caught.value).splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("Model 'small' cannot be cloned (")
    assert lines[0].endswith("): build one yourself and use ensemble.values.")
