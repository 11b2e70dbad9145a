"""The walk back: for every step the gradients of its gates, and what they are for h of the step before, and for the inputs.

Rows that count at a step are appended to rings, one for the gradients of gates and one for what these were multiples of;
`rings` adds them up to the gradient of the kernels.
"""

from typing import Any

from gatewise.recurrent.kernels.dropout import dropped_back_product
from gatewise.recurrent.kernels.emitter import Emitter
from gatewise.recurrent.kernels.frames import Frame
from gatewise.recurrent.kernels.places import Place, Row, Slice, Units, over_panels, over_vectors
from gatewise.recurrent.kernels.products import back_product, in_tiles, most_rows
from gatewise.recurrent.kernels.rings import Rings
from gatewise.recurrent.kernels.rows import Counting, Rows
from gatewise.recurrent.kernels.steps import Ring, Stage, Steps, rings_of
from gatewise.recurrent.kernels.target import Shape
from gatewise.recurrent.kernels.threads import Walk


def back(steps: Steps, shape: Shape) -> Walk:
    """Return what writes the walk back."""

    def walk(emitter: Emitter, frame: Frame, rows: Rows, thread: Any) -> None:
        written = _Back(emitter, frame, steps, shape, (Counting(emitter, frame, rows), rows, thread))
        written.begin()
        with written.counting.back() as t:
            written.step(t)
        written.rings.add_up()

    return walk


