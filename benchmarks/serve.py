"""Steps of an LSTM(64) over HTTP: gatewise with every step on the disk, beside servers that keep state in memory.

One client process on the same machine holds 1, 16 or 64 connections open; each has a session of its own and asks for the next
step as soon as it has the answer to the last. ``gatewise serve`` runs as anybody would start it, with a token; MLServer and
BentoML at their defaults, with the same network in NumPy and its states in a dict (serve_peers.py). Other parts: 100,000
sessions that nobody uses, a soak, and a thousand connections that send a byte a second. Writes results/serve.json.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from measuring import allocated_bytes
from serve_client import Taken, connected, post, stepped

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "serve.json"
TOKEN = "a-token-of-the-benchmark-with-32-signs"
CLIENTS = (1, 16, 64)
IDLE = 100_000
TRICKLING = 1000
_ENVIRONMENT = dict(os.environ)


# -- the servers --------------------------------------------------------------------------------------------------------


class Server:
    """A server in a process of its own, from its start to its end."""

    title = ""

    def __init__(self, folder, python, port=None):
        self.folder, self.python, self.process = folder, python, None
        self.port = port or _free_port()

    def start(self, ready_within=120.0):
        """Start it; return after how many seconds it said that it was ready."""
        before = time.perf_counter()
        with open(self.folder / f"{type(self).__name__}.log", "ab") as log:
            self.process = subprocess.Popen(
                self.command(), cwd=self.folder, env=self.environment(), stdout=log, stderr=log, start_new_session=True
            )
        while not self.ready():
            if time.perf_counter() - before > ready_within or self.process.poll() is not None:
                raise SystemExit(f"{self.title} did not start; see {log.name}")
            time.sleep(0.01)
        return time.perf_counter() - before

    def stop(self):
        """End it, and what it has started."""
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def ready(self):
        """Return whether it answers that it is ready."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as one:
                one.sendall(post(self.ready_path, b"", self.token, verb=self.ready_verb))
                return one.recv(64)[9:12] == b"200"
        except OSError:
            return False

    ready_path, ready_verb, token = "/v2/health/ready", "GET", None

    def environment(self):
        """Return the variables that its process sees."""
        return _ENVIRONMENT

    def memory(self):
        """Return the megabytes that its processes have allocated."""
        processes = [psutil.Process(self.process.pid)]
        processes += processes[0].children(recursive=True)
        return sum(map(allocated_bytes, processes)) / 1e6


class Gatewise(Server):
    """``gatewise serve`` with a token, metrics and full durability."""

    title, token = "gatewise serve", TOKEN

    def command(self):
        given = ["lstm", "--port", str(self.port), "--data", "data", "--token", TOKEN]
        return [self.python, "-m", "gatewise", "serve", *given]

    async def session(self, connection, name=None):
        body = json.dumps({} if name is None else {"id": name}).encode()
        status, answer = await connection.ask(post("/v1/models/lstm/sessions", body, TOKEN))
        if status not in (200, 201):
            raise SystemExit(f"{self.title} answered {status} {answer!r}")
        return json.loads(answer)["session"]

    def step(self, session, number, value):
        return post(f"/v1/sessions/{session}/steps", b'{"seq":%d,"x":[%r]}' % (number, value), TOKEN)

    def right(self, body, number):
        return body.startswith(b'{"seq":%d,' % number) and body.endswith(b'"replayed":false}')


