"""Frequencies: what pandas says the times are is what is found in them, and counted back to them."""

import numpy as np
import pandas as pd
import pytest

import gatewise as gw
from gatewise.tables.frequency import parse

ALIASES = [
    *("ms", "250ms", "s", "min", "15min", "h", "7h", "D", "2D", "W-SUN", "W-WED", "2W-MON", "B"),
    *("MS", "ME", "BMS", "BME", "2MS", "6ME", "QS-JAN", "QS-FEB", "QE-DEC", "QE-NOV", "QE-OCT", "BQS-JAN", "BQE-DEC"),
    *("YS-JAN", "YS-JUL", "YE-DEC", "YE-JUN", "BYS-JAN", "BYE-DEC"),
]


def dates(alias, start="1997-11-12", length=60):
    return pd.date_range(start, periods=length, freq=alias)


@pytest.mark.parametrize("alias", ALIASES)
def test_the_frequency_of_pandas_is_found_and_continued(alias):
    times = dates(alias)
    table = gw.read_series(pd.Series(np.arange(50.0), index=times[:50]))
    assert table.freq == alias
    assert table.missing == 0
    np.testing.assert_array_equal(table.times, times[:50].to_numpy())
    np.testing.assert_array_equal(table.times_after(10)[0], times[50:].to_numpy())
    np.testing.assert_array_equal(table.tail(7).times, times[43:50].to_numpy())
    assert gw.read_series(pd.Series(np.arange(50.0), index=times[:50]), freq=alias) == table


@pytest.mark.parametrize("alias", ALIASES)
def test_values_come_back_to_their_places_when_some_are_missing_and_rows_shuffled(alias):
    generator = np.random.default_rng(0)
    times = dates(alias)
    kept = np.sort(generator.choice(np.arange(1, 59), 40, replace=False))
    kept = np.concatenate([[0], kept, [59]])
    frame = pd.DataFrame({"ds": times[kept], "y": kept.astype(float)}).sample(frac=1, random_state=0)
    table = gw.read_series(frame)
    expected = np.full(60, np.nan)
    expected[kept] = kept
    assert table.freq == alias
    np.testing.assert_array_equal(table.values, expected)
    np.testing.assert_array_equal(table.times, times.to_numpy())


@pytest.mark.parametrize("alias", ALIASES)
def test_times_between_two_steps_are_not_of_the_frequency(alias):
    times = dates(alias).as_unit("ns").asi8
    frequency = parse(alias, "datetime")
    assert frequency.holds(times).all()
    assert (np.diff(frequency.ordinals(times)) == frequency.step).all()
    if frequency.kind != "fixed":
        assert not frequency.holds(times + 1).any()


def test_series_may_begin_at_different_phases():
    frame = pd.concat(
        pd.DataFrame({"id": name, "ds": dates("3MS", start, 8), "y": 1.0 + np.arange(8)})
        for name, start in (("a", "2020-01-01"), ("b", "2020-02-01"))
    )
    table = gw.read_series(frame)
    assert table.freq == "3MS"
    assert table.missing == 0
    assert table.times_after(1)[:, 0].tolist() == np.array(["2022-01-01", "2022-02-01"], "datetime64[ns]").tolist()
    with pytest.raises(gw.errors.DataError, match="and the series are '3MS', not 'QS-JAN'"):
        gw.read_series(frame, freq="QS-JAN")


def test_days_without_weekends_are_business_days_and_holidays_gaps():
    days = dates("B", "2024-01-01", 40).delete([4, 21])
    table = gw.read_series(pd.Series(np.arange(38.0), index=days))
    assert (table.freq, table.missing, len(table.values)) == ("B", 2, 40)
    week = dates("D", "2024-01-01", 5)
    assert gw.read_series(pd.Series(np.arange(5.0), index=week)).freq == "D"


def test_whole_numbers_have_the_step_of_their_smallest_distance():
    table = gw.read_series(pd.DataFrame({"ds": [10, 20, 50, 60], "y": [1.0, 2.0, 3.0, 4.0]}))
    assert table.freq == 10
    np.testing.assert_array_equal(table.values, [1, 2, np.nan, np.nan, 3, 4])
    assert table.times_after(2).tolist() == [[70, 80]]
    with pytest.raises(gw.errors.DataError, match=r"row 3 .* is 7, 3 after the time before it"):
        gw.read_series(pd.DataFrame({"ds": [0, 2, 4, 7], "y": [1.0, 2.0, 3.0, 4.0]}))
    assert gw.read_series(pd.DataFrame({"ds": [0, 2, 4, 7], "y": [1.0, 2.0, 3.0, 4.0]}), freq=1).missing == 4
