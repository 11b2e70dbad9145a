"""What every baseline obeys, whoever wrote it. A new one is a line in CASES."""

import importlib.util
import warnings
from typing import NamedTuple

import numpy as np
import pytest

from gatewise import baselines
from gatewise.errors import DataError, GatewiseWarning, NonFiniteError, ShapeError, UsageError

NAN = float("nan")
SEASON = 4


class Case(NamedTuple):
    """A baseline, whether adding a number to a series adds it to the forecast, and how closely it obeys."""

    baseline: baselines.Baseline
    shifts: bool
    close: float = 1e-9
    needs: str = "numpy"


CASES = [
    Case(baselines.Naive(), shifts=True),
    Case(baselines.SeasonalNaive(), shifts=True),
    Case(baselines.Drift(), shifts=True),
    Case(baselines.Mean(), shifts=True),
    Case(baselines.Naive2(), shifts=False),
    # Chosen by likelihood among models with products of level, trend and season.
    Case(baselines.ETS(), shifts=False, needs="statsforecast"),
    # Its season is a factor; and its search ends at a tolerance in the units of the series.
    Case(baselines.DynamicOptimizedTheta(), shifts=False, close=1e-2, needs="statsforecast"),
    Case(baselines.ARIMA(), shifts=True, close=1e-5, needs="statsforecast"),
]


def made_series():
    """Return a series with a season, one with gaps too, and one that is shorter and has a trend only."""
    rng = np.random.default_rng(7)
    time = np.arange(22)
    values = 100 + np.outer([0.5, -0.3, 1.0], time) + rng.normal(0, 2, (3, 22))
    values[:2] *= 1 + 0.3 * np.sin(2 * np.pi * time / SEASON)
    values[1, [3, 10, 11]] = NAN
    values[2, :8] = NAN
    return values


SERIES = made_series()


@pytest.fixture(params=CASES, ids=lambda case: case.baseline.name)
def case(request):
    if importlib.util.find_spec(request.param.needs) is None:
        pytest.skip(f"needs {request.param.needs}")
    return request.param


@pytest.fixture
def forecast(case):
    """Forecast SERIES' kind of series; which baseline gives up on which is for another test."""

    def run(values, horizon=6, season_length=SEASON):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", GatewiseWarning)
            return case.baseline.forecast(values, season_length, horizon)

    return run


def test_it_is_a_baseline_with_a_name_of_its_own(case):
    assert isinstance(case.baseline, baselines.Baseline)
    assert case.baseline.name == type(case.baseline).__name__
    assert case.baseline == type(case.baseline)()


def test_the_same_twice_and_the_series_as_they_were(forecast):
    values = SERIES.copy()
    np.testing.assert_array_equal(forecast(values), forecast(values))
    np.testing.assert_array_equal(values, SERIES)


def test_a_series_alone_is_forecast_as_among_others(forecast):
    together = forecast(SERIES)
    assert together.shape == (3, 6)
    assert together.dtype == np.float64
    for row in (1, 2):
        np.testing.assert_array_equal(forecast(SERIES[row : row + 1])[0], together[row])


def test_what_is_before_the_beginning_does_not_count(forecast):
    before = np.pad(SERIES, ((0, 0), (5, 0)), constant_values=NAN)
    np.testing.assert_allclose(forecast(before), forecast(SERIES), 1e-12)


def test_a_missing_end_is_a_longer_horizon(forecast):
    """So no forecast looks ahead: what it gets of the future is NaN."""
    values = SERIES.copy()
    values[:, -3:] = NAN
    np.testing.assert_allclose(forecast(values, horizon=4), forecast(values[:, :-3], horizon=7)[:, 3:], 1e-12)


def test_a_longer_horizon_begins_with_the_shorter(forecast):
    np.testing.assert_allclose(forecast(SERIES, horizon=9)[:, :2], forecast(SERIES, horizon=2), 1e-12)


def test_units_do_not_matter(case, forecast):
    np.testing.assert_allclose(forecast(4 * SERIES), 4 * forecast(SERIES), case.close)


def test_a_shift_shifts(case, forecast):
    expected = forecast(SERIES)
    moved = forecast(SERIES + 1000) - 1000
    if case.shifts:
        np.testing.assert_allclose(moved, expected, case.close)
        np.testing.assert_allclose(forecast(-SERIES), -expected, case.close)
    else:
        assert np.abs(moved - expected).max() > 0.1, "it does shift: say so in CASES"


@pytest.mark.parametrize("values", [[5.0] * 20, [0.0] * 20, [-3.0] * 20, [NAN] * 3 + [7.0] * 9, [2.5], [NAN, 4.0, NAN]])
def test_a_constant_goes_on(forecast, values):
    np.testing.assert_allclose(forecast([values], horizon=5), np.nanmax(values) * np.ones((1, 5)), 1e-9)


def test_any_history_has_a_finite_forecast(forecast):
    rng = np.random.default_rng(3)
    for length in (1, 2, 3, 5, 9):
        values = rng.gamma(2, 10, (3, length))
        values[1, rng.random(length) < 0.5] = NAN
        values[2] -= 20
        values[:, 0] = 1
        assert np.isfinite(forecast(values, horizon=2 * length)).all()


@pytest.mark.parametrize(
    ("values", "season_length", "horizon", "error", "sentence"),
    [
        (
            [1, 2, 3],
            1,
            1,
            ShapeError,
            "values has shape (3,) where its axes have to be (series, time), none of them empty: a single series is one row, "
            "as values[None] makes it.",
        ),
        ([[1, 2]], 0, 1, UsageError, "season_length is 0: give a whole number of at least 1."),
        ([[1, 2]], 1, 2.0, UsageError, "horizon is 2.0: give a whole number of at least 1."),
        (
            [[1, 2], [NAN, NAN], [NAN, NAN]],
            1,
            1,
            DataError,
            "2 of 3 series have no value at all, the first is series 1: leave them out.",
        ),
        (
            [[1, float("inf")]],
            1,
            1,
            NonFiniteError,
            "values is infinite at 1 of 2 places, the first at [0, 1]: give NaN where a value is missing.",
        ),
    ],
)
def test_refusals(case, values, season_length, horizon, error, sentence):
    with pytest.raises(error) as caught:
        case.baseline.forecast(values, season_length, horizon)
    assert str(caught.value) == sentence
