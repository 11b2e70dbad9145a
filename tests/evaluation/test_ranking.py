"""Tests of differences: as SciPy and statsmodels have them, as published, in words, and under the null hypothesis."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from gatewise.errors import DataError, NonFiniteError, ShapeError, UsageError
from gatewise.evaluation import diebold_mariano, friedman

NAN = float("nan")
PEER = json.loads(Path(__file__).with_name("peer_scores.json").read_text())["diebold_mariano"]

# Ranks of C4.5, C4.5+m, C4.5+cf and C4.5+m+cf on 14 data sets: Demšar 2006, table 6.
DEMSAR = [
    *([4, 3, 2, 1], [1, 2, 3, 4], [4, 1, 2, 3], [4, 1, 3, 2], [4, 2, 3, 1], [1, 2.5, 4, 2.5], [3, 2, 4, 1]),
    *([2.5, 2.5, 4, 1], [4, 3, 2, 1], [2.5, 2.5, 2.5, 2.5], [4, 2.5, 1, 2.5], [3, 2, 4, 1], [4, 1, 2, 3], [3, 1, 4, 2]),
]
METHODS = ["C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"]


def test_the_example_of_demsar():
    ranking = friedman(DEMSAR, METHODS)
    assert ranking.names == ("C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5")
    assert ranking.mean_ranks.round(3).tolist() == [1.964, 2.000, 2.893, 3.143]
    assert round(ranking.critical_distance, 2) == 1.25
    assert round(friedman(DEMSAR, METHODS, alpha=0.10).critical_distance, 2) == 1.12
    # His 9.28 is not corrected for ties: three pairs and one of all four.
    ties = (3 * (2**3 - 2) + (4**3 - 4)) / (14 * 4 * (4**2 - 1))
    assert round(ranking.statistic * (1 - ties), 2) == 9.28


@pytest.mark.parametrize(
    (
        "methods",
        "published",
    ),  # Critical values of Nemenyi's test at 0.05: Demšar 2006, table 5 (a), the last digit not always as rounded today.
    [(3, 2.343), (4, 2.569), (5, 2.728), (6, 2.850), (7, 2.949), (8, 3.031), (9, 3.102), (10, 3.164)],
)
def test_critical_values_of_nemenyi(methods, published):
    errors = np.random.default_rng(0).normal(size=(6, methods))
    found = friedman(errors, [str(n) for n in range(methods)]).critical_distance
    assert found / np.sqrt(methods * (methods + 1) / 36) == pytest.approx(published, abs=8e-4)


def test_friedman_is_that_of_scipy_on_the_series_that_all_methods_have():
    errors = np.random.default_rng(4).integers(0, 5, (40, 5)).astype(float)
    errors[[3, 17], [0, 2]] = NAN
    ranking = friedman(errors, list("abcde"))
    expected = stats.friedmanchisquare(*np.delete(errors, [3, 17], axis=0).T)
    assert (ranking.statistic, ranking.p_value) == pytest.approx(tuple(expected), rel=1e-12)
    assert (ranking.series, ranking.left_out) == (38, 2)
    assert ranking.critical_distance == friedman(np.delete(errors, [3, 17], axis=0), list("abcde")).critical_distance


def test_friedman_in_words():
    assert str(friedman(DEMSAR, METHODS)) == (
        "On 14 series C4.5+m+cf has the best mean rank of 4 methods, 1.96, and C4.5+m, C4.5+cf and C4.5 are within the "
        "critical distance of 1.25 (Friedman test, p = 0.017)."
    )
    assert friedman(DEMSAR, METHODS).near_best == ("C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5")
    clear = np.arange(3) + np.random.default_rng(0).normal(0, 0.1, (50, 3))
    assert str(friedman(clear, ["x", "y", "z"])) == (
        "On 50 series x has the best mean rank of 3 methods, 1.00, and no other method is within the critical distance of "
        "0.47 (Friedman test, p < 0.0001)."
    )
    assert str(friedman(np.random.default_rng(0).normal(size=(20, 3)), ["x", "y", "z"])).startswith(
        "On 20 series the 3 methods are not shown to differ (Friedman test, p = 0."
    )


@pytest.mark.parametrize("horizon", [1, 3])
def test_diebold_mariano_is_that_of_statsmodels_times_the_correction(horizon):
    found = diebold_mariano(PEER["errors"], PEER["other_errors"], horizon)
    correction = np.sqrt((40 + 1 - 2 * horizon + horizon * (horizon - 1) / 40) / 40)
    assert found.statistic == pytest.approx(correction * PEER["statistics"][str(horizon)], rel=1e-10)
    assert found.p_value == pytest.approx(2 * stats.t.cdf(-abs(found.statistic), 39), rel=1e-12)


def test_one_step_ahead_it_is_nearly_the_paired_t_test():
    """The correction turns the variance by n into that by n - 1, so that at horizon 1 both are the same."""
    first, second = np.array(PEER["errors"]), np.array(PEER["other_errors"])
    found = diebold_mariano(first, second, loss="absolute")
    expected = stats.ttest_rel(np.abs(first), np.abs(second))
    assert (found.statistic, found.p_value) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-12)


def test_exchanged_forecasters_have_the_opposite_statistic():
    one = diebold_mariano(PEER["errors"], PEER["other_errors"], 4)
    other = diebold_mariano(PEER["other_errors"], PEER["errors"], 4)
    assert one.statistic == pytest.approx(-other.statistic)
    assert one.p_value == pytest.approx(other.p_value)


def test_a_variance_that_comes_out_negative_is_weighted():
    """Differences 1, 0, 1, 0 … vary by ¼ and by -¼ times 11/12 with their neighbours; Bartlett halves the latter."""
    found = diebold_mariano([1, 0] * 6, [0] * 12, horizon=2)
    variance = (1 / 4 - 11 / 48) / 12
    correction = np.sqrt((12 + 1 - 4 + 2 / 12) / 12)
    assert found.statistic == pytest.approx(correction * 0.5 / np.sqrt(variance))


def test_equal_forecasters_are_found_different_as_often_as_promised():
    """Errors with the memory of 3 steps ahead: 5 % of 400 pairs, within what happens in all but one of 10,000 cases."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(400, 2, 202))
    errors = noise[..., 2:] + noise[..., 1:-1] + noise[..., :-2]
    found = sum(diebold_mariano(first, second, 3).p_value < 0.05 for first, second in errors)
    low, high = stats.binom.interval(1 - 1e-4, 400, 0.05)
    assert low <= found <= high


