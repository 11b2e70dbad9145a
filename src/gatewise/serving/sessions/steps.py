"""Steps of sessions: each once, in order, and answered only when it is on the disk.

A step has a number, one more than the last. Its answer is written in the same commit as the state after it; whoever repeats a
step with the same number and body is given that answer, and the step is not done again.

Steps that arrive together are taken together: all are read, then all networks stepped, then all answers made. Each phase finds
its code and its weights in the processor's caches, which halves what a step of a small network takes.
"""

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from gatewise.serving.models.calls import ModelCalls
from gatewise.serving.sessions import proofs
from gatewise.serving.sessions.bodies import Step, read_step
from gatewise.serving.sessions.clock import Clock
from gatewise.serving.sessions.live import LiveSessions, Session
from gatewise.serving.sessions.pinned_models import PinnedModels
from gatewise.serving.sessions.schema import Kept, Write
from gatewise.serving.sessions.store import Store
from gatewise.serving.terms.contract import Stepped
from gatewise.serving.terms.limits import Limits
from gatewise.serving.terms.problems import Problem

# The clock is written down with the first commit after so many seconds.
_CLOCK_SECONDS = 10.0
_OUTCOMES = {"seq_gap": "gap", "seq_reused": "conflict"}


class Call(Protocol):
    """A step that somebody wants."""

    @property
    def name(self) -> str:
        """The session."""

    @property
    def body(self) -> Any:
        """The body as parsed."""

    def then(self, said: bytes | Exception) -> None:
        """Called once, with the answer as JSON or with why there is none."""


C = TypeVar("C", bound=Call)


class _Waiting:
    """A step that a coroutine waits for."""

    def __init__(self, name: str, body: Any) -> None:
        self.name, self.body = name, body
        self.said: asyncio.Future[bytes | Exception] = asyncio.get_running_loop().create_future()

    def then(self, said: bytes | Exception) -> None:
        # Whoever was cancelled no longer waits.
        if not self.said.done():
            self.said.set_result(said)


class _After(NamedTuple):
    """What a step changes of a session."""

    seq: int
    calls: int
    used: float
    last_time: float | None
    state: bytes


class _Held(NamedTuple):
    """A step whose session is held, and which is the next one."""

    call: Call
    session: Session
    model: Stepped
    asked: Step
    gap: str


