"""Connections whose requests follow each other, come slowly or not at all: each is answered, cut or closed in its time."""

import gc
import json
import logging
import threading
import time
from dataclasses import replace

import pytest

from gatewise.serving.http import answers
from serving.made_models import Lengths, Memory
from serving.made_server import QUICK, Running, request

STEPS = "/v1/sessions/a/steps"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    server = Running(tmp_path_factory.mktemp("store") / "s")
    server.asked("POST", "/v1/models/memory/sessions", {"id": "a"})
    yield server
    server.stop()


HALF = {"Content-Length": "100", "Content-Type": "application/json"}


@pytest.mark.parametrize("first", ["usual", "straight"])
def test_slow_senders_are_cut_also_behind_another_request_of_their_packet(running, first, caplog):
    """What comes first is answered; of the second there is a half, or a tenth every now and then."""
    step = request(running.port, "POST", STEPS, {"seq": 7, "x": [1, 2]})
    before = step if first == "straight" else request(running.port, "GET", "/v2")
    halves = [
        b"GET /v2 HTTP/1.1\r\nX: ",
        request(running.port, "POST", "/predict/lengths", None, HALF) + b"{",
        request(running.port, "POST", STEPS, None, HALF) + b"{",
    ]
    slow = [running.connect() for _ in range(2 * len(halves))]
    for one, half in zip(slow, 2 * halves, strict=True):
        one.send(before + half)
    begun = time.monotonic()
    while time.monotonic() - begun < 2.2:
        for one in slow[len(halves) :]:
            one.send(b"a")
        time.sleep(0.1)
    for one in slow:
        one.socket.settimeout(0.5)
        assert one.read()[0] == (409 if first == "straight" else 200)
        status, _, said = one.read()
        assert (status, json.loads(said)["code"]) == (408, "receipt_slow")
        assert one.closed()
        one.socket.close()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_connections_without_a_request_are_idle_however_they_came_to_it(tmp_path):
    server = Running(tmp_path, limits=replace(QUICK, idle_seconds=1.0), token="a token of some length")
    read = request(server.port, "GET", "/v2/health/live")
    quiet = [server.connect() for _ in range(3)]
    quiet[0].send(read)
    quiet[1].send(read + read)
    # The refusal leaves before the body has come.
    quiet[2].send(request(server.port, "POST", "/predict/lengths", None, {**HALF, "Authorization": "Bearer x"}))
    assert [one.read()[0] for one in quiet] == [200, 200, 401]
    quiet[2].send(b" " * 100)
    begun = time.monotonic()
    for one in quiet:
        one.socket.settimeout(2.5)
        assert one.closed()
        one.socket.close()
    assert time.monotonic() - begun < 2.5
    server.stop()


def test_what_comes_behind_a_slow_answer_has_its_own_time(tmp_path):
    slow = Memory(quick=False, before_step=lambda: time.sleep(2.0))
    server = Running(tmp_path, models=[slow])
    server.asked("POST", "/v1/models/memory/sessions", {"id": "a"})
    second = request(server.port, "GET", "/v2")
    with server.connect() as client:
        client.send(request(server.port, "POST", STEPS, {"seq": 1, "x": [1, 2]}))
        time.sleep(0.1)
        client.send(second[:10])
        assert client.read()[0] == 200
        client.send(second[10:])
        assert client.read()[0] == 200
    server.stop()


def test_what_is_long_is_read_and_answered_beside_other_requests(tmp_path, monkeypatch):
    server = Running(tmp_path)
    server.asked("POST", "/v1/models/memory/sessions", {"id": "a"})
    loop, seen = server.thread.ident, []

    def noted(function):
        def call(*given, **named):
            seen.append(threading.get_ident() == loop)
            assert gc.isenabled() == seen[-1]
            return function(*given, **named)

        return call

    monkeypatch.setattr(answers.json_text, "parse", noted(answers.json_text.parse))
    monkeypatch.setattr(answers.long_json, "written", noted(answers.long_json.written))
    for length, in_loop in ((10, True), (70_000, False)):
        texts = {"inputs": ["a"] * length}
        data = {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [length], "data": texts["inputs"]}]}
        for path, body, status in (
            ("/predict/lengths", texts, 200),
            ("/v2/models/lengths/infer", data, 200),
            (STEPS, {"seq": 1, "xs": [[1, 2]] * length}, 200 if in_loop else 422),
            ("/v1/models/memory/sessions", {"warmup": [[1, 2]] * length}, 201 if in_loop else 422),
        ):
            seen.clear()
            assert server.asked("POST", path, body)[0] == status
            assert set(seen) == {in_loop}
    server.stop()
    assert gc.isenabled()


@pytest.mark.parametrize("bad", [b"\x16\x03\x01", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 40_000])
def test_bytes_that_are_no_request_take_no_answer_from_the_one_before_them(tmp_path, bad):
    slow = Memory(quick=False, before_step=lambda: time.sleep(0.2))
    server = Running(tmp_path, models=[slow, Lengths()])
    server.asked("POST", "/v1/models/memory/sessions", {"id": "a"})
    step = request(server.port, "POST", STEPS, {"seq": 1, "x": [1, 2]})
    with server.connect() as client:
        client.send(step + request(server.port, "GET", "/v2/health/live") + bad)
        assert [client.read()[0] for _ in range(2)] == [200, 200]
        assert client.closed()
    server.stop()


def test_a_server_that_stops_cuts_who_sends_slowly_and_answers_who_waits(tmp_path, caplog):
    hold = threading.Event()
    slow = Memory(quick=False, before_step=lambda: hold.wait(3))
    server = Running(tmp_path, models=[slow, Lengths()], limits=replace(QUICK, drain_seconds=2.0))
    server.asked("POST", "/v1/models/memory/sessions", {"id": "a"})
    with server.connect() as sender, server.connect() as waiting:
        half = request(server.port, "POST", "/predict/lengths", None, HALF) + b"{"
        sender.send(request(server.port, "GET", "/v2") + half)
        waiting.send(request(server.port, "POST", STEPS, {"seq": 1, "x": [1, 2]}))
        time.sleep(0.2)
        begun = time.monotonic()
        server.stop()
        assert time.monotonic() - begun < 4
        assert [sender.read()[0] for _ in range(2)] == [200, 408]
        status, _, said = waiting.read()
        assert (status, json.loads(said)["code"]) == (503, "draining")
    hold.set()
    assert not [record for record in caplog.records if record.exc_info]
