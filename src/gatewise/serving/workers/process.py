"""The worker: a process of its own that may load Keras, under limits. Run by itself; `workers` starts it.

It reads works from its standard input and writes messages to its standard output, each a length in four bytes and JSON. What
it prints or logs goes to standard error. It ends when its input does, so it never outlives the server.
"""

import importlib
import logging
import os
import queue
import resource
import signal
import struct
import sys
import threading
from collections.abc import Callable
from typing import IO, Any

from gatewise.progress import Progress
from gatewise.serving.terms import long_json
from gatewise.serving.watch import logs

LOG = logging.getLogger("gatewise.serving")


def read_message(source: IO[bytes]) -> Any:
    """Return the next message, or None at the end of the input."""
    head = source.read(4)
    if len(head) < 4:
        return None
    body = source.read(struct.unpack("<I", head)[0])
    return long_json.read(body)


def write_message(target: IO[bytes], message: Any) -> None:
    """Write a message."""
    body = long_json.written(message).encode()
    target.write(struct.pack("<I", len(body)) + body)
    target.flush()


def done(work: Callable[[Any, Progress], Any], asked: Any, progress: Progress) -> dict[str, Any]:
    """Do a work, and return the message with its answer, or with what is wrong."""
    from gatewise.errors import GatewiseError

    try:
        return {"answer": work(asked, progress)}
    except GatewiseError as error:
        return {"wrong": type(error).__name__, "sentence": str(error)}
    except MemoryError:
        return {"wrong": "MemoryError", "sentence": ""}
    except Exception as error:
        # XLA says so in words only.
        if "RESOURCE_EXHAUSTED" in str(error):
            return {"wrong": "MemoryError", "sentence": ""}
        LOG.exception("a work failed")
        return {"wrong": type(error).__name__, "sentence": ""}


def main(memory: int, niceness: int, works: str) -> None:
    """Do works until the input ends.

    Args:
        memory: How many bytes of memory of its own the process may have.
        niceness: How far it stands back behind other processes.
        works: The module with what it can be asked, as ``WORKS``.
    """
    os.nice(niceness)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    source, target = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    waiting: queue.Queue[Any] = queue.Queue()

    def hear() -> None:
        while (message := read_message(source)) is not None:
            waiting.put(message)
        # The server is gone: whatever is being computed here, and by what was started here, is for nobody.
        if os.getpgrp() == os.getpid():
            os.killpg(os.getpid(), signal.SIGKILL)
        os._exit(0)

    threading.Thread(target=hear, daemon=True).start()
    known: dict[str, Any] = importlib.import_module(works).WORKS
    write_message(target, {"ready": os.getpid()})
    while True:
        message = waiting.get()
        number = message["number"]

        def progress(share: float, what: str, number: int = number) -> None:
            write_message(target, {"number": number, "share": share, "doing": what})

        # Whoever asked knows from here on that asking again would be asking twice.
        write_message(target, {"number": number, "begun": True})
        write_message(target, {"number": number, **done(known[message["work"]], message["asked"], progress)})


if __name__ == "__main__":
    logs.begin_in_worker()
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
