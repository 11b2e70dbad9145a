"""Requests that no client would send, to the real server: ``python tests/campaigns/fuzz_http.py --inputs 100000``.

Requests of every route are changed in their bytes, their headers, or the values of their JSON, and written to sockets, 32 at
a time: one on a connection, several in one packet or after each other, or one with a half behind it that nobody ends. The
server has a network, a forecaster and a classifier. Each must be answered as documented, or its connection closed, within
five seconds of its last byte, and what never ends within ten; right requests in one packet are answered one by one; an error
must have the one shape of errors. In the end the server must be well, its log without a traceback, its memory bounded, and a
session that nobody disturbed where it was.
"""

import argparse
import asyncio
import contextlib
import copy
import json
import random
import re
import tempfile
import time
from pathlib import Path

from fuzzing import mutated
from recorded import record
from served import Client, Served, save_models

from gatewise.serving.terms.problems import CODES

SLOWEST = 5.0
# What never ends is cut so soon, and one connection of so many is one that never does.
CUT = 10.0
RARE = 100
SNAPSHOT = {"format": 1, "model": "lstm", "model_sha256": "0" * 64, "seq": 1, "state": "AAAA"}
INFER = {"id": "1", "inputs": [{"name": "x", "shape": [1, 2, 1], "datatype": "FP32", "data": [0.5, 1]}]}
HORIZON = {"inputs": [{"name": "horizon", "shape": [1], "datatype": "INT64", "data": [2]}]}
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
    ("POST", "/predict/sales", {"inputs": {"horizon": [2]}}),
    ("POST", "/v2/models/sales/infer", HORIZON),
    ("POST", "/v2/models/sales/infer", {**INFER, "parameters": {"sequence_id": "q", "sequence_start": True}}),
    ("POST", "/v1/models/sales/sessions", {"id": "f", "series": "a"}),
    ("POST", "/v1/sessions/f/steps", {"seq": 1, "x": 3}),
    ("GET", "/v1/sessions/f/history?last=2", None),
    ("POST", "/v1/sessions/f/forecast", {"horizon": 3}),
    ("POST", "/predict/moods", {"inputs": ["a good film", ""]}),
    ("POST", "/predict/moods", "text\na bad film\n"),
    ("POST", "/v1/models/moods/explain", {"text": "so good"}),
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


# Where an answer begins among those of a connection.
ANSWERS = re.compile(rb"(?=HTTP/1\.1 \d{3} [A-Z])")
LIVE = b"GET /v2/health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


def made(rng):
    """Return what is sent on a connection: packets, how many answers there have to be or None, and whether it never ends."""
    kind = rng.random()
    if kind < 1 / RARE:
        first, half = made_request(rng, "keep-alive", False), made_request(rng, "keep-alive", False)
        return [first + half[: rng.randrange(1, len(half))]], None, True
    if kind < 0.7:
        return [made_request(rng, "close")], None, False
    count, changing = rng.randrange(2, 5), kind < 0.9
    requests = [made_request(rng, "keep-alive", changing) for _ in range(count - 1)] + [
        made_request(rng, "close", changing)
    ]
    packets = requests if rng.random() < 0.3 else [b"".join(requests)]
    return packets, None if changing else count, False


def made_request(rng, connection, changing=True):
    """Return the bytes of a request, as they should be or changed."""
    if not changing:
        method, path, body = rng.choice(REQUESTS)
        content = body if isinstance(body, str) else "" if body is None else json.dumps(body)
        form = "text/csv" if isinstance(body, str) else "application/json"
        headers = (
            f"Host: 127.0.0.1\r\nConnection: {connection}\r\nContent-Type: {form}\r\nContent-Length: {len(content)}"
        )
        return f"{method} {path} HTTP/1.1\r\n{headers}\r\n\r\n{content}".encode()
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
    form = "text/csv" if body in ("a\n1\n2\n", "text\na bad film\n") else "application/json"
    headers = ["Host: 127.0.0.1", f"Connection: {connection}"]
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


