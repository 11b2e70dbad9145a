"""Baselines beside networks: by workers as by hand, within their budget, and without statsforecast."""

import signal
import sys

import numpy as np
import pytest

import gatewise as gw
from forecasting.made_networks import Lines
from forecasting.made_series import made_frame
from gatewise.forecasting import planning
from gatewise.forecasting.classical import baseline_methods, baseline_workers
from gatewise.forecasting.classical.slow_baselines import SlowBaselines
from gatewise.forecasting.fitted import Plan
from gatewise.forecasting.panel import Panel

THETA, ETS = gw.baselines.DynamicOptimizedTheta(), gw.baselines.ETS()


def made_panel(time=60):
    values = made_frame(series=3, time=time).pivot(index="unique_id", columns="ds", values="y").to_numpy(copy=True)
    values[2, :50] = np.nan
    return Panel(values, 12)


def test_workers_forecast_what_the_baselines_do():
    panel, told = made_panel(), []
    # One that was begun before there was anything to do.
    baseline_workers.expect_work()
    begun_before = [worker.process for worker in baseline_workers._waiting]
    method = SlowBaselines(((THETA, 9), (ETS, 2)))
    found = method.roll(panel, 4, [12, 6, 0], told.append)
    for name, baseline, windows in ((THETA.name, THETA, (0, 1, 2)), (ETS.name, ETS, (0, 2))):
        for window in windows:
            known = panel.values[:, : 60 - (12, 6, 0)[window]]
            begun = np.isfinite(known).any(axis=1)
            expected = baseline.forecast(known[begun], 12, 4)
            np.testing.assert_allclose(found[name][window, begun], expected, rtol=1e-6)
            assert np.isnan(found[name][window, ~begun]).all()
    # ETS had the time for the first cutoff and the last.
    assert np.isnan(found[ETS.name][1]).all()
    assert told == [1.0]
    processes = [process for process, _, _ in method._workers.processes]
    assert not begun_before or processes == begun_before
    method.stop()
    assert all(process.poll() is not None for process in processes)


def test_many_series_are_estimated_at_the_first_cutoff_and_at_the_end():
    panel = made_panel()
    method = SlowBaselines(((THETA, 3), (ETS, 2)), once=True)
    found = method.roll(panel, 4, [12, 6, 0], print)
    past = THETA.forecast_from(panel.values[:, :54], (6, 0), 12, 4)
    np.testing.assert_allclose(found[THETA.name][:2], np.moveaxis(past, 1, 0), rtol=1e-6)
    np.testing.assert_allclose(found[THETA.name][2], THETA.forecast(panel.values, 12, 4), rtol=1e-6)
    # Two cutoffs are two estimates.
    begun = np.isfinite(panel.values[:, :48]).any(axis=1)
    np.testing.assert_allclose(found[ETS.name][0, begun], ETS.forecast(panel.values[begun, :48], 12, 4), rtol=1e-6)
    assert np.isnan(found[ETS.name][1]).all()
    assert [one.once for one in planning.baseline_methods(Plan(4), panel, 3, 2, once=True)[0][-1:]] == [True]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere each worker loads for itself, when there is work")
def test_a_worker_without_work_is_ended(monkeypatch):
    monkeypatch.setattr(baseline_workers, "cores", lambda: 2)
    baseline_workers.expect_work()
    baseline_workers.expect_work()
    (worker,) = baseline_workers._waiting
    assert worker.process.poll() is None
    baseline_workers._dismiss()
    assert worker.process.poll() == -signal.SIGKILL
    assert baseline_workers._waiting == []


def test_a_worker_that_fails_is_told_of():
    values = made_panel().values.copy()
    values[0, -1] = np.inf
    method = SlowBaselines(((THETA, 9),))
    with pytest.raises(gw.errors.GatewiseError, match=r"^A process that estimates baselines failed: .*infinite"):
        method.roll(Panel(values, 12), 4, [0], print)
    method.stop()


