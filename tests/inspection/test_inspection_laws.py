"""What inspection says is what the network does: loops in NumPy, finite differences, networks whose memory is known."""

import numpy as np
import pytest

import gatewise as gw
from gatewise.inspection.attribution import Attribution
from inspection.made_networks_to_inspect import SEQUENCE, TIME, by_hand, echo, keeper, listen_to, made, multiply, plain
from recurrent_twins import FEATURES, NETWORKS, Written

pytestmark = pytest.mark.usefixtures("quickly_compiled")

# Every cell, alone, stacked and in both directions.
KINDS = ["gru", "simple-gru-lstm", "lstm-bidirectional-gru"]
STEP = 1e-5


@pytest.fixture(scope="module", params=KINDS)
def case(request, quickly_compiled):
    model, values, says = made(request.param)
    return request.param, values, says, gw.inspect(model, SEQUENCE)


def test_gates_and_states_are_those_of_a_loop_in_numpy(case):
    name, values, _, found = case
    expected = by_hand(name, values)
    assert len(found.layers) == len(expected)
    for layer, steps in zip(found.layers, expected, strict=True):
        assert {**layer.gates, **layer.states}.keys() == steps.keys()
        for gate, array in {**layer.gates, **layer.states}.items():
            np.testing.assert_allclose(array, steps[gate], atol=1e-6, err_msg=f"{layer.name}: {gate}")


def test_it_says_after_a_step_what_it_says_of_the_sequence_that_ends_there(case):
    _, _, says, found = case
    expected = [says(SEQUENCE[: step + 1]) for step in range(TIME)]
    np.testing.assert_allclose(found.running[:, 0], expected, atol=1e-6)
    np.testing.assert_array_equal(found.scores, found.running[:, 0])


def test_connectivity_is_that_of_finite_differences(case):
    _, _, says, found = case
    expected = np.zeros((TIME, TIME, FEATURES))
    for step in range(TIME):
        for place in range(step + 1):
            for feature in range(FEATURES):
                moved = np.zeros(SEQUENCE.shape)
                moved[place, feature] = STEP
                up, down = (says((SEQUENCE + sign * moved)[: step + 1]) for sign in (1, -1))
                expected[step, place, feature] = (up - down) / (2 * STEP)
    np.testing.assert_allclose(found.connectivity, np.linalg.norm(expected, axis=-1), atol=2e-6)


def test_attributions_add_up_and_are_what_leaving_out_a_step_does(case):
    _, _, says, found = case
    mean = SEQUENCE.mean(axis=0)
    score, baseline = says(SEQUENCE), says(np.broadcast_to(mean, SEQUENCE.shape))
    assert found.attribution.score == pytest.approx(score, abs=1e-6)
    assert found.attribution.baseline == pytest.approx(baseline, abs=1e-6)
    assert found.attribution.integrated.sum() == pytest.approx(score - baseline, rel=0.01)
    assert found.attribution.completeness_error <= 0.01
    for step in range(TIME):
        without = SEQUENCE.copy()
        without[step] = mean
        assert found.attribution.occlusion[step] == pytest.approx(score - says(without), abs=2e-6)
        up, down = (says(np.where(np.arange(TIME)[:, None] == step, moved, SEQUENCE)) for moved in _around(step, mean))
        assert found.attribution.gradient[step] == pytest.approx((up - down) / (2 * STEP), abs=1e-5)


def _around(step, mean):
    away = SEQUENCE[step].astype(np.float64) - mean
    return SEQUENCE[step] + STEP * away, SEQUENCE[step] - STEP * away


def test_scores_that_cannot_be_told_apart_are_not_compared():
    # Float32 has seven digits: what the last of them say is no error.
    adds = Attribution(np.zeros(2), np.array([2e-7, 0.0]), np.zeros(2), 1.348, 1.348 - 1e-7, 512)
    assert adds.completeness_error == pytest.approx(1e-7 / 1.348e-5, rel=1e-3)
    assert Attribution(np.zeros(1), np.zeros(1), np.zeros(1), 0.0, 0.0, 32).completeness_error == 0
    assert Attribution(np.zeros(1), np.array([0.4]), np.zeros(1), 1.0, 0.5, 32).completeness_error == pytest.approx(0.2)


