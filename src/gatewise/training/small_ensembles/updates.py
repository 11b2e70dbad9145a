"""Writes the end of a step: the gradient of each weight, summed in a register over rows and time, and at once its update.

No array of gradients is ever written.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from gatewise.recurrent.kernels.emitter import INT, POINTER, Emitter, Vector
from gatewise.training.small_ensembles.cells import inner_runs
from gatewise.training.small_ensembles.lanes import Lanes
from gatewise.training.small_ensembles.network import BIASES, KEPT, Room, unit_tile

_COLUMNS, _HEIGHT = 4, 2


class Factor(NamedTuple):
    """One side of the products that make up a gradient.

    Attributes:
        start: Where in a row it begins.
        step: Vectors from one time step to the next.
        size: How many numbers it has in a time step.
    """

    start: int
    step: int
    size: int


class Weights(NamedTuple):
    """Some weights: where the first is, and how far apart the rows of their matrix are."""

    start: int
    stride: int


def write_update(module: Any, room: Room, width: int) -> Any:
    """Write the function that updates all weights of a block after a step of so many rows."""
    emitter = Emitter(module, "update", [POINTER, INT])
    lanes, network = Lanes(emitter, width), room.network
    for index, layer in enumerate(network.layers):
        units, columns, time = layer.units, layer.columns, network.time
        kept, stride = room.layers[index]["kept"], KEPT[layer.cell] * units
        kernel, recurrent, bias = room.weights[index]
        below = Factor(room.x, layer.features, layer.features)
        if index > 0:
            below = Factor(room.layers[index - 1]["hidden"] + layer.features, layer.features, layer.features)
        _update(lanes, room, below, Factor(kept, stride, columns), time, Weights(kernel, columns))
        # A layer that begins at zero has no products with the state before the first step.
        skipped = 0 if layer.stateful and network.carries else 1
        for run in inner_runs(layer):
            left = Factor(room.layers[index][run.left] + skipped * units, units, units)
            right = Factor(kept + run.part * units + skipped * stride, stride, run.gates * units)
            _update(lanes, room, left, right, time - skipped, Weights(recurrent + run.gate * units, columns))
        _update(lanes, room, None, Factor(kept, stride, columns), time, Weights(bias, 0))
        for run in inner_runs(layer) if BIASES[layer.cell] == 2 else ():
            right = Factor(kept + run.part * units, stride, run.gates * units)
            _update(lanes, room, None, right, time, Weights(bias + columns + run.gate * units, 0))
    units = network.layers[-1].units
    top = Factor(room.layers[-1]["hidden"] + network.time * units, 0, units)
    right = Factor(room.d_y, 0, network.outputs)
    _update(lanes, room, top, right, 1, Weights(room.head[0], network.outputs))
    _update(lanes, room, None, right, 1, Weights(room.head[1], 0))
    return emitter.done()


def _update(lanes: Lanes, room: Room, left: Factor | None, right: Factor, time: int, weights: Weights) -> None:
    """Write the update of a matrix of weights, whose gradient is the sum of outer products over rows and time steps."""
    block, rows = lanes.emitter.arguments
    height = 1 if left is None else left.size
    high = unit_tile(height, _HEIGHT)
    wide = unit_tile(right.size, _COLUMNS * (_HEIGHT // high))
    with lanes.loop(height, step=high) as k, lanes.loop(right.size, step=wide) as column:
        sums = lanes.sums([lanes.constant(0.0)] * (high * wide))
        with lanes.loop(1 if room.network.alone else rows) as number:
            row = lanes.at(block, room.rows, lanes.times(number, room.row))
            lefts = None
            if left is not None:
                lefts = [lanes.at(row, left.start, lanes.plus(k, more)) for more in range(high)]
            rights = [lanes.at(row, right.start, lanes.plus(column, more)) for more in range(wide)]
            lanes.add_products(sums, lefts, rights, (left.step if left else 0, right.step), time)
        gradients = iter(lanes.read(sums))
        for more in range(high):
            for other in range(wide):
                moving = lanes.times(lanes.plus(k, more), weights.stride)
                weight = lanes.at(block, weights.start, moving, lanes.plus(column, other))
                _UPDATES[room.network.update.kind](lanes, room, weight, next(gradients))


def _adam(lanes: Lanes, room: Room, weight: Any, gradient: Vector) -> None:
    """Write Adam as Keras has it (Kingma and Ba 2014, before section 2.1); `alpha` corrects the bias of the averages."""
    update = room.network.update
    first, second = (lanes.at(weight, slot) for slot in room.slots)
    m, v = lanes.load(first), lanes.load(second)
    m = (gradient - m).times_plus(1.0 - update.first, m)
    v = (gradient * gradient - v).times_plus(1.0 - update.second, v)
    lanes.store(m, first)
    lanes.store(v, second)
    step = lanes.load(lanes.emitter.arguments[0], room.alpha) * m / (lanes.root(v) + update.epsilon)
    lanes.store(lanes.load(weight) - step, weight)


def _sgd(lanes: Lanes, room: Room, weight: Any, gradient: Vector) -> None:
    """Write gradient descent as Keras has it, with or without momentum."""
    update = room.network.update
    step = lanes.constant(0.0) - gradient * lanes.load(lanes.emitter.arguments[0], room.alpha)
    if update.slots:
        place = lanes.at(weight, room.slots[0])
        momentum = lanes.load(place).times_plus(update.first, step)
        lanes.store(momentum, place)
        step = momentum.times_plus(update.first, step) if update.nesterov else momentum
    lanes.store(lanes.load(weight) + step, weight)


_UPDATES: dict[str, Callable[[Lanes, Room, Any, Vector], None]] = {"adam": _adam, "sgd": _sgd}
