"""A terminal for tests: what a program sees as one, and what a user would see on it."""

import os
import re
import sys
import threading
from contextlib import contextmanager

import pytest


class Terminal:
    """A pseudo terminal whose screen is read by a thread, so that no writer waits."""

    def __init__(self, columns=100):
        pty = pytest.importorskip("pty")
        self.screen, self.descriptor = pty.openpty()
        import fcntl
        import struct
        import termios

        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        self.file = open(self.descriptor, "w", encoding="utf-8")  # noqa: SIM115  closed by `seen`
        self._parts = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        try:
            while part := os.read(self.screen, 65536):
                self._parts.append(part)
        except OSError:
            # Linux says so when the last writer has closed its end.
            pass

    def seen(self):
        """Close the terminal and return everything that was written to it, without colours and movements."""
        self.file.close()
        self._reader.join(10)
        os.close(self.screen)
        return re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", b"".join(self._parts).decode("utf-8"))


@contextmanager
def on_a_terminal():
    """Standard error of this process on a terminal; yields a list that holds, afterwards, what was seen on it.

    No fixture: pytest takes standard error back between the fixtures of a test and the test.
    """
    seen = []
    terminal = Terminal()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERM", "xterm")
        patch.setattr(sys, "stderr", terminal.file)
        yield seen
    seen.append(terminal.seen())
