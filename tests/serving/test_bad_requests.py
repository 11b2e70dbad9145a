"""Requests that are wrong: the status and code of each, and that the server goes on as if nothing had come."""

import gzip
import json
import logging
import statistics
import threading
import time
from dataclasses import replace

import pytest

from serving.made_models import Lengths, Memory
from serving.made_server import QUICK, Connection, Running, request

LIMIT = QUICK.body_bytes


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    server = Running(tmp_path_factory.mktemp("store") / "s")
    server.asked("POST", "/v1/models/memory/sessions", {"id": "a"})
    yield server
    assert server.asked("GET", "/v1/sessions/a")[1]["seq"] == 0
    server.stop()


STEPS = "/v1/sessions/a/steps"
INFER = "/v2/models/memory/infer"
X = {"name": "x", "datatype": "FP32", "shape": [1, 1, 2], "data": [1, 2]}


def infer(**changes):
    return {"inputs": [{**X, **changes}]}


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "field"),
    [
        (STEPS, b"seq=1", 400, "bad_json", None),
        (STEPS, b"[" * 40 + b"]" * 40, 400, "bad_json", None),
        (STEPS, b'{"seq": 1, "x": [NaN, 1]}', 400, "bad_json", None),
        (STEPS, b'{"seq": 1, "x": [1e999, 1]}', 400, "bad_json", None),
        (STEPS, b'{"seq": 1, "x": [1, null]}', 422, "number_not_finite", "x[1]"),
        (STEPS, b'{"seq": 1, "x": [1, ' + b"9" * 5000 + b"]}", 400, "bad_json", None),
        (STEPS, b'{"seq": 1, "seq": 1, "x": [1, 2]}', 400, "bad_json", None),
        (STEPS, {"seq": 1, "x": [1, 2], "y": 3}, 422, "field_unknown", "y"),
        (STEPS, b"null", 422, "field_wrong", ""),
        (INFER, infer(shape=[1, 2, 2]), 422, "shape_wrong", "inputs[0].data"),
        (INFER, infer(shape=[1, -1, 2]), 422, "field_wrong", "inputs[0].shape"),
        (INFER, infer(shape=[1, 2**63, 2]), 422, "field_wrong", "inputs[0].shape"),
        (INFER, infer(shape=[2**30, 2**30, 2]), 422, "shape_wrong", "inputs[0].shape"),
        (INFER, infer(shape=[1, 1, 3], data=[1, 2, 3]), 422, "shape_wrong", "inputs[0].shape"),
        (INFER, infer(data=[[[1], [2]]]), 422, "shape_wrong", "inputs[0].data"),
        (INFER, infer(data=[1, None]), 422, "number_not_finite", "inputs[0].data[1]"),
        (INFER, infer(data=[1, 1e39]), 422, "number_not_finite", "inputs[0].data[1]"),
        (INFER, infer(data=[1, 10**400 // 10**200]), 422, "number_not_finite", "inputs[0].data[1]"),
        (INFER, infer(datatype="FP64"), 422, "field_wrong", "inputs[0].datatype"),
        (INFER, infer(name="z"), 422, "field_wrong", "inputs[0].name"),
        (INFER, {"inputs": [X, X]}, 422, "field_wrong", "inputs[1].name"),
        (INFER, {"inputs": []}, 422, "field_missing", "inputs"),
        (INFER, {}, 422, "field_missing", "inputs"),
        (INFER, {**infer(), "outputs": [{"name": "z"}]}, 422, "field_wrong", "outputs[0].name"),
        ("/v2/models/none/infer", infer(), 404, "model_unknown", None),
        ("/v2/models/memory/versions/7/infer", infer(), 404, "version_unknown", None),
        ("/v1/sessions/none/steps", {"seq": 1, "x": [1, 2]}, 404, "session_unknown", None),
        ("/v1/models/lengths/sessions", {}, 422, "not_stateful", None),
        ("/predict/lengths", {"inputs": ["a", 1]}, 422, "field_wrong", "inputs[1]"),
        ("/predict/lengths", {"inputs": [["a"], ["b", "c"]]}, 422, "shape_wrong", "inputs"),
        ("/predict/memory", {"inputs": [[1, 2]]}, 422, "shape_wrong", "inputs"),
        ("/predict/memory", {"inputs": [[[1, 2], [3]]]}, 422, "shape_wrong", "inputs"),
        ("/predict/memory", {"inputs": {"x": [[[1, 2], [3, 1e39]]]}}, 422, "number_not_finite", "inputs.x[0][1][1]"),
        ("/predict/memory", {"inputs": [[[1, 2], [3, "4"]]]}, 422, "field_wrong", "inputs[0][1][1]"),
        ("/predict/memory", {"inputs": {"z": [[[1, 2]]]}}, 422, "field_unknown", "inputs.z"),
        ("/predict/memory", {"inputs": {}}, 422, "field_missing", "inputs"),
        ("/predict/memory", {"inputs": 1}, 422, "field_wrong", "inputs"),
        ("/predict/lengths", rb'{"inputs": ["\ud800"]}', 400, "bad_json", None),
        ("/v1/sessions/a/forecast", {"horizon": 10**6}, 422, "field_wrong", "horizon"),
        ("/v1/sessions/a/forecast", {"horizon": 1, "level": 80}, 422, "data_refused", None),
        ("/v1/sessions/a/fork", {"id": "../b"}, 422, "field_wrong", "id"),
        ("/v1/models/memory/sessions", {"ttl_s": 0}, 422, "field_wrong", "ttl_s"),
        ("/v1/models", {"file": "x"}, 405, "method_unknown", None),
        ("/v1/models/upload", {"file": "x"}, 404, "path_unknown", None),
    ],
)
def test_a_body_that_is_wrong(running, path, body, status, code, field):
    found, said = running.asked("POST", path, body)
    assert (found, said["code"], said.get("field")) == (status, code, field)
    assert said["error"].endswith(".")
    assert "Traceback" not in json.dumps(said)


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_what_a_form_can_send_is_refused(running, content_type):
    status, said = running.asked("POST", STEPS, b'{"seq": 1, "x": [1, 2]}', {"Content-Type": content_type})
    assert (status, said["code"]) == (415, "type_unsupported")


def test_bodies_that_are_too_large(running):
    with running.connect() as client:
        client.send(request(running.port, "POST", STEPS, None, {"Content-Length": str(LIMIT + 1)}))
        status, headers, body = client.read()
        assert (status, json.loads(body)["code"], headers["connection"]) == (413, "body_large", "close")
    with running.connect() as client:
        client.send(request(running.port, "POST", STEPS, None, {"Transfer-Encoding": "chunked"}))
        for _ in range(LIMIT // 2**20 + 1):
            client.send(b"100000\r\n" + b" " * 2**20 + b"\r\n")
        answer = client.read()
        assert answer is None or answer[0] == 413
    bomb = gzip.compress(b" " * 10 * LIMIT)
    status, headers, said = running.ask("POST", STEPS, bomb, {"Content-Encoding": "gzip"})
    assert (status, json.loads(said)["code"], headers["accept-encoding"]) == (415, "encoding_unsupported", "identity")


def test_many_small_chunks_are_one_body(running):
    body = b'{"seq": 7, "x": [1, 2]}'
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in b" " * 20_000 + body)
    with running.connect() as client:
        headers = {"Transfer-Encoding": "chunked", "Content-Type": "application/json"}
        client.send(request(running.port, "POST", STEPS, None, headers) + chunks + b"0\r\n\r\n")
        status, _, said = client.read()
        assert (status, json.loads(said)["code"]) == (409, "seq_gap")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PATCH", "/v1/sessions/a", "DELETE, GET, HEAD, PUT"),
        ("GET", STEPS, "POST"),
        ("HEAD", STEPS, "POST"),
        ("PUT", "/page/style.css", "GET, HEAD"),
        ("OPTIONS", STEPS, "POST"),
        ("TRACE", STEPS, "POST"),
    ],
)
def test_other_methods_are_told_the_right_ones(running, method, path, allow):
    with running.connect() as client:
        client.send(request(running.port, method, path))
        status, headers, _ = client.read(body=method != "HEAD")
    assert (status, headers["allow"]) == (405, allow)
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "path", ["/", "/v2/health/live", "/v2/health/ready", "/v1/models", "/page/style.css", "/openapi.json"]
)
def test_head_is_answered_as_get_without_its_body(running, path):
    with running.connect() as client:
        status, headers, body = client.ask("GET", path)
        client.send(request(running.port, "HEAD", path))
        without = client.read(body=False)
        assert (without[0], without[2]) == (status, b"")
        assert without[1]["content-length"] == headers["content-length"] == str(len(body))
        assert client.ask("GET", "/v2")[0] == 200


