"""The server's log: one JSON object a line on stderr, with nothing in it that a user sent."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, TextIO

_LOGGERS = ("gatewise.serving", "uvicorn.error")


class OneLine(logging.Formatter):
    """A record as a JSON object. Of an exception it has the type and the places in the code: its message may quote a user."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        said: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.msg if record.name.startswith("gatewise") else record.name,
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            said["exception"] = type(error).__name__
            frames = traceback.extract_tb(error.__traceback__)
            said["at"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
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
    logging.getLogger("gatewise.serving").setLevel(logging.INFO)
    logging.getLogger("gatewise.serving.access").setLevel(logging.INFO if access else logging.WARNING)
    # What uvicorn says of requests that are none is in the answers and in the metrics.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
