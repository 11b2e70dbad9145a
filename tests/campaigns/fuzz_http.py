"""Requests that no client would send, to the real server: ``python tests/campaigns/fuzz_http.py --inputs 100000``.

Requests of every route are changed in their bytes, their headers, or the values of their JSON, and written to sockets, 32 at
a time. Each must be answered as documented, or its connection closed, within five seconds of its last byte; an error must
have the one shape of errors. In the end the server must be well, its log without a traceback, its memory bounded, and a
session that nobody disturbed where it was.
"""

import argparse
import asyncio
import copy
import json
import random
import re
import tempfile
import time
from pathlib import Path

from fuzzing import mutated
from recorded import record
from served import Client, Served, save_network

from gatewise.serving.terms.problems import CODES

SLOWEST = 5.0
SNAPSHOT = {"format": 1, "model": "lstm", "model_sha256": "0" * 64, "seq": 1, "state": "AAAA"}
INFER = {"id": "1", "inputs": [{"name": "x", "shape": [1, 2, 1], "datatype": "FP32", "data": [0.5, 1]}]}
CSV = {"csv": "ds,y\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n2024-01-04,5\n"}
# Method, path, and body of requests that are right, or nearly so.
REQUESTS = [
    ("GET", "/", None),
    ("GET", "/v1/models", None),
    ("GET", "/metrics", None),
    ("GET", "/openapi.json", None),
    ("GET", "/v2", None),
    ("GET", "/v2/health/live", None),
    ("GET", "/v2/health/ready", None),
    ("GET", "/v2/models/lstm", None),
    ("GET", "/v2/models/lstm/versions/1/ready", None),
    ("POST", "/v2/models/lstm/infer", INFER),
    ("POST", "/v2/models/lstm/infer", {**INFER, "parameters": {"sequence_id": 7, "sequence_start": True}}),
    ("POST", "/v1/models/lstm/predict", {"inputs": {"x": [[[1], [2]]]}}),
    ("POST", "/predict/lstm", "a\n1\n2\n"),
    ("POST", "/v1/models/lstm/sessions", {}),
    ("POST", "/v1/models/lstm/sessions", {"id": "a", "ttl_s": 60, "warmup": [[1], [2]]}),
    ("GET", "/v1/sessions/a", None),
    ("POST", "/v1/sessions/a/steps", {"seq": 1, "x": [0.5]}),
    ("POST", "/v1/sessions/a/steps", {"seq": 2, "xs": [[0.5], [1]]}),
    ("POST", "/v1/sessions/a/steps", {"seq": 2, "x": [0.5], "t": "2024-01-01T00:00:00Z"}),
    ("POST", "/v1/sessions/a/forecast", {"horizon": 3}),
    ("POST", "/v1/sessions/a/fork", {"id": "b"}),
    ("GET", "/v1/sessions/a/snapshot", None),
    ("PUT", "/v1/sessions/c?replace=true", SNAPSHOT),
    ("DELETE", "/v1/sessions/b", None),
    ("POST", "/v1/tables", CSV),
    ("GET", "/v1/jobs/x", None),
]
ODD = (
    None, True, 0, 1, -1, 2, 3, 0.5, 1e39, -0.0, 2**31, 2**63, 2**64, 10**30, "", "a", "s1", "lstm", "../x", "\u0000", "😀",
    "x" * 70, [], [[]], [1], [[1]], [None], {}, {"a": 1}, [[1.0], [2.0, 3.0]], [1] * 1001, {"inputs": []}, "FP32", "BYTES",
)  # fmt: skip
RAW = (
    "NaN",
    "Infinity",
    "1e999",
    "-",
    "9" * 5000,
    "[" * 40 + "]" * 40,
    '"\\ud800"',
    '{"seq":1,"seq":2}',
    "01",
    "\ufeff1",
    "1 1",
)
PATHS = (
    "%2e%2e/",
    "..;/",
    "%00",
    "//",
    "/./",
    "?x=1",
    "#",
    "%zz",
    "é",
    "\u202e",
    "/" + "a" * 3000,
    "%c3%28",
    ";",
    "\\",
    " ",
)
HEADERS = (
    "Content-Length: 5", "Content-Length: -1", "Content-Length: 99999999999", "Content-Length: 1, 2", "Expect: 100-continue",
    "Transfer-Encoding: chunked", "Transfer-Encoding: gzip", "Content-Encoding: gzip", "Host: evil.example", "Origin: null",
    "Origin: x", "Content-Type: text/plain", "Content-Type: text/csv", "Content-Type: multipart/form-data", "Accept: x",
    "Content-Type: application/json; charset=x", "Authorization: Bearer x", "Range: bytes=0-,0-,0-", "X: " + "y" * 40_000,
    "Inference-Header-Content-Length: 10", "Upgrade: websocket", "Connection: upgrade", "Cookie: a=b", ": x", "a b: c",
    "X:\x01", "Content-Length: 0", "If-None-Match: *",
)  # fmt: skip


