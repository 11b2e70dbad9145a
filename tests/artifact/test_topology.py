"""The whitelist: every name on it is what it says, every class on it comes back, and nothing else passes."""

import copy
import inspect
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gatewise.artifact import rebuild, topology, whitelist
from gatewise.backend import import_keras
from gatewise.errors import ModelFileError, UsageError

keras = import_keras()
layers = keras.layers
WHERE = Path("m/manifest.json")


def through_json(config: Any) -> Any:
    return json.loads(json.dumps(config))


def serialised(thing: Any) -> dict[str, Any]:
    return through_json(keras.saving.serialize_keras_object(thing))


def refusal(config: Any, custom: frozenset[str] = frozenset()) -> str:
    with pytest.raises(ModelFileError) as caught:
        topology.check(config, WHERE, custom)
    return str(caught.value)


@pytest.mark.parametrize("module", sorted(whitelist.CLASSES))
def test_names_are_keras_classes(module: str) -> None:
    import importlib

    space: Any = importlib.import_module(module) if module.startswith("keras.src") else keras
    for part in [] if module.startswith("keras.src") else module.split(".")[1:]:
        space = getattr(space, part)
    for name in whitelist.CLASSES[module]:
        assert inspect.isclass(getattr(space, name)), name


@pytest.mark.parametrize("module", ["layers", "losses", "metrics", "optimizers", "initializers", "regularizers"])
def test_nothing_of_keras_is_left_out_by_oversight(module: str) -> None:
    """Every class that Keras has is on the list, is another name of one that is, or is left out for a reason."""
    space = getattr(keras, module)
    listed = {getattr(space, name) for name in whitelist.CLASSES[f"keras.{module}"]}
    missing = {
        name for name in dir(space) if inspect.isclass(getattr(space, name)) and getattr(space, name) not in listed
    }
    bases = {"Layer", "Wrapper", "Loss", "Metric", "Optimizer", "Initializer", "Regularizer", "InputSpec"}
    code = {"FlaxLayer", "JaxLayer", "Lambda", "TFSMLayer", "TorchModuleWrapper", "Pipeline"}
    tables = {"HashedCrossing", "Hashing", "IntegerLookup", "StringLookup", "TextVectorization"}
    expressions = {"Muon", "MultiOptimizer", "OptimizerMap"}
    spectra = {"MelSpectrogram", "STFTSpectrogram", "STFT", "STFTInitializer", "stft"}
    images = {name for name in missing if name.startswith("Random")} | {
        *{"AugMix", "AutoContrast", "CenterCrop", "ContrastLimitedAdaptiveHistogramEqualization", "CutMix"},
        *{"Equalization", "MaxNumBoundingBoxes", "MixUp", "RandAugment", "Resizing", "Solarization"},
    }
    assert missing <= bases | code | tables | expressions | spectra | images


def test_functions_are_keras_functions() -> None:
    for name in whitelist.FUNCTIONS:
        found = [getattr(getattr(keras, room), name, None) for room in ("activations", "losses", "metrics")]
        assert any(inspect.isfunction(one) for one in found), name