class Steps:
    """Takes steps.

    Attributes:
        on_step: Called with what became of each step: applied, replayed, gap, conflict or refused.
    """

    def __init__(
        self, store: Store, live: LiveSessions, models: PinnedModels, calls: ModelCalls, limits: Limits, clock: Clock
    ) -> None:
        self._store = store
        self._live = live
        self._models = models
        self._calls = calls
        self._limits = limits
        self._clock = clock
        self.on_step: Callable[[str], None] = lambda outcome: None

    async def step(self, name: str, body: Any) -> bytes:
        """Take the next observations, and return the answer as JSON; see the module."""
        waiting = _Waiting(name, body)
        if self.together([waiting]):
            return await self._in_turn(name, body)
        said = await waiting.said
        if isinstance(said, Exception):
            raise said
        return said

    def together(self, calls: Iterable[C]) -> list[C]:
        """Take steps for which nothing but their commit has to be waited for.

        Returns:
            Those for which there is more to wait for: another call of their session, a model that takes long, many
            observations. Nothing has happened to them, and nothing will be told to them.
        """
        later, held, stepped = [], [], []
        for call in calls:
            try:
                found = self._begun(call)
            except Exception as error:
                self._refused(call, error)
                continue
            if isinstance(found, bytes):
                call.then(found)
            elif found is None:
                later.append(call)
            else:
                held.append(found)
        for one in held:
            try:
                stepped.append((one, *self._calls.step_at_once(one.model, one.session.state, one.asked.rows)))
            except Exception as error:
                one.session.lock.release()
                self._refused(one.call, error)
        for one, state, said in stepped:
            try:
                self._commit(one, state, _answer(said, one.asked, one.gap))
            except Exception as error:
                one.session.lock.release()
                self._refused(one.call, error)
        return later

    def _begun(self, call: Call) -> _Held | bytes | None:
        """Hold the session of a step; return the answer where the step was taken before, None where it has to wait."""
        session = self._live.get(call.name)
        if not _taken_at_once(session.lock):
            return None
        held = None
        try:
            model = self._models.of(session)
            asked = read_step(call.body, model, self._limits)
            if asked.seq != session.seq + 1:
                return self._replayed(session, asked)
            if self._calls.at_once(model, asked.rows):
                held = _Held(call, session, model, asked, _gap(session, asked))
            return held
        finally:
            if held is None:
                session.lock.release()

    def _commit(self, held: _Held, state: bytes, answer: bytes) -> None:
        """Commit a step with its answer; then, and not before, the session is after it, and the caller is told."""
        call, session, *_ = held
        after, writes = self._writes(session, held.asked, state, answer)

        def committed(problem: Problem | None) -> None:
            if problem is None:
                session.seq, session.calls, session.used, session.last_time, session.state = after
            session.lock.release()
            if problem is None:
                self.on_step("applied")
                call.then(_said(after.seq, answer))
            else:
                self._refused(call, problem)

        self._store.write_then(writes, committed)

    async def _in_turn(self, name: str, body: Any) -> bytes:
        """Take a step, whatever has to be waited for."""
        try:
            async with self._live.held(name) as session:
                model = self._models.of(session)
                asked = read_step(body, model, self._limits)
                if asked.seq != session.seq + 1:
                    return self._replayed(session, asked)
                gap = _gap(session, asked)
                state, said = await self._calls.step(model, session.state, asked.rows)
                answer = _answer(said, asked, gap)
                after, writes = self._writes(session, asked, state, answer)
                await self._store.write(writes)
                session.seq, session.calls, session.used, session.last_time, session.state = after
        except Problem as problem:
            self.on_step(_OUTCOMES.get(problem.code, "refused"))
            raise
        self.on_step("applied")
        return _said(after.seq, answer)

    def _writes(self, session: Session, asked: Step, state: bytes, answer: bytes) -> tuple[_After, list[Write]]:
        """Return where a session is after a step, and what has to be committed before it is there."""
        time = session.last_time if asked.time is None else asked.time
        after = _After(asked.seq + len(asked.rows) - 1, session.calls + 1, self._clock.now(), time, state)
        slot = after.calls % self._limits.replays
        proof, kept = proofs.of_place(session.fixed, *after), proofs.sealed(answer, asked.asked)
        writes: list[Write] = [("step", (session.row.number, *after, proof, slot, asked.seq, asked.asked, kept))]
        if after.used - self._clock.told > _CLOCK_SECONDS:
            writes += self._clock.facts()
        return after, writes

    def _replayed(self, session: Session, asked: Step) -> bytes:
        """Return the answer that a step was given before, or say why it has none."""
        if asked.seq > session.seq:
            expected = session.seq + 1
            raise Problem(
                "seq_gap",
                f"Step {asked.seq} came, and step {expected} is next.",
                field="seq",
                detail={"expected": expected},
            )
        around = [kept for kept in self._store.kept(session.row.number) if kept.first <= asked.seq <= kept.last]
        if not around:
            raise Problem(
                "seq_too_old",
                f"The session is after step {session.seq}, and the answer to step {asked.seq} is no longer kept.",
                field="seq",
                detail={"seq": session.seq},
            )
        first, last = around[0].first, around[0].last
        if first != asked.seq or around[0].asked != asked.asked:
            how = "with another body" if first == asked.seq else f"in the call that began with step {first}"
            raise Problem(
                "seq_reused",
                f"Step {asked.seq} was taken {how}.",
                field="seq",
                detail={"seq": session.seq, "first": first, "last": last},
            )
        answer = replayed(around[0])
        self.on_step("replayed")
        return answer

    def _refused(self, call: Call, error: Exception) -> None:
        if isinstance(error, Problem):
            self.on_step(_OUTCOMES.get(error.code, "refused"))
        call.then(error)


def _gap(session: Session, asked: Step) -> str:
    """Return what the answer says of missing observations, or refuse a time that cannot be."""
    last, every = session.last_time, session.options.get("time_step_s")
    if asked.time is None or last is None:
        return ""
    if asked.time <= last:
        raise Problem("time_not_later", f"t is {asked.time!r}, and the last observation was at {last!r}.", field="t")
    missing = 0 if every is None else round((asked.time - last) / every) - len(asked.rows)
    if missing <= 0:
        return ""
    if session.options["gaps"] == "refuse":
        raise Problem(
            "time_gap", f"{missing} observations are missing before this one.", field="t", detail={"missing": missing}
        )
    return f',"missing":{missing}'


def _answer(said: np.ndarray, asked: Step, gap: str) -> bytes:
    """Return the part of an answer that is kept; by hand for one observation, which is quicker than `json.dumps`."""
    outputs = said.tolist()
    if asked.several:
        return f'ys":{json.dumps(outputs)}{gap}'.encode()
    return f'y":[{",".join(map(repr, outputs[0]))}]{gap}'.encode()


def replayed(kept: Kept) -> bytes:
    """Return an answer that was given before.

    Raises:
        Problem: It is not what was written.
    """
    said = proofs.unsealed(kept.said, kept.asked)
    if said is None:
        raise Problem("session_damaged", f"The answer to step {kept.first} is not what was written to the disk.")
    return _said(kept.last, said, b"true")


def _said(seq: int, answer: bytes, replayed: bytes = b"false") -> bytes:
    return b'{"seq":%d,"%b,"replayed":%b}' % (seq, answer, replayed)


def _taken_at_once(lock: asyncio.Lock) -> bool:
    """Take a lock, if it can be had without waiting."""
    taking = lock.acquire()
    try:
        taking.send(None)
    except StopIteration:
        return True
    taking.close()
    return False
