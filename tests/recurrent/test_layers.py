"""Law: gatewise's layers give the numbers and gradients of Keras's layers of the same name, with every option of theirs.

Keras's layers, called as they are, are the slow twins. A time axis longer than what is written out, so that it is walked.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.recurrent import layer_walk
from gatewise.recurrent.layer_walk import why_not

keras = import_keras()
pytestmark = pytest.mark.usefixtures("quickly_compiled")

BATCH, TIME, FEATURES, UNITS = 3, 10, 2, 4
CELLS = {
    "lstm": ("LSTM", {}),
    "gru": ("GRU", {}),
    "gru-reset-before": ("GRU", {"reset_after": False}),
    "simple": ("SimpleRNN", {}),
}
SEQUENCES = {"return_sequences": True}
# Options of the layer, and how it is called.
OPTIONS = {
    "plain": ({}, {}),
    "sequences-backwards": ({**SEQUENCES, "go_backwards": True}, {}),
    "without-bias-unrolled": ({**SEQUENCES, "use_bias": False, "unroll": True}, {}),
    "dropout": ({"dropout": 0.4, "seed": 3}, {"training": True}),
    "right-padded": ({}, {"mask": "right"}),
    "left-padded-sequences": (SEQUENCES, {"mask": "left"}),
    "holes-backwards-zeros": ({**SEQUENCES, "go_backwards": True, "zero_output_for_mask": True}, {"mask": "holes"}),
    "last-step-masked-zeros": ({"zero_output_for_mask": True}, {"mask": "right"}),
    "recurrent-dropout-masked": (
        {**SEQUENCES, "recurrent_dropout": 0.4, "dropout": 0.3, "seed": 3},
        {"training": True, "mask": "holes"},
    ),
    "mask-unrolled": ({**SEQUENCES, "unroll": True}, {"mask": "left"}),
    "relu": ({"activation": "relu"}, {"mask": "right"}),
    "half": ({"dtype": "mixed_bfloat16"}, {}),
}
MASKS = {
    "right": np.arange(TIME) < np.array([[TIME], [4], [0]]),
    "left": np.arange(TIME) >= np.array([[0], [3], [TIME - 1]]),
    "holes": np.random.default_rng(3).random((BATCH, TIME)) < 0.6,
}
# What is left to Keras's loop.
LEFT = {"mask-unrolled", "relu", "half"}
# An option is a matter of the layer: all of them with one cell, and with each cell those that its equations see.
CASES = [
    (name, option)
    for name in CELLS
    for option in (
        OPTIONS if name == "lstm" else ["without-bias-unrolled", "holes-backwards-zeros", "recurrent-dropout-masked"]
    )
]


def draw(*shape):
    return jnp.asarray(np.random.default_rng(sum(shape)).normal(size=shape), "float32")


def twins(name, options, wrap=None):
    """Return gatewise's layer and Keras's with the same weights."""
    kind, own = CELLS[name]
    options = {"return_state": True, "bias_initializer": "normal", **own, **options}
    made = [getattr(module, kind)(UNITS, **options) for module in (gw.layers, keras.layers)]
    if wrap is not None:
        wrappers = gw.layers.Bidirectional, keras.layers.Bidirectional
        made = [wrapper(layer, **wrap) for wrapper, layer in zip(wrappers, made, strict=True)]
    for layer in made:
        layer.build((BATCH, TIME, FEATURES))
    made[1].set_weights(made[0].get_weights())
    return made


def first_states(layer):
    if isinstance(layer, keras.layers.Bidirectional):
        return [half.get_initial_state(1) for half in (layer.forward_layer, layer.backward_layer)]
    return layer.get_initial_state(1)


def everything(layer, call, x=None):
    """Return all that a layer gives, and the gradients of inputs, weights and first states."""
    x = draw(BATCH, TIME, FEATURES) if x is None else x
    mask = MASKS[call["mask"]] if isinstance(call.get("mask"), str) else call.get("mask")
    call = {**call, **({} if mask is None else {"mask": jnp.asarray(mask)})}
    first = [draw(BATCH, UNITS) * (1 + k) for k in range(len(keras.tree.flatten(first_states(layer))))]
    variables, seeds = layer.trainable_variables, layer.non_trainable_variables

    def run(values, x, first):
        mapping = [*zip(variables, values, strict=True), *((seed, seed.value) for seed in seeds)]
        with keras.StatelessScope(state_mapping=mapping):
            return layer(x, initial_state=first, **call)

    def scalar(*given):
        results = keras.tree.flatten(run(*given))
        return sum(jnp.sum(jnp.sin(leaf * (1 + k)).astype("float32")) for k, leaf in enumerate(results)), results

    function = jax.jit(jax.value_and_grad(scalar, argnums=(0, 1, 2), has_aux=True))
    (_, results), gradients = function([variable.value for variable in variables], x, first)
    return results, gradients


def assert_close(ours, theirs, tolerance):
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@pytest.fixture
def walked(monkeypatch):
    """The layers that were walked, one entry a call."""
    seen = []
    plain = layer_walk.walk_layer
    monkeypatch.setattr("gatewise.recurrent.quick.walk_layer", lambda *given: seen.append(given[0]) or plain(*given))
    return seen


@pytest.mark.parametrize(("name", "option"), CASES)
def test_law_a_layer_is_keras_s(name, option, walked):
    options, call = OPTIONS[option]
    ours, theirs = twins(name, options)
    (results, gradients), (other_results, other_gradients) = everything(ours, call), everything(theirs, call)
    assert_close(results, other_results, 1e-6)
    assert_close(gradients, other_gradients, 1e-5)
    assert bool(walked) == (option not in LEFT)


@pytest.mark.parametrize("merge", ["concat", None])
@pytest.mark.parametrize(
    ("options", "call"), [({}, {}), (SEQUENCES, {"mask": "holes"})], ids=["last", "masked-sequences"]
)
def test_law_both_directions_are_keras_s(merge, options, call, walked):
    ours, theirs = twins("gru", options, wrap={"merge_mode": merge})
    assert_close(everything(ours, call), everything(theirs, call), 1e-5)
    assert {layer.name for layer in walked} == {ours.forward_layer.name, ours.backward_layer.name}


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_short_masked_sequences_are_keras_s(name):
    """Up to 8 steps are written out, where Keras has other rules for masks than in its loop."""
    options = {**SEQUENCES, "zero_output_for_mask": True}
    ours, theirs = twins(name, options)
    x, mask = draw(BATCH, 5, FEATURES), MASKS["holes"][:, :5]
    assert_close(everything(ours, {"mask": mask}, x), everything(theirs, {"mask": mask}, x), 1e-5)


@pytest.mark.parametrize(
    ("name", "option", "time"),
    [("lstm", "dropout", TIME), ("lstm", "dropout", 3), ("gru", "dropout", TIME), ("gru", "recurrent_dropout", 3)],
)
def test_dropout_gate_by_gate(name, option, time):
    """Without use_cudnn=False, Keras stumbles over implementation=1 with dropout of the input alone."""
    options = {option: 0.4, "implementation": 1, "seed": 3, **SEQUENCES}
    ours, theirs = twins(name, options)
    theirs.use_cudnn = False
    x = draw(BATCH, time, FEATURES)
    assert_close(everything(ours, {"training": True}, x), everything(theirs, {"training": True}, x), 1e-5)


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_state_is_carried(name):
    ours, theirs = twins(name, {"stateful": True, **SEQUENCES})
    for _ in range(2):
        assert_close(list(ours(draw(BATCH, TIME, FEATURES))), list(theirs(draw(BATCH, TIME, FEATURES))), 1e-6)
    assert_close([state.value for state in ours.states], [state.value for state in theirs.states], 1e-6)


# -- laws of masks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backwards", [False, True], ids=["forward", "backwards"])
@pytest.mark.parametrize("name", CELLS)
def test_law_lengths_are_rows_by_themselves(name, backwards):
    ours, _ = twins(name, {"go_backwards": backwards})
    x, lengths = draw(BATCH, TIME, FEATURES), np.array([TIME, 9, 1])
    together = ours(x, lengths=lengths)
    for row, length in enumerate(lengths):
        alone = ours(x[row : row + 1, :length])
        assert_close([state[row : row + 1] for state in together], list(alone), 1e-6)


@pytest.mark.parametrize("name", CELLS)
def test_law_left_padding_is_right_padding_backwards(name):
    ours, _ = twins(name, {})
    back, _ = twins(name, {"go_backwards": True})
    back.set_weights(ours.get_weights())
    x = draw(BATCH, TIME, FEATURES)
    assert_close(ours(x, mask=MASKS["left"]), back(x[:, ::-1], mask=MASKS["left"][:, ::-1]), 1e-6)


def test_lengths_in_a_functional_model_and_in_both_directions():
    x, lengths = keras.Input((TIME, FEATURES)), keras.Input((), dtype="int32")
    one = gw.layers.LSTM(UNITS, return_sequences=True)(x, lengths=lengths)
    model = keras.Model([x, lengths], gw.layers.Bidirectional(gw.layers.GRU(UNITS))(one, lengths=lengths))
    sequences, known = np.asarray(draw(BATCH, TIME, FEATURES)), np.array([10, 4, 7])
    outputs = model.predict([sequences, known], verbose=0)
    noise = np.where(np.arange(TIME)[None, :, None] < known[:, None, None], sequences, 9.0)
    np.testing.assert_allclose(outputs, model.predict([noise, known], verbose=0), rtol=1e-6, atol=1e-6)
    assert np.abs(outputs - model.predict([noise, np.full(BATCH, TIME)], verbose=0))[1:].max() > 1e-2


@pytest.mark.parametrize(
    ("given", "error", "sentence"),
    [
        ({"lengths": np.array([1, 2, 3]), "mask": MASKS["left"]}, gw.errors.UsageError, "both a mask and lengths"),
        ({"lengths": np.array([1, 2])}, gw.errors.ShapeError, r"each of the 3 rows, and has the shape \(2,\)"),
        ({"lengths": np.array([1, 2, 11])}, gw.errors.UsageError, "lengths has 11, and the rows have 10 steps"),
        ({"lengths": np.array([1, -2, 1])}, gw.errors.UsageError, "lengths has -2"),
        ({"lengths": np.array([1.0, 2.0, 3.0])}, gw.errors.UsageError, "is of type float32: pass integers"),
    ],
)
@pytest.mark.parametrize("wrap", [lambda layer: layer, gw.layers.Bidirectional], ids=["alone", "both"])
def test_bad_lengths(given, error, sentence, wrap):
    with pytest.raises(error, match=sentence):
        wrap(gw.layers.LSTM(2))(draw(BATCH, TIME, FEATURES), **given)


# -- transformations, training, files ---------------------------------------------------------------------------------


def test_a_layer_in_transformations_of_jax():
    ours, theirs = twins("lstm", {})
    xs = jnp.stack([draw(BATCH, TIME, FEATURES), -draw(BATCH, TIME, FEATURES)])

    def last(layer, x):
        return layer(x)[0]

    def squared(layer):
        return jax.grad(lambda x: jnp.sum(jax.grad(lambda x: jnp.sum(jnp.sin(last(layer, x))))(x) ** 2))(xs[0])

    both = [
        (
            jax.vmap(lambda x, layer=layer: last(layer, x))(xs),
            jax.lax.scan(lambda carry, x, layer=layer: (carry, last(layer, x)), 0, xs)[1],
            squared(layer),
        )
        for layer in (ours, theirs)
    ]
    assert_close(*both, 1e-5)


def model_of(module):
    return keras.Sequential(
        [
            keras.Input((TIME, FEATURES)),
            module.Bidirectional(module.LSTM(UNITS, return_sequences=True)),
            module.GRU(UNITS, return_sequences=True),
            module.RNN(module.SimpleRNNCell(UNITS)),
            keras.layers.Dense(1),
        ]
    )


def test_training_by_keras_itself(walked):
    models = [model_of(module) for module in (gw.layers, keras.layers)]
    models[0].set_weights(models[1].get_weights())
    x = np.asarray(draw(16, TIME, FEATURES))
    losses = []
    for model in models:
        model.compile("adam", "mse")
        losses.append(model.fit(x, x.mean((1, 2)), batch_size=8, epochs=2, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-5)
    assert len(walked) % 4 == 0
    assert len({layer.name for layer in walked}) == 4


@pytest.mark.parametrize("module", [gw.layers, keras.layers], ids=["gatewise", "keras"])
def test_gw_fit_walks_either(module, walked):
    model = model_of(module)
    model.compile("adam", "mse")
    gw.fit(model, np.ones((8, TIME, FEATURES), "float32"), np.ones(8, "float32"), epochs=1, verbose=0)
    assert len({layer.name for layer in walked}) == 4


def test_files_and_configs(tmp_path):
    model = model_of(gw.layers)
    x = np.asarray(draw(2, TIME, FEATURES))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.layers[1]) is gw.layers.GRU
    gw.save(model, tmp_path / "folder")
    for other in (loaded, gw.load(tmp_path / "folder")):
        assert [type(layer) for layer in other.layers] == [type(layer) for layer in model.layers]
        np.testing.assert_array_equal(other.predict(x, verbose=0), model.predict(x, verbose=0))
    layer = gw.layers.GRU(3, dropout=0.1, name="own")
    assert layer.get_config() == keras.layers.GRU(3, dropout=0.1, name="own").get_config()
    assert keras.layers.GRU.from_config(layer.get_config()).dropout == 0.1


# -- what is left to Keras --------------------------------------------------------------------------------------------


class Sevens(keras.layers.LSTM):
    def inner_loop(self, sequences, initial_state, mask, training=False):
        last, outputs, states = super().inner_loop(sequences, initial_state, mask, training)
        return 0 * last + 7, outputs, states


class OwnSevens(gw.layers.LSTM):
    def inner_loop(self, sequences, initial_state, mask, training=False):
        last, outputs, states = super().inner_loop(sequences, initial_state, mask, training)
        return 0 * last + 7, outputs, states


@pytest.mark.parametrize("kind", [Sevens, OwnSevens])
def test_a_loop_of_ones_own_is_used(kind):
    model = keras.Sequential([keras.Input((TIME, FEATURES)), kind(2)])
    assert gw.predict(model, np.ones((BATCH, TIME, FEATURES))).tolist() == [[7.0, 7.0]] * BATCH
    assert gw.show_backend(model).layers[0].why == f"{kind.__name__} has a loop of its own"


@pytest.mark.parametrize(
    ("layer", "mask", "reason"),
    [
        (lambda of: of.LSTM(2, activation="relu"), None, "activations other than tanh and sigmoid"),
        (lambda of: of.GRU(2, recurrent_activation="hard_sigmoid"), None, "activations other than tanh and sigmoid"),
        (lambda of: of.SimpleRNN(2, dropout=1.0), None, "all of the input is dropped"),
        (lambda of: of.RNN(keras.layers.StackedRNNCells([of.GRUCell(2)])), None, "the cell is a StackedRNNCells"),
        (lambda of: of.GRU(2, dtype="mixed_bfloat16"), None, "the dtype policy mixed_bfloat16"),
        (lambda of: of.RNN(of.LSTMCell(2, dtype="float64")), None, "another dtype policy than that of its cell"),
        (lambda of: of.GRU(2, use_cudnn=True), None, "use_cudnn=True"),
        (
            lambda of: of.GRU(2, unroll=True),
            np.ones((1, 2)),
            "unroll=True with a mask, where Keras's loop has rules of its own",
        ),
        (lambda of: of.GRU(2), np.ones((1, 2, 1)), "a mask for something else than time steps"),
    ],
)
@pytest.mark.parametrize("of", [gw.layers, keras.layers], ids=["gatewise", "keras"])
def test_what_is_left_to_keras_and_why(layer, mask, reason, of):
    assert why_not(layer(of), mask) == reason
