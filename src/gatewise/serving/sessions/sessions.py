"""What a session can be asked besides its steps: to begin, fork, be restored, be read, forecast, end. Answered means kept."""

import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

from gatewise.serving.models.calls import ModelCalls
from gatewise.serving.sessions import proofs, snapshots
from gatewise.serving.sessions.bodies import Create, Step, fields_of, levels_of, read_create, session_name, whole
from gatewise.serving.sessions.clock import Clock
from gatewise.serving.sessions.live import LiveSessions, Session
from gatewise.serving.sessions.pinned_models import PinnedModels
from gatewise.serving.sessions.schema import Row
from gatewise.serving.sessions.steps import Steps, replayed
from gatewise.serving.sessions.store import Store
from gatewise.serving.terms.contract import ServedModel, Stepped
from gatewise.serving.terms.limits import Limits
from gatewise.serving.terms.problems import Problem, shown

# The clock is written down after so many seconds in which no step did it.
_CLOCK_SECONDS = 60.0
# Sessions that a sweep looks at in one go: about a millisecond.
_SWEPT_AT_ONCE = 500


class Begun(NamedTuple):
    """A session, and whether this call made it."""

    session: Session
    new: bool


class Sessions:
    """All sessions of a server.

    Attributes:
        limits: How much a session may have.
        live: Those in memory, and how many there are.
        steps: What takes their steps.
    """

    def __init__(
        self,
        store: Store,
        models: Mapping[str, ServedModel],
        calls: ModelCalls,
        limits: Limits,
        clock: Clock | None = None,
    ) -> None:
        self._store = store
        self._pinned = PinnedModels(model for model in models.values() if isinstance(model, Stepped))
        self._calls = calls
        self.limits = limits
        kept, wall = store.fact("clock"), store.fact("wall")
        self.clock = clock or Clock(kept or 0.0, wall, limits.ttl_seconds)
        self.live = LiveSessions(store, self.clock, limits.hot_sessions, limits.tombstone_seconds)
        self._beginning: set[str] = set()
        self._swept_to = 0
        self.steps = Steps(store, self.live, self._pinned, calls, limits, self.clock)

    # Begin ------------------------------------------------------------------------------------------------------------

    async def create(self, model: Stepped, body: Any, renew: bool = False) -> Begun:
        """Begin a session, or return the one that the same call began before.

        Args:
            model: Its model.
            body: The body as parsed.
            renew: Whether the name of a session that is gone may be used again.
        """
        asked = read_create(body, model, self.limits)
        async with self._name(asked.name) as name:
            found = self._there(name, asked.made, renew)
            if found is not None:
                return Begun(found, False)
            state = await self._calls.begin(model, asked.series)
            if asked.warmup is not None:
                state = await self._calls.tell(model, state, asked.warmup)
            row = self._new_row(name, model, asked, state)
            return Begun(await self._begun(row), True)

    async def fork(self, name: str, body: Any) -> Begun:
        """Begin a session with the state of another, which it shares nothing with from then on."""
        given = fields_of(body, {"id", "at"})
        wanted = None if given.get("id") is None else session_name(given["id"])
        at = None if given.get("at") is None else whole(given["at"], "at", 0, 2**63 - 1)
        made = hashlib.blake2b(json.dumps(["fork", name, at]).encode(), digest_size=16).digest()
        async with self._name(wanted) as new:
            found = self._there(new, made)
            if found is not None:
                return Begun(found, False)
            async with self.live.held(name) as session:
                self._pinned.of(session)
                if at is not None and at != session.seq:
                    raise Problem(
                        "seq_conflict",
                        f"The fork is to begin after step {at}, and the session {name} is after step {session.seq}.",
                        field="at",
                        detail={"seq": session.seq},
                    )
                row = session.row._replace(
                    number=self.live.new_number(),
                    name=new,
                    seq=session.seq,
                    calls=0,
                    used=self.clock.now(),
                    last_time=session.last_time,
                    made=made,
                    options=json.dumps({**session.options, "parent": name}),
                    state=session.state,
                )
                return Begun(await self._begun(row), True)

    async def restore(self, name: str, body: Any, replace: bool) -> Begun:
        """Put a snapshot back, under any name; over a session that is there only where `replace` says so."""
        session_name(name, "session")
        kept = snapshots.read(body)
        model = self._pinned.get(kept.model, kept.sha256)
        if model is None:
            raise Problem(
                "model_mismatch",
                f"The snapshot is of another model than the {shown(kept.model)} here.",
                field="model_sha256",
            )
        fault = model.fault(kept.state)
        if fault is not None or not 0 <= kept.seq < 2**63:
            raise Problem(
                "snapshot_damaged", f"The state of the snapshot is none of this model: {fault}.", field="state"
            )
        async with self._name(name):
            made = hashlib.blake2b(json.dumps(body, sort_keys=True).encode(), digest_size=16).digest()
            found = self.live.find(name)
            if found is not None and not found.expired(self.clock.now()):
                same = (found.seq, found.state, found.row.sha256) == (kept.seq, kept.state, kept.sha256)
                if same and not found.damaged:
                    return Begun(found, False)
                if not replace:
                    raise Problem(
                        "session_exists", f"There is a session {name}, and it is not the one of the snapshot."
                    )
            row = Row(
                self.live.new_number(), name, kept.seq, 0, self.clock.now(), min(kept.ttl, self.limits.ttl_most),
                kept.last_time, model.name, kept.sha256, made, json.dumps(kept.options), kept.state,
            )  # fmt: skip
            return Begun(await self._begun(row), found is None)

    # Ask --------------------------------------------------------------------------------------------------------------

    async def step(self, name: str, body: Any) -> bytes:
        """Take the next observations, and return the answer as JSON; see `steps`."""
        return await self.steps.step(name, body)

    def last_answer(self, name: str, model: Stepped, asked: Step) -> bytes | None:
        """Return the answer to the step that ended a session which is gone; None where another one ended it."""
        grave = self.live.grave(name)
        if grave is None or grave.last is None or grave.sha256 != model.sha256:
            return None
        if (grave.last.first, grave.last.asked) != (asked.seq, asked.asked):
            return None
        return replayed(grave.last)

    async def forecast(self, name: str, body: Any) -> dict[str, Any]:
        """Return a forecast from where a session is; it stays there."""
        given = fields_of(body, {"horizon", "level"})
        if "horizon" not in given:
            raise Problem(
                "field_missing", "The forecast has no horizon: how many steps it is to have.", field="horizon"
            )
        horizon = whole(given["horizon"], "horizon", 1, self.limits.horizon)
        levels = () if given.get("level") is None else levels_of(given["level"])
        session = self.live.get(name)
        model, state, seq = self._pinned.of(session), session.state, session.seq
        said = await self._calls.beside(lambda: model.forecast(state, horizon, levels))
        return {"session": name, "seq": seq, "horizon": horizon, **said}

    async def history(self, name: str, most: int) -> dict[str, Any]:
        """Return the last values that a session comes from, where its model keeps them."""
        session = self.live.get(name)
        model, state, seq = self._pinned.of(session), session.state, session.seq
        said = await self._calls.beside(lambda: model.history(state, most))
        return {"session": name, "seq": seq, **said}

    def read(self, name: str) -> dict[str, Any]:
        """Return where a session is."""
        return self.described(self.live.get(name))

    def snapshot(self, name: str) -> dict[str, Any]:
        """Return a session as it can be kept elsewhere."""
        return snapshots.taken(self.live.get(name))

    def described(self, session: Session) -> dict[str, Any]:
        """Return what can be said of a session, as plain JSON values."""
        row, left = session.row, session.used + session.row.ttl - self.clock.now()
        until = datetime.fromtimestamp(self.clock.wall() + left, UTC)
        return {
            "session": row.name,
            "seq": session.seq,
            "model": row.model,
            "model_version": row.sha256[:12],
            "model_sha256": row.sha256,
            "state_sha256": hashlib.sha256(session.state).hexdigest(),
            "last_t": session.last_time,
            "ttl_s": row.ttl,
            "idle_s": round(self.clock.now() - session.used, 3),
            "expires_at": until.isoformat(timespec="seconds").replace("+00:00", "Z"),
            **session.options,
        }

    # End --------------------------------------------------------------------------------------------------------------

    async def delete(self, name: str, ended_by: int | None = None) -> None:
        """End a session; of one that was deleted before, nothing is said.

        Args:
            name: Which one.
            ended_by: The number of the step that ended it, whose answer is kept for as long as the session is known to be gone.
        """
        try:
            async with self.live.held(name, even_damaged=True) as session:
                row = session.row
                kept = () if ended_by is None else self._store.kept(row.number)
                last = next((one for one in kept if one.first == ended_by), None)
                await self._buried(row.number, name, "deleted", None if last is None else (row.sha256, *last))
        except Problem as problem:
            if problem.code != "session_deleted":
                raise

    async def sweep(self) -> None:
        """Look at some sessions, and end those that expired; the next call looks at others."""
        now = self.clock.now()
        looked = list(self._store.idle(self._swept_to, _SWEPT_AT_ONCE))
        self._swept_to = looked[-1][0] if len(looked) == _SWEPT_AT_ONCE else 0
        for number, name, used, ttl in looked:
            session = self.live.find(name) if now - used > ttl else None
            if session is not None and session.expired(now) and not session.lock.locked():
                async with session.lock:
                    await self._buried(number, name, "expired")
        forgotten = self._store.graves(now - self.limits.tombstone_seconds, _SWEPT_AT_ONCE)
        if forgotten or now - self.clock.told > _CLOCK_SECONDS:
            await self._store.write([*(("unbury", (name,)) for name in forgotten), *self.clock.facts()])

    async def keep_clock(self) -> None:
        """Write down the time, before the server stops."""
        await self._store.write(self.clock.facts())

    async def _buried(self, number: int, name: str, why: str, last: tuple[Any, ...] | None = None) -> None:
        grave = ("bury", (name, why, self.clock.now(), *(last or (None,) * 5)))
        await self._store.write([grave, ("forget_answers", (number,)), ("delete", (number,))])
        self.live.drop(name)
        self.live.count -= 1

    # What several calls need ------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _name(self, wanted: str | None) -> AsyncIterator[str]:
        """Give a name that no other call begins a session under meanwhile."""
        name = secrets.token_hex(16) if wanted is None else wanted
        if name in self._beginning:
            raise Problem("busy", f"Another call is beginning the session {name}.", headers=((b"retry-after", b"1"),))
        self._beginning.add(name)
        try:
            yield name
        finally:
            self._beginning.remove(name)

    def _there(self, name: str, made: bytes, renew: bool = False) -> Session | None:
        """Return the session of that name, if the same call made it; None where there is none; else a `Problem`."""
        found = self.live.find(name)
        if found is None:
            if not renew:
                self.live.refuse_buried(name)
            return None
        if found.expired(self.clock.now()) and renew:
            return None
        self.live.get(name)
        if found.row.made != made:
            raise Problem("session_exists", f"There is a session {name}, begun in another way.", field="id")
        return found

    def _new_row(self, name: str, model: Stepped, asked: Create, state: bytes) -> Row:
        options = {"series": asked.series, "time_step_s": asked.time_step, "gaps": asked.gaps, "parent": None}
        return Row(
            self.live.new_number(), name, 0, 0, self.clock.now(), asked.ttl, None, model.name, model.sha256, asked.made,
            json.dumps(options), state,
        )  # fmt: skip

    async def _begun(self, row: Row) -> Session:
        """Commit a new session, in the place of one of that name where there is one."""
        row = proofs.proved(row)
        old = self.live.find(row.name)
        if old is not None:
            async with old.lock:
                number = old.row.number
                await self._store.write([("forget_answers", (number,)), ("delete", (number,)), ("create", row)])
                return self.live.hold(Session(row))
        if self.live.count >= self.limits.sessions:
            raise Problem(
                "session_limit",
                f"The server has {self.live.count} sessions, and may have {self.limits.sessions}.",
                headers=((b"retry-after", b"60"),),
            )
        self.live.count += 1
        try:
            await self._store.write([("unbury", (row.name,)), ("create", row)])
        except BaseException:
            self.live.count -= 1
            raise
        return self.live.hold(Session(row))
