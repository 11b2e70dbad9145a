"""The ASGI application: guards around everything, paths to calls, every error in the one shape of `problems`.

The calls of `calls` go past FastAPI, which would take longer than they do; it has their paths all the same, in its document.
"""

import asyncio
import time
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from gatewise.serving.http.answers import (
    ALWAYS,
    Disconnected,
    Incoming,
    Receive,
    Room,
    Scope,
    Send,
    as_json,
    received,
    refusal,
    sent,
)
from gatewise.serving.http.guards import Guards
from gatewise.serving.http.receipt import new_request_id
from gatewise.serving.routes import calls
from gatewise.serving.routes import models as routes_models
from gatewise.serving.routes import page as routes_page
from gatewise.serving.routes import sessions as routes_sessions
from gatewise.serving.routes import tables as routes_tables
from gatewise.serving.routes.document import document
from gatewise.serving.routes.together import Together
from gatewise.serving.service import Service
from gatewise.serving.terms.problems import Problem, shown
from gatewise.serving.watch.tally import Tally
from gatewise.version import __version__

_UNKNOWN = "unknown"


class Application:
    """What the web server calls."""

    def __init__(self, service: Service, guards: Guards) -> None:
        self.service = service
        self.guards = guards
        self.routed = make_app(service)
        self.tally = Tally(service.metrics, service.limits)
        self.together = Together(service, guards, self.tally)
        self._room = Room(service.limits.arriving_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            # Nothing else is spoken; there is nothing to begin or to end with the web server.
            return
        begun = time.perf_counter()
        request_id = new_request_id()
        route, status = _UNKNOWN, 499
        try:
            self.guards.check(scope["path"], scope["headers"])
            quick = calls.find(scope["path"]) if scope["method"] == "POST" else None
            if quick is not None:
                route = quick[0].path
            incoming = await received(scope, receive, self.service.limits, self._room)
            self.tally.begin(scope["client"])
            try:
                if quick is None:
                    route, status = await self._routed(scope, _replayed(incoming, receive), send, request_id)
                    return
                answer = await quick[0].call(self.service, quick[1], incoming)
            finally:
                self.tally.end(scope["client"])
            status = answer.status
            await sent(send, answer, request_id.encode())
        except Disconnected:
            pass
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError):
                error = Problem("draining", "The server was stopped before it had an answer.")
            answer = refusal(error, request_id)
            status = answer.status
            await sent(send, answer, request_id.encode())
        finally:
            self.tally.note(scope["method"], route, status, begun, request_id)

    async def _routed(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> tuple[str, int]:
        """Let FastAPI answer; return which path it was, as documented, and the status."""
        status = 499
        # The web server leaves the body of an answer to HEAD away, whatever it would have been.
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        scope = {**scope, "method": method, "gatewise.request_id": request_id}

        async def finished(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                said = {name for name, _ in message["headers"]}
                more = (header for header in ALWAYS if header[0] not in said)
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode()), *more]
            await send(message)

        try:
            await self.routed(scope, receive, finished)
        except Exception:
            # Starlette raises again what it has answered.
            if status == 499:
                raise
        route = scope.get("route")
        return getattr(route, "path", _UNKNOWN), status


def _replayed(incoming: Incoming, receive: Receive) -> Receive:
    """Return what gives a body that has been received to whoever receives next."""
    waiting: list[dict[str, Any]] = [{"type": "http.request", "body": incoming.body, "more_body": False}]

    async def again() -> Any:
        return waiting.pop() if waiting else await receive()

    return again


def make_app(service: Service) -> FastAPI:
    """Return the routes of some models, without guards; they find the models as ``request.app.state.service``."""
    app = FastAPI(
        title="gatewise", version=__version__, docs_url=None, redoc_url=None, redirect_slashes=False, openapi_url=None
    )
    app.state.service = service
    for kind in (Problem, HTTPException, RequestValidationError, Disconnected, Exception):
        app.add_exception_handler(kind, _answered)
    app.include_router(routes_sessions.router)
    app.include_router(routes_models.router)
    app.include_router(routes_tables.router)
    app.include_router(routes_page.router)
    app.add_api_route("/openapi.json", _document, methods=["GET"], include_in_schema=False)
    return app


async def _document(request: Request) -> Response:
    """Return the OpenAPI document."""
    return routes_sessions.response(as_json(document(request.app, request.app.state.service)))


async def _answered(request: Request, error: Exception) -> Response:
    """Answer an exception of a route."""
    request_id: str = request.scope.get("gatewise.request_id") or new_request_id()
    if isinstance(error, Disconnected):
        return Response(status_code=400)
    if isinstance(error, HTTPException):
        error = _of_routing(request, error)
    elif isinstance(error, RequestValidationError):
        first = error.errors()[0]
        name = str(first["loc"][-1])
        error = Problem("field_wrong", f"The parameter {name} is wrong: {first['msg']}.", field=name)
    return routes_sessions.response(refusal(error, request_id))


def _of_routing(request: Request, error: HTTPException) -> Problem:
    if error.status_code == 405:
        allow = _methods(request)
        return Problem("method_unknown", f"{shown(request.method)} is not for this path.", headers=((b"allow", allow),))
    return Problem("path_unknown", "There is nothing at this path.")


def _methods(request: Request) -> bytes:
    """Return which methods a path has, by the document; the page, which is not in it, is only read."""
    path = request.url.path
    found = [operations for known, operations in request.app.openapi()["paths"].items() if _is_of(path, known)]
    methods = {method.upper() for method in found[0]} if found else {"GET"}
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set()))).encode()


def _is_of(path: str, known: str) -> bool:
    """Return whether a path is one that is documented."""
    return compile_path(known)[0].match(path) is not None
