"""Sessions on the disk: SQLite with a log of what was written ahead, and one thread that writes.

What is written waits for its commit. All that waits while a commit is under way goes into the next one, so that one
synchronisation of the disk serves many sessions. A commit that failed has changed nothing.

Source: https://sqlite.org/wal.html and https://sqlite.org/pragma.html#pragma_synchronous for what survives what.
"""

import asyncio
import contextlib
import logging
import queue
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from gatewise.serving.sessions.schema import Durability, Grave, Kept, Row, Write, commit, connected, fact, prepare
from gatewise.serving.sessions.store_folder import claim
from gatewise.serving.terms.problems import Problem

LOG = logging.getLogger("gatewise.serving")


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
            self._writer = connected(folder)
            prepare(self._writer, folder, durability)
            self._reader = connected(folder)
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

    def fact(self, name: str) -> Any:
        """Return a value that was written as a ``fact``; None where there is none."""
        return fact(self._reader, name)

    def row(self, name: str) -> Row | None:
        """Return a session by its name, as it was last committed."""
        found = self._read("SELECT * FROM sessions WHERE name = ?", name)
        return Row(*found[0]) if found else None

    def buried(self, name: str) -> Grave | None:
        """Return why and since when a session is gone; None where it is not, or has been for long."""
        found = self._read("SELECT why, since, sha256, first, last, asked, said FROM gone WHERE name = ?", name)
        if not found:
            return None
        why, since, sha256, *last = found[0]
        return Grave(why, since, sha256, None if sha256 is None else Kept(*last))

    def kept(self, number: int) -> list[Kept]:
        """Return the answers that are kept for a session, in no order."""
        found = self._read("SELECT first, last, asked, said FROM answers WHERE session = ?", number)
        return [Kept(*answer) for answer in found]

    def _read(self, statement: str, value: Any) -> list[Any]:
        """Return what a statement finds.

        Raises:
            Problem: The database is damaged where it was read.
        """
        try:
            return self._reader.execute(statement, (value,)).fetchall()
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise Problem("session_damaged", f"What is stored there cannot be read: {error}.") from None

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
        try:
            commit(self._writer, writes)
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
