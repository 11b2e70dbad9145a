"""Scores of quantiles, samples and intervals: by hand, as utilsforecast has them, against each other, at the edges."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from gatewise import metrics
from gatewise.errors import DataError, NonFiniteError, ShapeError, UsageError

NAN = float("nan")
INF = float("inf")
PEER = json.loads(Path(__file__).with_name("peer_scores.json").read_text())
ACTUAL, QUANTILES = np.array(PEER["actual"]), np.array(PEER["quantiles"])
BOUNDS = QUANTILES[..., 0], QUANTILES[..., 2]
SCALE = PEER["history"], PEER["season_length"]


def test_equal_to_those_of_utilsforecast():
    scores, levels = PEER["scores"], PEER["quantile_levels"]
    np.testing.assert_allclose(metrics.pinball(ACTUAL, QUANTILES, levels).T, scores["pinball"], 1e-12)
    found = metrics.crps_from_quantiles(ACTUAL, QUANTILES, levels)
    np.testing.assert_allclose(found, scores["crps_from_quantiles"], 1e-12)
    np.testing.assert_allclose(metrics.coverage(ACTUAL, *BOUNDS), scores["coverage"], 1e-12)
    np.testing.assert_allclose(metrics.msis(ACTUAL, *BOUNDS, *SCALE, PEER["level"]), scores["msis"], 1e-12)


def test_crps_of_samples_is_its_definition_over_all_pairs():
    samples = np.random.default_rng(0).normal(100, 30, (*ACTUAL.shape, 7)).round()
    expected = np.zeros(ACTUAL.shape)
    for at in np.ndindex(ACTUAL.shape):
        to_actual = np.mean([abs(x - ACTUAL[at]) for x in samples[at]])
        to_each_other = np.mean([abs(a - b) for a, b in itertools.product(samples[at], samples[at])])
        expected[at] = to_actual - to_each_other / 2
    np.testing.assert_allclose(metrics.crps_from_samples(ACTUAL, samples), expected.mean(axis=1), 1e-12)


def test_crps_of_a_normal_distribution():
    """For a standard normal X and y = 0, E|X - y| is sqrt(2/π) and E|X - X'| is 2/sqrt(π)."""
    from scipy.stats import norm

    levels = (np.arange(2000) + 0.5) / 2000
    found = metrics.crps_from_quantiles([[0]], norm.ppf(levels)[None, None], levels)
    assert found == pytest.approx([np.sqrt(2 / np.pi) - 1 / np.sqrt(np.pi)], rel=1e-5)


def test_sorted_samples_are_quantiles_with_the_same_score():
    samples = np.random.default_rng(1).normal(100, 30, (*ACTUAL.shape, 9))
    levels = (np.arange(9) + 0.5) / 9
    by_quantiles = metrics.crps_from_quantiles(ACTUAL, np.sort(samples, axis=2), levels, average="points")
    assert metrics.crps_from_samples(ACTUAL, samples, average="points") == pytest.approx(by_quantiles, rel=1e-12)


def test_one_sample_and_the_median_are_point_forecasts():
    forecast = QUANTILES[..., 1]
    absolute = metrics.mae(ACTUAL, forecast)
    np.testing.assert_allclose(metrics.crps_from_samples(ACTUAL, forecast[..., None]), absolute, 1e-12)
    np.testing.assert_allclose(2 * metrics.pinball(ACTUAL, forecast[..., None], [0.5])[:, 0], absolute, 1e-12)


def test_intervals_by_hand():
    actual, lower, upper = [[0, 10, 11, NAN], [5, NAN, NAN, NAN]], np.zeros((2, 4)), np.full((2, 4), 10.0)
    lower[0, 3], upper[0, 3] = NAN, 99  # a point without a value is not looked at
    assert metrics.coverage(actual, lower, upper).tolist() == [2 / 3, 1]
    assert metrics.coverage(actual, lower, upper, average="points") == 3 / 4
    assert metrics.coverage(actual, lower, upper, average="series") == pytest.approx(5 / 6)
    assert metrics.width(actual, lower, upper).tolist() == [10, 10]
    # 3 widths of 10 and a fine of 2 / 0.05 for one unit outside; the scale is 2.
    found = metrics.msis(actual, lower, upper, [[1, 3, 5], [1, 3, 5]], 1, level=95)
    assert found.tolist() == pytest.approx([(30 + 40) / 3 / 2, 5])


