"""Writes what one thread does: of each of its blocks of members take the values, do the steps, give the values back.

A block has as many members as a vector has lanes. Members that are missing in the last one are copies of the last member,
and are not given back.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from llvmlite import ir

from gatewise.recurrent.kernels.emitter import FLOAT, INT, INT32, Emitter, Vector, lanes_of
from gatewise.recurrent.kernels.frames import Frame
from gatewise.recurrent.kernels.threads import Walk
from gatewise.training.small_ensembles.lanes import Lanes
from gatewise.training.small_ensembles.network import STATES, Network, Room
from gatewise.training.small_ensembles.sorting import write_sort
from gatewise.training.small_ensembles.updates import write_update
from gatewise.training.small_ensembles.walks import write_back, write_forward, write_head


def operands(network: Network) -> tuple[list[str], list[str]]:
    """Return the names of the arrays that a call takes and gives, in their order.

    What it both takes and gives is in one place. `shares` holds the first block of each thread, and behind them the number of
    blocks; `extent` the first step, how many steps, the rows of a step and all rows; `factors` a number for each step of the
    epoch, which the learning rate is multiplied with.
    """
    changed = [f"weights_{k}" for k in range(len(network.weights))]
    changed += [f"slot_{slot}_{k}" for slot in range(network.update.slots) for k in range(len(network.weights))]
    changed += [f"state_{k}" for k in range(len(network.states))]
    changed += ["total"]
    given = ["x", "y"]
    given += ["row_weights"] if network.weighted else []
    given += ["bits"] if network.shuffled else []
    return [*given, "shares", "extent", "factors", "rates", *(f"{name}_before" for name in changed)], [
        *changed,
        "bad",
        "scratch",
    ]


class _Functions(NamedTuple):
    """The functions of one network, by the rows of a tile, and those without tiles."""

    forward: dict[int, list[Any]]
    back: dict[int, list[Any]]
    head: Any
    update: Any
    sort: Any


def write_functions(module: Any, room: Room, lanes: int) -> _Functions:
    """Write everything that a step calls."""
    network = room.network
    layers = range(len(network.layers))
    tiles = sorted({1, network.tile})
    return _Functions(
        {rows: [write_forward(module, room, lanes, index, rows) for index in layers] for rows in tiles},
        {rows: [write_back(module, room, lanes, index, rows) for index in layers] for rows in tiles},
        write_head(module, room, lanes),
        write_update(module, room, lanes),
        write_sort(module, lanes) if network.shuffled else None,
    )


def training(room: Room, functions: _Functions, width: int) -> Walk:
    """Return what writes the work of one thread."""

    def walk(emitter: Emitter, frame: Frame, share: tuple[Any, Any], thread: Any) -> None:
        size = frame.size("scratch", 1)
        scratch = emitter.at(frame.data("scratch"), emitter.times(thread, size))
        with emitter.loop(*share) as number:
            block = _Block(emitter, frame, room, (scratch, number), width)
            block.take()
            if functions.sort is not None:
                block.sort(functions.sort)
            bad = _steps(block, functions)
            block.give(bad)

    return walk


class _Block:
    """One block of members, in the function under way."""

    def __init__(self, emitter: Emitter, frame: Frame, room: Room, where: tuple[Any, Any], width: int) -> None:
        self.emitter = emitter
        self.builder = emitter.builder
        self.lanes = Lanes(emitter, width)
        self.frame = frame
        self.room = room
        self.network = room.network
        self.start, self.number = where
        extent = frame.data("extent")
        wide = [emitter.builder.load(emitter.at(extent, emitter.number(k)), typ=INT32, align=4) for k in range(4)]
        self.first_step, self.steps, self.batch, self.samples = (emitter.builder.sext(one, INT) for one in wide)
        self.members = frame.size("rates", 0)
        # Where the keys and the numbers of the rows are sorted.
        self.keys = self.row(self.batch)
        self.order = self.lanes.at(self.keys, self.samples)

    def row(self, number: Any) -> Any:
        """Return where a row of the batch begins."""
        return self.lanes.at(self.start, self.room.rows, self.lanes.times(number, self.room.row))

    @contextmanager
    def each_member(self, real: bool = False) -> Iterator[tuple[Any, Any]]:
        """Repeat what is written inside for each lane and its member; `real` leaves out lanes that have none of their own."""
        builder, emitter = self.builder, self.emitter
        before = emitter.times(self.number, self.lanes.lanes)
        left = builder.sub(self.members, before)
        full = emitter.number(self.lanes.lanes)
        stop = builder.select(builder.icmp_signed("<", left, full), left, full) if real else full
        with emitter.loop(emitter.number(0), stop) as lane:
            member, last = builder.add(before, lane), emitter.total(self.members, -1)
            yield lane, builder.select(builder.icmp_signed("<", member, last), member, last)

    def _arrays(self) -> list[tuple[str, int, int]]:
        """Return name, place and size of all arrays that are the same for all rows."""
        found, sizes = [], self.network.weights
        for k, size in enumerate(sizes):
            start = sum(sizes[:k])
            found.append((f"weights_{k}", start, size))
            found += [(f"slot_{slot}_{k}", place + start, size) for slot, place in enumerate(self.room.slots)]
        return found

    def _states(self) -> list[tuple[str, int, int, bool]]:
        """Return name, place after the last step, units and whether it is carried, of all states that are values."""
        found: list[tuple[str, int, int, bool]] = []
        for layer, places in zip(self.network.layers, self.room.layers, strict=True):
            for name in ("hidden", "cell")[: STATES[layer.cell]] if layer.stateful else ():
                last = places[name] + self.network.time * layer.units
                found.append((f"state_{len(found)}", last, layer.units, self.network.carries))
        return found

    # -- in and out ---------------------------------------------------------------------------------------------------

    def take(self) -> None:
        """Write: all values of the members into the block."""
        emitter, lanes, data = self.emitter, self.lanes, self.frame.data
        with self.each_member() as (lane, member):
            for name, place, size in self._arrays():
                source = emitter.at(data(name), emitter.times(member, size))
                lanes.copy((emitter.at(lanes.at(self.start, place), lane), lanes.lanes), (source, 1), size)
            rate = emitter.at(lanes.at(self.start, self.room.rate), lane)
            lanes.copy((rate, lanes.lanes), (emitter.at(data("rates"), member), 1), 1)
            with emitter.loop(emitter.number(0), self.batch) as row:
                for name, place, units, carried in self._states():
                    if carried:
                        source = emitter.at(data(name), self._state(member, row, units))
                        to = emitter.at(lanes.at(self.row(row), place), lane)
                        lanes.copy((to, lanes.lanes), (source, 1), units)
        with emitter.loop(emitter.number(0), self.batch) as row:
            self._zeros(row)

    def _state(self, member: Any, row: Any, units: int) -> Any:
        emitter = self.emitter
        return emitter.times(self.builder.add(emitter.times(member, self.batch), row), units)

    def _zeros(self, row: Any) -> None:
        """Write zeros where layers that do not carry their state begin."""
        for layer, places in zip(self.network.layers, self.room.layers, strict=True):
            if not (layer.stateful and self.network.carries):
                for name in ("hidden", "cell")[: STATES[layer.cell]]:
                    with self.lanes.loop(layer.units) as unit:
                        self.lanes.store(self.lanes.constant(0.0), self.row(row), places[name], unit)

    def sort(self, function: Any) -> None:
        """Write: the order of the rows, each member's own."""
        emitter, builder, lanes = self.emitter, self.builder, self.lanes
        bits = self.frame.data("bits")
        with self.each_member() as (lane, member), emitter.loop(emitter.number(0), self.samples) as row:
            source = emitter.at(bits, emitter.times(member, self.samples), row)
            place = emitter.total(emitter.times(row, lanes.lanes), lane)
            builder.store(builder.load(source, typ=INT32, align=4), emitter.at(self.keys, place), align=4)
            builder.store(builder.trunc(row, INT32), emitter.at(self.order, place), align=4)
        builder.call(function, [self.keys, self.order, self.samples])

    def fetch(self, row: Any, sample: Any) -> None:
        """Write: one row of the batch, inputs, target and weight, each member its own."""
        emitter, builder, lanes = self.emitter, self.builder, self.lanes
        sizes = {"x": self.network.time * self.network.layers[0].features, "y": self.network.targets, "row_weights": 1}
        places = {"x": self.room.x, "y": self.room.y, "row_weights": self.room.weight}
        with self.each_member() as (lane, member):
            index = sample
            if self.network.shuffled:
                place = emitter.total(emitter.times(sample, lanes.lanes), lane)
                index = builder.sext(builder.load(emitter.at(self.order, place), typ=INT32, align=4), INT)
            if self.network.member_data:
                index = builder.add(index, emitter.times(member, self.samples))
            for name, size in sizes.items():
                if name in self.frame:
                    source = emitter.at(self.frame.data(name), emitter.times(index, size))
                    to = emitter.at(lanes.at(self.row(row), places[name]), lane)
                    lanes.copy((to, lanes.lanes), (source, 1), size)

    def give(self, results: tuple[Any, Any]) -> None:
        """Write: all values back to where they came from, with the sum of the losses and the first bad step."""
        emitter, builder, lanes, data = self.emitter, self.builder, self.lanes, self.frame.data
        with self.each_member(real=True) as (lane, member):
            for name, place, size in self._arrays():
                to = emitter.at(data(name), emitter.times(member, size))
                lanes.copy((to, 1), (emitter.at(lanes.at(self.start, place), lane), lanes.lanes), size)
            with emitter.loop(emitter.number(0), self.batch) as row:
                for name, place, units, _ in self._states():
                    to = emitter.at(data(name), self._state(member, row, units))
                    lanes.copy((to, 1), (emitter.at(lanes.at(self.row(row), place), lane), lanes.lanes), units)
            for name, place, kind in zip(("total", "bad"), results, (FLOAT, INT32), strict=True):
                value = builder.load(emitter.at(place, lane), typ=kind, align=4)
                if name == "total":
                    value = builder.fadd(value, builder.load(emitter.at(data(name), member), typ=kind, align=4))
                builder.store(value, emitter.at(data(name), member), align=4)