def test_connect_is_no_request(running):
    with running.connect() as client:
        client.send(f"CONNECT 127.0.0.1:{running.port} HTTP/1.1\r\nHost: 127.0.0.1:{running.port}\r\n\r\n".encode())
        answer = client.read()
    assert answer is None or answer[0] in (400, 404, 405)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/sessions/%2e%2e/steps",
        "/v1/sessions/..;/steps",
        "/v1/sessions/a%00/steps",
        "/v1/sessions/%252e%252e/steps",
        "/v1/sessions/a/../../../etc/passwd",
        "/page/%2e%2e/%2e%2e/contract.py",
        "/page/../contract.py",
        "//etc/passwd",
        "/v2/models/..%2f..%2fetc/infer",
    ],
)
def test_paths_reach_no_file(running, path):
    status, _, body = running.ask("POST", path, {"seq": 1, "x": [1, 2]})
    assert status in (404, 405)
    assert json.loads(body)["code"] in ("path_unknown", "session_unknown", "model_unknown", "method_unknown")


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 65536 + b"\r\n\r\n", 431, "headers_large"),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X: a\r\n" * 200 + b"\r\n", 431, "headers_large"),
        (b"GET /" + b"a" * 4096 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 414, "path_long"),
        (b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: x\r\n\r\n", 400, "bad_request"),
        (b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n", 400, "bad_request"),
        (b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, "bad_request"),
        (
            b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            "bad_request",
        ),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX : a\r\n\r\n", 400, "bad_request"),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\n\r\n", 421, "host_refused"),
    ],
)
def test_bytes_that_are_no_request(running, raw, status, code):
    with running.connect() as client:
        client.send(raw)
        found, headers, body = client.read()
        assert (found, json.loads(body)["code"], headers["connection"]) == (status, code, "close")
        assert client.closed()


