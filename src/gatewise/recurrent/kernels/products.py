"""The matrix products of a step: a few rows times a panel of packed weights, all sums in registers.

A panel holds, for each of `depth` inputs, some vectors of weights side by side. A tile of rows keeps one sum a row and
vector in registers; for every input it loads the panel's vectors once and each row's number once, spread over the lanes.
How many rows a tile has depends on the registers: LSTM's four gates by six rows are 24 sums, which with four vectors of
weights and a spread number nearly fill the 32 of AVX-512 and NEON.
"""

import functools
import operator
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from gatewise.recurrent.kernels.emitter import INT, POINTER, Emitter, Vector, lanes_of
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


def forward_product(module: Any, shape: Shape, size: tuple[int, int], factors: int, apart: bool) -> Any:
    """Write, or find, the function for panels of a size.

    It multiplies the rows of one left matrix, or of two whose products it adds up. Its arguments are: how many rows, their
    numbers, for each factor the left matrix, the distance between its rows, how many numbers a row has and the panel of
    weights, then what the sums begin with, and the result, whose rows have no gaps.

    Args:
        module: Where the function goes.
        shape: The vectors of the processor.
        size: Vectors of a panel, and their lanes.
        factors: How many left matrices.
        apart: Whether each vector of a panel has numbers of its own in the left matrices, side by side for each input.
    """
    vectors, lanes = size
    name = f"forward_product_{vectors}x{lanes}_of_{factors}{'_apart' if apart else ''}"
    kinds = [INT, POINTER, *(factors * [POINTER, INT, INT, POINTER]), POINTER, POINTER]
    most = most_rows(shape, vectors)
    return by_cases(module, name, kinds, most, lambda emitter, rows: _forward_tile(emitter, rows, size, apart))


def _forward_tile(emitter: Emitter, rows: int, size: tuple[int, int], apart: bool) -> None:
    _, numbers, *factors, begin, result = emitter.arguments
    vectors, lanes = size
    row_numbers = [emitter.index(numbers, emitter.number(row)) for row in range(rows)]
    first = [emitter.load(emitter.at(begin, lanes * column), lanes) for column in range(vectors)]
    sums = Sums(emitter, [list(first) for _ in range(rows)])
    for left, distance, depth, panel in zip(*(factors[k::4] for k in range(4)), strict=True):
        lefts = [emitter.at(left, emitter.builder.mul(number, distance)) for number in row_numbers]
        sums.multiply(lefts, depth, panel, apart)
    sums.write([emitter.at(result, row * vectors * lanes) for row in range(rows)])


def back_product(module: Any, shape: Shape, vectors: int, lanes: int, onto: bool) -> Any:
    """Write, or find, the function for panels of so many vectors of so many lanes.

    Its arguments are: how many rows, their numbers in the result, the left matrix, whose rows have no gaps, the length of
    these, how many of their numbers count, the panel, the result and the distance between its rows.

    Args:
        module: Where the function goes.
        shape: The vectors of the processor.
        vectors: Vectors of a panel.
        lanes: Floats of a vector.
        onto: Whether the product is added to what is in the result.
    """
    name = f"back_product_{vectors}x{lanes}{'_onto' if onto else ''}"
    kinds = [INT, POINTER, POINTER, INT, INT, POINTER, POINTER, INT]
    most = most_rows(shape, vectors)
    if lanes < shape.lanes:
        return by_cases(module, name, kinds, most, lambda emitter, rows: _back_tail(emitter, shape, rows, lanes, onto))
    return by_cases(module, name, kinds, most, lambda emitter, rows: _back_tile(emitter, rows, vectors, lanes, onto))


def _back_tile(emitter: Emitter, rows: int, vectors: int, lanes: int, onto: bool) -> None:
    _, numbers, left, length, depth, panel, result, distance = emitter.arguments
    places = [
        emitter.at(result, emitter.builder.mul(emitter.index(numbers, emitter.number(row)), distance))
        for row in range(rows)
    ]
    zero = emitter.constant(0.0, lanes)
    sums = Sums(
        emitter,
        [[emitter.load(emitter.at(p, lanes * v), lanes) if onto else zero for v in range(vectors)] for p in places],
    )
    sums.multiply([emitter.at(left, emitter.times(length, row)) for row in range(rows)], depth, panel)
    sums.write(places)


