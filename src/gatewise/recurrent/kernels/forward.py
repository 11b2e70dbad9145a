"""The walk forward: time, then the phases of a step, then panels of units, then tiles of rows, and the step for each tile.

One thread walks its own rows from the first step to the last and never waits for another: rows of a batch do not meet in
a recurrent layer. Everything lies as XLA has it, ``(time, batch, units)``; see the README of this folder.
"""

from typing import Any, NamedTuple

from gatewise.recurrent.kernels.dropout import dropping
from gatewise.recurrent.kernels.emitter import FLOAT, INT, LINE, Emitter
from gatewise.recurrent.kernels.frames import Frame
from gatewise.recurrent.kernels.places import Place, Row, Slice, Units, copy_row, over_panels, over_vectors
from gatewise.recurrent.kernels.products import forward_product, in_tiles, most_rows
from gatewise.recurrent.kernels.rows import Counting, Rows
from gatewise.recurrent.kernels.steps import Phase, Steps
from gatewise.recurrent.kernels.target import Shape
from gatewise.recurrent.kernels.threads import UNCACHED, Walk


def forward(steps: Steps, shape: Shape, saving: bool) -> Walk:
    """Return what writes the walk forward, with or without keeping what the walk back needs."""

    def walk(emitter: Emitter, frame: Frame, rows: Rows, thread: Any) -> None:
        written = _Forward(emitter, frame, steps, shape, Counting(emitter, frame, rows))
        with written.counting.forward() as t:
            written.step(t, saving)
        written.finish(rows)

    return walk


class _Product(NamedTuple):
    """A matrix product of a step: a matrix, packed weights, and how many numbers of each are multiplied."""

    left: Slice
    panels: Any
    depth: Any


