"""Covariates through blocks: the same numbers wherever the rows are, and a sentence of the series that lacks one."""

from dataclasses import replace

import dask.dataframe as dd
import distributed
import numpy as np
import pandas as pd
import pytest

import gatewise as gw
from forecasting.made_covariates import COVARIATES, made_explained, without_values
from gatewise.cli.app import run
from gatewise.errors import DataError, UsageError
from gatewise.forecasting.covariates import texts_of
from gatewise.forecasting.engines import lots
from gatewise.forecasting.engines.order import order_of
from gatewise.forecasting.engines.rows import IN_ADVANCE, read_rows, rows_of, with_texts
from gatewise.forecasting.networks.local_networks import LocalNetworks
from gatewise.forecasting.networks.origins import View
from gatewise.forecasting.networks.sequence_networks import SequenceNetworks
from gatewise.forecasting.panel import Panel

pytestmark = pytest.mark.usefixtures("quickly_compiled")

HORIZON = 4
LOCAL = LocalNetworks(cell="dense", layout="flat", units=(2,), members=2, epochs=2, look_back=4)
GLOBAL = SequenceNetworks("tiny", View("last", lags=4), units=2, steps=2, members=1, dropout=0.0)
LINES = {"network": [], "baselines": ["Naive", "Regression"], "sample": 6, "covariates": COVARIATES}
FRAME = without_values(made_explained(series=10, time=36, ahead=HORIZON), HORIZON)
PLAIN = {"unique_id": "str", "ds": "datetime64[ns]"}
PAST = FRAME.groupby("unique_id").head(36)
# With times that have a value, which have no part in it.
PLAN = FRAME.groupby("unique_id").tail(HORIZON + 6)[["unique_id", "ds", "promo"]]


@pytest.fixture(scope="module", autouse=True)
def small_blocks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lots, "SERIES_IN_A_BLOCK", 5)
        yield


@pytest.fixture(scope="module")
def lines(small_blocks):
    return gw.forecast(FRAME, HORIZON, **LINES)


def shuffled(frame):
    return dd.from_pandas(frame.sample(frac=1, random_state=0), npartitions=3)


def in_order(forecasts):
    return forecasts.sort_values(["unique_id", "ds"], ignore_index=True).astype(PLAIN)


def assert_same_bits(given, expected):
    pd.testing.assert_frame_equal(in_order(given), in_order(expected), check_exact=True)


def test_networks_of_blocks_know_what_explains_their_series_and_nothing_of_the_others():
    order = {**LINES, "network": [LOCAL, GLOBAL]}
    here = in_order(gw.forecast(FRAME, HORIZON, level=(), **order))
    first, last = FRAME["unique_id"] == "s0", FRAME["y"].isna()
    other = FRAME.assign(promo=FRAME["promo"].where(~(first & last), 1.0 - FRAME["promo"]))
    moved = in_order(gw.forecast(other, HORIZON, level=(), engine="native", **order))
    there = here["unique_id"] == "s0"
    assert (moved["gatewise"][there] != here["gatewise"][there]).all()
    # The rows went through the engine, and the forecasts of the other series are the same bits.
    assert_same_bits(moved[~there], here[~there])


def test_what_is_known_in_advance_may_come_from_elsewhere(lines, tmp_path):
    sales, plan = tmp_path / "sales", tmp_path / "plan"
    for folder, frame in ((sales, PAST), (plan, PLAN)):
        shuffled(frame).to_parquet(folder, write_index=False)
    PLAN.to_csv(tmp_path / "plan.csv", index=False)
    for data, future, engine in (
        (PAST, PLAN, None),
        (sales, plan, None),
        (PAST, PLAN, "native"),
        (sales, tmp_path / "plan.csv", "native"),
    ):
        assert_same_bits(gw.forecast(data, HORIZON, future=future, engine=engine, **LINES), lines)


def test_frames_of_dask_are_forecast_as_here(lines):
    with distributed.Client(processes=False, dashboard_address=None) as client:
        # Without a client it is the engine of the frame.
        for data, future, engine in ((shuffled(PAST), shuffled(PLAN), client), (shuffled(PAST), PLAN, None)):
            given = gw.forecast(data, HORIZON, engine=engine, future=future, **LINES)
            assert isinstance(given, dd.DataFrame)
            assert_same_bits(given.compute(), lines)


