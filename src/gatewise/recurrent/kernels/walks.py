"""The loops: time, then units, then tiles of rows; forward with the step after each product, backward with it before.

One thread walks its own rows from the first step to the last and never waits for another: rows of a batch do not meet in
a recurrent layer. Everything lies as XLA has it, ``(time, batch, gates * units)``; see the README of this folder.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from gatewise.recurrent.kernels.emitter import FLOAT, Emitter, Vector
from gatewise.recurrent.kernels.frames import Frame
from gatewise.recurrent.kernels.products import MOST_VECTORS, in_tiles, most_rows, outer_sum, product
from gatewise.recurrent.kernels.steps import Steps
from gatewise.recurrent.kernels.target import Shape
from gatewise.recurrent.kernels.threads import Walk

Rows = tuple[Any, Any]

# The gradient of the kernel is added up over at least so many rows at a time, of a few steps where one has fewer: its sums
# are read and written once for that many multiplications of each.
_ROWS_OF_A_SUM = 64


class _Slice(NamedTuple):
    """Where a step finds an array: its first row, the distance of rows, of gates, and whether rows end at the last unit."""

    start: Any
    row: Any
    part: Any
    exact: bool = True


class _Units(NamedTuple):
    """Some units side by side: the first, how many vectors of how many lanes, and the lanes in use where not all are."""

    first: Any
    vectors: int
    lanes: int
    mask: Any = None


class _Place:
    """See `steps.Place`."""

    def __init__(
        self, emitter: Emitter, slices: dict[str, _Slice], row: Any, units: _Units, products: tuple[Any, Any] | None = None
    ) -> None:
        self._emitter = emitter
        self._slices = slices
        self._row = row
        self._units = units
        self._products = products

    def _find(self, name: str, part: int) -> tuple[Any, Any]:
        where, emitter = self._slices[name], self._emitter
        offsets = emitter.times(self._row, where.row), self._units.first, emitter.times(where.part, part)
        return emitter.at(where.start, *offsets), self._units.mask if where.exact else None

    def read(self, name: str, part: int = 0) -> Vector:
        address, mask = self._find(name, part)
        return self._emitter.load(address, self._units.lanes, mask)

    def write(self, name: str, value: Vector, part: int = 0) -> None:
        address, mask = self._find(name, part)
        self._emitter.store(value, address, mask)

    def given(self, gate: int) -> Vector:
        return self._product(0, gate)

    def inner(self, gate: int) -> Vector:
        return self._product(1, gate)

    def _product(self, which: int, gate: int) -> Vector:
        assert self._products is not None
        address = self._emitter.at(self._products[which], self._emitter.number(gate * self._units.lanes))
        return self._emitter.load(address, self._units.lanes)

    def zero(self) -> Vector:
        return self._emitter.constant(0.0, self._units.lanes)


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
            slices["inputs"] = _Slice(emitter.at(data["inputs"], builder.mul(rows_before, features)), features, features)
            if "saved" in data:
                row = emitter.times(units, steps.saves)
                slices["saved"] = _Slice(emitter.at(data["saved"], builder.mul(rows_before, row)), row, units)
            if "bias" in data:
                slices["bias"] = _Slice(data["bias"], zero, units)
            for name in steps.states:
                size = builder.mul(batch, units)
                now = builder.mul(builder.srem(t, slots[name]), size)
                last = builder.mul(builder.srem(builder.sub(builder.add(t, slots[name]), one), slots[name]), size)
                before = builder.select(
                    builder.icmp_signed("==", t, zero), data[f"{name}_first"], emitter.at(data[name], last)
                )
                slices[name] = _Slice(emitter.at(data[name], now), units, units)
                slices[f"{name}_before"] = _Slice(before, units, units)
            factors = (("inputs", "input_panels"), ("hidden_before", "panels"))
            products = [_Product(slices[left], data[panels], slices[left].row) for left, panels in factors]
            over = _over_vectors if steps.gates > 1 else _over_panels
            over(emitter, shape, units, lambda some: _step(emitter, shape, (steps, saving), slices, products, rows, some))

    return walk


class _Product(NamedTuple):
    """A matrix product of a step: rows, packed weights, and how many numbers of each are multiplied."""

    left: _Slice
    panels: Any
    depth: Any


def _step(
    emitter: Emitter,
    shape: Shape,
    what: tuple[Steps, bool],
    slices: dict[str, _Slice],
    products: list[_Product],
    rows: Rows,
    some: _Units,
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
                steps.forward(_Place(emitter, slices, emitter.total(first, row), units, own), saving)

    in_tiles(emitter, rows, most, tile)


def back(steps: Steps, shape: Shape) -> Walk:
    """Return what writes the walk back: for every step its gradients, and through the recurrent kernel to the one before."""

    def walk(emitter: Emitter, frame: Frame, rows: Rows, thread: Any) -> None:
        builder = emitter.builder
        time, batch, units = (frame.size("hidden", axis) for axis in range(3))
        parts = {"d_x": steps.gates, "d_inner": steps.gates, "saved": steps.saves}
        wanted = ("inputs", "panels", "d_outputs", *parts, *_states(steps), *(f"d_{state}" for state in steps.states))
        data = {name: frame.data(name) for name in wanted if name in frame}
        padded, features = frame.size("d_hidden", 1), frame.size("inputs", 2)
        sums = {name: _own_sum(emitter, frame, name, thread) for name in ("d_kernel", "d_input_kernel")}
        waiting = emitter.variable(emitter.number(0))
        # Without outputs of every step there is one row of zeros for all of them.
        every = builder.zext(builder.icmp_signed("==", frame.size("d_outputs", 0), time), padded.type)
        with emitter.loop(emitter.number(0), time) as passed:
            t = builder.sub(emitter.total(time, -1), passed)
            size, first = builder.mul(batch, units), builder.icmp_signed("==", t, emitter.number(0))
            slices = {
                "d_outputs": _Slice(emitter.at(data["d_outputs"], emitter.times(builder.mul(t, every), size)), units, units),
                "d_hidden": _Slice(data["d_hidden"], padded, padded, exact=False),
            }
            rows_before = builder.mul(t, batch)
            slices["inputs"] = _Slice(emitter.at(data["inputs"], builder.mul(rows_before, features)), features, features)
            for name in parts:
                if name in data:
                    row = emitter.times(units, parts[name])
                    slices[name] = _Slice(emitter.at(data[name], builder.mul(rows_before, row)), row, units)
            for name in steps.states:
                now = emitter.at(data[name], builder.mul(t, size))
                last = emitter.at(data[name], builder.mul(emitter.total(t, -1), size))
                slices[name] = _Slice(now, units, units)
                slices[f"{name}_before"] = _Slice(builder.select(first, data[f"{name}_first"], last), units, units)
            if "d_cell" in data:
                slices["d_cell"] = _Slice(data["d_cell"], units, units)
            _step_back(emitter, shape, steps, slices, data["panels"], rows, units)
            builder.store(emitter.total(emitter.read(waiting), 1), waiting)
            # The step at the beginning is by itself: what was before it lies elsewhere.
            many = builder.mul(emitter.read(waiting), builder.sub(rows[1], rows[0]))
            enough = builder.icmp_signed(">=", many, emitter.number(_ROWS_OF_A_SUM))
            with builder.if_then(builder.or_(enough, builder.icmp_signed("<=", t, emitter.number(1)))):
                inner = slices["d_inner" if steps.own_inner_gradient else "d_x"]
                extent = rows, emitter.read(waiting), batch
                _add_products(emitter, shape, (slices["hidden_before"], inner), sums["d_kernel"], extent)
                _add_products(emitter, shape, (slices["inputs"], slices["d_x"]), sums["d_input_kernel"], extent)
                builder.store(emitter.number(0), waiting)

    return walk


def _own_sum(emitter: Emitter, frame: Frame, name: str, thread: Any) -> _Slice:
    """Return where a thread adds up its gradient of a kernel."""
    height, columns = frame.size(name, 1), frame.size(name, 2)
    before = emitter.builder.mul(emitter.builder.mul(thread, height), columns)
    return _Slice(emitter.at(frame.data(name), before), columns, columns)


def _add_products(
    emitter: Emitter, shape: Shape, factors: tuple[_Slice, _Slice], into: _Slice, extent: tuple[Rows, Any, Any]
) -> None:
    """Write the sum of outer products, over the last few steps and all rows, of what was multiplied and its gradient."""
    builder, (left, right) = emitter.builder, factors
    (first, last), steps, batch = extent
    rows = builder.sub(last, first)
    left_start = emitter.at(left.start, emitter.times(first, left.row))
    right_start = emitter.at(right.start, emitter.times(first, right.row))
    left_step, right_step = builder.mul(batch, left.row), builder.mul(batch, right.row)

    def panel(some: _Units) -> None:
        add = outer_sum(emitter.module, shape, some.vectors, some.lanes)
        used = builder.sub(right.row, some.first)

        def tile(column: Any, columns: Any) -> None:
            own, across = emitter.at(left_start, column), emitter.at(right_start, some.first)
            result = emitter.at(into.start, emitter.times(column, into.row), some.first)
            sides = [own, left.row, left_step, across, right.row, right_step]
            builder.call(add, [columns, steps, rows, *sides, result, into.row, used])

        in_tiles(emitter, (emitter.number(0), left.row), most_rows(shape, some.vectors), tile)

    _over_panels(emitter, shape, right.row, panel)


def _step_back(
    emitter: Emitter,
    shape: Shape,
    steps: Steps,
    slices: dict[str, _Slice],
    panels: Any,
    rows: Rows,
    units: Any,
) -> None:
    with emitter.loop(*rows) as row:
        _over_vectors(
            emitter, shape, units, lambda some: steps.back(_Place(emitter, slices, row, some))
        )
    gradient, hidden = slices["d_inner" if steps.own_inner_gradient else "d_x"], slices["d_hidden"]

    def panel(some: _Units) -> None:
        multiply = product(emitter.module, shape, some.vectors, some.lanes, onto=True)
        weights = emitter.at(panels, emitter.builder.mul(some.first, gradient.row))

        def tile(first: Any, count: Any) -> None:
            left = emitter.at(gradient.start, emitter.times(first, gradient.row))
            result = emitter.at(hidden.start, emitter.times(first, hidden.row), some.first)
            emitter.builder.call(multiply, [count, gradient.row, left, gradient.row, weights, result, hidden.row])

        in_tiles(emitter, rows, most_rows(shape, some.vectors), tile)

    _over_panels(emitter, shape, units, panel)


def _states(steps: Steps) -> tuple[str, ...]:
    return (*steps.states, *(f"{name}_first" for name in steps.states))


def _over_vectors(emitter: Emitter, shape: Shape, units: Any, body: Callable[[_Units], None]) -> None:
    """Write something for every full vector of units, and for those that are left."""
    full = emitter.builder.sub(units, emitter.builder.srem(units, emitter.number(shape.lanes)))
    with emitter.loop(emitter.number(0), full, shape.lanes) as first:
        body(_Units(first, 1, shape.lanes))
    _over_tail(emitter, shape, units, full, body)


def _over_panels(emitter: Emitter, shape: Shape, units: Any, body: Callable[[_Units], None]) -> None:
    """Write something for every panel of up to `MOST_VECTORS` full vectors, and for the units that are left."""
    builder = emitter.builder
    vectors = builder.sdiv(units, emitter.number(shape.lanes))
    panels = builder.sdiv(emitter.total(vectors, MOST_VECTORS - 1), emitter.number(MOST_VECTORS))
    done = emitter.variable(emitter.number(0))
    with emitter.loop(emitter.number(0), panels) as panel:
        here, left = emitter.read(done), builder.sub(panels, panel)
        count = builder.sdiv(emitter.total(builder.sub(vectors, here), left, -1), left)
        for size in range(1, MOST_VECTORS + 1):
            with builder.if_then(builder.icmp_signed("==", count, emitter.number(size))):
                body(_Units(emitter.times(here, shape.lanes), size, shape.lanes))
        builder.store(builder.add(here, count), done)
    _over_tail(emitter, shape, units, emitter.times(vectors, shape.lanes), body)


def _over_tail(emitter: Emitter, shape: Shape, units: Any, full: Any, body: Callable[[_Units], None]) -> None:
    """Write something for the units behind the last full vector, in the narrowest vector that holds them."""
    builder = emitter.builder
    left, narrower = builder.sub(units, full), 0
    for lanes in shape.tails:
        fits = builder.and_(
            builder.icmp_signed(">", left, emitter.number(narrower)),
            builder.icmp_signed("<=", left, emitter.number(lanes)),
        )
        with builder.if_then(fits):
            body(_Units(full, 1, lanes, emitter.first_lanes(left, lanes)))
        narrower = lanes