def _back_tail(emitter: Emitter, shape: Shape, rows: int, lanes: int, onto: bool) -> None:
    """Write the same for units that fill no vector: a full one multiplies several numbers of a row, and is added up."""
    _, numbers, left, length, depth, panel, result, distance = emitter.arguments
    whole, at_once = shape.lanes, shape.lanes // lanes
    sums = [emitter.variable(emitter.constant(0.0, whole).value) for _ in range(rows)]

    def read(place: Any) -> Vector:
        return Vector(emitter, emitter.read(place, lanes_of(whole)))

    # The depth is one of padded units, and so a multiple of the narrowest tail, 4; at once are 2 or 4.
    with emitter.loop(emitter.number(0), depth, at_once) as k:
        weights = emitter.load(emitter.at(panel, emitter.times(k, lanes)), whole)
        for row, place in enumerate(sums):
            some = emitter.load(emitter.at(left, emitter.times(length, row), k), at_once)
            some = some.reordered([lane // lanes for lane in range(whole)])
            emitter.builder.store(some.times_plus(weights, read(place)).value, place)
    for row, place in enumerate(sums):
        parts = [read(place).reordered(range(part * lanes, (part + 1) * lanes)) for part in range(at_once)]
        target = emitter.at(result, emitter.builder.mul(emitter.index(numbers, emitter.number(row)), distance))
        if onto:
            parts.append(emitter.load(target, lanes))
        emitter.store(functools.reduce(operator.add, parts), target)


class Sums:
    """The sums of a tile: for each row, some vectors; in registers, once LLVM has seen it."""

    def __init__(self, emitter: Emitter, first: list[list[Vector]]) -> None:
        self._emitter = emitter
        self._kind = first[0][0].value.type
        self._lanes = first[0][0].lanes
        self._places = [[emitter.variable(vector.value) for vector in line] for line in first]

    def add(self, numbers: Any, across: list[Vector], apart: bool = False) -> None:
        """Add to each row a number of its own, an address, times the same vectors; if `apart`, one for each vector."""
        emitter = self._emitter
        for address, line in zip(numbers, self._places, strict=True):
            number = emitter.spread(address, self._lanes)
            for v, (vector, place) in enumerate(zip(across, line, strict=True)):
                if apart and v > 0:
                    number = emitter.spread(emitter.at(address, v), self._lanes)
                before = Vector(emitter, emitter.read(place, self._kind))
                emitter.builder.store(number.times_plus(vector, before).value, place)

    def multiply(self, lefts: list[Any], depth: Any, panel: Any, apart: bool = False) -> None:
        """Add to each row the product of its left matrix's with a panel."""
        emitter, vectors = self._emitter, len(self._places[0])
        with emitter.loop(emitter.number(0), depth) as k:
            here = emitter.at(panel, emitter.times(k, vectors * self._lanes))
            weights = [emitter.load(emitter.at(here, self._lanes * v), self._lanes) for v in range(vectors)]
            offset = emitter.times(k, vectors) if apart else k
            self.add([emitter.at(left, offset) for left in lefts], weights, apart)

    def write(self, results: list[Any], dropout: list[Any] | None = None, onto: bool = False) -> None:
        """Write each row to its address, perhaps times factors from another one, perhaps added to what is there."""
        emitter = self._emitter
        for row, (address, line) in enumerate(zip(results, self._places, strict=True)):
            for v, place in enumerate(line):
                value, target = Vector(emitter, emitter.read(place, self._kind)), emitter.at(address, self._lanes * v)
                if dropout is not None:
                    value = value * emitter.load(emitter.at(dropout[row], self._lanes * v), self._lanes)
                if onto:
                    value = value + emitter.load(target, self._lanes)
                emitter.store(value, target)


def outer_sum(module: Any, shape: Shape, size: tuple[int, int], apart: bool) -> Any:
    """Write, or find, the function that adds to a matrix the outer products of many rows of two others.

    Its arguments are: columns of the left matrix, rows, for left and right each the first row and the distance of rows,
    then the result and the distance of its rows.

    Args:
        module: Where the function goes.
        shape: The vectors of the processor.
        size: How many vectors of the right matrix, and their lanes.
        apart: Whether each of these vectors has a left matrix of its own, their numbers side by side for each column.
    """
    kinds = [INT, INT, POINTER, INT, POINTER, INT, POINTER, INT]
    most = most_rows(shape, size[0])
    name = f"outer_sum_{size[0]}x{size[1]}{'_apart' if apart else ''}"
    return by_cases(module, name, kinds, most, lambda emitter, columns: _outer_tile(emitter, columns, size, apart))


def _outer_tile(emitter: Emitter, columns: int, size: tuple[int, int], apart: bool) -> None:
    _, rows, left, left_row, right, right_row, result, distance = emitter.arguments
    vectors, lanes = size
    places = [emitter.at(result, emitter.times(distance, column)) for column in range(columns)]
    sums = Sums(emitter, [[emitter.load(emitter.at(p, lanes * v), lanes) for v in range(vectors)] for p in places])
    with emitter.loop(emitter.number(0), rows) as row:
        here = emitter.at(right, emitter.times(row, right_row))
        across = [emitter.load(emitter.at(here, lanes * v), lanes) for v in range(vectors)]
        own = emitter.at(left, emitter.times(row, left_row))
        sums.add([emitter.at(own, column * vectors if apart else column) for column in range(columns)], across, apart)
    sums.write(places)


def by_cases(module: Any, name: str, kinds: list[Any], most: int, case: Callable[[Emitter, int], None]) -> Any:
    """Write, or find, a function that has a body of its own for each size, which is its first argument."""
    if name in module.globals:
        return module.globals[name]
    emitter = Emitter(module, name, kinds)
    builder, function = emitter.builder, emitter.function
    blocks = [(size, function.append_basic_block(f"size_{size}")) for size in range(1, most + 1)]
    choice = builder.switch(emitter.arguments[0], blocks[-1][1])
    for size, block in blocks:
        if block is not blocks[-1][1]:
            choice.add_case(emitter.number(size), block)
        builder.position_at_end(block)
        case(emitter, size)
        builder.ret_void()
    return function


# -- packed weights ---------------------------------------------------------------------------------------------------


def tail_lanes(shape: Shape, units: int) -> int:
    """Return the lanes of the narrowest vector that holds the units left after the full vectors; 0 where none is left."""
    left = units % shape.lanes
    return next(lanes for lanes in shape.tails if lanes >= left) if left else 0


def padded(shape: Shape, units: int) -> int:
    """Return how many units the full vectors and the tail have room for."""
    return units - units % shape.lanes + tail_lanes(shape, units)


def blocked(shape: Shape, kernel: Any, gates: int) -> Any:
    """Return ``(depth, gates * units)`` with that vector of every gate side by side for each vector of units.

    The units are padded with zeros to what the full vectors and the tail have room for.
    """
    depth = kernel.shape[0]
    if gates == 1:
        return jnp.pad(kernel, ((0, 0), (0, padded(shape, kernel.shape[1]) - kernel.shape[1])))
    by_gate = kernel.reshape(depth, gates, -1)
    units = by_gate.shape[-1]
    full, room = units - units % shape.lanes, padded(shape, units)
    blocks = by_gate[..., :full].reshape(depth, gates, full // shape.lanes, shape.lanes)
    parts = [blocks.transpose(0, 2, 1, 3).reshape(depth, -1)]
    if room > full:
        parts.append(jnp.pad(by_gate[..., full:], ((0, 0), (0, 0), (0, room - units))).reshape(depth, -1))
    return jnp.concatenate(parts, axis=1)


def unblocked(shape: Shape, kernel: Any, gates: int, units: int) -> Any:
    """Undo `blocked`; there may be more columns behind."""
    depth, full = kernel.shape[0], units - units % shape.lanes
    blocks = kernel[:, : gates * full].reshape(depth, full // shape.lanes, gates, shape.lanes)
    tail = kernel[:, gates * full : gates * padded(shape, units)].reshape(depth, gates, padded(shape, units) - full)
    parts = blocks.transpose(0, 2, 1, 3).reshape(depth, gates, full), tail[..., : units - full]
    return jnp.concatenate(parts, axis=2).reshape(depth, -1)


def packed_gates(shape: Shape, kernel: Any, gates: int) -> Any:
    """Pack ``(depth, gates * units)`` into one panel for each vector of units, which holds that vector of every gate."""
    if gates == 1:
        return packed_units(shape, kernel)
    units = kernel.shape[1] // gates
    return _panels(blocked(shape, kernel, gates), (units // shape.lanes) * [gates * shape.lanes])


def packed_units(shape: Shape, kernel: Any) -> Any:
    """Pack ``(depth, units)`` into panels of up to `MOST_VECTORS` vectors, and one for the tail."""
    sizes = [vectors * shape.lanes for vectors in panel_sizes(kernel.shape[1] // shape.lanes)]
    return _panels(blocked(shape, kernel, 1), sizes)


def _panels(kernel: Any, sizes: list[int]) -> Any:
    """Cut the columns of a matrix, and put the pieces one after the other; what is left is the last one."""
    parts, start = [], 0
    for size in sizes:
        parts.append((start, start + size))
        start += size
    if start < kernel.shape[1]:
        parts.append((start, kernel.shape[1]))
    if len(parts) > 1 and len(set(sizes)) == 1:
        # One transposition does for all panels of a size.
        whole = kernel[:, :start].reshape(kernel.shape[0], len(sizes), sizes[0]).transpose(1, 0, 2)
        return jnp.concatenate([whole.reshape(-1), kernel[:, start:].reshape(-1)])
    return jnp.concatenate([kernel[:, first:last].reshape(-1) for first, last in parts])


def panel_sizes(vectors: int) -> list[int]:
    """Cut vectors into as few panels as possible, nearly equal ones; `over_panels` in `places` does the same."""
    sizes: list[int] = []
    for left in range(-(-vectors // MOST_VECTORS), 0, -1):
        sizes.append(-(-(vectors - sum(sizes)) // left))
    return sizes
