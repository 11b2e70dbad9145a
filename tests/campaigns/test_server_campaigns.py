"""Short versions of the campaigns against the server; the long ones are run by hand, see docs/reliability.md."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from served import save_network


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return save_network(tmp_path_factory.mktemp("models") / "lstm", 8)


def ran(name, *arguments):
    command = [sys.executable, Path(__file__).with_name(name), *map(str, arguments), "--short"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(f"[{done.stdout.replace('}' + chr(10) + '{', '},{')}]")


def test_a_killed_server_and_schedules_of_steps(network):
    arguments = ("--kills", 2, "--clients", 6, "--schedules", 60, "--network", network)
    killed, scheduled = ran("server_kills.py", *arguments)
    assert (killed["lost"], killed["differing"], killed["tracebacks"], killed["exit_status"]) == (0, 0, 0, 0)
    assert killed["acknowledged_steps"] > 20
    assert (scheduled["wrong"], scheduled["tracebacks"], scheduled["exit_status"]) == (0, 0, 0)
    assert min(scheduled["answers"].values()) > 0


def test_requests_that_no_client_would_send(network):
    (found,) = ran("fuzz_http.py", "--inputs", 300, "--network", network)
    assert (found["faults"], found["tracebacks"], found["exit_status"]) == (0, 0, 0)
    assert len(found["answers"]) > 15
    assert found["never_ended"] > 0


def test_requests_made_from_the_document_are_answered_as_it_says(network):
    (found,) = ran("fuzz_openapi.py", "--minutes", 0.2, "--network", network)
    assert (found["faults"], found["undocumented_5xx"], found["tracebacks"], found["exit_status"]) == (0, 0, 0, 0)
    assert found["operations"] >= 28
    assert found["cases"] > 30
    assert found["statuses"]["200"] > 0