SEQUENCE, IMAGE, VOLUME, FLAT = (None, 6, 4), (None, 8, 8, 2), (None, 4, 4, 4, 2), (None, 4)
SPECIAL = {
    "Dot": lambda: layers.Dot(1),
    "Discretization": lambda: layers.Discretization(bin_boundaries=[0.0, 1.0]),
    "Normalization": lambda: layers.Normalization(mean=[1.0, 2.0, 3.0, 4.0], variance=[1.0, 4.0, 9.0, 16.0]),
    "CategoryEncoding": lambda: layers.CategoryEncoding(num_tokens=5),
    "EinsumDense": lambda: layers.EinsumDense("abc,cd->abd", output_shape=(None, 3)),
    "RNN": lambda: layers.RNN(layers.StackedRNNCells([layers.GRUCell(2), layers.LSTMCell(3)])),
    "Bidirectional": lambda: layers.Bidirectional(layers.LSTM(2, return_sequences=True), merge_mode="sum"),
    "TimeDistributed": lambda: layers.TimeDistributed(layers.Dense(3, kernel_constraint="max_norm")),
    "SpectralNormalization": lambda: layers.SpectralNormalization(layers.Dense(3)),
    "MultiHeadAttention": lambda: layers.MultiHeadAttention(2, 2),
    "GroupQueryAttention": lambda: layers.GroupQueryAttention(2, 2, 1),
    "LSTM": lambda: layers.LSTM(3, recurrent_activation="hard_sigmoid", unit_forget_bias=False, dropout=0.1),
    "GRU": lambda: layers.GRU(3, reset_after=False, go_backwards=True, kernel_regularizer=keras.regularizers.L1L2(0.1)),
    "Reshape": lambda: layers.Reshape((3, 8)),
    "Permute": lambda: layers.Permute((2, 1)),
    "RepeatVector": lambda: layers.RepeatVector(3),
    "Embedding": lambda: layers.Embedding(7, 3, mask_zero=True),
    "ReversibleEmbedding": lambda: layers.ReversibleEmbedding(7, 3),
    "Rescaling": lambda: layers.Rescaling(0.5, offset=1.0),
    "Activation": lambda: layers.Activation("gelu"),
    "GroupNormalization": lambda: layers.GroupNormalization(2),
}
ARGUMENTS = {"units": 3, "filters": 3, "kernel_size": 2, "rate": 0.5, "stddev": 0.5, "output_size": 2, "pool_size": 2}
TWO_INPUTS = {"Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract"}
TWO_INPUTS |= {"AdditiveAttention", "Attention", "GroupQueryAttention", "MultiHeadAttention"}
NO_LAYERS_OF_THEIR_OWN = {"InputLayer", "GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"}
FLAT_INPUT = {"RepeatVector", "CategoryEncoding"}


def model_with(name: str) -> Any:
    """Return a small model with a layer of that name in it."""
    make = SPECIAL.get(name)
    if make is None:
        kind = getattr(layers, name)
        wanted = inspect.signature(kind.__init__).parameters.values()
        arguments = {one.name: ARGUMENTS[one.name] for one in wanted if one.name in ARGUMENTS}
        layer = kind(**arguments)
    else:
        layer = make()
    shape = next((shape for sign, shape in (("2D", IMAGE), ("3D", VOLUME)) if sign in name), SEQUENCE)
    shape = FLAT if name in FLAT_INPUT else shape
    if name.startswith("ConvLSTM"):
        shape = (None, 3, *{"1": (6, 2), "2": (5, 5, 2), "3": (4, 4, 4, 2)}[name[8]])
    inputs = keras.Input(shape[1:], dtype="int32" if name in ("Embedding", "ReversibleEmbedding") else "float32")
    if "mbedding" in name:
        inputs = keras.Input((6,), dtype="int32")
    try:
        outputs = (
            layer([inputs, inputs]) if name in TWO_INPUTS - {"GroupQueryAttention", "MultiHeadAttention"} else None
        )
        outputs = layer(inputs, inputs) if name in ("GroupQueryAttention", "MultiHeadAttention") else outputs
        outputs = layer(inputs) if outputs is None else outputs
    except ValueError as error:
        raise AssertionError(f"{name}: {error}") from error
    return keras.Model(inputs, outputs)


@pytest.mark.parametrize("name", sorted(whitelist.CLASSES["keras.layers"] - NO_LAYERS_OF_THEIR_OWN))
def test_every_layer_comes_back(name: str) -> None:
    model = model_with(name)
    plan = rebuild.describe(model)
    twin = rebuild.build(
        rebuild.Plan(*through_json(plan[:2]), plan.custom, plan.trainable), WHERE, {}, lambda built: None
    )
    assert plan.custom == frozenset()
    assert [(one.shape, one.dtype) for one in twin.variables] == [(one.shape, one.dtype) for one in model.variables]
    for new, old in zip(twin.variables, model.variables, strict=True):
        new.assign(old.value)
    shape = [2 if one is None else one for one in model.inputs[0].shape]
    x = np.random.default_rng(0).uniform(0, 3, shape).astype(model.inputs[0].dtype)
    np.testing.assert_array_equal(np.asarray(twin(x)), np.asarray(model(x)))


