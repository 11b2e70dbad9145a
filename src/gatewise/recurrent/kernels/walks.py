"""The loops: time, then units, then tiles of rows; forward with the step after each product, backward with it before.

One thread walks its own rows from the first step to the last and never waits for another: rows of a batch do not meet in
a recurrent layer. Everything lies as XLA has it, ``(time, batch, gates * units)``; see the README of this folder.
"""

from typing import Any, NamedTuple

from gatewise.recurrent.kernels.emitter import FLOAT, Emitter
from gatewise.recurrent.kernels.frames import Frame
from gatewise.recurrent.kernels.places import Place, Slice, Units, over_panels, over_vectors
from gatewise.recurrent.kernels.products import in_tiles, most_rows, outer_sum, product
from gatewise.recurrent.kernels.steps import Steps
from gatewise.recurrent.kernels.target import Shape
from gatewise.recurrent.kernels.threads import Walk

Rows = tuple[Any, Any]

# The gradient of the kernel is added up over at least so many rows at a time, of a few steps where one has fewer: its sums
# are read and written once for that many multiplications of each.
_ROWS_OF_A_SUM = 64


def forward(steps: Steps, shape: Shape, saving: bool) -> Walk:
    """Return what writes the walk forward, with or without keeping what the walk back needs."""

    def walk(emitter: Emitter, frame: Frame, rows: Rows, thread: Any) -> None:
        builder = emitter.builder
        batch, units = frame.size("hidden_first", 0), frame.size("hidden_first", 1)
        features = frame.size("inputs", 2)
        wanted = ("inputs", "input_panels", "panels", "bias", "saved", *_states(steps))
        data = {name: frame.data(name) for name in wanted if name in frame}
        slots = {name: frame.size(name, 0) for name in steps.states}
        zero, one = emitter.number(0), emitter.number(1)
        with emitter.loop(zero, frame.size("inputs", 0)) as t:
            slices, rows_before = {}, builder.mul(t, batch)
            slices["inputs"] = Slice(emitter.at(data["inputs"], builder.mul(rows_before, features)), features, features)
            if "saved" in data:
                row = emitter.times(units, steps.saves)
                slices["saved"] = Slice(emitter.at(data["saved"], builder.mul(rows_before, row)), row, units)
            if "bias" in data:
                slices["bias"] = Slice(data["bias"], zero, units)
            for name in steps.states:
                size = builder.mul(batch, units)
                now = builder.mul(builder.srem(t, slots[name]), size)
                last = builder.mul(builder.srem(builder.sub(builder.add(t, slots[name]), one), slots[name]), size)
                before = builder.select(
                    builder.icmp_signed("==", t, zero), data[f"{name}_first"], emitter.at(data[name], last)
                )
                slices[name] = Slice(emitter.at(data[name], now), units, units)
                slices[f"{name}_before"] = Slice(before, units, units)
            factors = (("inputs", "input_panels"), ("hidden_before", "panels"))
            products = [_Product(slices[left], data[panels], slices[left].row) for left, panels in factors]
            over = over_vectors if steps.gates > 1 else over_panels
            over(
                emitter, shape, units, lambda some: _step(emitter, shape, (steps, saving), slices, products, rows, some)
            )

    return walk


class _Product(NamedTuple):
    """A matrix product of a step: rows, packed weights, and how many numbers of each are multiplied."""

    left: Slice
    panels: Any
    depth: Any


