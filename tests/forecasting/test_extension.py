"""Later rows and what is known in advance, put behind a table: on its clock, with its names, and with few gaps."""

import numpy as np
import pandas as pd
import pytest

import gatewise as gw
from gatewise.forecasting.clocks import in_utc
from gatewise.forecasting.extension import extended
from gatewise.forecasting.future_rows import with_future

BERLIN = pd.date_range("2024-03-30", periods=60, freq="h", tz="Europe/Berlin")
HOURS = pd.DataFrame({"ds": BERLIN, "y": np.arange(60.0), "promo": np.arange(60.0) % 7})
WINTER = HOURS[["ds", "y"]][:20]


def utc(table):
    return pd.DatetimeIndex(table.to_frame()["ds"]).tz_convert("UTC")


@pytest.mark.parametrize("known", [20, 48])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC", "America/New_York", "+05:30"])
def test_rows_of_any_zone_follow_at_the_instants_that_they_are(known, zone):
    """The clock goes forward after row 25: before and after it, and on whatever clock the rows are."""
    table = gw.read_series(HOURS[["ds", "y"]][:known])
    for rows in (HOURS[known:], HOURS[known : known + 2]):
        later = rows[["ds", "y"]].assign(ds=rows["ds"].dt.tz_convert(zone))
        longer = extended(table, later)
        assert longer.missing == 0
        assert (utc(longer) == BERLIN[: known + len(later)].tz_convert("UTC")).all()
        assert longer.values.tolist() == list(range(known + len(later)))


def test_the_clock_stays_until_it_is_put_forward():
    table = gw.read_series(WINTER)
    assert extended(table, HOURS[["ds", "y"]][20:25]).zone == "Europe/Berlin"
    moved = extended(table, HOURS[["ds", "y"]][20:30])
    assert moved.zone == "UTC"
    assert moved.notes[-1] == "Times were moved from Europe/Berlin to UTC, where no hour is missing or double."
    assert extended(moved, HOURS[["ds", "y"]][30:31]).missing == 0


def test_forecasts_show_the_clock_as_it_will_be():
    table = gw.read_series(WINTER)
    after = pd.DatetimeIndex(table.on_clock(table.times_after(12)[0]))
    assert (after == BERLIN[20:32]).all()
    assert str(after[6]) == "2024-03-31 03:00:00+02:00"


def test_an_hour_that_a_clock_shows_twice_is_moved_to_utc():
    autumn = pd.date_range("2024-10-27 02:00+01:00", periods=3, freq="h").tz_convert("Europe/Berlin")
    table = gw.read_series(pd.DataFrame({"ds": autumn, "y": [1.0, 2.0, 3.0]}))
    assert (table.zone, table.starts[0]) == ("UTC", np.datetime64("2024-10-27T01:00"))


def test_files_whose_times_were_moved_to_utc_go_on(tmp_path):
    def written(rows):
        lines = [f"{ds.isoformat()},{y}\n" for ds, y in zip(rows["ds"], rows["y"], strict=True)]
        (tmp_path / "a.csv").write_text("ds,y\n" + "".join(lines))
        return tmp_path / "a.csv"

    table = gw.read_series(written(HOURS[:48]), fix=("utc",))
    longer = extended(table, written(HOURS[48:50]))
    assert (utc(longer) == BERLIN[:50].tz_convert("UTC")).all()
    assert extended(gw.read_series(written(WINTER)), written(HOURS[20:22])).zone == "UTC+01:00"


@pytest.mark.parametrize("known", [20, 48])
def test_what_is_known_in_advance_is_put_on_the_clock(known):
    table = gw.read_series(HOURS[:known], target_col="y", covariates={"future": ["promo"]})
    for rows in (HOURS[known : known + 9], HOURS[known:], HOURS):
        knowing = with_future(table, rows[["ds", "promo"]])
        assert knowing.ahead[:9, 0].tolist() == HOURS["promo"][known : known + 9].tolist()


