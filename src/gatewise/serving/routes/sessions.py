"""Sessions over HTTP; what may be asked of them is in `sessions`."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from gatewise.serving.http.answers import Answer, as_json, received
from gatewise.serving.routes import calls
from gatewise.serving.routes.shapes import body, responses
from gatewise.serving.service import Service
from gatewise.serving.sessions.sessions import Begun
from gatewise.serving.terms.problems import Problem

router = APIRouter(tags=["sessions"])


def service_of(request: Request) -> Service:
    """Return what all routes share."""
    found: Service = request.app.state.service
    return found


def response(answer: Answer) -> Response:
    """Return an answer as FastAPI takes it."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in answer.headers}
    return Response(answer.body, answer.status, headers, media_type=answer.content_type.decode())


async def json_of(request: Request, optional: bool = False) -> Any:
    """Return a body as strictly read JSON; an empty object where there is none and none is needed."""
    limits = service_of(request).limits
    incoming = await received(request.scope, request.receive, limits)
    if optional and not incoming.body:
        return {}
    return await service_of(request).calls.sized(len(incoming.body), lambda: incoming.json(limits))


def _begun(request: Request, begun: Begun) -> Response:
    said = service_of(request).sessions.described(begun.session)
    location = f"/v1/sessions/{begun.session.row.name}".encode()
    return response(as_json(said, 201 if begun.new else 200, ((b"location", location),)))


@router.post(
    "/v1/models/{model}/sessions",
    openapi_extra=body("Create", required=False),
    responses=responses("Session", 200, 201),
    status_code=201,
)
async def begin(model: str, request: Request) -> Response:
    """Begin a session; the same call again returns the same one."""
    service = service_of(request)
    return _begun(request, await service.sessions.create(service.stepped(model), await json_of(request, optional=True)))


@router.get("/v1/sessions/{session}", responses=responses("Session", 200))
async def read(session: str, request: Request) -> Response:
    """Say where a session is."""
    return response(as_json(service_of(request).sessions.read(session)))


@router.put(
    "/v1/sessions/{session}", openapi_extra=body("Snapshot"), responses=responses("Session", 200, 201), status_code=201
)
async def restore(session: str, request: Request, replace: str = "false") -> Response:
    """Put a snapshot back; over a session that is there only with replace=true."""
    if replace not in ("true", "false"):
        raise Problem("field_wrong", "replace is true or false.", field="replace")
    return _begun(
        request, await service_of(request).sessions.restore(session, await json_of(request), replace == "true")
    )


@router.delete("/v1/sessions/{session}", responses=responses("Any"), status_code=204)
async def delete(session: str, request: Request) -> Response:
    """End a session."""
    await service_of(request).sessions.delete(session)
    return Response(status_code=204)


@router.post("/v1/sessions/{session}/steps", openapi_extra=body("Step"), responses=responses("Stepped", 200))
async def steps(session: str, request: Request) -> Response:
    """Take the next observations. Repeated with the same number and body, it is answered and not done again."""
    service = service_of(request)
    incoming = await received(request.scope, request.receive, service.limits)
    return response(await calls.answered(service, request.url.path, incoming))


@router.post("/v1/sessions/{session}/forecast", openapi_extra=body("AskForecast"), responses=responses("Forecast", 200))
async def forecast(session: str, request: Request) -> Response:
    """Forecast from where a session is; it stays there."""
    return response(as_json(await service_of(request).sessions.forecast(session, await json_of(request))))


@router.post(
    "/v1/sessions/{session}/fork",
    openapi_extra=body("Fork", required=False),
    responses=responses("Session", 200, 201),
    status_code=201,
)
async def fork(session: str, request: Request) -> Response:
    """Begin another session where this one is."""
    return _begun(request, await service_of(request).sessions.fork(session, await json_of(request, optional=True)))


@router.get("/v1/sessions/{session}/history", responses=responses("History", 200))
async def history(session: str, request: Request, last: Annotated[int, Query(ge=1, le=10_000)] = 100) -> Response:
    """Return the last values that a forecaster's session comes from."""
    return response(as_json(await service_of(request).sessions.history(session, last)))


@router.get("/v1/sessions/{session}/snapshot", responses=responses("Snapshot", 200))
async def snapshot(session: str, request: Request) -> Response:
    """Return a session as it can be kept elsewhere."""
    return response(as_json(service_of(request).sessions.snapshot(session)))