def test_the_command_line_names_columns_and_plans(lines, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    PAST.to_csv("sales.csv", index=False)
    PLAN.to_csv("plan.csv", index=False)
    quick = {name: LINES[name] for name in ("network", "baselines")}
    monkeypatch.setattr(
        "gatewise.forecasting.engines.order.order_of", lambda *asked: order_of(HORIZON, [80.0, 95.0], 6, quick)
    )
    columns = ["--target-col", "y", "--future", "promo", "--past", "lead", "--static", "area"]
    files = ["--future-rows", "plan.csv", "--out", "forecasts"]
    assert run(["forecast", "sales.csv", "--horizon", "4", "--engine", "native", *columns, *files]) == 0
    assert "Of the baselines, Regression uses 'promo', 'lead'" in capsys.readouterr().err
    assert_same_bits(pd.read_parquet("forecasts"), lines)


def small_frame():
    return pd.DataFrame(
        {
            "unique_id": ["a"] * 5 + ["b"] * 5 + ["c"] * 4,
            "ds": [1, 2, 4, 5, 6, 3, 4, 5, 6, 7, 4, 5, 6, 7],
            "y": [1.0, 2, 4, None, None, 3, None, 5, None, None, 1, 2, 3, None],
            "promo": [0.0, 1, 0, 1, 2, 5, 6, 7, 8, 8, 9, 9, 9, 9],
            "lead": [0.1, 0.2, 0.4, None, None, 0.3, 0.4, 0.5, None, None, 1, 2, 3, None],
            # Numbers, for all that a block with a and c would show.
            "area": ["10"] * 5 + ["north"] * 5 + ["20"] * 4,
        }
    )


def test_the_rows_of_a_table_are_read_back_as_it_is_and_a_text_stays_one():
    table = gw.read_series(with_texts(small_frame(), ["area"]), target_col="y", covariates=COVARIATES)
    rows = rows_of(table)
    # Time 3 of series a was left out, and is a row without a value.
    assert rows["ds"].tolist() == [1, 2, 3, 4, 5, 6, 3, 4, 5, 6, 7, 4, 5, 6, 7]
    mixed = rows.sample(frac=1, random_state=1)
    again = read_rows(mixed, 1, COVARIATES, horizon=1)
    filled = table.future.values.copy()
    filled[2] = 1.0
    assert again == replace(table, future=table.future._replace(values=filled))
    known = Panel.of(table, ahead=1).covariates
    block = read_rows(mixed[mixed["unique_id"] != "b"], 1, COVARIATES, horizon=1)
    alone = Panel.of(block, ahead=1, texts=texts_of(table)).covariates
    np.testing.assert_array_equal(alone.static, known.static[[0, 2]])
    np.testing.assert_array_equal(alone.future, known.future[[0, 2]])
    assert (alone.names, alone.static.tolist()) == (known.names, [[1, 0, 0], [0, 1, 0]])


def in_advance(**columns):
    rows = {"unique_id": ["a", "a"], "ds": [5, 6], "promo": [1.0, 2.0], "y": 0.0, "lead": 0.0, "area": ""}
    return pd.DataFrame({**rows, **columns, IN_ADVANCE: True})


@pytest.mark.parametrize(
    ("horizon", "advance", "sentence"),
    [
        (
            2,
            in_advance(),
            "Series 'c' has no 'promo' for 8, and a forecast of 2 steps needs them: give rows for these times with future, or "
            "below its last value with an empty value.",
        ),
        (
            1,
            in_advance(unique_id=["a", "z"]),
            "Rows in advance are given for series 'z', which has no values: leave them out.",
        ),
        (
            1,
            in_advance(promo=["1", "much"]),
            "Series 'a', its rows in advance in the order of time, row 1 (counted from 0), column 'promo' is 'much', which is "
            "no number: correct it, or leave the cell empty if the value is missing.",
        ),
    ],
)
def test_what_a_worker_lacks_is_said_of_a_series(horizon, advance, sentence):
    rows = pd.concat([small_frame().assign(**{IN_ADVANCE: False}), advance])
    with pytest.raises(DataError) as caught:
        read_rows(rows, 1, COVARIATES, horizon)
    assert str(caught.value) == sentence


def test_columns_that_are_not_there_are_refused():
    with pytest.raises(UsageError) as caught:
        gw.forecast(shuffled(PAST), HORIZON, engine="native", **{**LINES, "covariates": {"future": ["price"]}})
    assert str(caught.value) == (
        "The frame has no column 'price'; it has 'unique_id', 'ds', 'y', 'promo', 'lead', 'area': name the column by "
        "covariates['future']."
    )
    with pytest.raises(UsageError) as caught:
        gw.forecast(shuffled(PAST), HORIZON, engine="native", future=PLAN, **{**LINES, "covariates": {}})
    assert str(caught.value) == (
        "Rows with what is known in advance were given, and no column is named to be: name them with covariates."
    )
    with pytest.raises(UsageError) as caught:
        gw.read_series(shuffled(PAST))
    assert str(caught.value) == (
        "source is a DataFrame of dask, which lies elsewhere: forecast it where it is with gatewise.forecast, or bring it here "
        "as a frame of pandas."
    )