def _steps(block: _Block, functions: _Functions) -> tuple[Any, Any]:
    """Write all steps of a block; return where the sum of the losses and the number of the first bad step are."""
    emitter, builder, lanes, room = block.emitter, block.builder, block.lanes, block.room
    numbers = ir.VectorType(INT32, lanes.lanes)
    total = emitter.variable(lanes.constant(0.0).value)
    bad = emitter.variable(ir.Constant(numbers, [-1] * lanes.lanes))
    with emitter.loop(emitter.number(0), block.steps) as done:
        step = builder.add(block.first_step, done)
        first = builder.mul(step, block.batch)
        left = builder.sub(block.samples, first)
        rows = builder.select(builder.icmp_signed("<", left, block.batch), left, block.batch)
        number = builder.sitofp(rows, FLOAT)
        _prepare(block, step, number)
        _all_rows(block, functions, first, rows)
        builder.call(functions.update, [block.start, rows])
        loss = lanes.load(block.start, room.loss)
        before = Vector(emitter, builder.load(total, typ=lanes_of(lanes.lanes)))
        builder.store(loss.times_plus(_spread(lanes, number), before).value, total)
        finite = builder.fcmp_ordered("==", (loss - loss).value, lanes.constant(0.0).value)
        known = builder.load(bad, typ=numbers)
        none = builder.icmp_signed("<", known, ir.Constant(numbers, [0] * lanes.lanes))
        now = _spread_number(lanes, builder.trunc(done, INT32))
        found = builder.select(finite, known, now)
        builder.store(builder.select(none, found, known), bad)
    return total, bad


