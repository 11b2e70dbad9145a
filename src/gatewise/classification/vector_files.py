"""Word vectors from a text file in the format of GloVe or word2vec: a word and its numbers on each line."""

import codecs
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32

from gatewise.datasets.text.wording import short
from gatewise.errors import DataError, EnvironmentFault
from gatewise.tables.form import count

# Enough for the first line of a file, of vectors of a thousand numbers.
_HEAD = 2**15


class WordVectors(NamedTuple):
    """Vectors of the words of a model.

    Attributes:
        values: A row for each number of a word, zero where the file has none, ``(tokens, features)``.
        found: Which words the file has, ``(tokens,)``.
    """

    values: Float32[np.ndarray, "tokens features"]
    found: Bool[np.ndarray, " tokens"]


def read_vectors(path: str | Path, numbers: Mapping[str, int], size: int, dimensions: int) -> WordVectors:
    """Read the vectors of some words; the rest of the file is passed over.

    Args:
        path: The file, in UTF-8. A first line with the number of words and of dimensions is allowed for.
        numbers: The number of each word.
        size: Rows of the result; words with a number of at least that are left out.
        dimensions: How many numbers a vector has to have.

    Raises:
        EnvironmentFault: The file cannot be read.
        DataError: A line is no vector, the vectors have other dimensions, or no word is known.
    """
    check_vectors(path, dimensions)
    values, found = np.zeros((size, dimensions), np.float32), np.zeros(size, bool)
    try:
        with open(path, encoding="utf-8", errors="replace", newline="\n") as lines:
            for number, line in enumerate(lines, 1):
                word, rest = _cut(line, dimensions)
                if number == 1 and _is_heading(line):
                    continue
                row = numbers.get(word, size)
                if row < size and not found[row]:
                    values[row] = _numbers(path, number, rest, dimensions)
                    found[row] = True
    except OSError as error:
        raise EnvironmentFault(f"{path} cannot be read: {error.strerror or error}.") from error
    if not found.any():
        raise DataError(
            f"{path} has no vector for any of {count(len(numbers), 'word')} of these texts: give vectors of their language, in "
            "lower case."
        )
    return WordVectors(values, found)


def check_vectors(path: str | Path, dimensions: int | None = None) -> int:
    """Return how many numbers the vectors of a file have, by its first lines.

    Args:
        path: The file.
        dimensions: How many there have to be; None for any number.

    Raises:
        EnvironmentFault: The file cannot be read.
        DataError: It holds no vectors, or others.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD)
    except FileNotFoundError:
        raise EnvironmentFault(
            f"There is no file {str(path)!r}: vectors are 'neighbours', 'random' or the path of a text file with a word "
            "and its vector on each line."
        ) from None
    except OSError as error:
        raise EnvironmentFault(f"{path} cannot be read: {error.strerror or error}.") from error
    if head.startswith(b"\x1f\x8b"):
        raise DataError(f"{path} is compressed: unpack it, and give the text file.")
    first, _, rest = head.partition(b"\n")
    line = first.decode("utf-8", "replace")
    if _is_heading(line):
        if _is_binary(rest):
            raise DataError(
                f"{path} is a binary file of word2vec's: save it as text, a word and its vector on each line "
                "(gensim: save_word2vec_format(path, binary=False))."
            )
        found = int(line.split()[1])
        if dimensions is not None:
            _check_dimensions(path, 1, found, dimensions)
        return found
    if not _is_binary(head):
        # A word may hold blanks; without a number to expect, as many as there are at the end.
        wanted = _numbers_at_end(line) if dimensions is None else dimensions
        if wanted:
            _numbers(path, 1, _cut(line, wanted)[1], wanted)
            return wanted
    raise DataError(f"{path} holds no vectors: give a text file with a word and its vector on each line.")


def _is_binary(head: bytes) -> bool:
    """Say whether bytes are no text; a character that is cut off at their end is none of that."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return True
    return b"\0" in head


def _numbers_at_end(line: str) -> int:
    parts = line.split()[1:]
    found = 0
    for part in reversed(parts):
        try:
            float(part)
        except ValueError:
            break
        found += 1
    return found


def _cut(line: str, dimensions: int) -> tuple[str, str]:
    """Return the word of a line and its numbers; a word may hold blanks, the numbers are the last ones."""
    parts = line.rstrip("\r\n ").rsplit(" ", dimensions)
    if len(parts) <= dimensions:
        word, _, rest = line.rstrip("\r\n ").partition(" ")
        return word, rest
    return parts[0], " ".join(parts[1:])


def _is_heading(line: str) -> bool:
    parts = line.split()
    return len(parts) == 2 and all(part.isdecimal() for part in parts)


def _numbers(path: str | Path, line: int, text: str, dimensions: int) -> Float32[np.ndarray, " features"]:
    parts = text.split()
    _check_dimensions(path, line, len(parts), dimensions)
    try:
        row = np.array([float(part) for part in parts], np.float32)
    except ValueError:
        row = np.full(dimensions, np.nan, np.float32)
    if not np.isfinite(row).all():
        raise DataError(
            f"{path}, line {line} holds {short(text[:40])} where {dimensions} numbers are expected: give a text file with a "
            "word and its vector on each line."
        )
    return row


def _check_dimensions(path: str | Path, line: int, found: int, wanted: int) -> None:
    if found != wanted:
        raise DataError(
            f"{path}, line {line} holds {count(found, 'number')} for a word, and the embedding has {wanted}: give "
            f"gw.Network(embedding={found}, vectors=…), or another file."
        )
