"""Writes the sort that puts the rows of every member into its own order.

Each member has a random number for each row, and the rows go by them; equal ones keep their order, as `jnp.argsort` has it.
Batcher's odd-even merge sort (Knuth, The Art of Computer Programming, volume 3, section 5.3.4) compares the same places
whatever the numbers are, so that all members of a block are sorted at once.
"""

from typing import Any

from llvmlite import ir

from gatewise.recurrent.kernels.emitter import INT, INT32, POINTER, Emitter


def write_sort(module: Any, lanes: int) -> Any:
    """Write the function that sorts: its arguments are the keys and the numbers of the rows, ``(rows, lanes)``, and rows."""
    emitter = Emitter(module, "sort", [POINTER, POINTER, INT])
    builder, (keys, rows, count) = emitter.builder, emitter.arguments
    one = emitter.number(1)

    def doubling(place: Any) -> None:
        builder.store(builder.shl(emitter.read(place), one), place)

    run = emitter.variable(one)
    with emitter.repeated(lambda: builder.icmp_signed("<", emitter.read(run), count)):
        size = emitter.read(run)
        twice = builder.shl(size, one)
        gap = emitter.variable(size)
        with emitter.repeated(lambda: builder.icmp_signed(">=", emitter.read(gap), one)):
            distance = emitter.read(gap)
            first = emitter.variable(builder.srem(distance, size))
            last = builder.sub(builder.sub(count, distance), one)
            with emitter.repeated(lambda: builder.icmp_signed("<=", emitter.read(first), last)):
                start = emitter.read(first)
                left = builder.add(builder.sub(last, start), one)
                here = builder.select(builder.icmp_signed("<", distance, left), distance, left)
                with emitter.loop(emitter.number(0), here) as more:
                    low = builder.add(start, more)
                    high = builder.add(low, distance)
                    together = builder.icmp_signed("==", builder.sdiv(low, twice), builder.sdiv(high, twice))
                    with builder.if_then(together):
                        _exchange(emitter, (keys, rows), (low, high), lanes)
                builder.store(builder.add(start, builder.shl(distance, one)), first)
            builder.store(builder.ashr(distance, one), gap)
        doubling(run)
    return emitter.done()


def _exchange(emitter: Emitter, arrays: tuple[Any, Any], places: tuple[Any, Any], lanes: int) -> None:
    """Write the comparison of two places, and their exchange in the lanes where the later one goes first."""
    builder, kind = emitter.builder, ir.VectorType(INT32, lanes)
    where = [[emitter.at(array, emitter.times(place, lanes)) for place in places] for array in arrays]
    (key, later_key), (row, later_row) = ([builder.load(one, typ=kind, align=4) for one in pair] for pair in where)
    equal = builder.and_(builder.icmp_unsigned("==", later_key, key), builder.icmp_unsigned("<", later_row, row))
    swapped = builder.or_(builder.icmp_unsigned("<", later_key, key), equal)
    for pair, (early, late) in zip(where, ((key, later_key), (row, later_row)), strict=True):
        builder.store(builder.select(swapped, late, early), pair[0], align=4)
        builder.store(builder.select(swapped, early, late), pair[1], align=4)
