"""Results as CSV and JSON: on stdout, or in files that are checked before the work and appear whole or not at all."""

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from gatewise.errors import EnvironmentFault, UsageError

if TYPE_CHECKING:
    import pandas as pd

# More than a page (five megabytes, most of them what draws) and a model take together.
_ROOM = 16 * 10**6


def check_files(files: dict[str, Path | None], force: bool, source: str | None = None) -> None:
    """Refuse files that could not be written, before the work whose result they are to hold.

    Args:
        files: The files by their flags; None is not asked for.
        force: Whether they may exist and be overwritten.
        source: The file that is read, which none of them may be.
    """
    from gatewise.report.writing import check_target

    seen: dict[Path, str] = {}
    for flag, file in files.items():
        if file is None:
            continue
        target = file.resolve()
        if source is not None and source != "-" and target == Path(source).resolve():
            raise UsageError(f"{flag} {str(file)!r} is the file that is read: give another name.")
        if target in seen:
            raise UsageError(f"{seen[target]} and {flag} are the same file {str(file)!r}: give two names.")
        seen[target] = flag
        check_target(file, force)
        check_room(target)


def check_room(target: Path) -> None:
    """Refuse to begin where a result is to be written on a disk that is almost full.

    Raises:
        EnvironmentFault: There is less room than results usually take.
    """
    free = shutil.disk_usage(target.resolve().parent).free
    if free < _ROOM:
        raise EnvironmentFault(
            f"{target} may not be written: {free / 1e6:.1f} MB are free on its disk, and {_ROOM / 1e6:.0f} MB are wanted "
            "before the work begins; make room, or write elsewhere."
        )


def write_csv(frame: "pd.DataFrame", file: Path | None, force: bool) -> None:
    """Write a frame as CSV to a file, or to stdout where none is given."""
    from gatewise.report.spreadsheets import as_csv

    text = as_csv(frame)
    if file is None:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    from gatewise.report.writing import write_text

    write_text(file, text, force)


def records(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return the rows of a frame as JSON has them: times as text, None for what is not finite."""
    import numpy as np

    columns: dict[str, list[Any]] = {}
    for name in frame.columns:
        column = frame[name]
        if column.dtype.kind == "f":
            columns[name] = [value if np.isfinite(value) else None for value in column.tolist()]
        elif column.dtype.kind in "iub":
            columns[name] = column.tolist()
        else:
            columns[name] = column.astype(str).tolist()
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def say(text: str, quiet: bool) -> None:
    """Say something on stderr, unless nothing is to be said."""
    if not quiet:
        typer.echo(text, err=True)
