"""``gatewise serve``: what is refused before it serves, and a server that runs until a signal."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from gatewise.cli.app import run


@pytest.fixture
def taken():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen()
        yield bound.getsockname()[1]


def refusal(capsys, *arguments):
    status = run(["serve", *map(str, arguments)])
    return status, capsys.readouterr().err.strip()


def test_a_port_that_is_taken(capsys, taken, tmp_path):
    """A12."""
    assert refusal(capsys, "--port", taken, "--data", tmp_path / "s") == (
        5,
        f"error: The port {taken} of 127.0.0.1 is in use by another program: stop it, or choose another with --port.",
    )
    assert not (tmp_path / "s").exists()


def test_other_machines_only_with_a_token(capsys, monkeypatch):
    """A13."""
    monkeypatch.delenv("GATEWISE_TOKEN", raising=False)
    assert refusal(capsys, "--host", "0.0.0.0", "--port", 0) == (
        2,
        "error: At the address 0.0.0.0 other machines could ask, so a token is needed: add --token (or set GATEWISE_TOKEN), "
        "or use --host 127.0.0.1.",
    )
    # What is no address is not said to be one at which others could ask.
    assert refusal(capsys, "--host", "no such host", "--port", 0) == (
        2,
        "error: 'no such host' is no address: give --host one of this machine's, such as 127.0.0.1.",
    )
    assert refusal(capsys, "--port", 0, "--token", "short")[0] == 2
    monkeypatch.setenv("GATEWISE_TOKEN", "short")
    assert refusal(capsys, "--port", 0)[1].startswith("error: A token has at least 16 printable ASCII characters")


def test_folders_that_cannot_be_served(capsys, tmp_path):
    missing = tmp_path / "missing"
    status, sentence = refusal(capsys, missing, "--port", 0, "--data", tmp_path / "s")
    assert status == 4
    assert sentence.startswith(f"error: {missing} is refused")
    (tmp_path / "file").write_text("")
    status, sentence = refusal(capsys, "--port", 0, "--data", tmp_path / "file" / "such")
    assert (status, sentence) == (
        5,
        f"error: The folder {tmp_path / 'file' / 'such'} cannot hold sessions: Not a directory. Give --data a folder "
        "that can be written.",
    )


def test_without_what_the_extra_installs(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    for name in [name for name in sys.modules if name.startswith("gatewise.serving")]:
        monkeypatch.delitem(sys.modules, name)
    assert refusal(capsys, "--port", 0) == (
        5,
        "error: The server needs uvicorn, which is not installed: pip install 'gatewise[service]'.",
    )


def test_serves_until_it_is_told_to_stop(tmp_path):
    command = [
        sys.executable,
        "-m",
        "gatewise",
        "serve",
        "--port",
        "0",
        "--data",
        str(tmp_path / "a" / "s"),
        "--access-log",
    ]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "GATEWISE_TOKEN": ""}
    ) as process:
        first = process.stderr.readline()
        address = re.fullmatch(r"serving at (http://127\.0\.0\.1:\d+), sessions in \S+; Ctrl-C ends it\n", first)[1]
        with urllib.request.urlopen(f"{address}/v2/health/live") as answer:
            assert json.load(answer) == {"live": True}
        with urllib.request.urlopen(address) as page:
            assert page.headers["content-type"] == "text/html; charset=utf-8"
        with pytest.raises(urllib.error.HTTPError) as unready:
            urllib.request.urlopen(f"{address}/v2/health/ready")
        assert json.load(unready.value)["reasons"] == ["No model is served."]
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=20)
    assert process.returncode == 0
    lines = [json.loads(line) for line in log.splitlines()]
    assert [(line["event"], line["route"], line["status"]) for line in lines] == [
        ("request", "/v2/health/live", 200),
        ("request", "/", 200),
        ("request", "/v2/health/ready", 503),
    ]
