"""The same numbers wherever series are forecast: here, on a cluster of two processes, and on one that loses a process."""

import os
import signal

import dask.dataframe as dd
import distributed
import numpy as np
import pandas as pd
import pytest

import gatewise as gw
from forecasting.made_series import made_frame
from gatewise.cli.app import run
from gatewise.errors import DataError, EnvironmentFault, UsageError
from gatewise.forecasting.engines import lots
from gatewise.forecasting.engines.lots import Draw, lots_of
from gatewise.forecasting.engines.order import order_of
from gatewise.forecasting.networks.local_networks import LocalNetworks
from gatewise.forecasting.networks.origins import View
from gatewise.forecasting.networks.sequence_networks import SequenceNetworks

LOCAL = LocalNetworks(cell="dense", layout="flat", units=(2,), members=2, epochs=2, look_back=4)
GLOBAL = SequenceNetworks("tiny", View("last"), units=4, steps=4, members=1, dropout=0.0)
ORDER = {"network": [LOCAL, GLOBAL], "baselines": ["Naive", "SeasonalNaive"], "sample": 20}
# What an engine does with rows, and without networks, which are the same numbers on every way there.
QUICK = {**ORDER, "network": []}
FRAME = made_frame(series=40, time=36)


@pytest.fixture(scope="module", autouse=True)
def small_blocks():
    # The draw says how many there are, so the processes need not know.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lots, "SERIES_IN_A_BLOCK", 8)
        yield


@pytest.fixture(scope="module")
def here(small_blocks):
    return gw.forecast(FRAME, 4, **ORDER)


@pytest.fixture(scope="module")
def quick(small_blocks):
    return gw.forecast(FRAME, 4, **QUICK)


@pytest.fixture(scope="module")
def client():
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def shuffled(frame=FRAME, npartitions=5):
    return dd.from_pandas(frame.sample(frac=1, random_state=0), npartitions=npartitions)


def assert_same_bits(given, expected):
    ordered = given.sort_values(["unique_id", "ds"]).reset_index(drop=True).astype({"unique_id": "str"})
    wanted = expected.sort_values(["unique_id", "ds"]).reset_index(drop=True).astype({"unique_id": "str"})
    assert ordered.columns.tolist() == wanted.columns.tolist()
    for name in wanted:
        assert (ordered[name].to_numpy() == wanted[name].to_numpy()).all(), name


def test_a_frame_of_dask_is_forecast_as_here_though_a_process_is_killed_half_way(here, client):
    pids = client.run(os.getpid)
    forecasts = gw.forecast(shuffled(), 4, engine=client, **ORDER)
    assert isinstance(forecasts, dd.DataFrame)
    assert forecasts.npartitions == 5
    forecasts = forecasts.persist()
    futures = distributed.futures_of(forecasts)
    done, left = distributed.wait(futures, return_when="FIRST_COMPLETED")
    assert left
    # The one that holds what has been done, so that it has to be done again.
    victim = client.who_has(list(done))[next(iter(done)).key][0]
    os.kill(pids[victim], signal.SIGKILL)
    assert_same_bits(forecasts.compute(), here)
    client.wait_for_workers(2)
    assert pids[victim] not in client.run(os.getpid).values()


def test_a_folder_of_parquet_files_is_forecast_into_another(quick, client, tmp_path):
    given, made = tmp_path / "sales", tmp_path / "forecasts"
    shuffled().to_parquet(given, write_index=False)
    assert gw.forecast(given, 4, engine=client, out=made, **QUICK) == str(made)
    assert len(list(made.glob("*.parquet"))) == 5
    assert_same_bits(pd.read_parquet(made), quick)
    with pytest.raises(UsageError, match="exists: give a folder that is to be made"):
        gw.forecast(given, 4, engine=client, out=made, **QUICK)