def test_diebold_mariano_in_words():
    found = diebold_mariano(PEER["other_errors"], PEER["errors"], 3, names=("Naive", "gatewise"))
    assert str(found) == (
        "By mean squared error on 40 forecasts gatewise (0.7187) is better than Naive (1.56) (Diebold-Mariano test, p = "
        "0.014)."
    )
    assert str(diebold_mariano([1, 2, 1, 2], [2, 1, 1, 2], loss="absolute")) == (
        "By mean absolute error on 4 forecasts the first (1.5) is not shown to be better than the second (1.5) "
        "(Diebold-Mariano test, p = 1)."
    )


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (
            lambda: friedman([[1, 2]] * 3, ["a", "b"]),
            UsageError,
            "Friedman's test compares 3 methods or more and was given 2: use diebold_mariano for 2.",
        ),
        (
            lambda: friedman([[1, 2, 3]] * 3, ["a", "b"]),
            ShapeError,
            "errors has 3 methods where names has 2: give one name for each column.",
        ),
        (
            lambda: friedman([[1, 2, 3], [1, 2, NAN]], ["a", "b", "c"]),
            DataError,
            "1 of 2 series have an error of every method: give at least 2 of them.",
        ),
        (
            lambda: friedman([[1, 1, 1], [2, 2, 2]], ["a", "b", "c"]),
            DataError,
            "On every series all methods have the same error: there is nothing to rank.",
        ),
        (
            lambda: friedman([[1, 2, 3]] * 3, ["a", "b", "c"], alpha=5),
            UsageError,
            "alpha is 5: give a probability between 0 and 1, such as 0.05.",
        ),
        (
            lambda: diebold_mariano([1, 2, 3], [1, 2]),
            ShapeError,
            "errors has 3 windows where other_errors has 2: give errors of the same windows.",
        ),
        (
            lambda: diebold_mariano([[1, 2]], [[1, 2]]),
            ShapeError,
            "errors has shape (1, 2) where its axes have to be (windows), none of them empty.",
        ),
        (
            lambda: diebold_mariano([1, NAN], [1, 2]),
            NonFiniteError,
            "errors is not finite at 1 of 2 places, the first at [1]: leave out the windows of which an error is not known.",
        ),
        (
            lambda: diebold_mariano([1, 2, 3], [1, 2, 4], 3),
            DataError,
            "3 errors of forecasts 3 steps ahead are too few to compare: give more than 3.",
        ),
        (
            lambda: diebold_mariano([1], [1], 1),
            DataError,
            "1 error of forecasts 1 step ahead is too few to compare: give more than 1.",
        ),
        (
            lambda: diebold_mariano([0.1, 0.1, 0.1], [0.3, 0.3, 0.3]),
            DataError,
            "The losses of both differ by the same in every window: there is nothing to test.",
        ),
        (
            lambda: diebold_mariano([1, 2], [1, 3], loss="log"),
            UsageError,
            "loss is 'log': give 'squared' or 'absolute'.",
        ),
        (
            lambda: diebold_mariano([1, 2], [1, 3], 0),
            UsageError,
            "horizon is 0: give a whole number of at least 1.",
        ),
    ],
)
def test_refusals(call, error, sentence):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == sentence
