"""Works for a worker in tests: quick ones, slow ones, greedy ones, deadly ones."""

import logging
import os
import subprocess
import sys
import time
import warnings
from typing import Any

from gatewise.errors import DataError, NonFiniteLossError


def echo(asked: Any, progress: Any) -> Any:
    print("what a library prints does not get among the messages")
    return {"asked": asked, "process": os.getpid()}


def slow(asked: Any, progress: Any) -> Any:
    for part in range(100):
        progress(part / 100, f"part {part}")
        time.sleep(asked["seconds"] / 100)
    return {"done": True}


def greedy(asked: Any, progress: Any) -> Any:
    return {"size": len(b"x" * (2 << 30))}


def dead(asked: Any, progress: Any) -> Any:
    with open(asked["count"], "a") as file:
        file.write("1")
    os._exit(7)


def talk(asked: Any, progress: Any) -> Any:
    warnings.warn(f"of a {asked['word']}", RuntimeWarning, stacklevel=1)
    logging.getLogger("some.library").warning("of a %s", asked["word"])
    return {"process": os.getpid()}


def wrong(asked: Any, progress: Any) -> Any:
    if asked["how"] == "refused":
        raise DataError("Row 3 holds no number: correct it.")
    if asked["how"] == "loss":
        raise NonFiniteLossError("The loss became NaN.", None, 0, 0)
    raise KeyError(f"a fault of the worker's own: {asked['how']}")


def parent(asked: Any, progress: Any) -> Any:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
    progress(0.5, str(child.pid))
    time.sleep(60)


WORKS = {"parent": parent, "echo": echo, "talk": talk, "slow": slow, "greedy": greedy, "dead": dead, "wrong": wrong}
