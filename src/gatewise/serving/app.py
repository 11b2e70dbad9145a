"""The ASGI application: paths to calls, and every error in the one shape of `problems`."""

import itertools
import logging
import secrets
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from gatewise.serving.problems import Problem, as_problem, shown
from gatewise.serving.service import Service
from gatewise.version import __version__

LOG = logging.getLogger("gatewise.serving")
_BEGUN = secrets.token_hex(4)
_REQUESTS = itertools.count(1)


def new_request_id() -> str:
    """Return a name for a request, by which it is found in the log."""
    return f"{_BEGUN}-{next(_REQUESTS):x}"


def make_app(service: Service) -> FastAPI:
    """Return the application for some models; its routes find them as ``request.app.state.service``."""
    app = FastAPI(title="gatewise", version=__version__, docs_url=None, redoc_url=None)
    app.state.service = service
    app.add_exception_handler(Problem, _answered)
    app.add_exception_handler(HTTPException, _answered)
    app.add_exception_handler(Exception, _answered)

    @app.get("/v1/models")
    def models() -> dict[str, Any]:
        """List what is served."""
        return {
            "models": [
                {"name": model.name, "kind": model.kind, "sha256": model.sha256} for model in service.models.values()
            ]
        }

    return app


async def _answered(request: Request, error: Exception) -> Response:
    """Answer an exception of a route."""
    request_id = new_request_id()
    if isinstance(error, HTTPException):
        problem = _of_routing(request, error)
    else:
        problem = as_problem(error)
        if problem.code == "internal":
            LOG.error("request %s failed", request_id, exc_info=error)
    headers = {name.decode(): value.decode() for name, value in problem.headers}
    return Response(problem.body(request_id), problem.status, headers, media_type=JSONResponse.media_type)


def _of_routing(request: Request, error: HTTPException) -> Problem:
    if error.status_code == 405:
        allow = (error.headers or {}).get("Allow", "").encode()
        return Problem(
            "method_unknown",
            f"{shown(request.method)} is not for this path.",
            headers=((b"allow", allow),),
        )
    return Problem("path_unknown", "There is nothing at this path.")
