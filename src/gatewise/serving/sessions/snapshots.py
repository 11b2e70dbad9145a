"""A session as one JSON object that can be kept elsewhere and restored where the same model is served."""

import base64
import binascii
import hashlib
import json
from typing import Any, NamedTuple

from gatewise.serving.sessions.bodies import TIME_STEP, TTL_LEAST, fields_of, number, whole
from gatewise.serving.sessions.live import Session
from gatewise.serving.terms.problems import Problem

FORMAT = "gatewise session"
FORMAT_VERSION = 1
_HASH = "snapshot_sha256"
_KINDS: dict[str, Any] = {
    "format": str,
    "format_version": int,
    "model": str,
    "model_sha256": str,
    "seq": int,
    "last_t": (int, float, type(None)),
    "ttl_s": (int, float),
    "options": dict,
    "state": str,
    _HASH: str,
}


class Snapshot(NamedTuple):
    """What a snapshot holds."""

    model: str
    sha256: str
    seq: int
    last_time: float | None
    ttl: float
    options: dict[str, Any]
    state: bytes


def taken(session: Session) -> dict[str, Any]:
    """Return the snapshot of a session."""
    said = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "model": session.row.model,
        "model_sha256": session.row.sha256,
        "seq": session.seq,
        "last_t": session.last_time,
        "ttl_s": session.row.ttl,
        "options": session.options,
        "state": base64.b64encode(session.state).decode(),
    }
    return {**said, _HASH: _hash(said)}


def read(body: Any) -> Snapshot:
    """Return what a snapshot holds.

    Raises:
        Problem: It is none, or it was changed since it was taken.
    """
    given = fields_of(body, set(_KINDS))
    for name, kind in _KINDS.items():
        if name not in given:
            raise Problem("field_missing", f"The snapshot has no {name}.", field=name)
        if not isinstance(given[name], kind) or isinstance(given[name], bool):
            raise Problem("field_wrong", f"{name} is not what it is in a snapshot.", field=name)
    if given["format"] != FORMAT or given["format_version"] != FORMAT_VERSION:
        raise Problem("field_wrong", f"This is no snapshot of format {FORMAT_VERSION}.", field="format_version")
    if given[_HASH] != _hash({name: value for name, value in given.items() if name != _HASH}):
        raise Problem(
            "snapshot_damaged", "The snapshot was changed after it was taken: its hash is another.", field=_HASH
        )
    try:
        state = base64.b64decode(given["state"], validate=True)
    except (binascii.Error, ValueError):
        raise Problem("snapshot_damaged", "The state of the snapshot is not base64.", field="state") from None
    return Snapshot(
        given["model"],
        given["model_sha256"],
        whole(given["seq"], "seq", 0, 2**63 - 1),
        None if given["last_t"] is None else number(given["last_t"], "last_t", -1e12, 1e12),
        number(given["ttl_s"], "ttl_s", TTL_LEAST, 1e9),
        _options(given["options"]),
        state,
    )


def _options(given: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a session, if they are those that `Sessions` writes."""
    well = (
        given.keys() == {"series", "time_step_s", "gaps", "parent"}
        and isinstance(given["series"], str | None)
        and isinstance(given["parent"], str | None)
        and given["gaps"] in ("flag", "refuse")
    )
    if not well:
        raise Problem("field_wrong", "The options are not those of a session.", field="options")
    if given["time_step_s"] is not None:
        number(given["time_step_s"], "options.time_step_s", *TIME_STEP)
    return given


def _hash(said: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
