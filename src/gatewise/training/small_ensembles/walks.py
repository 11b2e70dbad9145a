"""Writes the walks of one layer over the time steps of a few rows, forward and back, and the Dense layer with the loss.

Every function takes the address of a block of members and that of the first of its rows; see `network.Room`.
"""

from typing import Any

from gatewise.recurrent.kernels.emitter import POINTER, Emitter, Vector
from gatewise.training.small_ensembles.cells import (
    BACK,
    BOTH,
    FORWARD,
    GIVEN,
    INNER,
    THROUGH_RESET,
    Gate,
    Run,
    Sums,
    before_reset_back,
    inner_runs,
)
from gatewise.training.small_ensembles.lanes import Lanes
from gatewise.training.small_ensembles.network import BIASES, KEPT, Layer, Room, unit_tile

# Sums in registers at once: enough to hide what a multiplication takes.
_SUMS = 8
# What has a place before the first step.
_STATES = ("hidden", "cell")


class Where:
    """One row of one layer in one time step.

    Args:
        lanes: The function under way.
        room: The layout.
        index: Number of the layer.
        row: Address of the row.
        t: The time step.
    """

    def __init__(self, lanes: Lanes, room: Room, index: int, row: Any, t: Any) -> None:
        self.lanes = lanes
        self.layer: Layer = room.network.layers[index]
        self.row = row
        self.t = t
        self._starts = room.layers[index]
        self.unit: Any = 0

    def place(self, name: str, part: int = 0, unit: Any = 0) -> Any:
        """Return where the numbers of this step begin, or those of one unit; states with ``_before`` are the last step's."""
        plain, units = name.removesuffix("_before"), self.layer.units
        start, moving = self._starts[plain] + part * units, [unit]
        if plain in _STATES:
            start += 0 if name != plain else units
        if plain not in ("d_hidden", "d_cell"):
            moving.append(self.lanes.times(self.t, units * (KEPT[self.layer.cell] if plain == "kept" else 1)))
        return self.lanes.at(self.row, start, *moving)

    def read(self, name: str, part: int = 0) -> Vector:
        """See `cells.Unit`."""
        return self.lanes.load(self.place(name, part, self.unit))

    def write(self, name: str, value: Vector, part: int = 0) -> None:
        """See `cells.Unit`."""
        self.lanes.store(value, self.place(name, part, self.unit))


def _inputs(lanes: Lanes, room: Room, index: int, where: Where) -> Any:
    """Return where the inputs of a step begin: those of the row, or the outputs of the layer below."""
    if index == 0:
        return lanes.at(where.row, room.x, lanes.times(where.t, where.layer.features))
    return Where(lanes, room, index - 1, where.row, where.t).place("hidden")


