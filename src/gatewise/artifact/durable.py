"""Files and folders that appear whole or not at all, also when the process is killed or the power fails.

Everything is first written beside its target under a staging name, brought to the disk with fsync, then moved with one
rename. A folder that replaces another is exchanged with it in one system call (``renameat2`` on Linux, ``renamex_np``
on macOS). Where the file system cannot exchange, the old folder is first moved aside; a process killed between the two
renames leaves the old one aside, where `current` finds it. It is renamed once more before its files are deleted.
"""

import ctypes
import errno
import hashlib
import os
import platform
import re
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gatewise.errors import EnvironmentFault, UsageError

_STRAY = re.compile(
    r"\.gatewise-(?P<target>[0-9a-f]{12})-(?P<host>[0-9a-f]{6})-(?P<pid>\d+)-[0-9a-f]{8}(?P<old>\.old)?"
)
# A staging name of another machine (a shared folder) says nothing about whether its process lives; a day is enough.
_OLD_SECONDS = 24 * 3600.0
_AT_FDCWD = -100
_EXCHANGE = 2


def as_path(path: object) -> Path:
    """Return a path of the user's.

    Raises:
        UsageError: It is no path.
    """
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(text, str) or "\0" in text:
        raise UsageError(f"The path is {path!r}: a str or a pathlib.Path with the name of a file or folder is needed.")
    return Path(text)


def check_target(
    path: str | os.PathLike[str], names: frozenset[str], overwrite: bool, held: Callable[[Path], str]
) -> Path:
    """Return the resolved path of a folder to be written, or say why it may not be written there.

    Args:
        path: The folder to be; its parent must exist.
        names: The files that such a folder holds. A folder with anything else in it is never replaced.
        overwrite: Whether a folder that is there may be replaced.
        held: Says in words what a folder with those files holds.

    Raises:
        UsageError: Something else is there, or a saved folder is there and `overwrite` is False.
        EnvironmentFault: The parent is missing or cannot be written.
    """
    target = resolve_target(path)
    with told(target):
        kept = current(target)
        if kept != target:
            os.rename(kept, target)
        if os.path.lexists(target):
            _check_replaceable(target, names, overwrite, held)
    return target


def resolve_target(path: str | os.PathLike[str]) -> Path:
    """Return a path to be written with all links in it followed.

    Raises:
        UsageError: It is no path.
        EnvironmentFault: Its parent folder is missing or cannot be written.
    """
    target = Path(os.path.realpath(as_path(path)))
    with told(target):
        if not target.parent.is_dir():
            raise EnvironmentFault(f"{target} cannot be written: the folder {target.parent} does not exist; create it.")
        if not os.access(target.parent, os.W_OK | os.X_OK):
            raise EnvironmentFault(f"{target} cannot be written: no permission to write in {target.parent}.")
    return target


def _check_replaceable(target: Path, names: frozenset[str], overwrite: bool, held_in: Callable[[Path], str]) -> None:
    if not target.is_dir():
        raise UsageError(f"{target} is a file, and a folder is to be written there: choose another path.")
    held = set(os.listdir(target))
    if held - names:
        raise UsageError(
            f"{target} holds {sorted(held - names)[0]!r}, which is no part of a saved model, so gatewise does not "
            "replace that folder: choose another path."
        )
    if held and not overwrite:
        raise UsageError(f"{target} already holds {held_in(target)}: pass overwrite=True, or choose another path.")


