"""Networks that read a season at each step: what they may know, and what moves their forecasts."""

import json

import numpy as np
import pytest

from gatewise.forecasting.networks.alignment import AlignedSeries
from gatewise.forecasting.networks.global_networks import restore
from gatewise.forecasting.networks.origins import UNKNOWN
from gatewise.forecasting.networks.season_networks import SeasonNetworks, origins_before, season_origins, training_rows
from gatewise.forecasting.panel import Panel

SMALL = SeasonNetworks("small", cycle=3, seasons=6, units=4, members=2, relative=(1.0, 0.0), steps=6, phases=2, batch=8)
SEASON, HORIZON = 8, 10


def made_panel(series=10, time=90):
    generator = np.random.default_rng(0)
    day = np.sin(np.arange(time) * 2 * np.pi / SEASON) * generator.random((series, 1))
    values = np.exp(3 + day + 0.1 * generator.standard_normal((series, time)))
    values[1, :60] = np.nan
    values[2, :-5] = np.nan
    values[3, 40:44] = np.nan
    values[4] -= 30
    return Panel(values, SEASON)


@pytest.fixture(scope="module")
def trained():
    return SMALL.train(made_panel(), HORIZON, seed=1)


def test_later_values_never_move_what_an_origin_knows():
    panel, ahead = made_panel(), 3 * SEASON
    changed = panel.values.copy()
    changed[:, -ahead:] *= np.random.default_rng(1).uniform(0.5, 3, (len(panel), ahead))
    seen = []
    for values in (panel.values, changed):
        aligned = AlignedSeries.of(Panel(values, SEASON))
        places = origins_before(aligned, SMALL, 0)
        seen.append(season_origins(aligned, places, SMALL, HORIZON))
    rows = places.count > 3
    assert rows.sum() >= 8
    for row in np.flatnonzero(rows):
        known = slice(0, places.count[row] - 3)
        for name in ("inputs", "level", "scale"):
            before, after = (getattr(one, name)[row] for one in seen)
            np.testing.assert_array_equal(before[known], after[known])
            assert not np.array_equal(before, after)


def test_targets_are_the_values_after_each_season():
    panel = made_panel()
    aligned = AlignedSeries.of(panel)
    _, y = training_rows(SMALL, panel, HORIZON)
    row, phase = 6, 1
    before = phase * SEASON // 2
    places = origins_before(aligned, SMALL, before)
    seen = season_origins(aligned, places, SMALL, HORIZON)
    targets = y[phase * len(panel) + row, :, :HORIZON]
    for origin in range(6):
        end = 90 - before - (5 - origin) * SEASON
        known = min(90 - end, HORIZON)
        truth = (np.log(panel.values[row, end : end + known]) - seen.level[row, origin]) / seen.scale[row, origin]
        np.testing.assert_allclose(targets[origin, :known], truth, rtol=1e-5, atol=1e-6)
        assert (targets[origin, known:] == UNKNOWN).all()


def test_the_one_step_forecast_moves_with_the_last_value(trained):
    panel = made_panel()
    moved = panel.values.copy()
    moved[:, -1] *= 1.1
    before, after = trained.forecast(panel), trained.forecast(Panel(moved, SEASON))
    assert np.isfinite(before).all()
    assert before.shape == (2, 10, HORIZON)
    assert (np.abs(after - before)[..., 0] > 1e-5 * np.abs(before[..., 0])).all()


def test_a_season_that_repeats_exactly_is_continued(trained):
    day = 5 + np.arange(8.0)
    forecast = trained.forecast(Panel(np.tile(day, 9)[None], SEASON))
    assert np.abs(forecast[:, 0] / np.resize(day, HORIZON) - 1).max() < 0.1


def test_series_of_every_kind_have_a_forecast(trained):
    kinds = np.full((6, 40), np.nan)
    kinds[0] = 7
    kinds[1] = 0
    kinds[2, -1] = 3
    kinds[3] = np.where(np.arange(40) % 9 == 0, 4, 0)
    kinds[4] = 1e12 * (2 + np.sin(np.arange(40)))
    forecast = trained.forecast(Panel(kinds, SEASON))
    assert (forecast[:, 0].round(9) == 7).all()
    assert (forecast[:, 1] == 0).all()
    assert (forecast[:, 2].round(9) == 3).all()
    assert (forecast[:, 3] >= 0).all()
    assert ((forecast[:, 4] > 1e11) & (forecast[:, 4] < 1e14)).all()
    assert np.isnan(forecast[:, 5]).all()


def test_networks_come_back_from_json_and_arrays(trained):
    again = restore(json.loads(json.dumps(trained.specification())), trained.arrays())
    np.testing.assert_array_equal(again.forecast(made_panel()), trained.forecast(made_panel()))
