"""Local networks: one law for every recipe, networks of the user's own, and what a network of one series may not see."""

from dataclasses import replace

import numpy as np
import pytest

import gatewise as gw
from forecasting.made_series import made_frame
from gatewise.forecasting.networks.local_networks import LocalNetworks
from gatewise.forecasting.networks.local_samples import samples_of
from gatewise.forecasting.networks.network_methods import stacked, training_cutoffs
from gatewise.forecasting.networks.views import Glasses, LocalView
from gatewise.forecasting.panel import Panel
from gatewise.recipes import Recipe, recipes

HORIZON = 3
RECIPES = [recipe for recipe in recipes() if isinstance(recipe, Recipe)]
VIEWS = [
    LocalView(scale, season) for scale in ("log", "box-cox", "plain") for season in ("differences", "removed", "kept")
]


def made_panel(time=40):
    frame = made_frame(series=2, time=time)
    values = frame.pivot(index="unique_id", columns="ds", values="y").to_numpy(copy=True)
    values[1, :6] = np.nan
    return Panel(values, 4)


@pytest.mark.parametrize("recipe", [RECIPES[1], RECIPES[6], RECIPES[9]], ids=lambda one: one.name)
def test_every_kind_of_recipe_forecasts_from_its_last_value_and_knows_its_own_series_only(recipe):
    networks = replace(LocalNetworks.of_recipe(recipe, members=2), epochs=2)
    panel = made_panel()
    trained = networks.train(panel, HORIZON, seed=1)
    forecast = trained.forecast(panel)
    assert forecast.shape == (2, 2, HORIZON)
    assert np.isfinite(forecast).all()
    moved = panel.values.copy()
    moved[0, -1] *= 1.2
    after = trained.forecast(replace(panel, values=moved))
    # The first step moves when the last value does: a head that reads earlier states would not see it.
    assert (after[:, 0, 0] != forecast[:, 0, 0]).all()
    np.testing.assert_array_equal(after[:, 1], forecast[:, 1])
    if recipe.stateful:
        moved = panel.values.copy()
        moved[0, -10] *= 1.2
        # What was read long before the last window is still in the state.
        assert (trained.forecast(replace(panel, values=moved))[:, 0] != forecast[:, 0]).all()


def test_a_stateful_network_is_keras_own_run_window_by_window():
    from gatewise.forecasting.networks.local_samples import last_windows

    recipe = next(one for one in RECIPES if one.name == "lstm-stacked-stateful")
    networks = replace(LocalNetworks.of_recipe(recipe, members=2), epochs=1, views=(LocalView("log", "removed"),))
    panel = made_panel()
    trained = networks.train(panel, HORIZON)
    model = networks.model(3, HORIZON)
    glasses = trained.glasses[0].select(np.array([0]))
    inputs, last = last_windows(glasses, panel.values[:1], 3, HORIZON, 38)
    for member in range(2):
        model.set_weights([weight[0, member] for weight in trained.weights[: len(model.weights)]])
        gw.reset_states(model)
        outputs = gw.predict(model, inputs.reshape(38, 3, 1), batch_size=1, verbose=0)[-1]
        seen = outputs[None, None].astype(np.float64) + last.guess[:, 0]
        expected = glasses.back(panel.values[:1], seen)[0, 0]
        np.testing.assert_allclose(trained.forecast(panel)[member, 0], expected, rtol=1e-4)


def test_a_recursive_network_goes_on_with_its_own_forecasts():
    networks = LocalNetworks(cell="dense", layout="flat", units=(3,), members=2, epochs=2, recursive=True, look_back=4)
    panel = made_panel()
    trained = networks.train(panel, HORIZON)
    forecast = trained.forecast(panel)
    first = replace(trained, horizon=1).forecast(panel)
    np.testing.assert_allclose(forecast[:, :, :1], first, rtol=1e-6)
    longer = replace(panel, values=np.concatenate([panel.values, first[1]], axis=1))
    np.testing.assert_allclose(forecast[1, :, 1], replace(trained, horizon=1).forecast(longer)[1, :, 0], rtol=1e-5)


