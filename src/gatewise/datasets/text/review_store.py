"""The reviews as one compact file in gatewise's cache, so that the archive is read once and not every time.

The file is a ``.npz`` of arrays without objects. It appears whole or not at all, and each array has a checksum: a file
that is damaged is read anew from the archive, and never trusted.
"""

import hashlib
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gatewise import backend
from gatewise.datasets.text.review_files import Reviews
from gatewise.datasets.text.texts import Texts

# Part of every name: another number when another version of gatewise reads the archive in another way.
_FORMAT = 1


def kept(archive: Path, read_archive: Callable[[], Reviews]) -> Reviews:
    """Return an archive's reviews, from the cache where it has read this very file before."""
    folder = backend.dataset_folder()
    if folder is None or not archive.is_file():
        return read_archive()
    state = archive.stat()
    key = f"{_FORMAT} {os.path.realpath(archive)} {state.st_size} {state.st_mtime_ns}"
    file = folder / f"reviews-{hashlib.sha256(key.encode()).hexdigest()[:24]}.npz"
    reviews = read(file)
    if reviews is None:
        reviews = read_archive()
        write(file, reviews)
    return reviews


def read(file: Path) -> Reviews | None:
    """Return the reviews of a compact file, or None where there is none that can be trusted."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            if arrays["format"].item() != _FORMAT:
                return None
            texts = Texts(arrays["text"].tobytes(), arrays["ends"])
            films = arrays["films"] if arrays["films"].size else None
            return Reviews(
                texts, arrays["parts"], arrays["labels"], arrays["stars"], films, str(arrays["source"].item())
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None


def write(file: Path, reviews: Reviews) -> bool:
    """Write a compact file; say whether it is there now. A disk that is full costs time and nothing else."""
    block, ends = reviews.texts.packed()
    films = np.zeros(0, np.int32) if reviews.films is None else reviews.films
    unfinished = None
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, unfinished = tempfile.mkstemp(prefix=".new-", dir=file.parent)
        with os.fdopen(handle, "wb") as stream:
            np.savez(
                stream,
                format=np.array(_FORMAT),
                text=np.frombuffer(block, np.uint8),
                ends=ends,
                parts=reviews.parts,
                labels=reviews.labels,
                stars=reviews.stars,
                films=films,
                source=np.array(reviews.source),
            )
        os.replace(unfinished, file)
    except OSError:
        if unfinished is not None:
            Path(unfinished).unlink(missing_ok=True)
        return False
    return True