def test_operations_between_layers_come_back() -> None:
    ops = keras.ops
    inputs = keras.Input((6, 4))
    h = inputs[:, ::2] * 2.0 + 1.0 - ops.mean(inputs, axis=1, keepdims=True)
    h = ops.concatenate([h, ops.relu(-h), ops.tanh(h) / 3.0], axis=-1) @ np.ones((12, 2), np.float32)
    h = ops.where(h > 0.5, ops.expand_dims(ops.max(h, axis=-1), -1), ops.square(h) ** 0.5)
    model = keras.Model(inputs, [h, ops.reshape(ops.flip(inputs, axis=1), (-1, 24)), inputs[..., None, 0]])
    plan = rebuild.describe(model)
    twin = rebuild.build(
        rebuild.Plan(*through_json(plan[:2]), plan.custom, plan.trainable), WHERE, {}, lambda built: None
    )
    x = np.random.default_rng(0).normal(size=(2, 6, 4)).astype(np.float32)
    for new, old in zip(twin(x), model(x), strict=True):
        np.testing.assert_array_equal(np.asarray(new), np.asarray(old))


# What does not pass. The first block are published ways of running code, or reading files, through a Keras config.


def test_lambda_layers() -> None:
    node = {"module": "keras.layers", "class_name": "Lambda", "config": {"function": {}}, "registered_name": None}
    assert refusal([node]) == (
        "m/manifest.json is refused: it names 'keras.layers.Lambda', which is not on gatewise's whitelist of Keras "
        "classes. Leave that part out of the model, and do its work before or after it."
    )


def test_marshalled_lambdas() -> None:
    node = {"class_name": "__lambda__", "config": {"value": ["4wEAAAA=", None, None]}}
    assert refusal({"activation": node}) == (
        "m/manifest.json is refused: it holds a lambda, which is code. Write the lambda as a function with def and a "
        "name, and save the model again."
    )


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("keras.layers", "TorchModuleWrapper"),
        ("keras.layers", "TFSMLayer"),
        ("keras.layers", "JaxLayer"),
        ("keras.layers", "FlaxLayer"),
        ("keras.layers", "TextVectorization"),
        ("keras.layers", "StringLookup"),
        ("keras.layers", "IntegerLookup"),
        ("keras.layers", "Hashing"),
        ("keras.utils", "FeatureSpace"),
        ("keras.src.ops.core", "Map"),
        ("keras.src.ops.core", "Scan"),
        ("keras.models", "Model"),
        ("keras.src.saving.serialization_lib", "SerializableDict"),
        ("keras.src.utils.python_utils", "func_load"),
        ("keras.optimizers", "Muon"),
        ("keras", "Variable"),
    ],
)
def test_classes_of_keras_that_are_not_listed(module: str, name: str) -> None:
    node = {"module": module, "class_name": name, "config": {}, "registered_name": None}
    assert refusal([{"deep": [node]}]).startswith(
        f"m/manifest.json is refused: it names '{module}.{name}', which is not"
    )


@pytest.mark.parametrize("module", ["os", "builtins", "subprocess", None, "kerasx.layers", "numpy"])
def test_classes_of_other_modules(module: str | None) -> None:
    node = {"module": module, "class_name": "Popen", "config": {"args": "id"}, "registered_name": "Popen"}
    assert refusal([node]) == (
        "m/manifest.json is refused: it names the class 'Popen', which is not Keras's. If you trust it, hand it over: "
        "gw.load(path, custom_objects={'Popen': …})."
    )


@pytest.mark.parametrize(
    "name", ["load_model", "get_file", "enable_unsafe_deserialization", "deserialize", "get", "exec"]
)
def test_functions_that_are_not_listed(name: str) -> None:
    node = {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}
    assert refusal({"activation": node}).startswith(
        f"m/manifest.json is refused: it names the function {name!r}, which is not on the whitelist."
    )


@pytest.mark.parametrize("module", ["keras.config", "keras.utils", "os", None, 3])
def test_functions_of_other_modules(module: Any) -> None:
    node = {"module": module, "class_name": "function", "config": "tanh", "registered_name": "function"}
    assert "in a form that Keras does not write" in refusal({"activation": node})