def test_a_caller_who_waits_for_100_is_told(running):
    body = b'{"seq": 7, "x": [1, 2]}'
    with running.connect() as client:
        headers = {"Content-Length": str(len(body)), "Content-Type": "application/json", "Expect": "100-continue"}
        client.send(request(running.port, "POST", STEPS, None, headers))
        assert client.read()[0] == 100
        client.send(body)
        assert client.read()[0] == 409


def test_slow_senders_are_cut_and_idle_sockets_harm_nobody(running):
    idle = [running.connect() for _ in range(200)]
    head, body, trickle = running.connect(), running.connect(), running.connect()
    head.send(b"POST /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n")
    body.send(request(running.port, "POST", STEPS, None, {"Content-Length": "10", "Content-Type": "application/json"}))
    trickle.send(b"GET /v1/models HTTP/1.1\r\nX: ")
    begun, times = time.monotonic(), []
    with running.connect() as client:
        while time.monotonic() - begun < 2.2:
            trickle.send(b"a")
            before = time.monotonic()
            assert client.ask("GET", "/v1/models")[0] == 200
            times.append(time.monotonic() - before)
            time.sleep(0.02)
    for one in (head, body, trickle):
        status, _, said = one.read()
        assert (status, json.loads(said)["code"]) == (408, "receipt_slow")
    assert all(one.closed() for one in idle)
    assert statistics.median(times) < 0.5
    for one in (head, body, trickle, *idle):
        one.socket.close()