class _Forward:
    """Writes the parts of a walk forward."""

    def __init__(self, emitter: Emitter, frame: Frame, steps: Steps, shape: Shape, counting: Counting) -> None:
        self.emitter, self.frame, self.steps, self.shape, self.counting = emitter, frame, steps, shape, counting
        self.batch, self.units = frame.size("hidden_first", 0), frame.size("hidden_first", 1)
        self.features = frame.size("inputs", 2)
        self.uncached = self._uncached()

    def _uncached(self) -> Any:
        """Return a bit: whether what is saved goes past the caches; only vectors at a multiple of their size may."""
        if "saved" not in self.frame:
            return None
        emitter, builder = self.emitter, self.emitter.builder
        place = builder.ptrtoint(self.frame.data("saved"), INT)
        uneven = builder.or_(place, emitter.times(self.frame.size("saved", 2), 4))
        even = builder.icmp_signed("==", builder.and_(uneven, emitter.number(4 * LINE - 1)), emitter.number(0))
        return builder.and_(even, builder.icmp_signed("!=", self.frame.attribute(UNCACHED), emitter.number(0)))

    def step(self, t: Any, saving: bool) -> None:
        """Write one step for the rows that count, and for the others that their states stay."""
        slices = self._slices(t)
        with self.counting.others(t) as row:
            for name in self.steps.states:
                self._copy(row, slices[f"{name}_before"], slices[name])
        for phase in self.steps.phases:
            self._phase(phase, slices, saving)

    def finish(self, rows: Rows) -> None:
        """Write the states after the last step to where they are returned."""
        emitter = self.emitter
        with emitter.loop(*rows) as row:
            for name in self.steps.states:
                last = Slice(self.frame.data(f"{name}_last"), self.units)
                self._copy(row, self._before(name), last)
        # What went past the caches is in memory before any other thread reads it.
        emitter.builder.fence("seq_cst")

    def _copy(self, row: Any, source: Slice, target: Slice) -> None:
        offset = self.emitter.times(row, self.units)
        one, other = (self.emitter.at(slice_.start, offset) for slice_ in (source, target))
        copy_row(self.emitter, self.shape, self.units, one, other)

    def _place(self, name: str, number: Any, size: Any) -> Any:
        """Return where an array has its entry of a step; there may be fewer places than steps."""
        builder = self.emitter.builder
        slot = builder.srem(number, self.frame.size(name, 0))
        return self.emitter.at(self.frame.data(name), builder.mul(slot, size))

    def _before(self, name: str) -> Slice:
        """Return a state before the next step to be done."""
        emitter, builder, done = self.emitter, self.emitter.builder, self.counting.done
        # Never negative, for the remainder.
        before = builder.sub(builder.add(done, self.frame.size(name, 0)), emitter.number(1))
        place = self._place(name, before, builder.mul(self.batch, self.units))
        first = builder.icmp_signed("==", done, emitter.number(0))
        return Slice(builder.select(first, self.frame.data(f"{name}_first"), place), self.units)

    def _slices(self, t: Any) -> dict[str, Slice]:
        emitter, builder, frame = self.emitter, self.emitter.builder, self.frame
        inputs = emitter.at(frame.data("inputs"), builder.mul(builder.mul(t, self.batch), self.features))
        slices = {"inputs": Slice(inputs, self.features)}
        for name in self.steps.states:
            slices[f"{name}_before"] = self._before(name)
            slices[name] = Slice(self._place(name, self.counting.done, builder.mul(self.batch, self.units)), self.units)
        if "saved" in frame:
            row = frame.size("saved", 2)
            start = self._place("saved", self.counting.done, builder.mul(self.batch, row))
            slices["saved"] = Slice(start, row, self.steps.saves, exact=False, uncached=self.uncached)
        if "reset" in frame:
            slices["reset"] = Slice(frame.data("reset"), frame.size("reset", 1), exact=False)
        for name in ("dropped_inputs", "dropped_state"):
            if name in frame:
                slices[name] = Slice(frame.data(name), frame.size(name, 1))
        return slices

    def _ask_for(self, slices: dict[str, Slice], some: Units, numbers: Any, count: Any) -> None:
        """Write that where a tile is going to write states comes from memory while it multiplies."""
        emitter = self.emitter
        with emitter.loop(emitter.number(0), count) as position:
            number = emitter.index(numbers, position)
            for one in (slices[name] for name in self.steps.states):
                place = emitter.at(one.start, emitter.times(number, one.row), some.first)
                emitter.ask_for(place, some.vectors * some.lanes, to_write=True)

    def _drop(self, phase: Phase, slices: dict[str, Slice]) -> None:
        """Write the dropout of what a phase multiplies, gate by gate."""
        emitter, frame = self.emitter, self.frame
        with emitter.loop(emitter.number(0), self.counting.count) as position:
            number = emitter.index(self.counting.list, position)
            for kind, name, depth in (("input", "inputs", self.features), ("state", phase.state, self.units)):
                target = slices["dropped_inputs" if kind == "input" else "dropped_state"]
                dropout = Slice(frame.data(f"{kind}_dropout"), frame.size(f"{kind}_dropout", 1))
                source, factors, to = (
                    emitter.at(one.start, emitter.times(number, one.row)) for one in (slices[name], dropout, target)
                )
                factors = emitter.at(factors, emitter.times(depth, phase.earlier))
                emitter.builder.call(dropping(emitter.module, self.shape, phase.gates), [depth, source, factors, to])

    def _phase(self, phase: Phase, slices: dict[str, Slice], saving: bool) -> None:
        """Write a phase for all units of the rows that count."""
        emitter, builder = self.emitter, self.emitter.builder
        room = builder.sdiv(self.frame.size("bias", 0), emitter.number(self.steps.gates))
        earlier = emitter.times(room, phase.earlier)
        products = []
        factors = "inputs", phase.state
        if self.steps.dropped:
            self._drop(phase, slices)
            factors = "dropped_inputs", "dropped_state"
        packed = ("input_panels", self.features), ("panels", self.units)
        for left, (panels, depth) in zip(factors, packed, strict=True):
            start = emitter.at(self.frame.data(panels), builder.mul(earlier, depth))
            products.append(_Product(slices[left], start, depth))
        begins = [emitter.at(self.frame.data(name), earlier) for name in ("bias", "inner_bias")]
        over = over_vectors if phase.gates > 1 else over_panels
        over(
            emitter,
            self.shape,
            self.units,
            lambda some: self._panel(phase, slices, (products, begins), some, saving),
        )

    def _panel(
        self,
        phase: Phase,
        slices: dict[str, Slice],
        weights: tuple[list[_Product], list[Any]],
        some: Units,
        saving: bool,
    ) -> None:
        """Write the products of all rows with one panel, and the step for its units, tile by tile."""
        emitter, (products, begins) = self.emitter, weights
        width = (phase.gates if phase.gates > 1 else some.vectors) * some.lanes
        apart = self.steps.dropped and phase.gates > 1
        # A tail of few units may fill whole vectors with all its gates, where these multiply the same numbers.
        lanes = self.shape.lanes if width % self.shape.lanes == 0 and not apart else some.lanes
        most = most_rows(self.shape, width // lanes)
        sums = [products] if phase.joined else [[one] for one in products]
        results = [emitter.stack(FLOAT, most * width) for _ in sums]
        column = emitter.times(some.first, phase.gates)

        def tile(first: Any, count: Any) -> None:
            numbers = emitter.entry(self.counting.list, first)
            if saving:
                self._ask_for(slices, some, numbers, count)
            for factors, begin, result in zip(sums, begins, results, strict=False):
                multiply = forward_product(emitter.module, self.shape, (width // lanes, lanes), len(factors), apart)
                arguments = []
                for left, panels, depth in factors:
                    panel = emitter.at(panels, emitter.builder.mul(column, depth))
                    arguments += [left.start, left.row, depth, panel]
                emitter.builder.call(multiply, [count, numbers, *arguments, emitter.at(begin, column), result])
            with emitter.loop(emitter.number(0), count) as position:
                row = Row(emitter.index(numbers, position), emitter.total(first, position))
                for vector in range(1 if phase.gates > 1 else some.vectors):
                    units = some._replace(first=emitter.total(some.first, vector * some.lanes))
                    offset = emitter.total(emitter.times(position, width), vector * some.lanes)
                    own = tuple(emitter.at(result, offset) for result in results)
                    phase.step(Place(emitter, slices, row, units, own), saving)

        in_tiles(emitter, (emitter.number(0), self.counting.count), most, tile)
