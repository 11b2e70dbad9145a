"""The way from a table to a forecast: what comes out, what it is made of, and what it may not know."""

import numpy as np
import pandas as pd
import pytest

import gatewise as gw
from forecasting.made_series import made_frame
from gatewise.forecasting.networks.local_networks import LocalNetworks
from gatewise.forecasting.networks.network_methods import by_name
from gatewise.forecasting.panel import Panel

QUICK = LocalNetworks(members=2, epochs=3)


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


def test_the_losses_of_each_view_stand_under_its_own_name(fitted):
    history = fitted.history_
    assert list(history) == ["local (log, seasonal differences)", "local (log, season removed)"]
    whole = fitted.fitted.trained[0].losses
    for place, losses in enumerate(history.values()):
        # Of 2 series, 1 of the 2 members each, 3 epochs.
        assert losses.shape == (2, 1, 3)
        np.testing.assert_array_equal(losses[:, 0], whole[:, place])


def test_update_is_the_same_networks_run_over_the_longer_series(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    step_by_step, at_once = (gw.Forecaster.load(tmp_path / "model") for _ in range(2))
    new = made_frame(time=52).groupby("unique_id").tail(4)
    for ds in sorted(new["ds"].unique()):
        step_by_step.update(new[new["ds"] == ds])
    at_once.update(new)
    pd.testing.assert_frame_equal(step_by_step.predict(networks=True), at_once.predict(networks=True))

    longer = Panel.of(gw.read_series(made_frame(time=52)))
    forecasts = fitted.fitted.trained[0].forecast(longer)
    fitted_names = fitted.fitted.rolled.names
    for name, forecast in by_name(fitted.fitted.trained[0].names, forecasts).items():
        np.testing.assert_array_equal(
            at_once.fitted.forecasts(lambda share, what: None).forecasts[fitted_names.index(name)], forecast
        )
    pd.testing.assert_frame_equal(at_once.validation.frame, fitted.validation.frame)
    assert at_once.predict()["ds"].iloc[0] == pd.Timestamp("2024-05-01")
    assert not np.allclose(at_once.predict()["gatewise"], fitted.predict()["gatewise"])


def test_an_update_of_one_series_leaves_the_others_as_they_are(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    loaded = gw.Forecaster.load(tmp_path / "model")
    new = made_frame(time=50).groupby("unique_id").tail(2)
    loaded.update(new[new["unique_id"] == "s1"])
    before, after = fitted.predict(networks=True), loaded.predict(networks=True)
    pd.testing.assert_frame_equal(before.iloc[:3], after.iloc[:3])
    assert after["ds"].astype(str).tolist()[3:] == ["2024-03-01", "2024-04-01", "2024-05-01"]


def test_a_saved_forecaster_comes_back_bit_for_bit(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    loaded = gw.Forecaster.load(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.predict(networks=True), fitted.predict(networks=True))
    pd.testing.assert_frame_equal(loaded.validation.frame, fitted.validation.frame)
    assert str(loaded.explanation) == str(fitted.explanation)
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["manifest.json", "weights.safetensors"]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (
            {"unique_id": ["s0", "s9"], "ds": ["2024-01-01"] * 2, "y": [1.0, 2.0]},
            "The new rows have 1 series that the forecaster was not fitted with, the first is 's9'; it knows 's0', 's1': "
            "leave them out, or fit again with them.",
        ),
        (
            {"unique_id": ["s1"], "ds": ["2023-12-01"], "y": [1.0]},
            "The new rows of series 's1' begin at 2023-12-01, and its last value is of 2023-12-01: give rows from the step "
            "after that on, and each time once.",
        ),
        (
            {"unique_id": ["s1"], "ds": [49], "y": [1.0]},
            "The new rows and the series that the forecaster was fitted with do not have the same kind of times: give both "
            "dates, or both whole numbers.",
        ),
    ],
)
def test_rows_that_do_not_follow_are_refused(fitted, rows, sentence):
    table = gw.read_series(pd.DataFrame(rows), freq=1 if isinstance(rows["ds"][0], int) else "MS", id_col="unique_id")
    with pytest.raises(gw.errors.DataError) as caught:
        fitted.update(table)
    assert str(caught.value) == sentence
