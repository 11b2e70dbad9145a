"""Checksums of what the store holds, so that a bit that changed on the disk is noticed before anything is made of it.

A CRC-32 notices every change of up to 32 bits in a row, and takes less than a microsecond of a step. It is no protection
against somebody who can write to the folder, who could write a right one.
"""

import struct
import zlib

from gatewise.serving.sessions.schema import Row

_PLACE = struct.Struct("<qqdd")
_PROOF = struct.Struct("<I")


def of_fixed(row: Row) -> int:
    """Return the checksum of what never changes of a session."""
    fixed = "\0".join((row.name, row.model, row.sha256, row.options))
    return zlib.crc32(fixed.encode(), zlib.crc32(row.made, zlib.crc32(struct.pack("<qd", row.number, row.ttl))))


def of_place(fixed: int, seq: int, calls: int, used: float, last_time: float | None, state: bytes) -> int:
    """Return the checksum of a session, from that of what never changes and what a step changes."""
    time = float("nan") if last_time is None else last_time
    return zlib.crc32(state, zlib.crc32(_PLACE.pack(seq, calls, used, time), fixed))


def proved(row: Row) -> Row:
    """Return a row with its checksum."""
    return row._replace(proof=of_place(of_fixed(row), row.seq, row.calls, row.used, row.last_time, row.state))


def holds(row: Row) -> bool:
    """Return whether a row is what was written; also of values that were none of their type before they were damaged."""
    try:
        return proved(row) == row
    except (TypeError, ValueError, AttributeError, OverflowError, struct.error):
        return False


def sealed(said: bytes, asked: bytes) -> bytes:
    """Return an answer with a checksum of it and of what was asked."""
    return said + _PROOF.pack(zlib.crc32(said, zlib.crc32(asked)))


def unsealed(kept: bytes, asked: bytes) -> bytes | None:
    """Return an answer that was `sealed`; None where it is no longer what it was."""
    try:
        said = kept[: -_PROOF.size]
        return said if sealed(said, asked) == kept else None
    except TypeError:
        return None