def write_forward(module: Any, room: Room, width: int, index: int, rows: int) -> Any:
    """Write the walk forward of a layer over all time steps of so many rows."""
    emitter = Emitter(module, f"forward_{index}_{rows}", [POINTER, POINTER])
    lanes = Lanes(emitter, width)
    layer = room.network.layers[index]
    with lanes.loop(room.network.time) as t:
        wheres = _rows(lanes, room, index, rows, t)
        for sums, write in FORWARD[layer.cell]:
            tile = unit_tile(layer.units, _SUMS // (len(sums) * rows))
            with lanes.loop(layer.units, step=tile) as unit:
                values = _gate_sums(lanes, room, index, wheres, sums, [lanes.plus(unit, k) for k in range(tile)])
                for where, of_row in zip(wheres, values, strict=True):
                    for k, of_unit in enumerate(of_row):
                        where.unit = lanes.plus(unit, k)
                        write(where, Gate(lanes, layer.slope), of_unit)
    return emitter.done()


def _rows(lanes: Lanes, room: Room, index: int, rows: int, t: Any) -> list[Where]:
    row = lanes.emitter.arguments[1]
    return [Where(lanes, room, index, lanes.at(row, k * room.row), t) for k in range(rows)]


def _gate_sums(
    lanes: Lanes, room: Room, index: int, wheres: list[Where], sums: Sums, units: list[Any]
) -> list[list[list[Vector]]]:
    """Return, for each row and unit, the sums of the products that a step asks for."""
    layer, block = room.network.layers[index], lanes.emitter.arguments[0]
    kernel, recurrent, bias = room.weights[index]
    columns = [lanes.plus(unit, gate * layer.units) for unit in units for gate, _ in sums]
    kinds = [kind for _ in units for _, kind in sums]
    starts = [_bias(lanes, layer, bias, column, kind) for column, kind in zip(columns, kinds, strict=True)]
    variables = [lanes.sums(starts) for _ in wheres]

    def add(which: tuple[str, ...], lefts: list[Any], weights: int, length: int) -> None:
        chosen = [k for k, kind in enumerate(kinds) if kind in which]
        if chosen:
            rights = [lanes.at(block, weights, columns[k]) for k in chosen]
            places = [of_row[k] for of_row in variables for k in chosen]
            lanes.add_products(places, lefts, rights, (1, layer.columns), length)

    add((BOTH, GIVEN, THROUGH_RESET), [_inputs(lanes, room, index, where) for where in wheres], kernel, layer.features)
    before = [where.place("hidden_before") for where in wheres]
    add((BOTH, INNER), before, recurrent, layer.units)
    if layer.cell == "gru_before":
        add((THROUGH_RESET,), [where.place("reset") for where in wheres], recurrent, layer.units)
    many = len(sums)
    return [[lanes.read(of_row[k * many : (k + 1) * many]) for k in range(len(units))] for of_row in variables]


def _bias(lanes: Lanes, layer: Layer, bias: int, column: Any, kind: str) -> Vector:
    block = lanes.emitter.arguments[0]
    if BIASES[layer.cell] == 1:
        return lanes.load(block, bias, column)
    parts = {GIVEN: (0,), INNER: (1,), BOTH: (0, 1)}[kind]
    first, *others = (lanes.load(block, bias + part * layer.columns, column) for part in parts)
    return first + others[0] if others else first


# -- back -------------------------------------------------------------------------------------------------------------


def write_back(module: Any, room: Room, width: int, index: int, rows: int) -> Any:
    """Write the walk back of a layer; what the steps kept becomes the gradients of their gates."""
    emitter = Emitter(module, f"back_{index}_{rows}", [POINTER, POINTER])
    lanes, builder, time = Lanes(emitter, width), emitter.builder, room.network.time
    layer, last = room.network.layers[index], index == len(room.network.layers) - 1
    _begin_back(lanes, _rows(lanes, room, index, rows, time - 1), from_above=not last)
    with lanes.loop(time) as passed:
        t = time - 1 - passed if isinstance(passed, int) else builder.sub(emitter.number(time - 1), passed)
        wheres = _rows(lanes, room, index, rows, t)
        gate = Gate(lanes, layer.slope)
        with lanes.loop(layer.units) as unit:
            for where in wheres:
                where.unit = unit
                BACK[layer.cell](where, gate)
        if layer.cell == "gru_before":
            _back_through_reset(lanes, room, index, wheres)
        if time > 1:
            with builder.if_then(builder.icmp_signed(">", t, emitter.number(0))):
                _back_in_time(lanes, room, index, wheres, from_above=not last)
        if index > 0:
            _back_down(lanes, room, index, wheres)
    return emitter.done()


def _begin_back(lanes: Lanes, wheres: list[Where], from_above: bool) -> None:
    for where in wheres:
        with lanes.loop(where.layer.units) as unit:
            where.unit = unit
            if from_above:
                where.write("d_hidden", where.read("d_outputs"))
            if where.layer.cell == "lstm":
                where.write("d_cell", lanes.constant(0.0))


def _tile(lanes: Lanes, count: int, rows: int) -> tuple[Any, int]:
    tile = unit_tile(count, _SUMS // (2 * rows))
    return lanes.loop(count, step=tile), tile


def _through(
    lanes: Lanes, room: Room, index: int, wheres: list[Where], sums: list[Any], runs: list[Run], first: Any
) -> None:
    """Add to the sums of some units of h the products of gradients with the recurrent kernel's rows of those units."""
    layer, block = room.network.layers[index], lanes.emitter.arguments[0]
    tile = len(sums) // len(wheres)
    for run in runs:
        rights = [
            lanes.at(
                block,
                room.weights[index][1] + run.gate * layer.units,
                lanes.times(lanes.plus(first, k), layer.columns),
            )
            for k in range(tile)
        ]
        lefts = [where.place("kept", run.part) for where in wheres]
        lanes.add_products(sums, lefts, rights, (1, 1), run.gates * layer.units)


def _back_in_time(lanes: Lanes, room: Room, index: int, wheres: list[Where], from_above: bool) -> None:
    """Write the gradient of the state before: through the recurrent kernel, beside it, and from the layer above."""
    layer = room.network.layers[index]
    loop, tile = _tile(lanes, layer.units, len(wheres))
    before = [Where(lanes, room, index, where.row, lanes.plus(where.t, -1)) for where in wheres]
    with loop as first:
        starts = []
        for where, earlier in zip(wheres, before, strict=True):
            for k in range(tile):
                where.unit = earlier.unit = lanes.plus(first, k)
                start = where.read("d_hidden") if layer.cell.startswith("gru") else lanes.constant(0.0)
                starts.append(start + earlier.read("d_outputs") if from_above else start)
        sums = lanes.sums(starts)
        _through(lanes, room, index, wheres, sums, [run for run in inner_runs(layer) if run.left == "hidden"], first)
        for k, value in enumerate(lanes.read(sums)):
            where = wheres[k // tile]
            where.unit = lanes.plus(first, k % tile)
            where.write("d_hidden", value)


def _back_through_reset(lanes: Lanes, room: Room, index: int, wheres: list[Where]) -> None:
    layer = room.network.layers[index]
    loop, tile = _tile(lanes, layer.units, len(wheres))
    with loop as first:
        sums = lanes.sums([lanes.constant(0.0)] * (tile * len(wheres)))
        _through(lanes, room, index, wheres, sums, [run for run in inner_runs(layer) if run.left == "reset"], first)
        for k, value in enumerate(lanes.read(sums)):
            where = wheres[k // tile]
            where.unit = lanes.plus(first, k % tile)
            before_reset_back(where, Gate(lanes, layer.slope), value)


def _back_down(lanes: Lanes, room: Room, index: int, wheres: list[Where]) -> None:
    """Write the gradient of the outputs of the layer below."""
    layer, block = room.network.layers[index], lanes.emitter.arguments[0]
    loop, tile = _tile(lanes, layer.features, len(wheres))
    with loop as first:
        sums = lanes.sums([lanes.constant(0.0)] * (tile * len(wheres)))
        rights = [
            lanes.at(block, room.weights[index][0], lanes.times(lanes.plus(first, k), layer.columns))
            for k in range(tile)
        ]
        lanes.add_products(sums, [where.place("kept") for where in wheres], rights, (1, 1), layer.columns)
        for k, value in enumerate(lanes.read(sums)):
            below = Where(lanes, room, index - 1, wheres[k // tile].row, wheres[k // tile].t)
            below.unit = lanes.plus(first, k % tile)
            below.write("d_outputs", value)


# -- the Dense layer and the loss -------------------------------------------------------------------------------------


def write_head(module: Any, room: Room, width: int) -> Any:
    """Write the Dense layer of one row, its loss, and their gradient."""
    emitter = Emitter(module, "head", [POINTER, POINTER])
    lanes, network = Lanes(emitter, width), room.network
    block, row = emitter.arguments
    outputs, units = network.outputs, network.layers[-1].units
    top = Where(lanes, room, len(network.layers) - 1, row, network.time - 1)
    kernel, bias = room.head
    scale = lanes.load(block, room.scale)
    if network.weighted:
        scale = scale * lanes.load(row, room.weight)

    def write_output(output: Any, target: Any, level: float) -> None:
        sums = lanes.sums([lanes.load(block, bias, output)])
        lanes.add_products(sums, [top.place("hidden")], [lanes.at(block, kernel, output)], (1, outputs), units)
        error = lanes.read(sums)[0] - lanes.load(row, room.y, target)
        loss, gradient = _LOSSES[network.loss](lanes, error, level)
        lanes.store(loss.times_plus(scale, lanes.load(block, room.loss)), block, room.loss)
        lanes.store(gradient * scale, row, room.d_y, output)

    if len(network.levels) > 1:
        for output, level in enumerate(network.levels):
            write_output(output, 0, level)
    else:
        with lanes.loop(outputs) as output:
            write_output(output, output, *network.levels or (0.5,))
    tile = unit_tile(units, _SUMS // 2)
    with lanes.loop(units, step=tile) as first:
        sums = lanes.sums([lanes.constant(0.0)] * tile)
        rights = [lanes.at(block, kernel, lanes.times(lanes.plus(first, k), outputs)) for k in range(tile)]
        lanes.add_products(sums, [lanes.at(row, room.d_y)], rights, (1, 1), outputs)
        for k, value in enumerate(lanes.read(sums)):
            top.unit = lanes.plus(first, k)
            top.write("d_hidden", value)
    return emitter.done()


def _squared(lanes: Lanes, error: Vector, _: float) -> tuple[Vector, Vector]:
    return error * error, error + error


def _absolute(lanes: Lanes, error: Vector, _: float) -> tuple[Vector, Vector]:
    # The sign of 0 is 0, and that of NaN is NaN.
    sign = _by_sign(lanes, error, 1.0, -1.0, error)
    return error * sign, sign


def _pinball(lanes: Lanes, error: Vector, level: float) -> tuple[Vector, Vector]:
    # At 0 it is what JAX takes for the gradient of the larger of two equals: the mean of both.
    slope = _by_sign(lanes, error, 1 - level, -level, error + (0.5 - level))
    return error * slope, slope


def _by_sign(lanes: Lanes, error: Vector, above: float, below: float, otherwise: Vector) -> Vector:
    """Return one number where the error is above 0, another below, and something else at 0 and NaN."""
    zero, high, low = (lanes.constant(value) for value in (0.0, above, below))
    return lanes.chosen(">", error, zero, high, lanes.chosen("<", error, zero, low, otherwise))


_LOSSES = {"mse": _squared, "mae": _absolute, "pinball": _pinball}
