"""Series without dates: a season that is there is found, one that is not there is not, and what was found is said."""

import numpy as np
import pandas as pd
import pytest

import gatewise as gw
from gatewise.forecasting.fitted import Plan
from gatewise.forecasting.planning import panel_for
from gatewise.forecasting.season_detection import detected_season

SENTENCE = (
    "The series has no dates, and a season of 12 steps was found in it: name season_length to decide yourself, "
    "1 for none."
)


def walk(random, count):
    return random.standard_normal(count).cumsum()


def fading(random, count, rate):
    values = np.zeros(count + 50)
    for place in range(1, count + 50):
        values[place] = rate * values[place - 1] + random.standard_normal()
    return values[50:]


WITHOUT = {
    "noise": lambda random, count: random.standard_normal(count),
    "walk": walk,
    "walk of walks": lambda random, count: walk(random, count).cumsum(),
    "growing": lambda random, count: np.exp(0.1 * walk(random, count)),
    "fading": lambda random, count: fading(random, count, 0.9),
    "to and fro": lambda random, count: fading(random, count, -0.5),
    "rare counts": lambda random, count: random.poisson(0.3, count).astype(float),
    "outliers": lambda random, count: 10.0 * (random.random(count) < 0.04) + 0.1 * random.standard_normal(count),
}


@pytest.mark.parametrize("kind", WITHOUT)
def test_a_series_without_a_season_has_none(kind):
    random = np.random.default_rng(5)
    found = [detected_season(WITHOUT[kind](random, count)[None]) for count in (24, 60, 150) for _ in range(40)]
    assert sum(season > 1 for season in found) <= 3, found


@pytest.mark.parametrize("season", [4, 7, 12, 24])
def test_a_season_is_found_under_a_walk_and_noise(season):
    random = np.random.default_rng(season)
    found = []
    for _ in range(30):
        pattern = random.standard_normal(season)
        pattern = 3 * (pattern - pattern.mean()) / pattern.std()
        count = 10 * season + 3
        values = np.resize(pattern, count) + 0.1 * walk(random, count) + random.standard_normal(count)
        values[random.random(count) < 0.02] = np.nan
        found.append(detected_season(np.concatenate([np.full(9, np.nan), values])[None]))
    assert found.count(season) >= 24, found


def test_a_season_needs_three_of_its_kind():
    pattern = np.random.default_rng(0).standard_normal(12)
    assert detected_season(np.resize(pattern, 36)[None]) == 12
    assert detected_season(np.resize(pattern, 35)[None]) == 1


def test_units_and_what_never_moves():
    airline = gw.datasets.load_airline()[None]
    assert [detected_season(airline * unit) for unit in (1.0, 1e-9, 1e9)] == [12, 12, 12]
    assert detected_season(1e6 - airline) == 12
    assert detected_season(np.full((3, 50), 7.0)) == 1
    assert detected_season(np.arange(60.0)[None]) == 1
    assert detected_season(np.full((1, 4), np.nan)) == 1


def test_of_several_series_most_must_have_it():
    random = np.random.default_rng(0)
    seasonal, walks = np.tile(random.standard_normal(6), (3, 12)), random.standard_normal((3, 72)).cumsum(axis=1)
    assert detected_season(np.concatenate([seasonal, walks[:2]])) == 6
    assert detected_season(np.concatenate([seasonal, walks])) == 1


def test_what_was_found_is_said_and_can_be_decided_otherwise():
    values = gw.datasets.load_airline()
    panel, notes = panel_for(Plan(12), gw.read_series(values))
    assert (panel.season_length, notes) == (12, (SENTENCE,))
    # A backtest may not know it before it was to be seen.
    assert panel_for(Plan(12), gw.read_series(values), 120)[0].season_length == 1
    assert panel_for(Plan(12, season_length=4), gw.read_series(values))[0].season_length == 4
    dated = gw.read_series(pd.DataFrame({"ds": pd.date_range("1949-01-01", periods=144, freq="MS"), "y": values}))
    assert panel_for(Plan(12), dated)[1] == ()
