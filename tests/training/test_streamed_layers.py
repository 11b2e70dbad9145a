"""Which networks can be streamed: those that say step by step what they say of the whole sequence, and no other."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.errors import UsageError

keras = import_keras()
layers = keras.layers
pytestmark = pytest.mark.usefixtures("quickly_compiled")

STEPS = 6
X = np.sin(np.arange(STEPS * 2, dtype="float32")).reshape(1, STEPS, 2)


def in_a_row(*some: Any, shape: tuple[int | None, ...] = (STEPS, 2)) -> Any:
    return keras.Sequential([keras.Input(shape), *some])


def around(function: Callable[[Any], Any], between: bool = False) -> Any:
    """Return a recurrent network with something after it, or between two recurrent layers."""
    x = keras.Input((STEPS, 2))
    outputs = function(layers.LSTM(4, return_sequences=True)(x))
    return keras.Model(x, layers.LSTM(3)(outputs) if between else outputs)


class Last(keras.Model):
    """A subclassed model that says something of the last step."""

    def __init__(self, mean: bool) -> None:
        super().__init__()
        self.recurrent, self.dense, self.mean = layers.GRU(3, return_sequences=True), layers.Dense(1), mean
        self(X)

    def call(self, x: Any) -> Any:
        h = self.recurrent(x)
        return self.dense(keras.ops.mean(h, axis=1) if self.mean else h[:, -1])


class Difference(layers.Layer):
    """A layer of the user's own that looks one step back."""

    def call(self, x: Any) -> Any:
        return x - keras.ops.concatenate([x[:, :1], x[:, :-1]], axis=1)


class Doubled(layers.Layer):
    """A layer of the user's own that looks at one step."""

    def call(self, x: Any) -> Any:
        return 2 * x


# Kind -> a network that has one where several time steps are.
SEVERAL_STEPS: dict[str, Callable[[], Any]] = {
    "AdaptiveAveragePooling1D": lambda: around(layers.AdaptiveAveragePooling1D(3), between=True),
    "AdaptiveMaxPooling1D": lambda: around(layers.AdaptiveMaxPooling1D(3), between=True),
    "AdditiveAttention": lambda: around(lambda h: layers.AdditiveAttention()([h, h])),
    "Attention": lambda: around(lambda h: layers.Attention()([h, h])),
    "AveragePooling1D": lambda: around(layers.AveragePooling1D(2), between=True),
    "Conv1D": lambda: around(layers.Conv1D(2, 3, padding="causal")),
    "Conv1DTranspose": lambda: around(layers.Conv1DTranspose(2, 2, padding="same")),
    "Cropping1D": lambda: around(layers.Cropping1D(1), between=True),
    "DepthwiseConv1D": lambda: around(layers.DepthwiseConv1D(2, padding="same")),
    "Difference": lambda: around(Difference()),
    "Flatten": lambda: around(layers.Flatten()),
    "GlobalAveragePooling1D": lambda: around(layers.GlobalAveragePooling1D()),
    "GlobalMaxPooling1D": lambda: around(layers.GlobalMaxPooling1D()),
    "GroupNormalization": lambda: around(layers.GroupNormalization(1)),
    "GroupedQueryAttention": lambda: around(lambda h: layers.GroupQueryAttention(2, 2, 1)(h, h)),
    "LayerNormalization": lambda: around(layers.LayerNormalization(axis=1)),
    "MaxPooling1D": lambda: around(layers.MaxPooling1D(2), between=True),
    "Mean": lambda: around(lambda h: keras.ops.mean(h, axis=1)),
    "MultiHeadAttention": lambda: around(lambda h: layers.MultiHeadAttention(2, 2)(h, h)),
    "Permute": lambda: around(layers.Permute((2, 1)), between=True),
    "RepeatVector": lambda: in_a_row(layers.LSTM(4), layers.RepeatVector(3), layers.LSTM(3, return_sequences=True)),
    "SeparableConv1D": lambda: around(layers.SeparableConv1D(2, 2, padding="same")),
    "Softmax": lambda: around(layers.Softmax(axis=1)),
    "UnitNormalization": lambda: around(layers.UnitNormalization(axis=1)),
    "UpSampling1D": lambda: around(layers.UpSampling1D(2)),
    "ZeroPadding1D": lambda: around(layers.ZeroPadding1D(1), between=True),
}

