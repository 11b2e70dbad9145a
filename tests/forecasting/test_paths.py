"""Paths into the future: each step as the intervals say, and what is added up over them spreads as it really does."""

import numpy as np
import pandas as pd
import pytest

import gatewise as gw
from forecasting.made_networks import Lines
from forecasting.made_series import made_frame
from gatewise.forecasting.choosing.paths import PATH_LEVELS, dependence, drawn_paths


@pytest.fixture(scope="module")
def fitted():
    return gw.Forecaster(3, network=Lines(), baselines=["Naive", "SeasonalNaive"]).fit(made_frame())


def test_paths_spread_as_the_intervals_say(fitted):
    levels = [50.0, 80.0, 95.0]
    forecast = fitted.predict(level=levels)
    paths = fitted.simulate(4000, seed=1)
    assert paths.columns.tolist() == ["unique_id", "ds", "path", "gatewise"]
    assert len(paths) == 2 * 4000 * 3
    every = paths["gatewise"].to_numpy().reshape(2, 4000, 3)
    for level in levels:
        low, high = (forecast[f"gatewise-{side}-{level:g}"].to_numpy().reshape(2, 1, 3) for side in ("lo", "hi"))
        inside = ((every >= low) & (every <= high)).mean(axis=1)
        # Four standard errors of a share among 4,000.
        share = level / 100
        np.testing.assert_allclose(inside, share, atol=4 * np.sqrt(share * (1 - share) / 4000))
        assert np.abs((every < low).mean(axis=1) - (1 - share) / 2).max() < 4 * np.sqrt(share * (1 - share) / 4000)
    middle = forecast["gatewise"].to_numpy().reshape(2, 3)
    width = (forecast["gatewise-hi-50"] - forecast["gatewise-lo-50"]).to_numpy().reshape(2, 3)
    assert (np.abs(np.median(every, axis=1) - middle) < 0.06 * width).all()


def test_the_same_seed_draws_the_same_paths(fitted):
    paths = fitted.simulate(5, seed=3)
    pd.testing.assert_frame_equal(fitted.simulate(5, seed=3), paths)
    other = fitted.simulate(5, seed=4)["gatewise"].to_numpy()
    assert (other != paths["gatewise"].to_numpy()).all()
    shorter = fitted.simulate(5, horizon=2, seed=3)
    pd.testing.assert_frame_equal(
        paths[paths.groupby(["unique_id", "path"]).cumcount() < 2].reset_index(drop=True), shorter
    )
    one = paths[(paths["unique_id"] == "s1") & (paths["path"] == 5)]
    assert one["ds"].astype(str).tolist() == ["2024-01-01", "2024-02-01", "2024-03-01"]


def test_sums_over_the_horizon_spread_as_actual_sums_do():
    """Sums of four steps of many random walks: errors at the steps add up, as they would not if they were independent."""
    walks = np.random.default_rng(0).standard_normal((60, 70)).cumsum(axis=1)
    rows, steps = np.indices((60, 60))
    frame = pd.DataFrame({"unique_id": rows.ravel(), "ds": steps.ravel(), "y": walks[:, :60].ravel()})
    forecaster = gw.Forecaster(10, network=Lines(), baselines=["Naive"], season_length=1).fit(frame)
    sums = forecaster.simulate(400)["gatewise"].to_numpy().reshape(60, 400, 10).sum(axis=2)
    actual = walks[:, 60:].sum(axis=1)
    low, high = np.quantile(sums, [0.1, 0.9], axis=1)
    # 60 sums: a share of 0.8 has a standard error of 0.05.
    assert abs(((actual >= low) & (actual <= high)).mean() - 0.8) < 0.11
    independent = np.sqrt(
        np.var(forecaster.simulate(400)["gatewise"].to_numpy().reshape(60, 400, 10), axis=1).sum(axis=1)
    )
    assert (sums.std(axis=1) > 1.6 * independent).all()


def test_dependence_is_that_of_the_errors_and_a_random_walks_where_there_are_few():
    random = np.random.default_rng(0)
    steps = np.arange(1, 5)
    walk = np.sqrt(np.minimum.outer(steps, steps) / np.maximum.outer(steps, steps))
    back = np.arange(40, 0, -4)
    np.testing.assert_array_equal(dependence(np.full((10, 1, 4), np.nan), back), walk)
    sizes = np.exp(random.standard_normal((300, 1)))
    apart = dependence(random.standard_normal((10, 300, 4)) * sizes, back)
    np.testing.assert_allclose(apart, np.eye(4), atol=0.08)
    together = dependence(random.standard_normal((10, 300, 4)).cumsum(axis=2) * sizes, back)
    np.testing.assert_allclose(together, walk, atol=0.05)
    # Ten windows of their own of one series count five times as much as a random walk.
    errors = np.ones((10, 1, 4)) * random.choice([-1, 1], (10, 1, 1))
    np.testing.assert_allclose(dependence(errors, back), (10 + 2 * walk) / 12, atol=1e-9)


def test_draws_of_a_level_are_on_the_bounds_of_that_level():
    from scipy import special

    levels = PATH_LEVELS[[9, 79, 94]]
    below, above = np.ones((1, 2, 1)) * PATH_LEVELS, np.ones((1, 2, 1)) * 3 * PATH_LEVELS
    normal = np.stack([special.ndtri((1 - levels / 100) / 2), special.ndtri((1 + levels / 100) / 2)], axis=-1)[None]
    paths = drawn_paths(np.full((1, 2), 7.0), below, above, np.eye(2), normal)
    np.testing.assert_allclose(paths[0, :, 0], 7 - levels, rtol=1e-6)
    np.testing.assert_allclose(paths[0, :, 1], 7 + 3 * levels, rtol=1e-6)


def test_what_cannot_be_meant_is_refused(fitted):
    with pytest.raises(gw.errors.UsageError, match="horizon is 4, and this forecaster was made for 3"):
        fitted.simulate(2, horizon=4)
    with pytest.raises(gw.errors.UsageError, match="paths"):
        fitted.simulate(0)
    with pytest.raises(gw.errors.UsageError, match="seed=-1: a whole number"):
        fitted.simulate(2, seed=-1)