def _step(
    emitter: Emitter,
    shape: Shape,
    what: tuple[Steps, bool],
    slices: dict[str, Slice],
    products: list[_Product],
    rows: Rows,
    some: Units,
) -> None:
    """Write the products of all rows with one panel, of the inputs and of h, and the step for its units, tile by tile."""
    steps, saving = what
    gated = steps.gates > 1
    vectors = steps.gates if gated else some.vectors
    most, width = most_rows(shape, vectors), vectors * some.lanes
    results = [emitter.stack(FLOAT, most * width) for _ in products]
    multiply = product(emitter.module, shape, vectors, some.lanes, onto=False)
    column = emitter.times(some.first, steps.gates)
    panels = [emitter.at(one.panels, emitter.builder.mul(column, one.depth)) for one in products]

    def tile(first: Any, count: Any) -> None:
        for (left, _, depth), panel, result in zip(products, panels, results, strict=True):
            start = emitter.at(left.start, emitter.times(first, left.row))
            emitter.builder.call(multiply, [count, depth, start, left.row, panel, result, emitter.number(width)])
        with emitter.loop(emitter.number(0), count) as row:
            for vector in range(1 if gated else vectors):
                units = some._replace(first=emitter.total(some.first, vector * some.lanes))
                offset = emitter.total(emitter.times(row, width), vector * some.lanes)
                own = emitter.at(results[0], offset), emitter.at(results[1], offset)
                steps.forward(Place(emitter, slices, emitter.total(first, row), units, own), saving)

    in_tiles(emitter, rows, most, tile)


def back(steps: Steps, shape: Shape) -> Walk:
    """Return what writes the walk back: for every step its gradients, and through the recurrent kernel to the one before."""

    def walk(emitter: Emitter, frame: Frame, rows: Rows, thread: Any) -> None:
        builder = emitter.builder
        time, batch, units = (frame.size("hidden", axis) for axis in range(3))
        parts = {"d_x": steps.gates, "d_inner": steps.gates, "saved": steps.saves}
        wanted = ("inputs", "panels", "input_panels", "d_outputs", "d_inputs", *parts, *_states(steps))
        wanted = (*wanted, *(f"d_{state}" for state in steps.states))
        data = {name: frame.data(name) for name in wanted if name in frame}
        padded, features = frame.size("d_hidden", 1), frame.size("inputs", 2)
        sums = {name: _own_sum(emitter, frame, name, thread) for name in ("d_kernel", "d_input_kernel")}
        waiting = emitter.variable(emitter.number(0))
        # Where nobody asks for the gradient of the inputs, it has no steps.
        asked, room = builder.icmp_signed(">", frame.size("d_inputs", 0), emitter.number(0)), frame.size("d_inputs", 2)
        # Without outputs of every step there is one row of zeros for all of them.
        every = builder.zext(builder.icmp_signed("==", frame.size("d_outputs", 0), time), padded.type)
        with emitter.loop(emitter.number(0), time) as passed:
            t = builder.sub(emitter.total(time, -1), passed)
            size, first = builder.mul(batch, units), builder.icmp_signed("==", t, emitter.number(0))
            slices = {
                "d_outputs": Slice(
                    emitter.at(data["d_outputs"], emitter.times(builder.mul(t, every), size)), units, units
                ),
                "d_hidden": Slice(data["d_hidden"], padded, padded, exact=False),
            }
            rows_before = builder.mul(t, batch)
            slices["inputs"] = Slice(emitter.at(data["inputs"], builder.mul(rows_before, features)), features, features)
            slices["d_inputs"] = Slice(
                emitter.at(data["d_inputs"], builder.mul(rows_before, room)), room, room, exact=False
            )
            for name, count in parts.items():
                if name in data:
                    row = emitter.times(units, count)
                    slices[name] = Slice(emitter.at(data[name], builder.mul(rows_before, row)), row, units)
            for name in steps.states:
                now = emitter.at(data[name], builder.mul(t, size))
                last = emitter.at(data[name], builder.mul(emitter.total(t, -1), size))
                slices[name] = Slice(now, units, units)
                slices[f"{name}_before"] = Slice(builder.select(first, data[f"{name}_first"], last), units, units)
            if "d_cell" in data:
                slices["d_cell"] = Slice(data["d_cell"], units, units)
            _step_back(emitter, shape, steps, slices, rows, units)
            inner = slices["d_inner" if steps.own_inner_gradient else "d_x"]
            _back_through(emitter, shape, (inner, data["panels"]), slices["d_hidden"], (rows, units), onto=True)
            with builder.if_then(asked):
                into = slices["d_inputs"]
                _back_through(emitter, shape, (slices["d_x"], data["input_panels"]), into, (rows, features), onto=False)
            builder.store(emitter.total(emitter.read(waiting), 1), waiting)
            # The step at the beginning is by itself: what was before it lies elsewhere.
            many = builder.mul(emitter.read(waiting), builder.sub(rows[1], rows[0]))
            enough = builder.icmp_signed(">=", many, emitter.number(_ROWS_OF_A_SUM))
            with builder.if_then(builder.or_(enough, builder.icmp_signed("<=", t, emitter.number(1)))):
                extent = rows, emitter.read(waiting), batch
                _add_products(emitter, shape, (slices["hidden_before"], inner), sums["d_kernel"], extent)
                _add_products(emitter, shape, (slices["inputs"], slices["d_x"]), sums["d_input_kernel"], extent)
                builder.store(emitter.number(0), waiting)

    return walk