@pytest.mark.parametrize(
    "node",
    [
        {"class_name": "Dense", "config": {}},  # without a module Keras reads it as Keras 2 wrote it, by another path
        {"module": "keras.layers", "class_name": "Dense"},
        {"module": "keras.layers", "class_name": ["Dense"], "config": {}},
        {"module": "keras.layers", "class_name": "Dense", "config": []},
        {"module": "keras.layers", "class_name": "Dense", "config": {}, "code": "x"},
        {"module": "keras.layers", "class_name": "Dense", "config": {}, "registered_name": "Other>Dense"},
        {"module": ["keras.layers"], "class_name": "Dense", "config": {}, "registered_name": None},
        {"class_name": "__typespec__", "config": [], "module": "os", "spec_name": "x", "registered_name": None},
        {"class_name": "__numpy__", "config": {"value": ["a"], "dtype": "U500000000"}},
        {"class_name": "__tensor__", "config": {"value": [1], "dtype": ["O"]}},
        {"class_name": "__numpy__", "config": {"value": [1]}},
        {"class_name": "__slice__", "config": None},
        {"name": "x", "dtype": "int8_from_float32"},
        {"name": "x", "dtype": ["float32"]},
        {"num_thresholds": 10**9},
        {"num_classes": 1e12},
    ],
)
def test_forms_that_keras_does_not_write(node: Any) -> None:
    assert refusal({"layers": [node]}).startswith("m/manifest.json is refused: ")


def test_what_other_code_registered_is_not_reachable() -> None:
    @keras.saving.register_keras_serializable(package="theirs", name="reach")
    def reach(x: Any) -> Any:
        raise AssertionError("was called")

    expected = "it names 'theirs>reach', which was registered with Keras by other code"
    assert expected in refusal({"activation": "theirs>reach"})
    node = {"module": "builtins", "class_name": "function", "config": "theirs>reach", "registered_name": "theirs>reach"}
    assert "'theirs>reach'" in refusal({"activation": node})
    topology.check({"activation": node}, WHERE, {"theirs>reach"})


def test_names_of_our_own_pass_only_if_they_are_ours() -> None:
    import gatewise.recurrent.activations  # noqa: F401

    node = {"module": "builtins", "class_name": "function", "registered_name": "x"}
    topology.check({**node, "config": "gatewise>hard_sigmoid_keras2"}, WHERE)

    @keras.saving.register_keras_serializable(package="gatewise", name="impostor")
    def impostor(x: Any) -> Any:
        return x

    assert "'gatewise>impostor'" in refusal({**node, "config": "gatewise>impostor"})
    assert "'gatewise>nothing'" in refusal({**node, "config": "gatewise>nothing"})


def test_config_of_a_million_entries() -> None:
    assert "its config has more than 500000 entries" in refusal([[0] * 1000] * 600)


# Bombs: configs that would take the machine's memory or time.


def plan_of(model: Any, **changes: Any) -> rebuild.Plan:
    plan = rebuild.describe(model)
    config = copy.deepcopy(plan.topology)
    for path, value in changes.items():
        layer, key = path.rsplit("__", 1)
        next(one for one in config["config"]["layers"] if one["config"]["name"] == layer)["config"][key] = value
    return plan._replace(topology=config)


def small_model() -> Any:
    return keras.Sequential(
        [keras.Input((5, 1)), layers.LSTM(4, name="lstm", stateful=False), layers.Dense(1, name="dense")]
    )


@pytest.mark.timeout(30)
@pytest.mark.parametrize("units", [10**6, 10**9, 10**18])
def test_a_billion_units_are_refused_before_they_are_made(units: int) -> None:
    def check(model: Any) -> None:
        if any(units in variable.shape for variable in model.variables):
            raise ModelFileError("too large")

    with pytest.raises(ModelFileError):
        rebuild.build(plan_of(small_model(), lstm__units=units), WHERE, {}, check)


@pytest.mark.timeout(30)
def test_unrolling_for_ever_is_refused() -> None:
    plan = plan_of(small_model(), lstm__unroll=True)
    rebuild.build(plan, WHERE, {}, lambda built: None)
    plan.topology["config"]["layers"][0]["config"]["batch_shape"] = [None, 10**9, 1]
    with pytest.raises(ModelFileError, match="it unrolls a loop and its 'batch_shape' is"):
        rebuild.build(plan, WHERE, {}, lambda built: None)