class _Back:
    """Writes the parts of a walk back."""

    def __init__(
        self, emitter: Emitter, frame: Frame, steps: Steps, shape: Shape, who: tuple[Counting, Rows, Any]
    ) -> None:
        self.emitter, self.frame, self.steps, self.shape = emitter, frame, steps, shape
        self.counting, self.rows, self.thread = who
        self.batch, self.units = frame.size("hidden_first", 0), frame.size("hidden_first", 1)
        self.features = frame.size("inputs", 2)
        self.room, self.input_room = frame.size("d_hidden", 1), frame.size("d_inputs", 2)
        # Where nobody asks for the gradient of the inputs, it has no steps.
        self.asked = emitter.builder.icmp_signed(">", frame.size("d_inputs", 0), emitter.number(0))
        self.rings = Rings(emitter, frame, steps, shape, self.thread)

    def begin(self) -> None:
        """Write zeros to what is added up, and to the gradients of inputs that do not count."""
        emitter, builder, frame = self.emitter, self.emitter.builder, self.frame
        self.rings.begin()
        with builder.if_then(self.counting.masked), emitter.loop(emitter.number(0), frame.size("d_inputs", 0)) as t:
            start = builder.mul(builder.add(builder.mul(t, self.batch), self.rows[0]), self.input_room)
            size = builder.mul(builder.sub(self.rows[1], self.rows[0]), self.input_room)
            emitter.clear(emitter.at(frame.data("d_inputs"), start), size)

    # -- a step ---------------------------------------------------------------------------------------------------

    def step(self, t: Any) -> None:
        """Write one step back."""
        emitter, builder = self.emitter, self.emitter.builder
        self._take_along(t)
        here = emitter.variable(emitter.number(0))
        with emitter.repeated(lambda: builder.icmp_signed("<", emitter.read(here), self.counting.count)):
            first = emitter.read(here)
            some = emitter.smaller(builder.sub(self.counting.count, first), self.rings.capacity)
            full = builder.icmp_signed(">", builder.add(emitter.read(self.rings.filled), some), self.rings.capacity)
            with builder.if_then(full):
                self.rings.add_up()
            self._rows_back(t, first, some)
            builder.store(builder.add(emitter.read(self.rings.filled), some), self.rings.filled)
            builder.store(builder.add(first, some), here)

    def _take_along(self, t: Any) -> None:
        """Write how the gradients of the states that were returned at this step are added to what comes from the next."""
        emitter, builder, frame = self.emitter, self.emitter.builder, self.frame
        for state in self.steps.states:
            along, target = f"d_along_{state}", f"d_{state}"
            with builder.if_then(builder.icmp_signed(">", frame.size(along, 0), emitter.number(0))):
                source = emitter.at(frame.data(along), builder.mul(builder.mul(t, self.batch), self.units))
                slices = {
                    "more": Slice(source, self.units),
                    "sum": Slice(frame.data(target), frame.size(target, 1)),
                }
                with emitter.loop(*self.rows) as number:
                    self._over_units(slices, Row(number, number), _add)

    def _over_units(self, slices: dict[str, Slice], row: Row, step: Any) -> None:
        over_vectors(self.emitter, self.shape, self.units, lambda some: step(Place(self.emitter, slices, row, some)))

    def _rows_back(self, t: Any, first: Any, count: Any) -> None:
        """Write the step back of some of the rows that count, which get the next rows of the rings."""
        slices = self._slices(t)
        numbers = self.emitter.entry(self.counting.list, first)
        panels, input_panels = (self.frame.data(name) for name in ("panels", "input_panels"))
        for stage in self.steps.stages:
            self._stage(stage, slices, numbers, count)
            for ring in stage.rings:
                depth = self._depth(ring)
                if ring.into is not None:
                    self._through(slices, (ring, depth, panels), ring.into, (numbers, count, self.units))
                    panels = self.emitter.at(panels, self.emitter.builder.mul(depth, self.room))
        onto = False
        for ring in rings_of(self.steps):
            if "inputs" in ring.factors:
                depth = self._depth(ring)
                with self.emitter.builder.if_then(self.asked):
                    extent = numbers, count, self.features
                    self._through(slices, (ring, depth, input_panels), "d_inputs", extent, onto)
                input_panels = self.emitter.at(input_panels, self.emitter.builder.mul(depth, self.input_room))
                onto = True

    def _depth(self, ring: Ring) -> Any:
        return self.emitter.times(self.room, ring.gates)

    def _slices(self, t: Any) -> dict[str, Slice]:
        emitter, builder, frame, done = self.emitter, self.emitter.builder, self.frame, self.counting.done
        rows_before, size = builder.mul(t, self.batch), builder.mul(self.batch, self.units)
        d_inputs = emitter.at(frame.data("d_inputs"), builder.mul(rows_before, self.input_room))
        slices = {
            "inputs": Slice(emitter.at(frame.data("inputs"), builder.mul(rows_before, self.features)), self.features),
            "d_inputs": Slice(d_inputs, self.input_room, exact=False),
            "d_hidden": Slice(frame.data("d_hidden"), self.room, exact=False),
        }
        for name in self.steps.states:
            now = emitter.at(frame.data(name), builder.mul(done, size))
            last = emitter.at(frame.data(name), builder.mul(emitter.total(done, -1), size))
            first = builder.icmp_signed("==", done, emitter.number(0))
            slices[name] = Slice(now, self.units)
            slices[f"{name}_before"] = Slice(builder.select(first, frame.data(f"{name}_first"), last), self.units)
        if "saved" in frame:
            row = frame.size("saved", 2)
            start = emitter.at(frame.data("saved"), builder.mul(builder.mul(done, self.batch), row))
            slices["saved"] = Slice(start, row, self.steps.saves, exact=False)
        if "cell" in self.steps.states:
            slices["d_cell"] = Slice(frame.data("d_cell"), self.units)
        if "d_reset" in frame:
            slices["d_reset"] = Slice(frame.data("d_reset"), frame.size("d_reset", 1), exact=False)
        return slices | self.rings.slices()

    def _stage(self, stage: Stage, slices: dict[str, Slice], numbers: Any, count: Any) -> None:
        """Write the elementwise part of a stage, and what its gradients have to be multiplied with to the rings."""
        emitter = self.emitter
        with emitter.loop(emitter.number(0), count) as position:
            row = Row(emitter.index(numbers, position), position)
            self._over_units(slices, row, stage.step)
            self.rings.put(stage, slices, row)

    def _through(
        self,
        slices: dict[str, Slice],
        factors: tuple[Ring, Any, Any],
        into: str,
        extent: tuple[Any, Any, Any],
        onto: bool = True,
    ) -> None:
        """Write the product of the new rows of a ring with a transposed kernel."""
        emitter, (ring, depth, panels), (numbers, count, columns) = self.emitter, factors, extent
        left, result = slices[ring.name], slices[into]
        onto = onto and into != "d_reset"

        def panel(some: Units) -> None:
            weights = emitter.at(panels, emitter.builder.mul(some.first, depth))
            target = emitter.at(result.start, some.first)

            def tile(first: Any, rows: Any) -> None:
                if into == "d_hidden":
                    self._ask_for(some, emitter.entry(numbers, first), rows)
                own = emitter.at(left.start, emitter.times(first, left.row))
                listed = emitter.entry(numbers, first)
                if self.steps.dropped:
                    self._gate_by_gate(
                        ring, some, into, onto, [rows, listed, own, left.row, weights, target, result.row]
                    )
                    return
                multiply = back_product(emitter.module, self.shape, some.vectors, some.lanes, onto)
                emitter.builder.call(multiply, [rows, listed, own, left.row, depth, weights, target, result.row])

            in_tiles(emitter, (emitter.number(0), count), most_rows(self.shape, some.vectors), tile)

        over_panels(emitter, self.shape, columns, panel)

    def _ask_for(self, some: Units, numbers: Any, rows: Any) -> None:
        """Write that what the next step reads, of some units and rows, is asked for while this one multiplies."""
        emitter, builder, frame, done = self.emitter, self.emitter.builder, self.frame, self.counting.done
        # How many steps before this one, how long a row is, and how many vectors stand side by side.
        arrays = dict.fromkeys(self.steps.states, (2, self.units, 1))
        if "saved" in frame:
            arrays["saved"] = 1, frame.size("saved", 2), self.steps.saves
        with emitter.loop(emitter.number(0), rows) as position:
            number = emitter.index(numbers, position)
            for name, (before, row, parts) in arrays.items():
                earlier = builder.mul(emitter.total(done, -before), builder.mul(self.batch, row))
                column = emitter.times(some.first, parts)
                place = emitter.at(frame.data(name), earlier, builder.mul(number, row), column)
                emitter.ask_for(place, some.vectors * some.lanes * parts, to_write=False)

    def _gate_by_gate(self, ring: Ring, some: Units, into: str, onto: bool, given: list[Any]) -> None:
        """Write the same for a tile, with the dropout of each gate."""
        emitter, (rows, listed, own, length, weights, target, distance) = self.emitter, given
        name = "input_dropout_by_gate" if into == "d_inputs" else "state_dropout_by_gate"
        room, row = self.input_room if into == "d_inputs" else self.room, self.frame.size(name, 1)
        for gate in range(ring.gates):
            multiply = dropped_back_product(emitter.module, self.shape, (some.vectors, some.lanes), onto or gate > 0)
            which = [self.room, emitter.number(ring.gates), emitter.number(gate)]
            dropout = emitter.at(self.frame.data(name), emitter.times(room, ring.earlier + gate), some.first)
            emitter.builder.call(multiply, [rows, listed, own, length, *which, weights, dropout, row, target, distance])


def _add(at: Place) -> None:
    at.write("sum", at.read("sum") + at.read("more"))
