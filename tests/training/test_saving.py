"""Law: what is saved comes back as the same model, bit for bit, in everything it does from there on."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from saved_models import (
    CASES,
    assert_same,
    assert_same_values,
    keras2_dialect,
    lstm_with_schedule,
    normalised,
    plain,
    saved_and_loaded,
    shared_frozen_tower,
    stateful_stack,
    two_inputs_two_outputs,
)

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.errors import GatewiseWarning, ModelFileError, UsageError
from gatewise.recurrent import state_variables
from gatewise.training.state import read_values

keras = import_keras()
layers, optimizers = keras.layers, keras.optimizers


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_the_same_model_comes_back(case: Callable[[], Any], tmp_path: Path) -> None:
    keras.utils.set_random_seed(3)
    model, x, y = case()
    gw.fit(model, x, y, epochs=2, batch_size=2, verbose=0)
    gw.save(model, tmp_path / "m")
    assert sorted(os.listdir(tmp_path / "m")) == ["manifest.json", "weights.safetensors"]
    twin = gw.load(tmp_path / "m")
    assert_same_values(read_values(twin), read_values(model))
    if state_variables(model):
        assert any(np.any(np.asarray(state)) for state in state_variables(twin)), "the state that came back is zero"
    assert twin.summary(print_fn=lambda text: None) == model.summary(print_fn=lambda text: None)
    assert_same(gw.predict(twin, x, batch_size=2), gw.predict(model, x, batch_size=2))
    # The rest of a training needs compile settings and optimizer state to be right, too.
    later = [gw.fit(one, x, y, epochs=2, batch_size=2, verbose=0, seed=1).history for one in (model, twin)]
    assert later[0] == later[1]
    assert_same_values(read_values(twin), read_values(model))


def test_compile_settings_come_back() -> None:
    model, *_ = two_inputs_two_outputs()
    twin = saved_and_loaded(model)
    assert type(twin.optimizer) is optimizers.Lion
    assert twin.get_compile_config()["loss_weights"] == {"level": 1.0, "sign": 0.25}
    assert twin.loss["level"].name == "log_cosh"
    assert twin.get_compile_config()["metrics"]["sign"][0]["config"]["num_thresholds"] == 20


@pytest.mark.parametrize(
    ("loss", "argument"),
    [
        (lambda: keras.losses.Huber(2.5), {"delta": 2.5}),
        (lambda: keras.losses.CosineSimilarity(axis=0), {"axis": 0}),
        (lambda: keras.losses.SparseCategoricalCrossentropy(axis=1), {"axis": 1}),
    ],
)
def test_arguments_of_losses_that_keras_forgets(loss: Callable[[], Any], argument: dict[str, Any]) -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    model.compile("sgd", loss())
    assert argument.items() <= saved_and_loaded(model).loss._fn_kwargs.items()
    forgotten = f"{type(loss()).__name__}.{next(iter(argument))}"
    with pytest.warns(
        GatewiseWarning, match=f"does not hold {forgotten}, which Keras forgets: compile the model again"
    ):
        gw.to_keras(model, "m.keras")


def test_arguments_of_layers_that_keras_forgets() -> None:
    model, *_ = lstm_with_schedule()
    assert [layer.use_cudnn for layer in saved_and_loaded(model).layers[:2]] == ["auto", False]


def test_a_model_that_is_not_compiled() -> None:
    model = keras.Sequential([keras.Input((3, 1)), layers.GRU(2)])
    twin = saved_and_loaded(model)
    assert not twin.compiled
    assert_same_values(read_values(twin), read_values(model))


def test_the_learning_rate_of_the_moment_comes_back() -> None:
    model, *_ = keras2_dialect()
    model.optimizer.learning_rate = 0.125
    assert float(saved_and_loaded(model).optimizer.learning_rate) == 0.125


def test_names_trainable_flags_and_random_numbers_are_left_alone() -> None:
    model, *_ = shared_frozen_tower()
    before = random.getstate(), np.random.get_state()[1].tolist()
    twin = saved_and_loaded(model)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before
    assert [layer.name for layer in twin.layers] == [layer.name for layer in model.layers]
    assert not twin.get_layer("tower").trainable


def test_saving_changes_nothing_in_the_model() -> None:
    model, x, y = stateful_stack()
    gw.fit(model, x, y, batch_size=2, verbose=0)
    before = jax.tree.map(np.array, read_values(model))
    gw.save(model, "m")
    assert_same_values(read_values(model), before)


def test_the_same_model_gives_the_same_bytes() -> None:
    model, *_ = two_inputs_two_outputs()
    for name in ("one", "two"):
        gw.save(model, name)
    for name in ("manifest.json", "weights.safetensors"):
        assert Path("one", name).read_bytes() == Path("two", name).read_bytes()


def test_a_fresh_process_reads_the_same_numbers() -> None:
    model, x, _ = keras2_dialect()
    gw.save(model, "m")
    np.save("x.npy", x)
    code = "import gatewise as gw, numpy as np; np.save('y.npy', gw.predict(gw.load('m'), np.load('x.npy')))"
    subprocess.run([sys.executable, "-c", code], check=True)
    np.testing.assert_array_equal(np.load("y.npy"), gw.predict(model, x))


# Ensembles.


@pytest.mark.parametrize("case", [keras2_dialect, stateful_stack, normalised], ids=lambda case: case.__name__)
def test_ensembles_come_back(case: Callable[[], Any]) -> None:
    model, x, y = case()
    stop = keras.callbacks.EarlyStopping(monitor="loss", patience=0, min_delta=0.05)
    ensemble = gw.fit_ensemble(model, x, y, members=3, epochs=4, batch_size=2, seed=5, callbacks=[stop], verbose=0)
    twin = saved_and_loaded(ensemble)
    assert isinstance(twin, gw.Ensemble)
    assert twin.seeds == ensemble.seeds
    assert_same_values(twin.values, ensemble.values)
    assert_same_values(read_values(twin.model), read_values(model))
    assert list(twin.history.history) == list(ensemble.history.history)
    for name, rows in ensemble.history.history.items():
        np.testing.assert_array_equal(twin.history.history[name], rows)
    for name in ("shape", "epoch", "steps", "compile_seconds", "run_seconds", "stopped_epoch", "bad"):
        assert getattr(twin.history, name) == getattr(ensemble.history, name), name
    np.testing.assert_array_equal(twin.predict(x, batch_size=2), ensemble.predict(x, batch_size=2))
    assert_same_values(read_values(twin.member(1)), read_values(ensemble.member(1)))


def test_the_state_that_an_ensemble_carries_comes_back() -> None:
    model, x, y = stateful_stack()
    ensemble = gw.fit_ensemble(model, x, y, members=2, batch_size=2, verbose=0)
    ensemble.predict(x, batch_size=2)
    twin = saved_and_loaded(ensemble)
    np.testing.assert_array_equal(twin.predict(x, batch_size=2), ensemble.predict(x, batch_size=2))


def test_members_are_compiled_as_the_ensemble_is() -> None:
    """What a member is given alone is what `gw.save` keeps of a model: what Keras forgets included."""
    model, x, y = plain()
    model.compile(optimizers.SGD(0.5), keras.losses.Huber(2.5), metrics=[own_loss, "mae"])
    member = gw.fit_ensemble(model, x, y, members=2, batch_size=4, verbose=0).member(1)
    assert member.loss._fn_kwargs == {"delta": 2.5}
    assert member.optimizer is not model.optimizer
    assert set(gw.evaluate(member, x, y, batch_size=4, return_dict=True)) == {"loss", "own_loss", "mae"}


# The user's own classes and functions.


def own_loss(y_true: Any, y_pred: Any) -> Any:
    return keras.ops.mean(keras.ops.abs(y_true - y_pred) ** 1.5, axis=-1)


class Scale(layers.Layer):
    def __init__(self, factor: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, shape: Any) -> None:
        self.shift = self.add_weight(shape=(shape[-1],), name="shift")

    def call(self, x: Any) -> Any:
        return x * self.factor + self.shift

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


@keras.saving.register_keras_serializable(package="mine")
class Whole(keras.Model):
    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.read, self.out = layers.LSTM(units), layers.Dense(1)

    def build(self, shape: Any) -> None:
        self.read.build(shape)
        self.out.build((shape[0], self.units))

    def call(self, x: Any) -> Any:
        return self.out(self.read(x))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


def test_own_classes_are_handed_over_when_loading() -> None:
    model = keras.Sequential([keras.Input((3,)), Scale(2.0), layers.Dense(1)])
    model.compile("adam", own_loss)
    gw.save(model, "m")
    assert json.loads(Path("m/manifest.json").read_text())["custom_objects"] == ["Scale", "own_loss"]
    twin = gw.load("m", custom_objects={"Scale": Scale, "own_loss": own_loss, "unused": own_loss})
    assert_same_values(read_values(twin), read_values(model))
    assert twin.loss is own_loss
    assert twin.layers[0].factor == 2.0
    with pytest.raises(ModelFileError) as caught:
        gw.load("m", custom_objects={"own_loss": own_loss})
    assert str(caught.value) == (
        "m/manifest.json is refused: the model was saved with 'Scale', a class or function of the user's own. Hand it "
        "over: gw.load(path, custom_objects={'Scale': …})."
    )


def test_own_models_are_handed_over_under_either_name() -> None:
    model = Whole(3)
    model.build((None, 4, 2))
    model.compile("adam", "mse")
    gw.save(model, "m")
    for name in ("Whole", "mine>Whole"):
        twin = gw.load("m", custom_objects={name: Whole})
        assert type(twin) is Whole
        assert_same_values(read_values(twin), read_values(model))
    with pytest.raises(ModelFileError, match="'mine>Whole', a class or function of the user's own"):
        gw.load("m")  # registered with Keras in this process, which is not the same as handed over


# `.keras`.


def test_keras_files_both_ways() -> None:
    model, x, y = two_inputs_two_outputs()
    gw.fit(model, x, y, batch_size=2, verbose=0)
    gw.to_keras(model, "m.keras")
    read = gw.from_keras("m.keras")
    assert_same(read.weights, model.weights)
    assert_same(read.optimizer.variables, model.optimizer.variables)
    again = saved_and_loaded(read)
    assert_same_values(read_values(again), read_values(read))
    for twin in (again, keras.saving.load_model("m.keras")):
        assert_same(gw.predict(twin, x, batch_size=4), gw.predict(model, x, batch_size=4))


def test_keras_files_lose_the_state_and_say_so() -> None:
    model, x, y = stateful_stack()
    model.compile("adam", "mse")
    gw.to_keras(model, "m.keras")
    gw.fit(model, x, y, batch_size=2, verbose=0)
    with pytest.warns(GatewiseWarning) as caught:
        gw.to_keras(model, "m.keras", overwrite=True)
    assert [str(one.message) for one in caught if issubclass(one.category, GatewiseWarning)] == [
        "m.keras holds no recurrent state: the .keras format has no place for it; use gw.save to keep it."
    ]
    assert not any(np.any(np.asarray(state)) for state in state_variables(gw.from_keras("m.keras")))


def test_keras_files_know_our_activation() -> None:
    model, x, _ = keras2_dialect()
    gw.to_keras(model, "m.keras")
    np.testing.assert_array_equal(gw.predict(gw.from_keras("m.keras"), x), gw.predict(model, x))


def test_to_keras_takes_a_model() -> None:
    with pytest.raises(UsageError) as caught:
        gw.to_keras([1], "m.keras")
    assert str(caught.value) == ("gw.to_keras saves a Keras model, got list: of an ensemble give ensemble.member(k).")
