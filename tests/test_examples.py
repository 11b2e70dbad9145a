"""The examples run as they are, each in a process and a folder of its own, and say what they promise to."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def run(name: str, folder: Path) -> str:
    command = [sys.executable, "-W", "error::UserWarning", str(EXAMPLES / name)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_example_that_warned_would_be_seen(tmp_path):
    warning = tmp_path / "warns.py"
    warning.write_text(
        "import warnings, gatewise\nwarnings.warn('no', gatewise.errors.GatewiseWarning, stacklevel=1)\n"
    )
    with pytest.raises(AssertionError, match="GatewiseWarning: no"):
        run(str(warning), tmp_path)


def number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    assert found, text
    return float(found.group(1))


def test_every_example_is_tested_and_short():
    tested = {"airline_ensemble.py", "own_model.py", "stream_stateful.py"}
    assert {path.name for path in EXAMPLES.iterdir()} == tested
    for name in tested:
        assert len((EXAMPLES / name).read_text(encoding="utf-8").splitlines()) <= 60


def test_airline_ensemble(tmp_path):
    out = run("airline_ensemble.py", tmp_path)
    # RMSE of repeating the last value over the last 48 months, from the data alone.
    assert number(r"persistence: ([\d.]+)", out) == pytest.approx(48.04, abs=0.05)
    assert 40 < number(r"median ([\d.]+)", out) < 90


def test_own_model_stops_early_after_being_resumed(tmp_path):
    out = run("own_model.py", tmp_path)
    assert "stopped early: True" in out
    assert out.startswith("epochs 1 to ")
    assert number(r"'val_following_mae': ([\d.]+)", out) < 0.3


def test_stream_stateful_learns_what_only_the_state_can_know(tmp_path):
    out = run("stream_stateful.py", tmp_path)
    # Repeating the last value would be off by 0.16 on average, and a single value does not say whether the wave goes up.
    assert number(r"mean absolute error ([\d.]+)", out) < 0.02
