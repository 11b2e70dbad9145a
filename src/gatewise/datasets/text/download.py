"""One large file from its official address: with progress, going on where a broken download ended, and checked.

The bytes go to ``NAME.part`` beside the target. When the connection breaks, the rest is asked for; when the process
ends, the next one asks for the rest. Only a file whose SHA-256 is the expected one gets the target's name.
"""

import contextlib
import hashlib
import http.client
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from gatewise.errors import EnvironmentFault
from gatewise.version import __version__

_CHUNK = 2**18
_TIMEOUT = 30.0
# Seconds to wait before each new attempt after a broken connection; progress starts the list anew.
_WAITS = (1.0, 3.0, 10.0)
_RANGE_NOT_SATISFIABLE = 416
_PARTIAL_CONTENT = 206


class _Broken(Exception):
    """The connection ended before the file did."""


def download(address: str, target: Path, sha256: str, remedy: str) -> Path:
    """Fetch a file, unless it is there.

    Args:
        address: Where it is, http or https.
        target: The file to be; its folder is made.
        sha256: What its content has to hash to.
        remedy: What to do if it cannot be had, for the end of an error: "…: download it elsewhere and …".

    Returns:
        The target.

    Raises:
        EnvironmentFault: It cannot be had, or is not the file that was expected, or cannot be written.
    """
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "ab") as file, _alone(file):
            if target.exists():  # another process has just finished it
                part.unlink(missing_ok=True)
                return target
            _fetch(address, file, remedy)
            file.flush()
            os.fsync(file.fileno())
            found = _hash(part)
            if found != sha256:
                part.unlink()
                raise EnvironmentFault(
                    f"What {address} sent is not the file that is expected (its SHA-256 is {found} instead of "
                    f"{sha256}) and was deleted: {remedy}."
                )
            os.replace(part, target)
    except OSError as error:
        raise EnvironmentFault(f"{target} cannot be written ({error.strerror or error}): {remedy}.") from error
    return target


def _fetch(address: str, file: BinaryIO, remedy: str) -> None:
    """Append what is missing, as often as the connection breaks."""
    broken = 0
    with _bar(address.rpartition("/")[2]) as show:
        while True:
            before = file.tell()
            try:
                return _append(address, file, show)
            except urllib.error.HTTPError as error:
                if error.code < 500:
                    raise EnvironmentFault(f"{address} answers {error.code} ({error.reason}): {remedy}.") from None
                reason = f"it answers {error.code}, {error.reason}"
            except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError, _Broken) as error:
                reason = str(getattr(error, "reason", "") or error or type(error).__name__)
            broken = 1 if file.tell() > before else broken + 1
            if broken > len(_WAITS):
                raise EnvironmentFault(
                    f"{address} cannot be downloaded ({reason}; {file.tell():,} bytes are kept for the next attempt): "
                    f"{remedy}."
                )
            time.sleep(_WAITS[broken - 1])


def _append(address: str, file: BinaryIO, show: Any) -> None:
    """Ask for what is missing and append it."""
    have = file.tell()
    request = urllib.request.Request(address, headers={"User-Agent": f"gatewise/{__version__}"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        answer = urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        # Nothing is missing, or the part is of another, longer file: the checksum will tell.
        if have and error.code == _RANGE_NOT_SATISFIABLE:
            return
        raise
    with answer:
        if have and answer.status != _PARTIAL_CONTENT:
            file.truncate(0)  # the server sends it from the beginning
            have = 0
        length = answer.headers.get("Content-Length", "")
        whole = have + int(length) if length.isdigit() else None
        while chunk := answer.read(_CHUNK):
            file.write(chunk)
            have += len(chunk)
            show(have, whole)
    file.flush()
    if whole is not None and have < whole:
        raise _Broken(f"the connection ended after {have:,} of {whole:,} bytes")


def _hash(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _alone(file: BinaryIO) -> Iterator[None]:
    """Let one process at a time write the file, where the system has such locks; they end with the process."""
    with contextlib.suppress(ImportError, OSError):
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0, os.SEEK_END)
    yield


@contextmanager
def _bar(title: str) -> Iterator[Any]:
    """Show a bar on standard error, where that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