# Networks that have something else than the layers that are known to look at one step, and do.
ONE_STEP: dict[str, Callable[[], Any]] = {
    "only known layers": lambda: in_a_row(layers.Dense(3), layers.LSTM(4, return_sequences=True), layers.GRU(2)),
    "a layer of one's own": lambda: around(Doubled()),
    "batch normalization": lambda: around(layers.BatchNormalization(), between=True),
    "convolution of one step": lambda: around(layers.Conv1D(3, 1)),
    "layer normalization": lambda: around(layers.LayerNormalization()),
    "reshape after the last step": lambda: in_a_row(layers.LSTM(4), layers.Reshape((2, 2))),
    "flatten after the last step": lambda: in_a_row(layers.LSTM(4), layers.Flatten(), layers.Dense(1)),
    "the last step taken out": lambda: around(lambda h: h[:, -1]),
    "each step twice": lambda: around(layers.UpSampling1D(2), between=True),
    "time distributed": lambda: around(layers.TimeDistributed(layers.Dense(2))),
    "subclassed": lambda: Last(mean=False),
    "any number of steps": lambda: in_a_row(layers.LSTM(4), layers.LayerNormalization(), shape=(None, 2)),
}


@pytest.mark.filterwarnings("ignore:You are using a softmax over axis")
@pytest.mark.parametrize("kind", SEVERAL_STEPS)
def test_a_layer_that_looks_at_several_steps_is_refused_by_name(kind: str) -> None:
    model = SEVERAL_STEPS[kind]()
    parts = list(model._operations) if hasattr(model, "_operations") else model.layers
    name = next(one.name for one in parts if type(one).__name__ == kind)
    with pytest.raises(UsageError) as caught:
        gw.stream(model)
    assert str(caught.value) == (
        f"Layer {name!r} ({kind}) looks at several time steps at once, which a stream does not have: use gw.predict on "
        "whole sequences."
    )


@pytest.mark.parametrize("name", ONE_STEP)
def test_any_other_network_streams_to_what_it_says_of_the_whole(name: str) -> None:
    model = ONE_STEP[name]()
    stream = gw.stream(model)
    for value in X[0]:
        output = stream.step(value)
    whole = gw.predict(model, X)[0]
    # Where a network has an output for every step, the last one.
    last = whole[-1:] if output.shape != whole.shape else whole
    np.testing.assert_allclose(output, last, atol=1e-6)


def test_a_subclassed_model_that_looks_at_several_steps_is_refused() -> None:
    model = Last(mean=True)
    with pytest.raises(UsageError) as caught:
        gw.stream(model)
    assert str(caught.value) == (
        f"Layer {model.name!r} (Last) looks at several time steps at once, which a stream does not have: use gw.predict on "
        "whole sequences."
    )


def test_several_layers_that_it_may_be_are_named() -> None:
    model = around(lambda h: layers.Flatten(name="flat")(layers.LayerNormalization(name="norm")(h)))
    with pytest.raises(UsageError) as caught:
        gw.stream(model)
    assert str(caught.value) == (
        "One of 'norm' (LayerNormalization), 'flat' (Flatten) looks at several time steps at once, which a stream does not "
        "have: use gw.predict on whole sequences."
    )


def test_words_are_streamed_too() -> None:
    model = in_a_row(layers.Embedding(5, 3, mask_zero=True), layers.LSTM(2), layers.BatchNormalization(), shape=(None,))
    words = np.array([1, 4, 2])
    stream = gw.stream(model)
    for word in words:
        output = stream.step(word)
    np.testing.assert_allclose(output, gw.predict(model, words[None])[0], atol=1e-6)
