"""Intervals at the edges: after missing values they are those of steps further ahead, and never below what never was."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import gatewise as gw
from gatewise.forecasting.choosing.edges import above_floor, further_ahead

SIMPLE = {"network": [], "baselines": ["Naive", "SeasonalNaive"]}
LOW, HIGH = "gatewise-lo-95", "gatewise-hi-95"


def counts(low=0):
    random = np.random.default_rng(3)
    sold = random.poisson(0.6, 60).astype(float)
    return pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=60), "y": sold + low})


def test_steps_are_further_ahead_by_what_is_missing():
    reach = np.array([1.0, 2.0, 3.0])[None, None, :, None] * np.ones((2, 3, 1, 1))
    found = further_ahead(reach, np.array([0, 1, 9]))
    np.testing.assert_allclose(
        found[0, :, :, 0], [[1, 2, 3], [2, 3, 3 * (4 / 3) ** 0.5], 3 * (np.array([10, 11, 12]) / 3) ** 0.5]
    )
    np.testing.assert_array_equal(found[0], found[1])


def test_a_forecast_after_missing_values_is_as_wide_as_one_from_before_them():
    forecaster = gw.Forecaster(12, **SIMPLE).fit(gw.datasets.load_airline())
    fitted = forecaster.fitted
    ahead = fitted.forecasts(lambda share, what: None)
    gap = np.pad(fitted.panel.values, ((0, 0), (0, 3)), constant_values=np.nan)
    later = replace(fitted, panel=replace(fitted.panel, values=gap))
    levels = np.array([80.0])
    now, then = (one.reach(ahead, levels)[0, 0, :, 0] for one in (fitted, later))
    np.testing.assert_array_equal(then[:9], now[3:])
    np.testing.assert_allclose(then[9:], now[11] * np.sqrt(np.array([13, 14, 15]) / 12))
    assert then[0] > 1.1 * now[0]


def test_missing_values_before_a_past_cutoff_count_too():
    frame = pd.DataFrame(
        {"ds": pd.date_range("1949-01-01", periods=144, freq="MS"), "y": gw.datasets.load_airline().astype(float)}
    )
    forecaster = gw.Forecaster(2, network=[], baselines=["Naive"])
    frame.loc[139:141, "y"] = np.nan  # the last cutoff is after them
    tested = gw.backtest(forecaster, frame, n_windows=2, step_size=5).frame
    width = (tested["gatewise-hi-80"] - tested["gatewise-lo-80"]).to_numpy()
    # 4 and 5 steps after the last value, where intervals go no further than 2.
    assert width[3] / width[2] == pytest.approx((5 / 4) ** 0.5)


def test_nothing_is_below_0_for_a_series_that_never_was():
    forecaster = gw.Forecaster(3, **SIMPLE).fit(counts())
    forecast = forecaster.predict()
    assert (forecast[[LOW, "gatewise-lo-80"]] == 0).all(axis=None)
    assert (forecast[HIGH] > 1).all()
    assert forecaster.simulate(50)["gatewise"].min() == 0
    blocks = gw.forecast(counts(), 3, **SIMPLE)
    assert (blocks[LOW] == 0).all()
    # One value below 0 is enough, and 5 pieces more are far from it.
    below = counts()
    below.loc[0, "y"] = -1
    assert (gw.Forecaster(3, **SIMPLE).fit(below).predict()[LOW] < 0).all()
    assert (gw.Forecaster(3, **SIMPLE).fit(counts(low=50)).predict()[LOW] > 40).all()


def test_a_backtest_cuts_bounds_at_0_and_holds_as_much(monkeypatch):
    forecaster = gw.Forecaster(3, **SIMPLE)
    cut = gw.backtest(forecaster, counts(), n_windows=12)
    monkeypatch.setattr("gatewise.forecasting.backtest.floors", lambda values: np.full(len(values), -np.inf))
    whole = gw.backtest(forecaster, counts(), n_windows=12)
    assert cut.frame[LOW].min() == 0 > whole.frame[LOW].min()
    first, second = (one.metrics().set_index("method") for one in (cut, whole))
    for method in ("gatewise", "Naive"):
        assert first.loc[method, "coverage-95"] == second.loc[method, "coverage-95"]
        assert first.loc[method, "width-95"] < second.loc[method, "width-95"]
        assert first.loc[method, "crps"] < second.loc[method, "crps"]


def test_a_forecast_below_the_floor_is_on_it():
    floor, forecast = np.array([0.0, -np.inf]), np.array([-1.0, -1.0])
    middle, reach = above_floor(floor, forecast, np.full((2, 2, 1), 3.0))
    assert middle.tolist() == [0, -1]
    assert reach[..., 0].tolist() == [[0, 3], [2, 3]]
