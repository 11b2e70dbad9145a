"""Keras's layers exchanged for gatewise's: the same numbers, at once and in further training, and back again."""

import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.recurrent import recurrent_layers

keras = import_keras()
layers = keras.layers
pytestmark = pytest.mark.usefixtures("quickly_compiled")

X = np.random.default_rng(0).normal(size=(16, 10, 2)).astype("float32")
Y = X.mean((1, 2))


def sequential():
    return keras.Sequential(
        [
            keras.Input((10, 2)),
            layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
            layers.RNN(layers.SimpleRNNCell(3), return_sequences=True),
            layers.GRU(3, dropout=0.3, seed=5, use_cudnn=False),
            layers.Dense(1),
        ]
    )


def nested():
    x = keras.Input((10, 2))
    inner = keras.Sequential([keras.Input((10, 2)), layers.GRU(3, return_sequences=True), layers.GRU(2)], name="inner")
    outer = keras.layers.concatenate([inner(x), layers.Flatten()(layers.TimeDistributed(layers.Dense(2))(x))])
    return keras.Model(x, layers.Dense(1)(outer))


@pytest.mark.parametrize("made", [sequential, nested])
def test_a_copy_goes_on_as_the_model_does(made):
    model = made()
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    gw.fit(model, X, Y, batch_size=8, epochs=1, verbose=0, seed=1)
    fast = gw.accelerate(model)
    plain = gw.accelerate(fast, undo=True)
    kinds = [[type(layer).__module__ for layer in recurrent_layers(one)] for one in (model, fast, plain)]
    assert set(kinds[1]) == {"gatewise.recurrent.layers"}
    assert kinds[0] == kinds[2]
    assert plain.get_config() == model.get_config()
    for one, other in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    histories = [gw.fit(one, X, Y, batch_size=8, epochs=2, verbose=0, seed=2).history for one in (model, fast)]
    assert histories[0].keys() == histories[1].keys()
    for name, values in histories[0].items():
        np.testing.assert_allclose(values, histories[1][name], rtol=1e-5)


def test_what_no_config_holds_goes_along():
    model = keras.Sequential(
        [keras.Input(batch_shape=(2, 10, 2)), layers.LSTM(3, stateful=True, dropout=0.5, implementation=1, seed=4)]
    )
    gw.predict(model, X[:2])
    model.layers[0].cell.seed_generator.state.assign([7, 8])
    fast = gw.accelerate(model)
    cell = fast.layers[0].cell
    assert (cell.implementation, cell.dropout_mask_count, cell.seed) == (1, 4, 4)
    assert cell.seed_generator.state.value.tolist() == [7, 8]
    np.testing.assert_array_equal(gw.predict(fast, X[:2]), gw.predict(model, X[:2]))
    # A model by itself.
    fast.set_weights([0 * array for array in fast.get_weights()])
    assert np.abs(model.get_weights()[0]).max() > 0


class Own(keras.layers.Layer):
    def call(self, x):
        return 2 * x


class WithoutConfig(keras.layers.Layer):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, x):
        return self.factor * x


class Subclassed(keras.Model):
    def call(self, x):
        return x


def test_layers_of_ones_own():
    model = keras.Sequential([keras.Input((10, 2)), Own(), layers.LSTM(2)])
    fast = gw.accelerate(model)
    assert type(fast.layers[0]) is Own
    np.testing.assert_allclose(fast.predict(X, verbose=0), model.predict(X, verbose=0), atol=1e-6)


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (Subclassed, "got a Subclassed: write gatewise.layers into its class"),
        (lambda: layers.LSTM(2), "got a LSTM: pass such a model"),
        (lambda: keras.Sequential([keras.Input((10, 2)), WithoutConfig(2), layers.LSTM(2)]), "cannot be copied from"),
    ],
)
def test_bad_models(model, sentence):
    with pytest.raises(gw.errors.UsageError, match=sentence):
        gw.accelerate(model())


def test_a_loss_that_cannot_be_copied():
    def own_loss(y, predicted):
        return keras.ops.mean((y - predicted) ** 2)

    model = sequential()
    model.compile("adam", own_loss)
    with pytest.warns(gw.errors.GatewiseWarning, match="is not compiled, since a part"):
        fast = gw.accelerate(model)
    assert not fast.compiled
