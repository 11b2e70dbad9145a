"""HTTP as it arrives: requests that never end, headers without end, and bytes that are no HTTP are cut off here.

uvicorn waits for the end of a request for as long as somebody goes on sending bytes. This protocol counts the time from the
first byte of a request to its last, whatever comes in between, and the bytes of its headers while they come.
"""

import asyncio
import itertools
import secrets
from collections.abc import Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from gatewise.serving.http.answers import CLOSE, JSON, Answer
from gatewise.serving.http.straight import AnswersSteps, Straight, as_bytes, session_of
from gatewise.serving.terms.limits import Limits
from gatewise.serving.terms.problems import Problem

_MOST_HEADERS = 100
_BEGUN = secrets.token_hex(4)
_REQUESTS = itertools.count(1)


def new_request_id() -> str:
    """Return a name for a request, by which it is found in the log."""
    return f"{_BEGUN}-{next(_REQUESTS):x}"


class Receipt(HttpToolsProtocol):
    """A connection.

    Attributes:
        limits: How much a request may be.
        steps: Who answers steps that go the straight way; None where all requests go the usual way.
    """

    limits = Limits()
    steps: AnswersSteps | None = None

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        # When the first byte of the request that is arriving came; None while none is.
        self.begun: float | None = None
        # Since when nothing arrives and nothing is answered; uvicorn would set and stop a timer for every request.
        self.idle: float | None = None
        # Since when the other side takes no more of an answer.
        self.stuck: float | None = None
        self._in_head = False
        self._head_bytes = 0
        self._problem: Problem | None = None
        # Whether it is closed as soon as the requests that are there have their answers.
        self._ending = False
        # The request that came last, if it goes the straight way.
        self._straight: Straight | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, if there are not too many."""
        super().connection_made(transport)
        self.begun = self.loop.time()
        if len(self.connections) > self.limits.connections:
            self._refuse(Problem("busy", "The server has too many connections.", headers=((b"retry-after", b"1"),)))

    def data_received(self, data: bytes) -> None:
        """Take bytes; of headers only as many as they may have."""
        self.idle = None
        if self.begun is None:
            self.begun = self.loop.time()
        if self.parser is None or self._ending or self.transport.is_closing():
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
        if self.begun is None:
            # It came in one packet with the end of the one before it.
            self.begun = self.loop.time()

    def on_headers_complete(self) -> None:
        """Begin to answer, if the headers are no more than they may be."""
        self._in_head = False
        size, lengths = len(self.url), 0
        for name, value in self.headers:
            size += len(name) + len(value) + 4
            lengths += name == b"content-length"
        if size > self.limits.header_bytes or len(self.headers) > _MOST_HEADERS:
            self._problem = self._large()
        elif len(self.url) > self.limits.path_bytes:
            self._problem = Problem("path_long", f"The path is longer than {self.limits.path_bytes} bytes.")
        elif lengths > 1:
            self._problem = Problem("bad_request", "The request has two lengths.")
        if self._problem is not None:
            # The parser ends here, and asks for a refusal.
            raise ValueError(self._problem)
        session = self._steps_session()
        if session is None:
            self._straight = None
            super().on_headers_complete()
        else:
            self._straight = Straight(self, session, self.scope, self.parser.should_keep_alive())
            # What uvicorn's protocol asks of a request that is under way, this one tells it.
            self.cycle = self._straight  # type: ignore[assignment]

    def _steps_session(self) -> str | None:
        """Return the session that the request steps, if it may go the straight way."""
        free = self.cycle is None or self.cycle.response_complete
        if self.steps is None or not free or self.flow.write_paused or self.parser.get_http_version() != "1.1":
            return None
        return session_of(self.parser.get_method(), self.url, self.headers)

    def on_message_complete(self) -> None:
        """Stop the clock."""
        self.begun = None
        super().on_message_complete()
        if self._straight is not None and self.steps is not None:
            self.steps.take(self._straight)

    def reply(self, request: Straight, answer: Answer, request_id: str) -> None:
        """Send the answer to a request that went the straight way."""
        if self.transport.is_closing():
            return
        closing = not request.keep_alive or CLOSE in answer.headers
        self.transport.write(as_bytes(answer, request_id, self.server_state.default_headers, closing))
        if closing:
            self.transport.close()
        self.on_response_complete()

    def go_usual(self, request: Straight) -> None:
        """Begin a request again as uvicorn would have begun it."""
        if self.transport.is_closing():
            return
        path = f"/v1/sessions/{request.name}/steps"
        request.scope |= {"method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
        cycle = RequestResponseCycle(
            scope=request.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=request.keep_alive,
            on_response=self.on_response_complete,
        )
        cycle.body, cycle.more_body = request.body, False
        cycle.message_event.set()
        if self._straight is request:
            self.cycle = cycle
        self._start_asgi_task(cycle, self.app)

    def on_response_complete(self) -> None:
        """Begin with the next request, if it has come."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._ending:
            self.transport.close()

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
        """End the connection if its request has been coming, its answer going, or nothing at all, for too long."""
        limits = self.limits
        if self._behind():
            # The time of what arrives begins when those before it have their answers.
            self.begun = None if self.begun is None else now
        elif self.begun is None and self.idle is None and (self.cycle is None or self.cycle.response_complete):
            self.idle = now
        if self.idle is not None and now - self.idle > limits.idle_seconds:
            self.transport.close()
        elif self.stuck is not None and now - self.stuck > limits.answer_seconds:
            self.transport.abort()
        elif self.begun is not None and now - self.begun > limits.receipt_seconds and not self.flow.read_paused:
            self._refuse(
                Problem("receipt_slow", f"The request did not arrive within {limits.receipt_seconds:g} seconds.")
            )

    def _large(self) -> Problem:
        return Problem(
            "headers_large", f"The headers are more than {self.limits.header_bytes} bytes, or {_MOST_HEADERS}."
        )

    def _behind(self) -> bool:
        """Return whether a request that came whole is being answered, or waits for that."""
        cycle = self.cycle
        return bool(self.pipeline) or (cycle is not None and not cycle.response_complete and not cycle.more_body)

    def _refuse(self, problem: Problem) -> None:
        """Answer without the application and close; where others were first, only close when they have their answers."""
        self.begun = None
        if self._behind() and not self.transport.is_closing():
            self._ending = True
            if self.pipeline and self.cycle.more_body:
                # This is the one that is refused.
                self.pipeline.popleft()
            return
        answering = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        if not answering and not self.transport.is_closing():
            request_id = new_request_id()
            answer = Answer(problem.body(request_id), problem.status, JSON, problem.headers)
            self.transport.write(as_bytes(answer, request_id, self.server_state.default_headers, closing=True))
        self.transport.close()


def cut_slow(connections: Iterable[Any], now: float) -> None:
    """End all connections that are too slow."""
    for connection in list(connections):
        if isinstance(connection, Receipt):
            connection.cut(now)
