"""A page that appears whole or not at all, and the question beforehand whether it can."""

import tempfile
from pathlib import Path

from gatewise.artifact.durable import resolve_target, staged_file, told
from gatewise.errors import UsageError


def check_target(path: str | Path, force: bool = False) -> Path:
    """Refuse a file that could not be written, before the work whose result it is to hold.

    Args:
        path: The file.
        force: Whether it may exist and be overwritten.

    Returns:
        The path with all links in it followed.

    Raises:
        UsageError: The file exists and `force` is not given, or the path is a folder.
        EnvironmentFault: Its folder does not exist, or no file can be made in it.
    """
    target = resolve_target(path)
    if target.is_dir():
        raise UsageError(f"{str(path)!r} is a folder: give the name of a file in it.")
    if target.exists() and not force:
        raise UsageError(f"{str(path)!r} exists: give another name, or force=True to overwrite it.")
    with told(target), tempfile.NamedTemporaryFile(prefix=".gatewise-", dir=target.parent):
        # Permissions alone do not say it: a file system may be read-only, full, or none that takes files.
        pass
    return target


def write_text(path: str | Path, text: str, force: bool = False) -> None:
    """Write a text file in UTF-8: under another name first, which then becomes its own.

    Args:
        path: The file.
        text: What it shall hold.
        force: Whether it may exist and be overwritten.

    Raises:
        UsageError: As `check_target`.
        EnvironmentFault: As `check_target`, or the disk is full.
    """
    with staged_file(check_target(path, force)) as staging:
        staging.write_text(text, encoding="utf-8", newline="\n")
