"""Ctrl-C that counts although what it raised went nowhere.

Libraries are imported with a bare ``except`` here and there, and what is raised in a callback of the garbage collector, as
JAX has one, is only printed.
"""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn


@contextmanager
def remembered_interrupts() -> Iterator[Callable[[], None]]:
    """Give a function that raises KeyboardInterrupt where Ctrl-C was pressed before and what it raised went nowhere."""
    pressed = False

    def answer(*_: object) -> NoReturn:
        nonlocal pressed
        pressed = True
        raise KeyboardInterrupt

    def look() -> None:
        if pressed:
            raise KeyboardInterrupt

    def lost(unraisable: Any) -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            print_lost(unraisable)

    if threading.current_thread() is not threading.main_thread():
        yield look
        return
    before, print_lost = signal.signal(signal.SIGINT, answer), sys.unraisablehook
    sys.unraisablehook = lost
    try:
        yield look
    finally:
        signal.signal(signal.SIGINT, before)
        sys.unraisablehook = print_lost