def test_the_command_line_forecasts_from_folder_to_folder_or_to_stdout(quick, client, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DASK_LOGGING__DISTRIBUTED", raising=False)
    shuffled().to_parquet("sales", write_index=False)
    asked = []

    def ordered(horizon, level, sample, options):
        asked.append((horizon, level, sample, options))
        return order_of(horizon, level, 20, {name: QUICK[name] for name in ("network", "baselines")})

    monkeypatch.setattr("gatewise.forecasting.engines.order.order_of", ordered)
    typed = ["forecast", "sales", "--horizon", "4", "--engine", "dask", "--seed", "0"]
    assert run([*typed, "--out", "forecasts"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("On average over 20 series the forecast is ")
    assert said.err.endswith("forecasts: forecasts\n")
    # What processes that it starts read: they keep to themselves what they do.
    assert os.environ["DASK_LOGGING__DISTRIBUTED"] == "error"
    assert_same_bits(pd.read_parquet("forecasts"), quick)
    assert run([*typed, "--level", "80", "--quiet"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.splitlines()[0] == "unique_id,ds,gatewise,gatewise-lo-80,gatewise-hi-80"
    assert len(said.out.splitlines()) == 1 + 40 * 4
    given = {"mode": "fast", "network": None, "network_only": False, "season_length": None, "seed": 0}
    columns = {**dict.fromkeys(["id_col", "time_col", "target_col", "freq"]), "covariates": {}}
    assert asked == [(4, [80.0, 95.0], None, given | columns), (4, [80.0], None, given | columns)]


@pytest.mark.parametrize("sampled", [True, False])
def test_what_is_wrong_in_one_series_arrives_as_a_sentence_that_names_it(client, sampled):
    names = np.array(sorted(FRAME["unique_id"].unique()))
    own = lots_of(names, 0)
    name = names[Draw.of(own, ORDER["sample"]).in_sample(own) == sampled][0]
    wrong = FRAME.astype({"y": str})
    wrong.loc[wrong.index[wrong["unique_id"] == name][7], "y"] = "many"

    def forecast():
        forecasts = gw.forecast(shuffled(wrong), 4, engine=client, **QUICK)
        # Where the series is not in the sample, it is read when its block is computed.
        assert not sampled
        forecasts.compute()

    with pytest.raises(DataError) as caught:
        forecast()
    assert str(caught.value) == (
        f"Series '{name}', in the order of time, row 7 (counted from 0), column 'y' is 'many', which is no number: correct it, "
        "or leave the cell empty if the value is missing."
    )


def test_with_as_many_series_as_the_sample_has_it_is_what_a_forecaster_says():
    few = FRAME[FRAME["unique_id"].isin(["s0", "s1", "s2", "s3", "s4"])]
    table = gw.read_series(few)
    by_lot = table.select(np.argsort(lots_of(table.ids.tolist(), 0)))
    how = {"network": GLOBAL, "baselines": ["Naive", "SeasonalNaive"]}
    expected = gw.Forecaster(4, **how).fit(by_lot).predict()
    assert_same_bits(gw.forecast(few, 4, **how), expected)


def test_the_sample_and_the_blocks_come_from_the_names_alone():
    names = [f"series {number}" for number in range(20_000)]
    own = lots_of(names, seed=3)
    draw = Draw.of(own, sample=500)
    assert draw == Draw.of(np.concatenate([np.unique(own[::2])[:501], np.unique(own[1::2])[:501]]), sample=500)
    assert draw.in_sample(own).sum() == 500
    # 500 of 20,000 say how many there are to about a 22nd.
    assert draw.blocks == pytest.approx(20_000 / 8, rel=0.1)
    counts = np.bincount(draw.block_of(own), minlength=draw.blocks)
    assert len(counts) == draw.blocks
    assert (counts <= draw.rows).mean() > 0.99
    assert not (lots_of(names, seed=4) == own).any()
    assert Draw.of(own[:500], sample=500).in_sample(own).all()


def test_what_cannot_be_meant_is_refused(monkeypatch):
    with pytest.raises(UsageError) as caught:
        gw.forecast(FRAME, 4, minutes=3)
    assert str(caught.value) == (
        "forecast takes no 'minutes': choose among baselines, covariates, fix, format, freq, id_col, mode, network, "
        "network_only, season_length, seed, target_col, time_col."
    )
    with pytest.raises(UsageError) as caught:
        gw.forecast(FRAME, 4, network=lambda shape, outputs: None)
    assert str(caught.value) == (
        "The network '<lambda>' is a function or a class of your own, and code is not sent to other machines: leave it out, or "
        "fit a Forecaster."
    )
    with pytest.raises(UsageError) as caught:
        gw.forecast(FRAME, 4, network=LocalNetworks(head="quantile"))
    assert str(caught.value) == (
        "The network 'local' has the head 'quantile', and the intervals of blocks come from past errors only: take "
        "head='point', or fit a Forecaster."
    )
    with pytest.raises(EnvironmentFault, match=r"x' cannot be made: the folder .* does not exist; create it\.$"):
        gw.forecast(FRAME, 4, out="no/x")
    with pytest.raises(
        DataError, match=r"^'no/x.parquet' cannot be read \(.*no/x.parquet\): give a Parquet file, or a folder"
    ):
        gw.forecast("no/x.parquet", 4, engine="native")
    with pytest.raises(
        UsageError, match=r"^engine is 'sparkle', which is none: give 'dask', 'ray' or 'spark', or a client"
    ):
        gw.forecast(FRAME, 4, engine="sparkle")
    monkeypatch.setattr("gatewise.forecasting.engines.fugue_run._PACKAGES", {"ray": "no_such_package"})
    with pytest.raises(EnvironmentFault, match=r"^The engine 'ray' is not installed: pip install 'fugue\[ray\]'\.$"):
        gw.forecast(FRAME, 4, engine="ray")
    with pytest.raises(UsageError) as caught:
        gw.forecast(dd.from_pandas(FRAME.rename(columns={"y": "sold"}), npartitions=2), 4, engine="native")
    assert str(caught.value) == (
        "The frame has no column 'y'; it has 'unique_id', 'ds', 'sold': name the column by target_col."
    )


def test_a_folder_of_other_files_is_refused_by_the_name_of_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkdir("sales")
    FRAME.to_csv("sales/a.csv", index=False)
    for engine in (None, "native"):
        with pytest.raises(DataError) as caught:
            gw.forecast("sales", 4, engine=engine)
        assert str(caught.value) == (
            "'sales' holds 'a.csv', which is no Parquet file: give a folder of Parquet files, or the path of one table."
        )


def test_duplicates_are_mended_here_and_on_an_engine(tmp_path, capsys):
    twice = pd.concat([FRAME[:72], FRAME[70:72].assign(y=0.0)], ignore_index=True)
    lines = {"network": [], "baselines": ["Drift"], "level": ()}
    expected = gw.forecast(gw.read_series(twice, fix="duplicates-sum"), 4, **lines)
    assert_same_bits(gw.forecast(twice, 4, fix=("duplicates-sum",), **lines), expected)
    frame = dd.from_pandas(twice, npartitions=2)
    mended = gw.forecast(frame, 4, engine="native", fix=("duplicates-sum",), **lines)
    assert_same_bits(mended if isinstance(mended, pd.DataFrame) else mended.compute(), expected)
    with pytest.raises(
        UsageError, match=r"^fix has 'duplicates-last', and rows on an engine have no order: give 'duplicates-mean'"
    ):
        gw.forecast(frame, 4, engine="native", fix="duplicates-last", **lines)
    with pytest.raises(DataError, match=r'make one of them with fix=\("duplicates-mean",\), or "duplicates-sum"\.$'):
        gw.forecast(frame, 4, engine="native", **lines)
    twice.to_parquet(tmp_path / "sales")
    (tmp_path / "fc").mkdir()
    typed = [
        "forecast",
        str(tmp_path / "sales"),
        "--horizon",
        "4",
        "--engine",
        "native",
        "--out",
        str(tmp_path / "fc"),
        "--force",
    ]
    assert run(typed) == 2
    assert capsys.readouterr().err.endswith(
        "fc' exists, and --force replaces no folder: give one that is to be made, or remove that one.\n"
    )
