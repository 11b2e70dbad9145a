"""The models that the tests of saving go through: every kind of layer state, compile setting and dtype there is to keep."""

from pathlib import Path
from typing import Any

import jax
import numpy as np

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.recurrent.activations import hard_sigmoid_keras2
from gatewise.training.state import ModelValues

keras = import_keras()
layers, optimizers = keras.layers, keras.optimizers
ROWS = 8


def data(*shape: int) -> np.ndarray:
    return np.random.default_rng(7).normal(size=(ROWS, *shape)).astype(np.float32)


# Each case returns a compiled model with x and y to train it.


def plain() -> Any:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4, activation="tanh"), layers.Dense(1)])
    model.compile(optimizers.SGD(0.05, momentum=0.9, nesterov=True, clipnorm=1.0), "mse", metrics=["mae"])
    return model, data(3), data(1)


def lstm_with_schedule() -> Any:
    model = keras.Sequential(
        [
            keras.Input((None, 2)),
            layers.LSTM(3, return_sequences=True, dropout=0.2, kernel_regularizer="l2"),
            layers.LSTM(3, use_cudnn=False),
            layers.Dense(1),
        ]
    )
    schedule = optimizers.schedules.CosineDecay(0.01, decay_steps=100, warmup_steps=3, warmup_target=0.02)
    model.compile(optimizers.AdamW(schedule, weight_decay=0.01, use_ema=True), "mae")
    return model, data(5, 2), data(1)


def keras2_dialect() -> Any:
    model = keras.Sequential(
        [keras.Input((5, 2)), layers.LSTM(3, recurrent_activation=hard_sigmoid_keras2), layers.Dense(1)]
    )
    model.compile("adam", "mse")
    return model, data(5, 2), data(1)


def stateful_stack() -> Any:
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(2, 5, 2)),
            layers.LSTM(3, stateful=True, return_sequences=True),
            layers.GRU(3, stateful=True, return_sequences=True),
            layers.SimpleRNN(2, stateful=True),
            layers.Dense(1),
        ]
    )
    model.compile("rmsprop", keras.losses.Huber(0.5))
    return model, data(5, 2), data(1)


def stateful_bidirectional() -> Any:
    model = keras.Sequential(
        [keras.Input(batch_shape=(2, 5, 2)), layers.Bidirectional(layers.GRU(3, stateful=True)), layers.Dense(1)]
    )
    model.compile("adam", "mse")
    return model, data(5, 2), data(1)


def two_inputs_two_outputs() -> Any:
    series, flat = keras.Input((5, 2), name="series"), keras.Input((3,), name="flat")
    state = layers.Concatenate()([layers.GRU(4)(series), layers.BatchNormalization()(flat)])
    level = layers.Dense(1, name="level")(state * 2.0 - 1.0)
    model = keras.Model([series, flat], {"level": level, "sign": layers.Dense(1, "sigmoid", name="sign")(state[:, :3])})
    model.compile(
        optimizers.Lion(1e-3),
        loss={"level": keras.losses.LogCosh(), "sign": "binary_crossentropy"},
        loss_weights={"level": 1.0, "sign": 0.25},
        metrics={"sign": [keras.metrics.AUC(num_thresholds=20), "accuracy"]},
        weighted_metrics={"level": ["mse"]},
    )
    return model, [data(5, 2), data(3)], {"level": data(1), "sign": (data(1) > 0).astype(np.float32)}


def shared_frozen_tower() -> Any:
    tower = keras.Sequential([keras.Input((5, 2)), layers.GRU(3), layers.BatchNormalization()], name="tower")
    tower.trainable = False
    inputs = keras.Input((5, 2))
    model = keras.Model(inputs, layers.Dense(1)(layers.Add()([tower(inputs), tower(inputs[:, ::-1])])))
    model.compile(optimizers.Nadam(gradient_accumulation_steps=2), "mse")
    return model, data(5, 2), data(1)


def tokens() -> Any:
    model = keras.Sequential(
        [keras.Input((6,), dtype="int32"), layers.Embedding(9, 4, mask_zero=True), layers.LSTM(3), layers.Dense(3)]
    )
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    rng = np.random.default_rng(1)
    return model, rng.integers(0, 9, (ROWS, 6)).astype(np.int32), rng.integers(0, 3, ROWS)


def normalised() -> Any:
    scale = layers.Normalization()
    scale.adapt(data(3) * 5 + 2)
    model = keras.Sequential([keras.Input((3,)), scale, layers.Dense(1)])
    model.compile("adagrad", keras.losses.CosineSimilarity(axis=0))
    return model, data(3), data(1)


def sixteen_bit() -> Any:
    policy = keras.DTypePolicy("mixed_bfloat16")
    model = keras.Sequential(
        [keras.Input((3,)), layers.Dense(4, dtype=policy), layers.Dense(2, dtype="bfloat16"), layers.Dense(1)]
    )
    model.compile(optimizers.LossScaleOptimizer(optimizers.Adam()), "mse")
    return model, data(3), data(1)


CASES = [
    plain,
    lstm_with_schedule,
    keras2_dialect,
    stateful_stack,
    stateful_bidirectional,
    two_inputs_two_outputs,
    shared_frozen_tower,
    tokens,
    normalised,
    sixteen_bit,
]


def assert_same_values(one: ModelValues, other: ModelValues) -> None:
    for group, first, second in zip(ModelValues._fields, one, other, strict=True):
        assert len(first) == len(second), group
        for a, b in zip(first, second, strict=True):
            assert np.asarray(a).dtype == np.asarray(b).dtype, group
            assert np.asarray(a).tobytes() == np.asarray(b).tobytes(), group


def assert_same(one: Any, other: Any) -> None:
    for first, second in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(np.asarray(first), np.asarray(second))


def saved_and_loaded(model: Any, folder: str = "m", **how: Any) -> Any:
    gw.save(model, Path.cwd() / folder, overwrite=True)
    return gw.load(Path.cwd() / folder, **how)
