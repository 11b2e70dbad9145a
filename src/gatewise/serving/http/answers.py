"""Bodies in and answers out: what every route reads and writes, whether FastAPI has it or the quick way does."""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

from gatewise.serving.http import json_text
from gatewise.serving.http.guards import Headers
from gatewise.serving.terms import long_json
from gatewise.serving.terms.limits import Limits
from gatewise.serving.terms.problems import Problem, as_problem, shown

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LOG = logging.getLogger("gatewise.serving")
JSON = b"application/json"
# What every answer says, unless it says it in another way: nothing of it is a page, and nobody shall keep it.
ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
CLOSE = (b"connection", b"close")
# Source: RFC 9110, 15.5.16: what is taken instead.
_NOT_ENCODED = (b"accept-encoding", b"identity")


class Disconnected(Exception):
    """The caller has gone while the body was read."""


class Answer(NamedTuple):
    """What goes back."""

    body: bytes
    status: int = 200
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Incoming(NamedTuple):
    """A request that was received whole."""

    body: bytes
    headers: Headers

    def header(self, name: bytes) -> bytes | None:
        """Return the last header of a name."""
        return next((value for found, value in reversed(self.headers) if found == name), None)

    def json(self, limits: Limits) -> Any:
        """Return the body's value; it must say that it is JSON."""
        if not is_type(self.header(b"content-type"), JSON):
            raise Problem(
                "type_unsupported", f"The body is {_type_shown(self.header(b'content-type'))}, and should be JSON."
            )
        return json_text.parse(self.body, limits.nesting, limits.values)


def is_type(content_type: bytes | None, wanted: bytes) -> bool:
    """Return whether a Content-Type is the wanted one, whatever its parameters."""
    return content_type is not None and content_type.partition(b";")[0].strip().lower() == wanted


def _type_shown(content_type: bytes | None) -> str:
    return "of no type" if content_type is None else f"of type {shown(content_type.decode('latin-1'))}"


def as_json(value: Any, status: int = 200, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Answer:
    """Return an answer of plain JSON values; in a thread, where there are many.

    Raises:
        Problem: A number in it is not finite.
    """
    try:
        return Answer(long_json.written(value, allow_nan=False).encode(), status, JSON, headers)
    except ValueError:
        raise Problem("state_not_finite", "The model's output is not finite; nothing was changed.") from None


def refusal(error: Exception, request_id: str) -> Answer:
    """Return the answer to an exception, and write into the log what is not told."""
    problem = as_problem(error)
    if problem.code == "internal":
        LOG.error("failed", exc_info=error, extra={"fields": {"request_id": request_id}})
    return Answer(problem.body(request_id), problem.status, JSON, problem.headers)


class Room:
    """How many bytes all bodies together may still take that arrive in pieces."""

    def __init__(self, most: int) -> None:
        self.left = most

    def take(self, size: int) -> None:
        """Take room for some bytes.

        Raises:
            Problem: There is none.
        """
        if size > self.left:
            raise Problem(
                "busy", "Too many large requests are arriving at once.", headers=(CLOSE, (b"retry-after", b"1"))
            )
        self.left -= size


async def received(scope: Scope, receive: Receive, limits: Limits, room: Room | None = None) -> Incoming:
    """Return a request with its whole body.

    Args:
        scope: The request.
        receive: Its body.
        limits: How large it may be.
        room: What all requests share while they arrive.

    Raises:
        Problem: The body is too large, or encoded.
        Disconnected: The caller has gone.
    """
    headers: Headers = scope["headers"]
    for name, value in headers:
        if name == b"content-length" and int(value) > limits.body_bytes:
            raise _too_large(limits)
        if name == b"content-encoding" and value.strip().lower() != b"identity":
            raise Problem(
                "encoding_unsupported",
                f"The body is encoded as {shown(value.decode('latin-1'))}.",
                headers=(CLOSE, _NOT_ENCODED),
            )
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body: bytes = message.get("body", b"")
        if len(body) > limits.body_bytes:
            raise _too_large(limits)
        return Incoming(body, headers)
    return Incoming(await _joined(message, receive, limits, room or Room(limits.body_bytes)), headers)


async def _joined(message: MutableMapping[str, Any], receive: Receive, limits: Limits, room: Room) -> bytes:
    """Return a body that comes in pieces, of which this is the first."""
    body = bytearray()
    try:
        while message["type"] == "http.request":
            part = message.get("body", b"")
            room.take(len(part))
            body += part
            if len(body) > limits.body_bytes:
                raise _too_large(limits)
            if not message.get("more_body"):
                return bytes(body)
            message = await receive()
        raise Disconnected
    finally:
        room.left += len(body)


def _too_large(limits: Limits) -> Problem:
    return Problem("body_large", f"The body is larger than {limits.body_bytes} bytes.", headers=(CLOSE,))


async def sent(send: Send, answer: Answer, request_id: bytes) -> None:
    """Send an answer whole."""
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", b"%d" % len(answer.body)),
        (b"x-request-id", request_id),
        *ALWAYS,
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
