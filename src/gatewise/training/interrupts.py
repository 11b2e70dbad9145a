"""Ctrl-C without losing anything: the signal sets a flag, and the run looks at it between two dispatches."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupt:
    """Whether somebody pressed Ctrl-C.

    Attributes:
        asked: True once the signal came.
        held: While True the signal only sets the flag; else it raises, as ever.
    """

    def __init__(self) -> None:
        self.asked = False
        self.held = False


@contextmanager
def answering_interrupts() -> Iterator[Interrupt]:
    """Catch Ctrl-C for a while; outside of the main thread, where no signal arrives, do nothing."""
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return

    def answer(_: int, __: FrameType | None) -> None:
        if interrupt.asked or not interrupt.held:
            raise KeyboardInterrupt
        interrupt.asked = True

    before = signal.signal(signal.SIGINT, answer)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)
