"""One column of numbers out of a CSV file, or a sentence that says which cell is wrong.

Nothing is repaired or guessed: a cell that is not a number is refused with its file, line and column. Only the
delimiter (comma, semicolon or tab), a byte order mark, a header row and the column (where just one holds numbers) are
found out.
"""

import csv
import io
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from gatewise.errors import DataError, UsageError

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DELIMITERS = ("\t", ";", ",")


class ValueColumn(NamedTuple):
    """A column of numbers.

    Attributes:
        name: The column's name from the header, or ``column 2`` (counted from 1) where there is no header.
        values: The numbers, ``(time,)``.
    """

    name: str
    values: Float64[np.ndarray, " time"]


class _Row(NamedTuple):
    line: int
    cells: list[str]


def read_values(path: str | Path, column: str | None = None, skip_footer: int = 0) -> ValueColumn:
    """Read one column of numbers from a CSV file.

    Args:
        path: A text file, UTF-8 or UTF-16 with a byte order mark, delimited by commas, semicolons or tabs.
        column: Name of the column, or its number counted from 1. May be left out where only one column holds numbers.
        skip_footer: How many lines at the end of the file are not data, empty ones included.

    Returns:
        The column's name and its values ``(time,)``, in the order of the file.

    Raises:
        UsageError: `skip_footer` is negative.
        DataError: The file cannot be read, is empty, has no such column or more than one to choose from, or a
            row or cell of it is not what the others are.
    """
    rows, lines = _rows(Path(path), skip_footer)
    header, body = _split_header(rows)
    if not body:
        raise DataError(f"{str(path)!r} has a header and no rows below it: give at least one row of data.")
    width = len(header.cells if header else body[0].cells)
    body = _refuse_footer(path, body, width, lines)
    names = [name.strip() for name in header.cells] if header else []
    index = _choose(path, names, body, column)
    name = names[index] if names and names[index] else f"column {index + 1}"
    values = [_number(path, row, index, name) for row in body]
    return ValueColumn(name, np.array(values, dtype=np.float64))


def _rows(path: Path, skip_footer: int) -> tuple[list[_Row], int]:
    """Return the rows that are not blank, and how many lines the file has in all."""
    if skip_footer < 0:
        raise UsageError(f"skip_footer is {skip_footer}: give how many lines at the end are not data, 0 or more.")
    lines = _lines(path)
    kept = lines[: max(len(lines) - skip_footer, 0)]
    if not any(line.strip() for line in kept):
        what = f"holds nothing above the {skip_footer} lines of its footer" if skip_footer else "is empty"
        raise DataError(f"{str(path)!r} {what}: give a CSV file with one number a row.")
    rows: list[_Row] = []
    gap = 0
    reader = csv.reader(kept, strict=True)
    try:
        reader = csv.reader(kept, delimiter=_delimiter(kept), strict=True)
        for cells in reader:
            if len(cells) < 2 and not "".join(cells).strip():
                gap = gap or (reader.line_num if rows else 0)
                continue
            # Text below an empty line is a footer, which is refused by name further on; data there means a gap.
            if gap and any(_is_number(cell) for cell in cells):
                raise DataError(
                    f"{str(path)!r}, line {gap} is empty and data follows it: fill in the missing row or delete the "
                    "line."
                )
            rows.append(_Row(reader.line_num, cells))
    except csv.Error as error:
        raise DataError(f"{str(path)!r}, line {reader.line_num} is not CSV ({error}): correct it.") from error
    return rows, len(lines)


