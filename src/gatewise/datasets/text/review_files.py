"""Reads the movie reviews out of their archive, or out of the folder that it was unpacked into.

The layout is ``train|test / neg|pos / ID_STARS.txt``, where the folders may lie inside other folders; and, in the
official archive, ``train|test / urls_neg|pos.txt``, whose line number ID is the address of the film that review ID is
about. Everything else in it is passed over. Nothing is ever written to the disk, so no name in an archive can point
outside of anything; links, and files much larger than any review, are refused all the same.
"""

import gzip
import lzma
import os
import re
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple, cast

import numpy as np
from jaxtyping import Int8, Int32

from gatewise.datasets.text.texts import Texts
from gatewise.datasets.text.wording import short
from gatewise.errors import DataError, UsageError

PARTS = ("train", "test")
CLASSES = ("neg", "pos")

_REVIEW = re.compile(r"(?:.*/)?(train|test)/(neg|pos)/(\d{1,9})_(\d{1,2})\.txt")
_FILMS = re.compile(r"(?:.*/)?(train|test)/urls_(neg|pos)\.txt")
# The longest review has 13,704 bytes, and a list of films 12,500 lines; an archive that was made to fill the memory has
# more.
_LARGEST_REVIEW = 2**20
_LARGEST_LIST = 2**23
_MOST_REVIEWS = 1_000_000
_BLOCK = 2**18


@dataclass(frozen=True, eq=False)
class Reviews:
    """The reviews, those for training first, of each part the negative ones first, each of these in the order of ID.

    Attributes:
        texts: The reviews, ``(samples,)``.
        parts: 0 for training, 1 for testing, ``(samples,)``.
        labels: 0 for negative, 1 for positive, ``(samples,)``.
        stars: What the reviewer gave, 1 to 10, ``(samples,)``.
        films: The same number for reviews of the same film, ``(samples,)``; None where the archive does not tell.
        source: Where they come from, for people.
    """

    texts: Texts
    parts: Int32[np.ndarray, " samples"]
    labels: Int32[np.ndarray, " samples"]
    stars: Int8[np.ndarray, " samples"]
    films: Int32[np.ndarray, " samples"] | None
    source: str


class _File(NamedTuple):
    name: str
    content: bytes


def as_path(path: object) -> Path:
    """Return a path of the user's.

    Raises:
        UsageError: It is no path.
    """
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(text, str) or not text or "\0" in text:
        raise UsageError(f"The path is {short(path)}: a str or a pathlib.Path with the name of a file is needed.")
    return Path(text).expanduser()


def from_archive(path: Path) -> Reviews:
    """Read a tar archive, as it is or compressed by gzip or xz.

    Raises:
        DataError: It is missing, damaged, or holds no reviews.
    """
    try:
        with _decompressed(path) as stream:
            # As a stream: the archive is read once, from its beginning to its end, and its 100,000 names are not kept.
            with tarfile.open(fileobj=stream, mode="r|", bufsize=_BLOCK) as archive:
                reviews = _gather(_members(path, archive), repr(str(path)))
            # tarfile takes an archive that is cut short for one that ends; the checksum after the last byte does not.
            while stream.read(_BLOCK):
                pass
            return reviews
    except FileNotFoundError:
        raise DataError(
            f"There is no file or folder {str(path)!r}: give the place of aclImdb_v1.tar.gz or of its unpacked folder."
        ) from None
    except (tarfile.TarError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, EOFError) as error:
        raise DataError(
            f"{str(path)!r} is no tar archive, or damaged or cut short ({error}): fetch aclImdb_v1.tar.gz anew."
        ) from error
    except OSError as error:
        raise DataError(
            f"{str(path)!r} cannot be read ({error.strerror or error}): give the place of aclImdb_v1.tar.gz."
        ) from error


def from_folder(path: Path) -> Reviews:
    """Read the folder that holds ``train`` and ``test``, or holds ``aclImdb`` with them.

    Raises:
        DataError: It cannot be read, or holds no reviews.
    """
    top = path / "aclImdb" if (path / "aclImdb").is_dir() else path
    try:
        return _gather(_files(top), repr(str(path)))
    except OSError as error:
        raise DataError(
            f"{str(error.filename or path)!r} cannot be read ({error.strerror}): give the folder that holds 'train' "
            "and 'test'."
        ) from error


