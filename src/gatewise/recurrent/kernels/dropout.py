"""Dropout of inputs and states: each gate multiplies them with factors of its own, the same in all steps.

What a phase multiplies is written anew in each step, with the numbers of its gates side by side: ``[x f | x g | …]`` for
each input and unit, so that a product loads one number for each gate where it otherwise loads one for all.
"""

from typing import Any

import jax.numpy as jnp

from gatewise.recurrent.kernels.emitter import INT, POINTER, Emitter
from gatewise.recurrent.kernels.places import Units, over_vectors
from gatewise.recurrent.kernels.products import Sums, by_cases, most_rows, padded
from gatewise.recurrent.kernels.steps import Steps
from gatewise.recurrent.kernels.target import Shape


def dropping(module: Any, shape: Shape, gates: int) -> Any:
    """Write, or find, the function that multiplies a row with the factors of each gate.

    Its arguments are: how many numbers the row has, the row, the factors, those of the gates side by side, and the result,
    side by side as well. Nothing behind the end is written, and for one gate the result may be where the row is.

    Args:
        module: Where the function goes.
        shape: The vectors of the processor.
        gates: For how many gates.
    """
    name = f"dropping_{gates}"
    if name in module.globals:
        return module.globals[name]
    emitter = Emitter(module, name, [INT, POINTER, POINTER, POINTER])
    depth, source, dropout, result = emitter.arguments

    def vector(some: Units) -> None:
        values = emitter.load(emitter.at(source, some.first), some.lanes, some.mask)
        for part in range(gates):
            order = [(part * some.lanes + lane) // gates for lane in range(some.lanes)]
            mask = None if some.mask is None else emitter.reordered(some.mask, order)
            offset = emitter.total(emitter.times(some.first, gates), part * some.lanes)
            factors = emitter.load(emitter.at(dropout, offset), some.lanes, mask)
            emitter.store(values.reordered(order) * factors, emitter.at(result, offset), mask)

    over_vectors(emitter, shape, depth, vector)
    return emitter.done()


def dropped_back_product(module: Any, shape: Shape, size: tuple[int, int], onto: bool) -> Any:
    """Write, or find, the function for one gate's part of a product with a transposed kernel, times its dropout.

    Its arguments are: how many rows, their numbers in the result, the left matrix, whose rows have no gaps, the length of
    these, how many units its gates have room for, how many gates, which one, the panel of weights, the factors and the
    distance of their rows, then the result and the distance of its rows.

    Args:
        module: Where the function goes.
        shape: The vectors of the processor.
        size: Vectors of a panel, and their lanes.
        onto: Whether the product is added to what is in the result.
    """
    name = f"dropped_back_product_{size[0]}x{size[1]}{'_onto' if onto else ''}"
    kinds = [INT, POINTER, POINTER, INT, INT, INT, INT, POINTER, POINTER, INT, POINTER, INT]
    most = most_rows(shape, size[0])
    return by_cases(module, name, kinds, most, lambda emitter, rows: _back_tile(emitter, shape, rows, size, onto))


def _back_tile(emitter: Emitter, shape: Shape, rows: int, size: tuple[int, int], onto: bool) -> None:
    _, numbers, left, length, room, gates, gate, panel, dropout, apart, result, distance = emitter.arguments
    builder, (vectors, lanes) = emitter.builder, size
    listed = [emitter.index(numbers, emitter.number(row)) for row in range(rows)]
    zero = emitter.constant(0.0, lanes)
    sums = Sums(emitter, [vectors * [zero] for _ in range(rows)])
    # A gate has a vector in each block of the left matrix, and the last block may be narrower.
    with emitter.loop(emitter.number(0), room, shape.lanes) as first:
        width = emitter.smaller(builder.sub(room, first), emitter.number(shape.lanes))
        start = builder.add(builder.mul(first, gates), builder.mul(gate, width))
        lefts = [emitter.at(left, emitter.times(length, row), start) for row in range(rows)]
        sums.multiply(lefts, width, emitter.at(panel, emitter.times(start, vectors * lanes)))
    factors, places = (
        [emitter.at(base, builder.mul(number, row)) for number in listed]
        for base, row in ((dropout, apart), (result, distance))
    )
    sums.write(places, factors, onto)


# -- arrays -----------------------------------------------------------------------------------------------------------


def _of_gates(steps: Steps, factors: Any, rows: int, depth: int) -> Any:
    """Return factors as ``(gates, batch, depth)``; 1 where there are none."""
    return jnp.broadcast_to(jnp.float32(1) if factors is None else factors, (steps.gates, rows, depth))


def side_by_side(steps: Steps, factors: Any, rows: int, depth: int) -> Any:
    """Return factors of dropout as `dropping` reads them, phase by phase.

    Args:
        steps: The equations.
        factors: ``(gates, batch, depth)``, one gate for all, or None where nothing is dropped.
        rows: Rows of the batch.
        depth: Numbers of a row.
    """
    whole = _of_gates(steps, factors, rows, depth)
    parts = [whole[phase.earlier : phase.earlier + phase.gates] for phase in steps.phases]
    return jnp.concatenate([part.transpose(1, 2, 0).reshape(rows, -1) for part in parts], axis=1)


def by_gate(steps: Steps, shape: Shape, factors: Any, rows: int, depth: int) -> Any:
    """Return factors of dropout gate after gate, each with room for whole vectors.

    Args:
        steps: The equations.
        shape: The vectors of the processor.
        factors: As in `side_by_side`.
        rows: Rows of the batch.
        depth: Numbers of a row.
    """
    whole = _of_gates(steps, factors, rows, depth)
    whole = jnp.pad(whole, ((0, 0), (0, 0), (0, padded(shape, depth) - depth)))
    return whole.transpose(1, 0, 2).reshape(rows, -1)
