"""Short versions of the fuzzing campaigns, with inputs that the long ones have, too; see docs/reliability.md."""

import subprocess
import sys
from pathlib import Path

import fuzz_tables
import fuzz_texts
import pytest
from fuzzing import Campaign, smaller_bytes


@pytest.mark.parametrize(("campaign", "inputs"), [(fuzz_tables, 500), (fuzz_texts, 300)], ids=["tables", "texts"])
def test_whatever_is_given_is_read_or_refused_in_a_sentence(campaign, inputs):
    found, faults = campaign.CAMPAIGN.run(0, inputs)
    assert faults == []
    assert found["inputs"] == inputs
    assert found["became"]["read"] > 10
    assert found["became"]["DataError"] > 10


def test_loading_a_model_runs_and_opens_nothing():
    script = Path(__file__).with_name("fuzz_models.py")
    command = [sys.executable, script, "--inputs", "80", "--short"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"faults": 0' in done.stdout


def test_a_campaign_finds_what_is_wrong_and_makes_it_small():
    def attempt(content):
        if b"7" in content:
            raise KeyError("seven")
        return "fine"

    campaign = Campaign("numbers", lambda rng: b"%09d" % rng.randrange(10**9), attempt, smaller_bytes)
    found, faults = campaign.run(0, 40, most=3)
    assert found["faults"] == 3
    assert all(fault.startswith("KeyError: 'seven'") and smallest == b"7" for _, fault, smallest in faults)
    assert campaign.made(faults[0][0]) == campaign.made(faults[0][0])
    assert b"7" in campaign.made(faults[0][0])