def test_what_there_is_no_time_for_is_left_out_and_said():
    many = Panel(np.tile(made_panel(time=400).values[:1], (600, 1)), 12)
    methods, named, notes = planning.baseline_methods(Plan(4), many, windows=5, least=2)
    assert [baseline.name for baseline in named] == ["Naive", "SeasonalNaive", "Drift", THETA.name]
    assert notes == (
        "ETS was left out, since it would take longer than the 20 seconds that baselines have: give more minutes, or name it "
        "in baselines.",
    )
    # 240,000 values at 14 µs are 3.4 seconds a cutoff.
    assert methods[-1].baselines[0][1] == 5
    _, named, notes = planning.baseline_methods(Plan(4, minutes=600), many, windows=5, least=2)
    assert ETS.name in [baseline.name for baseline in named]
    assert notes == ()
    _, named, notes = planning.baseline_methods(Plan(4, baselines=(ETS,)), many, windows=5, least=5)
    assert named == (ETS,)


def test_without_statsforecast_the_simple_baselines_are_taken_and_that_is_said(monkeypatch):
    monkeypatch.setattr(baseline_methods, "has_statsforecast", lambda: False)
    monkeypatch.setattr(planning, "has_statsforecast", lambda: False)
    forecaster = gw.Forecaster(2, network=Lines()).fit(made_frame(series=1))
    assert forecaster.explanation.methods == ("Naive", "SeasonalNaive", "Drift", "lines", "lines, flat")
    assert forecaster.explanation.sentences[-1] == (
        "Theta and ETS are not among the baselines, since statsforecast is not installed: pip install 'gatewise[baselines]'."
    )


def test_network_only_gives_baselines_no_weight():
    frame = made_frame(series=2)
    forecaster = gw.Forecaster(2, network=Lines(), baselines=["SeasonalNaive"], network_only=True).fit(frame)
    weights = forecaster.explanation.weights
    assert (weights[0] == 0).all()
    np.testing.assert_allclose(weights.sum(axis=0), 1)
    forecast = forecaster.predict(networks=True)
    np.testing.assert_allclose(forecast["gatewise"], forecast["gatewise-network"])
    mixed = gw.Forecaster(2, network=Lines(), baselines=["SeasonalNaive"]).fit(frame).predict(networks=True)
    assert (mixed["gatewise"] != mixed["gatewise-network"]).all()
    np.testing.assert_allclose(mixed["gatewise-network"], forecast["gatewise-network"])


def test_a_baseline_that_is_better_beyond_noise_is_the_forecast():
    """A series that repeats itself but for noise: the seasonal naive forecast is best by far."""
    frame = made_frame(series=1, time=90)
    frame["y"] = np.tile(np.random.default_rng(1).uniform(0, 100, 12), 8)[:90] + frame["y"] * 0.001
    forecaster = gw.Forecaster(1, network=Lines(), baselines=["SeasonalNaive", "Naive"]).fit(frame)
    seasonal = forecaster.explanation.methods.index("SeasonalNaive")
    assert forecaster.explanation.weights[seasonal, 0] == 1
    assert forecaster.predict()["gatewise"].iloc[0] == frame["y"].iloc[-12]
    assert str(forecaster.explanation).startswith(
        "The forecast is 100 % SeasonalNaive, weighed by errors from 6 past cutoffs."
    )


def test_forecasts_go_into_utilsforecast():
    utilsforecast = pytest.importorskip("utilsforecast.evaluation")
    from utilsforecast.losses import coverage, mae

    frame = made_frame(series=2, time=60)
    last = frame.groupby("unique_id").tail(3)
    history = frame.drop(last.index)
    forecast = gw.Forecaster(3, network=Lines(), baselines=["SeasonalNaive"]).fit(history).predict()
    merged = last.merge(forecast, on=["unique_id", "ds"])
    assert len(merged) == 6
    scores = utilsforecast.evaluate(merged, metrics=[mae, coverage], level=[80])
    found = scores[scores["metric"] == "mae"].set_index("unique_id")["gatewise"]
    for name, rows in merged.groupby("unique_id"):
        assert found[name] == pytest.approx((rows["y"] - rows["gatewise"]).abs().mean())
    cv = gw.backtest(gw.Forecaster(3, network=Lines(), baselines=["SeasonalNaive"]), frame, n_windows=3).frame
    by_cutoff = utilsforecast.evaluate(cv.drop(columns="cutoff"), metrics=[mae], models=["gatewise", "SeasonalNaive"])
    assert by_cutoff["gatewise"].notna().all()
