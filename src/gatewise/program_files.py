"""The files of the compilation cache: each appears whole or not at all, and is read only if it is what was written.

JAX 0.10 writes an entry in place and never a second time. A process that is killed in the middle, or a full disk,
leaves half an entry, over which every later process stumbles (a warning, and the whole compilation again); and of two
processes that share a folder one can read what the other has only half written. JAX has no public way to give it other
files, so `use` replaces one function in its private part; where a version of JAX no longer has that function, its own
files are used as they are.
"""

import logging
import os
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

logger = logging.getLogger("gatewise")

_SUFFIX = ".program"
_UNFINISHED = ".new-"
_CHECK_BYTES = 4
_ABANDONED_AFTER = 3600.0


class ProgramFiles:
    """Compiled programs by key, in one folder that any number of processes may share.

    Has the two methods that JAX asks of a cache. Neither raises because of the disk: a cache that cannot be read or
    written costs time and nothing else.

    Args:
        folder: Where the files are; made when it is first written to.
    """

    def __init__(self, folder: Path) -> None:
        # JAX names it in its log messages.
        self._path = folder
        self._told = False
        self._sweep()

    def get(self, key: str) -> bytes | None:
        """Return the entry of a key, or None where there is none that can be trusted; a damaged one is deleted."""
        file = self._file(key)
        try:
            content = file.read_bytes()
            value = content[_CHECK_BYTES:]
            if content[:_CHECK_BYTES] == _check(value):
                return value
            logger.debug("gatewise deletes the damaged cache entry %s", file)
            file.unlink()
        except OSError:
            return None
        return None

    def put(self, key: str, value: bytes) -> None:
        """Write an entry under another name and rename it, so that no reader ever sees half of it."""
        unfinished = None
        try:
            # Whoever can write here can make this user run code: nobody else may.
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, unfinished = tempfile.mkstemp(prefix=_UNFINISHED, dir=self._path)
            with os.fdopen(handle, "wb") as stream:
                stream.write(_check(value) + value)
            os.replace(unfinished, self._file(key))
        except OSError as error:
            if unfinished is not None:
                Path(unfinished).unlink(missing_ok=True)
            if not self._told:
                self._told = True
                logger.warning(
                    "The compilation cache %s cannot be written (%s); gatewise goes on without.", self._path, error
                )

    def _file(self, key: str) -> Path:
        return self._path / f"{key}{_SUFFIX}"

    def _sweep(self) -> None:
        """Delete what processes that were killed in the middle of `put` have left."""
        for file in self._path.glob(f"{_UNFINISHED}*"):
            try:
                if time.time() - file.stat().st_mtime > _ABANDONED_AFTER:
                    file.unlink()
            except OSError:
                continue


def use(folder: Path) -> bool:
    """Make JAX keep the entries of one cache folder in `ProgramFiles`; say whether that was possible."""
    from jax._src import compilation_cache

    plain = getattr(compilation_cache, "get_file_cache", None)
    if plain is None:
        return False

    def get_file_cache(path: str) -> Any:
        return (ProgramFiles(folder), path) if path == str(folder) else plain(path)

    compilation_cache.get_file_cache = get_file_cache
    return True


def _check(value: bytes) -> bytes:
    return zlib.crc32(value).to_bytes(_CHECK_BYTES, "big")
