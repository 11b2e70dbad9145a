"""Sessions in memory: those used last, each the same as its row in the store, and never more than one call at a time."""

import asyncio
import json
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn

from gatewise.serving.sessions import proofs
from gatewise.serving.sessions.clock import Clock
from gatewise.serving.sessions.schema import Grave, Row
from gatewise.serving.sessions.store import Store
from gatewise.serving.terms.problems import Problem, shown

# Answers that name a session which is gone: why it went -> the code, and a sentence.
_GONE = {
    "deleted": ("session_deleted", "The session {} was deleted."),
    "expired": ("session_expired", "The session {} expired: no step of it was taken for as long as it lives."),
}


class Session:
    """A session as it was last committed. Whoever changes it holds its lock and has committed the change.

    Attributes:
        damaged: Whether it is not what was written to the disk; then nothing of it can be relied on, and it never expires.
        fixed: The checksum of what never changes of it.
    """

    __slots__ = ("calls", "damaged", "fixed", "last_time", "lock", "options", "row", "seq", "state", "used")

    def __init__(self, row: Row) -> None:
        self.row = row
        self.damaged = not proofs.holds(row)
        self.fixed = 0 if self.damaged else proofs.of_fixed(row)
        self.seq = row.seq
        self.calls = row.calls
        self.used = row.used
        self.last_time = row.last_time
        self.state = row.state
        self.options: dict[str, Any] = {} if self.damaged else json.loads(row.options)
        self.lock = asyncio.Lock()

    def expired(self, now: float) -> bool:
        """Return whether it has not been used for longer than it lives."""
        return not self.damaged and now - self.used > self.row.ttl


class LiveSessions:
    """Finds sessions by name, and keeps some of them.

    Attributes:
        count: How many sessions the store has.
    """

    def __init__(self, store: Store, clock: Clock, most: int, tombstone_seconds: float) -> None:
        self._store = store
        self._clock = clock
        self._most = most
        self._tombstone_seconds = tombstone_seconds
        self._held: OrderedDict[str, Session] = OrderedDict()
        self.count, self._last_number = store.count()

    def __len__(self) -> int:
        return len(self._held)

    def new_number(self) -> int:
        """Return a number that no session of the store has."""
        self._last_number += 1
        return self._last_number

    def find(self, name: str) -> Session | None:
        """Return a session that is there, be it expired or not; None where there is none."""
        found = self._held.get(name)
        if found is not None:
            self._held.move_to_end(name)
            return found
        row = self._store.row(name)
        # It was found by its name, whatever became of the name in its row.
        return None if row is None else self.hold(Session(row._replace(name=name)))

    def get(self, name: str, even_damaged: bool = False) -> Session:
        """Return a session that may be asked something.

        Raises:
            Problem: It never was, is expired, was deleted, or is not what was written.
        """
        found = self.find(name)
        if found is None:
            self.refuse_absent(name)
        if found.damaged and not even_damaged:
            raise Problem(
                "session_damaged", f"The session {shown(name)} is not what was written to the disk, and is not stepped."
            )
        if found.expired(self._clock.now()):
            code, sentence = _GONE["expired"]
            raise Problem(code, sentence.format(shown(name)))
        return found

    @asynccontextmanager
    async def held(self, name: str, even_damaged: bool = False) -> AsyncIterator[Session]:
        """Give a session that nobody else changes meanwhile."""
        while True:
            session = self.get(name, even_damaged)
            async with session.lock:
                # Whoever had the lock before may have ended it.
                if self._held.get(name) is session:
                    yield session
                    return

    def refuse_absent(self, name: str) -> NoReturn:
        """Raise what is to be said of a session that is not there."""
        self.refuse_buried(name)
        raise Problem("session_unknown", f"There is no session {shown(name)}.")

    def refuse_buried(self, name: str) -> None:
        """Raise what is to be said of a session that was deleted or expired some time ago; nothing where none was."""
        grave = self.grave(name)
        if grave is not None:
            code, sentence = _GONE[grave.why]
            raise Problem(code, sentence.format(shown(name)))

    def grave(self, name: str) -> Grave | None:
        """Return what is known of a session that went some time ago; None where there was none, or long ago."""
        found = self._store.buried(name)
        return found if found is not None and self._clock.now() - found.since <= self._tombstone_seconds else None

    def hold(self, session: Session) -> Session:
        """Keep a session in memory, and let go of the one that was used longest ago and is not being asked."""
        self._held[session.row.name] = session
        self._held.move_to_end(session.row.name)
        if len(self._held) > self._most:
            oldest = next((name for name, held in self._held.items() if not held.lock.locked()), None)
            if oldest is not None and oldest != session.row.name:
                del self._held[oldest]
        return session

    def drop(self, name: str) -> None:
        """Let go of a session."""
        self._held.pop(name, None)