def test_a_caller_who_goes_leaves_no_half_step_and_no_trace(running, caplog):
    whole = request(running.port, "POST", STEPS, {"seq": 1, "x": [1, 2]})
    with caplog.at_level(logging.WARNING):
        for at in range(1, len(whole), 7):
            with running.connect() as client:
                client.send(whole[:at])
        time.sleep(0.1)
        assert running.asked("GET", "/v1/sessions/a")[1]["seq"] == 0
    assert not caplog.records


def test_requests_in_one_packet_are_answered_in_order(running):
    with running.connect() as client:
        client.send(
            b"".join(request(running.port, "POST", "/predict/lengths", {"inputs": ["a" * n]}) for n in range(1, 9))
        )
        for n in range(1, 9):
            assert json.loads(client.read()[2])["outputs"]["probability"] == [pytest.approx(n / 10)]


def test_host_and_origin_are_checked_whatever_the_method(running):
    for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
        for headers, code in (
            ({"Host": "evil.example"}, (421, "host_refused")),
            ({"Host": "127.0.0.1.evil.example"}, (421, "host_refused")),
            ({"Origin": "http://evil.example"}, (403, "origin_refused")),
            ({"Origin": "null"}, (403, "origin_refused")),
            ({"Origin": f"http://localhost:{running.port}"}, (403, "origin_refused")),
        ):
            status, said = running.asked(method, "/v1/sessions/a", None, headers)
            assert (status, said["code"]) == code
    for headers in (
        {"Origin": f"http://127.0.0.1:{running.port}"},
        {"Host": "localhost:9999", "Origin": "http://localhost:9999"},
        {"Host": "[::1]"},
    ):
        assert running.asked("GET", "/v1/models", None, headers)[0] == 200


def test_what_goes_wrong_inside_is_told_to_the_log_only(running, tmp_path, capsys):
    import io

    from gatewise.serving.watch import logs

    def fail():
        raise ZeroDivisionError("user's secret")

    server = Running(tmp_path / "f", models=[Memory(before_step=fail), Lengths()])
    log = io.StringIO()
    logs.begin(access=True, stream=log)
    try:
        server.asked("POST", "/v1/models/memory/sessions", {"id": "a"})
        status, said = server.asked("POST", STEPS, {"seq": 1, "x": [1, 2]})
        assert (status, said["code"]) == (500, "internal")
        assert server.asked("GET", "/v1/sessions/a%0d%0aINJECTED")[0] == 404
        assert server.asked("GET", "/v1/sessions/a")[1]["seq"] == 0
    finally:
        server.stop()
        for name in ("gatewise.serving", "uvicorn.error"):
            logging.getLogger(name).handlers.clear()
            logging.getLogger(name).propagate = True
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    failed = next(line for line in lines if line["event"] == "failed")
    assert (failed["request_id"], failed["exception"]) == (said["request_id"], "ZeroDivisionError")
    assert any("test_bad_requests.py" in place for place in failed["at"])
    assert [line["status"] for line in lines if line["event"] == "request"] == [201, 500, 404, 200]
    assert "secret" not in log.getvalue()
    assert "INJECTED" not in log.getvalue()


def test_too_much_at_once(tmp_path):
    hold = threading.Event()
    slow = Memory(quick=False, before_step=lambda: hold.wait(3))
    server = Running(tmp_path, models=[slow], limits=replace(QUICK, requests=1, connections=3))
    server.asked("POST", "/v1/models/memory/sessions", {"id": "a"})
    with server.connect() as busy, server.connect() as other:
        busy.send(request(server.port, "POST", STEPS, {"seq": 1, "x": [1, 2]}))
        time.sleep(0.1)
        status, headers, body = other.ask("GET", "/v1/models")
        assert (status, headers["retry-after"], json.loads(body)["code"]) == (503, "1", "busy")
        with server.connect() as third, server.connect() as fourth:
            assert third.ask("GET", "/v1/models")[0] == 503
            status, headers, body = fourth.read()
            assert (status, json.loads(body)["error"]) == (503, "The server has too many connections.")
        hold.set()
        assert busy.read()[0] == 200
        assert other.ask("GET", "/v1/models")[0] == 200
    server.stop()


