"""Where a step finds its numbers, and how its units are cut into vectors."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from gatewise.recurrent.kernels.emitter import Emitter, Vector
from gatewise.recurrent.kernels.products import MOST_VECTORS
from gatewise.recurrent.kernels.target import Shape


class Slice(NamedTuple):
    """Where a step finds an array.

    Attributes:
        start: Its first row.
        row: The distance of rows.
        parts: How many gates it holds: for each vector of units, that vector of every gate side by side.
        exact: Whether nothing may be written behind the last unit.
        packed: Whether its rows are those that count at this step, without gaps, and not those of the batch.
        uncached: A bit that says whether what `Place.keep` writes goes past the caches; None where nothing does.
    """

    start: Any
    row: Any
    parts: int = 1
    exact: bool = True
    packed: bool = False
    uncached: Any = None


class Units(NamedTuple):
    """Some units side by side: the first, how many vectors of how many lanes, and the lanes in use where not all are."""

    first: Any
    vectors: int
    lanes: int
    mask: Any = None


class Row(NamedTuple):
    """A row of the batch, and its number among those that count at this step."""

    number: Any
    position: Any


class Place:
    """See `steps.Place`."""

    def __init__(
        self, emitter: Emitter, slices: dict[str, Slice], row: Row, units: Units, products: tuple[Any, ...] = ()
    ) -> None:
        self._emitter = emitter
        self._slices = slices
        self._row = row
        self._units = units
        self._products = products

    def _find(self, name: str, part: int) -> tuple[Any, Any]:
        where, emitter, units = self._slices[name], self._emitter, self._units
        row = emitter.times(self._row.position if where.packed else self._row.number, where.row)
        address = emitter.at(where.start, row, emitter.times(units.first, where.parts), part * units.lanes)
        return address, units.mask if where.exact else None

    def read(self, name: str, part: int = 0) -> Vector:
        """See `steps.Place`."""
        address, mask = self._find(name, part)
        return self._emitter.load(address, self._units.lanes, mask)

    def write(self, name: str, value: Vector, part: int = 0) -> None:
        """See `steps.Place`."""
        address, mask = self._find(name, part)
        self._emitter.store(value, address, mask)

    def keep(self, name: str, values: Sequence[Vector]) -> None:
        """See `steps.Place`."""
        uncached = self._slices[name].uncached
        with self._emitter.builder.if_else(uncached) as (past, through):
            with past:
                for part, value in enumerate(values):
                    self._emitter.store_uncached(value, self._find(name, part)[0])
            with through:
                for part, value in enumerate(values):
                    self.write(name, value, part)

    def product(self, gate: int, which: int = 0) -> Vector:
        """See `steps.Place`."""
        address = self._emitter.at(self._products[which], self._emitter.number(gate * self._units.lanes))
        return self._emitter.load(address, self._units.lanes)

    def zero(self) -> Vector:
        """See `steps.Place`."""
        return self._emitter.constant(0.0, self._units.lanes)


def over_vectors(emitter: Emitter, shape: Shape, units: Any, body: Callable[[Units], None]) -> None:
    """Write something for every full vector of units, and for those that are left."""
    full = emitter.builder.sub(units, emitter.builder.srem(units, emitter.number(shape.lanes)))
    with emitter.loop(emitter.number(0), full, shape.lanes) as first:
        body(Units(first, 1, shape.lanes))
    _over_tail(emitter, shape, units, full, body)


def over_panels(emitter: Emitter, shape: Shape, units: Any, body: Callable[[Units], None], tail: bool = True) -> None:
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
                body(Units(emitter.times(here, shape.lanes), size, shape.lanes))
        builder.store(builder.add(here, count), done)
    if tail:
        _over_tail(emitter, shape, units, emitter.times(vectors, shape.lanes), body)


def _over_tail(emitter: Emitter, shape: Shape, units: Any, full: Any, body: Callable[[Units], None]) -> None:
    """Write something for the units behind the last full vector, in the narrowest vector that holds them."""
    builder = emitter.builder
    left, narrower = builder.sub(units, full), 0
    for lanes in shape.tails:
        fits = builder.and_(
            builder.icmp_signed(">", left, emitter.number(narrower)),
            builder.icmp_signed("<=", left, emitter.number(lanes)),
        )
        with builder.if_then(fits):
            body(Units(full, 1, lanes, emitter.first_lanes(left, lanes)))
        narrower = lanes


def copy_row(emitter: Emitter, shape: Shape, units: Any, source: Any, target: Any) -> None:
    """Write the copying of a row; nothing behind its end is written."""

    def vector(some: Units) -> None:
        value = emitter.load(emitter.at(source, some.first), some.lanes, some.mask)
        emitter.store(value, emitter.at(target, some.first), some.mask)

    over_vectors(emitter, shape, units, vector)
