"""What the page asks beside models and sessions: a table read, a forecast of it as a job, a text explained, gates looked at."""

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gatewise.serving.http.answers import Answer, as_json
from gatewise.serving.routes.page import FRAMED
from gatewise.serving.routes.sessions import json_of, response, service_of
from gatewise.serving.routes.shapes import responses
from gatewise.serving.terms.contract import KIND_WORDS
from gatewise.serving.terms.problems import CODES, Problem, shown
from gatewise.serving.workers.work import Work
from gatewise.tables.form import Fix

_HTML = b"text/html; charset=utf-8"
_AS_HTML: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/html": {}}},
    "default": responses("Any")["default"],
}
_TABLE = "ds,y\n2024-01-01,3\n2024-01-02,4\n2024-01-03,6\n"
_Name = Annotated[str, Field(min_length=1, max_length=200)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class TableAsked(_Asked):
    """A table as text, and how it is to be read; see `gatewise.read_series`."""

    csv: Annotated[str, Field(min_length=1)]
    name: _Name = "table"
    id_col: _Name | None = None
    time_col: _Name | None = None
    target_col: _Name | None = None
    fix: Annotated[list[Fix], Field(max_length=8)] = []


class ForecastAsked(TableAsked):
    """A table that is to be forecast."""

    horizon: Annotated[int, Field(ge=1, le=1000)]
    level: Annotated[list[Annotated[float, Field(gt=0, lt=100)]], Field(min_length=1, max_length=5)] = [80, 95]
    minutes: Annotated[float, Field(gt=0, le=30)] | None = None
    inside: bool = False


class TextAsked(_Asked):
    """A text that is to be explained: why the class, or the likeliest where none is named."""

    text: Annotated[str, Field(min_length=1, max_length=20_000)]
    label: _Name | None = None


class InspectAsked(_Asked):
    """What a network is to be looked at with: a text, the name of a series of a forecaster, or a network's own observations."""

    text: Annotated[str, Field(max_length=20_000)] | None = None
    series: _Name | None = None
    rows: Annotated[list[float | list[float]], Field(min_length=1, max_length=1000)] | None = None


router = APIRouter(tags=["tables"])


def _takes(form: type[BaseModel], **example: Any) -> dict[str, Any]:
    """Return how OpenAPI describes a body that is read here and not by FastAPI, whose errors have another shape."""
    said = {"schema": form.model_json_schema(), **({"example": example} if example else {})}
    return {"requestBody": {"required": True, "content": {"application/json": said}}}


@router.post("/v1/tables", responses=responses("Any", 200), openapi_extra=_takes(TableAsked, csv=_TABLE))
async def read_table(request: Request) -> Response:
    """Say what is understood of a table."""
    asked = await _asked(request, TableAsked)
    return _answer(_accepted(await _work(request).ask("table.read", asked)))


@router.post(
    "/v1/tables/forecast", status_code=202, responses=responses("Any", 202), openapi_extra=_takes(ForecastAsked)
)
async def forecast_table(request: Request) -> Response:
    """Begin the forecast of a table, and return the job to ask for."""
    asked = await _asked(request, ForecastAsked)
    job = _work(request).begin("table.forecast", asked)
    return response(as_json({"job": job}, 202, ((b"location", f"/v1/jobs/{job}".encode()),)))


@router.get("/v1/jobs/{job}", responses=responses("Any", 200))
async def job_state(request: Request, job: str) -> Response:
    """Say how far a job is; where it is done, what came of it."""
    found = _job(request, job)
    answer = found.get("answer")
    if answer is not None and "refused" in answer:
        found = {**found, "state": "failed", "answer": None, "error": _refused(answer["refused"])}
    elif answer is not None:
        found = {**found, "answer": {name: value for name, value in answer.items() if name != "report"}}
    return _answer(found)


@router.get("/v1/jobs/{job}/report", responses=_AS_HTML, response_class=Response)
async def job_report(request: Request, job: str) -> Response:
    """Return the page about a forecast that is done."""
    report = (_job(request, job).get("answer") or {}).get("report")
    if report is None:
        raise Problem("job_not_done", f"The job {shown(job)} has no report: it is not done, or was refused.")
    return _page(report)


@router.delete("/v1/jobs/{job}", status_code=204, responses=responses("Any"))
async def cancel_job(request: Request, job: str) -> Response:
    """End a job, and forget what was given to it and what came of it; also one that is not there."""
    _work(request).cancel(job)
    return Response(status_code=204)


@router.post(
    "/v1/models/{name}/explain", responses=responses("Any", 200), openapi_extra=_takes(TextAsked, text="a good film")
)
async def explain_text(request: Request, name: str) -> Response:
    """Return how likely each class of a classifier is for a text, and what each word adds to that."""
    asked = await _asked(request, TextAsked)
    model = service_of(request).model(name)
    if model.kind != "classifier":
        raise Problem("not_of_model", f"The model {name} is {KIND_WORDS[model.kind]}: only classifiers explain texts.")
    return _answer(await _work(request).ask("model.explain", {**asked, "model": name}))


@router.post(
    "/v1/models/{name}/inspect", responses=_AS_HTML, response_class=Response, openapi_extra=_takes(InspectAsked)
)
async def inspect_model(request: Request, name: str) -> Response:
    """Return a page on what a model's network does while it reads a text, a series or rows of numbers."""
    asked = await _asked(request, InspectAsked)
    service_of(request).model(name)
    answer = await _work(request).ask("model.inspect", {**asked, "model": name})
    return _page(answer["page"])


async def _asked(request: Request, form: type[BaseModel]) -> dict[str, Any]:
    """Return a request's body, every field of which is as its form says."""
    try:
        return form.model_validate(await json_of(request)).model_dump()
    except ValidationError as error:
        raise _field(error) from None


def _field(error: ValidationError) -> Problem:
    """Return the first of what is wrong with a body, as every route says it."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(map(str, first["loc"])) or "body"
    codes = {"missing": "field_missing", "extra_forbidden": "field_unknown"}
    return Problem(codes.get(first["type"], "field_wrong"), f"{shown(field)}: {first['msg']}.", field=field)


def _work(request: Request) -> Work:
    work = service_of(request).work
    if work is None:
        raise Problem("busy", "This server was started without workers, which read and forecast tables.")
    return work


def _job(request: Request, job: str) -> dict[str, Any]:
    found = _work(request).job(job)
    if found is None:
        raise Problem("job_unknown", f"There is no job {shown(job)}: it was cancelled, or has been forgotten.")
    return found


def _accepted(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the answer of a work that was not refused."""
    if "refused" in answer:
        refused = answer["refused"]
        detail = {"row": refused["row"], "names": refused["names"]}
        raise Problem("table_refused", refused["error"], detail=detail)
    return answer


def _refused(refused: dict[str, Any]) -> dict[str, Any]:
    """Return the same for a job, which is asked for without fault."""
    detail = {"row": refused["row"], "names": refused["names"]}
    return {
        "error": refused["error"],
        "code": "table_refused",
        "remedy": CODES["table_refused"].remedy,
        "detail": detail,
    }


def _answer(content: Any) -> Response:
    return response(as_json(content))


def _page(html: str) -> Response:
    """Return a page that holds its own scripts, as something that can reach nothing."""
    return response(Answer(html.encode(), 200, _HTML, ((b"content-security-policy", FRAMED.encode()),)))
