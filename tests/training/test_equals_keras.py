"""Law: ``gw.fit`` leaves the weights and the history that ``model.fit`` leaves, given the same batches.

The pairs of `training.comparison.IN_FLOAT32`: Adam with a ragged last batch, the others with whole batches. The same to
eight digits, for more pairs, is in `test_equals_keras_in_float64`.
"""

import jax.numpy as jnp
import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.training.order import epoch_order, run_key
from training.architectures import (
    FEATURES,
    OPTIMIZERS,
    TIME,
    Architecture,
    architecture,
    dense,
    flat,
    layer,
    sequential,
    steps,
    value,
    yes_or_no,
)
from training.comparison import (
    IN_FLOAT32,
    RAGGED,
    WHOLE,
    compare,
    distance,
    history_distance,
    model_distance,
    train_both,
)

keras = import_keras()
layers = keras.layers
pytestmark = pytest.mark.usefixtures("quickly_compiled")


@pytest.mark.parametrize(("case", "optimizer"), IN_FLOAT32, ids=lambda part: getattr(part, "name", part))
def test_weights_and_history_equal_keras(case, optimizer):
    weights, history = compare(case, optimizer, RAGGED if optimizer == "adam" else WHOLE)
    assert weights < 1e-4
    assert history < 1e-4


# -- what an optimizer may ask for -----------------------------------------------------------------------------------

SPECIAL_OPTIMIZERS = {
    "clipnorm": lambda: keras.optimizers.SGD(0.05, momentum=0.9, clipnorm=0.1),
    "clipvalue": lambda: keras.optimizers.Adam(0.01, clipvalue=0.01),
    "global_clipnorm": lambda: keras.optimizers.SGD(0.05, global_clipnorm=0.1),
    "schedule": lambda: keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.02, decay_steps=7)),
    "averaging": lambda: keras.optimizers.Adam(0.02, use_ema=True, ema_momentum=0.8),
    "averaging-overwrites": lambda: keras.optimizers.SGD(
        0.05, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=2
    ),
    "accumulation": lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=2),
    "weight-decay": lambda: keras.optimizers.SGD(0.05, weight_decay=0.01),
    "loss-scale": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.05), initial_scale=8.0),
    "nesterov": lambda: keras.optimizers.Nadam(0.01),
}


@pytest.mark.parametrize("name", SPECIAL_OPTIMIZERS)
def test_optimizer_settings_equal_keras(name):
    case = architecture("mlp")
    theirs, ours = (case.build(SPECIAL_OPTIMIZERS[name]()) for _ in range(2))
    x, y, _ = case.data(RAGGED)
    histories = train_both(theirs, ours, x, y)
    assert model_distance(theirs, ours) < 1e-4
    assert history_distance(*histories) < 1e-4


# -- what a call may ask for -----------------------------------------------------------------------------------------


def constrained():
    return keras.Sequential(
        [
            keras.Input((TIME, FEATURES)),
            layers.SimpleRNN(3, kernel_constraint=keras.constraints.MaxNorm(0.5), recurrent_constraint="unit_norm"),
            layers.Dense(1, kernel_constraint="non_neg"),
        ]
    )


def partly_frozen():
    model = sequential((3,), layer("Dense", 4, "tanh"), layer("BatchNormalization"), dense)()
    model.layers[0].trainable = model.layers[1].trainable = False
    return model


