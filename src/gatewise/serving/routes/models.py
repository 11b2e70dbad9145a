"""Models over HTTP: what there is, whether it is ready, batches, numbers to watch."""

from fastapi import APIRouter, Request, Response

from gatewise.serving.http.answers import Answer, as_json, received
from gatewise.serving.routes import calls, open_inference
from gatewise.serving.routes.sessions import response, service_of
from gatewise.serving.routes.shapes import body, responses
from gatewise.serving.watch.metrics import CONTENT_TYPE

router = APIRouter(tags=["models"])
_BINARY = "application/octet-stream"


@router.get("/v1/models", responses=responses("Models", 200))
async def models(request: Request) -> Response:
    """List what is served."""
    return response(as_json({"models": service_of(request).told()}))


@router.get("/metrics", responses={200: {"content": {"text/plain": {}}}}, response_class=Response)
async def metrics(request: Request) -> Response:
    """Return numbers to watch, as Prometheus reads them."""
    return response(Answer(service_of(request).metrics.text(), 200, CONTENT_TYPE.encode()))


@router.get("/v2", responses=responses("Any", 200))
async def server(request: Request) -> Response:
    """Say what the server is."""
    return response(as_json(open_inference.server()))


@router.get("/v2/health/live", responses=responses("Any", 200))
async def live(request: Request) -> Response:
    """Say that the server runs."""
    return response(as_json({"live": True}))


@router.get("/v2/health/ready", responses=responses("Any", 200, 503))
async def ready(request: Request) -> Response:
    """Say whether requests can be answered, and if not, why."""
    reasons = await service_of(request).not_ready()
    said = {"ready": not reasons, "live": True}
    return response(as_json({**said, "reasons": reasons} if reasons else said, 503 if reasons else 200))


@router.get("/v2/models/{model}", responses=responses("Any", 200))
@router.get("/v2/models/{model}/versions/{version}", responses=responses("Any", 200))
async def model(model: str, request: Request, version: str = "") -> Response:
    """Describe a model."""
    return response(as_json(open_inference.described(open_inference.model_of(service_of(request), model, version))))


@router.get("/v2/models/{model}/ready", responses=responses("Any", 200, 503))
@router.get("/v2/models/{model}/versions/{version}/ready", responses=responses("Any", 200, 503))
async def model_ready(model: str, request: Request, version: str = "") -> Response:
    """Say whether a model can be asked."""
    service = service_of(request)
    found = open_inference.model_of(service, model, version)
    well = not await service.not_ready()
    return response(as_json({"name": found.name, "ready": well}, 200 if well else 503))


async def _quick(request: Request) -> Response:
    service = service_of(request)
    incoming = await received(request.scope, request.receive, service.limits)
    return response(await calls.answered(service, request.url.path, incoming))


@router.post(
    "/v2/models/{model}/infer", openapi_extra=body("AskInference", _BINARY), responses=responses("Inference", 200)
)
@router.post(
    "/v2/models/{model}/versions/{version}/infer",
    openapi_extra=body("AskInference", _BINARY),
    responses=responses("Inference", 200),
)
async def infer(model: str, request: Request, version: str = "") -> Response:
    """Answer a batch, or step a sequence."""
    return await _quick(request)


@router.post(
    "/v1/models/{model}/predict",
    openapi_extra=body("AskPrediction", "text/csv"),
    responses=responses("Prediction", 200),
)
@router.post(
    "/predict/{model}", openapi_extra=body("AskPrediction", "text/csv"), responses=responses("Prediction", 200)
)
async def predict(model: str, request: Request) -> Response:
    """Answer a batch in plain JSON, or a table with a table."""
    return await _quick(request)
