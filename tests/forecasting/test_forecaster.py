"""The way from a table to a forecast: what comes out, what it is made of, and what it may not know."""

import numpy as np
import pandas as pd
import pytest

import gatewise as gw
from gatewise.forecasting.local_networks import LocalNetworks

QUICK = LocalNetworks(members=2, epochs=3)


def made_frame(series=2, time=48):
    generator = np.random.default_rng(0)
    ds = pd.date_range("2020-01-01", periods=time, freq="MS")
    season = 10 * np.sin(np.arange(time) * np.pi / 6)
    frames = [
        pd.DataFrame({"unique_id": f"s{row}", "ds": ds, "y": 50 + 20 * row + season + generator.standard_normal(time)})
        for row in range(series)
    ]
    return pd.concat(frames, ignore_index=True)


@pytest.fixture(scope="module")
def fitted():
    return gw.Forecaster(3, network=QUICK, baselines=["Naive", "SeasonalNaive"]).fit(made_frame())


def test_a_forecast_follows_the_last_value_of_each_series(fitted):
    forecast = fitted.predict()
    columns = ["unique_id", "ds", "gatewise"]
    columns += ["gatewise-lo-80", "gatewise-hi-80", "gatewise-lo-95", "gatewise-hi-95"]
    assert forecast.columns.tolist() == columns
    assert forecast["unique_id"].tolist() == ["s0"] * 3 + ["s1"] * 3
    assert forecast["ds"].astype(str).tolist() == ["2024-01-01", "2024-02-01", "2024-03-01"] * 2
    lows, highs = forecast["gatewise-lo-95"], forecast["gatewise-hi-95"]
    assert (lows < forecast["gatewise-lo-80"]).all()
    assert (forecast["gatewise-hi-80"] < highs).all()
    # The mean of each series is 50 and 70, and the season moves it by 10.
    assert forecast["gatewise"].between([40] * 3 + [60] * 3, [62] * 3 + [82] * 3).all()


def test_the_validation_is_a_backtest(fitted):
    frame = fitted.validation.frame
    assert {"cutoff", "y", "gatewise", "gatewise-network", "Naive", "SeasonalNaive"} <= set(frame.columns)
    assert (frame["ds"] > frame["cutoff"]).all()
    original = made_frame().set_index(["unique_id", "ds"])["y"]
    np.testing.assert_array_equal(frame["y"], original.loc[list(zip(frame["unique_id"], frame["ds"], strict=True))])
