"""Networks of windows that all series share: any recipe, learned from all, and forecasting series that were never seen."""

from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest

import gatewise as gw
from gatewise.forecasting.networks import shared_networks
from gatewise.forecasting.networks.global_networks import restore
from gatewise.forecasting.networks.local_networks import LocalNetworks
from gatewise.forecasting.networks.shared_networks import SharedNetworks
from gatewise.forecasting.networks.views import LocalView
from gatewise.forecasting.panel import Panel
from gatewise.recipes import recipe

HORIZON = 2
SMALL = LocalNetworks(
    "small", "dense", "flat", 4, (8,), members=2, views=(LocalView("plain", "kept"),), learning_rate=0.01
)
SHARED = SharedNetworks(SMALL, steps=300)
AGAIN = np.array([3.0, -1.0, 4.0, 1.0])


def made_panel(series=24, time=20):
    """Series that repeat four values, each with a level, a size and a place of its own to begin at."""
    random = np.random.default_rng(0)
    level, size = random.uniform(-5, 5, (series, 1)), random.uniform(1, 3, (series, 1))
    places = random.integers(0, 4, (series, 1)) + np.arange(time + HORIZON)
    values = level + size * AGAIN[places % 4]
    return Panel(values[:, :-HORIZON], 1), values[:, -HORIZON:]


@pytest.fixture(scope="module")
def trained():
    return SHARED.train(made_panel()[0], HORIZON, seed=1)


def test_what_all_series_have_in_common_is_learned_and_holds_for_others(trained):
    panel, actual = made_panel(30)
    # Six were not there, and a seventh begins only now.
    panel.values[29, :-5] = np.nan
    forecast = trained.forecast(panel)
    assert forecast.shape == (2, 30, HORIZON)
    naive = np.abs(panel.values[:, -1:] - actual)
    error = np.abs(forecast - actual)
    assert error[:, :24].mean() < 0.25 * naive[:24].mean()
    assert error[:, 24:].mean() < 0.35 * naive[24:].mean()


def test_the_one_step_forecast_moves_with_the_last_value_of_its_series_alone(trained):
    panel, _ = made_panel()
    moved = panel.values.copy()
    moved[3, -1] += 1.0
    before, after = trained.forecast(panel), trained.forecast(replace(panel, values=moved))
    assert (after[:, 3, 0] != before[:, 3, 0]).all()
    np.testing.assert_array_equal(np.delete(after, 3, axis=1), np.delete(before, 3, axis=1))


def test_they_come_back_from_json_and_arrays_and_forecast_in_blocks(trained, monkeypatch):
    panel, _ = made_panel()
    again = restore(trained.specification(), trained.arrays())
    assert again.networks == SHARED
    np.testing.assert_array_equal(again.forecast(panel), trained.forecast(panel))
    monkeypatch.setattr(shared_networks, "_MOST_WEIGHTS", 7 * sum(array.size for array in trained.weights))
    np.testing.assert_allclose(again.forecast(panel), trained.forecast(panel), rtol=1e-5)


def test_a_forecaster_takes_them_and_trains_them_at_past_cutoffs_without_what_came_later():
    panel, _ = made_panel(20, 40)
    rows = pd.DataFrame(
        {"unique_id": np.repeat(np.arange(20), 40), "ds": np.tile(np.arange(40), 20), "y": panel.values.ravel()}
    )
    few = replace(SHARED, steps=100)
    forecaster = gw.Forecaster(HORIZON, network=few, baselines=["Naive"], season_length=1)
    tested = gw.backtest(forecaster, rows, n_windows=1, check_leaks=True)
    errors = tested.metrics().set_index("method")["mae"]
    assert errors["small"] < 0.5 * errors["Naive"]
    assert forecaster.fit(rows).explanation.networks == (False, True)


def test_a_function_of_the_users_own_is_not_saved_without_a_word(tmp_path):
    own = SharedNetworks(replace(SMALL, build=flat_head), steps=2)
    forecaster = gw.Forecaster(HORIZON, network=own, baselines=["Naive"]).fit(np.arange(30.0))
    with pytest.raises(gw.errors.UsageError, match=r"^The network 'small' was built by a function of your own"):
        forecaster.save(tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


def flat_head(input_shape, outputs):
    return keras.Sequential([keras.Input(input_shape), keras.layers.Dense(outputs)])


def test_recipes_are_shared_and_those_that_carry_a_state_are_not():
    assert SharedNetworks(LocalNetworks.of_recipe(recipe("lstm-window"))).name == "lstm-window"
    with pytest.raises(gw.errors.UsageError, match="has one series"):
        SharedNetworks(LocalNetworks.of_recipe(recipe("lstm-stateful")))
