"""Distributions over members, and what is said of them in words."""

import json
from dataclasses import replace

import numpy as np
import pytest

from gatewise.recipes.airline.summary import HEADINGS, conclusion, number, table
from gatewise.recipes.members import percentile, spread
from made_results import made


def with_test_rmse(result, errors):
    return replace(result, test=result.test._replace(rmse=np.asarray(errors, float)))


def test_spread_and_percentile_leave_out_what_is_not_finite():
    errors = np.array([1.0, 2.0, 3.0, np.nan, np.inf])
    assert spread(errors).median == 2
    assert percentile(errors, 2.5) == pytest.approx(100 * 2 / 3)
    assert percentile(errors, 2.0) == pytest.approx(50)
    assert percentile(errors, None) is None
    assert np.isnan(spread(errors[3:]).median)
    assert percentile(errors[3:], 1.0) is None


def test_members_without_a_finite_error_count_as_beaten():
    result = with_test_rmse(made(members=4), [40.0, 41.0, np.nan, 90.0])
    assert result.failed == 1
    assert result.beats_persistence == 0.5
    assert "1 network ended without a finite error and count as beaten." in conclusion([result])


def test_json_is_strict_and_holds_the_distribution():
    result = with_test_rmse(made(members=3), [40.0, np.nan, 50.0])
    content = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert content["test"]["rmse"]["members"] == [40.0, None, 50.0]
    assert content["test"]["rmse"]["median"] == 45.0
    assert content["test"]["published_rmse"] == 47.53
    assert content["test"]["published_percentile"] == 50.0
    assert content["microseconds_per_step_and_member"] == pytest.approx(2.0e6 / (1000 * 3))
    assert content["beats_persistence"] == pytest.approx(1 / 3)


def test_a_row_has_a_cell_for_each_heading():
    result = with_test_rmse(made(members=3), [40.0, 47.0, 50.0])
    headings, (cells, other) = table([result, made("gru")])
    assert headings == list(HEADINGS)
    assert len(cells) == len(other) == len(HEADINGS)
    assert other[2] == "–"
    assert cells[:5] == ["lstm", "47.00 (40.70–49.70)", "47.53 (67 %)", "48.66", "67 %"]


def test_where_nothing_is_published_no_column_speaks_of_it():
    headings, (cells,) = table([made("gru")])
    assert [heading.title for heading in headings] == [
        "recipe", "test RMSE (5–95 %)", "persistence", "beat it", "train RMSE (5–95 %)", "seconds", "µs/step",
    ]  # fmt: skip
    assert cells[2] == "48.66"


@pytest.mark.parametrize(
    ("value", "text"),
    [(48.664, "48.66"), (0.0123456, "0.01235"), (123456.0, "123456"), (1.5e9, "1.5e+09"), (float("nan"), "nan")],
)
def test_numbers(value, text):
    assert number(value) == text


def test_the_conclusion_names_the_winners_and_the_spread():
    good, bad = (
        with_test_rmse(made("mlp"), np.linspace(40, 50, 20)),
        with_test_rmse(made("gru"), np.linspace(50, 90, 20)),
    )
    assert conclusion([good, bad]) == (
        "1 of 2 recipes beat persistence (repeating the last value, test RMSE 48.66) with more than half of their "
        "seeds: mlp (85 %). One seed decides nothing: 9 of 10 seeds of gru have a test RMSE between 52.00 and 88.00."
    )
    assert conclusion([bad, made("gru-window", error=60.0)]).startswith(
        "No recipe beats persistence (repeating the last value, test RMSE 48.66 to 49.02) with more than half of its "
        "seeds."
    )
    assert conclusion([good]).startswith(
        "Every recipe beats persistence (repeating the last value, test RMSE 48.66) with more than half of its seeds: "
        "mlp (85 %)."
    )


def test_the_conclusion_on_one_member_is_that_it_decides_nothing():
    assert conclusion([made(members=1)]).endswith(
        "This was one seed each, and one seed decides nothing: run more members."
    )


@pytest.mark.parametrize("part", ["test", "train"])
def test_a_published_value_outside_is_pointed_out_where_members_suffice(part):
    def with_rmse(members, low, high):
        """A result whose published values, 22.93 and 47.53, lie in the middle, but for the part in question."""
        result = made(members=members)
        middle = {"train": np.linspace(20, 30, members), "test": np.linspace(40, 55, members)}
        middle[part] = np.linspace(low, high, members)
        return replace(
            result, train=result.train._replace(rmse=middle["train"]), test=result.test._replace(rmse=middle["test"])
        )

    assert conclusion([with_rmse(60, 60, 70)]).endswith(
        f"The published {part} RMSE of lstm lies outside the central 98 % of our seeds, so these runs differ from the "
        "published ones in more than the seed."
    )
    assert "central 98 %" not in conclusion([with_rmse(20, 60, 70)])
    assert "central 98 %" not in conclusion([with_rmse(60, 10, 70)])


def test_what_makes_the_comparison_unequal_is_said():
    result = replace(made("lstm", leak=False), dialect="keras3")
    assert conclusion([result]).endswith(
        "The published runs are not quite comparable: their recurrent layers had the defaults of Keras 2 and their "
        "scaler saw the test part."
    )
    assert "comparable" not in conclusion([replace(made("gru"), dialect="keras3")])


def test_a_notebook_shows_the_table_and_escapes():
    result = made()
    shown = replace(result, recipe=replace(result.recipe, name="<b>"))._repr_html_()
    assert "<td>&lt;b&gt;</td>" in shown
    assert shown.count("<td>") == len(HEADINGS)
