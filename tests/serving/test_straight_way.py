"""Steps go from their connection straight to the session; whatever is unusual about them goes by ASGI, to the same answer."""

import asyncio
import json
import time
from dataclasses import replace

import pytest

from gatewise.serving.routes.app import Application
from gatewise.serving.sessions.store import Store
from gatewise.serving.terms.problems import Problem
from serving.made_models import Memory
from serving.made_server import QUICK, Running, request

TOKEN = {"Authorization": "Bearer sixteen-letters-and-more"}


@pytest.fixture
def server(tmp_path):
    found = Running(tmp_path / "store", [Memory(), Memory("slow", quick=False)], token=TOKEN["Authorization"][7:])
    yield found
    found.stop()


@pytest.fixture
def usual(server, monkeypatch):
    """Return the paths of steps that went by ASGI."""
    seen, whole = [], Application.__call__

    async def call(self, scope, receive, send):
        if scope["path"].endswith("/steps"):
            seen.append(scope["path"])
        await whole(self, scope, receive, send)

    monkeypatch.setattr(Application, "__call__", call)
    return seen


def begin(server, name, model="memory"):
    assert server.asked("POST", f"/v1/models/{model}/sessions", {"id": name}, TOKEN)[0] == 201


def step(server, name, body, **headers):
    return request(server.port, "POST", f"/v1/sessions/{name}/steps", body, {**TOKEN, **headers})


def told(answer):
    status, headers, body = answer
    body = json.loads(body)
    body.pop("request_id", None)
    differing = ("date", "x-request-id", "content-length")
    return status, {name: value for name, value in headers.items() if name not in differing}, body


BODIES = [
    {"seq": 1, "x": [1, 2]},
    {"seq": 1, "x": [1, 2]},
    {"seq": 1, "x": [1, 3]},
    {"seq": 3, "x": [1, 2]},
    {"seq": 2, "xs": [[1, 2], [3, 4]], "t": "2026-01-31T12:00:00Z"},
    {"seq": 4, "x": [1, 2], "t": 0},
    {"seq": 4, "x": [1]},
    {"seq": 4, "x": [3e38, 3e38]},
    b'{"seq": 4, "seq": 5}',
    b"",
]
HEADERS = [
    {"Authorization": None},
    {"Authorization": "Bearer x"},
    {"Host": "evil.example"},
    {"Origin": "http://evil.example"},
]
HEADERS += [{"Content-Type": "text/plain"}, {"Content-Type": None}, {"Connection": "close"}, {"X": "y" * 33_000}]


def test_both_ways_answer_alike(server, usual):
    begin(server, "abc")
    begin(server, "abd")
    for body, headers in [*((body, {}) for body in BODIES), *(({"seq": 4, "x": [5, 6]}, one) for one in HEADERS)]:
        with server.connect() as straight, server.connect() as other:
            straight.send(step(server, "abc", body, **headers))
            other.send(step(server, "ab%64", body, **headers))
            first, second = told(straight.read()), told(other.read())
        said = json.dumps(first).replace("session abc", "session abd")
        assert json.loads(said) == json.loads(json.dumps(second))
    # The one with too long a header is refused before it goes anywhere.
    assert usual == ["/v1/sessions/abd/steps"] * (len(BODIES) + len(HEADERS) - 1)
    assert server.asked("GET", "/v1/sessions/abc", headers=TOKEN)[1]["seq"] == 4


def test_steps_that_arrive_together_are_each_answered_with_their_own(server, usual):
    names = [f"s{number}" for number in range(40)]
    for name in names:
        begin(server, name)
    connections = [server.connect() for _ in names]
    for seq, h in ((1, 1.0), (2, 1.5), (3, 1.75)):
        for number, connection in enumerate(connections):
            connection.send(step(server, names[number], {"seq": seq, "x": [number, 1]}))
        for number, connection in enumerate(connections):
            status, _, body = connection.read()
            assert (status, json.loads(body)) == (200, {"seq": seq, "y": [h * number + h], "replayed": False})
    assert usual == []
    for connection in connections:
        connection.socket.close()


