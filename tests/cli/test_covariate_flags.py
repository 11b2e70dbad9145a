"""Covariates on the command line: which flags name them, and where what is known in advance comes from."""

import io
import json

import numpy as np
import pandas as pd
import pytest

from forecasting.made_covariates import made_explained, without_values
from gatewise.cli.app import run
from gatewise.evaluation.simple_baselines import SeasonalNaive
from gatewise.forecasting import planning
from gatewise.forecasting.classical.regression import Regression

HORIZON = 4
FLAGS = ["--target-col", "y", "--id-col", "unique_id", "--future", "promo", "--past", "lead"]


@pytest.fixture
def typed(capsys, tmp_path, monkeypatch):
    """Run a command line beside files of series, with a regression alone; returns status, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(planning, "usual_baselines", lambda *_, **__: (SeasonalNaive(), Regression()))
    monkeypatch.setattr("gatewise.forecasting.validation.networks_for", lambda *_: ())
    monkeypatch.setattr("gatewise.forecasting.backtest.networks_for", lambda *_: ())
    whole = made_explained(ahead=HORIZON)
    last = whole.groupby("unique_id").cumcount(ascending=False) < HORIZON
    without_values(whole, HORIZON).to_csv("whole.csv", index=False)
    whole[~last].to_csv("known.csv", index=False)
    whole[last].to_csv("later.csv", index=False)
    whole[last][["unique_id", "ds", "promo"]].to_csv("plan.csv", index=False)

    def typed(*arguments):
        status = run(arguments)
        said = capsys.readouterr()
        return status, said.out, said.err

    return typed


def test_rows_below_the_last_value_or_in_a_file_of_their_own(typed, tmp_path):
    below = typed("forecast", "whole.csv", "--horizon", "4", *FLAGS, "--quiet")
    beside = typed("forecast", "known.csv", "--horizon", "4", *FLAGS, "--future-rows", "plan.csv", "--quiet")
    assert below == beside
    assert len(below[1].splitlines()) == 9
    files = ["--model", "m", "--report", "r.html", "--json"]
    status, out, _ = typed("forecast", "whole.csv", "--horizon", "4", *FLAGS, *files)
    assert status == 0
    found = json.loads(out)
    assert found["covariates"] == ["promo", "lead"]
    assert "Of the baselines, Regression uses 'promo', 'lead'" in " ".join(found["explanation"])
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "promo, lead" in page
    assert typed("predict", "m", "--quiet")[1] == below[1]
    given = typed("predict", "m", "--future-rows", "plan.csv", "--horizon", "2", "--quiet")[1]
    assert given.splitlines() == [line for row, line in enumerate(below[1].splitlines()) if row in (0, 1, 2, 5, 6)]


def test_later_values_bring_their_covariates(typed):
    assert typed("forecast", "known.csv", "--horizon", "4", *FLAGS, "--future-rows", "plan.csv", "--model", "m")[0] == 0
    assert typed("update", "m", "later.csv", "--quiet") == (0, "", "")
    status, out, err = typed("predict", "m")
    assert (status, out) == (3, "")
    assert err == (
        "error: Series 's0' (the first of 2 such series) has no 'promo' for 2021-05-01 to 2021-08-01, and a forecast of 4 "
        "steps needs them: give rows for these times with --future-rows, or below its last value with an empty value.\n"
    )


def test_what_is_missing_is_said_before_the_work(typed):
    status, out, err = typed("forecast", "known.csv", "--horizon", "4", *FLAGS)
    assert (status, out) == (3, "")
    assert err.startswith("error: Series 's0' (the first of 2 such series) has no 'promo' for 2021-01-01 to 2021-04-01")


def test_a_backtest_with_covariates(typed, tmp_path):
    flags = [*FLAGS, "--static", "area", "--n-windows", "4", "--out", "b.csv", "--check-leaks", "--report", "b.html"]
    status, _, err = typed("backtest", "known.csv", "--horizon", "4", *flags)
    assert status == 0, err
    frame = pd.read_csv(io.StringIO((tmp_path / "b.csv").read_text()))
    errors = [np.abs(np.log(frame["y"] / frame[name])).mean() for name in ("Regression", "SeasonalNaive")]
    assert errors[0] < 0.5 * errors[1]
    assert "promo, lead" in (tmp_path / "b.html").read_text(encoding="utf-8")
