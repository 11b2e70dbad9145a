"""The matrix products of a step: a few rows times a panel of packed weights, all sums in registers.

A panel holds, for each of `depth` inputs, some vectors of weights side by side. A tile of rows keeps one sum a row and
vector in registers; for every input it loads the panel's vectors once and each row's number once, spread over the lanes.
How many rows a tile has depends on the registers: LSTM's four gates by six rows are 24 sums, which with four vectors of
weights and a spread number nearly fill the 32 of AVX-512 and NEON.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from gatewise.recurrent.kernels.emitter import INT, POINTER, Emitter, Vector
from gatewise.recurrent.kernels.target import Shape

# A panel of units side by side has at most as many vectors as LSTM has gates.
MOST_VECTORS = 4
# More rows than this add code and no speed: the sums are already enough to hide what a multiplication takes.
_MOST_ROWS = 8


def most_rows(shape: Shape, vectors: int) -> int:
    """Return how many rows a tile has whose panel has so many vectors."""
    # Besides the sums: the panel's vectors, and two registers for what is on its way.
    return max(1, min(_MOST_ROWS, (shape.registers - vectors - 2) // vectors))


def in_tiles(emitter: Emitter, rows: tuple[Any, Any], most: int, body: Callable[[Any, Any], None]) -> None:
    """Cut rows into as few tiles as possible, nearly equal ones, and write `body(first row, rows)` for them."""
    builder, (first, last) = emitter.builder, rows
    tiles = builder.sdiv(emitter.total(builder.sub(last, first), most - 1), emitter.number(most))
    row, left = emitter.variable(first), emitter.variable(tiles)
    with emitter.repeated(lambda: builder.icmp_signed("<", emitter.read(row), last)):
        here, tiles = emitter.read(row), emitter.read(left)
        missing = emitter.total(builder.sub(last, here), tiles, -1)
        count = builder.sdiv(missing, tiles)
        body(here, count)
        builder.store(emitter.total(here, count), row)
        builder.store(emitter.total(tiles, -1), left)


def product(module: Any, shape: Shape, vectors: int, lanes: int, onto: bool) -> Any:
    """Write, or find, the function for panels of so many vectors of so many lanes.

    Its arguments are: rows, depth, the left matrix and the distance between its rows, the panel, the result and the
    distance between its rows.

    Args:
        module: Where the function goes.
        shape: The vectors of the processor.
        vectors: Vectors of a panel.
        lanes: Floats of a vector.
        onto: Whether the product is added to what is in the result.
    """
    name = f"product_{vectors}x{lanes}{'_onto' if onto else ''}"
    if name in module.globals:
        return module.globals[name]
    emitter = Emitter(module, name, [INT, INT, POINTER, INT, POINTER, POINTER, INT])
    builder, function = emitter.builder, emitter.function
    cases = [(rows, function.append_basic_block(f"rows_{rows}")) for rows in range(1, most_rows(shape, vectors) + 1)]
    choice = builder.switch(emitter.arguments[0], cases[-1][1])
    for rows, block in cases:
        if block is not cases[-1][1]:
            choice.add_case(emitter.number(rows), block)
        builder.position_at_end(block)
        _tile(emitter, rows, vectors, lanes, onto)
        builder.ret_void()
    return function


def _tile(emitter: Emitter, rows: int, vectors: int, lanes: int, onto: bool) -> None:
    builder = emitter.builder
    _, depth, left, left_stride, panel, result, stride = emitter.arguments
    places = [
        [emitter.at(result, emitter.times(stride, row), emitter.number(lanes * column)) for column in range(vectors)]
        for row in range(rows)
    ]
    zero = emitter.constant(0.0, lanes)
    sums = [
        [emitter.variable((emitter.load(place, lanes) if onto else zero).value) for place in line] for line in places
    ]
    with emitter.loop(emitter.number(0), depth) as k:
        weights = [
            emitter.load(emitter.at(panel, emitter.times(k, vectors * lanes), emitter.number(lanes * column)), lanes)
            for column in range(vectors)
        ]
        for row in range(rows):
            number = emitter.spread(emitter.at(left, emitter.times(left_stride, row), k), lanes)
            for column in range(vectors):
                before = Vector(emitter, emitter.read(sums[row][column], zero.value.type))
                builder.store(number.times_plus(weights[column], before).value, sums[row][column])
    for row in range(rows):
        for column in range(vectors):
            value = Vector(emitter, emitter.read(sums[row][column], zero.value.type))
            emitter.store(value, places[row][column])


def outer_sum(module: Any, shape: Shape, vectors: int, lanes: int) -> Any:
    """Write, or find, the function that adds to a matrix the outer products of many rows of two others.

    The rows are those of some steps: of each, `rows` from its first on. Its arguments are: columns of the left matrix,
    steps, rows, then for left and right each the first row, the distance of rows and the distance of steps, then the
    result and the distance of its rows, and how many lanes of the right matrix are in use.

    Args:
        module: Where the function goes.
        shape: The vectors of the processor.
        vectors: How many vectors of the right matrix.
        lanes: Floats of a vector; where that is not a full vector, or not all of it is in use, `vectors` is 1.
    """
    name = f"outer_sum_{vectors}x{lanes}"
    if name in module.globals:
        return module.globals[name]
    kinds = [INT, INT, INT, POINTER, INT, INT, POINTER, INT, INT, POINTER, INT, INT]
    emitter = Emitter(module, name, kinds)
    builder, function = emitter.builder, emitter.function
    cases = [(columns, function.append_basic_block()) for columns in range(1, most_rows(shape, vectors) + 1)]
    choice = builder.switch(emitter.arguments[0], cases[-1][1])
    for columns, block in cases:
        if block is not cases[-1][1]:
            choice.add_case(emitter.number(columns), block)
        builder.position_at_end(block)
        _outer_tile(emitter, columns, vectors, lanes)
        builder.ret_void()
    return function


def _outer_tile(emitter: Emitter, columns: int, vectors: int, lanes: int) -> None:
    builder, kind = emitter.builder, emitter.constant(0.0, lanes).value.type
    _, steps, rows, left, left_row, left_step, right, right_row, right_step, result, stride, used = emitter.arguments
    # Only a single vector can have lanes that are not in use.
    mask = emitter.first_lanes(used, lanes) if vectors == 1 else None
    places = [
        [emitter.at(result, emitter.times(stride, column), emitter.number(lanes * v)) for v in range(vectors)]
        for column in range(columns)
    ]
    sums = [[emitter.variable(emitter.load(place, lanes).value) for place in line] for line in places]
    with emitter.loop(emitter.number(0), steps) as step, emitter.loop(emitter.number(0), rows) as row:
        here = emitter.at(right, emitter.times(step, right_step), emitter.times(row, right_row))
        across = [emitter.load(emitter.at(here, emitter.number(lanes * v)), lanes, mask) for v in range(vectors)]
        own = emitter.at(left, emitter.times(step, left_step), emitter.times(row, left_row))
        for column in range(columns):
            number = emitter.spread(emitter.at(own, emitter.number(column)), lanes)
            for v in range(vectors):
                before = Vector(emitter, emitter.read(sums[column][v], kind))
                builder.store(number.times_plus(across[v], before).value, sums[column][v])
    for column in range(columns):
        for v in range(vectors):
            emitter.store(Vector(emitter, emitter.read(sums[column][v], kind)), places[column][v])


# -- packed weights ---------------------------------------------------------------------------------------------------


def tail_lanes(shape: Shape, units: int) -> int:
    """Return the lanes of the narrowest vector that holds the units left after the full vectors; 0 where none is left."""
    left = units % shape.lanes
    return next(lanes for lanes in shape.tails if lanes >= left) if left else 0


def padded(shape: Shape, units: int) -> int:
    """Return how many units the full vectors and the tail have room for."""
    return units - units % shape.lanes + tail_lanes(shape, units)


def packed_gates(shape: Shape, kernel: Any, gates: int) -> Any:
    """Pack ``(depth, gates * units)`` into one panel for each vector of units, which holds that vector of every gate."""
    depth = kernel.shape[0]
    by_gate = kernel.reshape(depth, gates, -1)
    units = by_gate.shape[-1]
    full, lanes = units - units % shape.lanes, tail_lanes(shape, units)
    panels = by_gate[..., :full].reshape(depth, gates, full // shape.lanes, shape.lanes)
    parts = [panels.transpose(2, 0, 1, 3).reshape(-1)]
    if lanes:
        parts.append(jnp.pad(by_gate[..., full:], ((0, 0), (0, 0), (0, full + lanes - units))).reshape(-1))
    return jnp.concatenate(parts)


def packed_units(shape: Shape, kernel: Any) -> Any:
    """Pack ``(depth, units)`` into panels of up to `MOST_VECTORS` vectors, and one for the tail."""
    units = kernel.shape[1]
    full, lanes = units - units % shape.lanes, tail_lanes(shape, units)
    parts, start = [], 0
    for vectors in panel_sizes(full // shape.lanes):
        stop = start + vectors * shape.lanes
        parts.append(kernel[:, start:stop].reshape(-1))
        start = stop
    if lanes:
        parts.append(jnp.pad(kernel[:, full:], ((0, 0), (0, full + lanes - units))).reshape(-1))
    return jnp.concatenate(parts) if parts else jnp.zeros((0,), kernel.dtype)


def panel_sizes(vectors: int) -> list[int]:
    """Cut vectors into as few panels as possible, nearly equal ones; `over_panels` in `places` does the same."""
    sizes: list[int] = []
    for left in range(-(-vectors // MOST_VECTORS), 0, -1):
        sizes.append(-(-(vectors - sum(sizes)) // left))
    return sizes
