"""What single baselines do: by hand, as their sources have them, on M4's hourly series, and where a method gives up."""

import csv
import gzip
import os
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from gatewise import baselines, metrics
from gatewise.errors import EnvironmentFault, GatewiseWarning

NAN = float("nan")


def test_the_simple_ones_by_hand():
    values = [[NAN, 1, 2, NAN, 4, 9, NAN]]
    assert baselines.Naive().forecast(values, 3, 2).tolist() == [[9, 9]]
    assert baselines.Mean().forecast(values, 3, 2).tolist() == [[4, 4]]
    # From 1 at the first place to 9 four places later, and one value is missing at the end.
    assert baselines.Drift().forecast(values, 3, 2).tolist() == [[9 + 2 * 2, 9 + 3 * 2]]
    # Places in the season of the steps ahead: after 4, after 9, and after the value that is missing, where 2 is not it.
    assert baselines.SeasonalNaive().forecast(values, 3, 4).tolist() == [[4, 9, 9, 4]]
    assert baselines.SeasonalNaive().forecast([[NAN, 1, 2, 3, 4, 9, NAN]], 3, 3).tolist() == [[4, 9, 3]]


@pytest.mark.parametrize(("season_length", "length"), [(4, 12), (4, 31), (12, 48), (7, 40), (2, 11), (3, 15)])
def test_naive2_is_the_benchmark_of_m4(season_length, length):
    rng = np.random.default_rng(length)
    season = 1 + rng.uniform(-0.4, 0.4, season_length)
    values = rng.gamma(20, 5, (8, length)) * np.tile(season, length)[:length] ** np.arange(8)[:, None]
    found = baselines.Naive2().forecast(np.pad(values, ((0, 0), (3, 0)), constant_values=NAN), season_length, 10)
    expected = [naive2_of_m4(list(series), season_length, 10) for series in values]
    np.testing.assert_allclose(found, expected, 1e-10)
    assert {len(set(forecast)) == 1 for forecast in expected} == {True, False}, "both kinds of series should be there"


def naive2_of_m4(x, m, horizon):
    """Forecast one series as the organisers' R code does: SeasonalityTest, decompose(type="multiplicative"), naive."""
    n = len(x)
    mean = sum(x) / n
    acf = [
        sum((x[t] - mean) * (x[t - k] - mean) for t in range(k, n)) / sum((v - mean) ** 2 for v in x)
        for k in range(m + 1)
    ]
    limit = 1.645 / n**0.5 * (1 + 2 * sum(r**2 for r in acf[1:m])) ** 0.5
    if n < 3 * m or abs(acf[m]) <= limit:
        return [x[-1]] * horizon
    window = [1.0] * m if m % 2 else [0.5] + [1.0] * (m - 1) + [0.5]
    half = len(window) // 2
    ratios = defaultdict(list)
    for t in range(half, n - half):
        trend = sum(w * v for w, v in zip(window, x[t - half : t + half + 1], strict=True)) / m
        ratios[t % m].append(x[t] / trend)
    figure = [sum(ratios[place]) / len(ratios[place]) for place in range(m)]
    figure = [value / (sum(figure) / m) for value in figure]
    return [x[-1] / figure[(n - 1) % m] * figure[(n + h) % m] for h in range(horizon)]