def _decompressed(path: Path) -> IO[bytes]:
    with open(path, "rb") as file:
        magic = file.read(6)
    if magic.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.open(path))
    if magic == b"\xfd7zXZ\0":
        return cast(IO[bytes], lzma.open(path))
    return open(path, "rb")


def _members(path: Path, archive: tarfile.TarFile) -> Iterator[_File]:
    for member in archive:
        largest = _largest(member.name)
        if not largest or member.isdir():
            continue
        if not member.isreg():
            raise DataError(f"{str(path)!r} holds a link or a device in place of {short(member.name)}: fetch it anew.")
        if member.size > largest:
            raise DataError(
                f"{str(path)!r} holds {short(member.name)} with {member.size:,} bytes, far more than any review has: "
                "fetch it anew."
            )
        stream = archive.extractfile(member)
        assert stream is not None
        yield _File(member.name, stream.read())


def _files(top: Path) -> Iterator[_File]:
    for part in PARTS:
        for folder in (top / part, *(top / part / label for label in CLASSES)):
            if not folder.is_dir():
                continue
            for entry in os.scandir(folder):
                name = f"{folder.relative_to(top).as_posix()}/{entry.name}"
                largest = _largest(name)
                if not largest:
                    continue
                if not entry.is_file(follow_symlinks=False):
                    raise DataError(f"{entry.path!r} is no plain file: put the review itself there.")
                if entry.stat().st_size > largest:
                    raise DataError(
                        f"{entry.path!r} has {entry.stat().st_size:,} bytes, far more than any review has: remove it."
                    )
                yield _File(name, Path(entry.path).read_bytes())


def _largest(name: str) -> int:
    """Return how many bytes a file of this name may have; 0 for a file that is not needed."""
    if _REVIEW.fullmatch(name):
        return _LARGEST_REVIEW
    return _LARGEST_LIST if _FILMS.fullmatch(name) else 0


def _gather(files: Iterable[_File], source: str) -> Reviews:
    """Sort the reviews, and find the films that they are about."""
    found: dict[tuple[int, int, int], tuple[int, bytes]] = {}
    films: dict[tuple[int, int], list[str]] = {}
    for name, content in files:
        review = _REVIEW.fullmatch(name)
        if review is None:
            kind = _FILMS.fullmatch(name)
            assert kind is not None
            key = PARTS.index(kind[1]), CLASSES.index(kind[2])
            films[key] = content.decode("utf-8", "replace").splitlines()
            continue
        try:
            content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{short(name)} in {source} is not UTF-8 text (byte {error.start}): fetch the archive anew."
            ) from None
        number = PARTS.index(review[1]), CLASSES.index(review[2]), int(review[3])
        if number in found:
            raise DataError(f"{source} holds two reviews with the number of {short(name)}: fetch the archive anew.")
        if len(found) == _MOST_REVIEWS:
            raise DataError(f"{source} holds more than {_MOST_REVIEWS:,} reviews: fetch the archive anew.")
        found[number] = int(review[4]), content
    missing = [f"{part}/{label}" for p, part in enumerate(PARTS) for c, label in enumerate(CLASSES)
               if not any(key[:2] == (p, c) for key in found)]  # fmt: skip
    if missing:
        raise DataError(
            f"{source} holds no reviews in {missing[0]!r} (files such as {missing[0] + '/0_3.txt'!r}): give "
            "aclImdb_v1.tar.gz or its unpacked folder."
        )
    order = sorted(found)
    keys = np.array(order, np.int32).reshape(-1, 3)
    ends = np.cumsum([len(found[key][1]) for key in order], dtype=np.int64)
    texts = Texts(b"".join(found[key][1] for key in order), ends)
    stars = np.array([found[key][0] for key in order], np.int8)
    return Reviews(texts, keys[:, 0].copy(), keys[:, 1].copy(), stars, _film_numbers(order, films), source)


def _film_numbers(order: list[tuple[int, int, int]], films: dict[tuple[int, int], list[str]]) -> np.ndarray | None:
    """Number the films in the order of the reviews; None unless the film of every review is known."""
    numbers: dict[str, int] = {}
    result = []
    for part, label, number in order:
        addresses = films.get((part, label), [])
        if number >= len(addresses):
            return None
        # The last part of the address only says which page about the film it is.
        film = re.sub(r"/(usercomments|reviews)?/?$", "", addresses[number].strip())
        result.append(numbers.setdefault(film, len(numbers)))
    return np.array(result, np.int32)
