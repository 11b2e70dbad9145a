"""A server in a process of its own for the campaigns, as users start it, and a client of few lines."""

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path


def save_network(folder, units=64):
    """Save a network of one LSTM; where it begins is all that matters here."""
    import gatewise as gw
    from gatewise.backend import import_keras

    keras = import_keras()
    keras.utils.set_random_seed(1)
    layers = [keras.Input((None, 1)), keras.layers.LSTM(units, return_sequences=True), keras.layers.Dense(1)]
    gw.save(keras.Sequential(layers), folder, overwrite=True)
    return folder


def save_models(folder):
    """Save a network, a forecaster and a classifier, the small ones that there are; return their folders by name."""
    import gatewise as gw

    table = "\n".join(
        ["unique_id,ds,y", *(f"{one},2024-01-{day:02},{day % 7 + 1}" for one in "ab" for day in range(1, 31))]
    )
    (folder / "sales.csv").write_text(table)
    sales = gw.Forecaster(horizon=3, network=[], baselines=["Naive", "SeasonalNaive"]).fit(
        gw.read_series(folder / "sales.csv")
    )
    sales.save(folder / "sales")
    texts = ["a good film", "good fun", "so good", "a bad film", "bad taste", "so bad"] * 4
    gw.TextClassifier(network=()).fit(texts, ["pos", "pos", "pos", "neg", "neg", "neg"] * 4).save(folder / "moods")
    return {"lstm": save_network(folder / "lstm", 8), "sales": folder / "sales", "moods": folder / "moods"}


class Served:
    """``gatewise serve`` over models and a folder of sessions."""

    def __init__(self, models, data, *options):
        names = [f"{name}={folder}" for name, folder in models.items()]
        command = [sys.executable, "-m", "gatewise", "serve", *names, "--port", "0", "--data", str(data), *options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "NO_COLOR": "1"})
        self.log = []
        for line in self.process.stderr:
            self.log.append(line)
            if found := re.search(r"serving at http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                break
        else:
            raise RuntimeError(f"the server did not start: {''.join(self.log)}")

    def kill(self):
        """Kill it, with no time for anything."""
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def stop(self):
        """Ask it to stop; return its exit status and all that it logged."""
        self.process.send_signal(signal.SIGTERM)
        _, rest = self.process.communicate(timeout=60)
        return self.process.returncode, "".join(self.log) + rest

    def megabytes(self):
        """Return the memory that it has now and had at most."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return [int(re.search(rf"{name}:\s+(\d+)", status)[1]) // 1024 for name in ("VmRSS", "VmHWM")]


class Client:
    """One connection that asks one thing after the other."""

    def __init__(self, port):
        self.port = port
        self.reader = self.writer = None

    async def ask(self, method, path, body=None):
        """Return status and parsed answer; None where the connection ended before it."""
        try:
            await self.send(method, path, body)
            return await self.answer()
        except (OSError, asyncio.IncompleteReadError):
            await self.close()
            return None

    async def send(self, method, path, body=None):
        """Send a request."""
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        content = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        self.writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        await self.writer.drain()

    async def answer(self):
        """Return the next answer."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        content = await self.reader.readexactly(int(length[1])) if length else b""
        return int(head.split()[1]), json.loads(content) if content else None

    async def close(self):
        """Close the connection, read or not."""
        if self.writer is not None:
            self.writer.close()
            with contextlib.suppress(OSError):
                await self.writer.wait_closed()
        self.reader = self.writer = None
