"""The forms of bodies and answers, as the OpenAPI document says them."""

from typing import Any

from gatewise.serving.sessions.bodies import LEVEL, LEVELS_MOST, TIME_STEP, TTL_LEAST
from gatewise.serving.terms.limits import Limits

_NUMBERS = {"type": "array", "items": {"type": "number"}}
_NAME = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"}
_SEQ = {"type": "integer", "minimum": 1}
_TIME = {
    "description": "Seconds since 1970, or ISO 8601 with an offset from UTC.",
    "type": ["number", "string", "null"],
}
_OBSERVATION = {"anyOf": [{"type": "number"}, _NUMBERS]}


def _object(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties, "additionalProperties": False}


def _answer(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a form that may be null, which is the same as not there."""
    return {"anyOf": [schema, {"type": "null"}]}


_SCHEMAS: dict[str, Any] = {
    "Problem": {
        "type": "object",
        "required": ["error", "code", "remedy", "request_id"],
        "properties": {
            "error": {"type": "string", "description": "A sentence."},
            "code": {"type": "string", "description": "Never renamed."},
            "remedy": {"type": "string", "description": "What to do."},
            "request_id": {"type": "string"},
            "field": {"type": "string", "description": "Where in the body."},
            "detail": {"type": "object", "description": "What a program needs in order to go on."},
        },
    },
    "Stepped": {
        "type": "object",
        "required": ["seq", "replayed"],
        "properties": {
            "seq": {**_SEQ, "description": "The number of the last step that the answer is about."},
            "y": {**_NUMBERS, "description": "What the model says after x."},
            "ys": {"type": "array", "items": _NUMBERS, "description": "What it says after each of xs."},
            "missing": {"type": "integer", "description": "Observations that are missing before this one."},
            "replayed": {"type": "boolean", "description": "Whether the step was taken before, and this is its answer again."},
        },
    },
    "Session": _answer(
        session=_NAME,
        seq={"type": "integer", "minimum": 0},
        model={"type": "string"},
        model_version={"type": "string"},
        model_sha256={"type": "string"},
        state_sha256={"type": "string"},
        last_t={"type": ["number", "null"]},
        ttl_s={"type": "number"},
        idle_s={"type": "number"},
        expires_at={"type": "string", "format": "date-time"},
    ),
    "Forecast": _answer(session=_NAME, seq={"type": "integer"}, horizon={"type": "integer"}),
    "History": _answer(
        session=_NAME,
        seq={"type": "integer"},
        ds={"type": "array", "items": {"type": "string"}},
        y={"type": "array", "items": {"type": ["number", "null"]}},
        ds_after={"type": "array", "items": {"type": "string"}, "description": "The times that follow, as many."},
    ),
    "Fork": _object(
        id=_or_null(_NAME),
        at=_or_null({"type": "integer", "minimum": 0, "description": "Refused unless the session is there."}),
    ),
    "Snapshot": _answer(
        format={"const": "gatewise session"},
        format_version={"const": 1},
        model={"type": "string"},
        model_sha256={"type": "string"},
        seq={"type": "integer", "minimum": 0},
        last_t={"type": ["number", "null"]},
        ttl_s={"type": "number"},
        options={"type": "object"},
        state={"type": "string", "contentEncoding": "base64"},
        snapshot_sha256={"type": "string"},
    ),
    "Models": _answer(models={"type": "array", "items": {"type": "object"}}),
    "AskPrediction": _object(("inputs",), inputs={"type": ["array", "object"]}),
    "Prediction": _answer(
        model={"type": "string"}, model_version={"type": "string"}, outputs={"type": "object"}
    ),
    "Tensor": {
        "type": "object",
        "required": ["name", "datatype", "shape"],
        "properties": {
            "name": {"type": "string"},
            "datatype": {"type": "string"},
            "shape": {"type": "array", "items": {"type": "integer"}},
            "parameters": {"type": "object"},
            "data": {"type": "array"},
        },
    },
    "AskInference": _object(
        ("inputs",),
        id={"type": "string"},
        parameters={"type": "object"},
        inputs={"type": "array", "items": {"$ref": "#/components/schemas/Tensor"}},
        outputs={"type": "array", "items": {"type": "object"}},
    ),
    "Inference": {
        "type": "object",
        "required": ["model_name", "outputs"],
        "properties": {
            "model_name": {"type": "string"},
            "model_version": {"type": "string"},
            "id": {"type": "string"},
            "outputs": {"type": "array", "items": {"$ref": "#/components/schemas/Tensor"}},
        },
    },
    "Any": {"type": "object"},
}  # fmt: skip


def schemas(limits: Limits) -> dict[str, Any]:
    """Return all forms by name, those of bodies with the limits that `sessions.bodies` keeps to."""
    observations = {"type": "array", "minItems": 1, "items": _OBSERVATION}
    level = _between(LEVEL)
    some_levels = {"type": "array", "items": level, "maxItems": LEVELS_MOST}
    return {
        **_SCHEMAS,
        "Create": _object(
            id=_or_null(_NAME),
            ttl_s={
                **_between((TTL_LEAST, limits.ttl_most)),
                "description": "Seconds that it lives after its last step.",
            },
            warmup=_or_null(
                {**observations, "maxItems": limits.warmup, "description": "Observations before the first step."}
            ),
            series=_or_null({"type": "string", "description": "Of a forecaster of several series, which one."}),
            time_step_s=_or_null({**_between(TIME_STEP), "description": "Seconds between observations."}),
            gaps={"enum": ["flag", "refuse"], "description": "What is done when observations are missing."},
        ),
        "Step": {
            **_object(
                ("seq",),
                seq={**_SEQ, "description": "One more than the last step's; of several observations, the first one's."},
                x={**_OBSERVATION, "description": "One observation."},
                xs={**observations, "maxItems": limits.rows, "description": "Several."},
                t=_TIME,
            ),
            "oneOf": [{"required": ["x"]}, {"required": ["xs"]}],
        },
        "AskForecast": _object(
            ("horizon",),
            horizon={"type": "integer", "minimum": 1, "maximum": limits.horizon},
            level={"description": "Intervals, in percent.", "anyOf": [level, some_levels, {"type": "null"}]},
        ),
    }


def _between(bounds: tuple[float, float]) -> dict[str, Any]:
    """Return the form of a number between two others, both allowed."""
    return {"type": "number", "minimum": bounds[0], "maximum": bounds[1]}


def ref(name: str) -> dict[str, Any]:
    """Return a reference to one of `schemas`."""
    return {"$ref": f"#/components/schemas/{name}"}


def body(name: str, *other_types: str, required: bool = True) -> dict[str, Any]:
    """Return what a route says of its body: JSON of a schema, and which other types it takes."""
    content: dict[str, Any] = {"application/json": {"schema": ref(name)}}
    content |= {other: {"schema": {"type": "string", "format": "binary"}} for other in other_types}
    return {"requestBody": {"required": required, "content": content}}


def responses(name: str, *statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what a route says of its answers; every other status is a problem."""
    found: dict[int | str, dict[str, Any]] = {
        status: {"description": "Done.", "content": {"application/json": {"schema": ref(name)}}} for status in statuses
    }
    return {
        **found,
        "default": {"description": "Refused.", "content": {"application/json": {"schema": ref("Problem")}}},
    }
