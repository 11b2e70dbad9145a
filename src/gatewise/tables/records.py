"""The rows of a text file: cut and counted before pandas parses their cells.

pandas fills short rows, shifts long ones and does not say where. Here every row is counted first, in NumPy, so that
pandas sees only rows that are all of one width, and a sentence can name the row of the file.
"""

import codecs
import csv
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from gatewise.errors import DataError, UsageError
from gatewise.tables.files import Source, read_bytes
from gatewise.tables.form import count

PIECE = 1 << 22
"""Bytes read at a time."""

# The csv module of Python, too, refuses a longer cell: it is what a quote that is never closed looks like.
_LONGEST_ROW = 1 << 24
_LONGEST_CELL = 131_072
_NEWLINE, _QUOTE = 10, 34
_BOMS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


class Piece(NamedTuple):
    """Whole rows of a text file, in UTF-8, each ended by a line feed.

    Attributes:
        text: The rows.
        last: Whether the file ends with them.
        cut: Whether it ends without a line feed, as a file does that was not written to its end.
    """

    text: bytes
    last: bool
    cut: bool


class Encoding(NamedTuple):
    """How a file's bytes become text."""

    name: str
    mark: bytes


def find_encoding(source: Source, encoding: str | None, head: bytes) -> Encoding:
    """Return the encoding that was named, or that the first bytes show."""
    mark = next((bom for bom in _BOMS if head.startswith(bom)), b"")
    if encoding is not None:
        try:
            return Encoding(codecs.lookup(encoding).name, mark)
        except LookupError:
            raise UsageError(f"format has encoding={encoding!r}, which Python does not know: give another.") from None
    if mark:
        return Encoding(_BOMS[mark], mark)
    zeros = [place for place, byte in enumerate(head[:64]) if byte == 0]
    for name, parity in (("utf-16-le", 1), ("utf-16-be", 0)):
        if len(zeros) * 2 >= len(head[:64]) - 1 > 0 and all(place % 2 == parity for place in zeros):
            raise DataError(
                f"{source.name} looks like {name} without a byte order mark: give "
                f'format={{"encoding": "{name}"}}, or save it in UTF-8.'
            )
    return Encoding("utf-8", mark)


def read_head(source: Source) -> bytes:
    """Return the first bytes of a file."""
    return read_bytes(source, PIECE)


def pieces(source: Source, encoding: Encoding, head: bytes) -> Iterator[Piece]:
    """Yield a text file piece by piece, each made of whole rows.

    Args:
        source: The file.
        encoding: How its bytes become text.
        head: What was read of it already.

    Raises:
        DataError: Bytes that are no text, or a quote that is never closed.
    """
    text = _Text(source, encoding)
    chunk = head[len(encoding.mark) :]
    rest = b""
    rows = 0
    while True:
        following = read_bytes(source, PIECE)
        last = not following
        rest += text.decoded(chunk, last)
        cut = last and bool(rest) and not rest.endswith(b"\n")
        rest += b"\n" if cut else b""
        end = _end_of_rows(rest)
        if last and end < len(rest):
            start = rows + 1 + _rows_before(rest, end)
            raise DataError(f"{source.name}, row {start} has a quote that is never closed: close it.")
        if len(rest) - end > _LONGEST_ROW:
            raise DataError(
                f"{source.name}, row {rows + 1 + _rows_before(rest, end)} is longer than {_LONGEST_ROW:,} bytes: a quote "
                "is probably not closed."
            )
        if end:
            rows += _rows_before(rest, end)
            yield Piece(rest[:end], last, cut)
        elif last:
            yield Piece(b"", last, cut)
        rest = rest[end:]
        if last:
            return
        chunk = following


class _Text:
    """Turns bytes into UTF-8 with line feeds only; knows where it is, for a sentence about a byte that is no text."""

    def __init__(self, source: Source, encoding: Encoding) -> None:
        self.source = source
        self.encoding = encoding
        self.decoder = codecs.getincrementaldecoder(encoding.name)("strict")
        self.offset = len(encoding.mark)
        self.rows = 1
        self.held = b""

    def decoded(self, chunk: bytes, last: bool) -> bytes:
        pending = len(self.decoder.getstate()[0])
        try:
            text = self.decoder.decode(chunk, last).encode()
        except UnicodeDecodeError as error:
            place = self.offset - pending + error.start
            before = error.object[: error.start].decode(self.encoding.name, "replace").encode()
            row = self.rows + _unified(self.held + before).count(b"\n")
            raise DataError(
                f"{self.source.name}, row {row} is not {self.encoding.name.upper()} text (byte {place}, "
                f"0x{error.object[error.start]:02x}): save it in UTF-8, or name its encoding with "
                'format={"encoding": "latin-1"}.'
            ) from None
        except UnicodeEncodeError:
            raise DataError(
                f"{self.source.name} holds half a character (a lone surrogate): save it in UTF-8."
            ) from None
        self.offset += len(chunk)
        # A carriage return at the end may have its line feed in the next chunk.
        text = self.held + text
        self.held = b"\r" if text.endswith(b"\r") and not last else b""
        text = _unified(text[: len(text) - len(self.held)])
        zero = text.find(b"\0")
        if zero >= 0:
            row = self.rows + text.count(b"\n", 0, zero)
            raise DataError(f"{self.source.name}, row {row} holds a NUL byte, which is no text: save it in UTF-8.")
        self.rows += text.count(b"\n")
        return text


