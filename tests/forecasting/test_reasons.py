"""Why a forecast is what it is, where the errors of a single method or two tables of them would say something else."""

import numpy as np
import pytest

from gatewise.forecasting.choosing.judgement import judge
from gatewise.forecasting.choosing.scores import Scores
from gatewise.forecasting.explanation import explained
from gatewise.forecasting.panel import Panel
from gatewise.forecasting.rolling import Rolled, actual_after

HORIZON = 2


def sentences(windows, series=1, noise=0.0, network_only=False):
    """Forecasts of a network and of a baseline, which errs less, from so many cutoffs that do not overlap."""
    random = np.random.default_rng(5)
    panel = Panel(50 + random.standard_normal((series, 60)).cumsum(axis=1), 1)
    back = np.arange(windows, -1, -1) * HORIZON
    actual = actual_after(panel, HORIZON, back)
    sizes = np.array([1.2, 1.0])[:, None, None, None]
    errors = sizes + noise * random.standard_normal((2, *actual.shape))
    forecasts = np.nan_to_num(actual, nan=50.0) + errors
    rolled = Rolled(("net", "Naive"), np.array([True, False]), back, forecasts, actual)
    judged = judge(rolled, panel, network_only)
    return explained(rolled, judged, panel, (), {}).sentences


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((3,), "the forecast nevertheless: to tell that from luck takes 8 cutoffs, and there are 3."),
        ((1,), "the forecast nevertheless: to tell that from luck takes 8 cutoffs, and there is 1."),
        ((12, 1, 0.5), "the forecast nevertheless: the difference is within noise."),
        # For the fifth series it is the forecast.
        ((12, 5, 0.5), "the forecast of 4 series nevertheless: on each of them the difference is within noise."),
        ((3, 5), "the forecast of all series nevertheless: to tell that from luck takes 8 cutoffs, and there are 3."),
    ],
)
def test_why_all_together_are_the_forecast_where_a_baseline_erred_less(arguments, reason):
    assert sentences(*arguments)[-1] == f"Naive had smaller errors than all together, which are {reason}"


def test_nothing_is_said_where_the_baseline_is_the_forecast_or_has_no_part():
    assert not any("nevertheless" in sentence for sentence in sentences(12))
    assert any("beyond noise" in sentence for sentence in sentences(12))
    assert not any("nevertheless" in sentence for sentence in sentences(3, network_only=True))


def test_a_rank_that_is_not_the_order_of_mean_errors_says_why():
    panel = Panel(50 + np.random.default_rng(0).standard_normal((12, 60)).cumsum(axis=1), 1)
    back = np.array([4, 2])
    actual = actual_after(panel, HORIZON, back)
    error = np.where(np.arange(12) < 11, 1.0, 100.0)[:, None]
    forecasts = {"gatewise": actual + error, "Naive": actual + 1.2, "Drift": actual + 2.0}
    labels = {"series": np.arange(12), "cutoff": -back}
    ranking = Scores(panel, back, actual, forecasts, {}, (), labels).ranking()
    assert ranking.startswith("On 12 series gatewise has the best mean rank of 3 methods, 1.17,")
    assert ranking.endswith(" Naive has the least mean error: ranks count each series alike, however large its errors.")
    same = {**forecasts, "gatewise": actual + 1.0}
    assert Scores(panel, back, actual, same, {}, (), labels).ranking().endswith("(Friedman test, p < 0.0001).")
