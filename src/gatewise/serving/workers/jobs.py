"""A work that was given to a worker, from then to its answer, and what a worker's error is to the server."""

import threading
import time
from collections.abc import Callable
from typing import Any, Literal

from gatewise import errors
from gatewise.errors import GatewiseError
from gatewise.serving.terms.problems import Problem

State = Literal["waiting", "running", "done", "failed", "cancelled"]


class Job:
    """A work that was given to a worker.

    Attributes:
        state: How it stands.
        share: How much of it is done, from 0 to 1.
        doing: What is being done.
    """

    def __init__(self, work: str, asked: dict[str, Any], seconds: float) -> None:
        self.work, self.asked, self.limit = work, asked, seconds
        self.state: State = "waiting"
        self.share, self.doing = 0.0, ""
        self.begun = time.monotonic()
        self.ended: float | None = None
        self._answer: dict[str, Any] | None = None
        self._error: Exception | None = None
        self._over = threading.Event()
        self._heard: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    @property
    def seconds(self) -> float:
        """How long it has taken so far, waiting included."""
        return (self.ended or time.monotonic()) - self.begun

    def answer(self, seconds: float | None = None) -> dict[str, Any]:
        """Wait for the answer.

        Raises:
            GatewiseError: What the work was refused for, or that there will be no answer.
            TimeoutError: There is none yet.
        """
        if not self._over.wait(seconds):
            raise TimeoutError
        if self._error is not None:
            raise self._error
        assert self._answer is not None
        return self._answer

    def when_over(self, call: Callable[[], None]) -> None:
        """Have something called when there is an answer or none to come; at once where it is so by now."""
        with self._lock:
            if not self._over.is_set():
                self._heard.append(call)
                return
        call()

    def end(self, state: State, answer: dict[str, Any] | None = None, error: Exception | None = None) -> None:
        """Say how it ended. Only the first time counts."""
        with self._lock:
            if self._over.is_set():
                return
            self.state, self._answer, self._error = state, answer, error
            self.ended = time.monotonic()
            if state == "done":
                self.share = 1.0
            # A table of somebody's is not kept longer than it is needed.
            self.asked = {}
            self._over.set()
        for call in self._heard:
            call()


def as_error(name: str, sentence: str, memory: int) -> Exception:
    """Return the error of a worker as one of the server's."""
    if name == "MemoryError":
        most = f"{memory / 2**30:.1f} GiB"
        return Problem(
            "data_refused", f"This needs more memory than a worker may have, {most}: give less data at once."
        )
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, GatewiseError):
        return Problem("data_refused", sentence) if kind is GatewiseError else _again(kind, sentence)
    return RuntimeError(f"A worker failed with {name}; its log says more.")


def _again(kind: type[GatewiseError], sentence: str) -> GatewiseError:
    try:
        return kind(sentence)
    except TypeError:
        # Some hold more than a sentence, which stays in the worker.
        return errors.TrainingError(sentence)
