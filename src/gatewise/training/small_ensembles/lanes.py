"""Writes sums of products over vectors that hold a number of every member of a block.

On top of `gatewise.recurrent.kernels.emitter`. Places are counted in vectors from the beginning of a block, or of a row.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from gatewise.recurrent.kernels.emitter import FLOAT, Emitter, Vector, lanes_of

# Sums with at most so many terms are written out; longer ones are loops over so many terms.
_WRITTEN_OUT = 8
_AT_ONCE = 4


class Lanes:
    """Vectors of one width, in one function.

    Args:
        emitter: Where code is written.
        lanes: Members of a block.
    """

    def __init__(self, emitter: Emitter, lanes: int) -> None:
        self.emitter = emitter
        self.builder = emitter.builder
        self.lanes = lanes

    def at(self, base: Any, *vectors: Any) -> Any:
        """Return the address so many vectors behind another."""
        fixed = sum(one for one in vectors if isinstance(one, int))
        others = [one for one in vectors if not isinstance(one, int)]
        if not others:
            return self.emitter.at(base, self.emitter.number(fixed * self.lanes))
        moving = self.emitter.times(self.emitter.total(*others), self.lanes)
        return self.emitter.at(base, moving, self.emitter.number(fixed * self.lanes))

    def load(self, base: Any, *vectors: Any) -> Vector:
        """Return a vector."""
        return self.emitter.load(self.at(base, *vectors), self.lanes)

    def store(self, vector: Vector, base: Any, *vectors: Any) -> None:
        """Write a vector."""
        self.emitter.store(vector, self.at(base, *vectors))

    def constant(self, value: float) -> Vector:
        """Return the same number for every member."""
        return self.emitter.constant(value, self.lanes)

    def spread(self, address: Any) -> Vector:
        """Return the number at an address, for every member."""
        return self.emitter.spread(address, self.lanes)

    def chosen(self, relation: str, left: Vector, right: Vector, yes: Vector, no: Vector) -> Vector:
        """Return `yes` for the members of which an ordered comparison holds, and `no` for the others."""
        condition = self.builder.fcmp_ordered(relation, left.value, right.value)
        return Vector(self.emitter, self.builder.select(condition, yes.value, no.value))

    def root(self, vector: Vector) -> Vector:
        """Return the square root."""
        name = f"llvm.sqrt.v{self.lanes}f32"
        return Vector(self.emitter, self.emitter.call_named(name, lanes_of(self.lanes), [vector.value]))

    @contextmanager
    def loop(self, count: Any, start: int = 0, step: int = 1) -> Iterator[Any]:
        """Repeat what is written inside; where that is once, the index is a plain number and there is no loop."""
        if isinstance(count, int) and start + step >= count:
            yield start
            return
        number = self.emitter.number
        with self.emitter.loop(number(start), number(count) if isinstance(count, int) else count, step) as index:
            yield index

    def times(self, index: Any, factor: int) -> Any:
        """Return an index times a number."""
        return index * factor if isinstance(index, int) else self.emitter.times(index, factor)

    def plus(self, index: Any, term: int) -> Any:
        """Return an index plus a number."""
        return index + term if isinstance(index, int) else self.emitter.total(index, term)

    # -- sums of products ---------------------------------------------------------------------------------------------

    def sums(self, starts: Sequence[Vector]) -> list[Any]:
        """Return variables that begin with these vectors."""
        return [self.emitter.variable(start.value) for start in starts]

    def read(self, sums: Sequence[Any]) -> list[Vector]:
        """Return the values of variables."""
        return [Vector(self.emitter, self.emitter.read(place, lanes_of(self.lanes))) for place in sums]

    def add_products(
        self,
        sums: Sequence[Any],
        lefts: Sequence[Any] | None,
        rights: Sequence[Any],
        strides: tuple[int, int],
        length: int,
    ) -> None:
        """Add to every sum the products along a left and a right run of vectors: ``sums[i][j] += lefts[i] · rights[j]``.

        Args:
            sums: Variables, those of the first left one first.
            lefts: Addresses where the left runs begin; None where the right ones are only added up.
            rights: Addresses where the right runs begin.
            strides: Vectors from one term to the next, left and right.
            length: Terms.
        """

        def term(k: Any) -> None:
            across = [self.load(right, self.times(k, strides[1])) for right in rights]
            before = self.read(sums)
            place = iter(zip(sums, before, strict=True))
            for left in lefts or [None]:
                factor = None if left is None else self.load(left, self.times(k, strides[0]))
                for vector in across:
                    variable, value = next(place)
                    new = value + vector if factor is None else factor.times_plus(vector, value)
                    self.builder.store(new.value, variable)

        if length <= _WRITTEN_OUT:
            for k in range(length):
                term(k)
            return
        whole = length - length % _AT_ONCE
        with self.loop(whole, step=_AT_ONCE) as k:
            for more in range(_AT_ONCE):
                term(self.plus(k, more))
        for k in range(whole, length):
            term(k)

    # -- numbers of one member ----------------------------------------------------------------------------------------

    def copy(self, to: tuple[Any, int], source: tuple[Any, int], count: int) -> None:
        """Copy single numbers: from an address on, so far apart, to an address on, so far apart."""

        def one(k: Any) -> None:
            where = [
                self.emitter.at(place, self.emitter.times(self._number(k), stride)) for place, stride in (source, to)
            ]
            self.builder.store(self.builder.load(where[0], typ=FLOAT, align=4), where[1], align=4)

        whole = 0 if count <= _WRITTEN_OUT else count - count % _AT_ONCE
        if whole:
            with self.loop(whole, step=_AT_ONCE) as k:
                for more in range(_AT_ONCE):
                    one(self.plus(k, more))
        for k in range(whole, count):
            one(k)

    def _number(self, index: Any) -> Any:
        return self.emitter.number(index) if isinstance(index, int) else index
