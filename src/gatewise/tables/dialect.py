"""How a text file is written, found out from its first rows: separator, header, decimal sign, what its columns hold."""

import re
from collections import Counter
from functools import partial
from typing import Literal, NamedTuple

from gatewise.errors import DataError
from gatewise.tables.cells import MISSING, NumberStyle
from gatewise.tables.form import TableFormat, count, quoted, shown
from gatewise.tables.records import split
from gatewise.tables.spellings import looks_like_time

SEPARATORS = ("\t", ";", "|", ",")
# Looked for where none of those separates anything.
_RARE = (" ", ":", "~", "^", "&")
SAMPLE_ROWS = 200
MOST_COLUMNS = 50_000

Kind = Literal["number", "time", "text", "empty"]


class Dialect(NamedTuple):
    """How a table is written.

    Attributes:
        separator: What stands between two cells.
        has_header: Whether the first row holds names.
        names: The columns' names, stripped; ``column 2``, counted from 1, where there is none.
        kinds: What each column's first cells are.
        style: How numbers are written.
        notes: What was found out, as sentences.
    """

    separator: str
    has_header: bool
    names: list[str]
    kinds: list[Kind]
    style: NumberStyle
    notes: list[str]


def find_dialect(name: str, lines: list[str], form: TableFormat) -> Dialect:
    """Find out how a text file is written.

    Args:
        name: The file, as sentences name it.
        lines: Its first rows that are not blank.
        form: What is known already.

    Raises:
        DataError: No header, doubled names, or a decimal sign that the cells leave open.
    """
    separator = form.get("separator") or _separator(lines)
    rows = [split(line, separator) for line in lines]
    notes = []
    if separator != "," and len(rows[0]) > 1:
        notes.append(f"Cells are separated by {_SPELLED.get(separator, repr(separator))}.")
    if len(rows[0]) > MOST_COLUMNS:
        raise DataError(
            f"{name} has {len(rows[0]):,} columns, and at most {MOST_COLUMNS:,} are read: write it as a long table."
        )
    style, found = _style(name, rows, separator, form)
    notes += found
    return describe(name, rows, separator, style, form.get("header"), notes)


def describe(
    name: str, rows: list[list[str]], separator: str, style: NumberStyle, header: bool | None, notes: list[str]
) -> Dialect:
    """Return the dialect of a table whose first rows are known."""
    has_header = _has_header(name, rows, style) if header is None else header
    names, found = _names(name, rows[0], has_header)
    body = rows[1:] if has_header else rows
    columns = [[row[place] for row in body if place < len(row)] for place in range(len(names))]
    return Dialect(separator, has_header, names, [kind_of(cells, style) for cells in columns], style, notes + found)


def kind_of(cells: list[str], style: NumberStyle) -> Kind:
    """Return what cells are: the kind that most of them have, so that one bad cell is refused and not believed."""
    filled = [cell.strip() for cell in cells if cell.strip() not in MISSING]
    if not filled:
        return "empty"
    if sum(map(style.is_number, filled)) * 2 > len(filled):
        return "number"
    return "time" if sum(map(looks_like_time, filled)) * 2 > len(filled) else "text"


def _separator(lines: list[str]) -> str:
    """Return the separator that cuts most rows into one and the same number of cells, more than one."""

    def agreement(separator: str) -> int:
        widths = Counter(len(split(line, separator)) for line in lines)
        return max((count for width, count in widths.items() if width > 1), default=0)

    # max keeps the first of equals: a tab or a semicolon separates, a comma may be somebody's decimal sign.
    best = max(SEPARATORS, key=agreement)
    return best if agreement(best) else next(filter(partial(_cuts_all, lines), _RARE), ",")


def _cuts_all(lines: list[str], separator: str) -> bool:
    """Return whether a rare separator cuts all rows alike, into names and below them dates or texts and numbers.

    Numbers alone are not enough: a blank may stand between thousands.
    """
    rows = [split(line, separator) for line in lines]
    if len(rows) < 2 or len(rows[0]) < 2 or len({len(row) for row in rows}) > 1 or not all(map(str.strip, rows[0])):
        return False
    kinds = [kind_of([row[place] for row in rows[1:]], NumberStyle()) for place in range(len(rows[0]))]
    return "number" in kinds and any(kind in ("time", "text") for kind in kinds)


