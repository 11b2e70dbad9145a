"""Files of delimited cells, CSV and TSV: separator, quotes and header are found out, rows that do not fit refused."""

import csv
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import NamedTuple

from gatewise.datasets.text.lines import TextFile, blank_note
from gatewise.datasets.text.table import Table
from gatewise.datasets.text.wording import lines
from gatewise.errors import DataError
from gatewise.tables.form import count

_SEPARATORS = {"\t": "tabs", ";": "semicolons", "|": "vertical bars", ",": "commas"}
_SAMPLE = 1000
_LONGEST_NAME = 60
_MOST_CLASSES = 1000


class _Record(NamedTuple):
    line: int
    cells: list[str]


def read_delimited(file: TextFile, wanted: set[str]) -> Table:
    """Read a CSV or TSV file.

    Args:
        file: The file.
        wanted: Names of columns that the user gave: a first row that holds one is a header.

    Raises:
        DataError: It is not delimited text, or a row has another number of cells than the first.
    """
    with _long_cells():
        separator = _separator([line for _, line in islice(file, _SAMPLE)])
        quotes = True
        try:
            records, blank = _records(file, separator, quotes)
            _check_widths(file, records)
        except DataError:
            # Many TSV files have quotes that mean nothing: then every line is a row.
            if separator != "\t" or len({line.count("\t") for _, line in file if line.strip()}) != 1:
                raise
            quotes = False
            records, blank = _records(file, separator, quotes)
    has_header = _is_header(records, wanted)
    names = [cell.strip() for cell in records[0].cells] if has_header else []
    body = records[1:] if has_header else records
    if not body:
        raise DataError(f"{file.name} has a header and no rows below it: give at least one row of data.")
    width = len(records[0].cells)
    columns = [names[i] if names and names[i] else f"column {i + 1}" for i in range(width)]
    parted = f"separated by {_SEPARATORS[separator]}" if width > 1 else "one in a line"
    header = "the first row names the columns" if has_header else "there is no header, and columns are numbered"
    notes = [f"{file.name} holds cells {parted}; {header}."]
    if not quotes:
        notes.append("Quotes in it do not pair up, so they are taken as they stand.")
    return Table(
        file.name,
        columns,
        [record.cells for record in body],
        [record.line for record in body],
        lambda line: f"{file.name}, line {line}",
        lines,
        notes + blank_note(blank) + file.note(),
        has_header=has_header,
    )


@contextmanager
def _long_cells() -> Iterator[None]:
    """Let the csv module read long texts, for a while: its limit of 131,072 characters is one of the whole process."""
    before = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _separator(sample: list[str]) -> str:
    """Return the separator that cuts most rows into one and the same number of cells, more than one."""

    def agreement(separator: str) -> int:
        widths = Counter(len(row) for row in csv.reader(sample, delimiter=separator) if row)
        return max((count for width, count in widths.items() if width > 1), default=0)

    # A comma stands in texts, too: of equals the other one separates.
    best = max(_SEPARATORS, key=agreement)
    return best if agreement(best) else ","


def _records(file: TextFile, separator: str, quotes: bool) -> tuple[list[_Record], int]:
    """Return the rows that are not blank, each with the line in which it begins, and how many lines were blank."""
    lines_only = (line for _, line in file)
    if quotes:
        reader = csv.reader(lines_only, delimiter=separator, strict=True)
    else:
        reader = csv.reader(lines_only, delimiter=separator, strict=True, quoting=csv.QUOTE_NONE)
    records: list[_Record] = []
    blank = 0
    begun = 1
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells) and len(cells) < 2:
                blank += 1
            else:
                records.append(_Record(begun, cells))
            begun = reader.line_num + 1
    except csv.Error as error:
        if "unexpected end" in str(error):
            raise DataError(
                f"{file.name}, line {begun} opens a quote that is never closed: close it, and double the quotes inside of "
                "a text."
            ) from None
        reason = str(error).replace("'\t'", "a tab")
        raise DataError(
            f"{file.name}, line {begun} is not CSV ({reason}): put the whole text in quotes, and double those in it."
        ) from None
    return records, blank


def _check_widths(file: TextFile, records: list[_Record]) -> None:
    if not records:
        raise DataError(f"{file.name} is empty: give a file with {file.wanted}.")
    width = len(records[0].cells)
    odd = [record for record in records if len(record.cells) != width]
    if odd:
        more = f", and so {'has' if len(odd) == 2 else 'have'} {len(odd) - 1:,} more" if len(odd) > 1 else ""
        raise DataError(
            f"{file.name}, line {odd[0].line} has {count(len(odd[0].cells), 'cell')} where the first row has {width}"
            f"{more}: put a text that holds the separator in quotes."
        )


def _is_header(records: list[_Record], wanted: set[str]) -> bool:
    """Say whether the first row holds names: it holds one that was asked for, or looks like no other row."""
    first = [cell.strip() for cell in records[0].cells]
    if wanted & set(first):
        return True
    if any(len(cell) > _LONGEST_NAME for cell in first):
        return False
    for position, cell in enumerate(first):
        if not cell:
            continue
        below = [record.cells[position].strip() for record in records[1:]]
        if _is_number(cell) and all(map(_is_number, below)):
            return False
        distinct = set(below)
        if cell in distinct and len(distinct) < min(_MOST_CLASSES, len(below)):
            return False
    return True


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