def made(rng):
    """Return the bytes of a request."""
    method, path, body = rng.choice(REQUESTS)
    kind = rng.random()
    if body is not None and not isinstance(body, str):
        body = json.dumps(changed(rng, body) if kind < 0.6 else body)
    content = (body or "").encode()
    if kind > 0.9 and content:
        content = mutated(rng, content, 3)
    if rng.random() < 0.05 and content:
        content = re.sub(rb"[\d.]+", lambda _: rng.choice(RAW).encode(), content, count=1)
    if rng.random() < 0.1:
        method = rng.choice(
            ("HEAD", "OPTIONS", "TRACE", "CONNECT", "PATCH", "PUT", "DELETE", "GET", "POST", "get", "", "A" * 50)
        )
    if rng.random() < 0.1:
        place = rng.randrange(len(path) + 1)
        path = path[:place] + rng.choice(PATHS) + path[place:]
    form = "text/csv" if body == "a\n1\n2\n" else "application/json"
    headers = ["Host: 127.0.0.1", "Connection: close"]
    headers += [f"Content-Type: {form}", f"Content-Length: {len(content)}"] if body is not None else []
    for _ in range(rng.choice((0, 0, 0, 0, 1, 2))):
        place = rng.randrange(len(headers) + 1)
        headers[place : place + rng.randrange(2)] = [rng.choice(HEADERS)]
    version = rng.choice(("HTTP/1.1",) * 100 + ("HTTP/1.0", "HTTP/2", "HTTP/9.9", ""))
    end = rng.choice(("\r\n",) * 50 + ("\n",))
    request = end.join([f"{method} {path} {version}", *headers, "", ""]).encode() + content
    return mutated(rng, request, 3) if rng.random() < 0.1 else request


def changed(rng, body):
    """Return a body with one or two values replaced, keys renamed, or something more in it."""
    body = json.loads(json.dumps(body))
    for _ in range(rng.choice((0, 1, 1, 2))):
        nest = body
        while isinstance(nest, dict | list) and nest:
            key = rng.choice(list(nest) if isinstance(nest, dict) else range(len(nest)))
            if isinstance(nest[key], dict | list) and nest[key] and rng.random() < 0.7:
                nest = nest[key]
                continue
            what = rng.random()
            if what < 0.7:
                nest[key] = copy.deepcopy(rng.choice(ODD))
            elif what < 0.85 or isinstance(nest, list):
                del nest[key]
            else:
                nest[rng.choice(("id", "seq", "x", "xs", "extra", "parameters", "outputs"))] = copy.deepcopy(nest[key])
            break
    return body if rng.random() < 0.97 else rng.choice(ODD)


