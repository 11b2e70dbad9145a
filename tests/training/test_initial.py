"""Law: fresh weights come from the distributions that Keras draws from, from the seed alone, and only where they should."""

import itertools

import jax
import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.errors import UsageError
from gatewise.training.initial import Initialiser, build_optimizer, with_zeros
from gatewise.training.state import model_variables, read_values
from training.architectures import ARCHITECTURES, OPTIMIZERS

keras = import_keras()
layers, initializers = keras.layers, keras.initializers
pytestmark = pytest.mark.usefixtures("quickly_compiled")


def farthest(one, other):
    """Return the largest distance between two empirical distribution functions (Kolmogorov and Smirnov's statistic)."""
    one, other = np.sort(np.ravel(one)), np.sort(np.ravel(other))
    everywhere = np.concatenate([one, other])
    shares = [np.searchsorted(values, everywhere, side="right") / len(values) for values in (one, other)]
    return float(np.abs(shares[0] - shares[1]).max())


def alike(one, other):
    """Say whether two samples may come from one distribution: a fair pair fails once in a million."""
    size = one.size * other.size / (one.size + other.size)
    return farthest(one, other) < np.sqrt(-0.5 * np.log(0.5e-6) / size)


class Holder(layers.Layer):
    """Has one weight of a given shape, drawn by a given initialiser."""

    def __init__(self, shape, initializer, **settings):
        super().__init__(**settings)
        self.shape, self.initializer = tuple(shape), initializers.get(initializer)

    def build(self, _):
        self.weight = self.add_weight(shape=self.shape, initializer=self.initializer)

    def call(self, x):
        return x

    def get_config(self):
        initializer = initializers.serialize(self.initializer)
        return {**super().get_config(), "shape": self.shape, "initializer": initializer}


def draws(initializer, shape, seeds):
    """Return what `gw.initialize` gives one weight for each of the seeds."""
    model = keras.Sequential([keras.Input((1,)), Holder(shape, initializer)])
    initialiser = Initialiser(model)
    return np.stack([initialiser(seed).trainable[0] for seed in seeds])


KNOWN = [
    initializers.GlorotUniform(),
    initializers.GlorotNormal(),
    initializers.HeUniform(),
    initializers.HeNormal(),
    initializers.LecunUniform(),
    initializers.LecunNormal(),
    initializers.VarianceScaling(0.5, "fan_in", "untruncated_normal"),
    initializers.RandomUniform(-0.2, 0.7),
    initializers.RandomNormal(0.3, 0.2),
    initializers.TruncatedNormal(-0.1, 0.4),
    initializers.Orthogonal(),
]
# A matrix and the kernel of a convolution for all; a vector, a matrix the other way round and other convolutions for
# those that look at the shape.
SHAPES = [(12, 30), (3, 2, 6, 10)]
MORE_SHAPES = [(40,), (30, 12), (3, 8, 10), (2, 2, 2, 5, 6)]
LOOK_AT_SHAPES = [
    initializers.VarianceScaling(0.5, "fan_out", "untruncated_normal"),
    initializers.VarianceScaling(2.0, "fan_avg", "uniform"),
    initializers.Orthogonal(gain=0.7),
]


def name_of(initializer):
    settings = {name: value for name, value in initializer.get_config().items() if name != "seed"}
    return f"{type(initializer).__name__}{list(settings.values())}"


DRAWN = [*itertools.product(KNOWN, SHAPES), *itertools.product(LOOK_AT_SHAPES, MORE_SHAPES)]


@pytest.mark.parametrize(
    ("initializer", "shape"),
    # Keras refuses an orthogonal vector.
    [pair for pair in DRAWN if not (type(pair[0]) is initializers.Orthogonal and len(pair[1]) < 2)],
    ids=lambda part: str(part) if isinstance(part, tuple) else name_of(part),
)
def test_drawn_from_the_distribution_of_keras(initializer, shape):
    count = 20
    ours = draws(initializer, shape, range(count))
    theirs = []
    for seed in range(count):
        initializer.seed = seed
        theirs.append(np.asarray(initializer(shape)))
    theirs = np.stack(theirs)
    assert ours.dtype == np.float32
    assert alike(ours, theirs)
    assert abs(ours.std() - theirs.std()) < 0.1 * theirs.std()
    assert abs(np.abs(ours).max() - np.abs(theirs).max()) < 0.2 * np.abs(theirs).max()
    # Not one sample in another arrangement.
    assert len(np.unique(ours)) > 0.9 * ours.size