class OwnLoss(keras.Model):
    """Computes its loss itself, and keeps a metric of its own."""

    def __init__(self):
        super().__init__()
        self.inner = layers.Dense(1)
        self.seen = keras.metrics.Mean(name="seen")

    def call(self, x):
        return self.inner(x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = keras.ops.mean(keras.ops.abs(y - y_pred)) + 0.1 * keras.ops.mean(keras.ops.square(x))
        self.seen.update_state(loss)
        return loss


class Reconstructs(keras.Model):
    """Has no target: its only loss is the one that it adds."""

    def __init__(self):
        super().__init__()
        self.inner = layers.Dense(3)

    def call(self, x):
        self.add_loss(keras.ops.mean(keras.ops.square(x - self.inner(x))))
        return x


class LargestError(keras.metrics.Metric):
    """A metric with a state of its own kind."""

    def __init__(self, name="largest_error", **settings):
        super().__init__(name=name, **settings)
        self.value = self.add_weight(name="value", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.value.assign(keras.ops.maximum(self.value, keras.ops.max(keras.ops.abs(y_true - y_pred))))

    def result(self):
        return keras.ops.convert_to_tensor(self.value)


def mean_sign(y_true, y_pred):
    return keras.ops.mean(keras.ops.sign(y_pred - y_true))


def nested_inputs():
    pair = [keras.Input((3,), name="left"), keras.Input((TIME, FEATURES), name="right")]
    alone = keras.Input((2,), name="alone")
    joined = layers.Concatenate()([layers.Dense(2)(pair[0]), layers.GRU(2)(pair[1]), alone])
    return keras.Model(
        {"pair": pair, "alone": alone}, [layers.Dense(1, name="first")(joined), layers.Dense(1, name="second")(joined)]
    )


def one_output_without_loss():
    x = keras.Input((3,))
    return keras.Model(x, [layers.Dense(1, name="trained")(x), layers.Dense(1, name="only_read")(x)])


def nested_data(generator, rows):
    return {
        "pair": [flat(generator, rows), steps(generator, rows)],
        "alone": generator.normal(size=(rows, 2)).astype("float32"),
    }


three_classes = sequential((3,), layer("Dense", 3, "softmax"))


def labels(generator, rows, _):
    return generator.integers(0, 3, size=rows).astype("int32")


def one_hot(generator, rows, x):
    return np.eye(3, dtype="float32")[labels(generator, rows, x)]


def all_metrics():
    return {
        "loss": "binary_crossentropy",
        "metrics": ["accuracy", keras.metrics.AUC(num_thresholds=20, name="auc"), LargestError(), mean_sign],
        "weighted_metrics": [keras.metrics.MeanSquaredError(name="weighted_mse")],
    }


def sparse():
    return {"loss": "sparse_categorical_crossentropy"}


def validation(case, rows=6):
    x, y, _ = case.data(rows, seed=9)
    return x, y


def with_weights(rows):
    return np.random.default_rng(3).uniform(0.1, 2.0, size=rows).astype("float32")


mlp = architecture("mlp")
MLP = sequential((3,), layer("Dense", 4, "relu"), dense)
SPECIAL_CALLS = [
    (Architecture("constraints", constrained, steps, value), {}),
    (Architecture("frozen", partly_frozen, flat, value), {}),
    (Architecture("own-loss", OwnLoss, flat, value, lambda: {"metrics": ["mae"]}), {}),
    (Architecture("no-target", Reconstructs, flat, lambda *_: None, dict), {}),
    (Architecture("sample-weight", MLP, flat, value), {"sample_weight": with_weights(RAGGED)}),
    (
        Architecture(
            "time-weights",
            sequential((TIME, FEATURES), layer("SimpleRNN", 2, return_sequences=True), dense),
            steps,
            lambda g, rows, _: g.normal(size=(rows, TIME, 1)).astype("float32"),
        ),
        {"sample_weight": np.random.default_rng(3).uniform(0.1, 2.0, size=(RAGGED, TIME)).astype("float32")},
    ),
    (Architecture("class-weight", three_classes, flat, labels, sparse), {"class_weight": {0: 0.2, 2: 3.0}}),
    (
        Architecture(
            "class-weight-one-hot", three_classes, flat, one_hot, lambda: {"loss": "categorical_crossentropy"}
        ),
        {"class_weight": {0: 0.2, 1: 1.5, 2: 3.0}},
    ),
    (
        Architecture("class-weight-and-split", three_classes, flat, labels, sparse),
        {"class_weight": {0: 0.2, 2: 3.0}, "validation_split": 0.3},
    ),
    (Architecture("split", MLP, flat, value), {"validation_split": 0.45}),
    (
        Architecture("split-with-weights", MLP, flat, value),
        {"validation_split": 0.45, "sample_weight": with_weights(RAGGED)},
    ),
    (
        Architecture("validation", MLP, flat, value, lambda: {"loss": "mae", "metrics": ["mse"]}),
        {"validation_data": validation(mlp), "validation_batch_size": 5},
    ),
    (
        Architecture("validation-with-weights", MLP, flat, value),
        {"validation_data": (*validation(mlp), with_weights(6))},
    ),
    (
        Architecture("validation-every-second", MLP, flat, value),
        {"validation_data": validation(mlp), "validation_freq": 2, "epochs": 5},
    ),
    (
        Architecture("validation-listed", MLP, flat, value),
        {"validation_data": validation(mlp), "validation_freq": [1, 4], "epochs": 5},
    ),
    (
        Architecture("validation-larger", MLP, flat, value),
        {"validation_data": validation(mlp, 21), "validation_freq": 3, "epochs": 5},
    ),
    (Architecture("from-epoch-2", MLP, flat, value), {"initial_epoch": 2, "epochs": 4}),
    (Architecture("batch-of-all", MLP, flat, value), {"batch_size": RAGGED}),
    (Architecture("batch-of-one", MLP, flat, value), {"batch_size": 1}),
    (Architecture("more-epochs-than-a-dispatch", sequential((3,), dense), flat, value), {"epochs": 300}),
    (
        Architecture("metrics", sequential((3,), layer("Dense", 1, "sigmoid")), flat, yes_or_no, all_metrics),
        {"sample_weight": with_weights(RAGGED)},
    ),
    (
        Architecture(
            "nested-inputs",
            nested_inputs,
            nested_data,
            lambda *a: [value(*a), value(*a)],
            lambda: {"loss": ["mse", "mae"], "metrics": [["mae"], []]},
        ),
        {},
    ),
    (
        Architecture(
            "one-output-without-loss",
            one_output_without_loss,
            flat,
            lambda *a: [value(*a), value(*a)],
            lambda: {"loss": ["mse", None]},
        ),
        {},
    ),
]


@pytest.mark.parametrize(("case", "call"), SPECIAL_CALLS, ids=lambda part: getattr(part, "name", ""))
def test_calls_equal_keras(case, call):
    theirs, ours = (case.build(keras.optimizers.SGD(0.05)) for _ in range(2))
    x, y, _ = case.data(RAGGED)
    histories = train_both(theirs, ours, x, y, **call)
    assert model_distance(theirs, ours) < 1e-4
    assert history_distance(*histories) < 1e-4


def test_a_shuffled_epoch_is_keras_on_the_shuffled_rows():
    case = architecture("batch-norm")
    theirs, ours = (case.build(OPTIMIZERS["adam"]()) for _ in range(2))
    x, y, _ = case.data(RAGGED)
    history = gw.fit(ours, x, y, batch_size=4, epochs=3, seed=6, verbose=0)
    losses, orders = [], []
    for epoch in range(3):
        order = np.asarray(epoch_order(run_key(6), jnp.int32(epoch), RAGGED))
        orders.append(order.tolist())
        losses += theirs.fit(x[order], y[order], batch_size=4, shuffle=False, verbose=0).history["loss"]
    assert all(sorted(order) == list(range(RAGGED)) for order in orders)
    assert orders[0] != orders[1] != orders[2]
    assert model_distance(theirs, ours) < 1e-4
    assert distance(losses, history.history["loss"]) < 1e-4
