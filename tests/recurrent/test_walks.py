"""Law: a cell walked along a sequence gives the numbers and the gradients of its slow twins.

The twins are JAX's own derivative of the same step written out in Python, finite differences in float64, and Keras's
layers; the outputs are compared with the loop in NumPy by `test_state_laws`, whose longer sequences come this way.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.recurrent import equations
from gatewise.recurrent.equations import Inputs, Weights
from gatewise.recurrent.layer_walk import walk_layer, why_not
from gatewise.recurrent.scans import walk

keras = import_keras()
layers = keras.layers

# Equations, gates, states, and whether the recurrence has a bias of its own.
CELLS = {
    "lstm": (equations.LSTM(), 4, 2, False),
    "gru": (equations.GRU(), 3, 1, True),
    "gru-without-bias": (equations.GRU(), 3, 1, False),
    "gru-reset-before": (equations.GRUResetBefore(), 3, 1, False),
    "simple": (equations.SimpleRNN(), 1, 1, False),
}
every_cell = pytest.mark.parametrize("name", CELLS)
RETURNS = ["last", "outputs", "states"]
every_return = pytest.mark.parametrize("returns", RETURNS)
# What else comes along: steps that do not count, dropout for each gate.
EXTRAS = {"plain": (), "masked": ("mask",), "dropout": ("dropout",), "both": ("mask", "dropout")}
every_extra = pytest.mark.parametrize("extra", EXTRAS)


def problem(name, time=5, batch=3, units=4, dtype="float32", extra="plain"):
    """Return the arguments of `scans.walk` behind the cell and what to return."""
    _, gates, states, biased = CELLS[name]
    draw = np.random.default_rng(len(name) + time)
    make = lambda *shape: jnp.asarray(draw.normal(size=shape), dtype)  # noqa: E731
    flip = lambda *shape: jnp.asarray(draw.random(shape) < 0.6)  # noqa: E731
    mask = flip(time, batch) if "mask" in EXTRAS[extra] else None
    dropout = flip(gates, batch, units) / jnp.asarray(0.6, dtype) if "dropout" in EXTRAS[extra] else None
    weights = Weights(0.5 * make(units, gates * units), make(gates * units) if biased else None, dropout)
    return make(time, batch, gates * units), mask, weights, tuple(make(batch, units) for _ in range(states))


def written_out(cell, returns, projected, mask, weights, states):
    """The same walk as a Python loop, for JAX to differentiate."""
    along = []
    for time, x in enumerate(projected):
        after, _ = cell.step(weights, states, x)
        if mask is not None:
            after = tuple(jnp.where(mask[time, :, None], one, other) for one, other in zip(after, states, strict=True))
        states = after
        along.append(states)
    kept = {"last": 0, "outputs": 1, "states": len(states)}[returns]
    return tuple(jnp.stack(state) for state in list(zip(*along, strict=True))[:kept]), states


def weighed(function, cell, returns, mask, dropout):
    """A scalar in which everything that is returned counts differently, of what has a derivative."""

    def scalar(projected, kernel, bias, states):
        leaves = jax.tree.leaves(function(cell, returns, projected, mask, Weights(kernel, bias, dropout), states))
        return sum(
            jnp.sum(leaf * jnp.cos(jnp.arange(leaf.size) + k).reshape(leaf.shape)) for k, leaf in enumerate(leaves)
        )

    return scalar


def gradients(function, name, returns, given):
    projected, mask, weights, states = given
    scalar = weighed(function, CELLS[name][0], returns, mask, weights.dropout)
    return jax.jit(jax.grad(scalar, argnums=(0, 1, 2, 3)))(projected, weights.kernel, weights.bias, states)


def assert_close(ours, theirs, tolerance):
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@every_extra
@every_return
@every_cell
def test_outputs_and_gradients_equal_the_loop_written_out(name, returns, extra):
    cell, given = CELLS[name][0], problem(name, 6, 4, 5, extra=extra)
    assert_close(walk(cell, returns, *given), written_out(cell, returns, *given), 1e-6)
    assert_close(*(gradients(function, name, returns, given) for function in (walk, written_out)), 2e-5)


@every_cell
@pytest.mark.parametrize(("time", "batch", "units"), [(1, 1, 1), (17, 4, 16)])
def test_other_sizes(name, time, batch, units):
    cell, given = CELLS[name][0], problem(name, time, batch, units)
    assert_close(walk(cell, "outputs", *given), written_out(cell, "outputs", *given), 1e-6)
    assert_close(*(gradients(function, name, "outputs", given) for function in (walk, written_out)), 2e-5)


@pytest.mark.parametrize(("returns", "extra"), [("last", "plain"), ("outputs", "both"), ("states", "masked")])
@every_cell
def test_gradients_equal_finite_differences(name, returns, extra):
    with jax.enable_x64(True):
        projected, mask, weights, states = problem(name, time=3, batch=2, units=2, dtype="float64", extra=extra)
        scalar = jax.jit(weighed(walk, CELLS[name][0], returns, mask, weights.dropout))
        given = projected, weights.kernel, weights.bias, states
        # The second derivative as well, which differentiates the walk back.
        check_grads(scalar, given, order=2, modes=["rev"], atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("extra", ["plain", "both"])
@every_cell
def test_many_members_at_once_are_each_by_itself(name, extra):
    members = [problem(name, extra=extra) for _ in range(2)]
    members[1] = jax.tree.map(lambda array: ~array if array.dtype == bool else -0.5 * array, members[1])

    def gradient(given):
        return gradients(walk, name, "outputs", given)

    together = jax.vmap(gradient)(jax.tree.map(lambda *arrays: jnp.stack(arrays), *members))
    for number, member in enumerate(members):
        assert_close(jax.tree.map(lambda array, k=number: array[k], together), gradient(member), 1e-5)


@every_cell
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_stays_none(name, bad):
    cell, (projected, mask, weights, states) = CELLS[name][0], problem(name)
    bad_there = projected.at[2, 0].set(bad).at[2, 0, 0].set(np.nan)
    (outputs,), _ = walk(cell, "outputs", bad_there, mask, weights, states)
    finite = np.isfinite(outputs).all(axis=-1)
    assert finite[:, 1:].all()
    assert finite[:2, 0].all()
    assert not finite[2:, 0].any()


@every_cell
def test_what_is_no_number_and_does_not_count_is_nowhere(name):
    _, gates, _, _ = CELLS[name]
    cell, (sequence, mask, weights, states) = CELLS[name][0], problem(name, extra="masked")
    kernel = jnp.eye(sequence.shape[-1]) if gates > 1 else 2 * jnp.eye(sequence.shape[-1])

    def everything(sequence):
        def scalar(kernel, weights, states):
            inputs = Inputs(sequence, Weights(kernel), mask)
            (outputs,), after = walk(cell, "outputs", inputs.projected(), mask, weights, states)
            return outputs.sum() + sum(jnp.sum(state) for state in after)

        return jax.value_and_grad(scalar, argnums=(1, 2))(kernel, weights, states)

    assert_close(everything(jnp.where(mask[..., None], sequence, np.nan)), everything(sequence), 1e-6)


@pytest.mark.parametrize("dropped", [False, True])
def test_inputs_are_projected_gate_by_gate(dropped):
    draw = np.random.default_rng(0)
    sequence, kernel, bias = (draw.normal(size=shape) for shape in [(3, 2, 4), (4, 15), (15,)])
    dropout = draw.normal(size=(3, 2, 4)) if dropped else np.ones((3, 2, 4))
    by_hand = [
        sum(sequence[:, :, k, None] * dropout[g, None, :, k, None] * kernel[k, 5 * g : 5 * g + 5] for k in range(4))
        for g in range(3)
    ]
    arrays = [jnp.asarray(array, "float32") for array in (sequence, kernel, bias, dropout)]
    inputs = Inputs(arrays[0], Weights(arrays[1], arrays[2], arrays[3] if dropped else None))
    np.testing.assert_allclose(inputs.projected(), np.concatenate(by_hand, axis=-1) + bias, rtol=1e-5, atol=1e-5)


# -- as Keras's layers ------------------------------------------------------------------------------------------------

BATCH, TIME, FEATURES = 3, 9, 2

LAYERS = {
    "lstm": lambda **more: layers.LSTM(4, **more),
    "gru": lambda **more: layers.GRU(4, **more),
    "gru-reset-before": lambda **more: layers.GRU(4, reset_after=False, **more),
    "simple": lambda **more: layers.SimpleRNN(4, **more),
}
OPTIONS = {
    "plain": {},
    "sequence": {"return_sequences": True},
    "backwards": {"go_backwards": True},
    "backwards-sequence": {"go_backwards": True, "return_sequences": True},
    "without-bias": {"use_bias": False, "return_sequences": True},
    "dropout": {"dropout": 0.4, "seed": 3},
}


def walked(layer, x, states, training):
    layer._maybe_config_dropout_masks(layer.cell, x[:, 0, :], states)
    last, outputs, after = walk_layer(layer, x, states, training)
    layer._maybe_reset_dropout_masks(layer.cell)
    return outputs if layer.return_sequences else last, after


def as_keras(layer, x, states, training):
    output, *after = layer(x, initial_state=states, training=training)
    return output, after


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("name", LAYERS)
def test_a_walked_layer_is_the_layer(name, option):
    layer = LAYERS[name](return_state=True, bias_initializer="normal", **OPTIONS[option])
    layer.build((BATCH, TIME, FEATURES))
    assert why_not(layer, None) is None
    draw = np.random.default_rng(4).normal
    x = jnp.asarray(draw(size=(BATCH, TIME, FEATURES)), "float32")
    states = [jnp.asarray(draw(size=(BATCH, 4)), "float32") for _ in keras.tree.flatten(layer.get_initial_state(1))]
    variables = layer.trainable_variables
    seeds = layer.non_trainable_variables

    def run(function, values, x, states):
        mapping = [*zip(variables, values, strict=True), *((seed, seed.value) for seed in seeds)]
        with keras.StatelessScope(state_mapping=mapping):
            output, after = function(layer, x, states, training=True)
        return [output, *after]

    def scalar(function, *arguments):
        return sum(jnp.sum(jnp.sin(leaf * (1 + k))) for k, leaf in enumerate(run(function, *arguments)))

    given = [variable.value for variable in variables], x, states
    assert_close(run(walked, *given), run(as_keras, *given), 1e-6)
    gradients = [jax.grad(functools.partial(scalar, way), argnums=(0, 1, 2))(*given) for way in (walked, as_keras)]
    assert_close(*gradients, 1e-5)


class Sevens(layers.LSTM):
    def inner_loop(self, sequences, initial_state, mask, training=False):
        last, outputs, states = super().inner_loop(sequences, initial_state, mask, training)
        return 0 * last + 7, outputs, states


def test_a_loop_of_ones_own_is_used():
    model = keras.Sequential([keras.Input((TIME, FEATURES)), Sevens(2)])
    assert gw.predict(model, np.ones((BATCH, TIME, FEATURES))).tolist() == [[7.0, 7.0]] * BATCH


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (lambda: Sevens(2), "Sevens has a loop of its own"),
        (lambda: layers.LSTM(2, activation="relu"), "activations other than tanh and sigmoid"),
        (lambda: layers.GRU(2, recurrent_activation="hard_sigmoid"), "activations other than tanh and sigmoid"),
        (lambda: layers.LSTM(2, recurrent_dropout=0.1), "recurrent_dropout"),
        (lambda: layers.GRU(2, unroll=True), "unroll=True"),
        (lambda: layers.RNN(layers.StackedRNNCells([layers.GRUCell(2)])), "the cell is a StackedRNNCells"),
        (lambda: layers.GRU(2, dtype="mixed_bfloat16"), "the dtype policy mixed_bfloat16"),
        (
            lambda: layers.GRU(2, dropout=0.1, implementation=1),
            "dropout with implementation=1, which draws a mask for each gate",
        ),
    ],
)
def test_what_is_left_to_keras_and_why(layer, reason):
    assert why_not(layer(), None) == reason


def test_a_masked_sequence_is_left_to_keras():
    assert why_not(layers.LSTM(2), jnp.ones((1, 2), bool)) == "the sequence is masked"
