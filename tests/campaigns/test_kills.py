"""Short versions of the campaigns that kill trainings and saves; the long ones are run by hand, see docs/reliability.md."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

linux = pytest.mark.skipif(sys.platform != "linux", reason="the system calls are Linux's")


def ran(name, *arguments):
    """Run a campaign in a process of its own, which forks; return what it found."""
    command = [sys.executable, Path(__file__).with_name(name), *arguments, "--short"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    if done.stderr.startswith("strace is not"):
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    return json.loads("[" + done.stdout.replace("}\n{", "},{") + "]")


@linux
def test_a_killed_training_is_resumed_bit_for_bit():
    (found,) = ran("training_kills.py", "--kills", "3", "--seed", "2")
    assert (found["kills"], found["differing"], found["strays"]) == (3, 0, 0)
    assert found["with_a_checkpoint"] > 0, "no kill came after a checkpoint"


@linux
def test_saves_are_cut_off_at_random_moments():
    (found,) = ran("save_kills.py", "--kills", "60")
    assert (found["kills"], found["strays_after_next"]) == (60, 0)
    assert sum(found["left_something"].values()) > 0, "no kill came in the middle of a save"


@linux
def test_saves_are_cut_off_at_system_calls():
    (found,) = ran("save_kills.py", "--calls")
    killed = found["killed"]["exchange"]
    assert killed["points"] > 10
    assert killed["old"] > 0 < killed["new"]
    assert killed["strays_after_next"] == 0
    assert found["failed_calls_survived"]["ENOSPC, exchange"] > 10
