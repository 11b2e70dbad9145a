"""Bars on stderr while something is trained: what, how far, and how much time is left."""

import threading
import time
from typing import TYPE_CHECKING, Any, Self

from gatewise.training.progress import SILENT_FOR

if TYPE_CHECKING:
    from gatewise.recipes import Recipe, ReviewRecipe


class TimeLeft:
    """Estimates how long several recipes still take.

    Compiling comes first and moves nothing, so the pace of a recipe is taken from its training alone, and that of the
    recipes still to come from those before, compiling included.

    Args:
        total: How many recipes there are.
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
            place: The place of the recipe that is trained, from 0.
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
        """Return the seconds that the recipe under way still takes."""
        if self.moved is not None and share > self.moved[1]:
            since, before = self.moved
            return (1 - share) * (now - since) / (share - before)
        if not self.durations:
            return None
        return max(sum(self.durations) / len(self.durations) - (now - self.began), 0.0)


class _Bar:
    """A bar that appears on work over a second, where stderr is a terminal; a context manager.

    It appears by itself, as a piece of work may tell nothing for long.

    Args:
        total: How many pieces of work there are.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.started = time.monotonic()
        self.left = TimeLeft(total)
        self.bar: Any = None
        self.task: Any = None
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
            if self.bar is not None:
                self.bar.stop()

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
        if self.bar is None:
            self._open()
        left = "" if seconds is None else f"{int(seconds) // 60}:{int(seconds) % 60:02d} left"
        # A name of a file may hold anything.
        shown = what if what.isprintable() else repr(what)[1:-1]
        self.bar.update(self.task, completed=place + share, description=shown, at=place + 1, left=left)
        # Only now, so that it never shows nothing; once it has begun this does nothing.
        self.bar.start()

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        columns = (
            TextColumn(
                "{task.description:<24}" + (f"{{task.fields[at]}}/{self.total}" if self.total > 1 else ""), markup=False
            ),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[left]}"),
        )
        self.bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self.task = self.bar.add_task("", total=self.total, at=1, left="")


class RecipeBar(_Bar):
    """The bar while recipes are trained."""

    def update(self, place: int, recipe: "Recipe | ReviewRecipe", share: float) -> None:
        """Show how far the work is; the arguments are those of ``on_progress`` in `gatewise.recipes.run_recipes`."""
        self.show(place, recipe.name, share)


class WorkBar(_Bar):
    """The bar while one thing is done."""

    def __init__(self) -> None:
        super().__init__(1)

    def update(self, share: float, what: str) -> None:
        """Show the share that is done, from 0 to 1, and what is being done."""
        self.show(0, what, share)
