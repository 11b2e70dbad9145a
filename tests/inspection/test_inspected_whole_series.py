"""Networks that many series share, looked into: what they say after a step is the forecast of the series that ends there."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from gatewise.errors import UsageError
from gatewise.forecasting.networks.origins import View
from gatewise.forecasting.networks.season_networks import SeasonNetworks, TrainedSeasonNetworks
from gatewise.forecasting.networks.sequence_networks import SequenceNetworks, TrainedSequenceNetworks
from gatewise.forecasting.panel import Panel
from gatewise.inspection.series import _chosen, _known, _which
from gatewise.inspection.whole_series import about, inspect_whole_series
from recurrent_twins import lstm_step

pytestmark = pytest.mark.usefixtures("quickly_compiled")
HORIZON, SEASON, TIME = 2, 4, 30
LOSSES = np.zeros((1, 1))
SEQUENCE = SequenceNetworks("deep", View("smooth", lags=2), "LSTM", units=3, members=1)
BY_SEASON = SeasonNetworks("seasons", cycle=2, seasons=12, cell="LSTM", units=3, members=1)


def panel():
    noise = np.random.default_rng(0).standard_normal((3, TIME))
    values = 50 + 10 * np.sin(np.arange(TIME) * np.pi / 2) + 5 * np.arange(3)[:, None] + noise
    values[1, :9] = values[0, 12] = np.nan
    return Panel(values, SEASON)


@pytest.fixture(scope="module", params=["sequence", "season"])
def case(request, quickly_compiled):
    """Networks that were never trained, which say more than trained ones that began with small weights."""
    if request.param == "sequence":
        bare = TrainedSequenceNetworks(SEQUENCE, HORIZON, SEASON, [], usual=0.05, losses=LOSSES)
    else:
        bare = TrainedSeasonNetworks(BY_SEASON, HORIZON, SEASON, [], losses=LOSSES)
    draw = np.random.default_rng(1).standard_normal
    weights = [0.4 * draw(array.shape).astype(np.float32) for array in bare.reading(panel()).model.get_weights()]
    if request.param == "sequence":
        trained = TrainedSequenceNetworks(SEQUENCE, HORIZON, SEASON, [weights], usual=0.05, losses=LOSSES)
    else:
        trained = TrainedSeasonNetworks(BY_SEASON, HORIZON, SEASON, [weights], losses=LOSSES)
    names = ["1 step ahead", "2 steps ahead"]
    return trained, inspect_whole_series(trained, 0, panel(), 0, [1, 2], names, 0)


def test_it_says_after_a_step_what_it_forecasts_of_the_series_that_ends_there(case):
    trained, found = case
    # A step of one that reads seasons is a season.
    step = SEASON if isinstance(trained, TrainedSeasonNetworks) else 1
    for back in (0, 1):
        forecast = trained.forecast(panel().until(back * step))[0, 0]
        np.testing.assert_allclose(found.running[-1 - back], forecast, rtol=1e-5)
    assert len(found.steps) == (TIME if step == 1 else TIME // SEASON - 1)
    last = panel().values[0, -step:].mean()
    assert found.values[-1, 0] == pytest.approx(last, rel=1e-4)
    assert found.said == "correction 1 step ahead"
    assert found.counterfactual.startswith("what it reads at a step is computed ")
    assert about(trained).startswith("A step is a season of 4 values" if step > 1 else "At each step it sees")


def test_states_are_those_of_a_loop_in_numpy(case):
    trained, found = case
    weights = trained.weights[0][:3]
    state = [np.zeros((1, 3)), np.zeros((1, 3))]
    inputs = trained.reading(panel().select(np.array([0]))).inputs[0, : len(found.steps)]
    for step, row in enumerate(inputs.astype(np.float64)):
        state = lstm_step(row[None], state, weights)
        for name, array in zip("hc", state, strict=True):
            np.testing.assert_allclose(found.layers[0].states[name][step], array[0], atol=2e-6)
    assert np.triu(found.connectivity, 1).max() == 0
    assert found.connectivity[-1, 0] > 0
    assert found.attribution.completeness_error <= 0.01


def test_other_series_are_a_corpus(case):
    trained, found = case
    changes = found.layers[0].corpus_ablation
    assert changes.shape == (2, 3)
    for place in (1, 2):
        alone = inspect_whole_series(trained, 0, panel(), place, [], ["a", "b"], 0)
        np.testing.assert_allclose(changes[place - 1], alone.layers[0].ablation, atol=1e-6)
        assert found.corpus_scores[place - 1] == pytest.approx(alone.scores[-1], abs=1e-6)
    after = (found.corpus_scores[:, None] + changes > 0) != (found.corpus_scores[:, None] > 0)
    assert found.turned(found.layers[0].name).tolist() == after.sum(axis=0).tolist()
    with pytest.raises(UsageError, match=r"^No corpus was given: inspect with corpus= to see what units do"):
        alone.turned(alone.layers[0].name)


def test_the_network_that_weighs_most_is_chosen_unless_another_is_named():
    light = TrainedSequenceNetworks(SEQUENCE, HORIZON, SEASON, [[], []], usual=0.05, losses=LOSSES)
    heavy = TrainedSeasonNetworks(BY_SEASON, HORIZON, SEASON, [[], []], losses=LOSSES)
    weights = np.array([[[0.0], [0.25], [0.75]]])
    rolled = SimpleNamespace(names=("Naive", "deep", "seasons"))
    fitted = SimpleNamespace(trained=(light, heavy), rolled=rolled, judged=SimpleNamespace(network_weights=weights))
    known = _known(fitted, 0)
    assert [(one.name, one.member) for one in known] == [("seasons", 0), ("deep", 0), ("seasons", 1), ("deep", 1)]
    assert _chosen(known, None) is known[0]
    assert _chosen(known, "deep") is known[1]
    assert _chosen(known, 2) is known[2]
    said = "This is one of 2 networks 'seasons', reading series 's0'; of what the networks forecast for it, 75% is theirs. "
    assert _which(known[0], known, "s0") == said + "With network= another is looked into: 'deep'."
    sentence = "There is no network 'LSTM': give one of 'seasons', 'deep', or a number from 0 to 3."
    with pytest.raises(UsageError, match=f"^{re.escape(sentence)}$"):
        _chosen(known, "LSTM")
    with pytest.raises(UsageError, match=r"^The forecaster has no recurrent network: fit it with network= the name"):
        _chosen([], None)