def test_m4_hourly_as_published():
    """The organisers' workbook "Evaluation and Ranks" has 18.383 and 2.395 for Naive2, 13.912 and 1.193 for sNaive.

    GATEWISE_M4_HOURLY names a CSV file, packed by gzip, of the 414 series with the columns unique_id, ds, y, and split
    with 'train' or 'test'.
    """
    path = os.environ.get("GATEWISE_M4_HOURLY")
    if not path:
        pytest.skip("GATEWISE_M4_HOURLY does not name a file")
    parts = {"train": defaultdict(list), "test": defaultdict(list)}
    with gzip.open(Path(path), "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            parts[row["split"]][row["unique_id"]].append(float(row["y"]))
    longest = max(map(len, parts["train"].values()))
    history = np.array([[NAN] * (longest - len(y)) + y for y in parts["train"].values()])
    actual = np.array([parts["test"][name] for name in parts["train"]])
    assert actual.shape == (414, 48)
    for baseline, smape, mase in ((baselines.Naive2(), 18.383, 2.395), (baselines.SeasonalNaive(), 13.912, 1.193)):
        forecast = baseline.forecast(history, 24, 48)
        assert round(metrics.smape(actual, forecast, average="series"), 3) == smape
        assert round(metrics.mase(actual, forecast, history, 24, average="series"), 3) == mase


def test_naive2_asks_for_three_seasons():
    values = np.tile([1.0] * 11 + [5.0], 3)
    np.testing.assert_allclose(baselines.Naive2().forecast(values[None], 12, 12), [values[:12]], 1e-12)
    assert baselines.Naive2().forecast(values[None, 1:], 12, 12).tolist() == [[5.0] * 12]


def test_naive2_leaves_series_alone_that_have_no_indices():
    seasonal = np.tile([2.0, 4.0], 8)
    unknown = seasonal.copy()
    unknown[::2] = NAN  # one place of the season is never seen
    values = np.stack([seasonal, seasonal - 2, -seasonal, unknown])
    assert baselines.Naive2().forecast(values, 2, 2).tolist() == [[2, 4], [2, 2], [-4, -4], [4, 4]]


def test_the_statistical_ones_are_those_of_statsforecast():
    models = pytest.importorskip("statsforecast.models")
    series = 50 + 10 * np.sin(np.arange(24)) + np.random.default_rng(0).normal(0, 1, 24)
    for name, model in (
        ("ETS", models.AutoETS),
        ("DynamicOptimizedTheta", models.DynamicOptimizedTheta),
        ("ARIMA", models.AutoARIMA),
    ):
        expected = model(season_length=4).forecast(y=series.copy(), h=5)["mean"]
        found = getattr(baselines, name)().forecast(np.concatenate([[NAN], series])[None], 4, 5)
        np.testing.assert_array_equal(found[0], expected)


@pytest.mark.parametrize("name", ["ETS", "DynamicOptimizedTheta"])
def test_from_later_ends_the_statistical_ones_follow_with_what_they_estimated(name):
    models = pytest.importorskip("statsforecast.models")
    model = {"ETS": models.AutoETS, "DynamicOptimizedTheta": models.DynamicOptimizedTheta}[name]
    generator = np.random.default_rng(3)
    values = 50 + 4 * np.sin(np.arange(40) * np.pi / 2) + generator.normal(0, 3, (4, 40))
    values[1, :20] = NAN  # begins between the first end and the second
    values[2, 8:10] = NAN
    values[3, :38] = NAN  # too short for anything at the end, and not begun before
    baseline, ends = getattr(baselines, name)(), (20, 6, 0)
    found = baseline.forecast_from(values, ends, 4, 3)
    assert found.shape == (4, 3, 3)
    # At its first end each is estimated, as by itself.
    np.testing.assert_array_equal(found[[0, 2], 0], baseline.forecast(values[[0, 2], :20], 4, 3))
    np.testing.assert_array_equal(found[1, 1], baseline.forecast(values[1:2, :34], 4, 3)[0])
    estimated = model(season_length=4).fit(values[0, :20].copy())
    np.testing.assert_array_equal(found[0, 2], estimated.forward(y=values[0].copy(), h=3)["mean"])
    assert not np.array_equal(found[0, 2], baseline.forecast(values[:1], 4, 3)[0])
    assert np.isnan(found[1, 0]).all()
    assert np.isnan(found[3, :2]).all()
    np.testing.assert_array_equal(found[3, 2], baselines.SeasonalNaive().forecast(values[3:], 4, 3)[0])
    # What comes after an end does not move its forecast.
    changed = values.copy()
    changed[:, 34:] *= 2
    np.testing.assert_array_equal(baseline.forecast_from(changed, ends, 4, 3)[:, :2], found[:, :2])


def test_an_estimate_from_fewer_than_three_seasons_is_made_anew_at_the_next_end():
    pytest.importorskip("statsforecast")
    values = 50 + 10 * np.sin(np.arange(30) * np.pi / 2) + np.random.default_rng(3).normal(0, 1, (1, 30))
    for before, anew in ((11, True), (12, False)):
        found = baselines.ETS().forecast_from(values, (30 - before, 0), 4, 3)
        assert np.array_equal(found[0, 1], baselines.ETS().forecast(values, 4, 3)[0]) == anew


def test_gaps_are_filled_along_a_line():
    pytest.importorskip("statsforecast")
    whole = np.array([[10, 12, 14, 16, 13, 11, 12, 15, 18, 17, 15, 16]], float)
    gaps = whole.copy()
    gaps[0, [1, 2, 7]] = NAN
    whole[0, 7] = 15  # 12, 14 and 15 are on the lines
    np.testing.assert_array_equal(baselines.ETS().forecast(gaps, 1, 3), baselines.ETS().forecast(whole, 1, 3))


def test_a_series_too_short_for_a_method_gets_the_seasonal_naive_forecast_and_that_is_said():
    pytest.importorskip("statsforecast")
    values = np.array([[NAN] * 20 + [1, 2], np.arange(22.0) % 5 + 1, [NAN] * 20 + [3, 4]])
    with pytest.warns(GatewiseWarning) as told:
        found = baselines.ETS().forecast(values, 2, 3)
    assert found[[0, 2]].tolist() == [[1, 2, 1], [3, 4, 3]]
    assert str(told[0].message) == (
        "ETS failed on 2 of 3 series, which get the seasonal naive forecast instead (series 0: NotImplementedError: tiny "
        "datasets)."
    )


@pytest.mark.parametrize("name", ["ETS", "DynamicOptimizedTheta", "ARIMA"])
def test_without_statsforecast(monkeypatch, name):
    monkeypatch.setitem(sys.modules, "statsforecast", None)
    with pytest.raises(EnvironmentFault) as caught:
        getattr(baselines, name)().forecast([[1, 2, 3]], 1, 1)
    assert str(caught.value) == (
        f"{name} needs statsforecast: pip install 'gatewise[baselines]', or take a baseline that does without."
    )
