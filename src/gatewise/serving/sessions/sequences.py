"""Triton's sequences on top of sessions: the first request begins a session, the last one ends it.

With the number of its step a request is taken once, however often and however late it comes: repeated, it is given its answer,
the last one of a sequence for as long as the session is known to be gone. So a first request with a number begins no sequence
where one has ended, unless it asks for a restart; and a restart begins anew as often as it comes.
"""

import json
from typing import NamedTuple

from gatewise.serving.sessions.bodies import read_step
from gatewise.serving.sessions.sessions import Sessions
from gatewise.serving.terms.contract import Stepped
from gatewise.serving.terms.problems import Problem


class SequenceStep(NamedTuple):
    """A request of a sequence.

    Attributes:
        name: The session that stands for the sequence.
        rows: Observations, ``(time, features)``.
        seq: The number of the first of them; None for the next one.
        start: Whether the sequence begins with it.
        end: Whether it ends with it.
        restart: Whether it may begin where the sequence of that name has begun or ended already.
    """

    name: str
    rows: list[list[float]]
    seq: int | None
    start: bool
    end: bool
    restart: bool


async def take(sessions: Sessions, model: Stepped, step: SequenceStep) -> list[list[float]]:
    """Take a step of a sequence, and return what the model says after each of its observations.

    Raises:
        Problem: Nothing was changed.
    """
    # What is wrong with it is known before a session is begun or ended for it.
    if not 1 <= len(step.rows) <= sessions.limits.rows:
        raise Problem(
            "shape_wrong",
            f"A request of a sequence has 1 to {sessions.limits.rows} steps, and this one has {len(step.rows)}.",
            field="inputs[0].shape",
        )
    asked = read_step({"seq": step.seq or 1, "xs": step.rows}, model, sessions.limits)
    try:
        if step.start:
            await _begin(sessions, model, step)
        where = sessions.read(step.name)
        if where["model"] != model.name:
            raise _of_another(where["model"])
        seq = where["seq"] + 1 if step.seq is None else step.seq
        said: list[list[float]] = json.loads(await sessions.step(step.name, {"seq": seq, "xs": step.rows}))["ys"]
    except Problem as problem:
        if problem.code == "session_deleted" and step.seq is not None:
            last = sessions.last_answer(step.name, model, asked)
            if last is not None:
                return list(json.loads(last)["ys"])
        if problem.code == "seq_reused" and step.start:
            raise _begun_already() from None
        if problem.field == "seq":
            problem.field = "parameters.sequence_seq"
        raise
    if step.end:
        await sessions.delete(step.name, seq)
    return said


async def _begin(sessions: Sessions, model: Stepped, step: SequenceStep) -> None:
    """Begin a sequence; do nothing where its first request has come before, so that it is answered as it was."""
    if step.seq not in (None, 1):
        raise Problem(
            "seq_gap",
            f"Step {step.seq} came with sequence_start, and a sequence starts with step 1.",
            field="parameters.sequence_seq",
            detail={"expected": 1},
        )
    found = sessions.live.find(step.name)
    if found is not None and not found.expired(sessions.clock.now()):
        if found.row.model != model.name:
            raise _of_another(found.row.model)
        if step.restart:
            await sessions.delete(step.name)
        elif found.seq > 0 and step.seq is None:
            raise _begun_already()
        elif found.seq > 0:
            return
    await sessions.create(model, {"id": step.name}, renew=step.restart or step.seq is None)


def _begun_already() -> Problem:
    return Problem(
        "session_exists",
        "The sequence has begun already; end it first, or send sequence_restart.",
        field="parameters.sequence_start",
    )


def _of_another(model: str) -> Problem:
    return Problem("session_exists", f"The sequence is of the model {model}.", field="parameters.sequence_id")
