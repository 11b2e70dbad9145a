"""Backtests: their frame, their scores, and what a method must not know."""

import re
import sys
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

import gatewise as gw
from forecasting.made_networks import Lines
from forecasting.made_series import made_frame
from gatewise.forecasting.choosing.scores import EVEN_LEVELS
from gatewise.forecasting.frames import level_name

QUICK = Lines()

WINDOWS, HORIZON = 6, 3


RANKING = (
    "By mean squared error on 10 forecasts gatewise (4.569) is better than Naive (9.783) (Diebold-Mariano test, "
    "p = 0.034)."
)


@pytest.fixture(scope="module")
def tested():
    forecaster = gw.Forecaster(HORIZON, network=QUICK, baselines=["Naive", "SeasonalNaive"])
    return gw.backtest(forecaster, made_frame(), n_windows=WINDOWS, step_size=2)


def test_the_frame_has_a_row_for_each_series_cutoff_and_step(tested):
    frame = tested.frame
    assert frame.columns[:4].tolist() == ["unique_id", "ds", "cutoff", "y"]
    assert len(frame) == 2 * WINDOWS * HORIZON
    first = frame.iloc[: WINDOWS * HORIZON]
    assert first["cutoff"].drop_duplicates().dt.strftime("%Y-%m").tolist() == [
        "2022-11",
        "2023-01",
        "2023-03",
        "2023-05",
        "2023-07",
        "2023-09",
    ]
    ahead = frame["ds"].dt.to_period("M").astype("int64") - frame["cutoff"].dt.to_period("M").astype("int64")
    assert ahead.tolist() == [1, 2, 3] * 2 * WINDOWS
    original = made_frame().set_index(["unique_id", "ds"])["y"]
    np.testing.assert_array_equal(frame["y"], original.loc[list(zip(frame["unique_id"], frame["ds"], strict=True))])
    np.testing.assert_array_equal(
        frame["SeasonalNaive"],
        original.loc[list(zip(frame["unique_id"], frame["ds"] - pd.DateOffset(years=1), strict=True))],
    )


def test_a_cutoff_is_forecast_as_if_it_were_the_end(tested):
    frame = tested.frame
    cutoff = frame["cutoff"].max()
    short = made_frame()
    short = short[short["ds"] <= cutoff]
    fitted = gw.Forecaster(HORIZON, network=QUICK, baselines=["Naive", "SeasonalNaive"]).fit(short)
    then = frame[frame["cutoff"] == cutoff]
    at_end = fitted.fitted.rolled.forecasts[:, -1].reshape(-1, 2 * HORIZON)
    for name, forecast in zip(fitted.fitted.rolled.names, at_end, strict=True):
        np.testing.assert_array_equal(then[name], forecast)


def test_the_scores_are_those_of_the_metrics(tested):
    scores = tested.scores
    actual, panel = scores.actual, scores.panel
    table = tested.metrics().set_index("method")
    for name, forecast in scores.forecasts.items():
        for score in ("mae", "rmse", "smape"):
            metric = getattr(gw.metrics, score)
            value = metric(actual.reshape(-1, HORIZON), forecast.reshape(-1, HORIZON), average="points")
            assert table.loc[name, score] == pytest.approx(value)
        scaled = {"mase": [], "rmsse": [], "msis-80": [], "pinball": [], "crps": [], "coverage-95": [], "width-80": []}
        for window, back in enumerate(scores.steps_back):
            history = panel.values[:, :-back]
            y, f = actual[window], forecast[window]
            scaled["mase"].append(gw.metrics.mase(y, f, history, 12))
            scaled["rmsse"].append(gw.metrics.rmsse(y, f, history, 12) ** 2)
            below, above = scores.reach[name][:, window]
            if not np.isfinite(above).all():
                continue
            low, high = f - below[..., 0], f + above[..., 0]
            scaled["msis-80"].append(gw.metrics.msis(y, low, high, history, 12, 80))
            scaled["width-80"].append(gw.metrics.width(y, low, high))
            scaled["coverage-95"].append(gw.metrics.coverage(y, f - below[..., 1], f + above[..., 1]))
            bounds = {(1 - level / 100) / 2: f - below[..., k] for k, level in enumerate((80, 95))}
            bounds |= {(1 + level / 100) / 2: f + above[..., k] for k, level in enumerate((80, 95))}
            quantiles = np.stack([*bounds.values(), f], axis=-1)
            scaled["pinball"].append(gw.metrics.pinball(y, quantiles, [*bounds, 0.5]).mean(axis=1))
            even = [(sign * level / 100 + 1) / 2 for sign in (-1, 1) for level in EVEN_LEVELS]
            reach = [
                f + sign * side[..., 2 + k] for sign, side in ((-1, below), (1, above)) for k in range(len(EVEN_LEVELS))
            ]
            scaled["crps"].append(gw.metrics.crps_from_quantiles(y, np.stack(reach, axis=-1), even))
        for score, values in scaled.items():
            expected = np.mean(values) ** (0.5 if score == "rmsse" else 1)
            assert table.loc[name, score] == pytest.approx(expected), (name, score)


