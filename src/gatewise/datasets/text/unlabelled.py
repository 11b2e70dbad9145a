"""Texts without labels, for a classifier to read: a line each, or a column of a table; and lines as they come down a pipe.

Every line and every row is answered for: one without a text stays in its place as an empty text.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatewise.datasets.text import label_lines
from gatewise.datasets.text.collecting import LONGEST_TEXT, refuse_what_no_file_holds
from gatewise.datasets.text.delimited import read_delimited
from gatewise.datasets.text.frames import is_missing, read_parquet
from gatewise.datasets.text.json_rows import read_json
from gatewise.datasets.text.lines import Errors, TextFile
from gatewise.datasets.text.review_files import as_path
from gatewise.datasets.text.roles import Name, find_text, names_texts
from gatewise.datasets.text.table import Table
from gatewise.datasets.text.texts import Texts
from gatewise.datasets.text.wording import short
from gatewise.errors import DataError
from gatewise.tables.form import count

_TABLES = {".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet"}
_READ_AT_ONCE = 2**20


@dataclass(frozen=True, eq=False)
class Unlabelled:
    """Texts to be classified.

    Attributes:
        texts: One for each line or row, empty where there is none.
        notes: What was understood and found out, a sentence each.
    """

    texts: Texts
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.texts)


def read_texts(source: str | os.PathLike[str], text: Name | None = None, errors: Errors = "strict") -> Unlabelled:
    """Read texts without labels.

    Args:
        source: A file in UTF-8, as it is or compressed by gzip. CSV, TSV, JSON, JSON lines and Parquet, by the endings of
            their names, have a text in each row; any other file, in each line.
        text: The column of the texts, by name or by number from 1; it makes a table of a file with any ending. Default:
            found by its name, or by how long its cells are.
        errors: ``"strict"`` refuses bytes that are not UTF-8 with their place; ``"replace"`` puts � in their place.

    Raises:
        UsageError: An argument that cannot be meant.
        DataError: The file is damaged, empty, or a row holds something that is no text; the message says where.
        EnvironmentFault: A Parquet file, and pyarrow is not installed.
    """
    path = as_path(source)
    if path.is_dir():
        raise DataError(f"{str(path)!r} is a folder: give a file with a text in each line, or a table.")
    file = TextFile(path, errors, wanted="texts")
    head = file.head().lstrip()
    if head.startswith(b"PAR1"):
        return _from_table(read_parquet(path), text)
    if head.startswith(label_lines.PREFIX.encode()) and text is None:
        return _from_table(label_lines.read_label_lines(file), text)
    if text is None and not {suffix.lower() for suffix in path.suffixes} & _TABLES:
        return _from_lines(file)
    if head.startswith((b"{", b"[")) and path.suffix.lower() not in {".csv", ".tsv"}:
        return _from_table(read_json(file), text)
    return _from_table(_with_first_row(read_delimited(file, {str(text)}), text), text)


def lines_of_pipe(
    descriptor: int, name: str, errors: Errors = "strict", told: Callable[[str], None] = lambda note: None
) -> Iterator[list[str]]:
    """Go through the lines of a pipe as they come: all that are there, as soon as there is one.

    Args:
        descriptor: Of the pipe.
        name: What sentences call it.
        errors: As in `read_texts`.
        told: Called at the end with what was found out, a sentence each: such as how many lines were too long and cut.

    Yields:
        Lines without their ends, at least one.

    Raises:
        DataError: A line is not text, or longer than 64 MB.
    """
    file = TextFile(Path(name), errors)
    waiting, number, offset, long = b"", 0, 0, 0
    while True:
        got = os.read(descriptor, _READ_AT_ONCE)
        *whole, waiting = (waiting + got).split(b"\n")
        if not got and waiting:
            whole, waiting = [waiting], b""
        file.check_length(waiting, number + len(whole) + 1)
        texts = []
        for raw in whole:
            number += 1
            text = _line(file.decoded(raw, number, offset), number)
            texts.append(text[:LONGEST_TEXT])
            long += len(text) > LONGEST_TEXT
            offset += len(raw) + 1
        if texts:
            yield texts
        if not got:
            for note in (*_cut(long), *file.note()):
                told(note)
            return


def _from_lines(file: TextFile) -> Unlabelled:
    found = _Found()
    texts = Texts.of(found.text(_line(line, number)) for number, line in file)
    notes = [f"{file.name} holds {count(len(texts), 'line')}, each of which is a text."]
    return Unlabelled(texts, (*notes, *found.notes(), *file.note()))


def _line(line: str, number: int) -> str:
    """Return a line without its end."""
    text = line.removesuffix("\n").removesuffix("\r")
    return text.removeprefix("\ufeff") if number == 1 else text


def _from_table(table: Table, text: Name | None) -> Unlabelled:
    place = table.roles.text if table.roles is not None else find_text(table, text)
    found = _Found()

    def cells() -> Iterator[str]:
        for row, where in zip(table.rows, table.places, strict=True):
            cell: Any = row[place]
            if is_missing(cell):
                cell = ""
            if not isinstance(cell, str):
                raise DataError(
                    f"{table.where(where)} holds {short(cell)} in column {table.columns[place]!r}, which is no text: name "
                    "the column of the texts, text=…."
                )
            refuse_what_no_file_holds(table, where, cell)
            yield found.text(cell)

    texts = Texts.of(cells())
    return Unlabelled(texts, (*table.notes, *found.notes()))


class _Found:
    """Counts empty texts, and cuts and counts those that are too long."""

    def __init__(self) -> None:
        self.empty = self.long = 0

    def text(self, text: str) -> str:
        self.empty += not text.strip()
        self.long += len(text) > LONGEST_TEXT
        return text[:LONGEST_TEXT]

    def notes(self) -> list[str]:
        notes = []
        if self.empty:
            notes.append(f"{count(self.empty, 'text')} {'is' if self.empty == 1 else 'are'} empty.")
        return [*notes, *_cut(self.long)]


def _cut(long: int) -> list[str]:
    """Return how many texts were too long, as a note."""
    were = "was" if long == 1 else "were"
    return [f"{count(long, 'text')} {were} cut after {LONGEST_TEXT:,} characters."] if long else []


def _with_first_row(table: Table, text: Name | None) -> Table:
    """Give the first row of a file of one column back, unless it names the column."""
    if len(table.columns) > 1 or not table.has_header or table.columns[0] == str(text) or names_texts(table.columns[0]):
        return table
    table.rows.insert(0, [table.columns[0]])
    table.places.insert(0, 1)
    table.columns, table.has_header = ["column 1"], False
    table.notes[0] = f"{table.name} holds cells one in a line; there is no header, and columns are numbered."
    return table
