"""Errors of point forecasts: by hand, as utilsforecast has them, in both published averages, and at the edges."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from gatewise import metrics
from gatewise.errors import DataError, GatewiseWarning, NonFiniteError, ShapeError, UsageError

NAN = float("nan")
PEER = json.loads(Path(__file__).with_name("peer_scores.json").read_text())
HISTORY = [[1, 2, 4, 3, NAN, 7]]

# sMAPE of Theta in M3 by kind of series, with their number and horizon: Makridakis and Hibon 2000, as in N-BEATS (2020),
# table 14, where the average over points is 13.01.
M3_THETA = [(16.90, 645, 6), (8.96, 756, 8), (13.85, 1428, 18), (4.41, 174, 8)]
# sMAPE of Naive2 in M4, from the organisers' workbook "Evaluation and Ranks", where the average over series is 13.564.
M4_NAIVE2 = [
    (16.342, 23000, 6),
    (11.012, 24000, 8),
    (14.427, 48000, 18),
    (9.161, 359, 13),
    (3.045, 4227, 14),
    (18.383, 414, 48),
]


@pytest.mark.parametrize("name", ["mae", "rmse", "smape"])
def test_equal_to_those_of_utilsforecast(name):
    np.testing.assert_allclose(getattr(metrics, name)(PEER["actual"], PEER["forecast"]), PEER["scores"][name], 1e-12)


@pytest.mark.parametrize("name", ["mase", "rmsse"])
def test_scaled_errors_are_equal_to_those_of_utilsforecast(name):
    errors = getattr(metrics, name)(PEER["actual"], PEER["forecast"], PEER["history"], PEER["season_length"])
    np.testing.assert_allclose(errors, PEER["scores"][name], 1e-12)


def made_to_have(smape, cells):
    """Return forecasts of 1 with this sMAPE at every point, on one series; NaN beyond its horizon."""
    return np.where(np.arange(cells[1]) < cells[0], (200 - smape) / (200 + smape), NAN)


@pytest.mark.parametrize(
    ("groups", "average", "published"),
    [(M3_THETA, "points", 13.01), (M3_THETA, "series", 12.73), (M4_NAIVE2, "series", 13.564)],
)
def test_published_totals_come_out_in_their_convention(groups, average, published):
    """The second is the first table weighted by its numbers of series: what M3 has in M4's convention."""
    horizons = [horizon // 2 for _, _, horizon in groups]  # halves: the weights of points stay as they are
    rows = [made_to_have(smape, (h, max(horizons))) for (smape, _, _), h in zip(groups, horizons, strict=True)]
    actual = np.repeat(rows, [count for _, count, _ in groups], axis=0)
    found = metrics.smape(actual, np.ones_like(actual), average=average)
    assert round(found, len(str(published).partition(".")[2])) == published


@pytest.mark.parametrize(
    ("smape", "mase", "published"),
    # Totals of the winner, of Theta and of the RNN benchmark of M4, from the organisers' workbook.
    [(11.374, 1.536, 0.821), (12.309, 1.696, 0.897), (21.152, 2.685, 1.482), (13.564, 1.912, 1.0)],
)
def test_owa_of_m4(smape, mase, published):
    assert round(metrics.owa(smape=smape, mase=mase, naive2_smape=13.564, naive2_mase=1.912), 3) == published


def test_every_error_by_hand():
    actual, forecast = [[2, NAN, 6], [1, 1, 1]], [[1, NAN, 9], [1, 2, 3]]
    assert metrics.mae(actual, forecast).tolist() == [2, 1]
    assert metrics.mae(actual, forecast, average="series") == 1.5
    assert metrics.mae(actual, forecast, average="points") == 7 / 5
    assert metrics.rmse(actual, forecast).tolist() == pytest.approx([5**0.5, (5 / 3) ** 0.5])
    assert metrics.rmse(actual, forecast, average="series") == pytest.approx((5**0.5 + (5 / 3) ** 0.5) / 2)
    assert metrics.rmse(actual, forecast, average="points") == pytest.approx(3**0.5)
    assert metrics.smape(actual, forecast).tolist() == pytest.approx([(200 / 3 + 40) / 2, (0 + 200 / 3 + 100) / 3])
    # |2-1|, |4-2|, |3-4| are the pairs without a gap; a season of 2 has |4-1|, |3-2|, |7-3|.
    assert metrics.seasonal_scale(HISTORY, 1).tolist() == [4 / 3]
    assert metrics.seasonal_scale(HISTORY, 1, power=2).tolist() == [2]
    assert metrics.seasonal_scale(HISTORY, 2).tolist() == [(3 + 1 + 4) / 3]
    # A series that repeats itself, with what binary numbers make of it, has none.
    repeated = np.exp(4 + 0.1 * np.sin(np.arange(24) * np.pi / 6))[None]
    assert 0 < np.abs(repeated[:, 12:] - repeated[:, :12]).max() < 1e-12
    for power in (1, 2):
        assert np.isnan(metrics.seasonal_scale(1e6 * repeated, 12, power=power)).all()
        assert metrics.seasonal_scale(1e6 * repeated, 1, power=power) > 1e5
    assert metrics.mase(actual[:1], forecast[:1], HISTORY, 2).tolist() == [2 * 3 / 8]
    assert metrics.rmsse(actual[:1], forecast[:1], HISTORY).tolist() == pytest.approx([(5 / 2) ** 0.5])


def test_smape_has_no_error_where_value_and_forecast_are_zero_and_200_where_one_is():
    assert metrics.smape([[0, 0, 5, NAN]], [[0, 3, 0, 0]]).tolist() == [400 / 3]


@pytest.mark.parametrize("history", [[[5, 5, 5]], [[NAN, NAN, 5]], [[5, NAN, 6]], [[5]]])
@pytest.mark.parametrize("error", [metrics.mase, metrics.rmsse])
def test_without_a_scale_there_is_no_scaled_error_however_good_the_forecast(error, history):
    assert np.isnan(error([[1, 2]], [[1, 2]], history, 1)).all()


@pytest.mark.parametrize(("average", "expected"), [("series", (2 + 5) / 2), ("points", (2 + 2 + 5) / 3)])
def test_an_average_says_which_series_it_leaves_out(average, expected):
    actual, history = [[1, 1], [1, NAN], [NAN, NAN], [1, 1]], [[0, 1], [0, 1], [0, 1], [3, 3]]
    forecast = [[3, 3], [6, NAN], [NAN, NAN], [9, 9]]
    with pytest.warns(GatewiseWarning) as told:
        found = metrics.mase(actual, forecast, history, 1, average=average)
    assert found == pytest.approx(expected)
    assert str(told[0].message) == (
        "2 of 4 series have no value and are left out of the average: they have no point to score, or their history has no "
        "scale."
    )


def test_an_average_of_nothing_is_nothing():
    with pytest.warns(GatewiseWarning, match=r"^1 of 1 series have no value"):
        assert np.isnan(metrics.mae([[NAN]], [[1]], average="series"))


def test_integers_and_single_precision_are_taken_as_they_are():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert metrics.mae(np.array([[200]], np.uint8), np.array([[201]], np.uint8)).tolist() == [1]
        assert metrics.rmse(np.float32([[1e30]]), np.float32([[2e30]])) == pytest.approx([1e30])


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (
            lambda: metrics.mae([1, 2], [1, 2]),
            ShapeError,
            "actual has shape (2,) where its axes have to be (series, horizon), none of them empty: a single series is one "
            "row, as values[None] makes it.",
        ),
        (
            lambda: metrics.mae(np.ones((0, 3)), np.ones((0, 3))),
            ShapeError,
            "actual has shape (0, 3) where its axes have to be (series, horizon), none of them empty: a single series is "
            "one row, as values[None] makes it.",
        ),
        (
            lambda: metrics.smape([[1, 2]], [[1], [2]]),
            ShapeError,
            "forecast has shape (2, 1) where actual has (1, 2): both have the same series and steps.",
        ),
        (
            lambda: metrics.mae([["1"]], [[1]]),
            DataError,
            "actual does not hold numbers only: give an array of numbers, with NaN where one is missing.",
        ),
        (
            lambda: metrics.mae([[1, 2], [3]], [[1]]),
            DataError,
            "actual does not hold numbers only: give an array of numbers, with NaN where one is missing.",
        ),
        (
            lambda: metrics.rmse([[1, float("inf")]], [[1, 2]]),
            NonFiniteError,
            "actual is infinite at 1 of 2 places, the first at [0, 1]: give NaN where a value is missing.",
        ),
        (
            lambda: metrics.mae([[1, 2, NAN], [1, 2, 3]], [[1, 2, NAN], [1, NAN, float("inf")]]),
            NonFiniteError,
            "forecast is not finite at 2 of 6 places, the first at [1, 1]: a forecast that is missing cannot be left out of "
            "its own score.",
        ),
        (
            lambda: metrics.mae([[1]], [[1]], average="mean"),
            UsageError,
            "average is 'mean': give 'points', 'series', or None for one value of each series; published numbers use both "
            "averages.",
        ),
        (
            lambda: metrics.mase([[1]], [[1]], [[1, 2]], 0),
            UsageError,
            "season_length is 0: give a whole number of at least 1.",
        ),
        (
            lambda: metrics.rmsse([[1]], [[1]], [[1, 2], [3, 4]]),
            ShapeError,
            "history has 2 series where actual has 1: give one row for each series.",
        ),
        (
            lambda: metrics.mase([[1]], [[1]], [[1, -float("inf")]], 1),
            NonFiniteError,
            "history is infinite at 1 of 2 places, the first at [0, 1]: give NaN where a value is missing.",
        ),
        (
            lambda: metrics.owa(smape=10, mase=1, naive2_smape=12, naive2_mase=0),
            UsageError,
            "OWA of sMAPE 10 and MASE 1 against 12 and 0 of Naive2 does not exist: give finite averages, those of Naive2 "
            "above 0.",
        ),
    ],
)
def test_refusals(call, error, sentence):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == sentence
