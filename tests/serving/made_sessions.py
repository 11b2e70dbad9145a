"""Sessions on a store of their own, with a clock that tests set."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

from gatewise.serving.models.calls import ModelCalls
from gatewise.serving.sessions.clock import Clock
from gatewise.serving.sessions.sessions import Sessions
from gatewise.serving.sessions.store import Store
from gatewise.serving.terms.limits import Limits
from gatewise.serving.terms.problems import Problem
from serving.made_models import Memory


class Hands:
    """A clock whose hands are moved by the test."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.wall = 1.7e9

    def clock(self, kept: float = 0.0, kept_wall: float | None = None) -> Clock:
        return Clock(kept, kept_wall, 24 * 3600.0, lambda: self.wall, lambda: self.seconds)


class Opened:
    """A store and the sessions on it, as a server has them."""

    def __init__(self, folder: Path, models=None, limits: Limits | None = None, hands: Hands | None = None) -> None:
        self.hands = hands or Hands()
        self.store = Store(folder)
        self.limits = limits or Limits(answer_seconds=5.0)
        self.models = {model.name: model for model in (models or [Memory()])}
        self.calls = ModelCalls(self.limits.answer_seconds)
        clock = self.hands.clock(self.store.fact("clock") or 0.0, self.store.fact("wall"))
        self.sessions = Sessions(self.store, self.models, self.calls, self.limits, clock)

    @property
    def model(self):
        return next(iter(self.models.values()))

    async def begin(self, **body):
        begun = await self.sessions.create(self.model, body)
        return begun.session.row.name

    def close(self) -> None:
        self.calls.close()
        self.store.close()


@asynccontextmanager
async def opened(folder: Path, **arguments):
    """Give sessions on a store, and close them."""
    found = Opened(folder, **arguments)
    try:
        yield found
    finally:
        found.close()


def in_loop(coroutine):
    """Run an async test."""
    return asyncio.run(coroutine)


async def refused(call) -> Problem:
    """Return the problem that a call ends in."""
    try:
        await call
    except Problem as problem:
        return problem
    raise AssertionError("the call was not refused")
