"""The straight way from a connection to a session and back, for steps: no task, no scope, one write for the whole answer.

A step that waits for nothing but its commit is answered by the connection itself, after the same checks as everywhere. All
other requests, and steps that have to wait for more, take the usual way through ASGI.
"""

import re
from collections.abc import Sequence
from functools import cache
from http import HTTPStatus
from typing import Any, Protocol

from gatewise.serving.http.answers import ALWAYS, CLOSE, Answer
from gatewise.serving.http.guards import Headers

# Without anything that would have to be decoded.
_STEPS = re.compile(rb"/v1/sessions/([A-Za-z0-9][A-Za-z0-9._-]{0,63})/steps")
# A larger body arrives in several pieces, and is counted with all others that do.
_MOST_BYTES = 32 * 1024
# What these say is for the usual way.
_UNUSUAL = {b"transfer-encoding", b"content-encoding", b"expect", b"upgrade"}
_ALWAYS = b"".join(b"%b: %b\r\n" % header for header in ALWAYS)


class _Nobody:
    """An event that nobody waits for."""

    def set(self) -> None:
        """Tell nobody."""


class Straight:
    """A request that goes the straight way; has what uvicorn's protocol looks at in a request that it waits for.

    Attributes:
        connection: Where it came from.
        name: The session.
        headers: Its headers.
        body: Its body.
        keep_alive: Whether the connection goes on afterwards.
        disconnected: Whether the caller has gone.
        response_complete: Whether nothing more is to be done for it this way.
    """

    __slots__ = (
        "body", "connection", "disconnected", "headers", "keep_alive", "more_body", "name", "response_complete",
        "response_started", "scope",
    )  # fmt: skip
    message_event = _Nobody()

    def __init__(self, connection: "Connection", name: str, scope: Any, keep_alive: bool) -> None:
        self.connection = connection
        self.name = name
        self.scope = scope
        self.headers: Headers = scope["headers"]
        self.keep_alive = keep_alive
        self.body = bytearray()
        self.more_body = True
        self.disconnected = self.response_started = self.response_complete = False

    def reply(self, answer: Answer, request_id: str) -> None:
        """Answer it."""
        self.response_complete = True
        self.connection.reply(self, answer, request_id)

    def go_usual(self) -> None:
        """Let it go the usual way."""
        self.response_complete = True
        self.connection.go_usual(self)


class Connection(Protocol):
    """What a request needs of its connection."""

    def reply(self, request: Straight, answer: Answer, request_id: str) -> None:
        """Send an answer."""

    def go_usual(self, request: Straight) -> None:
        """Begin the request again, by way of ASGI."""


class AnswersSteps(Protocol):
    """Whoever answers steps that come the straight way."""

    def take(self, request: Straight) -> None:
        """Call one of `Straight.reply` and `Straight.go_usual`, now or later."""


def session_of(method: bytes, url: bytes, headers: Headers) -> str | None:
    """Return the session that a request steps, as far as its head says; None where it has to go the usual way."""
    found = _STEPS.fullmatch(url)
    if found is None or method != b"POST":
        return None
    size = None
    for name, value in headers:
        if name == b"content-length":
            size = int(value)
        elif name in _UNUSUAL:
            return None
    return found[1].decode() if size is not None and size <= _MOST_BYTES else None


def as_bytes(answer: Answer, request_id: str, more: Sequence[tuple[bytes, bytes]], closing: bool) -> bytes:
    """Return an answer as it is sent.

    Args:
        answer: The answer.
        request_id: The request's name.
        more: Headers that the web server adds.
        closing: Whether the connection ends with it.
    """
    said = b"".join([b"%b: %b\r\n" % header for header in (*more, *answer.headers)])
    if closing and CLOSE not in answer.headers:
        said += b"connection: close\r\n"
    size, name = len(answer.body), request_id.encode()
    head = b"%b%bcontent-type: %b\r\ncontent-length: %d\r\nx-request-id: %b\r\n%b\r\n"
    return head % (_line(answer.status), said, answer.content_type, size, name, _ALWAYS) + answer.body


@cache
def _line(status: int) -> bytes:
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
