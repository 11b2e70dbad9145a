"""A text file of rows and cells, read piece by piece: rows are counted here, cells are parsed by pandas."""

import io
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gatewise.errors import DataError
from gatewise.tables import records
from gatewise.tables.cells import MISSING, need_a_second_look
from gatewise.tables.dialect import SAMPLE_ROWS, SEPARATORS, find_dialect
from gatewise.tables.files import Source, refuse_growth
from gatewise.tables.form import TableFormat, count, shown
from gatewise.tables.spellings import looks_like_time

if TYPE_CHECKING:
    import pandas as pd

Use = Literal["label", "number"]

_TOTAL = re.compile(r"\s*\"?(grand total|total|sum|summe|subtotal|average|mean)\b", re.IGNORECASE)
# A few rows of a wide table show as much as many of a narrow one.
_SAMPLE_BYTES = 1 << 18
# How far from the end of a file something that is no data may be a footer.
_FOOTER_ROWS = 50


class DelimitedSheet:
    """A text file as a table.

    Attributes:
        name: The file as sentences name it.
        dialect: How it is written, and what its columns are.
        notes: What was found out so far.
    """

    def __init__(self, source: Source, form: TableFormat, fix: frozenset[str]) -> None:
        self.source = source
        self.name = source.name
        self.fix = fix
        self.skipped = np.zeros(0, np.int64)
        """Rows of the file that are no records, in order."""
        self._rows_seen = 0
        self._blank_row = 0
        self._distinct: set[int] = set()
        self._blanks = 0
        head = records.read_head(source)
        encoding = records.find_encoding(source, form.get("encoding"), head)
        self._pieces = records.pieces(source, encoding, head)
        self._first = next(self._pieces)
        lines = self._sample(self._first.text, form)
        while len(lines) < 2 and not self._first.last:
            following = next(self._pieces)
            self._first = following._replace(text=self._first.text + following.text)
            lines = self._sample(self._first.text, form)
        if not lines:
            raise DataError(f"{self.name} is empty: give a table with a header and rows.")
        self.dialect = find_dialect(self.name, lines, form)
        self.width = len(self.dialect.names)
        if len(lines) == 1 and self.dialect.has_header:
            raise DataError(f"{self.name} has a header and no rows below it: give at least one row of data.")
        self.notes = list(self.dialect.notes)
        if encoding.name != "utf-8":
            self.notes.insert(0, f"The text is {encoding.name.upper()}.")

    def _sample(self, text: bytes, form: TableFormat) -> list[str]:
        """Return the first rows with something in them."""
        lines: list[str] = []
        rows = records.count_cells(text, ",")
        self._refuse_odd_quotes(text, rows, form.get("separator", "".join(SEPARATORS)))
        for place in range(len(rows.ends)):
            line = records.row_text(text, rows, place)
            is_comment = line.startswith("#")
            if is_comment and "comments" not in self.fix:
                raise DataError(
                    f"{self.name}, row {place + 1} begins with '#': delete it, or leave out such rows with "
                    'fix=("comments",).'
                )
            if line.strip(" \t,;|") and not is_comment:
                lines.append(line)
            if len(lines) >= SAMPLE_ROWS or sum(map(len, lines)) > _SAMPLE_BYTES:
                break
        return lines

    def where(self, record: int, column: int | None = None) -> str:
        """Return the place of a record, counted from 0 without the header, or of its cell, as a sentence names it."""
        place = record + 1 + self.dialect.has_header
        row = place + int(np.searchsorted(self.skipped - np.arange(len(self.skipped)), place, side="right"))
        return f"{self.name}, row {row}" + ("" if column is None else f", column {self.dialect.names[column]!r}")

    def blocks(self, wanted: Mapping[int, Use]) -> Iterator["pd.DataFrame"]:
        """Yield the wanted columns, piece by piece; labels as categories, numbers as float64 or, if odd, as text."""
        head, empty = True, True
        piece = self._first
        while True:
            text = self._records(piece)
            if head and text and self.dialect.has_header:
                text = text[records.count_cells(text, self.dialect.separator).ends[0] + 1 :]
            head = head and not piece.text
            if text:
                empty = False
                yield self._parsed(text, wanted)
            if piece.last:
                break
            piece = next(self._pieces)
        if empty:
            raise DataError(f"{self.name} has a header and no rows below it: give at least one row of data.")
        if self._blanks:
            self.notes.append(f"{count(self._blanks, 'blank row')} {'was' if self._blanks == 1 else 'were'} skipped.")
        refuse_growth(self.source)

    def _records(self, piece: records.Piece) -> bytes:
        """Return the rows of a piece that are records, all of one width."""
        separator = self.dialect.separator
        rows = records.count_cells(piece.text, separator)
        self._refuse_odd_quotes(piece.text, rows, separator)
        records.refuse_long_cells(self.name, piece.text, separator, rows, self._rows_seen + 1)
        blank = rows.blank
        for place in np.flatnonzero(~blank & (rows.cells == 1) & (self.width > 1)):
            blank[place] = not records.row_text(piece.text, rows, int(place)).strip()
        dropped = blank | self._comments(piece.text, rows)
        if piece.last and "footer" in self.fix:
            footer = self._footer(piece.text, rows, dropped)
            self.notes.append(f"{count(len(rows.ends) - footer, 'row')} of a footer left out.")
            dropped[footer:] = True
        self._blanks += int(blank.sum())
        self._refuse_widths(piece, rows, dropped)
        if self.width == 1:
            self._refuse_blank_between(blank, dropped)
        self.skipped = np.concatenate([self.skipped, np.flatnonzero(dropped) + 1 + self._rows_seen])
        self._rows_seen += len(rows.ends)
        return records.without(piece.text, rows, dropped)

    def _refuse_odd_quotes(self, text: bytes, rows: records.Rows, separators: str) -> None:
        odd = records.odd_quote(text, separators)
        if odd is not None:
            row = self._rows_seen + int(np.searchsorted(rows.ends, odd)) + 1
            raise DataError(
                f"{self.name}, row {row} has a quote inside a cell: put the whole cell in quotes and double those in it."
            )

    def _comments(self, text: bytes, rows: records.Rows) -> np.ndarray:
        letters = np.frombuffer(text, np.uint8)
        found: np.ndarray = letters[np.minimum(rows.starts, max(len(letters) - 1, 0))] == ord("#")
        for place in np.flatnonzero(found)[: "comments" not in self.fix]:
            raise DataError(
                f"{self.name}, row {self._rows_seen + place + 1} begins with '#': delete it, or leave out such rows with "
                'fix=("comments",).'
            )
        if found.any():
            self.notes.append(f"{count(int(found.sum()), 'row')} beginning with '#' left out.")
        return found

    def _refuse_widths(self, piece: records.Piece, rows: records.Rows, dropped: np.ndarray) -> None:
        for place in np.flatnonzero((rows.cells != self.width) & ~dropped):
            line = records.row_text(piece.text, rows, int(place))
            first = "the header" if self.dialect.has_header else "the first row"
            from_end = len(rows.ends) - place if piece.last else _FOOTER_ROWS
            hint = "give every row the same number of cells."
            if from_end < _FOOTER_ROWS and self._is_footer(line):
                hint = 'leave the footer out with fix=("footer",).'
            elif from_end == 1 and piece.cut:
                hint = "the file seems to be cut off; fetch it again."
            raise DataError(
                f"{self.name}, row {self._rows_seen + place + 1} has {count(int(rows.cells[place]), 'cell')} where {first} has "
                f"{self.width} ({shown(line)}): {hint}"
            )

    def _refuse_blank_between(self, blank: np.ndarray, dropped: np.ndarray) -> None:
        """In a table of one column a blank row may be a missing value: ask."""
        for place in np.flatnonzero(blank | ~dropped):
            if blank[place]:
                self._blank_row = self._blank_row or int(place) + 1 + self._rows_seen
            elif self._blank_row > 1:
                raise DataError(
                    f"{self.name}, row {self._blank_row} is empty and data follows it: write NaN for a missing value, or "
                    "delete the row."
                )

    def _is_footer(self, line: str) -> bool:
        cells = records.split(line, self.dialect.separator)
        data = any(self.dialect.style.is_number(cell) or looks_like_time(cell) for cell in cells)
        return not data or _TOTAL.match(line) is not None

    def _footer(self, text: bytes, rows: records.Rows, dropped: np.ndarray) -> int:
        """Return the first row of a piece that belongs to the footer."""
        footer = len(rows.ends)
        while footer and (dropped[footer - 1] or self._is_footer(records.row_text(text, rows, footer - 1))):
            footer -= 1
        return footer

    def _parsed(self, text: bytes, wanted: Mapping[int, Use]) -> "pd.DataFrame":
        import pandas as pd

        number = np.dtype(np.float64)
        texts: dict[int, Any] = {
            column: str if column in self._distinct else pd.CategoricalDtype()
            for column, use in wanted.items()
            if use == "label"
        }
        numbers = [column for column, use in wanted.items() if use == "number"]
        try:
            if self.dialect.style.thousands is not None:
                raise ValueError
            frame = self._parse(text, {**texts, **dict.fromkeys(numbers, number)})
        except ValueError:
            # Some cell is no number as pandas knows them: all go through the strict way, which says which.
            return self._parse(text, {**texts, **dict.fromkeys(numbers, str)})
        # Where most cells differ, numbering the distinct ones does not pay.
        self._distinct |= {
            column
            for column in texts
            if column not in self._distinct and len(frame[column].cat.categories) * 2 > len(frame)
        }
        odd = np.array(numbers)[need_a_second_look(frame[numbers].to_numpy())].tolist()
        if odd:
            again = self._parse(text, dict.fromkeys(odd, str))
            for column in odd:
                frame[column] = again[column]
        return frame

    def _parse(self, text: bytes, types: Mapping[int, Any]) -> "pd.DataFrame":
        import pandas as pd

        missing = {column: list(MISSING) for column, kind in types.items() if kind == np.float64}
        return pd.read_csv(
            io.BytesIO(text),
            sep=self.dialect.separator,
            header=None,
            names=range(self.width),
            usecols=list(types),
            index_col=False,
            dtype=dict(types),
            keep_default_na=False,
            na_values=missing,
            na_filter=bool(missing),
            decimal=self.dialect.style.decimal,
            skip_blank_lines=False,
            encoding="utf-8",
            engine="c",
        )
