"""Read one plain file whole: no links, no FIFO that would block, no more bytes than allowed."""

import os
import stat
from pathlib import Path

from gatewise.artifact.manifest import refusal
from gatewise.errors import EnvironmentFault


def read_plain(where: Path, most: int, alone: bool = True) -> bytes:
    """Return the bytes of a plain file.

    Args:
        where: The file.
        most: How many bytes it may have.
        alone: Whether to refuse a file that has another name somewhere (a hard link).

    Raises:
        ModelFileError: The file is missing, a link, a FIFO or device, or larger than allowed.
        EnvironmentFault: The system does not let it be read.
    """
    # Without O_NONBLOCK the opening of a FIFO would wait for a writer for ever.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        linked = where.is_symlink()
        descriptor = -1 if linked else os.open(where, flags)
    except FileNotFoundError:
        raise refusal(where, "there is no such file", "Check the path.") from None
    except OSError as error:
        raise EnvironmentFault(f"{where} cannot be read: {error.strerror or error}.") from error
    if linked:
        raise refusal(where, "it is a symbolic link", "Put the file itself in its place.")
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise refusal(where, "it is not a plain file")
    with open(descriptor, "rb") as file:
        if alone and found.st_nlink != 1:
            raise refusal(
                where,
                f"it has {found.st_nlink} hard links, so it can be changed under another name",
                "Copy it, and load the copy.",
            )
        if found.st_size > most:
            raise refusal(where, f"it has {found.st_size} bytes and may have {most}")
        try:
            return file.read(found.st_size)
        except OSError as error:
            raise EnvironmentFault(f"{where} cannot be read: {error.strerror or error}.") from error


def head_of(path: Path) -> bytes:
    """Return the first bytes of a plain file; nothing of a FIFO or device, which could block."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return b""
        with open(path, "rb") as file:
            return file.read(4096)
    except OSError:
        return b""
