"""HTTP as it arrives: requests that never end, headers without end, and bytes that are no HTTP are cut off here.

uvicorn waits for the end of a request for as long as somebody goes on sending bytes. This protocol counts the time from the
first byte of a request to its last, whatever comes in between, and the bytes of its headers while they come.
"""

import asyncio
import itertools
import secrets
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gatewise.serving.answers import ALWAYS, JSON
from gatewise.serving.limits import Limits
from gatewise.serving.problems import Problem

_MOST_HEADERS = 100
_BEGUN = secrets.token_hex(4)
_REQUESTS = itertools.count(1)


def new_request_id() -> str:
    """Return a name for a request, by which it is found in the log."""
    return f"{_BEGUN}-{next(_REQUESTS):x}"


class Receipt(HttpToolsProtocol):
    """A connection."""

    limits = Limits()

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        # When the first byte of the request under way came; None between requests.
        self.begun: float | None = None
        # Since when the other side takes no more of an answer.
        self.stuck: float | None = None
        self._in_head = False
        self._head_bytes = 0
        self._problem: Problem | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, if there are not too many."""
        super().connection_made(transport)
        self.begun = self.loop.time()
        if len(self.connections) > self.limits.connections:
            self._refuse(Problem("busy", "The server has too many connections.", headers=((b"retry-after", b"1"),)))

    def data_received(self, data: bytes) -> None:
        """Take bytes; of headers only as many as they may have."""
        if self.begun is None:
            self.begun = self.loop.time()
        if self.parser is None or self.transport.is_closing():
            return
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > self.limits.header_bytes:
                self._refuse(self._large())

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """Begin to answer, if the headers are no more than they may be."""
        self._in_head = False
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self.limits.header_bytes or len(self.headers) > _MOST_HEADERS:
            self._problem = self._large()
        elif len(self.url) > self.limits.path_bytes:
            self._problem = Problem("path_long", f"The path is longer than {self.limits.path_bytes} bytes.")
        elif sum(name == b"content-length" for name, _ in self.headers) > 1:
            self._problem = Problem("bad_request", "The request has two lengths.")
        if self._problem is not None:
            # The parser ends here, and asks for a refusal.
            raise ValueError(self._problem)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Stop the clock."""
        self.begun = None
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Remember since when the other side does not read."""
        self.stuck = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Forget it."""
        self.stuck = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser could not read."""
        self._refuse(self._problem or Problem("bad_request", "The bytes that came are no HTTP request."))

    def _unsupported_upgrade_warning(self) -> None:
        """Answer as if no upgrade had been asked for, and speak no other protocol afterwards."""
        if self.cycle is not None:
            self.cycle.keep_alive = False

    def cut(self, now: float) -> None:
        """End the connection if its request has been coming, or its answer has been going, for too long."""
        if self.stuck is not None and now - self.stuck > self.limits.answer_seconds:
            self.transport.abort()
        elif self.begun is not None and now - self.begun > self.limits.receipt_seconds and not self.flow.read_paused:
            self._refuse(
                Problem("receipt_slow", f"The request did not arrive within {self.limits.receipt_seconds:g} seconds.")
            )

    def _large(self) -> Problem:
        return Problem(
            "headers_large", f"The headers are more than {self.limits.header_bytes} bytes, or {_MOST_HEADERS}."
        )

    def _refuse(self, problem: Problem) -> None:
        """Answer without the application, if nothing of another answer is under way, and close."""
        answering = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        if not answering and not self.transport.is_closing():
            body = problem.body(new_request_id())
            head = [
                f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}".encode(),
                b"content-type: " + JSON,
                b"content-length: %d" % len(body),
                b"connection: close",
                *(b"%b: %b" % header for header in (*ALWAYS, *problem.headers)),
            ]
            self.transport.write(b"\r\n".join(head) + b"\r\n\r\n" + body)
        self.begun = None
        self.transport.close()


def cut_slow(connections: Iterable[Any], now: float) -> None:
    """End all connections that are too slow."""
    for connection in list(connections):
        if isinstance(connection, Receipt):
            connection.cut(now)
