"""What is in the store: its tables, how they are opened, and how what is written goes into one commit."""

import itertools
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from gatewise.errors import EnvironmentFault

NAME = "sessions.sqlite"
FORMAT = 2
Durability = Literal["full", "normal"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sessions (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, seq INTEGER NOT NULL, calls INTEGER NOT NULL,
    used REAL NOT NULL, ttl REAL NOT NULL, last_time REAL, model TEXT NOT NULL, sha256 TEXT NOT NULL, made BLOB NOT NULL,
    options TEXT NOT NULL, state BLOB NOT NULL, proof INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS answers (
    session INTEGER, slot INTEGER, first INTEGER NOT NULL, last INTEGER NOT NULL, asked BLOB NOT NULL, said BLOB NOT NULL,
    PRIMARY KEY (session, slot)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gone (
    name TEXT PRIMARY KEY, why TEXT NOT NULL, since REAL NOT NULL,
    sha256 TEXT, first INTEGER, last INTEGER, asked BLOB, said BLOB
) WITHOUT ROWID;
"""

# A step is one row of this view: the session after it, and the answer that is kept. So a commit of steps is one statement, and
# the thread that writes waits once for its turn in Python, not at every statement.
_STEPS = """
PRAGMA temp_store = MEMORY;
CREATE TEMP VIEW steps AS SELECT
    0 AS number, 0 AS seq, 0 AS calls, 0 AS used, 0 AS last_time, 0 AS state, 0 AS proof,
    0 AS slot, 0 AS first, 0 AS asked, 0 AS said;
CREATE TEMP TRIGGER step INSTEAD OF INSERT ON steps BEGIN
    UPDATE sessions SET seq = NEW.seq, calls = NEW.calls, used = NEW.used, last_time = NEW.last_time, state = NEW.state,
        proof = NEW.proof
    WHERE number = NEW.number;
    INSERT OR REPLACE INTO answers VALUES (NEW.number, NEW.slot, NEW.first, NEW.seq, NEW.asked, NEW.said);
END;
"""

# What can be written. A commit does them in this order, each for all sessions that wait; of one session there is never more
# than one call at a time, so no order among sessions matters.
STATEMENTS = {
    "bury": "INSERT OR REPLACE INTO gone VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    "forget_answers": "DELETE FROM answers WHERE session = ?",
    "delete": "DELETE FROM sessions WHERE number = ?",
    "unbury": "DELETE FROM gone WHERE name = ?",
    "create": "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "step": "INSERT INTO steps VALUES {}",
    "fact": "INSERT OR REPLACE INTO facts VALUES (?, ?)",
}
# Steps are done for so many sessions at once.
_AT_ONCE = 64
_A_STEP = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
Write = tuple[str, tuple[Any, ...]]


class Row(NamedTuple):
    """A session as it is on the disk; the columns of the table ``sessions``, in their order, the last one its checksum."""

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
    proof: int = 0


class Kept(NamedTuple):
    """The answer to a call, kept for when the call is repeated: the numbers of its first and last step, a hash, the answer.

    The answer is as `proofs.sealed` returns it.
    """

    first: int
    last: int
    asked: bytes
    said: bytes


class Grave(NamedTuple):
    """A session that is gone: why, since when, and of one that its last request ended, its model and that request's answer."""

    why: str
    since: float
    sha256: str | None
    last: Kept | None


def connected(folder: Path) -> sqlite3.Connection:
    """Return a connection to the store in a folder."""
    return sqlite3.connect(
        folder / NAME, timeout=5.0, isolation_level=None, check_same_thread=False, cached_statements=4 * _AT_ONCE
    )


def prepare(writer: sqlite3.Connection, folder: Path, durability: Durability) -> None:
    """Check a store, and make what it lacks.

    Raises:
        EnvironmentFault: It cannot be written, is damaged or newer.
    """
    try:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute(f"PRAGMA synchronous = {durability.upper()}")
        # On macOS fsync stops at the drive's cache, unless it is told not to; elsewhere this says nothing.
        writer.execute(f"PRAGMA fullfsync = {'ON' if durability == 'full' else 'OFF'}")
        # The log is copied into the database every 16 MiB.
        writer.execute("PRAGMA wal_autocheckpoint = 4096")
        found = writer.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(found.splitlines()[-1])
        writer.executescript(_SCHEMA)
        writer.execute("INSERT OR IGNORE INTO facts VALUES ('format', ?)", (FORMAT,))
        version = fact(writer, "format")
        writer.executescript(_STEPS)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY):
            raise EnvironmentFault(f"The sessions in {folder} cannot be opened: {error}.") from None
        raise EnvironmentFault(
            f"The sessions in {folder} are damaged ({error}): restore the folder from a copy, or give --data another."
        ) from None
    if version != FORMAT:
        raise EnvironmentFault(
            f"The sessions in {folder} have format {version}, and this gatewise reads format {FORMAT}: use the gatewise that "
            "wrote them, or give --data another folder."
        )


def fact(connection: sqlite3.Connection, name: str) -> Any:
    """Return a value that was written as a ``fact``; None where there is none."""
    found = connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    return None if found is None else found[0]


def commit(writer: sqlite3.Connection, writes: Mapping[str, Sequence[tuple[Any, ...]]]) -> None:
    """Write all of it in one transaction, which the caller rolls back if this fails.

    Args:
        writer: The connection.
        writes: Values for some of `STATEMENTS`.
    """
    steps = writes.get("step", ())
    if len(writes) == 1 and 0 < len(steps) <= _AT_ONCE:
        # One statement is a transaction of its own.
        _step(writer, steps)
        return
    writer.execute("BEGIN IMMEDIATE")
    for name, statement in STATEMENTS.items():
        if name == "step":
            for begin in range(0, len(steps), _AT_ONCE):
                _step(writer, steps[begin : begin + _AT_ONCE])
        elif name in writes:
            writer.executemany(statement, writes[name])
    writer.execute("COMMIT")


def _step(writer: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Write steps of some sessions."""
    statement = STATEMENTS["step"].format(", ".join([_A_STEP] * len(rows)))
    writer.execute(statement, tuple(itertools.chain.from_iterable(rows)))