class MLServer(Server):
    """MLServer at its defaults, with a runtime of one's own."""

    title = "MLServer"

    def command(self):
        return [self.python, "-m", "mlserver.cli.main", "start", "mlserver"]

    def start(self, ready_within=120.0):
        place = self.folder / "mlserver"
        place.mkdir(exist_ok=True)
        ports = {"http_port": self.port, "grpc_port": _free_port(), "metrics_port": _free_port(), "host": "127.0.0.1"}
        (place / "settings.json").write_text(json.dumps(ports))
        (place / "model-settings.json").write_text(
            json.dumps({"name": "lstm", "implementation": "serve_peers_mlserver.Stepping"})
        )
        return super().start(ready_within)

    def environment(self):
        return {**_ENVIRONMENT, "PYTHONPATH": str(HERE), "LSTM_WEIGHTS": str(self.folder / "weights.npz")}

    async def session(self, connection):
        return f"{random.getrandbits(64):x}"

    def step(self, session, number, value):
        tensor = {"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [value]}
        return post("/v2/models/lstm/infer", json.dumps({"id": session, "inputs": [tensor]}).encode())

    def right(self, body, number):
        return b'"outputs"' in body


class BentoML(Server):
    """BentoML at its defaults, with a service of one's own."""

    title, ready_path = "BentoML", "/readyz"

    def command(self):
        given = ["serve_peers_bentoml:Stepping", "--port", str(self.port), "--host", "127.0.0.1"]
        return [self.python, "-m", "bentoml", "serve", *given]

    def environment(self):
        quiet = {"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(self.folder / "bentoml")}
        return {**_ENVIRONMENT, "PYTHONPATH": str(HERE), "LSTM_WEIGHTS": str(self.folder / "weights.npz"), **quiet}

    async def session(self, connection):
        return f"{random.getrandbits(64):x}"

    def step(self, session, number, value):
        return post("/step", json.dumps({"session": session, "x": [value]}).encode())

    def right(self, body, number):
        return body.startswith(b"[")


SERVERS = {"gatewise": Gatewise, "mlserver": MLServer, "bentoml": BentoML}


def _free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def made_model(folder):
    """Save an LSTM(64) → Dense(1) for gatewise, and its weights for the others."""
    code = """
import keras, numpy as np, gatewise as gw
keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((None, 1)), keras.layers.LSTM(64), keras.layers.Dense(1)])
gw.save(model, "lstm")
names = ("kernel", "recurrent", "bias", "dense", "dense_bias")
np.savez("weights.npz", **dict(zip(names, model.get_weights(), strict=True)))
"""
    code = code.replace("import keras, numpy as np, gatewise as gw", "import gatewise as gw, keras, numpy as np")
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, capture_output=True)


# -- the parts ----------------------------------------------------------------------------------------------------------


def part_rates(folder, options):
    """Steps a second, and how long one takes, at 1, 16 and 64 clients; servers take turns."""
    pythons = {"gatewise": sys.executable, "mlserver": options.mlserver, "bentoml": options.bentoml}
    found = {name: {str(clients): [] for clients in CLIENTS} for name in options.servers.split(",")}
    for number in range(options.rounds):
        for name, rows in found.items():
            if pythons[name] is None:
                continue
            server = SERVERS[name](folder, pythons[name])
            server.start()
            try:
                for clients in CLIENTS:
                    rows[str(clients)].append(run(stepped(server, clients, options.seconds)))
                    print(number, name, clients, rows[str(clients)][-1], flush=True)
            finally:
                server.stop()
            shutil.rmtree(folder / "data", ignore_errors=True)
    return found


def part_idle(folder, options):
    """What sessions cost that nobody uses, and how soon a server with many of them is ready."""
    server = Gatewise(folder, sys.executable)

    async def some():
        await stepped(server, 4, 1.0, 0.2)

    async def create():
        connections = [await connected(server.port) for _ in range(32)]
        numbers = iter(range(IDLE))

        async def one(connection):
            for number in numbers:
                await server.session(connection, f"idle-{number}")

        before = time.perf_counter()
        await asyncio.gather(*map(one, connections))
        return time.perf_counter() - before

    async def cold(count=300):
        connection, taken = await connected(server.port), Taken()
        for number in random.Random(0).sample(range(IDLE), count):
            before = time.perf_counter()
            status, body = await connection.ask(server.step(f"idle-{number}", 1, 0.5))
            taken.latencies.append(time.perf_counter() - before)
            assert status == 200, body
            taken.seconds += taken.latencies[-1]
        return taken.summary()

    found = {"sessions": IDLE, "ready_empty_seconds": server.start()}
    run(some())
    found["memory_empty_mb"] = server.memory()
    found["create_seconds"] = run(create())
    found["memory_full_mb"] = server.memory()
    server.stop()
    found["disk_mb"] = sum(one.stat().st_size for one in (folder / "data").rglob("*") if one.is_file()) / 1e6
    found["ready_full_seconds"] = server.start()
    run(some())
    found["memory_restarted_mb"] = server.memory()
    found["cold_step"] = run(cold())
    server.stop()
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in found.items()}