def test_what_keras_cannot_build_is_refused_in_one_line() -> None:
    with pytest.raises(ModelFileError) as caught:
        rebuild.build(plan_of(small_model(), lstm__colour="red"), WHERE, {}, lambda built: None)
    assert str(caught.value).startswith("m/manifest.json is refused: Keras cannot build its network (ValueError: ")
    assert "\n" not in str(caught.value)
    plan = rebuild.Plan(serialised(layers.Dense(1)), None, frozenset(), None)
    with pytest.raises(ModelFileError, match="its topology is a 'Dense', not a model"):
        rebuild.build(plan, WHERE, {}, lambda built: None)


def test_unknown_compile_settings_are_refused() -> None:
    plan = rebuild.describe(small_model())._replace(compiled={"loss": "mse", "hook": "x"})
    with pytest.raises(ModelFileError, match="its compile settings have the unknown entry 'hook'"):
        rebuild.build(plan, WHERE, {}, lambda built: None)


def test_building_leaves_pythons_random_numbers_alone() -> None:
    plan = rebuild.describe(keras.Sequential([keras.Input((5, 1)), layers.LSTM(4, dropout=0.5)]))
    before = random.getstate()
    rebuild.build(plan, WHERE, {}, lambda built: None)
    assert random.getstate() == before


def test_shared_objects_have_small_numbers_not_addresses() -> None:
    def numbers() -> list[int]:
        found = topology._values(rebuild.describe(small_model()).topology)
        return [value["shared_object_id"] for value in found if isinstance(value, dict) and "shared_object_id" in value]

    assert numbers()
    assert set(numbers()) == set(range(len(set(numbers()))))


# What cannot be described is refused when it is saved, not when it is missed.


def unsaveable(model: Any) -> str:
    with pytest.raises(UsageError) as caught:
        rebuild.describe(model)
    return str(caught.value)


class OwnLayer(layers.Layer):
    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units


class OwnModel(keras.Model):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dense = layers.Dense(1)

    def call(self, x: Any) -> Any:
        return self.dense(x)


def test_own_classes_without_get_config() -> None:
    assert unsaveable(OwnModel(name="mine")) == (
        "Model 'mine' cannot be saved: its class OwnModel does not define get_config; define it to return the "
        "constructor's arguments, and load with custom_objects={'OwnModel': OwnModel}, or build the network from "
        "keras.Sequential or keras.Model(inputs, outputs)."
    )
    model = keras.Sequential([keras.Input((2,)), OwnLayer(2, name="own")])
    assert unsaveable(model).startswith("Layer 'own' cannot be saved: its class OwnLayer does not define get_config;")


def test_lambdas_and_namesakes() -> None:
    model = keras.Sequential([keras.Input((2,)), layers.Dense(2, activation=lambda x: x, name="dense")], name="net")
    assert unsaveable(model) == (
        "The model cannot be saved: the activation of layer 'dense' is a lambda; write it as a function with def and a "
        "name."
    )

    def huber(y_true: Any, y_pred: Any) -> Any:
        return 2.0 * keras.losses.huber(y_true, y_pred)

    model = keras.Sequential([keras.Input((2,)), layers.Dense(2)])
    model.compile("sgd", loss=huber)
    assert unsaveable(model) == (
        "The model cannot be saved: a loss or metric is a function of your own named 'huber', as one of Keras's is, and "
        "would come back as Keras's; give it another name."
    )


@pytest.mark.filterwarnings("ignore:.*lambda:UserWarning")
def test_parts_of_keras_that_are_not_listed() -> None:
    model = keras.Sequential([keras.Input((2,)), layers.Lambda(lambda x: x)], name="net")
    assert unsaveable(model) == (
        "Model 'net' cannot be saved: it names 'keras.layers.Lambda', which is not on gatewise's whitelist of Keras "
        "classes. Leave that part out of the model, and do its work before or after it."
    )


def test_functions_that_have_no_name_for_keras() -> None:
    import jax

    model = keras.Sequential([keras.Input((2,)), layers.Dense(1, activation=jax.nn.silu)], name="net")
    assert unsaveable(model) == (
        "Model 'net' cannot be saved: its entry for 'PjitFunction' has no config. Wrap such a function in one of your "
        "own."
    )
