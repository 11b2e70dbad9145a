"""The models and data that the law suites of training run over: every kind of Keras model that there is to train.

An architecture is one line of `ARCHITECTURES`; adding one adds it to every law.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gatewise.backend import import_keras

keras = import_keras()
layers = keras.layers

TIME, FEATURES = 3, 2


@dataclass(frozen=True)
class Architecture:
    """A model to train, and data to train it on.

    Attributes:
        name: Name of the test case.
        network: Builds the model, not compiled.
        inputs: ``(generator, rows) -> x``.
        targets: ``(generator, rows, x) -> y``.
        compiled: Arguments of ``compile`` besides the optimizer; a function, since losses and metrics have a state.
        weights: ``(generator, rows) -> sample_weight``, or None.
    """

    name: str
    network: Callable[[], Any]
    inputs: Callable[[Any, int], Any]
    targets: Callable[[Any, int, Any], Any]
    compiled: Callable[[], dict[str, Any]] = field(default=lambda: {"loss": "mse"})
    weights: Callable[[Any, int], Any] | None = None

    def build(self, optimizer: Any, **settings: Any) -> Any:
        """Return the model, compiled; the same initial weights every time."""
        keras.utils.set_random_seed(11)
        model = self.network()
        if not model.built:
            model(self.data(1)[0])
        model.compile(optimizer, **{**self.compiled(), **settings})
        return model

    def data(self, rows: int, seed: int = 5) -> tuple[Any, Any, Any]:
        """Return x, y and sample weights (or None) of some rows."""
        generator = np.random.default_rng(seed)
        x = self.inputs(generator, rows)
        y = self.targets(generator, rows, x)
        return x, y, None if self.weights is None else self.weights(generator, rows)


# -- data ------------------------------------------------------------------------------------------------------------


def flat(generator: Any, rows: int) -> Any:
    return generator.normal(size=(rows, 3)).astype("float32")


def steps(generator: Any, rows: int) -> Any:
    return generator.normal(size=(rows, TIME, FEATURES)).astype("float32")


def long_steps(generator: Any, rows: int) -> Any:
    """More time steps than are written out: the layers are walked."""
    return generator.normal(size=(rows, 12, FEATURES)).astype("float32")


def tokens(generator: Any, rows: int) -> Any:
    """Token numbers of rows of different lengths, padded with 0 in front."""
    numbers = generator.integers(1, 9, size=(rows, 6))
    lengths = generator.integers(1, 7, size=rows)
    return np.where(np.arange(6) >= 6 - lengths[:, None], numbers, 0).astype("int32")


def padded_steps(generator: Any, rows: int) -> Any:
    """Sequences whose last steps are padding."""
    x = steps(generator, rows)
    x[np.arange(TIME) >= generator.integers(1, TIME + 1, size=rows)[:, None]] = 0.0
    return x


def two_by_name(generator: Any, rows: int) -> Any:
    return {"series": steps(generator, rows), "calendar": flat(generator, rows)}


def two_in_list(generator: Any, rows: int) -> Any:
    return list(two_by_name(generator, rows).values())


def value(generator: Any, rows: int, _: Any) -> Any:
    return generator.normal(size=(rows, 1)).astype("float32")


def values_each_step(generator: Any, rows: int, _: Any) -> Any:
    return generator.normal(size=(rows, TIME, 1)).astype("float32")


def yes_or_no(generator: Any, rows: int, _: Any) -> Any:
    return generator.integers(0, 2, size=(rows, 1)).astype("float32")


def one_of_three(generator: Any, rows: int, _: Any) -> Any:
    return generator.integers(0, 3, size=rows).astype("int32")


def level_and_direction(generator: Any, rows: int, x: Any) -> Any:
    return {"level": value(generator, rows, x), "direction": yes_or_no(generator, rows, x)}


def level_and_direction_in_list(generator: Any, rows: int, x: Any) -> Any:
    return list(level_and_direction(generator, rows, x).values())


def row_weights(generator: Any, rows: int) -> Any:
    return generator.uniform(0.2, 2.0, size=rows).astype("float32")


# -- networks --------------------------------------------------------------------------------------------------------


def sequential(shape: tuple[Any, ...], *stack: Callable[[], Any], dtype: str | None = None) -> Callable[[], Any]:
    """Return a function that builds a Sequential of layers, each made anew."""
    return lambda: keras.Sequential([keras.Input(shape, dtype=dtype), *(make() for make in stack)])


def layer(kind: str, *args: Any, **settings: Any) -> Callable[[], Any]:
    return functools.partial(getattr(layers, kind), *args, **settings)


dense = layer("Dense", 1)


def two_inputs(as_dict: bool) -> Any:
    series, calendar = keras.Input((TIME, FEATURES), name="series"), keras.Input((3,), name="calendar")
    joined = layers.Concatenate()([layers.LSTM(3)(series), layers.Dense(2, activation="tanh")(calendar)])
    inputs = {"series": series, "calendar": calendar} if as_dict else [series, calendar]
    return keras.Model(inputs, layers.Dense(1)(joined))


def two_outputs(as_dict: bool) -> Any:
    series = keras.Input((TIME, FEATURES))
    state = layers.GRU(3)(series)
    level, direction = layers.Dense(1, name="level")(state), layers.Dense(1, "sigmoid", name="direction")(state)
    return keras.Model(series, {"level": level, "direction": direction} if as_dict else [level, direction])


def nested() -> Any:
    """Two towers that share one inner model, which holds a BatchNormalization of its own."""
    inner = keras.Sequential([keras.Input((TIME, FEATURES)), layers.GRU(3), layers.BatchNormalization()], name="tower")
    series = keras.Input((TIME, FEATURES))
    backwards = layers.Lambda(lambda x: x[:, ::-1])(series)
    return keras.Model(series, layers.Dense(1)(layers.Add()([inner(series), inner(backwards)])))


class Subclassed(keras.Model):
    """A model written as Python, with a branch on `training`."""

    def __init__(self) -> None:
        super().__init__()
        self.read = layers.LSTM(3, return_sequences=True)
        self.norm = layers.BatchNormalization()
        self.blocks = [layers.Dense(3, activation="tanh"), layers.Dense(1)]

    def call(self, x: Any, training: bool = False) -> Any:
        hidden = self.norm(self.read(x)[:, -1], training=training)
        for block in self.blocks:
            hidden = block(hidden)
        return hidden * (1.0 if training else 0.5)


class Penalty(layers.Layer):
    """Adds a loss of its own, which depends on the batch."""

    def call(self, x: Any) -> Any:
        self.add_loss(0.02 * keras.ops.mean(keras.ops.square(x)))
        return x


def regularised() -> Any:
    l2 = keras.regularizers.L2(0.02)
    return keras.Sequential(
        [
            keras.Input((TIME, FEATURES)),
            layers.LSTM(3, kernel_regularizer=l2, recurrent_regularizer="l1", bias_regularizer=l2),
            Penalty(),
            layers.Dense(3, activation="relu", activity_regularizer=keras.regularizers.L1(0.03)),
            layers.Dense(1),
        ]
    )


def stacked_cells() -> Any:
    cells = [layers.LSTMCell(3), layers.GRUCell(2)]
    return keras.Sequential([keras.Input((TIME, FEATURES)), layers.RNN(cells), layers.Dense(1)])


def attention() -> Any:
    series = keras.Input((TIME, FEATURES))
    states = layers.LayerNormalization()(layers.GRU(4, return_sequences=True)(series))
    # Without biases: attention does not depend on the keys' bias, and Adam would train on the rounding error.
    seen = layers.MultiHeadAttention(num_heads=2, key_dim=2, use_bias=False)(states, states)
    return keras.Model(series, layers.Dense(1)(layers.GlobalAveragePooling1D()(seen)))


def classification() -> dict[str, Any]:
    return {"loss": "binary_crossentropy", "metrics": ["accuracy", keras.metrics.AUC(num_thresholds=20, name="auc")]}


def two_losses(as_dict: bool) -> dict[str, Any]:
    if as_dict:
        return {
            "loss": {"level": "mse", "direction": "binary_crossentropy"},
            "loss_weights": {"level": 0.3, "direction": 2.0},
            "metrics": {"level": ["mae"], "direction": ["accuracy"]},
        }
    return {"loss": ["mse", "binary_crossentropy"], "loss_weights": [0.3, 2.0], "metrics": [["mae"], ["accuracy"]]}


def three_classes() -> dict[str, Any]:
    return {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}


def weighted() -> dict[str, Any]:
    return {"loss": "huber", "metrics": ["mae"], "weighted_metrics": ["mse"]}


sequence = (TIME, FEATURES)

ARCHITECTURES = [
    Architecture("mlp", sequential((3,), layer("Dense", 4, "relu"), dense), flat, value),
    Architecture("lstm", sequential(sequence, layer("LSTM", 3), dense), steps, value),
    Architecture("lstm-long", sequential((None, FEATURES), layer("LSTM", 3), dense), long_steps, value),
    Architecture(
        "long-stack",
        sequential(
            (None, FEATURES),
            layer("SimpleRNN", 3, return_sequences=True),
            lambda: layers.Bidirectional(layers.GRU(2, return_sequences=True)),
            layer("LSTM", 3, return_sequences=True, use_bias=False),
            layer("GRU", 3, reset_after=False, go_backwards=True),
            dense,
        ),
        long_steps,
        value,
    ),
    Architecture("gru-reset-after", sequential(sequence, layer("GRU", 3), dense), steps, value),
    Architecture("gru-reset-before", sequential(sequence, layer("GRU", 3, reset_after=False), dense), steps, value),
    Architecture("simple-rnn", sequential(sequence, layer("SimpleRNN", 3), dense), steps, value),
    Architecture(
        "stacked", sequential(sequence, layer("LSTM", 3, return_sequences=True), layer("GRU", 2), dense), steps, value
    ),
    Architecture(
        "bidirectional",
        sequential(
            sequence,
            lambda: layers.Bidirectional(layers.LSTM(2), backward_layer=layers.GRU(2, go_backwards=True)),
            dense,
        ),
        steps,
        value,
    ),
    Architecture(
        "convolution",
        sequential(
            (6, FEATURES),
            layer("Conv1D", 3, 3, padding="same", activation="relu"),
            layer("MaxPooling1D"),
            layer("LSTM", 3),
            dense,
        ),
        lambda generator, rows: generator.normal(size=(rows, 6, FEATURES)).astype("float32"),
        value,
    ),
    Architecture(
        "batch-norm",
        sequential(
            (3,), layer("Dense", 4, use_bias=False), layer("BatchNormalization", momentum=0.8), layer("ReLU"), dense
        ),
        flat,
        value,
    ),
    Architecture(
        "embedding-mask",
        sequential(
            (6,),
            layer("Embedding", 9, 3, mask_zero=True),
            layer("LSTM", 3),
            layer("Dense", 1, "sigmoid"),
            dtype="int32",
        ),
        tokens,
        yes_or_no,
        classification,
    ),
    Architecture(
        "masking-classes",
        sequential(sequence, layer("Masking"), layer("GRU", 3), layer("Dense", 3, "softmax")),
        padded_steps,
        one_of_three,
        three_classes,
    ),
    Architecture("two-inputs-dict", lambda: two_inputs(True), two_by_name, value),
    Architecture("two-inputs-list", lambda: two_inputs(False), two_in_list, value),
    Architecture("two-outputs-dict", lambda: two_outputs(True), steps, level_and_direction, lambda: two_losses(True)),
    Architecture(
        "two-outputs-list", lambda: two_outputs(False), steps, level_and_direction_in_list, lambda: two_losses(False)
    ),
    Architecture("nested", nested, steps, value),
    Architecture("subclassed", Subclassed, steps, value),
    Architecture("regularised", regularised, steps, value),
    Architecture(
        "time-distributed",
        sequential(
            sequence,
            layer("LSTM", 3, return_sequences=True),
            lambda: layers.TimeDistributed(layers.Dense(1)),
        ),
        steps,
        values_each_step,
    ),
    Architecture("sample-weighted", sequential(sequence, layer("GRU", 3), dense), steps, value, weighted, row_weights),
    Architecture("stacked-cells", stacked_cells, steps, value),
    Architecture("attention", attention, steps, value),
]

OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "sgd": lambda: keras.optimizers.SGD(0.05, momentum=0.9),
    "adam": lambda: keras.optimizers.Adam(0.01),
    "adamw": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.02),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.01),
}


def architecture(name: str) -> Architecture:
    """Return one architecture by name."""
    return next(each for each in ARCHITECTURES if each.name == name)
