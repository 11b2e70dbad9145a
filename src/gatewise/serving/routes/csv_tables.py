"""Batches as CSV: a table to a model's input, and its outputs to a table."""

import csv
import io
import math
from typing import Any, NamedTuple

import numpy as np

from gatewise.serving.routes.tensors import TYPES, check_shape
from gatewise.serving.terms.contract import Asked, Tensor
from gatewise.serving.terms.limits import Limits
from gatewise.serving.terms.problems import Problem, shown

# What a spreadsheet would take for a formula when it stands at the beginning of a cell.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class _Line(NamedTuple):
    """A row, and the line of the file that it begins at."""

    number: int
    cells: list[str]


def of_csv(body: bytes, model: Asked, most: int = Limits.values) -> dict[str, np.ndarray]:
    """Return the input that a table holds.

    A column called as the input, where that has one axis: texts, or a horizon. Else one sequence with a row for each of its
    steps, or rows of features. There may be so many cells as `most`, counted as commas and lines.
    """
    cells = body.count(b",") + max(body.count(b"\n"), body.count(b"\r"))
    if cells > most:
        raise Problem("body_large", f"The table has {cells:,} commas and lines, and may have {most:,}.")
    if len(model.inputs) != 1:
        raise Problem("type_unsupported", f"The model {model.name} has {len(model.inputs)} inputs, and CSV is for one.")
    wanted = model.inputs[0]
    if TYPES[wanted.datatype].kind == "b":
        raise Problem("type_unsupported", f"The model {model.name} takes {wanted.datatype}, which CSV is not for.")
    header, rows = _table(body)
    if len(wanted.shape) > 1:
        return {wanted.name: _sequence(header, rows, wanted)}
    if wanted.name not in header:
        raise Problem("bad_csv", f"The table has no column {wanted.name!r}; it has {shown(', '.join(header))}.")
    at = header.index(wanted.name)
    if wanted.shape[0] not in (-1, len(rows)):
        some = _counted(wanted.shape[0], "row")
        raise Problem(
            "bad_csv", f"The table has {_counted(len(rows), 'row')}, and the model {model.name} takes {some}."
        )
    if wanted.datatype == "BYTES":
        return {wanted.name: np.array([row.cells[at] for row in rows], object)}
    return {wanted.name: _numbers([_Line(row.number, [row.cells[at]]) for row in rows], wanted, at).reshape(-1)}


def as_csv(outputs: dict[str, np.ndarray]) -> bytes:
    """Return outputs as a table, a column for each number of their last axis."""
    columns: dict[str, list[Any]] = {}
    for name, values in outputs.items():
        table = values.reshape(-1, values.shape[-1]) if values.ndim > 1 else values.reshape(-1, 1)
        for place in range(table.shape[1]):
            columns[name if table.shape[1] == 1 else f"{name}_{place}"] = table[:, place].tolist()
    sizes = sorted({len(column) for column in columns.values()})
    if len(sizes) > 1:
        raise Problem(
            "type_unsupported",
            f"The outputs have {_counted(sizes[0], 'row')} and {sizes[-1]}, and a table has as many for all: ask by JSON.",
        )
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(map(_cell, columns))
    writer.writerows([_cell(value) for value in row] for row in zip(*columns.values(), strict=True))
    return file.getvalue().encode()


def _cell(value: Any) -> Any:
    if type(value) is str and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _table(body: bytes) -> tuple[list[str], list[_Line]]:
    """Return the names of the columns, and the rows."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem("bad_csv", f"The table is not UTF-8 at byte {error.start}.") from None
    if "\0" in text:
        raise Problem("bad_csv", "The table holds a NUL character.")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines, before = [], 0
    try:
        for cells in reader:
            if cells:
                lines.append(_Line(before + 1, cells))
            before = reader.line_num
    except csv.Error as error:
        raise Problem("bad_csv", f"The table is no CSV: {error}.") from None
    if len(lines) < 2:
        raise Problem("bad_csv", f"The table has {_counted(len(lines), 'line')}, and needs a header and a row.")
    header = [name.strip() for name in lines[0].cells]
    for line in lines[1:]:
        if len(line.cells) != len(header):
            found = _counted(len(line.cells), "cell")
            raise Problem("bad_csv", f"Line {line.number} has {found}, and the header has {len(header)}.")
    return header, lines[1:]


def _sequence(header: list[str], rows: list[_Line], wanted: Tensor) -> np.ndarray:
    """Return one sequence, ``(1, time, …)``, or rows of features."""
    if all(map(_is_number, header)):
        raise Problem(
            "bad_csv",
            f"The first line holds data ({shown(', '.join(header))}), and should be the names of the columns.",
        )
    values = _numbers(rows, wanted, 0)
    if len(wanted.shape) == 3:
        values = values[None]
    elif len(header) == 1 != wanted.shape[1]:
        # A word in each row.
        values = values.reshape(1, -1)
    check_shape(list(values.shape), wanted, "The table has the shape", "")
    return values


def _numbers(rows: list[_Line], wanted: Tensor, first: int) -> np.ndarray:
    """Return cells as an array ``(rows, columns)`` of the input's type.

    Args:
        rows: Rows of as many cells each.
        wanted: The input.
        first: Which column of the table the first cell is from.
    """
    kind = TYPES[wanted.datatype]
    whole = kind.kind in "iu"
    read, what = (_whole, f"a whole number that {wanted.datatype} holds") if whole else (float, "a number")
    found: list[float] = []
    for row in rows:
        for column, cell in enumerate(row.cells, start=first + 1):
            try:
                # Python reads 1_000, and digits of other scripts; in a table they are mistakes.
                if not cell.isascii() or "_" in cell:
                    raise ValueError
                found.append(read(cell))
            except ValueError:
                raise _not(row.number, column, cell, what) from None
    columns = len(rows[0].cells)
    if whole:
        least, most = np.iinfo(kind.str).min, np.iinfo(kind.str).max
        wrong = next((place for place, value in enumerate(found) if not least <= value <= most), None)
    else:
        what = f"a number that {wanted.datatype} holds"
        with np.errstate(over="ignore"):
            finite = np.isfinite(np.array(found, kind))
        wrong = None if finite.all() else int(np.argmin(finite))
    if wrong is not None:
        line = rows[wrong // columns]
        raise _not(line.number, first + wrong % columns + 1, line.cells[wrong % columns], what)
    return np.array(found, kind).reshape(len(rows), columns)


def _whole(cell: str) -> int:
    """Return a whole number, also one written as 3.0."""
    value = float(cell)
    if not math.isfinite(value) or not value.is_integer():
        raise ValueError
    return int(value)


def _not(line: int, column: int, cell: str, what: str) -> Problem:
    return Problem("bad_csv", f"Line {line}, column {column} is {shown(cell)}, and should be {what}.")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
