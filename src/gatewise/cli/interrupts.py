"""Ctrl-C that counts although what it raised went nowhere.

Libraries are imported with a bare ``except`` here and there, and what is raised in a callback of the garbage collector, as
JAX has one, is only printed. So it is remembered, and comes up again where the work tells how far it is.
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

_pressed = threading.Event()


def raise_if_pressed() -> None:
    """Raise KeyboardInterrupt where Ctrl-C was pressed before and what it raised went nowhere."""
    if _pressed.is_set():
        raise KeyboardInterrupt


@contextmanager
def remembered_interrupts() -> Iterator[None]:
    """Remember for a while that Ctrl-C was pressed; outside of the main thread, where no signal arrives, do nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def answer(*_: object) -> NoReturn:
        _pressed.set()
        raise KeyboardInterrupt

    def lost(unraisable: Any) -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            print_lost(unraisable)

    _pressed.clear()
    before, print_lost = signal.signal(signal.SIGINT, answer), sys.unraisablehook
    sys.unraisablehook = lost
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        sys.unraisablehook = print_lost
        _pressed.clear()
