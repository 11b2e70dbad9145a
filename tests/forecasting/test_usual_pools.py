"""Which networks a panel gets where nobody says."""

import numpy as np
import pytest

from gatewise.forecasting.networks.usual_pools import usual_networks
from gatewise.forecasting.panel import Panel


def configurations(panel, mode):
    return {part.name: part for part in usual_networks(panel, mode).networks}


@pytest.mark.parametrize(
    ("season", "time", "mode", "names"),
    [
        (1, 20, "fast", {"theta", "theta, own scale", "smooth"}),
        (1, 20, "best", {"theta", "theta, own scale", "smooth", "deep"}),
        (12, 60, "fast", {"last", "smooth", "theta", "unadjusted"}),
        (12, 60, "best", {"last", "smooth", "theta", "unadjusted", "deep", "lasting season"}),
        (24, 700, "best", {"relative", "between", "LSTM"}),
        (24, 300, "best", {"last", "smooth", "theta", "unadjusted", "deep", "lasting season"}),
    ],
)
def test_the_season_and_the_length_choose_the_configurations(season, time, mode, names):
    assert set(configurations(Panel(np.ones((3, time)), season), mode)) == names


def test_a_panel_of_many_values_gets_larger_networks():
    few, many = (configurations(Panel(np.ones((rows, 60)), 12), "fast") for rows in (999, 1000))
    assert (few["last"].units, few["last"].cell, many["last"].units, many["last"].cell) == (24, "GRU", 40, "LSTM")
    assert set(many) == {"last", "lasting season", "theta"}
    best = configurations(Panel(np.ones((1000, 60)), 12), "best")
    assert set(best) == {*many, "deep", "theta, GRU", "unadjusted"}
    assert {part.share for part in best.values() if part.view.base == "theta"} == {0.6}
    # Every series is met 24 times, 128 in a step.
    more = [configurations(Panel(np.ones((rows, 60)), 12), "best")["last"].steps for rows in (1000, 2000, 9000)]
    assert more == [200, 375, 600]
