"""The server as a whole, over its socket: sessions, batches, health, numbers to watch."""

import asyncio
import json
from dataclasses import replace

import pytest

from gatewise.errors import EnvironmentFault, UsageError
from gatewise.serving.server import listening
from gatewise.serving.service import Service
from gatewise.serving.terms.problems import Problem
from serving.made_models import Lengths, Memory
from serving.made_server import QUICK, Running


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    server = Running(tmp_path_factory.mktemp("store") / "s")
    yield server
    server.stop()


def test_models_are_listed(running):
    status, said = running.asked("GET", "/v1/models")
    assert status == 200
    assert [(model["name"], model["kind"], model["sessions"], model["predict"]) for model in said["models"]] == [
        ("memory", "recurrent", True, True),
        ("lengths", "classifier", False, True),
    ]


def test_a_session_from_its_beginning_to_its_end(running):
    with running.connect() as client:
        status, headers, body = client.ask("POST", "/v1/models/memory/sessions", {"id": "life", "warmup": [[1, 2]]})
        assert (status, headers["location"]) == (201, "/v1/sessions/life")
        assert json.loads(body)["seq"] == 0
        assert client.ask("POST", "/v1/models/memory/sessions", {"id": "life", "warmup": [[1, 2]]})[0] == 200
        status, headers, body = client.ask("POST", "/v1/sessions/life/steps", {"seq": 1, "x": [0, 4]})
        assert (status, json.loads(body)) == (200, {"seq": 1, "y": [5.5], "replayed": False})
        assert headers["gatewise-durability"] == "full"
        status, _, body = client.ask("POST", "/v1/sessions/life/steps", {"seq": 1, "x": [0, 4]})
        assert (status, json.loads(body)["replayed"]) == (200, True)
        status, _, body = client.ask("POST", "/v1/sessions/life/forecast", {"horizon": 1})
        assert (status, json.loads(body)) == (200, {"session": "life", "seq": 1, "horizon": 1, "y": [[2.75]]})
        status, headers, body = client.ask("POST", "/v1/sessions/life/fork")
        assert (status, json.loads(body)["parent"]) == (201, "life")
        snapshot = json.loads(client.ask("GET", "/v1/sessions/life/snapshot")[2])
        assert client.ask("PUT", "/v1/sessions/again", snapshot)[0] == 201
        assert client.ask("PUT", "/v1/sessions/again", snapshot)[0] == 200
        assert client.ask("DELETE", "/v1/sessions/life")[0] == 204
        assert client.ask("DELETE", "/v1/sessions/life")[0] == 204
        status, _, body = client.ask("GET", "/v1/sessions/life")
        assert (status, json.loads(body)["code"]) == (410, "session_deleted")
        told = json.loads(client.ask("GET", "/v1/sessions/again")[2])
        assert (told["seq"], told["model"], told["state_sha256"]) == (
            1,
            "memory",
            json.loads(client.ask("GET", headers["location"])[2])["state_sha256"],
        )


def test_batches_in_json_and_csv(running):
    assert running.asked("POST", "/predict/lengths", {"inputs": ["no", "yes, very"]})[1]["outputs"] == {
        "label": ["short", "long"],
        "probability": [pytest.approx(0.2), pytest.approx(0.9)],
    }
    status, said = running.asked(
        "POST", "/v1/models/memory/predict", {"inputs": {"x": [[[1, 2], [0, 4]], [[1, 1], [0, 0]]]}}
    )
    assert (status, said["outputs"]) == (200, {"y": [[5.5], [1.0]]})
    status, headers, body = running.ask(
        "POST", "/predict/lengths", b'text,n\r\n"a,b",1\r\nlonger,2\r\n', {"Content-Type": "text/csv"}
    )
    assert (status, headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert body.decode().splitlines()[0] == "label,probability"
    assert [line.split(",")[0] for line in body.decode().splitlines()[1:]] == ["short", "long"]
    status, _, body = running.ask("POST", "/predict/memory", b"a,b\n1,2\n0,4\n", {"Content-Type": "text/csv"})
    assert (status, body) == (200, b"y\r\n5.5\r\n")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"a,b\n1,2\n3\n", "Line 3 has 1 cell, and the header has 2."),
        (b"a,b\n1,x\n", "Line 2, column 2 is 'x', and should be a number."),
        (b"a,b\n1,1_0\n", "Line 2, column 2 is '1_0', and should be a number."),
        (b"a,b\n", "The table has 1 line, and needs a header and a row."),
        (b"", "The table has 0 lines, and needs a header and a row."),
        (b"a,b\n\n\n1,1\n1,y\n", "Line 5, column 2 is 'y', and should be a number."),
        (b'a,"b\nc"\n1,1\n1,y\n', "Line 4, column 2 is 'y', and should be a number."),
        (b"1,2\n3,4\n", "The first line holds data ('1, 2'), and should be the names of the columns."),
        (b"a,b\n1,2\n1,nan\n", "Line 3, column 2 is 'nan', and should be a number that FP32 holds."),
        (b"a,b\n1e300,2\n", "Line 2, column 1 is '1e300', and should be a number that FP32 holds."),
        (b'a,b\n1,"2', "The table is no CSV: unexpected end of data."),
        (b"a,b\n1,\xff\n", "The table is not UTF-8 at byte 6."),
    ],
)
def test_tables_that_are_none(running, body, sentence):
    status, said = running.asked("POST", "/predict/memory", body, {"Content-Type": "text/csv"})
    assert (status, said["code"], said["error"]) == (400, "bad_csv", sentence)