def test_a_network_of_the_users_own_is_trained_for_each_series():
    import keras

    def tiny(input_shape, outputs):
        return keras.Sequential([keras.Input(input_shape), keras.layers.Flatten(), keras.layers.Dense(outputs)])

    forecaster = gw.Forecaster(HORIZON, network=tiny, baselines=["Naive"]).fit(made_frame(time=30))
    names = forecaster.explanation.methods
    assert names == ("Naive", "tiny (log, seasonal differences)", "tiny (log, season removed)")
    with pytest.raises(gw.errors.UsageError) as caught:
        forecaster.save("nowhere")
    assert str(caught.value) == (
        "The network 'tiny (log, seasonal differences)' was built by a function of your own, and code is not saved: fit with "
        "another network to save."
    )


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_what_is_seen_can_be_seen_back(view):
    values = made_panel().values
    whole, known = values, values[:, :-HORIZON]
    glasses = Glasses.fitted(view, known, 4)
    seen = glasses.see(whole)[:, -HORIZON:]
    np.testing.assert_allclose(glasses.back(known, seen[None])[0], whole[:, -HORIZON:])


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_later_values_are_in_no_earlier_window(view):
    panel = made_panel()
    changed = panel.values.copy()
    changed[:, -5:] *= 1.5
    glasses = Glasses.fitted(view, panel.values[:, :-5], 4)
    before, after = (samples_of(glasses, values, 6, HORIZON) for values in (panel.values, changed))
    np.testing.assert_array_equal(before.inputs[:, :-5], after.inputs[:, :-5])
    np.testing.assert_array_equal(before.targets[:, : -5 - HORIZON + 1], after.targets[:, : -5 - HORIZON + 1])
    assert not np.array_equal(before.targets, after.targets)


def test_half_of_a_change_is_taken_to_come_again_and_half_of_that_in_the_season_after():
    seasons = np.repeat(np.arange(10.0), 4)[None]
    panel = Panel(seasons + np.tile([5.0, 2.0, 7.0, 3.0], 10), 4)
    networks = LocalNetworks(members=1, views=(LocalView("plain", "differences"),), epochs=1, learning_rate=0.0)
    trained = networks.train(panel, 8)
    silent = replace(trained, weights=[np.zeros_like(array) for array in trained.weights])
    # Each season was 1 above the one before.
    expected = panel.values[0, -4:] + np.array([[0.5], [0.75]])
    np.testing.assert_allclose(silent.forecast(panel)[0, 0], expected.ravel(), rtol=1e-6)


@pytest.mark.parametrize("season_length", [1, 4])
def test_half_of_a_slope_is_taken_to_go_on(season_length):
    line = 3.0 + 2.0 * np.arange(20.0)
    panel = Panel(np.stack([line, np.where(np.arange(20) < 16, np.nan, line)]), season_length)
    networks = LocalNetworks(members=1, views=(LocalView("plain", "kept"),), epochs=1)
    trained = networks.train(panel, 3)
    silent = replace(trained, weights=[np.zeros_like(array) for array in trained.weights])
    forecast = silent.forecast(panel)[0]
    np.testing.assert_allclose(np.diff(forecast[0]), 1.0, rtol=1e-6)
    # Four values have no slope yet.
    np.testing.assert_allclose(np.diff(forecast[1]), 0.0, atol=1e-9)


def test_a_panel_at_several_cutoffs_is_one_of_more_series():
    panel = made_panel()
    both = stacked(panel, [5, 2])
    np.testing.assert_array_equal(both.values[2:], panel.values[:, :-2])
    np.testing.assert_array_equal(both.values[:2, 3:], panel.values[:, :-5])
    assert np.isnan(both.values[:2, :3]).all()


@pytest.mark.parametrize(
    ("refit", "expected"), [(True, [9, 7, 5, 3]), (2, [9, 9, 5, 5]), (3, [9, 9, 9, 3]), (False, [9, 9, 9, 9])]
)
def test_networks_are_trained_at_every_so_many_cutoffs(refit, expected):
    assert training_cutoffs([9, 7, 5, 3], refit).tolist() == expected