def _own_sum(emitter: Emitter, frame: Frame, name: str, thread: Any) -> Slice:
    """Return where a thread adds up its gradient of a kernel."""
    height, columns = frame.size(name, 1), frame.size(name, 2)
    before = emitter.builder.mul(emitter.builder.mul(thread, height), columns)
    return Slice(emitter.at(frame.data(name), before), columns, columns)


def _add_products(
    emitter: Emitter, shape: Shape, factors: tuple[Slice, Slice], into: Slice, extent: tuple[Rows, Any, Any]
) -> None:
    """Write the sum of outer products, over the last few steps and all rows, of what was multiplied and its gradient."""
    builder, (left, right) = emitter.builder, factors
    (first, last), steps, batch = extent
    rows = builder.sub(last, first)
    left_start = emitter.at(left.start, emitter.times(first, left.row))
    right_start = emitter.at(right.start, emitter.times(first, right.row))
    left_step, right_step = builder.mul(batch, left.row), builder.mul(batch, right.row)

    def panel(some: Units) -> None:
        add = outer_sum(emitter.module, shape, some.vectors, some.lanes)
        used = builder.sub(right.row, some.first)

        def tile(column: Any, columns: Any) -> None:
            own, across = emitter.at(left_start, column), emitter.at(right_start, some.first)
            result = emitter.at(into.start, emitter.times(column, into.row), some.first)
            sides = [own, left.row, left_step, across, right.row, right_step]
            builder.call(add, [columns, steps, rows, *sides, result, into.row, used])

        in_tiles(emitter, (emitter.number(0), left.row), most_rows(shape, some.vectors), tile)

    over_panels(emitter, shape, right.row, panel)


def _step_back(emitter: Emitter, shape: Shape, steps: Steps, slices: dict[str, Slice], rows: Rows, units: Any) -> None:
    """Write the elementwise part of a step back, for all rows and units."""
    with emitter.loop(*rows) as row:
        over_vectors(emitter, shape, units, lambda some: steps.back(Place(emitter, slices, row, some)))


def _back_through(
    emitter: Emitter, shape: Shape, factors: tuple[Slice, Any], into: Slice, extent: tuple[Rows, Any], onto: bool
) -> None:
    """Write the product of a gradient of all gates with a transposed kernel, or its sum with what is in the result."""
    (gradient, panels), (rows, columns) = factors, extent

    def panel(some: Units) -> None:
        multiply = product(emitter.module, shape, some.vectors, some.lanes, onto)
        weights = emitter.at(panels, emitter.builder.mul(some.first, gradient.row))

        def tile(first: Any, count: Any) -> None:
            left = emitter.at(gradient.start, emitter.times(first, gradient.row))
            result = emitter.at(into.start, emitter.times(first, into.row), some.first)
            emitter.builder.call(multiply, [count, gradient.row, left, gradient.row, weights, result, into.row])

        in_tiles(emitter, rows, most_rows(shape, some.vectors), tile)

    over_panels(emitter, shape, columns, panel)


def _states(steps: Steps) -> tuple[str, ...]:
    return (*steps.states, *(f"{name}_first" for name in steps.states))
