"""A server of the made models in a thread of its own, and a client that sends the bytes it is given."""

import asyncio
import contextlib
import json
import socket
import threading
from dataclasses import replace

from gatewise.serving.http.guards import Guards
from gatewise.serving.routes.app import Application
from gatewise.serving.server import Server, listening, run
from gatewise.serving.service import Service
from gatewise.serving.terms.limits import Limits
from serving.made_models import Lengths, Memory

QUICK = replace(Limits(), receipt_seconds=1.0, answer_seconds=3.0, drain_seconds=3.0)


class Running:
    """A server that runs until `stop`."""

    def __init__(self, folder, models=None, limits=QUICK, token=None, host="127.0.0.1"):
        self.bound = listening("127.0.0.1", 0)
        self.port = self.bound.getsockname()[1]
        self.service = Service(models if models is not None else [Memory(), Lengths()], folder, limits)
        self.application = Application(self.service, Guards(host, token))
        self.server = Server(self.service, self.application)
        started = threading.Event()
        self.thread = threading.Thread(target=run, args=(self.server, self.bound, started.set), daemon=True)
        self.thread.start()
        assert started.wait(10)

    def stop(self, grace=0.0):
        self.server.stop(grace)
        self.thread.join(10)
        assert not self.thread.is_alive()

    def connect(self):
        return Connection(self.port)

    def ask(self, method, path, body=None, headers=None):
        """Return status, headers and body of one request on a connection of its own."""
        with self.connect() as connection:
            return connection.ask(method, path, body, headers)

    def asked(self, method, path, body=None, headers=None):
        """Return status and parsed body."""
        status, _, said = self.ask(method, path, body, headers)
        return status, json.loads(said) if said else None


class Connection:
    """One connection; requests are written as they are given."""

    def __init__(self, port, source="127.0.0.1"):
        self.port = port
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(source, 0))
        self.left = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(data)

    def read(self, body=True):
        """Return status, headers and body of the next answer, which may have none; None where the connection was closed."""
        while b"\r\n\r\n" not in self.left:
            if not self._more():
                return None
        head, _, self.left = self.left.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(headers.get("content-length", 0)) if body else 0
        while len(self.left) < length:
            if not self._more():
                return None
        body, self.left = self.left[:length], self.left[length:]
        return int(first.split()[1]), headers, body

    def _more(self):
        """Read on; return whether anything came."""
        try:
            more = self.socket.recv(65536)
        except ConnectionResetError:
            return False
        self.left += more
        return bool(more)

    def closed(self):
        """Return whether the other side closes; anything it still says is dropped."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            pass
        except TimeoutError:
            return False
        return True

    def ask(self, method, path, body=None, headers=None):
        self.send(request(self.port, method, path, body, headers))
        return self.read()


def request(port, method, path, body=None, headers=None):
    """Return the bytes of a request; a body that is no bytes is sent as JSON."""
    told = {"Host": f"127.0.0.1:{port}"}
    if body is not None:
        told["Content-Type"] = "application/json"
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        told["Content-Length"] = str(len(body))
    told |= headers or {}
    lines = "".join(f"{name}: {value}\r\n" for name, value in told.items() if value is not None)
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + (body or b"")


def in_loop(coroutine):
    return asyncio.run(coroutine)
