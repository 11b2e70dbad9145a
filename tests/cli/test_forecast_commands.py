"""``gatewise forecast``, ``backtest``, ``predict`` and ``update``: what is typed, what comes out, what is refused."""

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import gatewise as gw
from gatewise import progress
from gatewise.cli.app import run
from gatewise.evaluation.simple_baselines import Drift, Naive, SeasonalNaive
from gatewise.forecasting import forecaster as room
from gatewise.forecasting import planning
from gatewise.report.spreadsheets import as_csv
from made_backtests import made_table
from terminals import on_a_terminal

AIRLINE = ["forecast", "airline", "--horizon", "12"]
COLUMNS = ["unique_id", "ds", "gatewise", "gatewise-lo-80", "gatewise-hi-80", "gatewise-lo-95", "gatewise-hi-95"]


@pytest.fixture
def typed(capsys, tmp_path, monkeypatch):
    """Run a command line in an empty folder, with baselines alone, which are quick; returns status, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    for module in ("validation", "backtest"):
        monkeypatch.setattr(f"gatewise.forecasting.{module}.networks_for", lambda *_: ())
    monkeypatch.setattr(planning, "usual_baselines", lambda *_, **__: (Naive(), SeasonalNaive(), Drift()))

    def typed(*arguments):
        status = run(arguments)
        said = capsys.readouterr()
        return status, said.out, said.err

    return typed


@pytest.fixture
def sales(tmp_path):
    """Three series in a file whose names are no ordinary ones."""
    table = made_table(names=["=1+1", "north", "-2"])
    table.to_frame().to_csv(tmp_path / "sales.csv", index=False)
    return table


def frame_of(text):
    return pd.read_csv(io.StringIO(text))


class TestForecast:
    def test_the_forecast_is_on_stdout_and_what_it_is_worth_on_stderr(self, typed):
        status, out, err = typed(*AIRLINE)
        frame = frame_of(out)
        assert status == 0
        assert frame.columns.tolist() == COLUMNS
        assert frame["ds"].tolist() == [f"1961-{month:02d}-01" for month in range(1, 13)]
        first, ranking, blank, _, titles, _, *rows = err.splitlines()
        assert re.match(r"(A baseline is better here|gatewise is better|\w+, a baseline, is as good as)", first)
        assert "(Diebold-Mariano test, p" in ranking or ranking.startswith("It was not tested")
        assert (blank, titles.split()[:2]) == ("", ["method", "MASE"])
        assert {row.split()[0] for row in rows if row.strip()} >= {"gatewise", "SeasonalNaive", "Naive", "Drift", "The"}

    def test_it_is_the_forecast_that_python_gives(self, typed, sales):
        _, out, _ = typed("forecast", "sales.csv", "--horizon", "4", "--level", "90", "--seed", "3", "--quiet")
        expected = gw.Forecaster(4, seed=3).fit(sales).predict(level=90)
        assert out == as_csv(expected)

    def test_paths_are_those_that_python_draws_and_a_saved_model_draws_them_again(self, typed, sales, tmp_path):
        paths = ["--paths", "7", "--paths-out"]
        rest = ["--seed", "3", "--model", "model", "--out", "forecast.csv"]
        _, _, err = typed("forecast", "sales.csv", "--horizon", "4", *paths, "paths.csv", *rest)
        assert "paths: paths.csv" in err
        text = (tmp_path / "paths.csv").read_text()
        assert text == as_csv(gw.Forecaster(4, seed=3).fit(sales).simulate(7, seed=3))
        assert len(frame_of(text)) == 3 * 7 * 4
        typed("predict", "model", "--quiet", "--out", "again.csv", *paths, "paths-again.csv")
        assert (tmp_path / "paths-again.csv").read_text() == text
        assert typed("forecast", "sales.csv", "--horizon", "4", *paths, "paths.csv")[2].startswith(
            "error: 'paths.csv' exists"
        )

    def test_names_that_a_spreadsheet_would_run_are_quoted_and_numbers_are_not(self, typed, sales):
        _, out, _ = typed("forecast", "sales.csv", "--horizon", "1", "--quiet")
        assert [line.split(",")[0] for line in out.splitlines()[1:]] == ["'=1+1", "north", "-2"]

    def test_quiet_says_nothing_and_files_are_named_else(self, typed, sales, tmp_path):
        files = ["--out", "f.csv", "--report", "f.html", "--model", "m"]
        status, out, err = typed("forecast", "sales.csv", "--horizon", "2", *files)
        assert (status, out) == (0, "")
        assert [line for line in err.splitlines() if re.match(r"(model|forecast|report): ", line)] == [
            "model: m", "forecast: f.csv", "report: f.html",
        ]  # fmt: skip
        assert frame_of((tmp_path / "f.csv").read_text()).columns.tolist() == COLUMNS
        page = (tmp_path / "f.html").read_text(encoding="utf-8")
        assert "<h1>Forecast of sales.csv</h1>" in page
        lines = err.splitlines()
        assert lines[:3] == [
            "'sales.csv': 3 series of 60 values, freq 'MS', 2020-01-01 to 2024-12-01, 0 missing",
            "- A row is one value: series 'unique_id', time 'ds', value 'y'.",
            "- Column 'ds' is read as %Y-%m-%d, such as '2020-01-01'.",
        ]
        assert lines[5].replace(" %", "\u00a0%") in page
        assert typed("forecast", "sales.csv", "--horizon", "2", *files, "--force", "--quiet") == (0, "", "")

    def test_a_table_comes_down_a_pipe(self, typed, sales, monkeypatch, tmp_path):
        expected = typed("forecast", "sales.csv", "--horizon", "2", "--quiet")
        with open("sales.csv", "rb") as file:
            monkeypatch.setattr("sys.stdin", io.TextIOWrapper(file))
            found = typed("forecast", "-", "--horizon", "2", "--quiet", "--report", "p.html")
        assert found == expected
        assert "<h1>Forecast of standard input</h1>" in (tmp_path / "p.html").read_text(encoding="utf-8")

    def test_json_holds_everything(self, typed, sales):
        status, out, err = typed("forecast", "sales.csv", "--horizon", "2", "--json", "--level", "50")
        found = json.loads(out)
        assert (status, err) == (0, "")
        assert (found["data"], found["freq"], found["horizon"], found["level"]) == ("sales.csv", "MS", 2, [50.0])
        assert found["forecast"][0].keys() == {"unique_id", "ds", "gatewise", "gatewise-lo-50", "gatewise-hi-50"}
        assert [row["unique_id"] for row in found["forecast"][::2]] == ["=1+1", "north", "-2"]
        assert found["forecast"][0]["ds"] == "2025-01-01"
        assert found["scores"][0]["mase"] == min(row["mase"] for row in found["scores"])
        assert sum(found["weights"].values()) == pytest.approx(1)
        assert found["seconds"].keys() == {"reading the table", "choosing and training", "forecasting"}

    def test_series_too_short_for_cutoffs_are_forecast_and_it_is_said(self, typed, tmp_path):
        (tmp_path / "short.csv").write_text("ds,y\n2024-01-01,1\n2024-02-01,2\n2024-03-01,3\n")
        status, out, err = typed("forecast", "short.csv", "--horizon", "3", "--report", "p.html")
        assert status == 0
        assert len(frame_of(out)) == 3
        assert err.splitlines()[4] == (
            "The series are too short for forecasts from past cutoffs: what this forecast is worth is not known."
        )

    @pytest.mark.parametrize(
        ("arguments", "status", "sentence"),
        [
            (["forecast", "sales.csv"], 2, "Missing option '--horizon': see 'gatewise forecast --help'."),
            (["forecast", "sales.csv", "--horizon", "0"], 2, "--horizon is 0: give a whole number of at least 1."),
            (
                ["forecast", "sales.csv", "--horizon", "2", "--target-col", "sold"],
                3,
                "'sales.csv' has no column 'sold' (--target-col); it has 'unique_id', 'ds', 'y': choose one of them.",
            ),
            (
                ["forecast", "sales.csv", "--horizon", "2", "--out", "sales.csv", "--force"],
                2,
                "--out 'sales.csv' is the file that is read: give another name.",
            ),
            (
                ["forecast", "sales.csv", "--horizon", "2", "--out", "x", "--report", "x"],
                2,
                "--out and --report are the same file 'x': give two names.",
            ),
            (
                ["forecast", "sales.csv", "--horizon", "2", "--out", "there.csv"],
                2,
                "'there.csv' exists: give another name, or --force to overwrite it.",
            ),
            (["forecast", "airlines", "--horizon", "2"], 3, "There is no file 'airlines': give the path of a table."),
            (
                ["backtest", "sales.csv", "--horizon", "2", "--refit", "never"],
                2,
                "--refit is 'never': give 'every', 'first', or a whole number of at least 1.",
            ),
            (
                ["backtest", "sales.csv", "--horizon", "20", "--n-windows", "80"],
                3,
                "The longest series has 60 values, and 80 windows with --step-size 1 and --horizon 20 need 102: give longer "
                "series, or smaller numbers.",
            ),
            (
                ["predict", "there.csv"],
                4,
                "there.csv is refused: it is a file, not a folder that gw.save wrote. Give the folder.",
            ),
            (["predict", "none"], 4, "none is refused: there is no such folder. Check the path."),
            (
                ["forecast", "sales.csv", "--horizon", "2", "--engine", "dask", "--report", "page.html"],
                2,
                "--report is for one machine: leave it out, or leave out --engine.",
            ),
            (
                ["forecast", "sales.csv", "--horizon", "2", "--engine", "dask", "--out", "there.csv"],
                2,
                "'there.csv' exists: give a folder that is to be made, or remove that one.",
            ),
        ],
    )
    def test_refusals(self, typed, sales, tmp_path, arguments, status, sentence):
        (tmp_path / "there.csv").write_text("old")
        found, out, err = typed(*arguments)
        assert (found, out) == (status, "")
        assert err.splitlines()[-1] == f"error: {sentence}"
        assert "Traceback" not in err
        assert (tmp_path / "there.csv").read_text() == "old"

    def test_what_cannot_be_written_is_refused_before_the_work(self, typed, sales, monkeypatch, tmp_path):
        monkeypatch.setattr(room.Forecaster, "fit", lambda *_, **__: pytest.fail("trained"))
        (tmp_path / "m").mkdir()
        (tmp_path / "m" / "letter.txt").write_text("mine")
        status, _, err = typed("forecast", "sales.csv", "--horizon", "2", "--model", "m", "--force")
        assert (status, "letter.txt" in err) == (2, True)
        assert typed("forecast", "sales.csv", "--horizon", "2", "--out", "none/f.csv")[0] == 5

    def test_ctrl_c_leaves_what_was_there(self, typed, sales, monkeypatch, tmp_path):
        def interrupted(*_, **__):
            raise KeyboardInterrupt

        monkeypatch.setattr(room.Forecaster, "fit", interrupted)
        (tmp_path / "f.csv").write_text("old")
        status, out, err = typed("forecast", "sales.csv", "--horizon", "2", "--out", "f.csv", "--force")
        assert (status, out, err.splitlines()[-1]) == (130, "", "interrupted")
        assert (tmp_path / "f.csv").read_text() == "old"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["f.csv", "sales.csv"]

    @pytest.mark.parametrize("lost", ["caught", "printed"])
    def test_ctrl_c_that_went_nowhere_counts_at_the_next_step(self, typed, sales, monkeypatch, lost):
        class Pressing:
            def __del__(self):
                signal.raise_signal(signal.SIGINT)

        def fit(self, table, progress):
            with contextlib.suppress(KeyboardInterrupt):
                if lost == "caught":
                    signal.raise_signal(signal.SIGINT)
                Pressing()
            progress(0.5, "baselines")
            pytest.fail("went on")

        monkeypatch.setattr(room.Forecaster, "fit", fit)
        status, out, err = typed("forecast", "sales.csv", "--horizon", "2")
        assert (status, out, err.splitlines()[-1]) == (130, "", "interrupted")

    def test_the_bar_says_what_is_done(self, typed, monkeypatch):
        assert progress.SILENT_FOR == 1.0
        monkeypatch.setattr(progress, "SILENT_FOR", 0.0)
        with on_a_terminal() as seen:
            assert run([*AIRLINE, "--out", "f.csv"]) == 0
        assert "SeasonalNaive" in seen[0]


class TestBacktest:
    def test_the_table_is_on_stdout_and_the_forecasts_in_the_file(self, typed, sales, tmp_path):
        arguments = ["--horizon", "3", "--n-windows", "4", "--step-size", "2", "--level", "80"]
        status, out, err = typed("backtest", "sales.csv", *arguments, "--out", "b.csv", "--report", "b.html")
        said = err.splitlines()
        assert (status, said[1], said[-2:]) == (
            0,
            "- A row is one value: series 'unique_id', time 'ds', value 'y'.",
            ["forecasts: b.csv", "report: b.html"],
        )
        assert " from 4 past cutoffs " in out.splitlines()[0]
        frame = pd.read_csv(tmp_path / "b.csv")
        assert frame.columns.tolist()[:5] == ["unique_id", "ds", "cutoff", "y", "gatewise"]
        assert len(frame) == 3 * 4 * 3
        assert sorted(frame["cutoff"].unique()) == ["2024-03-01", "2024-05-01", "2024-07-01", "2024-09-01"]
        assert "<h1>Backtest of sales.csv</h1>" in (tmp_path / "b.html").read_text(encoding="utf-8")

    def test_json(self, typed, sales):
        status, out, err = typed("backtest", "sales.csv", "--horizon", "2", "--json", "--refit", "3")
        found = json.loads(out)
        assert (status, err) == (0, "")
        assert (found["windows"], found["n_windows"], found["refit"], found["level"]) == (8, 8, 3, [80.0, 95.0])
        assert {row["method"] for row in found["scores"]} == {"gatewise", "Naive", "SeasonalNaive", "Drift"}
        assert len(found["conclusion"]) == 2


class TestSavedModels:
    @pytest.fixture
    def model(self, typed, sales):
        assert typed("forecast", "sales.csv", "--horizon", "4", "--model", "m", "--quiet")[0] == 0
        return "m"

    def later(self, tmp_path, sales):
        """One more month of two of the series."""
        (tmp_path / "june.csv").write_text("unique_id,ds,y\nnorth,2025-01-01,7\n-2,2025-01-01,9\n")

    def test_a_model_forecasts_what_it_forecast_when_it_was_made(self, typed, model):
        again = typed("forecast", "sales.csv", "--horizon", "4", "--quiet")
        assert typed("predict", model) == again
        shorter = frame_of(typed("predict", model, "--horizon", "2", "--level", "80")[1])
        assert shorter.columns.tolist() == COLUMNS[:5]
        assert len(shorter) == 6

    def test_later_values_count_for_one_forecast_or_for_good(self, typed, model, tmp_path, sales):
        self.later(tmp_path, sales)
        before = typed("predict", model)
        seen = typed("predict", model, "june.csv")
        assert seen != before
        assert typed("predict", model) == before
        status, out, err = typed("update", model, "june.csv", "--out", "m2")
        assert (status, out) == (0, "")
        said, _, last = err.partition("\n\n")
        assert said.startswith(
            "'june.csv': 2 series of 1 value, freq 'MS', 2025-01-01 to 2025-01-01, 0 missing\n- A row is"
        )
        assert last == "model: m2, 3 series of 60 to 61 values, freq 'MS', 2020-01-01 to 2025-01-01, 0 missing\n"
        assert typed("predict", model) == before
        assert typed("predict", "m2")[:2] == seen[:2]
        assert typed("update", model, "june.csv", "--quiet") == (0, "", "")
        assert typed("predict", model)[:2] == seen[:2]
        frame = frame_of(seen[1])
        np.testing.assert_array_equal(frame.groupby("unique_id")["ds"].min().loc["north"], "2025-02-01")

    def test_months_that_are_not_there_are_said_and_too_many_refused(self, typed, model, tmp_path):
        (tmp_path / "later.csv").write_text("unique_id,ds,y\nnorth,2025-03-01,7\n")
        note = "- 2 times are missing between the last value of series 'north' and its first new one: masked, not filled in."
        for command in (["predict", model, "later.csv"], ["update", model, "later.csv", "--out", "m2"]):
            assert note in typed(*command)[2].splitlines()
        (tmp_path / "far.csv").write_text("unique_id,ds,y\nnorth,2030-01-01,7\n")
        assert typed("predict", model, "far.csv") == (
            3,
            "",
            "error: The new rows of series 'north' begin at 2030-01-01, and 60 times are missing between the last value and "
            "that, more than are forecast (4) or given (1): correct it, give the rows between, or allow it with --fix gaps.\n",
        )
        assert typed("predict", model, "far.csv", "--fix", "gaps", "--quiet")[::2] == (0, "")

    def test_a_terminal_sees_what_takes_a_second(self, typed, model, tmp_path, sales, monkeypatch):
        self.later(tmp_path, sales)
        monkeypatch.setattr("gatewise.progress.SILENT_FOR", 0.0)
        with on_a_terminal() as seen:
            assert run(["predict", model, "june.csv"]) == 0
        assert "reading m " in seen[0]
        assert "baseline Drift" in seen[0]
        with on_a_terminal() as seen:
            assert run(["update", model, "june.csv", "--out", "m2"]) == 0
        assert "saving m2" in seen[0]
        with on_a_terminal() as seen:
            assert run(["predict", model, "--quiet"]) == 0
        assert seen == [""]

    def test_values_that_do_not_follow_are_refused_and_the_model_stays(self, typed, model, tmp_path):
        before = typed("predict", model)
        (tmp_path / "old.csv").write_text("unique_id,ds,y\nnorth,2024-12-01,7\n")
        status, out, err = typed("update", model, "old.csv")
        assert (status, out) == (3, "")
        assert "'north'" in err
        assert typed("predict", model) == before

    def test_json_and_files(self, typed, model, tmp_path):
        found = json.loads(typed("predict", model, "--json")[1])
        assert (found["model"], found["freq"], len(found["forecast"])) == ("m", "MS", 12)
        assert typed("predict", model, "--out", "p.csv") == (0, "", "forecast: p.csv\n")
        assert typed("predict", model, "--out", "p.csv")[0] == 2

    def test_a_model_of_another_kind_is_refused_with_those_that_are_taken(self, typed, tmp_path):
        from gatewise.artifact import write_folder

        write_folder(tmp_path / "e", {"kind": "ensemble"}, {"a": np.zeros(1)})
        assert typed("predict", "e")[::2] == (
            2,
            "error: 'e' is of the kind 'ensemble', and gatewise predict takes 'forecaster' or 'text-classifier': give such a "
            "model, or load it in Python with gatewise.load.\n",
        )
        assert typed("update", "e", "june.csv")[0] == 2

    def test_options_about_a_file_need_one(self, typed, model):
        assert typed("predict", model, "--freq", "D") == (
            2,
            "",
            "error: Options about columns and format are about later values: give a FILE behind the model.\n",
        )


def test_cells_of_csv():
    frame = pd.DataFrame({"=a": ["+x", "@y", "-z", "+49", "-1.5e3", "a=b"], "y": [1e-7, -2.5, np.nan, 1e15, 0.1, 3.0]})
    assert as_csv(frame) == ("'=a,y\n'+x,1e-07\n'@y,-2.5\n'-z,\n+49,1e+15\n-1.5e3,0.1\na=b,3\n")


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGINT to send")
def test_ctrl_c_in_the_middle_of_the_training(tmp_path):
    command = [sys.executable, "-m", "gatewise", *AIRLINE, "--mode", "best", "--out", "f.csv", "--model", "m"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as running:
        try:
            with pytest.raises(subprocess.TimeoutExpired):
                running.wait(4)
            running.send_signal(signal.SIGINT)
            _, err = running.communicate(timeout=60)
        finally:
            running.kill()
    assert (running.returncode, err) == (130, "interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_the_shipped_series_end_to_end(tmp_path):
    command = [sys.executable, "-m", "gatewise", *AIRLINE, "--report", "f.html", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    found = json.loads(done.stdout)
    rmse = {row["method"]: row["rmse"] for row in found["scores"]}
    assert rmse["gatewise"] < min(rmse["SeasonalNaive"], rmse["ETS"])
    assert found["conclusion"][0] in (tmp_path / "f.html").read_text(encoding="utf-8").replace("\u00a0", " ")