@pytest.mark.parametrize("shape", [(8,), (8, 8), (5, 9), (9, 5), (3, 4, 5)], ids=str)
def test_bounds(shape):
    """Those of uniform and cut distributions, by the formulas of Glorot, He and LeCun."""
    receptive = int(np.prod(shape[:-2]))
    inputs = shape[-2] * receptive if len(shape) > 1 else shape[0]
    outputs = shape[-1] * receptive if len(shape) > 1 else shape[0]
    many = range(400)
    for initializer, variance in (
        (initializers.GlorotUniform(), 2 / (inputs + outputs)),
        (initializers.HeUniform(), 2 / inputs),
        (initializers.LecunUniform(), 1 / inputs),
    ):
        values = draws(initializer, shape, many)
        assert np.abs(values).max() <= np.sqrt(3 * variance) * (1 + 1e-6)
        assert np.abs(values).max() > 0.99 * np.sqrt(3 * variance)
        assert values.var() == pytest.approx(variance, rel=0.05)
    for initializer, variance in (
        (initializers.GlorotNormal(), 2 / (inputs + outputs)),
        (initializers.HeNormal(), 2 / inputs),
        (initializers.LecunNormal(), 1 / inputs),
    ):
        values = draws(initializer, shape, many)
        assert values.var() == pytest.approx(variance, rel=0.06)
        assert np.abs(values).max() <= 2 * np.sqrt(variance) / 0.8796 * (1 + 1e-4)


@pytest.mark.parametrize("gain", [1.0, 0.7])
@pytest.mark.parametrize("shape", [(6, 6), (4, 12), (12, 4), (3, 2, 6), (2, 3, 8)], ids=str)
def test_orthogonal_weights_are_orthogonal(shape, gain):
    for weight in draws(initializers.Orthogonal(gain), shape, range(3)):
        matrix = weight.reshape(-1, shape[-1])
        small = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
        np.testing.assert_allclose(small, gain**2 * np.eye(len(small)), atol=1e-5)


def test_orthogonal_weights_favour_no_direction():
    """Without its signs put right, the Q of a QR decomposition has a diagonal of one sign."""
    diagonals = np.stack([np.diagonal(weight) for weight in draws(initializers.Orthogonal(), (3, 3), range(600))])
    assert np.abs((diagonals > 0).mean(axis=0) - 0.5).max() < 0.1


# -- whole models ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ARCHITECTURES, ids=lambda case: case.name)
def test_a_fresh_model_is_like_a_new_one(case):
    """Variable by variable: what Keras fills with a constant is that constant, the rest is drawn, with the same spread."""
    model, new = case.build(OPTIMIZERS["adam"]()), case.build(OPTIMIZERS["adam"]())
    model.set_weights([array + 1 for array in model.get_weights()])
    gw.initialize(model, 3)
    once = [np.array(array) for array in model.get_weights()]
    initialiser = Initialiser(model)
    often = [initialiser(seed) for seed in range(40)]
    spread = {
        variable.path: np.std([values[position] for values in (getattr(one, group) for one in often)])
        for group, variables in zip(("trainable", "non_trainable"), model_variables(model), strict=False)
        for position, variable in enumerate(variables)
    }
    for number, (variable, ours, theirs) in enumerate(zip(new.weights, once, new.get_weights(), strict=True)):
        constant = "kernel" not in variable.path and "embeddings" not in variable.path
        assert np.isfinite(ours).all()
        if constant:
            np.testing.assert_array_equal(ours, theirs, err_msg=variable.path)
        else:
            assert not np.array_equal(ours, theirs)
            assert 0.4 < spread[model.weights[number].path] / np.sqrt(np.mean(theirs**2)) < 2.5, variable.path
    gw.initialize(model, 4)
    changed = [not np.array_equal(old, now) for old, now in zip(once, model.get_weights(), strict=True)]
    assert changed == ["kernel" in v.path or "embeddings" in v.path for v in new.weights]
    gw.initialize(model, 3)
    jax.tree.map(np.testing.assert_array_equal, once, model.get_weights())


def test_weights_of_equal_layers_differ():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(4), layers.Dense(4)])
    gw.initialize(model, 0)
    assert not np.array_equal(model.layers[0].kernel, model.layers[1].kernel)


