"""The client of benchmarks/serve.py: connections that stay open, and how long their answers take."""

import asyncio
import time
from dataclasses import dataclass, field


class Connection(asyncio.Protocol):
    """One connection that is kept open: a request, and when its answer is there the next."""

    def __init__(self):
        self.transport, self.buffer, self.answer = None, b"", None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.buffer += data
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        lower = self.buffer[:head].lower()
        start = lower.index(b"content-length:") + 15
        size = int(lower[start : (lower.find(b"\r\n", start) + 1 or head + 1) - 1])
        if len(self.buffer) >= head + 4 + size:
            status, body = int(self.buffer[9:12]), self.buffer[head + 4 : head + 4 + size]
            self.buffer = self.buffer[head + 4 + size :]
            self.answer.set_result((status, body))

    def connection_lost(self, error):
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(error or ConnectionResetError("the server closed the connection"))

    def ask(self, request):
        """Send a request; return the future of its status and body."""
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self.answer


def post(path, body, token=None, host="127.0.0.1", verb="POST"):
    """Return the bytes of a request."""
    own = f"Authorization: Bearer {token}\r\n" if token else ""
    return (
        f"{verb} {path} HTTP/1.1\r\nHost: {host}\r\n{own}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


async def connected(port):
    """Return a new connection."""
    _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    return connection


@dataclass
class Taken:
    """How long answers took, in seconds, and how long all of it."""

    latencies: list = field(default_factory=list)
    seconds: float = 0.0

    def summary(self):
        """Return requests a second, and percentiles in milliseconds."""
        ordered = sorted(self.latencies)
        return {
            "requests": len(ordered),
            "seconds": round(self.seconds, 3),
            "rate": round(len(ordered) / self.seconds, 1),
            "p50_ms": round(1000 * ordered[len(ordered) // 2], 3),
            "p99_ms": round(1000 * ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))], 3),
        }


async def stepped(server, clients, seconds, warm=0.5):
    """Let some clients step for a while; every answer is checked."""
    connections = [await connected(server.port) for _ in range(clients)]
    sessions = [await server.session(connection) for connection in connections]
    taken, begin = Taken(), time.perf_counter() + warm
    end = begin + seconds

    async def one(connection, session):
        number = 0
        while True:
            number += 1
            request = server.step(session, number, (number % 17) / 17)
            before = time.perf_counter()
            if before >= end:
                return
            status, body = await connection.ask(request)
            after = time.perf_counter()
            if status != 200 or not server.right(body, number):
                raise SystemExit(f"{server.title} answered {status} {body[:300]!r}")
            if before >= begin:
                taken.latencies.append(after - before)

    await asyncio.gather(*map(one, connections, sessions))
    taken.seconds = time.perf_counter() - begin
    for connection in connections:
        connection.transport.close()
    return taken.summary()
