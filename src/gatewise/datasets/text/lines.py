"""The lines of a text file, decoded one by one, so that a byte that is no text is named with its line and offset.

At most one line is in memory at a time, whatever the size of the file.
"""

import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal, cast

from gatewise.datasets.text.wording import lines
from gatewise.errors import DataError
from gatewise.tables.files import FOREIGN
from gatewise.tables.form import count

Errors = Literal["strict", "replace"]

LONGEST_LINE = 2**26
_HEAD = 2**12

# First bytes of more files that are no text -> what they are, and what to do.
_FOREIGN = {
    **FOREIGN,
    b"PK\x03\x04": "is a zip archive or an .xlsx file: unpack it, or save the table as CSV",
    b"\xff\xfe\0\0": "is UTF-32 text: save it as UTF-8",
    b"\0\0\xfe\xff": "is UTF-32 text: save it as UTF-8",
}
_LONE_RETURN = re.compile(rb"(?<=\r)(?!\n)")


@dataclass
class TextFile:
    """A file of text lines.

    Attributes:
        path: Where it is.
        errors: ``"strict"`` refuses bytes that are not UTF-8; ``"replace"`` puts � in their place and counts them.
        replaced: The lines in which something was replaced, found while they are read.
        wanted: What the file is to hold.
    """

    path: Path
    errors: Errors = "strict"
    replaced: list[int] = field(default_factory=list)
    wanted: str = "texts and labels"

    @property
    def name(self) -> str:
        """The file as sentences name it."""
        return repr(str(self.path))

    def head(self) -> bytes:
        """Return the first bytes, without a byte order mark, decompressed.

        Raises:
            DataError: The file cannot be read, is empty, or is of a kind that is not read here.
        """
        with self._open() as file:
            head = self._told(lambda: file.read(_HEAD))
        for magic, what in _FOREIGN.items():
            if head.startswith(magic):
                raise DataError(f"{self.name} {what}.")
        if not head.strip():
            raise DataError(f"{self.name} is empty: give a file with {self.wanted}.")
        if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
            raise DataError(f"{self.name} is HTML or XML, perhaps an error page: fetch the file itself.")
        return head.removeprefix(b"\xef\xbb\xbf")

    def __iter__(self) -> Iterator[tuple[int, str]]:
        """Go through the lines with their numbers, from 1; each with its end.

        Raises:
            DataError: A line is not text, or longer than 64 MB.
        """
        offset = 0
        number = 0
        self.replaced.clear()
        with self._open() as file:
            if self._told(lambda: file.read(2)) in (b"\xff\xfe", b"\xfe\xff"):
                file.seek(0)
                yield from self._utf16(self._told(file.read))
                return
            file.seek(0)
            while raw := self._told(lambda: file.readline(LONGEST_LINE)):
                self.check_length(raw, number + 1)
                # Old files end their lines with a carriage return alone.
                lone = b"\r" in raw.removesuffix(b"\n").removesuffix(b"\r")
                for piece in _LONE_RETURN.split(raw) if lone else (raw,):
                    if piece:
                        number += 1
                        text = self.decoded(piece, number, offset)
                        offset += len(piece)
                        yield number, text.removeprefix("\ufeff") if number == 1 else text

    def check_length(self, raw: bytes, number: int) -> None:
        """Refuse a line that is too long to be one.

        Raises:
            DataError: It has 64 MB.
        """
        if len(raw) >= LONGEST_LINE:
            raise DataError(f"{self.name}, line {number} is longer than 64 MB: give texts line by line.")

    def note(self) -> list[str]:
        """Return what was replaced, as a note."""
        if not self.replaced:
            return []
        return [f"Bytes that are not UTF-8 were replaced by � in {lines(self.replaced)} of {self.name}."]

    def decoded(self, raw: bytes, number: int, offset: int) -> str:
        """Return a line as text.

        Args:
            raw: Its bytes.
            number: Its number, from 1.
            offset: Where in the file it begins.

        Raises:
            DataError: It is not text; the message names the byte.
        """
        if b"\0" in raw:
            raise DataError(
                f"{self.name}, line {number} holds a NUL byte (byte {offset + raw.index(0):,} of the file), which is no "
                "text: remove it."
            )
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            if self.errors == "replace":
                self.replaced.append(number)
                return raw.decode("utf-8", "replace")
            raise DataError(
                f"{self.name}, line {number} is not UTF-8 text (0x{raw[error.start]:02x}, byte "
                f"{offset + error.start:,} of the file): save it as UTF-8, or pass errors='replace'."
            ) from None

    def _utf16(self, raw: bytes) -> Iterator[tuple[int, str]]:
        try:
            text = raw.decode("utf-16")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{self.name} is not UTF-16 text, as its first bytes say (byte {error.start:,}): save it as UTF-8."
            ) from None
        yield from enumerate(io.StringIO(text, newline=""), start=1)

    def _open(self) -> IO[bytes]:
        try:
            file = open(self.path, "rb")  # noqa: SIM115
        except FileNotFoundError:
            raise DataError(f"There is no file {self.name}: give the path of a file or folder.") from None
        except OSError as error:
            raise DataError(f"{self.name} cannot be read ({error.strerror}): give the path of a file.") from error
        if file.peek(2).startswith(b"\x1f\x8b"):
            file.close()
            return cast(IO[bytes], gzip.open(self.path))
        return file

    def _told(self, read: Callable[[], bytes]) -> bytes:
        try:
            return read()
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(
                f"{self.name} is a gzip file that is damaged or cut short ({error}): fetch it anew."
            ) from None
        except OSError as error:
            raise DataError(f"{self.name} cannot be read ({error.strerror or error}): give a readable file.") from error


def blank_note(blank: int) -> list[str]:
    """Return how many blank lines were skipped, as a note."""
    return [f"{count(blank, 'blank line')} {'was' if blank == 1 else 'were'} skipped."] if blank else []