def _style(name: str, rows: list[list[str]], separator: str, form: TableFormat) -> tuple[NumberStyle, list[str]]:
    """Return how numbers are written; a decimal comma has to be proven by a cell, or named."""
    thousands = form.get("thousands")
    if "decimal" in form or thousands is not None:
        return NumberStyle(form.get("decimal", "," if thousands == "." else "."), thousands), []
    cells = [cell.strip() for row in rows[1:] for cell in row]
    points = any(re.fullmatch(r"[+-]?\d*\.\d+([eE][+-]?\d+)?", cell) for cell in cells)
    commas = [cell for cell in cells if re.fullmatch(r"[+-]?\d*,\d+([eE][+-]?\d+)?", cell)]
    if separator == "," or points or not commas:
        return NumberStyle(), _open_thousands(cells) if separator == ";" else []
    proof = next((cell for cell in commas if not re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", cell)), None)
    if proof is None:
        raise DataError(
            f"{name} has numbers such as {shown(commas[0])}, which may be thousands or a decimal comma: give "
            'format={"thousands": ","} or format={"decimal": ","}.'
        )
    return NumberStyle(","), [f"Numbers have a decimal comma, as {shown(proof)} shows."]


def _open_thousands(cells: list[str]) -> list[str]:
    """Return a note where a table that may be of a country with decimal commas has points that may stand between thousands."""
    pointed = [cell for cell in cells if "." in cell and re.fullmatch(r"[+-]?[\d.]+", cell)]
    if len(pointed) < 2 or not all(re.fullmatch(r"[+-]?[1-9]\d{0,2}\.\d{3}", cell) for cell in pointed):
        return []
    return [
        f"Numbers such as {shown(pointed[0])} are read with a decimal point; if it stands between thousands in them, say so by "
        "thousands in format."
    ]


def _has_header(name: str, rows: list[list[str]], style: NumberStyle) -> bool:
    """Return True where the first row holds names; refuse a table in which it looks like all the others."""
    first = [cell.strip() for cell in rows[0]]
    if not any(map(style.is_number, first)):
        # Dates are no names, unless the columns below hold numbers, as in a table with a series in each row.
        below = rows[1] if len(rows) > 1 else []
        dated = [place for place, cell in enumerate(first) if cell and looks_like_time(cell)]
        if not dated or any(place < len(below) and style.is_number(below[place]) for place in dated):
            return True
    elif (first[0] and not style.is_number(first[0]) and _counts_up(first[1:])) or any(
        cell and not style.is_number(cell) and not looks_like_time(cell) and _numeric_below(rows, place, style)
        for place, cell in enumerate(first)
    ):
        return True
    raise DataError(
        f"{name} has no header: row 1 holds data ({shown(', '.join(first))}): name the columns in a first row, or give "
        'format={"header": False}.'
    )


def _numeric_below(rows: list[list[str]], place: int, style: NumberStyle) -> bool:
    cells = [row[place] for row in rows[1:] if place < len(row)]
    return kind_of(cells, style) in ("number", "time")


def _counts_up(cells: list[str]) -> bool:
    """Return whether cells are consecutive whole numbers, as names of time steps are."""
    if len(cells) < 2 or not all(cell.isascii() and cell.isdigit() for cell in cells):
        return False
    numbers = [int(cell) for cell in cells]
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def _names(name: str, first: list[str], has_header: bool) -> tuple[list[str], list[str]]:
    if not has_header:
        return [f"column {place + 1}" for place in range(len(first))], [
            "The table has no header; columns are numbered."
        ]
    stripped = [cell.strip() for cell in first]
    padded = [cell for cell in first if cell != cell.strip() and cell.strip()]
    notes = (
        [f"Blanks around {count(len(padded), 'column name')} were taken off ({quoted(padded, 3)})."] if padded else []
    )
    names = [cell or f"column {place + 1}" for place, cell in enumerate(stripped)]
    twice = next((cell for cell, times in Counter(names).items() if times > 1), None)
    if twice is not None:
        places = [str(place + 1) for place, cell in enumerate(names) if cell == twice]
        raise DataError(
            f"{name} has {len(places)} columns named {twice!r} (columns {' and '.join(places[:5])}): give each a name of "
            "its own."
        )
    return names, notes


_SPELLED = {"\t": "tabs", " ": "blanks", ":": "colons", ";": "semicolons", "|": "vertical bars"}
