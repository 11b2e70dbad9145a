"""The rings of the walk back: gradients of gates beside what these were multiples of, until they are added up.

Rows that count at a step are appended, whatever step they are from. A full ring is added up, as outer products, to the
gradient of a kernel, and begins anew. So however few rows count at a step, the sums are read and written once for many of
them; and everything stays in the caches.
"""

from functools import partial
from typing import Any

from gatewise.recurrent.kernels.dropout import dropping
from gatewise.recurrent.kernels.emitter import Emitter
from gatewise.recurrent.kernels.frames import Frame
from gatewise.recurrent.kernels.places import Row, Slice, Units, copy_row, over_panels, over_vectors
from gatewise.recurrent.kernels.products import in_tiles, most_rows, outer_sum
from gatewise.recurrent.kernels.steps import Ring, Stage, Steps, rings_of
from gatewise.recurrent.kernels.target import Shape

# Rows of a ring.
RING_ROWS = 128


class Rings:
    """The rings of one thread.

    Args:
        emitter: Where code is written.
        frame: The arrays of the call.
        steps: The equations.
        shape: The vectors of the processor.
        thread: The thread's number.
    """

    def __init__(self, emitter: Emitter, frame: Frame, steps: Steps, shape: Shape, thread: Any) -> None:
        self._emitter, self._frame, self._steps, self._shape, self._thread = emitter, frame, steps, shape, thread
        self._all = rings_of(steps)
        self._features, self._units = frame.size("inputs", 2), frame.size("hidden_first", 1)
        self._own = {
            name: self._part_of(name)
            for ring in self._all
            for name in (ring.name, f"{ring.name}_factors", f"{ring.name}_sum")
        }
        self.capacity = frame.size(self._all[0].name, 1)
        # How many rows are filled.
        self.filled = emitter.variable(emitter.number(0))

    def _part_of(self, name: str) -> Slice:
        """Return the thread's own part of an array."""
        builder, row = self._emitter.builder, self._frame.size(name, 2)
        before = builder.mul(builder.mul(self._thread, self._frame.size(name, 1)), row)
        return Slice(self._emitter.at(self._frame.data(name), before), row)

    def begin(self) -> None:
        """Write zeros to the sums, and to the rings, whose columns behind the last unit are read."""
        for ring in self._all:
            for name in (ring.name, f"{ring.name}_sum"):
                size = self._emitter.builder.mul(self._frame.size(name, 1), self._frame.size(name, 2))
                self._emitter.clear(self._own[name].start, size)

    def slices(self) -> dict[str, Slice]:
        """Return where the next rows go, of gradients, and of a state that a step multiplies anew."""
        found = {}
        for ring in self._all:
            start, row, *_ = self._next(ring.name)
            found[ring.name] = Slice(start, row, ring.gates, packed=True)
            if "reset" in ring.factors:
                start, row, *_ = self._next(f"{ring.name}_factors")
                found["reset"] = Slice(self._emitter.at(start, self._features), row, packed=True)
        return found

    def _next(self, name: str) -> Slice:
        """Return where the next rows of a ring go."""
        own = self._own[name]
        filled = self._emitter.builder.mul(self._emitter.read(self.filled), own.row)
        return own._replace(start=self._emitter.at(own.start, filled))

    # -- factors ----------------------------------------------------------------------------------------------------

    def _sides(self, ring: Ring) -> int:
        """Return how many numbers stand side by side for each factor: with dropout, one for each gate."""
        return ring.gates if self._steps.dropped else 1

    def put(self, stage: Stage, slices: dict[str, Slice], row: Row) -> None:
        """Write what a stage's gradients of gates were multiples of to the next rows of its rings."""
        emitter = self._emitter
        for ring in stage.rings:
            target = self._next(f"{ring.name}_factors")
            place = emitter.at(target.start, emitter.times(row.position, target.row))
            for factor in ring.factors:
                if factor != "reset":
                    source = slices["hidden_before" if factor == "hidden" else factor]
                    self._put(ring, factor, row, emitter.at(source.start, emitter.times(row.number, source.row)), place)
                place = emitter.at(place, emitter.times(self._width(factor), self._sides(ring)))
            # The bias is a factor of 1.
            emitter.store(emitter.constant(1.0, self._sides(ring)), place)
        if self._steps.dropped and stage == self._steps.stages[-1]:
            self._drop_reset(slices, row)

    def _width(self, factor: str) -> Any:
        return self._features if factor == "inputs" else self._units

    def _put(self, ring: Ring, factor: str, row: Row, source: Any, place: Any) -> None:
        """Write a factor; with dropout, as each gate has it."""
        emitter, width = self._emitter, self._width(factor)
        if not self._steps.dropped:
            copy_row(emitter, self._shape, width, source, place)
            return
        name = "input_dropout" if factor == "inputs" else "state_dropout"
        own = emitter.times(row.number, self._frame.size(name, 1))
        dropout = emitter.at(self._frame.data(name), own, emitter.times(width, ring.earlier))
        emitter.builder.call(dropping(emitter.module, self._shape, ring.gates), [width, source, dropout, place])

    def _drop_reset(self, slices: dict[str, Slice], row: Row) -> None:
        """Write dropout to ``r h``, which the last stage's step has put to where it is: it does not know of dropout."""
        for ring in self._all:
            if "reset" in ring.factors:
                place = slices["reset"].start, self._emitter.times(row.position, slices["reset"].row)
                self._put(ring, "reset", row, *(2 * [self._emitter.at(*place)]))

    # -- the gradients of the kernels -------------------------------------------------------------------------------

    def add_up(self) -> None:
        """Write the sums of outer products over the rows of the rings, which are empty then."""
        for ring in self._all:
            add = partial(self._add, ring)
            if self._sides(ring) > 1:
                over_vectors(self._emitter, self._shape, self._units, add)
            else:
                over_panels(self._emitter, self._shape, self._own[ring.name].row, add, tail=False)
        self._emitter.builder.store(self._emitter.number(0), self.filled)

    def _add(self, ring: Ring, some: Units) -> None:
        """Write the sum for a panel: some vectors, or one vector of every gate where each has factors of its own."""
        emitter, sides = self._emitter, self._sides(ring)
        left, right, into = (self._own[f"{ring.name}{part}"] for part in ("_factors", "", "_sum"))
        size = (sides if sides > 1 else some.vectors), some.lanes
        add = outer_sum(emitter.module, self._shape, size, apart=sides > 1)
        first = emitter.times(some.first, sides)
        across = emitter.at(right.start, first)

        def tile(column: Any, columns: Any) -> None:
            own = emitter.at(left.start, emitter.times(column, sides))
            result = emitter.at(into.start, emitter.times(column, into.row), first)
            factors = [own, left.row, across, right.row]
            emitter.builder.call(add, [columns, emitter.read(self.filled), *factors, result, into.row])

        height = self._frame.size(f"{ring.name}_sum", 1)
        in_tiles(emitter, (emitter.number(0), height), most_rows(self._shape, size[0]), tile)