@contextmanager
def told(target: Path) -> Iterator[None]:
    """Turn an operating system's error into an `EnvironmentFault` that names the target."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise EnvironmentFault(f"{target} cannot be written: {reason}.") from error


@contextmanager
def staged_folder(target: Path, overwrite: bool) -> Iterator[Path]:
    """Give a staging folder; publish it as `target` when the block ends well, remove it when it does not.

    Every file must have been written with `write_synced`.
    """
    with told(target):
        staging = _stray_name(target)
        os.mkdir(staging)
        try:
            yield staging
            sync_folder(staging)
            _publish(staging, target, overwrite)
            sync_folder(target.parent)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        _sweep(target)


@contextmanager
def staged_file(target: Path) -> Iterator[Path]:
    """Give a staging name for a file; sync and publish it as `target` when the block ends well."""
    with told(target):
        staging = _stray_name(target).with_suffix("".join(target.suffixes[-1:]))
        try:
            yield staging
            with open(staging, "rb+") as file:
                _sync(file.fileno())
            os.replace(staging, target)
            sync_folder(target.parent)
        finally:
            staging.unlink(missing_ok=True)
        _sweep(target)


def write_synced(path: Path, data: bytes) -> None:
    """Write a new file and bring it to the disk."""
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        _sync(file.fileno())


def _sync(descriptor: int) -> None:
    if sys.platform == "darwin":
        import fcntl

        # On macOS fsync stops at the drive's cache.
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Bring a folder's list of names to the disk; Windows has no such thing."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


def _publish(staging: Path, target: Path, overwrite: bool) -> None:
    if not os.path.lexists(target):
        return os.rename(staging, target)
    if not overwrite:  # an empty folder; it may have been filled since it was looked at
        try:
            os.rmdir(target)
            return os.rename(staging, target)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                raise UsageError(f"Another process has just written {target}: choose another path.") from error
            raise
    if not exchange(staging, target):
        aside = staging.with_name(staging.name + ".old")
        os.rename(target, aside)
        try:
            os.rename(staging, target)
        except OSError:
            os.rename(aside, target)
            raise
        # Only what is whole may bear the name of an old folder, by which `current` goes.
        os.rename(aside, staging)
    return None


def exchange(one: Path, other: Path) -> bool:
    """Swap two names in one step; False where the system or the file system cannot."""
    name = {"linux": "renameat2", "darwin": "renamex_np"}.get(sys.platform)
    call = getattr(ctypes.CDLL(None, use_errno=True), name, None) if name else None
    if call is None:
        return False
    first, second = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin":
        failed = call(first, second, _EXCHANGE)
    else:
        failed = call(_AT_FDCWD, first, _AT_FDCWD, second, _EXCHANGE)
    if not failed:
        return True
    number = ctypes.get_errno()
    if number in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False
    raise OSError(number, os.strerror(number), str(other))


def current(path: Path) -> Path:
    """Return where the folder of that name is now: there, or set aside by a save that was killed while replacing it."""
    if os.path.lexists(path):
        return path
    target = Path(os.path.realpath(path))
    try:
        aside = [entry for entry, match in _strays(target) if match["old"]]
        return max(aside, key=lambda entry: entry.stat().st_mtime, default=path)
    except OSError:
        return path


def _stray_name(target: Path) -> Path:
    host = hashlib.sha256(platform.node().encode()).hexdigest()[:6]
    return target.with_name(f".gatewise-{_tag(target)}-{host}-{os.getpid()}-{secrets.token_hex(4)}")


def _tag(target: Path) -> str:
    """Return a short name for the target's name: the whole name may already be as long as names may be."""
    return hashlib.sha256(os.fsencode(target.name)).hexdigest()[:12]


def _strays(target: Path) -> Iterator[tuple[Path, re.Match[str]]]:
    for entry in list(target.parent.iterdir()):
        match = _STRAY.match(entry.name)
        if match and match["target"] == _tag(target):
            yield entry, match


def _sweep(target: Path) -> None:
    """Remove what saves to this target left behind when they were killed."""
    import psutil

    host = hashlib.sha256(platform.node().encode()).hexdigest()[:6]
    for entry, match in _strays(target):
        try:
            dead = match["host"] == host and not psutil.pid_exists(int(match["pid"]))
            if dead or time.time() - entry.lstat().st_mtime > _OLD_SECONDS:
                if entry.is_dir() and not entry.is_symlink():
                    going = _stray_name(target)
                    os.rename(entry, going)
                    shutil.rmtree(going, ignore_errors=True)
                else:
                    entry.unlink()
        except OSError:  # another process swept it first
            continue
