"""How far a run is, told on standard error once it takes longer than a second."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

# Seconds of work before anything is shown of it.
SILENT_FOR = 1.0

_listener: ContextVar[Callable[[float], None] | None] = ContextVar("_listener", default=None)


@contextmanager
def shares_told_to(listener: Callable[[float], None]) -> Iterator[None]:
    """For a while let no run show a bar of its own, whatever its `verbose`, and tell a listener how far it is.

    Args:
        listener: Called with the share of the run that is done, from 0 to 1; ten times a second while it is compiled,
            and after each dispatch of about half a second.
    """
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


class Progress:
    """A progress bar that appears only on work over a second; a context manager.

    Args:
        verbose: ``"auto"`` or 1 for a bar, 2 for a line an epoch, 0 for silence.
        total: How many epochs, batches or whatever there are in all.
        title: What the bar counts, as in "fit: epoch".
    """

    def __init__(self, verbose: str | int, total: int, title: str) -> None:
        self.verbose = 1 if verbose == "auto" else int(verbose)
        self.total = total
        self.title = title
        self.started = time.monotonic()
        self.listener = _listener.get()
        self.bar: Any = None
        self.task: Any = None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    def update(self, done: float, logs: dict[str, float]) -> None:
        """Tell how many are done, a part of one included, and the last logs."""
        if self.listener is not None:
            self.listener(min(done / self.total, 1.0))
            return
        if self.verbose != 1 or time.monotonic() - self.started < SILENT_FOR:
            return
        if self.bar is None:
            self._open()
        if self.bar is None:
            return
        numbers = "  ".join(f"{name} {value:.4g}" for name, value in logs.items())
        self.bar.update(self.task, completed=done, at=min(int(done) + 1, self.total), logs=numbers)
        # Only now, so that it never shows nothing; once it has begun this does nothing.
        self.bar.start()

    def compiling(self) -> None:
        """Tell that the program is still being compiled."""
        self.update(0.0, {})
        if self.bar is not None:
            self.bar.update(self.task, logs="compiling")

    def finished_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        """Print one finished epoch, where ``verbose=2`` asks for it."""
        if self.verbose == 2:
            numbers = " - ".join(f"{name}: {value:.4g}" for name, value in logs.items())
            print(f"Epoch {epoch + 1} - {numbers}")

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        console = Console(file=sys.stderr)
        if not (console.is_terminal or console.is_jupyter):
            self.verbose = 0
            return
        self.bar = Bar(
            TextColumn(f"{self.title} {{task.fields[at]}}/{self.total}"),
            BarColumn(bar_width=24),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[logs]}"),
            console=console,
            transient=True,
        )
        self.task = self.bar.add_task("", total=self.total, at=0, logs="")