def test_decay_is_that_of_finite_differences(case):
    name, values, _, found = case
    layer, network = found.layers[0], NETWORKS[name][:1]
    units = network[0].units
    own = [*values[:3], np.eye(units), np.zeros(units)]
    for place in (2, TIME - 2):
        for number, state in enumerate(layer.decay):
            slopes = []
            for unit in range(units):
                ends = []
                for sign in (1, -1):
                    loop = Written(network, False, own, 1)
                    loop(SEQUENCE[None, : place + 1].astype(np.float64))
                    loop.layers[0][0][1][number][0, unit] += sign * STEP
                    ends.append(loop(SEQUENCE[None, place + 1 :].astype(np.float64))[0])
                slopes.append((ends[0] - ends[1]) / (2 * STEP))
            expected = np.sqrt(np.square(slopes).sum() / units)
            assert layer.decay[state][place] == pytest.approx(expected, rel=1e-4, abs=1e-8)
    assert layer.decay["h"][-1] == 1


def test_a_silenced_unit_is_one_whose_output_is_zero_whenever_it_is_read(case):
    name, values, _, found = case
    for number, layer in enumerate(found.layers[: len(NETWORKS[name])]):
        for unit in range(layer.units):
            score = _silenced(name, values, number, unit)
            assert layer.ablation[unit] == pytest.approx(score - found.scores[-1], abs=2e-6)


def _silenced(name, values, number, unit):
    """Return what a network says when a unit is silent, from loops of single layers."""
    network, left = NETWORKS[name], iter(values)
    x = SEQUENCE[None].astype(np.float64)
    for place, cell in enumerate(network):
        directions = []
        for backwards in (False, True) if cell.merge is not None else (False,):
            own = [next(left) for _ in range(3)]
            loop = Written((cell.__class__(cell.kind, cell.units),), True, [*own, np.eye(cell.units), np.zeros(1)], 1)
            outputs = []
            for row in range(x.shape[1]):
                outputs.append(loop(x[:, ::-1][:, row : row + 1] if backwards else x[:, row : row + 1]).copy())
                if place == number and not backwards:
                    outputs[-1][..., unit] = loop.layers[0][0][1][0][..., unit] = 0
            outputs = np.concatenate(outputs, axis=1)
            directions.append(outputs[:, ::-1] if backwards and place < len(network) - 1 else outputs)
        x = directions[0] if cell.merge is None else sum(directions) / 2
    kernel, bias = left
    return (x[0, -1] @ kernel + bias)[0]


def test_an_echo_reaches_back_as_far_as_it_was_built_to():
    series, model = np.sin(np.arange(40.0)), echo()
    for steps in (0, 3, 11):
        listen_to(model, steps)
        found = gw.inspect(model, series)
        assert found.reach == steps
        assert found.running[-1, 0] == pytest.approx(series[-1 - steps], rel=1e-3)
        start, end = "What the network says reaches back ", ": 100% of the influence is that of this one step."
        assert found.sentences[1] == f"{start}{steps} steps{end}" or (
            not steps and "reaches back 0 steps" in found.sentences[1]
        )


def test_what_becomes_of_the_gradient_is_said():
    model = plain()
    for factor, sentence in (
        (0.5, "The gradient vanishes: 7 steps before the end less than 1 % of it is left."),
        (1.5, "The gradient explodes: 19 steps before the end it is 2.22e+03 times as large."),
        (1.0, "The gradient survives: 19 steps before the end 1 of it is left."),
    ):
        multiply(model, factor)
        layer = gw.inspect(model, np.cos(np.arange(20.0))).layers[0]
        assert str(layer) == f"{layer.name} (SimpleRNN, 2 units): {sentence}"


def test_a_cell_that_forgets_nothing_keeps_its_state_and_has_an_endless_half_life():
    found = gw.inspect(keeper(), np.cos(np.arange(30.0)))
    layer = found.layers[0]
    np.testing.assert_allclose(layer.decay["c"][:-1], 1, rtol=1e-4)
    assert layer.half_life.min() > 1e9
    assert str(layer).endswith(" of it is left. Units keep what they hold (median).")
    assert layer.saturation["forget"].tolist() == [[1, 0], [1, 0]]
    assert found.reach >= 27
    assert found.sentences[1] == "What the network says reaches back to the beginning of the sequence."
