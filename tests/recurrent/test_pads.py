"""Law: text whose leading pads are walked once gives the outputs, gradients and training of text walked as it stands."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.recurrent import equations, layer_walk, pads, scans, ways
from gatewise.recurrent.equations import Inputs, Weights
from gatewise.recurrent.pads import Beginning, walk_from_pads
from gatewise.recurrent.paths import Extent

keras = import_keras()
layers = keras.layers
pytestmark = pytest.mark.usefixtures("quickly_compiled")

TIME, WORDS = 12, 7
# Rows with every number of pads, none and nothing but pads among them, and a pad behind the first word.
TOKENS = np.array([[0] * k + [1 + (3 * k + j) % (WORDS - 1) for j in range(TIME - k)] for k in (0, 3, TIME - 1, TIME)])
TOKENS[1, 6] = 0
CELLS = {
    "lstm": (equations.LSTM(), 4, 2, False),
    "gru": (equations.GRU(), 3, 1, True),
    "gru-reset-before": (equations.GRUResetBefore(), 3, 1, False),
    "simple": (equations.SimpleRNN(), 1, 1, False),
}


@pytest.fixture
def shared(monkeypatch):
    """The walks that begin with shared pads, whatever their size."""
    seen = []

    def noting(*given):
        seen.append(given[1])
        return walk_from_pads(*given)

    monkeypatch.setattr(layer_walk, "walk_from_pads", noting)
    monkeypatch.setattr(layer_walk, "worth_sharing", lambda *_: True)
    return seen


@pytest.mark.parametrize(("name", "returns"), [*((name, "outputs") for name in CELLS), ("lstm", "last")])
def test_law_a_walk_from_pads_is_the_walk(name, returns):
    cell, gates, states, biased = CELLS[name]
    draw = np.random.default_rng(2)
    make = lambda *shape: jnp.asarray(draw.normal(size=shape), "float32")  # noqa: E731
    units, features = 4, 3
    table, kernel, bias = make(WORDS, features), make(features, gates * units), make(gates * units)
    weights = Weights(0.5 * make(units, gates * units), make(gates * units) if biased else None)
    first = tuple(jnp.tile(make(1, units), (len(TOKENS), 1)) for _ in range(states))
    counts = jnp.asarray([0, 3, TIME - 1, TIME])

    def scalar(along, after):
        leaves = jax.tree.leaves((along, after))
        return sum(
            jnp.sum(leaf * jnp.cos(jnp.arange(leaf.size) + k).reshape(leaf.shape)) for k, leaf in enumerate(leaves)
        )

    def as_it_stands(table, kernel, bias, weights, first):
        inputs = Inputs(table[TOKENS.T], Weights(kernel, bias))
        return scalar(*scans.walk(cell, returns, inputs.projected(), None, weights, first))

    def from_pads(table, kernel, bias, weights, first):
        inputs = Inputs(table[TOKENS.T], Weights(kernel, bias))
        return scalar(*walk_from_pads(cell, returns, inputs, weights, first, Beginning(counts, table[:1])))

    given = table, kernel, bias, weights, first
    ours, theirs = (jax.jit(jax.value_and_grad(way, argnums=(0, 1, 2, 3)))(*given) for way in (from_pads, as_it_stands))
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5)


def trained(made):
    keras.utils.set_random_seed(4)
    model = made()
    model.compile(keras.optimizers.Adam(0.01), "mse")
    x = np.tile(TOKENS, (2, 1))
    history = gw.fit(model, x, np.arange(8.0) % 3, batch_size=4, epochs=2, shuffle=False, verbose=0, seed=1)
    return [*history.history["loss"], gw.predict(model, x), *model.get_weights()]


MODELS = {
    "sequential": lambda: keras.Sequential(
        [
            keras.Input((TIME,), dtype="int32"),
            layers.Embedding(WORDS, 3),
            layers.LSTM(4, return_sequences=True),
            layers.GRU(3),
            layers.Dense(1),
        ]
    ),
    "both-directions": lambda: keras.Sequential(
        [keras.Input((TIME,)), layers.Embedding(WORDS, 3), gw.layers.Bidirectional(layers.GRU(3)), layers.Dense(1)]
    ),
    "dropout-between": lambda: keras.Sequential(
        [
            keras.Input((TIME,)),
            layers.Embedding(WORDS, 3),
            layers.SpatialDropout1D(0.3, seed=2),
            layers.SimpleRNN(4),
            layers.Dense(1),
        ]
    ),
}
# How often a program with shared pads is traced: in training, where pads are alike, and in prediction.
SHARED = {"sequential": {"outputs"}, "both-directions": {"last"}, "dropout-between": {"last"}}


@pytest.mark.parametrize("name", MODELS)
def test_law_training_is_the_same(name, shared, monkeypatch):
    ours = trained(MODELS[name])
    assert set(shared) == SHARED[name]
    monkeypatch.setattr(layer_walk, "worth_sharing", lambda *_: False)
    shared.clear()
    for one, other in zip(ours, trained(MODELS[name]), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-6)
    assert not shared


@pytest.mark.parametrize(
    ("embedding", "layer"),
    [
        ({"mask_zero": True}, lambda: layers.LSTM(4)),
        ({}, lambda: layers.LSTM(4, dropout=0.2)),
        ({}, lambda: layers.GRU(4, recurrent_dropout=0.2)),
        ({}, lambda: layers.LSTM(4, stateful=True)),
    ],
    ids=["masked", "dropout", "recurrent-dropout", "stateful"],
)
def test_rows_that_are_not_alike_share_nothing(embedding, layer, shared):
    model = keras.Sequential(
        [keras.Input(batch_shape=(4, TIME)), layers.Embedding(WORDS, 3, **embedding), layer(), layers.Dense(1)]
    )
    model.compile("adam", "mse")
    gw.fit(model, TOKENS, np.arange(4.0), batch_size=4, epochs=1, verbose=0)
    assert not shared


def test_a_first_state_of_ones_own_shares_nothing(shared):
    tokens, state = keras.Input((TIME,)), keras.Input((4,))
    read = layers.GRU(4)(layers.Embedding(WORDS, 3)(tokens), initial_state=state)
    model = keras.Model([tokens, state], read)
    states = np.random.default_rng(0).normal(size=(4, 4)).astype("float32")
    outputs = gw.predict(model, [TOKENS, states])
    assert not shared
    np.testing.assert_allclose(outputs, model.predict([TOKENS, states], verbose=0), atol=1e-6)


@pytest.mark.parametrize(
    ("between", "layer", "sentence"),
    [
        ([], lambda: layers.LSTM(64), "; pads in front are walked once for all rows"),
        ([], lambda: layers.LSTM(64, go_backwards=True), "; pads behind are walked once for all rows"),
        (
            [lambda: layers.Dropout(0.2)],
            lambda: layers.LSTM(64),
            "; pads in front are walked once for all rows in prediction",
        ),
        ([], lambda: layers.LSTM(64, dropout=0.1), "; pads in front are walked once for all rows in prediction"),
        ([lambda: layers.Conv1D(8, 3, padding="same")], lambda: layers.LSTM(64), ""),
    ],
)
def test_show_backend(between, layer, sentence, monkeypatch):
    monkeypatch.setattr(ways, "why_not_kernel", lambda *_: None)
    monkeypatch.setattr(ways, "worth_sharing", lambda *_: True)
    model = keras.Sequential([keras.Input((60,)), layers.Embedding(WORDS, 8), *(make() for make in between), layer()])
    assert gw.show_backend(model).layers[0].why.partition(" thread")[2].lstrip("s") == sentence


@pytest.mark.parametrize(("masked", "row", "worth"), [(None, None, True), ("no", None, False), (None, "no", False)])
def test_only_kernels_make_it_worth_it(masked, row, worth, monkeypatch):
    extent = Extent(100, 64, 32, 100, 4)

    def answer(cell, extent, needs):
        assert needs.mask
        assert needs.states == (extent.batch == 1)
        return row if extent.batch == 1 else masked

    monkeypatch.setattr(pads, "why_not_kernel", answer)
    assert pads.worth_sharing(CELLS["lstm"][0], extent, "float32") == worth