def test_levels_on_a_third_axis_are_scored_one_by_one():
    lower, upper = np.stack([BOUNDS[0], BOUNDS[0] - 40], axis=2), np.stack([BOUNDS[1], BOUNDS[1] + 5], axis=2)
    both = metrics.msis(ACTUAL, lower, upper, *SCALE, level=[80, 95])
    for score, arguments in ((metrics.coverage, ()), (metrics.width, ())):
        assert score(ACTUAL, lower, upper, *arguments, average="points").shape == (2,)
        for k in range(2):
            each = score(ACTUAL, lower[..., k], upper[..., k], *arguments)
            np.testing.assert_allclose(score(ACTUAL, lower, upper, *arguments)[:, k], each, 1e-12)
    for k, level in enumerate([80, 95]):
        np.testing.assert_allclose(
            both[:, k], metrics.msis(ACTUAL, lower[..., k], upper[..., k], *SCALE, level=level), 1e-12
        )


def test_an_interval_without_bounds_holds_everything_and_is_infinitely_wide():
    assert metrics.coverage([[1, -5]], [[-INF, -INF]], [[INF, INF]]).tolist() == [1]
    assert metrics.width([[1, -5]], [[-INF, -INF]], [[INF, INF]]).tolist() == [INF]
    assert metrics.msis([[1, -5]], [[-INF, -INF]], [[INF, INF]], [[1, 2]], 1, level=80).tolist() == [INF]


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (
            lambda: metrics.pinball([[1]], [[[1, 2]]], [10, 90]),
            UsageError,
            "quantile_levels is [10, 90]: give a list of probabilities between 0 and 1, such as [0.1, 0.5, 0.9].",
        ),
        (
            lambda: metrics.pinball([[1]], [[[1, 2]]], 0.5),
            UsageError,
            "quantile_levels is 0.5: give a list of probabilities between 0 and 1, such as [0.1, 0.5, 0.9].",
        ),
        (
            lambda: metrics.crps_from_quantiles([[1]], [[[1, 2]]], [0.1, 0.5, 0.9]),
            ShapeError,
            "quantiles has shape (1, 1, 2) where there are 3 quantile_levels: its third axis has one place for each.",
        ),
        (
            lambda: metrics.crps_from_samples([[1]], [[1]]),
            ShapeError,
            "samples has shape (1, 1) where its axes have to be (series, horizon, samples), none of them empty: a single "
            "series is one row, as values[None] makes it.",
        ),
        (
            lambda: metrics.crps_from_samples([[1]], [[[1, NAN]]]),
            NonFiniteError,
            "samples is not finite at 1 of 2 places, the first at [0, 0, 1]: a forecast that is missing cannot be left out "
            "of its own score.",
        ),
        (
            lambda: metrics.coverage([[1, 2]], [[0, 0]], [[[1, 2]]]),
            ShapeError,
            "upper has shape (1, 1, 2) where its axes have to be (series, horizon), none of them empty: a single series is "
            "one row, as values[None] makes it.",
        ),
        (
            lambda: metrics.width([[1, 2]], [[0]], [[1]]),
            ShapeError,
            "lower has shape (1, 1) and upper (1, 1) where actual has (1, 2): both bounds have the same shape, and the "
            "series and steps of actual.",
        ),
        (
            lambda: metrics.coverage([[1, 2]], [[0, 3]], [[1, 2]]),
            DataError,
            "lower is above upper at 1 of 2 places, the first at [0, 1]: exchange them there.",
        ),
        (
            lambda: metrics.coverage([[1, 2]], [[0, NAN]], [[1, 2]]),
            NonFiniteError,
            "lower is NaN at 1 of 2 places, the first at [0, 1]: a bound that is missing cannot be left out of its own "
            "score.",
        ),
        (
            lambda: metrics.msis([[1]], [[0]], [[2]], [[1, 2]], 1, level=0.95),
            UsageError,
            "level is 0.95: give per cent from 1 to below 100, such as 95 or [80, 95].",
        ),
        (
            lambda: metrics.msis([[1]], [[0]], [[2]], [[1, 2]], 1, level=[80, 95]),
            ShapeError,
            "lower has shape (1, 1) where level is [80, 95]: the third axis has one place for each level of a list, and is "
            "not there for a single level.",
        ),
    ],
)
def test_refusals(call, error, sentence):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == sentence