def small():
    model = keras.Sequential([keras.Input((2, 1)), layers.LSTM(2), layers.Dropout(0.5), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def test_the_optimizer_starts_anew_with_the_learning_rate_it_has():
    model = small()
    gw.fit(model, np.ones((6, 2, 1)), np.ones((6, 1)), batch_size=2, verbose=0)
    model.optimizer.learning_rate = 0.003
    assert int(model.optimizer.iterations) == 3
    gw.initialize(model, 0)
    iterations, rate, *slots = (np.asarray(variable.value) for variable in model.optimizer.variables)
    assert iterations == 0
    assert rate == np.float32(0.003)
    assert slots
    assert all((slot == 0).all() for slot in slots)


def test_the_average_starts_at_nothing_as_in_keras():
    model, new = small(), small()
    for each in (model, new):
        each.compile(keras.optimizers.Adam(0.01, use_ema=True), "mse")
        each.optimizer.build(each.trainable_variables)
    gw.fit(model, np.ones((6, 2, 1)), np.ones((6, 1)), batch_size=2, verbose=0)
    gw.initialize(model, 0)
    for ours, theirs in zip(model.optimizer.variables, new.optimizer.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_carried_state_is_forgotten():
    x = keras.Input(batch_shape=(2, 3, 1))
    model = keras.Model(x, layers.LSTM(2, stateful=True)(x))
    gw.predict(model, np.ones((2, 3, 1)))
    assert any(np.any(np.asarray(state)) for state in read_values(model).recurrent)
    gw.initialize(model, 0)
    assert not any(np.any(np.asarray(state)) for state in read_values(model).recurrent)


def test_frozen_and_adapted_layers_keep_what_they_have():
    normalization = layers.Normalization()
    normalization.adapt(np.random.default_rng(0).normal(3, 2, size=(50, 4)).astype("float32"))
    model = keras.Sequential(
        [
            keras.Input((4,)),
            normalization,
            layers.Dense(3),
            layers.BatchNormalization(),
            layers.Dense(2),
            layers.Dense(1),
        ]
    )
    model.layers[1].trainable = model.layers[2].trainable = False
    model.layers[2].set_weights([np.full(3, value) for value in (1.5, 0.5, 0.25, 0.75)])
    before = [layer.get_weights() for layer in model.layers]
    gw.initialize(model, 9)
    after = [layer.get_weights() for layer in model.layers]
    for kept in (0, 1, 2):
        jax.tree.map(np.testing.assert_array_equal, before[kept], after[kept])
    for drawn in (3, 4):
        assert not np.array_equal(before[drawn][0], after[drawn][0])


def test_an_initialiser_of_ones_own_is_called_with_a_seed():
    @keras.saving.register_keras_serializable(package="test_initial")
    class Spread(initializers.Initializer):
        def __init__(self, seed=None):
            self.seed = seed

        def __call__(self, shape, dtype=None):
            return np.random.default_rng(self.seed).uniform(5, 6, size=shape)

        def get_config(self):
            return {"seed": self.seed}

    model = keras.Sequential([keras.Input((2,)), layers.Dense(3, kernel_initializer=Spread(1))])
    gw.initialize(model, 1)
    first = np.array(model.layers[0].kernel)
    assert first.min() > 5
    assert first.max() < 6
    gw.initialize(model, 2)
    assert not np.array_equal(first, model.layers[0].kernel)
    gw.initialize(model, 1)
    np.testing.assert_array_equal(first, model.layers[0].kernel)


def test_a_bias_that_is_drawn_keeps_its_ones_for_the_forget_gate():
    """Keras puts them between two draws of the layer's own bias initialiser."""
    model = keras.Sequential(
        [keras.Input((2, 1)), layers.LSTM(5, bias_initializer=initializers.RandomNormal(0.0, 0.1))]
    )
    gw.initialize(model, 1)
    bias = np.array(model.layers[0].cell.bias)
    np.testing.assert_array_equal(bias[5:10], 1.0)
    others = np.concatenate([bias[:5], bias[10:]])
    assert 0.03 < others.std() < 0.3
    gw.initialize(model, 2)
    assert not np.array_equal(bias, model.layers[0].cell.bias)


def test_a_layer_that_cannot_be_built_again_is_named():
    class Obstinate(layers.Layer):
        def __init__(self, units):
            super().__init__(name="obstinate")
            self.units = keras.Variable(units)

        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1], 2))

        def call(self, x):
            return x @ self.kernel

        def get_config(self):
            raise NotImplementedError("no")

    model = keras.Sequential([keras.Input((3,)), Obstinate(2.0)])
    with pytest.raises(UsageError) as refused:
        gw.initialize(model, 0)
    assert str(refused.value) == (
        "New weights for layer 'obstinate' (Obstinate) cannot be drawn, because it cannot be built again from its "
        "configuration (no): give it a get_config that holds its constructor's arguments."
    )


def test_a_model_built_without_values_has_zeros_and_then_the_values_of_its_seed():
    def build():
        layers = [keras.Input((3, 1)), keras.layers.LSTM(4, dropout=0.1), keras.layers.Dense(2)]
        return keras.Sequential(layers, name="same")

    usual, quick = build(), with_zeros(build)
    assert not any(np.any(np.asarray(value)) for value in quick.get_weights())
    for model in (usual, quick):
        gw.initialize(model, 7)
    for one, two in zip(usual.get_weights(), quick.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert np.any(quick.get_weights()[0])
    # The seed of what is dropped is no weight.
    seeds = [[np.asarray(one.value) for one in model.variables if "seed" in one.path] for model in (usual, quick)]
    assert [one.shape for one in seeds[1]] == [one.shape for one in seeds[0]] != []
    # A scope of Keras's that comes later finds nothing left to be drawn.
    with keras.StatelessScope():
        pass


@pytest.mark.parametrize(
    "make", [keras.optimizers.Adam, keras.optimizers.RMSprop, keras.optimizers.Nadam, keras.optimizers.Ftrl]
)
@pytest.mark.parametrize("use_ema", [False, True])
def test_an_optimizer_begins_as_keras_begins_it(make, use_ema):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dense(1)])
    plain, ours = make(use_ema=use_ema), make(use_ema=use_ema)
    model.compile(plain, "mse")
    plain.build(model.trainable_variables)
    model.compile(ours, "mse")
    build_optimizer(model)
    assert len(ours.variables) == len(plain.variables)
    for found, expected in zip(ours.variables, plain.variables, strict=True):
        assert found.path.partition("/")[2] == expected.path.partition("/")[2]
        assert found.dtype == expected.dtype
        assert np.array_equal(found.value, expected.value)
