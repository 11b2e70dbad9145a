"""What a caller may ask of a session: the bodies, checked field by field."""

import hashlib
import json
import math
import re
from collections.abc import Callable
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from gatewise.serving.terms.contract import Stepped
from gatewise.serving.terms.limits import Limits
from gatewise.serving.terms.problems import Problem, shown

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
# What the numbers in bodies may be, from the least to the most.
TTL_LEAST = 1.0
TIME_STEP = (1e-6, 1e9)
LEVEL = (1.0, 99.9)
LEVELS_MOST = 10
_MOST_SEQ = 2**63 - 1
# What rounds to an infinite float32, and to an infinite double.
_FLOAT32 = 2.0**128 - 2.0**103
_DOUBLE = 2**1024 - 2**970
_CREATE = {"id", "ttl_s", "warmup", "series", "time_step_s", "gaps"}
_STEP = {"seq", "x", "xs", "t"}


class Create(NamedTuple):
    """A session to be: see the paths in the documentation for what the fields mean."""

    name: str | None
    ttl: float
    warmup: np.ndarray | None
    series: str | None
    time_step: float | None
    gaps: str
    made: bytes


class Step(NamedTuple):
    """One observation or several, ``(time, features)``; the number of the first; the time of the last; a hash of it all."""

    seq: int
    rows: np.ndarray
    several: bool
    time: float | None
    asked: bytes


def fields_of(body: Any, known: set[str]) -> dict[str, Any]:
    """Return a body that is an object with no other fields than the known ones."""
    if type(body) is not dict:
        raise Problem("field_wrong", f"The body is {_kind(body)}, and should be an object.", field="")
    if not body.keys() <= known:
        name = next(name for name in body if name not in known)
        raise Problem(
            "field_unknown", f"The body has the field {shown(name)}, which means nothing here.", field=shown(name)[1:-1]
        )
    return body


def session_name(value: Any, field: str = "id") -> str:
    """Return a session's name, if it may be one."""
    if type(value) is not str or not NAME.fullmatch(value):
        raise Problem(
            "field_wrong",
            f"{shown(value)} is no name of a session: 1 to 64 of the characters A-Z a-z 0-9 . _ -, beginning with a "
            "letter or a digit.",
            field=field,
        )
    return value


def read_create(body: Any, model: Stepped, limits: Limits) -> Create:
    """Return what a session is to be, or raise the first `Problem` with it."""
    given = fields_of(body, _CREATE)
    name = None if given.get("id") is None else session_name(given["id"])
    ttl = number(given.get("ttl_s", limits.ttl_seconds), "ttl_s", TTL_LEAST, limits.ttl_most)
    time_step = given.get("time_step_s")
    if time_step is not None:
        time_step = number(time_step, "time_step_s", *TIME_STEP)
    gaps = given.get("gaps", "flag")
    if gaps not in ("flag", "refuse"):
        raise Problem("field_wrong", f'gaps is {shown(gaps)}, and is "flag" or "refuse".', field="gaps")
    if gaps == "refuse" and time_step is None:
        raise Problem(
            "field_missing", 'gaps is "refuse", and time_step_s does not say what a gap is.', field="time_step_s"
        )
    series = given.get("series")
    if series is not None and type(series) is not str:
        raise Problem("field_wrong", f"series is {_kind(series)}, and should be a text.", field="series")
    warmup = None if given.get("warmup") is None else rows_of(given["warmup"], model, "warmup", limits.warmup)
    if warmup is not None:
        # Its bytes: as text it takes a hundred times as long.
        given = {**given, "warmup": hashlib.blake2b(warmup.tobytes()).hexdigest()}
    made = hashlib.blake2b(json.dumps(given, sort_keys=True).encode(), digest_size=16).digest()
    return Create(name, ttl, warmup, series, time_step, gaps, made)


def read_step(body: Any, model: Stepped, limits: Limits) -> Step:
    """Return the observations of a call, or raise the first `Problem` with it."""
    given = fields_of(body, _STEP)
    seq = given.get("seq")
    if type(seq) is not int or not 1 <= seq <= _MOST_SEQ:
        if "seq" not in given:
            raise Problem("field_missing", "The step has no seq: the number of the step, counted from 1.", field="seq")
        raise Problem("field_wrong", f"seq is {shown(seq)}, and should be a whole number from 1 on.", field="seq")
    several = "xs" in given
    if several == ("x" in given):
        said = "both x and xs" if several else "neither x nor xs"
        raise Problem(
            "field_missing" if not several else "field_wrong", f"The step has {said}, and needs one of them.", field="x"
        )
    time = None if given.get("t") is None else _time(given["t"])
    if several:
        rows = rows_of(given["xs"], model, "xs", limits.rows)
        if seq + len(rows) - 1 > _MOST_SEQ:
            raise Problem("field_wrong", f"seq is {seq}, and the last step would have no number.", field="seq")
    else:
        rows = _row(given["x"], model.features, _bound(model), "x").reshape(1, -1)
    asked = hashlib.blake2b(rows.tobytes(), digest_size=16, person=b"several" if several else b"one")
    if time is not None:
        asked.update(repr(time).encode())
    return Step(seq, rows, several, time, asked.digest())


