"""The time that sessions age in: it never jumps, and goes on over restarts."""

import time
from collections.abc import Callable
from typing import Any


class Clock:
    """Seconds since a store was begun: by the monotonic clock while the server runs, by the wall clock in between.

    A wall clock that is set back or forth while the server runs changes nothing. Over a restart it counts, but never
    backwards, and never more than `most_away`.

    Attributes:
        told: The time when it was last asked for `facts`.
    """

    def __init__(
        self,
        kept: float,
        kept_wall: float | None,
        most_away: float,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Go on from a time that was kept.

        Args:
            kept: The time of this clock when it was last written down; 0 for a new store.
            kept_wall: The wall clock then; None for a new store.
            most_away: How many seconds between then and now are believed.
            wall: The wall clock, seconds since 1970.
            monotonic: A clock that is never set.
        """
        away = 0.0 if kept_wall is None else min(max(wall() - kept_wall, 0.0), most_away)
        self.wall = wall
        self._monotonic = monotonic
        self._zero = kept + away - monotonic()
        self.told = float("-inf")

    def now(self) -> float:
        """Return the seconds since the store was begun."""
        return self._zero + self._monotonic()

    def facts(self) -> list[tuple[str, tuple[Any, ...]]]:
        """Return what has to be written into the store, so that the time goes on over a restart."""
        self.told = self.now()
        return [("fact", ("clock", self.told)), ("fact", ("wall", self.wall()))]