def _prepare(block: _Block, step: Any, rows: Any) -> None:
    """Write what a step needs of each member: the size of its update, the share of a row in the loss, and a loss of 0."""
    emitter, builder, lanes, room = block.emitter, block.builder, block.lanes, block.room
    factor = lanes.spread(emitter.at(block.frame.data("factors"), step))
    lanes.store(lanes.load(block.start, room.rate) * factor, block.start, room.alpha)
    count = builder.fmul(rows, ir.Constant(FLOAT, float(block.network.outputs)))
    lanes.store(_spread(lanes, builder.fdiv(ir.Constant(FLOAT, 1.0), count)), block.start, room.scale)
    lanes.store(lanes.constant(0.0), block.start, room.loss)


def _all_rows(block: _Block, functions: _Functions, first: Any, rows: Any) -> None:
    """Write the walks of all rows of a step, tile by tile, forward and back."""
    emitter, builder, tile = block.emitter, block.builder, block.network.tile
    whole = builder.sub(rows, builder.srem(rows, emitter.number(tile)))
    with emitter.loop(emitter.number(0), whole, tile) as row:
        _tile(block, functions, (first, row), tile)
    if tile > 1:
        with emitter.loop(whole, rows) as row:
            _tile(block, functions, (first, row), 1)


def _tile(block: _Block, functions: _Functions, where: tuple[Any, Any], rows: int) -> None:
    builder, (first, row) = block.builder, where
    for more in range(rows):
        here = block.lanes.plus(row, more)
        block.fetch(here, builder.add(first, here))
        _carry(block, here)
    start = block.row(row)
    for walk in functions.forward[rows]:
        builder.call(walk, [block.start, start])
    for more in range(rows):
        builder.call(functions.head, [block.start, block.row(block.lanes.plus(row, more))])
    for walk in reversed(functions.back[rows]):
        builder.call(walk, [block.start, start])


def _carry(block: _Block, row: Any) -> None:
    """Write: the states after the last step become those before the first one."""
    place = block.row(row)
    for _, last, units, carried in block._states():
        if carried:
            start = last - block.network.time * units
            with block.lanes.loop(units) as unit:
                block.lanes.store(block.lanes.load(place, last, unit), place, start, unit)


def _spread(lanes: Lanes, number: Any) -> Vector:
    place = lanes.emitter.variable(number)
    return lanes.spread(place)


def _spread_number(lanes: Lanes, number: Any) -> Any:
    kind = ir.VectorType(INT32, lanes.lanes)
    undefined = ir.Constant(kind, ir.Undefined)
    one = lanes.builder.insert_element(undefined, number, ir.Constant(INT32, 0))
    return lanes.builder.shuffle_vector(one, undefined, ir.Constant(kind, [0] * lanes.lanes))
