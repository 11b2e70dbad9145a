"""The server's log: one JSON object a line on stderr, with nothing in it that a user sent."""

import json
import logging
import os
import sys
import traceback
import warnings
from datetime import UTC, datetime
from typing import Any, TextIO

_LOGGERS = ("gatewise.serving", "uvicorn.error")


class OneLine(logging.Formatter):
    """A record as a JSON object. Of an exception it has the type and the places in the code: its message may quote a user.

    Args:
        always: What every line says besides.
    """

    def __init__(self, **always: Any) -> None:
        super().__init__()
        self._always = always

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        said: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.msg if record.name.startswith("gatewise") else record.name,
            **self._always,
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            said["exception"] = type(error).__name__
            frames = traceback.extract_tb(error.__traceback__)
            said["at"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        elif not record.name.startswith("gatewise"):
            said["at"] = [f"{record.pathname}:{record.lineno} {record.funcName}"]
        return json.dumps(said)


def begin(access: bool, stream: TextIO | None = None) -> None:
    """Write the log of this process.

    Args:
        access: Whether every request is told, and not only what went wrong.
        stream: Where to; None for stderr.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(OneLine())
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.propagate = False
    warnings.showwarning = _warned
    logging.getLogger("gatewise.serving").setLevel(logging.INFO)
    logging.getLogger("gatewise.serving.access").setLevel(logging.INFO if access else logging.WARNING)
    # What uvicorn says of requests that are none is in the answers and in the metrics.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)


def begin_in_worker() -> None:
    """Write the log of a worker, with what the libraries in it have to say."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine(worker=os.getpid()))
    # What JAX tries and does without is no news.
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("gatewise.serving").setLevel(logging.INFO)
    warnings.showwarning = _warned


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Log a warning as an exception is logged: its words may be a user's."""
    fields = {"warning": category.__name__, "at": [f"{filename}:{lineno}"]}
    logging.getLogger("gatewise.serving").warning("warning", extra={"fields": fields})