def test_scores_by_step_series_and_cutoff_average_to_those_of_all(tested):
    whole = tested.metrics().set_index("method")["mae"]
    for by, groups in (("horizon", HORIZON), ("series", 2), ("cutoff", WINDOWS)):
        table = tested.metrics(by)
        assert len(table) == groups * len(whole)
        np.testing.assert_allclose(table.groupby("method")["mae"].mean()[whole.index], whole)
    assert tested.metrics("series")["series"].tolist()[:2] == ["s0", "s1"]
    assert tested.metrics("cutoff")["cutoff"].iloc[0] == pd.Timestamp("2022-11-01")
    with pytest.raises(gw.errors.UsageError) as caught:
        tested.metrics("month")
    assert str(caught.value) == "by is 'month': give 'horizon', 'series', 'cutoff', or None for one row of each method."


def test_naive2_has_an_owa_of_one():
    forecaster = gw.Forecaster(HORIZON, network=QUICK, baselines=[gw.baselines.Naive2(), "Naive"])
    tested = gw.backtest(forecaster, made_frame(), n_windows=2)
    table = tested.metrics().set_index("method")
    assert table.loc["Naive2", "owa"] == pytest.approx(1)
    assert table.loc["Naive", "owa"] != pytest.approx(1)


def test_the_ranking_is_a_sentence(tested):
    assert tested.ranking.startswith(("On 2 series", "It was not tested"))


def test_the_forecast_of_one_series_is_compared_with_the_best_baseline_and_with_no_network_of_its_own():
    rising = made_frame(series=1).assign(y=lambda frame: 3.0 * np.arange(48) + frame["y"] % 5)
    forecaster = gw.Forecaster(1, network=QUICK, baselines=["Naive", "SeasonalNaive"])
    found = gw.backtest(forecaster, rising, n_windows=10)
    errors = found.metrics().set_index("method")["rmse"]
    assert errors["lines"] < errors["Naive"] < errors["SeasonalNaive"]
    assert found.ranking == RANKING
    assert f"gatewise ({errors['gatewise'] ** 2:.4g})" in RANKING
    assert f"Naive ({errors['Naive'] ** 2:.4g})" in RANKING


@dataclass(frozen=True)
class Oracle:
    """A baseline that cheats: it knows the whole series."""

    values: np.ndarray
    name: str = "Oracle"

    def forecast(self, values, season_length, horizon):
        frames = sys._getframe(1)
        while frames is not None and frames.f_code.co_name != "roll":
            frames = frames.f_back
        end = values.shape[1]
        whole = frames.f_locals["panel"].values
        return np.pad(whole, ((0, 0), (0, horizon)), mode="edge")[:, end : end + horizon]


@pytest.mark.filterwarnings("error")
def test_a_baseline_that_could_not_forecast_at_a_cutoff_is_compared_at_the_others(tested):
    random = np.random.default_rng(1)
    actual = random.normal(size=(12, 1, 2))
    misses = {
        name: actual + size * random.normal(size=actual.shape) for name, size in (("gatewise", 1.0), ("ETS", 9.0))
    }
    misses["ETS"][0] = np.nan
    scores = replace(tested.scores, panel=[None], steps_back=np.arange(12, 0, -1), actual=actual, forecasts=misses)
    assert re.match(r"By mean squared error on 11 forecasts gatewise \(.+\) is better than ETS", scores.ranking())


def test_a_method_that_knows_the_future_is_found():
    frame = made_frame(series=1)
    honest = gw.Forecaster(2, network=QUICK, baselines=["Naive"])
    told = []
    gw.backtest(honest, frame, n_windows=4, check_leaks=True, progress=lambda share, what: told.append(share))
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1, abs=0.01)
    cheating = gw.Forecaster(2, network=QUICK, baselines=[Oracle(frame["y"].to_numpy())])
    with pytest.raises(
        gw.errors.UsageError, match=r"^The method 'Oracle' knows the future: its forecast . steps after"
    ):
        gw.backtest(cheating, frame, n_windows=4, check_leaks=True)


def test_too_many_windows_are_refused():
    with pytest.raises(gw.errors.DataError) as caught:
        gw.backtest(gw.Forecaster(12), [1.0, 2.0, 3.0, 4.0], n_windows=2)
    assert str(caught.value) == (
        "The longest series has 4 values, and 2 windows with step_size=1 and horizon=12 need 16: give longer series, or "
        "smaller numbers."
    )


def test_levels_are_named_as_they_are_typed():
    assert [level_name(level) for level in (80, 95.0, 99.5)] == ["80", "95", "99.5"]


def test_a_ranking_says_how_many_cutoffs_it_would_take():
    forecaster = gw.Forecaster(12, network=[], baselines=["Naive", "SeasonalNaive", "Drift"])
    series = gw.datasets.load_airline()
    assert gw.backtest(forecaster, series, n_windows=8).ranking == (
        "It was not tested whether the methods differ. From 8 cutoffs 1 step apart, forecasts of 12 steps overlap too much "
        "to be compared: it takes more than 12 cutoffs, or cutoffs further apart."
    )
    # What the examples of the command line ask for is enough.
    assert "Diebold-Mariano test" in gw.backtest(forecaster, series, n_windows=24).ranking
