"""Law: a cell walked along a sequence gives the numbers and the gradients of its slow twins.

The twins are JAX's own derivative of the same step written out in Python, and finite differences in float64. `test_layers`
compares with Keras's layers, `test_state_laws` with the loop in NumPy, whose longer sequences come this way.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from gatewise.recurrent import equations
from gatewise.recurrent.equations import Inputs, Weights
from gatewise.recurrent.scans import walk

pytestmark = pytest.mark.usefixtures("quickly_compiled")

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
# What else comes along: steps that do not count, dropout for each gate.
EXTRAS = {"plain": (), "masked": ("mask",), "dropout": ("dropout",), "both": ("mask", "dropout")}
# Every cell meets every extra, and every extra comes with all that may be returned. Only an LSTM has two states to return.
WALKS = [
    (name, returns, extra)
    for cell, name in enumerate(CELLS)
    for number, extra in enumerate(EXTRAS)
    for returns in (RETURNS if name == "lstm" else [RETURNS[(cell + number) % 2]])
]


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


@pytest.mark.parametrize(("name", "returns", "extra"), WALKS)
def test_outputs_and_gradients_equal_the_loop_written_out(name, returns, extra):
    cell, given = CELLS[name][0], problem(name, 4, 4, 5, extra=extra)
    assert_close(walk(cell, returns, *given), written_out(cell, returns, *given), 1e-6)
    assert_close(*(gradients(function, name, returns, given) for function in (walk, written_out)), 2e-5)


@every_cell
@pytest.mark.parametrize(("time", "batch", "units"), [(1, 1, 1), (9, 4, 16)])
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
