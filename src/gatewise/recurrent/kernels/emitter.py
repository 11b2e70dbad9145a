"""Writes LLVM code: loops, branches, and vectors of floats that read like arithmetic.

Only what the kernels need, on top of llvmlite. Addresses are ``float *``; sizes, indices and strides are 64-bit integers
that count floats. Variables live on the stack while the code is written, and LLVM's first passes move them to registers.
"""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

FLOAT = ir.FloatType()
INT = ir.IntType(64)
INT32 = ir.IntType(32)
BYTE = ir.IntType(8)
BIT = ir.IntType(1)
POINTER = ir.PointerType()
NOTHING = ir.VoidType()

# Products and sums may be joined to fused multiply-adds; nothing else is allowed to change (NaN and inf stay what they are).
_JOINED = ("contract",)

# Floats that go from and to memory at a time.
LINE = 16


def lanes_of(lanes: int) -> Any:
    """Return the type of a vector of `lanes` floats."""
    return ir.VectorType(FLOAT, lanes)


class Vector:
    """A vector of floats in a register."""

    def __init__(self, emitter: "Emitter", value: Any) -> None:
        self.emitter = emitter
        self.value = value

    @property
    def lanes(self) -> int:
        """How many floats it holds."""
        return int(self.value.type.count)

    def _other(self, other: "Vector | float") -> Any:
        return other.value if isinstance(other, Vector) else self.emitter.constant(other, self.lanes).value

    def _with(self, operation: str, left: Any, right: Any) -> "Vector":
        return Vector(self.emitter, getattr(self.emitter.builder, operation)(left, right, flags=_JOINED))

    def __add__(self, other: "Vector | float") -> "Vector":
        return self._with("fadd", self.value, self._other(other))

    def __sub__(self, other: "Vector | float") -> "Vector":
        return self._with("fsub", self.value, self._other(other))

    def __rsub__(self, other: float) -> "Vector":
        return self._with("fsub", self._other(other), self.value)

    def __mul__(self, other: "Vector | float") -> "Vector":
        return self._with("fmul", self.value, self._other(other))

    def __truediv__(self, other: "Vector") -> "Vector":
        return self._with("fdiv", self.value, other.value)

    def __rtruediv__(self, other: float) -> "Vector":
        return self._with("fdiv", self._other(other), self.value)

    def times_plus(self, factor: "Vector | float", term: "Vector | float") -> "Vector":
        """Return ``self * factor + term``, in one rounding where the processor can."""
        kind = self.value.type
        name = f"llvm.fmuladd.v{self.lanes}f32"
        arguments = [self.value, self._other(factor), self._other(term)]
        return Vector(self.emitter, self.emitter.call_named(name, kind, arguments))

    def limited(self, low: float, high: float) -> "Vector":
        """Return the vector with every float moved into an interval; a NaN stays one."""
        builder = self.emitter.builder
        smallest, largest = self._other(low), self._other(high)
        # Ordered comparisons are false for NaN, which therefore passes both.
        above = builder.select(builder.fcmp_ordered("<", self.value, smallest), smallest, self.value)
        return Vector(self.emitter, builder.select(builder.fcmp_ordered(">", above, largest), largest, above))

    def reordered(self, order: Sequence[int]) -> "Vector":
        """Return a vector with the floats of these lanes."""
        return Vector(self.emitter, self.emitter.reordered(self.value, order))


