"""The calls that have to be quick: a path and a body to an answer, with no framework in between."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from gatewise.serving.http.answers import JSON, Answer, Incoming
from gatewise.serving.routes import open_inference, plain
from gatewise.serving.service import Service

STEPS = "/v1/sessions/{session}/steps"
Call = Callable[[Service, re.Match[str], Incoming], Awaitable[Answer]]


async def _steps(service: Service, path: re.Match[str], request: Incoming) -> Answer:
    body = await service.calls.sized(len(request.body), lambda: request.json(service.limits))
    return stepped(service, await service.sessions.step(path[1], body))


def stepped(service: Service, body: bytes) -> Answer:
    """Return the answer to a step."""
    return Answer(body, 200, JSON, ((b"gatewise-durability", service.store.durability.encode()),))


async def _infer(service: Service, path: re.Match[str], request: Incoming) -> Answer:
    return await open_inference.infer(service, path[1], path[2], request)


async def _predict(service: Service, path: re.Match[str], request: Incoming) -> Answer:
    return await plain.predict(service, path[1], request)


class Route(NamedTuple):
    """A path as it is documented, as it is recognised, and what answers a POST to it."""

    path: str
    pattern: re.Pattern[str]
    call: Call


QUICK = (
    Route(STEPS, re.compile(r"/v1/sessions/([^/]+)/steps"), _steps),
    Route("/v2/models/{model}/infer", re.compile(r"/v2/models/([^/]+)/()infer"), _infer),
    Route(
        "/v2/models/{model}/versions/{version}/infer",
        re.compile(r"/v2/models/([^/]+)/versions/([^/]+)/infer"),
        _infer,
    ),
    Route("/v1/models/{model}/predict", re.compile(r"/v1/models/([^/]+)/predict"), _predict),
    Route("/predict/{model}", re.compile(r"/predict/([^/]+)"), _predict),
)


def find(path: str) -> tuple[Route, re.Match[str]] | None:
    """Return what answers a POST to a path; None where that is not one of these."""
    for route in QUICK:
        found = route.pattern.fullmatch(path)
        if found is not None:
            return route, found
    return None


async def answered(service: Service, path: str, request: Incoming) -> Any:
    """Return the answer to a POST, for who has come by another way than the quick one."""
    found = find(path)
    assert found is not None, path
    return await found[0].call(service, found[1], request)