def rows_of(value: Any, model: Stepped, field: str, most: int | None) -> np.ndarray:
    """Return observations ``(time, features)``, or raise a `Problem` that names the first wrong one."""
    if type(value) is not list or not value:
        raise Problem("field_wrong", f"{field} is {_kind(value)}, and should be a list of observations.", field=field)
    if most is not None and len(value) > most:
        raise Problem("field_wrong", f"{field} has {len(value)} observations, and may have {most}.", field=field)
    features, bound = model.features, _bound(model)
    found = _right_rows(value, features, bound)
    if found is not None:
        return found
    return np.stack([_row(row, features, bound, f"{field}[{place}]") for place, row in enumerate(value)])


def _right_rows(rows: list[Any], features: int, bound: float | int) -> np.ndarray | None:
    """Return observations that are all right, found out of all at once; None where one may be wrong."""
    flat = rows
    if set(map(type, rows)) == {list}:
        if set(map(len, rows)) != {features}:
            return None
        flat = list(chain.from_iterable(rows))
    elif features != 1:
        return None
    if not set(map(type, flat)) <= {int, float}:
        return None
    try:
        found = np.array(flat, np.float64).reshape(-1, features)
    except OverflowError:
        return None
    return found if (np.abs(found) < (bound if isinstance(bound, float) else np.inf)).all() else None


def _bound(model: Stepped) -> float | int:
    """Return what the numbers of an observation have to be below, so that they are finite where the model computes."""
    return _FLOAT32 if model.step_input.datatype == "FP32" else _DOUBLE


def _row(value: Any, features: int, bound: float | int, field: str) -> np.ndarray:
    """Return one observation ``(features,)``; a bare number where there is one feature."""
    row = [value] if features == 1 and type(value) in (int, float) else value
    if type(row) is not list:
        raise Problem(
            "field_wrong", f"{field} is {_kind(value)}, and should be a list of {features} numbers.", field=field
        )
    if len(row) != features:
        raise Problem("shape_wrong", f"{field} has {len(row)} numbers, and the model takes {features}.", field=field)
    for place, entry in enumerate(row):
        if type(entry) is not float and type(entry) is not int:
            code = "number_not_finite" if entry is None else "field_wrong"
            where = f"{field}[{place}]"
            raise Problem(code, f"{where} is {_kind(entry)}, and should be a number.", field=where)
    if not (max(row) < bound and min(row) > -bound and all(map(math.isfinite, row))):
        place = next(place for place, entry in enumerate(row) if not -bound < entry < bound)
        where = field if row is not value else f"{field}[{place}]"
        kind = "float32" if bound == _FLOAT32 else "double"
        raise Problem("number_not_finite", f"{where} is a number beyond what a {kind} holds.", field=where)
    return np.array(row, np.float64)


def number(value: Any, field: str, least: float, most: float) -> float:
    """Return a number between two others, both allowed."""
    if type(value) not in (int, float) or not least <= value <= most:
        raise Problem(
            "field_wrong", f"{field} is {shown(value)}, and should be a number from {least:g} to {most:g}.", field=field
        )
    return float(value)


def whole(value: Any, field: str, least: int, most: int) -> int:
    """Return a whole number between two others, both allowed."""
    if type(value) is not int or not least <= value <= most:
        raise Problem(
            "field_wrong",
            f"{field} is {shown(value)}, and should be a whole number from {least} to {most}.",
            field=field,
        )
    return value


def levels_of(value: Any) -> tuple[float, ...]:
    """Return the levels of intervals, in percent: one number or a list of at most ten."""
    given = value if type(value) is list else [value]
    if len(given) > LEVELS_MOST:
        raise Problem("field_wrong", f"level has {len(given)} entries, and may have {LEVELS_MOST}.", field="level")
    return tuple(number(level, f"level[{place}]", *LEVEL) for place, level in enumerate(given))


def _time(value: Any) -> float:
    """Return a time in seconds since 1970: given so, or as ISO 8601 with an offset from UTC."""
    if type(value) in (int, float):
        return number(value, "t", -1e12, 1e12)
    read: Callable[[str], datetime] = datetime.fromisoformat
    try:
        found = read(value)
    except (TypeError, ValueError):
        raise Problem(
            "field_wrong",
            f"t is {shown(value)}, and should be seconds since 1970 or a time like 2026-01-31T12:00:00Z.",
            field="t",
        ) from None
    if found.tzinfo is None:
        raise Problem(
            "field_wrong",
            f"t is {shown(value)}, which does not say its offset from UTC: end it with Z or +01:00.",
            field="t",
        )
    return found.timestamp()


def _kind(value: Any) -> str:
    """Return what a JSON value is, for a sentence."""
    if value is None:
        return "null"
    if type(value) is list:
        return "a list" if value else "an empty list"
    return {dict: "an object", str: "a text", bool: "true or false", int: "a number", float: "a number"}.get(
        type(value), "something else"
    )
