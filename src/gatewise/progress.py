"""How far long work is: a bar where somebody can see it, which comes after a second and says how much time is left.

It is drawn on a terminal that standard error goes to, or in the output of a notebook's cell; elsewhere there is none.
"""

import html
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, Self

from gatewise.errors import UsageError

Progress = Callable[[float, str], None]
"""What is called with the share that is done, from 0 to 1, and with what is being done."""

# Seconds of work before anything is shown of it.
SILENT_FOR = 1.0
# Seconds between two changes of a notebook's line, each of which is a message to a browser.
_BETWEEN_MESSAGES = 0.25

_is_shown: ContextVar[bool] = ContextVar("_is_shown", default=False)


def silent(share: float, what: str) -> None:
    """Hear how far the work is, where nobody wants to know."""


@contextmanager
def shown(progress: Progress | bool) -> Iterator[Progress]:
    """Give what is to be told how far the work is.

    Args:
        progress: True for a bar, where it can be seen and work around this one does not show its own; False for none; or
            whatever wants to know.

    Raises:
        UsageError: It is none of these.
    """
    if not isinstance(progress, bool):
        if not callable(progress):
            raise UsageError(
                f"progress is {progress!r}: give True for a bar, False for none, or a function that is called with the share "
                "that is done and with what is being done."
            )
        # Whoever listens shows it, or wants nothing to be shown.
        token = _is_shown.set(True)
        try:
            yield progress
        finally:
            _is_shown.reset(token)
        return
    if not progress or _is_shown.get() or not can_be_seen():
        yield silent
        return
    token = _is_shown.set(True)
    try:
        with WorkBar() as bar:
            yield bar.update
    finally:
        _is_shown.reset(token)


class TimeLeft:
    """Estimates how long several pieces of work still take.

    Compiling comes first and moves nothing, so the pace of a piece is taken from its training alone, and that of the
    pieces still to come from those before, compiling included.

    Args:
        total: How many pieces there are.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.place = -1
        self.began = 0.0
        self.durations: list[float] = []
        self.moved: tuple[float, float] | None = None

    def estimate(self, place: int, share: float, now: float) -> float | None:
        """Return the seconds left, or None where nothing is known yet.

        Args:
            place: The place of the piece that is worked on, from 0.
            share: The share of it that is done, from 0 to 1.
            now: The time in seconds, from any fixed point.
        """
        if place != self.place:
            if self.place >= 0:
                self.durations.append(now - self.began)
            self.place, self.began, self.moved = place, now, None
        if share > 0 and self.moved is None:
            self.moved = (now, share)
        rest = self._rest(share, now)
        if rest is None:
            return None
        durations = [*self.durations, now - self.began + rest]
        return rest + (self.total - place - 1) * sum(durations) / len(durations)

    def _rest(self, share: float, now: float) -> float | None:
        """Return the seconds that the piece under way still takes."""
        if self.moved is not None and share > self.moved[1]:
            since, before = self.moved
            return (1 - share) * (now - since) / (share - before)
        if not self.durations:
            return None
        return max(sum(self.durations) / len(self.durations) - (now - self.began), 0.0)


def as_clock(seconds: float | None) -> str:
    """Return seconds as a bar shows them, ``3:05 left``; nothing where they are not known."""
    return "" if seconds is None else f"{int(seconds) // 60}:{int(seconds) % 60:02d} left"


class Bar:
    """A bar that appears on work over a second; a context manager.

    It appears by itself, as a piece of work may tell nothing for long.

    Args:
        total: How many pieces of work there are.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.started = time.monotonic()
        self.left = TimeLeft(total)
        self.face: Face | None = None
        self.told: tuple[int, str, float, float | None] | None = None
        self.lock = threading.Lock()
        self.timer = threading.Timer(SILENT_FOR, self._appear)
        self.timer.daemon = True

    def __enter__(self) -> Self:
        self.timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.timer.cancel()
        with self.lock:
            self.told = None
            if self.face is not None:
                self.face.close()

    def show(self, place: int, what: str, share: float) -> None:
        """Show how far the work is: which piece of it, what that is called, and how much of it is done."""
        now = time.monotonic()
        with self.lock:
            self.told = place, what, share, self.left.estimate(place, share, now)
            if now - self.started >= SILENT_FOR:
                self._draw(*self.told)

    def _appear(self) -> None:
        with self.lock:
            if self.told is not None:
                self._draw(*self.told)

    def _draw(self, place: int, what: str, share: float, seconds: float | None) -> None:
        if self.face is None:
            self.face = face()
        # A name of a file may hold anything.
        called = what if what.isprintable() else repr(what)[1:-1]
        before = f"{called:<24}" + (f"{place + 1}/{self.total}" if self.total > 1 else "")
        self.face.show(before, (place + share) / self.total, as_clock(seconds))


class WorkBar(Bar):
    """The bar while one thing is done."""

    def __init__(self) -> None:
        super().__init__(1)

    def update(self, share: float, what: str) -> None:
        """Show the share that is done, from 0 to 1, and what is being done."""
        self.show(0, what, share)


class Face(Protocol):
    """Where a bar is drawn."""

    def show(self, before: str, share: float, after: str) -> None:
        """Draw it: what stands before the bar, how much of it is full, from 0 to 1, and what stands behind it."""

    def close(self) -> None:
        """Take it away."""


def can_be_seen() -> bool:
    """Say whether there is a terminal or a notebook for a bar."""
    return _in_notebook() or (sys.stderr is not None and sys.stderr.isatty())


def face() -> "Face":
    """Return a place for a bar: the notebook's cell, or the terminal."""
    return _Line() if _in_notebook() else _Terminal()


def _in_notebook() -> bool:
    # IPython at a terminal has no kernel.
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


class _Terminal:
    """A bar on the terminal of standard error, which redraws itself some times a second."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bars

        columns = (
            TextColumn("{task.fields[before]}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[after]}", markup=False),
        )
        self.bars = Bars(*columns, console=Console(stderr=True), transient=True)
        self.task = self.bars.add_task("", total=1.0, before="", after="")

    def show(self, before: str, share: float, after: str) -> None:
        self.bars.update(self.task, completed=share, before=before, after=after)
        # Only now, so that it never shows nothing; once it has begun this does nothing.
        self.bars.start()

    def close(self) -> None:
        self.bars.stop()


class _Line:
    """A bar in the output of a notebook's cell; the browser draws it, without any extension of the notebook."""

    def __init__(self) -> None:
        self.handle: Any = None
        self.drawn = 0.0

    def show(self, before: str, share: float, after: str) -> None:
        from IPython.display import HTML, display

        now = time.monotonic()
        if self.handle is not None and now - self.drawn < _BETWEEN_MESSAGES:
            return
        self.drawn = now
        texts = [f"<span>{html.escape(text.strip())}</span>" for text in (before, after)]
        line = HTML(f'<div>{texts[0]} <progress value="{share:.4f}" max="1"></progress> {texts[1]}</div>')
        if self.handle is None:
            self.handle = display(line, display_id=True)
        else:
            self.handle.update(line)

    def close(self) -> None:
        from IPython.display import HTML

        if self.handle is not None:
            self.handle.update(HTML(""))
