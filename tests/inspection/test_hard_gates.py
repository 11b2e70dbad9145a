"""Gates with a hard sigmoid, as Keras 2 had them: recorded as a loop in NumPy computes them, and their derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gatewise as gw
from gatewise.inspection.memory import half_life
from gatewise.recurrent import equations
from gatewise.recurrent.equations import Weights, with_gates

UNITS, ROWS = 3, 4
GATES = {
    equations.HardSigmoid: lambda x: np.clip(x / 6 + 0.5, 0, 1),
    equations.HardSigmoidKeras2: lambda x: np.clip(0.2 * x + 0.5, 0, 1),
}
CELLS = [equations.LSTM(), equations.GRU(), equations.GRUResetBefore()]


def _by_hand(cell, hard, x, states, kernel):
    h = states[0]
    if isinstance(cell, equations.LSTM):
        i, f, g, o = np.split(x + h @ kernel, 4, axis=1)
        c = hard(f) * states[1] + hard(i) * np.tanh(g)
        return [hard(o) * np.tanh(c), c]
    x_z, x_r, x_n = np.split(x, 3, axis=1)
    of_z, of_r, of_n = np.split(kernel, 3, axis=1)
    z, r = hard(x_z + h @ of_z), hard(x_r + h @ of_r)
    n = np.tanh(x_n + (r * (h @ of_n) if isinstance(cell, equations.GRU) else (r * h) @ of_n))
    return [z * h + (1 - z) * n]


@pytest.mark.parametrize("gates", GATES)
@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: type(cell).__name__)
def test_a_step_and_its_derivative_are_those_of_the_equations(cell, gates):
    hard_cell = with_gates(cell, gates)
    assert hard_cell is with_gates(cell, gates)
    random = np.random.default_rng(0)

    def draw(*shape):
        return jnp.asarray(random.standard_normal(shape), jnp.float32)

    count = 2 if isinstance(cell, equations.LSTM) else 1
    states = tuple(draw(ROWS, UNITS) for _ in range(count))
    columns = (4 if count == 2 else 3) * UNITS
    # Wide enough that some gates are altogether open or closed.
    x, kernel = (2.5 * draw(rows, columns) for rows in (ROWS, UNITS))
    weights = Weights(kernel)
    after, saved = hard_cell.step(weights, states, x)
    for one, other in zip(after, _by_hand(cell, GATES[gates], *map(np.asarray, (x, states, kernel))), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    first = np.concatenate([np.ravel(gate) for gate in saved[:2]])
    assert (first == 0).any() or (first == 1).any()
    assert ((first > 0) & (first < 1)).any()
    d_after = tuple(draw(ROWS, UNITS) for _ in range(count))
    _, pull = jax.vjp(lambda states, x: hard_cell.step(weights, states, x)[0], states, x)
    d_states, d_x = pull(d_after)
    found, found_x, _ = hard_cell.back(weights, d_after, (states[0], after[0]), saved)
    for one, other in zip((*found, found_x), (*d_states, d_x), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.usefixtures("quickly_compiled")
def test_a_recipe_as_keras_2_ran_it_is_looked_into():
    model = gw.recipe("lstm-time-steps").build("keras2")
    gw.initialize(model, 0)
    values = [3 * np.asarray(array) for array in model.get_weights()]
    model.set_weights(values)
    series = gw.datasets.load_airline()[: model.inputs[0].shape[1]] / 100
    found = gw.inspect(model, series)
    np.testing.assert_allclose(found.running[-1], gw.predict(model, series[None, :, None])[0], atol=1e-5)
    kernel, recurrent, bias = values[:3]
    layer, state = found.layers[0], [np.zeros((1, found.layers[0].units))] * 2
    for step, value in enumerate(series.astype(np.float32)):
        x = value * kernel + bias
        state = _by_hand(CELLS[0], GATES[equations.HardSigmoidKeras2], x, state, recurrent)
        np.testing.assert_allclose(layer.states["h"][step], state[0][0], atol=1e-5)
        np.testing.assert_allclose(layer.states["c"][step], state[1][0], atol=1e-5)
    assert found.counterfactual.layers[0]["gate"] == "hard_sigmoid_keras2"


def test_a_gate_that_is_closed_altogether_forgets_at_once_and_not_more():
    gate = np.array([[1.0, 0.0, 0.5], [1.0, 0.0, 0.5]])
    lives = half_life(gate)
    assert lives[0] > 1e9
    assert lives[1] == pytest.approx(np.log(2) / np.log(1000))
    assert lives[2] == pytest.approx(1)
