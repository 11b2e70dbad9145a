"""How far a run is, told on standard error once it takes longer than a second."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from gatewise.progress import SILENT_FOR, Face, TimeLeft, as_clock, can_be_seen, face

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
        self.left = TimeLeft(1)
        self.listener = _listener.get()
        self.face: Face | None = None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self.face is not None:
            self.face.close()

    def update(self, done: float, logs: dict[str, float]) -> None:
        """Tell how many are done, a part of one included, and the last logs."""
        if self.listener is not None:
            self.listener(min(done / self.total, 1.0))
            return
        self._draw(done, "  ".join(f"{name} {value:.4g}" for name, value in logs.items()))

    def compiling(self) -> None:
        """Tell that the program is still being compiled."""
        if self.listener is not None:
            self.listener(0.0)
            return
        self._draw(0.0, "compiling")

    def finished_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        """Print one finished epoch, where ``verbose=2`` asks for it."""
        if self.verbose == 2:
            numbers = " - ".join(f"{name}: {value:.4g}" for name, value in logs.items())
            print(f"Epoch {epoch + 1} - {numbers}")

    def _draw(self, done: float, said: str) -> None:
        now = time.monotonic()
        share = min(done / self.total, 1.0)
        seconds = self.left.estimate(0, share, now)
        if self.verbose != 1 or now - self.started < SILENT_FOR:
            return
        if self.face is None:
            if not can_be_seen():
                self.verbose = 0
                return
            self.face = face()
        after = "  ".join(part for part in (as_clock(seconds), said) if part)
        self.face.show(f"{self.title} {min(int(done) + 1, self.total)}/{self.total}", share, after)