def _lines(path: Path) -> list[str]:
    """Return a text file's lines, each with its end."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"There is no file {str(path)!r}: give the path of a CSV file.") from None
    except OSError as error:
        raise DataError(f"{str(path)!r} cannot be read ({error.strerror}): give the path of a CSV file.") from error
    encoding, name = ("utf-16", "UTF-16") if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "UTF-8")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(f"{str(path)!r} is not {name} text (byte {error.start}): save it as CSV in UTF-8.") from error
    if "\0" in text:
        raise DataError(f"{str(path)!r} is not a text file: give a CSV file.")
    return io.StringIO(text, newline=None).readlines()


def _delimiter(lines: list[str]) -> str:
    """Return the delimiter that cuts most rows into one and the same number of cells, more than one."""

    def agreement(delimiter: str) -> int:
        widths = Counter(len(row) for row in csv.reader(lines[:1000], delimiter=delimiter) if row)
        return max((count for width, count in widths.items() if width > 1), default=0)

    # max keeps the first of equals: a tab or a semicolon separates, a comma may be somebody's decimal point.
    best = max(_DELIMITERS, key=agreement)
    return best if agreement(best) else ","


def _is_number(cell: str) -> bool:
    return _NUMBER.fullmatch(cell.strip()) is not None


def _split_header(rows: list[_Row]) -> tuple[_Row | None, list[_Row]]:
    """Take the first row off as the header where it holds no number at all."""
    if any(_is_number(cell) for cell in rows[0].cells):
        return None, rows
    return rows[0], rows[1:]


def _refuse_footer(path: str | Path, body: list[_Row], width: int, lines: int) -> list[_Row]:
    """Return the rows as they are, all of `width` cells; refuse text at the end, and rows of another width."""

    def is_data(row: _Row) -> bool:
        return len(row.cells) == width and any(_is_number(cell) for cell in row.cells)

    odd = next((row for row in body if len(row.cells) != width), None)
    data = [row for row in body if is_data(row)]
    after = [row for row in body if data and row.line > data[-1].line]
    is_text = after and not any(_is_number(cell) for row in after for cell in row.cells)
    if is_text and (odd is None or odd in after):
        footer = lines - data[-1].line
        text = ", ".join(cell.strip() for cell in after[0].cells)
        raise DataError(
            f"{str(path)!r}, line {after[0].line} is below the last row of data and holds no number "
            f"({_short(text)}): skip the footer with --skip-footer {footer} (skip_footer={footer})."
        )
    if odd is not None:
        raise DataError(
            f"{str(path)!r}, line {odd.line} has {_cells(len(odd.cells))} where the first row has {width}: "
            "give every row the same number of cells."
        )
    return body


def _choose(path: str | Path, names: list[str], body: list[_Row], column: str | None) -> int:
    """Return the index of the column of values."""
    width = len(body[0].cells)
    shown = [name or f"column {i + 1}" for i, name in enumerate(names)] or [f"column {i + 1}" for i in range(width)]
    if column is not None:
        return _named(path, names, shown, column)
    numeric = [i for i in range(width) if sum(_is_number(row.cells[i]) for row in body) * 2 > len(body)]
    if len(numeric) == 1:
        return numeric[0]
    if not numeric:
        raise DataError(
            f"{str(path)!r} has no column of numbers among {_list(shown)}: give a file with one, decimals written "
            "with a point."
        )
    raise DataError(
        f"{str(path)!r} has {len(numeric)} columns of numbers, {_list([shown[i] for i in numeric])}: choose one with "
        f"--column {_quoted(names[numeric[-1]]) if names and names[numeric[-1]] else numeric[-1] + 1} (column=…)."
    )


def _named(path: str | Path, names: list[str], shown: list[str], column: str) -> int:
    if names.count(column) == 1:
        return names.index(column)
    if names.count(column) > 1:
        places = [str(i + 1) for i, name in enumerate(names) if name == column]
        raise DataError(
            f"{str(path)!r} has {len(places)} columns named {column!r}: choose one by its number, "
            f"{' or '.join(places)}."
        )
    if column.isascii() and column.isdigit() and 1 <= int(column) <= len(shown):
        return int(column) - 1
    why = f"it has {_list(shown)}" if names else f"it has no header row and {len(shown)} columns, named by number"
    raise DataError(f"{str(path)!r} has no column {column!r}; {why}: choose one of them.")


def _number(path: str | Path, row: _Row, index: int, name: str) -> float:
    cell = row.cells[index].strip()
    if _is_number(cell):
        value = float(cell)
        if np.isfinite(value):
            return value
    where = f"{str(path)!r}, line {row.line}, column {name!r}"
    if not cell:
        raise DataError(f"{where} is empty: fill in the missing value or delete the row.")
    hint = "write decimals with a point and no thousands separator" if re.search(r"\d[,' ]\d", cell) else "correct it"
    raise DataError(f"{where} is {_short(cell)}, which is not a finite number: {hint}.")


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "…")


def _list(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _cells(count: int) -> str:
    return f"{count} cell{'' if count == 1 else 's'}"


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name