def test_days_are_those_of_their_zone():
    days = pd.date_range("2024-03-29", periods=6, tz="Europe/Berlin")
    frame = pd.DataFrame({"ds": days, "y": np.arange(6.0)})
    longer = extended(gw.read_series(frame[:2]), frame[2:])
    assert (pd.DatetimeIndex(longer.to_frame()["ds"]) == days).all()


@pytest.mark.parametrize(
    ("known", "rows", "sentence"),
    [
        (
            WINTER,
            WINTER.assign(ds=pd.date_range("2024-03-30 20:00", periods=20, freq="h")),
            "The new rows have times without an offset from UTC, and those that the forecaster was fitted with are of "
            'Europe/Berlin: write them with their offset, or give a table that was read with format={"time_zone": '
            '"Europe/Berlin"}.',
        ),
        (
            WINTER.assign(ds=WINTER["ds"].dt.tz_localize(None)),
            HOURS[["ds", "y"]][20:25],
            "The new rows have times of Europe/Berlin, and those that the forecaster was fitted with say no zone: give times "
            "without one, on the same clock.",
        ),
        (
            pd.DataFrame(
                {"unique_id": "airline", "ds": pd.date_range("1961-01", periods=2, freq="MS"), "y": [1.0, 2.0]}
            ),
            pd.DataFrame({"unique_id": ["other"], "ds": pd.to_datetime(["1961-03-01"]), "y": [9999.0]}),
            "The new rows have 1 series that the forecaster was not fitted with, the first is 'other'; it knows 'airline': "
            "leave them out, or fit again with them.",
        ),
        (
            WINTER,
            HOURS[["ds", "y"]][28:29],
            "The new rows of series 'y' begin at 2024-03-31T03:00:00 (UTC), and 8 times are missing between the last value and "
            'that, more than are forecast (2) or given (1): correct it, give the rows between, or allow it with fix=("gaps",).',
        ),
    ],
    ids=["no zone", "a zone too many", "another series", "far away"],
)
def test_rows_that_cannot_be_meant_are_refused(known, rows, sentence):
    with pytest.raises(gw.errors.DataError) as caught:
        extended(gw.read_series(known), rows, horizon=2)
    assert str(caught.value) == sentence


def test_a_single_series_goes_on_without_its_name():
    named = gw.read_series(WINTER.assign(unique_id="north"))
    for rows in (
        [1.0, 2.0],
        np.array([1.0, 2.0]),
        HOURS[["ds", "y"]][20:22],
        HOURS[["ds", "y"]][20:22].assign(unique_id="north"),
    ):
        assert extended(named, rows).lengths.tolist() == [22]
    assert extended(gw.read_series([1.0, 2.0]), pd.Series([3.0], name="sold")).values.tolist() == [1.0, 2.0, 3.0]


def test_gaps_before_the_new_rows_are_said_and_may_be_allowed():
    table = gw.read_series(WINTER)
    longer = extended(table, HOURS[["ds", "y"]][22:24], horizon=1)
    assert (longer.missing, longer.notes[-1]) == (
        2,
        "2 times are missing between the last value of series 'y' and its first new one: masked, not filled in.",
    )
    assert extended(table, HOURS[["ds", "y"]][40:41], ("gaps",)).missing == 20


def test_a_table_in_utc_has_the_same_instants():
    table = gw.read_series(WINTER)
    assert (in_utc(table).zone, in_utc(table).starts[0]) == ("UTC", np.datetime64("2024-03-29T23:00"))
    assert in_utc(in_utc(table)) == in_utc(table)


def test_values_that_a_session_tells_one_after_the_other_cross_a_change_of_the_clock():
    from gatewise.serving.workers.forecaster_work import _rows

    table = gw.read_series(WINTER)
    longer = extended(table, _rows(table, 0, np.arange(20.0, 30.0)))
    assert (utc(longer) == BERLIN[:30].tz_convert("UTC")).all()
