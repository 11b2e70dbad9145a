"""From a path to bytes that are a table, or a sentence about what they are instead."""

import gzip
import io
import os
import stat
import sys
import zipfile
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from gatewise.errors import DataError
from gatewise.tables.form import nearest

# First bytes of a file -> what it is and what to do, where it is no table that is read here.
FOREIGN = {
    b"%PDF": "is a PDF document: export its table as CSV",
    b"\xd0\xcf\x11\xe0": "is a spreadsheet in the old .xls format: save it as .xlsx or CSV",
    b"SQLite format 3": "is an SQLite database: export its table as CSV",
    b"BZh": "is compressed with bzip2: unpack it, or compress it with gzip",
    b"\xfd7zXZ": "is compressed with xz: unpack it, or compress it with gzip",
    b"\x28\xb5\x2f\xfd": "is compressed with zstd: unpack it, or compress it with gzip",
    b"7z\xbc\xaf": "is a 7z archive: unpack it",
    b"ARROW1": "is an Arrow file: save it as Parquet or CSV",
    b"\x89HDF": "is an HDF5 file: export its table as CSV or Parquet",
    b"\x80\x04": "is a pickle, which could hold code: save the table as CSV or Parquet",
    b"\x80\x05": "is a pickle, which could hold code: save the table as CSV or Parquet",
    b"version https://git-lfs": "is a pointer of Git LFS, not the file itself: fetch it with 'git lfs pull'",
}


class Source(NamedTuple):
    """An opened table.

    Attributes:
        name: As sentences name it.
        kind: What its bytes are; gzip is undone.
        stream: The bytes from the beginning.
        size: How many bytes there are on the disk, where they can grow while they are read; else None.
    """

    name: str
    kind: Literal["text", "excel", "parquet"]
    stream: BinaryIO
    size: int | None


def open_source(path: str | os.PathLike[str], closing: ExitStack) -> Source:
    """Open a file, or standard input for ``"-"``, and find out what it holds.

    Args:
        path: The file.
        closing: Closes it in the end.

    Raises:
        DataError: There is no such file, or it is no table.
    """
    if path == "-":
        return _recognised("standard input", sys.stdin.buffer, None)
    if "://" in str(path):
        raise DataError(f"{str(path)!r} is an address, and nothing is fetched from there: give the path of a file.")
    path = Path(path)
    name = repr(str(path))
    try:
        # Before it is opened: opening a pipe waits for somebody to write into it.
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            parquet = "; a folder of Parquet files is what gatewise.forecast takes, or gatewise forecast --engine dask"
            more = parquet if next(path.glob("*.parquet"), None) else ""
            raise DataError(f"{name} is a folder: give the path of a table in it{more}.")
        if not stat.S_ISREG(status.st_mode):
            raise DataError(
                f"{name} is no regular file: send what it holds to standard input, and give '-' as the path."
            )
        stream = closing.enter_context(path.open("rb"))
    except FileNotFoundError:
        raise DataError(f"There is no file {name}: {_hint(path)}") from None
    except OSError as error:
        raise DataError(f"{name} cannot be read ({error.strerror}): give the path of a table.") from error
    return _recognised(name, stream, status.st_size)


def given(name: str, content: bytes) -> Source:
    """Return bytes that somebody gave, and find out what they hold.

    Args:
        name: What sentences are to name them.
        content: A table as a file holds it.

    Raises:
        DataError: They are no table.
    """
    return _recognised(repr(name), io.BufferedReader(io.BytesIO(content)), None)


def refuse_growth(source: Source) -> None:
    """Refuse a file that somebody wrote into while it was read."""
    if source.size is not None and os.fstat(source.stream.fileno()).st_size != source.size:
        raise DataError(f"{source.name} changed while it was read: read a copy that nobody writes to.")


def read_bytes(source: Source, size: int = -1) -> bytes:
    """Read from a source; a compressed file that ends too early is refused."""
    try:
        return source.stream.read(size)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise DataError(f"{source.name} is a gzip file that is damaged or ends too early: fetch it again.") from None
    except OSError as error:
        raise DataError(f"{source.name} cannot be read ({error.strerror}): give the path of a table.") from error


def _hint(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"there is no folder {str(folder)!r} either."
    near = nearest(path.name, [entry.name for entry in folder.iterdir()])
    return f"did you mean {str(folder / near)!r}?" if near else "give the path of a table."


def _recognised(name: str, stream: BinaryIO, size: int | None) -> Source:
    """Look at the first bytes, and wrap a compressed stream."""
    reader = io.BufferedReader(stream, 1 << 16) if not isinstance(stream, io.BufferedReader) else stream  # type: ignore[type-var]
    head = reader.peek(1 << 12)
    if head.startswith(b"\x1f\x8b"):
        unpacked = Source(name, "text", io.BufferedReader(gzip.GzipFile(fileobj=reader)), None)
        try:
            head = unpacked.stream.peek(1 << 12)  # type: ignore[attr-defined]
        except (EOFError, OSError, zlib.error):
            read_bytes(unpacked)
        _refuse_foreign(name, head)
        if head.startswith((b"PAR1", b"PK\x03\x04")):
            return _recognised(name, io.BufferedReader(io.BytesIO(read_bytes(unpacked))), None)
        return unpacked
    _refuse_foreign(name, head)
    if head.startswith(b"PAR1"):
        return Source(name, "parquet", _seekable(reader), size)
    if head.startswith(b"PK\x03\x04"):
        archive = _seekable(reader)
        if not _is_workbook(archive):
            raise DataError(f"{name} is a zip archive: unpack it and give the table inside.")
        return Source(name, "excel", archive, size)
    return Source(name, "text", reader, size)


def _seekable(reader: BinaryIO) -> BinaryIO:
    return reader if reader.seekable() else io.BytesIO(reader.read())


def _is_workbook(archive: BinaryIO) -> bool:
    try:
        names = zipfile.ZipFile(archive).namelist()
    except zipfile.BadZipFile:
        return False
    archive.seek(0)
    return "xl/workbook.xml" in names


def _refuse_foreign(name: str, head: bytes) -> None:
    if not head:
        raise DataError(f"{name} is empty: give a table with a header and rows.")
    for magic, what in FOREIGN.items():
        if head.startswith(magic):
            raise DataError(f"{name} {what}.")
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] == b"<":
        raise DataError(f"{name} is HTML or XML, perhaps an error page saved as a table: fetch the table itself.")
    if text[:1] in (b"{", b"["):
        raise DataError(f"{name} is JSON: save the table as CSV or Parquet.")