async def sent(port, request):
    """Send a request; return all that was answered, and the seconds after the last byte."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        await writer.drain()
        started, parts = time.perf_counter(), []
        half_closed = False
        while True:
            try:
                part = await asyncio.wait_for(reader.read(65536), SLOWEST if half_closed else 0.5)
            except TimeoutError:
                if half_closed:
                    return b"".join(parts), time.perf_counter() - started, "neither answered nor closed"
                # Perhaps it waits for more of the request, which will not come.
                writer.write_eof()
                half_closed, started = True, time.perf_counter()
                continue
            if not part:
                return b"".join(parts), time.perf_counter() - started, None
            parts.append(part)
    except (ConnectionError, OSError):
        return b"", 0.0, None
    finally:
        writer.close()


async def tried(port, request):
    """Send a request; return a word on its answer, what is wrong with it or None, and the seconds that it took."""
    for _ in range(3):
        answer, seconds, fault = await sent(port, request)
        word, wrong = judged(answer)
        if wrong is not None or (fault is None and seconds <= SLOWEST):
            return word, wrong, seconds
        # Where the machine does other things, the simplest question waits as long: once more, when it is quick again.
        while (await sent(port, b"GET /v2/health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"))[
            1
        ] > 0.5:
            await asyncio.sleep(1.0)
    return word, fault or f"took {seconds:.1f} s", seconds


def judged(answer):
    """Return a word on an answer, and what is wrong with it or None."""
    if not answer:
        return "closed", None
    head, _, body = answer.partition(b"\r\n\r\n")
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", head)
    if not found:
        return "no HTTP", f"no HTTP: {answer[:200]!r}"
    status = int(found[1])
    if b"Traceback" in answer or b"site-packages" in answer:
        return "traceback", f"shows its inside: {answer[:2000]!r}"
    if status < 400 or (status < 500 and b"content-length: 0\r\n" in head.lower() + b"\r\n") or not body:
        return str(status), None if status < 500 else f"{status} without a word"
    if not body.startswith(b"{"):
        return str(status), f"no JSON: {answer[:500]!r}"
    said = json.loads(body[: body.index(b"}HTTP/1.1") + 1] if b"}HTTP/1.1" in body else body)
    code = said.get("code")
    if status == 503 and "ready" in said:
        return "503 not ready", None
    if code not in CODES or CODES[code].status != status or {"error", "remedy", "request_id"} - said.keys():
        return str(status), f"another shape: {answer[:500]!r}"
    if not str(said["error"]).isprintable():
        return str(status), f"unprintable: {said['error']!r}"
    return f"{status} {code}", "failed inside" if code == "internal" else None


def campaign(first, inputs, together, scratch, network):
    """Send many requests; return what was found, and the faults."""
    server = Served({"lstm": network}, scratch / "sessions")
    became, faults, slowest = {}, [], 0.0
    numbers = iter(range(first, first + inputs))

    async def one_after_the_other():
        nonlocal slowest
        for number in numbers:
            request = made(random.Random(f"http {number}"))
            word, fault, seconds = await tried(server.port, request)
            became[word] = became.get(word, 0) + 1
            slowest = max(slowest, seconds)
            if fault:
                faults.append((number, fault, request))
                if len(faults) > 20:
                    return

    async def whole():
        client = Client(server.port)
        assert (await client.ask("POST", "/v1/models/lstm/sessions", {"id": "undisturbed"}))[0] == 201
        before = await client.ask("POST", "/v1/sessions/undisturbed/steps", {"seq": 1, "x": [0.25]})
        await client.close()
        memory = server.megabytes()
        await asyncio.gather(*(one_after_the_other() for _ in range(together)))
        again = await client.ask("POST", "/v1/sessions/undisturbed/steps", {"seq": 1, "x": [0.25]})
        assert again[1]["y"] == before[1]["y"]
        assert again[1]["replayed"]
        assert (await client.ask("GET", "/v2/health/ready"))[0] == 200
        await client.close()
        return [memory[0], *server.megabytes()]

    memory = asyncio.run(whole())
    status, log = server.stop()
    return {
        "inputs": inputs,
        "first": first,
        "answers": dict(sorted(became.items())),
        "faults": len(faults),
        "slowest_seconds": round(slowest, 2),
        "megabytes_before_after_most": memory,
        "exit_status": status,
        "tracebacks": log.count("Traceback"),
    }, faults


def main():
    """Run what the command line asks for, and record it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="the number of the first request")
    parser.add_argument("--together", type=int, default=32)
    parser.add_argument("--show", type=int, help="print this request")
    parser.add_argument("--network", type=Path, help="a saved network that reads and says one number; else one is made")
    parser.add_argument("--short", action="store_true", help="record nothing")
    given = parser.parse_args()
    if given.show is not None:
        print(made(random.Random(f"http {given.show}")))
        return
    with tempfile.TemporaryDirectory() as scratch:
        network = given.network or save_network(Path(scratch) / "lstm", 8)
        found, faults = campaign(given.first, given.inputs, given.together, Path(scratch), network)
    for number, fault, request in faults:
        print(f"--show {number}: {fault}\n{request[:1000]!r}\n")
    record("fuzz_http", found, not given.short)
    raise SystemExit(bool(faults or found["tracebacks"]))


if __name__ == "__main__":
    main()
