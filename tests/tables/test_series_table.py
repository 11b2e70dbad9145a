"""The table of series: its flat arrays against loops over the series, and what its methods refuse."""

import numpy as np
import pandas as pd
import pytest

import gatewise as gw

LENGTHS = (5, 1, 12, 3, 8)


@pytest.fixture(scope="module")
def table():
    generator = np.random.default_rng(1)
    frames = [
        pd.DataFrame(
            {
                "unique_id": f"s{number}",
                "ds": pd.date_range(f"20{10 + number}-03-01", periods=length, freq="MS"),
                "y": np.where(generator.random(length) < 0.2, np.nan, generator.standard_normal(length)),
                "price": generator.random(length),
                "heat": generator.random(length),
                "area": f"area {number % 2}",
            }
        )
        for number, length in enumerate(LENGTHS)
    ]
    frame = pd.concat(frames)
    frame.loc[frame.groupby("unique_id").tail(1).index, "y"] = 1.0
    return gw.read_series(frame, covariates={"future": ["price"], "past": ["heat"], "static": ["area"]})


def test_iteration_and_lookup_give_each_series(table):
    assert [series.id for series in table] == table.ids.tolist() == [f"s{number}" for number in range(5)]
    for number, series in enumerate(table):
        part = slice(table.offsets[number], table.offsets[number + 1])
        np.testing.assert_array_equal(series.values, table.values[part])
        np.testing.assert_array_equal(series.observed, ~np.isnan(series.values))
        assert series.times[0] == table.starts[number]
        np.testing.assert_array_equal(table.series(series.id).values, series.values)
    with pytest.raises(gw.errors.DataError) as caught:
        table.series("x")
    assert str(caught.value) == "There is no series 'x'; there are 's0', 's1', 's2', 's3', 's4': choose one of them."


@pytest.mark.parametrize("length", [1, 4, 20, None])
def test_stacked_is_a_loop_over_the_series(table, length):
    values, observed = table.stacked(length)
    length = max(LENGTHS) if length is None else length
    expected = np.full((len(table), length), np.nan)
    for row, series in zip(expected, table, strict=True):
        last = series.values[-length:]
        row[length - len(last) :] = last
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(observed, ~np.isnan(expected))


@pytest.mark.parametrize("length", [1, 3, 100])
def test_tail_is_a_loop_over_the_series(table, length):
    for last, series in zip(table.tail(length), table, strict=True):
        np.testing.assert_array_equal(last.values, series.values[-length:])
        np.testing.assert_array_equal(last.times, series.times[-length:])
    np.testing.assert_array_equal(table.tail(length).ends, table.ends)


def test_select_takes_everything_along(table):
    chosen = table.select([3, 0])
    frame = table.to_frame()
    expected = pd.concat([frame[frame.unique_id == "s3"], frame[frame.unique_id == "s0"]])
    pd.testing.assert_frame_equal(chosen.to_frame(), expected.reset_index(drop=True))
    assert chosen.static["area"].tolist() == ["area 1", "area 0"]


def test_a_frame_read_again_is_the_same_table(table):
    again = gw.read_series(table.to_frame(), covariates={"future": ["price"], "past": ["heat"], "static": ["area"]})
    assert again == table
    assert table != gw.read_series(table.to_frame())
    assert table != table.select([0, 1])
    assert table != "a table"
    with pytest.raises(TypeError):
        hash(table)


@pytest.mark.parametrize("field", ["values", "starts", "ids", "ahead_offsets"])
def test_a_table_with_one_other_number_is_another(table, field):
    import dataclasses

    array = getattr(table, field).copy()
    array[-1] = "x" if field == "ids" else array[-1] + 1
    assert dataclasses.replace(table, **{field: array}) != table
    assert dataclasses.replace(table, notes=()) == table


def test_its_summary(table):
    assert repr(table) == (
        f"SeriesTable(5 series of 1 to 12 values, freq 'MS', 2010-03-01 to 2014-10-01, {table.missing} missing)"
    )


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda t: t.tail(0), gw.errors.UsageError, "length is 0: give a whole number of at least 1."),
        (lambda t: t.stacked(2.5), gw.errors.UsageError, "length is 2.5: give a whole number of at least 1."),
        (lambda t: t.times_after(True), gw.errors.UsageError, "horizon is True: give a whole number of at least 1."),
        (lambda t: t.refuse_short(0, 1), gw.errors.UsageError, "look_back is 0: give a whole number of at least 1."),
        (
            lambda t: t.refuse_short(4, 2),
            gw.errors.DataError,
            "Series 's0' (the first of 3 such series) has 5 values, and look_back=4 with horizon=2 needs at least 6: give "
            "longer series, or smaller numbers.",
        ),
        (
            lambda t: t.categories("price"),
            gw.errors.UsageError,
            "There is no static covariate 'price'; there are 'area': choose one of them.",
        ),
    ],
)
def test_refusals(table, call, error, sentence):
    with pytest.raises(error) as caught:
        call(table)
    assert str(caught.value) == sentence


def test_without_a_frequency_there_is_no_time_after():
    table = gw.read_series(pd.DataFrame({"ds": ["2024-01-01"], "y": [1.0]}))
    with pytest.raises(gw.errors.DataError) as caught:
        table.times_after(1)
    assert str(caught.value) == "The step of the series is not known, as each has one value: read them with freq."


def test_ten_thousand_series_of_any_length_without_a_loop():
    # Lengths from 1 to 40: what is stacked has to be what is in each series, wherever it begins.
    lengths = np.arange(10_000) % 40 + 1
    frame = pd.DataFrame(
        {"id": np.repeat(np.arange(10_000), lengths), "ds": np.concatenate([np.arange(n) for n in lengths])}
    )
    frame["y"] = frame["id"] * 100.0 + frame["ds"]
    table = gw.read_series(frame)
    values, observed = table.stacked(3)
    assert table.ids.dtype == np.int64
    np.testing.assert_array_equal(observed.sum(axis=1), np.minimum(lengths, 3))
    np.testing.assert_array_equal(values[:, -1], np.arange(10_000) * 100.0 + lengths - 1)