def test_a_parameter_that_is_wrong_is_named(running):
    status, said = running.asked("GET", "/v1/sessions/a/history?last=none")
    assert (status, said["code"], said["field"]) == (422, "field_wrong", "last")
    assert said["error"].startswith("The parameter last is wrong: Input should be a valid integer")


@pytest.mark.parametrize(
    ("method", "path", "body"), [("GET", "/v1/models", None), ("POST", STEPS, {"seq": 2, "x": [1, 2]})]
)
def test_one_caller_does_not_take_it_all(tmp_path, method, path, body):
    hold = threading.Event()
    slow = Memory(quick=False, before_step=lambda: hold.wait(3))
    server = Running(tmp_path, models=[slow], limits=replace(QUICK, client_requests=1))
    server.asked("POST", "/v1/models/memory/sessions", {"id": "a"})
    with server.connect() as busy, server.connect() as other, Connection(server.port, "127.0.0.2") as stranger:
        busy.send(request(server.port, "POST", STEPS, {"seq": 1, "x": [1, 2]}))
        time.sleep(0.1)
        status, headers, said = other.ask(method, path, body)
        assert (status, headers["retry-after"], json.loads(said)["code"]) == (429, "1", "client_busy")
        assert stranger.ask("GET", "/v1/models")[0] == 200
        hold.set()
        assert busy.read()[0] == 200
        assert other.ask(method, path, body)[0] == 200
    server.stop()


def test_those_who_send_slowly_do_not_keep_others_waiting(tmp_path):
    """As many bodies that do not end as requests may be answered at once, and one more that is answered."""
    server = Running(tmp_path, limits=replace(QUICK, requests=4, arriving_bytes=1000))
    headers = {"Content-Length": "900", "Content-Type": "application/json"}
    slow = [server.connect() for _ in range(6)]
    for one in slow:
        one.send(request(server.port, "POST", "/predict/lengths", None, headers) + b" " * 100)
    with server.connect() as client:
        assert client.ask("POST", "/predict/lengths", {"inputs": ["a"]})[0] == 200
    for one in slow:
        one.send(b" " * 200)
    said = [one.read() for one in slow]
    refused = [json.loads(answer[2])["error"] for answer in said if answer[0] == 503]
    assert refused == ["Too many large requests are arriving at once."] * len(refused)
    assert len(refused) >= 2
    assert {answer[0] for answer in said} == {503, 408}
    with server.connect() as client:
        status, headers, _ = client.ask("POST", "/predict/lengths", {"inputs": ["a" * 500]})
        assert status == 200
    server.stop()
    for one in slow:
        one.socket.close()


def test_ranges_of_a_file_are_not_served(running):
    ranges = "bytes=" + ",".join(f"{n}-{n}" for n in range(500))
    whole = running.ask("GET", "/page/style.css")
    begun = time.monotonic()
    status, headers, body = running.ask("GET", "/page/style.css", None, {"Range": ranges})
    assert (status, body) == (200, whole[2])
    assert "content-range" not in headers
    assert time.monotonic() - begun < 2


TOKEN = "a token of some length"


def test_a_token_is_asked_for_and_compared(tmp_path):
    server = Running(tmp_path, token=TOKEN)
    for path in ("/v1/models", "/metrics", "/openapi.json", "/v2", "/nothing"):
        assert server.asked("GET", path)[1]["code"] == "token_missing"
    for wrong in ("Bearer", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", f"Basic {TOKEN}", f"bearer{TOKEN}"):
        status, headers, body = server.ask("POST", STEPS, {}, {"Authorization": wrong})
        assert (status, json.loads(body)["code"], headers["www-authenticate"]) == (401, "token_wrong", "Bearer")
    assert server.asked("GET", "/v1/models", None, {"Authorization": f"Bearer {TOKEN}"})[0] == 200
    assert server.asked("GET", "/v2/health/live")[0] == 200
    server.stop()
