"""Panels: what a table becomes, and what is left of it some steps ago."""

import numpy as np
import pandas as pd
import pytest

import gatewise as gw
from gatewise.errors import UsageError
from gatewise.forecasting.panel import Panel


def test_a_table_becomes_rows_that_end_together():
    table = gw.read_series(
        pd.DataFrame({"unique_id": ["a", "a", "a", "b"], "ds": [1, 2, 4, 9], "y": [1.0, 2.0, 4.0, 8.0]})
    )
    panel = Panel.of(table)
    assert np.array_equal(panel.values, [[1, 2, np.nan, 4], [np.nan, np.nan, np.nan, 8]], equal_nan=True)
    assert (panel.season_length, panel.room, len(panel)) == (1, 4, 2)


def test_until_leaves_columns_out_and_remembers_the_room():
    panel = Panel(np.arange(12.0).reshape(2, 6), season_length=4)
    cut = panel.until(2).until(1)
    assert cut.values.tolist() == [[0, 1, 2], [6, 7, 8]]
    assert (cut.season_length, cut.room) == (4, 6)
    assert panel.select([1]).until(5).values.tolist() == [[6]]


@pytest.mark.parametrize("steps_back", [-1, 6])
def test_nothing_left_is_refused(steps_back):
    with pytest.raises(UsageError) as caught:
        Panel(np.ones((2, 6)), 1).until(steps_back)
    assert str(caught.value) == (
        f"steps_back is {steps_back}, and the longest series has 6 values: give a number from 0 to one less than that."
    )


def test_a_season_of_no_steps_is_refused():
    with pytest.raises(UsageError, match="season_length is 0: give a whole number of at least 1"):
        Panel(np.ones((1, 3)), 0)
