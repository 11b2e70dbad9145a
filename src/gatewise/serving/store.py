"""Sessions on the disk: SQLite with a log of what was written ahead, and one thread that writes.

What is written waits for its commit. All that waits while a commit is under way goes into the next one, so that one
synchronisation of the disk serves many sessions. A commit that failed has changed nothing.

Source: https://sqlite.org/wal.html and https://sqlite.org/pragma.html#pragma_synchronous for what survives what.
"""

import asyncio
import contextlib
import itertools
import logging
import queue
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from gatewise.errors import EnvironmentFault
from gatewise.serving.problems import Problem
from gatewise.serving.store_folder import claim

LOG = logging.getLogger("gatewise.serving")
NAME = "sessions.sqlite"
FORMAT = 1
Durability = Literal["full", "normal"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sessions (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, seq INTEGER NOT NULL, calls INTEGER NOT NULL,
    used REAL NOT NULL, ttl REAL NOT NULL, last_time REAL, model TEXT NOT NULL, sha256 TEXT NOT NULL, made BLOB NOT NULL,
    options TEXT NOT NULL, state BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS answers (
    session INTEGER, slot INTEGER, first INTEGER NOT NULL, last INTEGER NOT NULL, asked BLOB NOT NULL, said BLOB NOT NULL,
    PRIMARY KEY (session, slot)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gone (name TEXT PRIMARY KEY, why TEXT NOT NULL, since REAL NOT NULL) WITHOUT ROWID;
"""

# A step is one row of this view: the session after it, and the answer that is kept. So a commit of steps is one statement, and
# the thread that writes waits once for its turn in Python, not at every statement.
_STEPS = """
PRAGMA temp_store = MEMORY;
CREATE TEMP VIEW steps AS SELECT
    0 AS number, 0 AS seq, 0 AS calls, 0 AS used, 0 AS last_time, 0 AS state, 0 AS slot, 0 AS first, 0 AS asked, 0 AS said;
CREATE TEMP TRIGGER step INSTEAD OF INSERT ON steps BEGIN
    UPDATE sessions SET seq = NEW.seq, calls = NEW.calls, used = NEW.used, last_time = NEW.last_time, state = NEW.state
    WHERE number = NEW.number;
    INSERT OR REPLACE INTO answers VALUES (NEW.number, NEW.slot, NEW.first, NEW.seq, NEW.asked, NEW.said);
END;
"""

# What can be written. A commit does them in this order, each for all sessions that wait; of one session there is never more
# than one call at a time, so no order among sessions matters.
STATEMENTS = {
    "bury": "INSERT OR REPLACE INTO gone VALUES (?, ?, ?)",
    "forget_answers": "DELETE FROM answers WHERE session = ?",
    "delete": "DELETE FROM sessions WHERE number = ?",
    "unbury": "DELETE FROM gone WHERE name = ?",
    "create": "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "step": "INSERT INTO steps VALUES {}",
    "fact": "INSERT OR REPLACE INTO facts VALUES (?, ?)",
}
# Steps are done for so many sessions at once.
_AT_ONCE = 64
_A_STEP = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
Write = tuple[str, tuple[Any, ...]]


class Row(NamedTuple):
    """A session as it is on the disk; the columns of the table ``sessions``, in their order."""

    number: int
    name: str
    seq: int
    calls: int
    used: float
    ttl: float
    last_time: float | None
    model: str
    sha256: str
    made: bytes
    options: str
    state: bytes


class Kept(NamedTuple):
    """The answer to a call, kept for when the call is repeated: the numbers of its first and last step, a hash, the answer."""

    first: int
    last: int
    asked: bytes
    said: bytes


class _Group:
    """What goes into one commit, and who waits for it."""

    __slots__ = ("loop", "over", "problem", "then", "waiters", "writes")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.writes: dict[str, list[tuple[Any, ...]]] = {}
        self.loop = loop
        self.waiters: list[asyncio.Future[None]] = []
        self.then: list[Callable[[Problem | None], None]] = []
        self.over = False
        self.problem: Problem | None = None

    def finish(self, problem: Problem | None) -> None:
        """Tell everybody who waits."""
        self.over, self.problem = True, problem
        for then in self.then:
            try:
                then(problem)
            except Exception:
                # The others have to be told all the same.
                LOG.exception("failed")
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)


class Store:
    """The sessions of one server.

    Attributes:
        durability: ``"full"``: what was committed survives a power cut; ``"normal"``: it survives the end of the process.
        broken: Why nothing is written any more, until the next start; None where all is well.
        on_commit: Called after each commit with its seconds and how many writes it had, in the writer's thread.
    """

    def __init__(self, folder: Path, durability: Durability = "full") -> None:
        """Open a store, or begin one.

        Raises:
            EnvironmentFault: The folder is another process's, cannot be written, or what is in it is damaged or newer.
        """
        self.folder = folder
        self.durability = durability
        self.broken: str | None = None
        self.on_commit: Callable[[float, int], None] = lambda seconds, writes: None
        self._claim = claim(folder)
        try:
            self._writer = self._connected()
            self._check_and_prepare()
            self._reader = self._connected()
            self._reader.execute("PRAGMA query_only = ON")
            for connection in (self._reader, self._writer):
                # 2 MiB each, whatever the size of the store: the system's own cache holds the rest.
                connection.execute("PRAGMA cache_size = -2048")
        except BaseException:
            self._claim.close()
            raise
        # Holds the group that is still open to writes, and makes closing it and adding to it exclude each other.
        self._lock = threading.Lock()
        self._open: _Group | None = None
        self._queue: queue.SimpleQueue[_Group | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_all, name="gatewise-store", daemon=True)
        self._thread.start()

    def _connected(self) -> sqlite3.Connection:
        path = self.folder / NAME
        return sqlite3.connect(
            path, timeout=5.0, isolation_level=None, check_same_thread=False, cached_statements=4 * _AT_ONCE
        )

    def _check_and_prepare(self) -> None:
        try:
            self._writer.execute("PRAGMA journal_mode = WAL")
            self._writer.execute(f"PRAGMA synchronous = {self.durability.upper()}")
            # On macOS fsync stops at the drive's cache, unless it is told not to; elsewhere this says nothing.
            self._writer.execute(f"PRAGMA fullfsync = {'ON' if self.durability == 'full' else 'OFF'}")
            # The log is copied into the database every 16 MiB.
            self._writer.execute("PRAGMA wal_autocheckpoint = 4096")
            found = self._writer.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise sqlite3.DatabaseError(found.splitlines()[-1])
            self._writer.executescript(_SCHEMA)
            self._writer.executescript(_STEPS)
            self._writer.execute("INSERT OR IGNORE INTO facts VALUES ('format', ?)", (FORMAT,))
            version = self.fact("format", self._writer)
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY):
                raise EnvironmentFault(f"The sessions in {self.folder} cannot be opened: {error}.") from None
            raise EnvironmentFault(
                f"The sessions in {self.folder} are damaged ({error}): restore the folder from a copy, or give --data another."
            ) from None
        if version != FORMAT:
            raise EnvironmentFault(
                f"The sessions in {self.folder} have format {version}, and this gatewise reads format {FORMAT}: use the "
                "gatewise that wrote them, or give --data another folder."
            )

    def fact(self, name: str, connection: sqlite3.Connection | None = None) -> Any:
        """Return a value that was written as a ``fact``; None where there is none."""
        found = (connection or self._reader).execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if found is None else found[0]

    def row(self, name: str) -> Row | None:
        """Return a session by its name, as it was last committed."""
        found = self._reader.execute("SELECT * FROM sessions WHERE name = ?", (name,)).fetchone()
        return None if found is None else Row(*found)

    def buried(self, name: str) -> tuple[str, float] | None:
        """Return why and since when a session is gone; None where it is not, or has been for long."""
        found: tuple[str, float] | None = self._reader.execute(
            "SELECT why, since FROM gone WHERE name = ?", (name,)
        ).fetchone()
        return found

    def kept(self, number: int) -> list[Kept]:
        """Return the answers that are kept for a session, in no order."""
        found = self._reader.execute("SELECT first, last, asked, said FROM answers WHERE session = ?", (number,))
        return [Kept(*answer) for answer in found]

    def count(self) -> tuple[int, int]:
        """Return how many sessions there are, and the highest number that one of them has."""
        counted: tuple[int, int] = self._reader.execute(
            "SELECT COUNT(*), COALESCE(MAX(number), 0) FROM sessions"
        ).fetchone()
        return counted

    def idle(self, after: int, most: int) -> Iterator[tuple[int, str, float, float]]:
        """Yield number, name, time of last use and time to live of sessions, from a number on, in order of numbers."""
        yield from self._reader.execute(
            "SELECT number, name, used, ttl FROM sessions WHERE number > ? ORDER BY number LIMIT ?", (after, most)
        )

    def graves(self, before: float, most: int) -> list[str]:
        """Return names of sessions that have been gone since before a time."""
        return [
            name for (name,) in self._reader.execute("SELECT name FROM gone WHERE since < ? LIMIT ?", (before, most))
        ]

    async def write(self, writes: Sequence[Write]) -> None:
        """Write with the next commit, and return after it.

        Who is cancelled meanwhile learns of it at the next thing that is awaited: what was written is written, and has to be
        known to be.

        Args:
            writes: Names of `STATEMENTS`, each with its values.

        Raises:
            Problem: Nothing of it was written.
        """
        group, cancelled = self._joined(writes), False
        while not group.over:
            waiter = group.loop.create_future()
            group.waiters.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                cancelled = True
        if group.problem is not None:
            raise group.problem
        task = asyncio.current_task()
        if cancelled and task is not None:
            task.cancel()

    def write_then(self, writes: Sequence[Write], then: Callable[[Problem | None], None]) -> None:
        """Write with the next commit, and call a function after it, with why nothing was written or None.

        Raises:
            Problem: Nothing will be written, and the function is not called.
        """
        self._joined(writes).then.append(then)

    def _joined(self, writes: Sequence[Write]) -> _Group:
        """Add to the next commit, and return it."""
        if self.broken is not None:
            raise Problem("store_unusable", f"The store takes no writes: {self.broken}.")
        with self._lock:
            group = self._open
            if group is None:
                group = self._open = _Group(asyncio.get_running_loop())
                # What else is ready in the loop comes first, and goes into the same commit: the thread that writes would only
                # take turns in Python with it.
                group.loop.call_soon(self._queue.put, group)
            for name, values in writes:
                group.writes.setdefault(name, []).append(values)
        return group

    def _write_all(self) -> None:
        """Commit one group after the other; the thread's whole life."""
        while True:
            group = self._queue.get()
            if group is None:
                return
            with self._lock:
                if group is not self._open:
                    # `close` has brought it before.
                    continue
                self._open = None
            begun = time.perf_counter()
            problem = self._committed(group.writes)
            self.on_commit(time.perf_counter() - begun, sum(map(len, group.writes.values())))
            # A loop that was closed meanwhile has nobody left who waits.
            with contextlib.suppress(RuntimeError):
                group.loop.call_soon_threadsafe(group.finish, problem)

    def _committed(self, writes: dict[str, list[tuple[Any, ...]]]) -> Problem | None:
        """Write a group whole or not at all; return why it was not."""
        steps = writes.get("step", ())
        try:
            if len(writes) == 1 and 0 < len(steps) <= _AT_ONCE:
                # One statement is a transaction of its own.
                self._step(steps)
                return None
            self._writer.execute("BEGIN IMMEDIATE")
            for name, statement in STATEMENTS.items():
                if name == "step":
                    for begin in range(0, len(steps), _AT_ONCE):
                        self._step(steps[begin : begin + _AT_ONCE])
                elif name in writes:
                    self._writer.executemany(statement, writes[name])
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            if self._writer.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    self._writer.execute("ROLLBACK")
            code = getattr(error, "sqlite_errorcode", None)
            if code == sqlite3.SQLITE_FULL:
                return Problem("disk_full", "The disk of the sessions is full, and the call was not carried out.")
            if code == sqlite3.SQLITE_BUSY:
                return Problem("busy", "Another program keeps the sessions locked.", headers=((b"retry-after", b"1"),))
            # Of a disk that failed once, nobody knows what it holds: only reading it anew tells.
            self.broken = f"{error} ({getattr(error, 'sqlite_errorname', type(error).__name__)})"
            return Problem("store_unusable", "The sessions cannot be written, and the call was not carried out.")
        return None

    def _step(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write steps of some sessions."""
        statement = STATEMENTS["step"].format(", ".join([_A_STEP] * len(rows)))
        self._writer.execute(statement, tuple(itertools.chain.from_iterable(rows)))

    @property
    def waiting(self) -> int:
        """How many writes are not yet handed to a commit."""
        group = self._open
        return 0 if group is None else sum(map(len, group.writes.values()))

    def free_bytes(self) -> int:
        """Return how much room the disk has."""
        return shutil.disk_usage(self.folder).free

    def close(self) -> None:
        """Write what waits, and let go of the folder."""
        for last in (self._open, None):
            self._queue.put(last)
        self._thread.join()
        self._reader.close()
        self._writer.close()
        self._claim.close()
