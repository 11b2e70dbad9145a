"""A folder for each class, one text in each file; perhaps below a folder for each part."""

import re
from collections import Counter
from pathlib import Path

from gatewise.datasets.text.corpus import PARTS
from gatewise.datasets.text.lines import Errors
from gatewise.datasets.text.table import Roles, Table
from gatewise.datasets.text.wording import listed, short
from gatewise.errors import DataError
from gatewise.tables.form import count

# Names of a part, as they are met.
PART_NAMES = {
    **dict.fromkeys(("train", "training"), PARTS[0]),
    **dict.fromkeys(("validation", "valid", "val", "dev"), PARTS[1]),
    **dict.fromkeys(("test", "testing"), PARTS[2]),
}
# What the movie reviews' archive calls its reviews without a label.
_UNLABELLED = "unsup"
_LARGEST_FILE = 2**26


def read_folder(folder: Path, errors: Errors) -> Table:
    """Read ``CLASS/*.txt``, or ``train|validation|test / CLASS / *.txt``; files without an ending are texts, too.

    Raises:
        DataError: There are no such folders, or a file is no text.
    """
    inside = _folders(folder)
    parts = {path: PART_NAMES[path.name.lower()] for path in inside if path.name.lower() in PART_NAMES}
    notes: list[str] = []
    if PARTS[0] in parts.values():
        in_order = sorted(parts.items(), key=lambda item: PARTS.index(item[1]))
        classes = [(path, str(part)) for top, part in in_order for path in _folders(top)]
        others = [path.name for path in inside if path not in parts]
        notes += [f"Passed over beside the parts: {listed(others)}."] if others else []
    else:
        classes = [(path, "") for path in inside]
    rows: list[list[object]] = []
    places: list[Path] = []
    passed: Counter[str] = Counter()
    for path, part in classes:
        if path.name == _UNLABELLED and parts:
            passed["texts without a label (unsup)"] += sum(1 for _ in path.iterdir())
            continue
        for file in sorted(path.iterdir(), key=_in_order):
            if file.is_symlink() or not file.is_file():
                passed["links and folders"] += 1
            elif file.suffix.lower() not in ("", ".txt"):
                passed["files other than .txt"] += 1
            else:
                rows.append([_text(file, errors), path.name, part])
                places.append(file)
    if not rows:
        raise DataError(
            f"{str(folder)!r} holds no folders with .txt files: give a file, or a folder with a folder for each class."
        )
    kind = "a folder for each part and class" if parts else "a folder for each class"
    notes.insert(0, f"{str(folder)!r} holds {kind}, with one text in each file.")
    notes += [f"Passed over: {count:,} {what}." for what, count in passed.items()]
    return Table(
        repr(str(folder)),
        ["text", "label", "split"],
        rows,
        places,
        lambda place: repr(str(place)),
        lambda many: f"{count(len(many), 'file')} ({listed([str(place) for place in many])})",
        notes,
        Roles(0, (1,), None, 2 if parts else None),
    )


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise DataError(f"{str(folder)!r} cannot be read ({error.strerror}): give a folder of texts.") from error


def _in_order(file: Path) -> tuple[tuple[int, str], ...]:
    """Sort 2.txt before 10.txt."""
    return tuple((int(number or 0), text) for number, text in re.findall(r"(\d{0,18})(\D*)", file.name))


def _text(file: Path, errors: Errors) -> str:
    if file.stat().st_size > _LARGEST_FILE:
        raise DataError(f"{str(file)!r} is larger than 64 MB: one file is to hold one text.")
    raw = file.read_bytes()
    if b"\0" in raw:
        raise DataError(f"{str(file)!r} holds a NUL byte (byte {raw.index(0):,}), which is no text: remove it.")
    try:
        return raw.decode("utf-8-sig", errors)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{str(file)!r} is not UTF-8 text ({short(raw[error.start : error.start + 1])}, byte {error.start:,}): save it "
            "as UTF-8, or pass errors='replace'."
        ) from None