def _unified(text: bytes) -> bytes:
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in text else text


def _end_of_rows(text: bytes) -> int:
    """Return where the last whole row ends: a line feed inside quotes does not end a row."""
    if b'"' not in text:
        return text.rfind(b"\n") + 1
    ends = _row_ends(np.frombuffer(text, np.uint8))
    return int(ends[-1]) + 1 if len(ends) else 0


def _rows_before(text: bytes, end: int) -> int:
    if b'"' not in text:
        return text.count(b"\n", 0, end)
    return len(_row_ends(np.frombuffer(text[:end], np.uint8)))


def _row_ends(letters: UInt8[np.ndarray, " letters"]) -> Int[np.ndarray, " rows"]:
    return _outside_quotes(letters, np.flatnonzero(letters == _NEWLINE))


def _outside_quotes(
    letters: UInt8[np.ndarray, " letters"], places: Int[np.ndarray, " places"]
) -> Int[np.ndarray, " outside"]:
    """Return those of the places that an even number of quotes precedes."""
    quotes = np.flatnonzero(letters == _QUOTE)
    return places[np.searchsorted(quotes, places) % 2 == 0] if len(quotes) else places


class Rows(NamedTuple):
    """The rows of a piece.

    Attributes:
        starts: Where each begins, ``(rows,)``.
        ends: Where the line feed stands that ends it, ``(rows,)``.
        cells: How many cells it has, ``(rows,)``.
    """

    starts: Int[np.ndarray, " rows"]
    ends: Int[np.ndarray, " rows"]
    cells: Int[np.ndarray, " rows"]

    @property
    def blank(self) -> np.ndarray:
        """Which rows hold separators and nothing else, or nothing at all, ``(rows,)``."""
        blank: np.ndarray = self.ends - self.starts == self.cells - 1
        return blank


def count_cells(text: bytes, separator: str) -> Rows:
    """Count the rows of a piece and the cells of each."""
    letters = np.frombuffer(text, np.uint8)
    ends = _row_ends(letters)
    separators = _outside_quotes(letters, np.flatnonzero(letters == ord(separator)))
    before = np.searchsorted(separators, ends)
    starts = np.concatenate([[0], ends[:-1] + 1])[: len(ends)]
    return Rows(starts, ends, np.diff(before, prepend=0) + 1)


def odd_quote(text: bytes, separators: str) -> int | None:
    """Return where a quote stands that neither opens, closes nor is doubled; readers differ on what it means."""
    if b'"' not in text:
        return None
    letters = np.frombuffer(b"\n" + text, np.uint8)
    quotes = np.flatnonzero(letters == _QUOTE)
    borders = np.isin(letters, (_NEWLINE, _QUOTE, *separators.encode()))
    opens, closes = quotes[::2], quotes[1::2]
    wrong = np.concatenate([opens[~borders[opens - 1]], closes[~borders[closes + 1]]])
    return int(wrong.min()) - 1 if len(wrong) else None


def without(text: bytes, rows: Rows, dropped: np.ndarray) -> bytes:
    """Return a piece without some of its rows, ``dropped`` a truth value for each, ``(rows,)``."""
    if not dropped.any():
        return text
    keep = np.repeat(~dropped, rows.ends + 1 - rows.starts)
    return np.frombuffer(text, np.uint8)[keep].tobytes()


def row_text(text: bytes, rows: Rows, place: int) -> str:
    """Return one row of a piece as text."""
    return text[rows.starts[place] : rows.ends[place]].decode()


def split(line: str, separator: str) -> list[str]:
    """Return the cells of one row."""
    if '"' not in line:
        return line.split(separator)
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        # Not this separator, then: what stands between two quotes is too long for a cell.
        return [line]


def refuse_long_cells(name: str, text: bytes, separator: str, rows: Rows, first_row: int) -> None:
    """Refuse a cell that no number, date or name can be."""
    for place in np.flatnonzero(rows.ends - rows.starts > _LONGEST_CELL):
        longest = max(len(cell.encode()) for cell in split(row_text(text, rows, int(place)), separator))
        if longest > _LONGEST_CELL:
            raise DataError(
                f"{name}, row {first_row + place} has a cell of {count(longest, 'byte')}, and at most "
                f"{_LONGEST_CELL:,} are read: correct the row."
            )