def test_health_tells_the_truth(running, tmp_path):
    assert running.asked("GET", "/v2/health/live") == (200, {"live": True})
    assert running.asked("GET", "/v2/health/ready") == (200, {"ready": True, "live": True})
    assert running.asked("GET", "/v2/models/memory/ready")[0] == 200
    empty = Running(tmp_path / "e", models=[])
    status, said = empty.asked("GET", "/v2/health/ready")
    assert (status, said) == (503, {"ready": False, "live": True, "reasons": ["No model is served."]})
    empty.stop()
    full = Running(tmp_path / "f", limits=replace(QUICK, disk_reserve_bytes=2**62))
    status, said = full.asked("GET", "/v2/health/ready")
    assert (status, said["reasons"]) == (503, ["The disk of the sessions is almost full."])
    full.stop()
    broken = Running(tmp_path / "b")
    broken.service.store.broken = "disk I/O error (SQLITE_IOERR_FSYNC)"
    status, said = broken.asked("GET", "/v2/health/ready")
    assert (status, said["reasons"]) == (503, ["The store takes no writes: disk I/O error (SQLITE_IOERR_FSYNC)."])
    assert broken.asked("POST", "/v1/models/memory/sessions", {})[1]["code"] == "store_unusable"
    assert broken.asked("GET", "/v2/models/memory/ready")[0] == 503
    broken.service.draining = True
    assert broken.asked("GET", "/v2/health/ready")[1]["reasons"][0] == "The server is being stopped."
    broken.stop()


def test_numbers_to_watch_hold_no_names(running):
    running.asked("POST", "/v1/models/memory/sessions", {"id": "watched-secret"})
    running.asked("POST", "/v1/sessions/watched-secret/steps", {"seq": 1, "x": [0, 4]})
    running.asked("POST", "/v1/sessions/watched-secret/steps", {"seq": 9, "x": [0, 4]})
    running.asked("GET", '/v1/sessions/wa"} 1 injected')
    status, headers, body = running.ask("GET", "/metrics")
    assert (status, headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    lines = body.decode().splitlines()
    assert any(line.startswith('gatewise_steps_total{outcome="applied"} ') for line in lines)
    assert any(line.startswith('gatewise_steps_total{outcome="gap"} ') for line in lines)
    assert any(
        line.startswith('gatewise_request_seconds_count{code="409",route="/v1/sessions/{session}/steps"} ')
        for line in lines
    )
    assert f'gatewise_model_info{{kind="recurrent",model="memory",version="{Memory().sha256[:12]}"}} 1.0' in lines
    assert "secret" not in body.decode()
    assert "injected" not in body.decode()


def test_the_document_says_every_path_and_the_shape_of_errors(running):
    document = running.asked("GET", "/openapi.json")[1]
    assert document["openapi"].startswith("3.1")
    assert {"/v1/sessions/{session}/steps", "/v2/models/{model}/infer", "/predict/{model}"} <= document["paths"].keys()
    for path in document["paths"].values():
        for operation in path.values():
            assert "422" not in operation["responses"]
    begin = document["paths"]["/v1/models/{model}/sessions"]["post"]
    assert begin["parameters"][0]["schema"] == {"type": "string", "enum": ["lengths", "memory"]}
    linked = [link["operationId"] for link in begin["responses"]["201"]["links"].values()]
    assert {name.partition("_v1_")[0] for name in linked} == {
        "delete",
        "forecast",
        "fork",
        "history",
        "read",
        "restore",
        "snapshot",
        "steps",
    }
    assert document["components"]["schemas"]["Problem"]["required"] == ["error", "code", "remedy", "request_id"]


def test_a_stopped_server_finishes_what_it_began(tmp_path):
    import threading

    hold = threading.Event()
    server = Running(tmp_path, models=[Memory(quick=False, before_step=lambda: hold.wait(2))])
    server.asked("POST", "/v1/models/memory/sessions", {"id": "a"})
    with server.connect() as idle, server.connect() as client:
        from serving.made_server import request

        client.send(request(server.port, "POST", "/v1/sessions/a/steps", {"seq": 1, "x": [1, 2]}))
        assert idle.ask("GET", "/v2/health/ready")[0] == 200
        server.server.stop(0.3)
        assert idle.ask("GET", "/v2/health/ready")[0] == 503
        hold.set()
        assert json.loads(client.read()[2]) == {"seq": 1, "y": [3.0], "replayed": False}
        server.thread.join(10)
        assert idle.closed()
    again = Running(tmp_path)
    assert again.asked("POST", "/v1/sessions/a/steps", {"seq": 1, "x": [1, 2]})[1]["replayed"] is True
    again.stop()


def test_a_port_that_is_taken(running):
    with pytest.raises(
        EnvironmentFault, match=rf"The port {running.port} of 127\.0\.0\.1 is in use by another program"
    ):
        listening("127.0.0.1", running.port)
    with pytest.raises(UsageError, match="is no address"):
        listening("no such host.", 1)


def test_a_forecaster_with_covariates_says_why_it_has_no_sessions(tmp_path):
    service = Service([Lengths("sales", kind="forecaster")], tmp_path)
    with pytest.raises(Problem, match="forecaster sales goes by covariates") as refused:
        service.stepped("sales")
    assert refused.value.code == "not_stateful"
    asyncio.run(service.stop())


def test_names_of_models(tmp_path):
    with pytest.raises(UsageError, match=r"Two models are called 'memory': give one of them another name\."):
        Service([Memory(), Memory()], tmp_path)
    with pytest.raises(UsageError, match=r"A model cannot be called '\.\./x' in a path"):
        Service([Lengths(name="../x")], tmp_path)