def test_requests_of_one_connection_are_answered_in_their_order(server):
    begin(server, "a")
    read = request(server.port, "GET", "/v1/sessions/a", headers=TOKEN)
    steps = [step(server, "a", {"seq": seq, "x": [seq, 0]}) for seq in (1, 2, 3)]
    with server.connect() as connection:
        connection.send(steps[0] + read + steps[1] + steps[2] + read)
        said = [json.loads(connection.read()[2]) for _ in range(5)]
    assert [one.get("y", one["seq"]) for one in said] == [[1.0], 1, [2.5], [4.25], 3]


@pytest.mark.parametrize(("model", "rows"), [("slow", 1), ("memory", 65)])
def test_what_takes_long_goes_the_usual_way(server, usual, model, rows):
    begin(server, "a", model)
    with server.connect() as connection:
        connection.send(
            step(server, "a", {"seq": 1, "xs": [[0, 1]] * rows}) + step(server, "a", {"seq": rows + 1, "x": [0, 0]})
        )
        first, second = (json.loads(connection.read()[2]) for _ in range(2))
    assert first["ys"][-1] == [pytest.approx(2 - 0.5 ** (rows - 1))]
    assert (second["seq"], second["y"]) == (rows + 1, [pytest.approx(first["ys"][-1][0] / 2)])
    assert len(usual) == 2


def test_a_step_waits_for_another_call_of_its_session(server):
    begin(server, "a", "slow")
    server.service.models["slow"].before_step = lambda: time.sleep(0.2)
    with server.connect() as one, server.connect() as other:
        one.send(step(server, "a", {"seq": 1, "x": [1, 0]}))
        time.sleep(0.1)
        other.send(step(server, "a", {"seq": 2, "x": [1, 0]}))
        assert [json.loads(connection.read()[2])["y"] for connection in (one, other)] == [[1.0], [1.5]]


def test_whoever_has_gone_had_the_step_all_the_same(server):
    begin(server, "a")
    for seq in range(1, 6):
        with server.connect() as connection:
            connection.send(step(server, "a", {"seq": seq, "x": [1, 1]}))
        end = time.monotonic() + 5
        while server.asked("GET", "/v1/sessions/a", headers=TOKEN)[1]["seq"] < seq:
            assert time.monotonic() < end
    assert server.application.tally.answering == 0


def test_a_store_that_takes_nothing_refuses_and_lets_go(server):
    begin(server, "a")
    server.service.store.broken = "a test"
    with server.connect() as connection:
        connection.send(step(server, "a", {"seq": 1, "x": [1, 1]}))
        assert told(connection.read())[2]["code"] == "store_unusable"
        server.service.store.broken = None
        connection.send(step(server, "a", {"seq": 1, "x": [1, 1]}))
        assert told(connection.read())[2] == {"seq": 1, "y": [2.0], "replayed": False}


def test_too_many_are_told_to_come_back(tmp_path):
    server = Running(tmp_path / "store", limits=replace(QUICK, requests=0))
    with server.connect() as connection:
        status, headers, body = connection.ask("POST", "/v1/sessions/a/steps", {"seq": 1, "x": [1, 1]})
    assert (status, headers["retry-after"], json.loads(body)["code"]) == (503, "1", "busy")
    server.stop()


def test_what_waits_is_written_when_the_store_is_closed(tmp_path):
    told = []

    async def go():
        store = Store(tmp_path)
        store.write_then([("fact", ("a", 1))], told.append)
        store.close()
        store.broken = "closed"
        with pytest.raises(Problem, match="takes no writes: closed"):
            store.write_then([], told.append)
        await asyncio.sleep(0.01)

    asyncio.run(go())
    assert told == [None]
    again = Store(tmp_path)
    assert again.fact("a") == 1
    again.close()