def part_soak(folder, options):
    """How memory goes while 16 clients step all the time, each its one session."""
    server = Gatewise(folder, sys.executable)
    server.start()
    samples = []

    async def watched():
        begin = time.perf_counter()

        async def watch():
            while True:
                await asyncio.sleep(5.0)
                samples.append((time.perf_counter() - begin, server.memory()))
                print(samples[-1], flush=True)

        watching = asyncio.create_task(watch())
        summary = await stepped(server, 16, 60 * options.minutes)
        watching.cancel()
        return summary

    try:
        summary = run(watched())
    finally:
        server.stop()
    # The caches of the store fill in the beginning.
    later = [one for one in samples if one[0] > min(120.0, 20 * options.minutes)]
    slope = statistics.linear_regression(*zip(*later, strict=True)).slope if len(later) > 1 else 0.0
    return {
        "minutes": options.minutes,
        "steps": summary["requests"],
        "memory_mb": [[round(when, 1), round(size, 3)] for when, size in samples],
        "slope_mb_per_hour": round(3600 * slope, 3),
        "p99_ms": summary["p99_ms"],
    }


def part_trickle(folder, options):
    """What a thousand connections that send a byte a second cost the others."""
    server = Gatewise(folder, sys.executable)
    server.start()
    try:
        alone = run(stepped(server, 16, options.seconds))
        slow = subprocess.Popen([sys.executable, __file__, "--trickle", str(server.port)], stdout=subprocess.PIPE)
        # They are read from as they say that all are open.
        slow.stdout.readline()
        beside = run(stepped(server, 16, options.seconds))
        return {"alone": alone, "beside": beside, **json.loads(slow.communicate()[0])}
    finally:
        server.stop()


async def trickled(port):
    """Open many connections that send the head of a request a byte a second, until the server ends them."""
    request, ages = post("/v1/models/lstm/sessions", b"{}", TOKEN), []

    async def one():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        begin = time.perf_counter()
        for sign in request[:30]:
            writer.write(bytes([sign]))
            try:
                async with asyncio.timeout(1.0):
                    # An answer, or the end: either way the server has had enough.
                    await reader.read()
            except TimeoutError:
                continue
            except OSError:
                pass
            ages.append(time.perf_counter() - begin)
            break
        writer.close()

    tasks = [asyncio.create_task(one()) for _ in range(TRICKLING)]
    await asyncio.sleep(1.0)
    print("open", flush=True)
    await asyncio.gather(*tasks)
    return {"sockets": TRICKLING, "closed_by_server": len(ages), "longest_seconds": round(max(ages, default=0.0), 1)}


PARTS = {"rates": part_rates, "idle": part_idle, "soak": part_soak, "trickle": part_trickle}


def run(work):
    """Run a coroutine in the quickest loop there is, so that the client takes little of the machine."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


def machine():
    """Return what it ran on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "")
    return {"processor": name, "cores": len(os.sched_getaffinity(0)), "python": sys.version.split()[0]}


def versions(options):
    """Return the versions of the servers."""
    code = "from importlib.metadata import version as v; import json; print(json.dumps({n: v(n) for n in %r}))"
    wanted = {sys.executable: ["uvicorn", "numpy"], options.mlserver: ["mlserver"], options.bentoml: ["bentoml"]}
    found = {}
    for python, names in wanted.items():
        if python is not None:
            found |= json.loads(subprocess.check_output([python, "-c", code % names]))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", default="rates,idle,soak,trickle", help="which parts, with commas between them")
    parser.add_argument("--servers", default="gatewise,mlserver,bentoml", help="which servers step")
    parser.add_argument("--mlserver", metavar="PYTHON", help="the Python that has MLServer")
    parser.add_argument("--bentoml", metavar="PYTHON", help="the Python that has BentoML")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the soak")
    parser.add_argument("--append", action="store_true", help="add the rounds of 'rates' to those there are")
    parser.add_argument("--trickle", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    if options.trickle:
        print(json.dumps(run(trickled(options.trickle))))
        return
    known = json.loads(options.out.read_text()) if options.out.exists() else {}
    for part in options.parts.split(","):
        with tempfile.TemporaryDirectory(prefix="gatewise-serve-") as folder:
            made_model(Path(folder))
            found = PARTS[part](Path(folder), options)
        print(part, json.dumps(found, indent=1), flush=True)
        if part == "rates":
            known["versions"] = versions(options)
            for name, rows in found.items() if options.append else ():
                for clients, runs in rows.items():
                    runs[:0] = known.get(part, {}).get(name, {}).get(clients, [])
        known |= {"machine": machine(), part: found}
        options.out.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main()
