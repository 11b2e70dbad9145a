"""Word vectors from a text file in the format of GloVe or word2vec: a word and its numbers on each line."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32

from gatewise.datasets.text.wording import short
from gatewise.errors import DataError, EnvironmentFault
from gatewise.tables.form import count


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
    values, found = np.zeros((size, dimensions), np.float32), np.zeros(size, bool)
    try:
        with open(path, encoding="utf-8", errors="replace", newline="\n") as lines:
            for number, line in enumerate(lines, 1):
                word, rest = _cut(line, dimensions)
                if number == 1 and _is_heading(line):
                    _check_dimensions(path, number, int(line.split()[1]), dimensions)
                    continue
                row = numbers.get(word, size)
                if row < size and not found[row]:
                    values[row] = _numbers(path, number, rest, dimensions)
                    found[row] = True
                elif number == 1:
                    _numbers(path, number, rest, dimensions)
    except OSError as error:
        raise EnvironmentFault(f"{path} cannot be read: {error.strerror or error}.") from error
    if not found.any():
        raise DataError(
            f"{path} has no vector for any of {count(len(numbers), 'word')} of these texts: give vectors of their language, in "
            "lower case."
        )
    return WordVectors(values, found)


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