async def sent(port, packets, whole=False, endless=False):
    """Send packets; return all that was answered, the seconds after the last byte, and what is wrong or None.

    Args:
        port: The server's.
        packets: What is sent.
        whole: Whether there is nothing more to send, and all is waited for.
        endless: Whether something is left to send that never will be.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    parts = []
    try:
        for place, packet in enumerate(packets):
            writer.write(packet)
            await writer.drain()
            if place < len(packets) - 1:
                # The next request after some of the answer to this one, if there is any.
                with contextlib.suppress(TimeoutError):
                    parts.append(await asyncio.wait_for(reader.read(65536), 0.2))
        started = time.perf_counter()
        closing = whole or endless
        while True:
            try:
                part = await asyncio.wait_for(reader.read(65536), CUT if endless else SLOWEST if closing else 0.5)
            except TimeoutError:
                if closing:
                    return b"".join(parts), time.perf_counter() - started, "neither answered nor closed"
                # Perhaps it waits for more of the request, which will not come.
                writer.write_eof()
                closing, started = True, time.perf_counter()
                continue
            if not part:
                return b"".join(parts), time.perf_counter() - started, None
            parts.append(part)
    except (ConnectionError, OSError):
        return b"".join(parts), 0.0, None
    finally:
        writer.close()


async def tried(port, packets, wanted, endless):
    """Send packets; return words on the answers, what is wrong with them or None, and the seconds that they took."""
    most = CUT if endless else SLOWEST
    for _ in range(3):
        answer, seconds, fault = await sent(port, packets, wanted is not None, endless)
        found = [judged(one) for one in ANSWERS.split(answer)[1:]] or [judged(answer)]
        words, wrong = [word for word, _ in found], next((wrong for _, wrong in found if wrong is not None), None)
        if wanted is not None and wanted != len(words):
            wrong = wrong or f"{len(words)} answers to {wanted} requests"
        if wrong is not None or (fault is None and seconds <= most):
            return words, wrong, seconds
        # Where the machine does other things, the simplest question waits as long: once more, when it is quick again.
        while (await sent(port, [LIVE]))[1] > 0.5:
            await asyncio.sleep(1.0)
    return words, fault or f"took {seconds:.1f} s", seconds


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


def campaign(first, inputs, together, scratch, models):
    """Send many requests; return what was found, and the faults."""
    server = Served(models, scratch / "sessions")
    became, faults, cut, slowest = {}, [], 0, 0.0
    numbers = iter(range(first, first + inputs))

    async def one_after_the_other():
        nonlocal cut, slowest
        for number in numbers:
            packets, wanted, endless = made(random.Random(f"http {number}"))
            words, fault, seconds = await tried(server.port, packets, wanted, endless)
            for word in words:
                became[word] = became.get(word, 0) + 1
            cut += endless
            slowest = max(slowest, 0.0 if endless else seconds)
            if fault:
                faults.append((number, fault, packets))
                if len(faults) > 20:
                    return

    async def whole():
        client = Client(server.port)
        assert (await client.ask("POST", "/v1/models/lstm/sessions", {"id": "undisturbed"}))[0] == 201
        before = await client.ask("POST", "/v1/sessions/undisturbed/steps", {"seq": 1, "x": [0.25]})
        await client.close()
        # What the first work of all waits for, Keras, is loaded.
        await client.ask("POST", "/v1/tables", CSV)
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
        "models": sorted(models),
        "never_ended": cut,
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
    parser.add_argument(
        "--network",
        type=Path,
        help="a saved network that reads and says one number, served alone; else three models are made",
    )
    parser.add_argument("--short", action="store_true", help="record nothing")
    given = parser.parse_args()
    if given.show is not None:
        print(made(random.Random(f"http {given.show}")))
        return
    with tempfile.TemporaryDirectory() as scratch:
        models = {"lstm": given.network} if given.network else save_models(Path(scratch))
        found, faults = campaign(given.first, given.inputs, given.together, Path(scratch), models)
    for number, fault, packets in faults:
        print(f"--show {number}: {fault}\n{[packet[:1000] for packet in packets]!r}\n")
    record("fuzz_http", found, not given.short)
    raise SystemExit(bool(faults or found["tracebacks"]))


if __name__ == "__main__":
    main()
