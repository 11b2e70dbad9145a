"""Which rows of a thread count at a step, and where the walk stands among the steps that are done at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gatewise.recurrent.kernels.emitter import BYTE, INT32, Emitter
from gatewise.recurrent.kernels.frames import Frame
from gatewise.recurrent.kernels.threads import EVERY

Rows = tuple[Any, Any]


class Counting:
    """The rows that count, step by step.

    Without a mask these are all rows of the thread at every step. With one, the numbers of those that count are listed
    anew at each step, and a step at which none counts is left out, unless the states of every step are returned.

    Args:
        emitter: Where code is written.
        frame: The arrays of the call.
        rows: The rows of the thread.
    """

    def __init__(self, emitter: Emitter, frame: Frame, rows: Rows) -> None:
        builder = emitter.builder
        self._emitter = emitter
        self._rows = rows
        self.mask = frame.data("mask")
        self.masked = builder.icmp_signed(">", frame.size("mask", 0), emitter.number(0))
        self.every = builder.icmp_signed("!=", frame.attribute(EVERY), emitter.number(0))
        self.batch = frame.size("inputs", 1)
        self.time = frame.size("inputs", 0)
        # Each thread lists its own rows in its own part.
        self.list = emitter.entry(frame.data("rows"), rows[0])
        self._count = emitter.variable(builder.sub(rows[1], rows[0]))
        # Steps that were done, or are left to be done.
        self._done = emitter.variable(emitter.number(0))
        with emitter.loop(*rows) as row:
            self._put(builder.sub(row, rows[0]), row)

    def _put(self, position: Any, row: Any) -> None:
        builder = self._emitter.builder
        builder.store(builder.trunc(row, INT32), self._emitter.entry(self.list, position))

    @property
    def count(self) -> Any:
        """How many rows count at this step."""
        return self._emitter.read(self._count)

    @property
    def done(self) -> Any:
        """How many steps were done before this one."""
        return self._emitter.read(self._done)

    def counts(self, t: Any, row: Any) -> Any:
        """Return the word of the mask about a row at a step, 1 or 0."""
        emitter = self._emitter
        place = emitter.entry(self.mask, emitter.total(emitter.builder.mul(t, self.batch), row), BYTE)
        return emitter.builder.zext(emitter.builder.load(place, typ=BYTE), self.batch.type)

    def _find(self, t: Any) -> None:
        """List the rows that count at a step."""
        emitter, builder = self._emitter, self._emitter.builder
        with builder.if_then(self.masked):
            builder.store(emitter.number(0), self._count)
            with emitter.loop(*self._rows) as row:
                self._put(self.count, row)
                builder.store(builder.add(self.count, self.counts(t, row)), self._count)

    def _matters(self) -> Any:
        """Say whether a step has to be done."""
        builder = self._emitter.builder
        return builder.or_(self.every, builder.icmp_signed(">", self.count, self._emitter.number(0)))

    @contextmanager
    def forward(self) -> Iterator[Any]:
        """Do what is written inside for every step that has to be done, from the first to the last."""
        emitter, builder = self._emitter, self._emitter.builder
        with emitter.loop(emitter.number(0), self.time) as t:
            self._find(t)
            with builder.if_then(self._matters()):
                yield t
                builder.store(emitter.total(self.done, 1), self._done)

    @contextmanager
    def back(self) -> Iterator[Any]:
        """Do what is written inside for every step that has to be done, from the last to the first."""
        emitter, builder = self._emitter, self._emitter.builder
        with builder.if_else(builder.and_(self.masked, builder.not_(self.every))) as (some, all_steps):
            with some, emitter.loop(emitter.number(0), self.time) as t:
                self._find(t)
                more = builder.zext(self._matters(), self.time.type)
                builder.store(builder.add(self.done, more), self._done)
            with all_steps:
                builder.store(self.time, self._done)
        with emitter.loop(emitter.number(0), self.time) as passed:
            t = builder.sub(emitter.total(self.time, -1), passed)
            self._find(t)
            with builder.if_then(self._matters()):
                builder.store(emitter.total(self.done, -1), self._done)
                yield t

    @contextmanager
    def others(self, t: Any) -> Iterator[Any]:
        """Do what is written inside for every row that does not count."""
        emitter, builder = self._emitter, self._emitter.builder
        with builder.if_then(builder.icmp_signed("<", self.count, builder.sub(self._rows[1], self._rows[0]))):  # noqa: SIM117
            with emitter.loop(*self._rows) as row:
                with builder.if_then(builder.icmp_signed("==", self.counts(t, row), emitter.number(0))):
                    yield row
