"""Law: convolutions and pooling along time give the results and gradients of Keras's layers, however they are traced."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.training.convolutions import quick_convolutions

keras = import_keras()
layers = keras.layers
pytestmark = pytest.mark.usefixtures("quickly_compiled")

TIME, FEATURES = 11, 3


@pytest.mark.parametrize("padding", ["valid", "same", "causal"])
@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 3},
        {"kernel_size": 4, "activation": "relu"},
        {"kernel_size": 1, "use_bias": False},
        {"kernel_size": 2, "strides": 2},
        {"kernel_size": 3, "strides": 4},
        {"kernel_size": 3, "dilation_rate": 2},
        {"kernel_size": 11},
    ],
)
def test_a_convolution(options, padding):
    check_same(layers.Conv1D(4, padding=padding, bias_initializer="normal", **options))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 11])
def test_pooling(size):
    check_same(layers.MaxPooling1D(size))


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv1D(6, 3, groups=3),
        layers.Conv1D(4, 3, data_format="channels_first"),
        layers.MaxPooling1D(3, strides=2),
        layers.MaxPooling1D(2, padding="same"),
        layers.AveragePooling1D(2),
    ],
    ids=lambda layer: layer.name,
)
def test_others_are_left_alone(layer):
    check_same(layer, quick=False)


def check_same(layer, quick=True):
    model = keras.Sequential([keras.Input((TIME, FEATURES)), layer])
    draw = np.random.default_rng(0)
    # Whole numbers, so that many are equal: the gradient of the largest of equals is to go to the same one.
    x = jnp.asarray(draw.integers(-2, 3, (5, TIME, FEATURES)), "float32")
    weights = [jnp.asarray(draw.normal(size=variable.shape), "float32") for variable in model.trainable_variables]

    def run(weights, x):
        outputs, _ = model.stateless_call(weights, [], x)
        return jnp.sum(outputs * jnp.cos(jnp.arange(outputs.size)).reshape(outputs.shape)), outputs

    both = jax.value_and_grad(run, argnums=(0, 1), has_aux=True)
    plain = both(weights, x)
    with quick_convolutions(model):
        assert ("call" in layer.__dict__) == quick
        found = both(weights, x)
    assert "call" not in layer.__dict__
    jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5), found, plain)


@pytest.mark.parametrize("place", [0, 1, 4])
def test_nan_is_the_largest(place):
    model = keras.Sequential([keras.Input((6, 1)), layers.MaxPooling1D(3)])
    x = np.arange(6, dtype="float32").reshape(1, 6, 1)
    x[0, place] = np.nan
    with quick_convolutions(model):
        found = np.asarray(model(x))[0, :, 0]
    np.testing.assert_array_equal(np.isnan(found), [place < 3, place >= 3])


def test_training_is_that_of_keras():
    def trained(fit):
        keras.utils.set_random_seed(3)
        network = [layers.Conv1D(5, 3, padding="same", activation="relu"), layers.MaxPooling1D(2), layers.GRU(4)]
        model = keras.Sequential([keras.Input((TIME, FEATURES)), *network, layers.Dense(1)])
        model.compile(keras.optimizers.Adam(0.01), "mse")
        x = np.random.default_rng(1).normal(size=(24, TIME, FEATURES)).astype("float32")
        fit(model, x, x.mean((1, 2)), batch_size=8, epochs=3, shuffle=False, verbose=0)
        return model.get_weights()

    for ours, theirs in zip(trained(gw.fit), trained(keras.Model.fit), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