class Emitter:
    """Writes one function.

    Args:
        module: Where the function goes.
        name: Its name.
        arguments: The types of its arguments.
        result: The type of its result.
        external: Whether it can be found by its name from outside of the module.
    """

    def __init__(
        self, module: Any, name: str, arguments: Sequence[Any], result: Any = NOTHING, external: bool = False
    ) -> None:
        self.module = module
        self.function = ir.Function(module, ir.FunctionType(result, arguments), name)
        if not external:
            self.function.linkage = "internal"
        self.function.attributes.add("noinline")
        self.function.attributes.add("nounwind")
        self.builder = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.arguments = list(self.function.args)

    # -- numbers and memory -------------------------------------------------------------------------------------------

    def number(self, value: int) -> Any:
        """Return a 64-bit constant."""
        return ir.Constant(INT, value)

    def constant(self, value: float, lanes: int) -> Vector:
        """Return a vector whose floats are all the same."""
        return Vector(self, ir.Constant(lanes_of(lanes), [value] * lanes))

    def total(self, *terms: Any) -> Any:
        """Return the sum of integers."""
        values = [self.number(term) if isinstance(term, int) else term for term in terms]
        value = values[0]
        for more in values[1:]:
            value = self.builder.add(value, more)
        return value

    def times(self, left: Any, right: Any) -> Any:
        """Return the product of two integers."""
        return self.builder.mul(left, right if not isinstance(right, int) else self.number(right))

    def at(self, address: Any, *offsets: Any) -> Any:
        """Return the address so many floats further."""
        return self.builder.gep(address, [self.total(*offsets)], source_etype=FLOAT)

    def entry(self, address: Any, index: Any, kind: Any = INT32) -> Any:
        """Return the address of an entry of an array of integers."""
        return self.builder.gep(address, [index], source_etype=kind)

    def index(self, address: Any, number: Any) -> Any:
        """Return an entry of an array of 32-bit integers, as a 64-bit one."""
        return self.builder.sext(self.builder.load(self.entry(address, number), typ=INT32), INT)

    def smaller(self, one: Any, other: Any) -> Any:
        """Return the smaller one of two integers."""
        return self.builder.select(self.builder.icmp_signed("<", one, other), one, other)

    def clear(self, address: Any, count: Any) -> None:
        """Write so many zeros."""
        arguments = [address, ir.Constant(BYTE, 0), self.times(count, 4), ir.Constant(BIT, 0)]
        self.call_named("llvm.memset.p0.i64", NOTHING, arguments)

    def variable(self, initial: Any) -> Any:
        """Return the address of a new variable on the stack."""
        place = self.stack(initial.type)
        self.builder.store(initial, place)
        return place

    def stack(self, kind: Any, count: int = 1) -> Any:
        """Return the address of room for `count` values on the stack, for as long as the function runs."""
        with self.builder.goto_entry_block():
            place = self.builder.alloca(kind, size=None if count == 1 else ir.Constant(INT32, count))
        # llvmlite still gives pointers to a type, which it then insists on.
        place.type = POINTER
        if count > 1:
            place.align = 64
        return place

    def read(self, place: Any, kind: Any = INT) -> Any:
        """Return the value of a variable."""
        return self.builder.load(place, typ=kind)

    def load(self, address: Any, lanes: int, mask: Any = None) -> Vector:
        """Return the floats from an address on; those that the mask leaves out are 0 and not read."""
        kind = lanes_of(lanes)
        if mask is None:
            return Vector(self, self.builder.load(address, typ=kind, align=4))
        arguments = [address, ir.Constant(INT32, 4), mask, ir.Constant(kind, [0.0] * lanes)]
        return Vector(self, self.call_named(f"llvm.masked.load.v{lanes}f32.p0", kind, arguments))

    def store(self, vector: Vector, address: Any, mask: Any = None) -> None:
        """Write floats to an address; what the mask leaves out stays as it is there."""
        if mask is None:
            self.builder.store(vector.value, address, align=4)
            return
        arguments = [vector.value, address, ir.Constant(INT32, 4), mask]
        self.call_named(f"llvm.masked.store.v{vector.lanes}f32.p0", NOTHING, arguments)

    def store_uncached(self, vector: Vector, address: Any) -> None:
        """Write floats past the caches, to an address that is a multiple of their size."""
        written = self.builder.store(vector.value, address, align=4 * vector.lanes)
        written.set_metadata("nontemporal", self.module.add_metadata([ir.Constant(INT32, 1)]))

    def ask_for(self, address: Any, floats: int, to_write: bool) -> None:
        """Let memory come to the caches ahead of time, to be read or written; it may be nobody's."""
        # To the first cache, or to the second one.
        numbers = [ir.Constant(INT32, number) for number in (int(to_write), 3 if to_write else 2, 1)]
        for first in range(0, floats, LINE):
            self.call_named("llvm.prefetch.p0", NOTHING, [self.at(address, first), *numbers])

    def spread(self, address: Any, lanes: int) -> Vector:
        """Return a vector that holds the float at an address in every lane."""
        kind = lanes_of(lanes)
        undefined = ir.Constant(kind, ir.Undefined)
        one = self.builder.insert_element(undefined, self.builder.load(address, typ=FLOAT), ir.Constant(INT32, 0))
        order = ir.Constant(ir.VectorType(INT32, lanes), [0] * lanes)
        return Vector(self, self.builder.shuffle_vector(one, undefined, order))

    def reordered(self, value: Any, order: Sequence[int]) -> Any:
        """Return a vector, or a mask, that holds these lanes of another one."""
        lanes = ir.Constant(ir.VectorType(INT32, len(order)), list(order))
        return self.builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), lanes)

    def first_lanes(self, count: Any, lanes: int) -> Any:
        """Return the mask of the first `count` of `lanes` lanes."""
        kind = ir.VectorType(INT32, lanes)
        undefined = ir.Constant(kind, ir.Undefined)
        one = self.builder.insert_element(undefined, self.builder.trunc(count, INT32), ir.Constant(INT32, 0))
        counts = self.builder.shuffle_vector(one, undefined, ir.Constant(kind, [0] * lanes))
        return self.builder.icmp_signed("<", ir.Constant(kind, list(range(lanes))), counts)

    # -- flow ---------------------------------------------------------------------------------------------------------

    @contextmanager
    def loop(self, start: Any, stop: Any, step: int = 1) -> Iterator[Any]:
        """Repeat what is written inside for ``start, start + step, …``, below `stop`."""
        place = self.variable(start)
        with self.repeated(lambda: self.builder.icmp_signed("<", self.read(place), stop)):
            index = self.read(place)
            yield index
            self.builder.store(self.builder.add(index, self.number(step), flags=["nsw"]), place)

    @contextmanager
    def repeated(self, condition: Any) -> Iterator[None]:
        """Repeat what is written inside while a condition, written by a function, holds."""
        test = self.function.append_basic_block("test")
        body = self.function.append_basic_block("body")
        after = self.function.append_basic_block("after")
        self.builder.branch(test)
        self.builder.position_at_end(test)
        self.builder.cbranch(condition(), body, after)
        self.builder.position_at_end(body)
        yield
        self.builder.branch(test)
        self.builder.position_at_end(after)

    def call_named(self, name: str, result: Any, arguments: Sequence[Any]) -> Any:
        """Call a function by its name, declared here if it is not known yet."""
        function = self.module.globals.get(name)
        if function is None:
            kinds = [argument.type for argument in arguments]
            function = ir.Function(self.module, ir.FunctionType(result, kinds), name)
        return self.builder.call(function, arguments)

    def address_of(self, function: Any) -> Any:
        """Return a function as a value to pass on."""
        pointer = copy.copy(function)
        pointer.type = POINTER
        return pointer

    def done(self, result: Any = None) -> Any:
        """End the function and return it, to be called by others."""
        if result is None:
            self.builder.ret_void()
        else:
            self.builder.ret(result)
        return self.function
