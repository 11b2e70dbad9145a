"""What a kernel is written for: the sizes and the equations of one network and its training, and where its numbers lie.

Everything here is known before any code is written, so that addresses are constants in the code.
"""

import math
from dataclasses import dataclass

# Gates of a unit, vectors that a step keeps for the walk back, states, and biases of a gate.
GATES = {"lstm": 4, "gru": 3, "gru_before": 3, "simple": 1}
KEPT = {"lstm": 4, "gru": 4, "gru_before": 3, "simple": 1}
STATES = {"lstm": 2, "gru": 1, "gru_before": 1, "simple": 1}
BIASES = {"lstm": 1, "gru": 2, "gru_before": 1, "simple": 1}


@dataclass(frozen=True)
class Layer:
    """One recurrent layer.

    Attributes:
        cell: ``"lstm"``, ``"gru"`` (`reset_after`), ``"gru_before"`` or ``"simple"``.
        features: Inputs of a step.
        units: Units.
        slope: None for gates that are logistic functions; of gates that are ``clip(slope x + 0.5, 0, 1)`` the slope.
        stateful: Whether its state is part of the values.
    """

    cell: str
    features: int
    units: int
    slope: float | None = None
    stateful: bool = False

    @property
    def columns(self) -> int:
        """Columns of its kernels: gates times units."""
        return GATES[self.cell] * self.units

    @property
    def weights(self) -> tuple[int, int, int]:
        """Sizes of kernel, recurrent kernel and bias."""
        return self.features * self.columns, self.units * self.columns, BIASES[self.cell] * self.columns


@dataclass(frozen=True)
class Update:
    """The optimizer.

    Attributes:
        kind: ``"adam"`` or ``"sgd"``.
        slots: Arrays that it keeps for every array of weights.
        first: Adam's ``beta_1``; the momentum of SGD.
        second: Adam's ``beta_2``.
        epsilon: Adam's.
        nesterov: Of SGD with momentum.
    """

    kind: str
    slots: int
    first: float = 0.0
    second: float = 0.0
    epsilon: float = 0.0
    nesterov: bool = False


@dataclass(frozen=True)
class Network:
    """A network and how it is trained.

    Attributes:
        layers: The recurrent layers, from the input up; all but the last hand on every step.
        time: Time steps.
        outputs: Outputs of the Dense layer at the end.
        loss: ``"mse"``, ``"mae"`` or ``"pinball"``.
        update: The optimizer.
        alone: Whether every step has a single row.
        carries: Whether a stateful layer goes on from the batch before; if not, every batch begins at zero.
        shuffled: Whether each member has an order of its own.
        member_data: Whether each member has rows of its own.
        weighted: Whether rows have weights.
        levels: Of the pinball loss: one level for all outputs, or one for each of them.
    """

    layers: tuple[Layer, ...]
    time: int
    outputs: int
    loss: str
    update: Update
    alone: bool = False
    carries: bool = True
    shuffled: bool = False
    member_data: bool = False
    weighted: bool = False
    levels: tuple[float, ...] = ()

    @property
    def targets(self) -> int:
        """Targets of a row: as many as outputs, or one of which each output is a quantile."""
        return 1 if len(self.levels) > 1 else self.outputs

    @property
    def tile(self) -> int:
        """Rows that are walked at once, where there are so many: each weight is then loaded once for all of them."""
        return 1 if self.alone else 2

    @property
    def weights(self) -> tuple[int, ...]:
        """Sizes of all arrays of weights, in the order of the layers; the Dense layer's at the end."""
        sizes = [size for layer in self.layers for size in layer.weights]
        return (*sizes, self.layers[-1].units * self.outputs, self.outputs)

    @property
    def states(self) -> tuple[int, ...]:
        """Units of all arrays of carried state, in the order of the layers."""
        return tuple(layer.units for layer in self.layers if layer.stateful for _ in range(STATES[layer.cell]))

    @property
    def work(self) -> int:
        """Multiplications of one row and time step, forward."""
        return sum((layer.features + layer.units) * layer.columns for layer in self.layers)


class Room:
    """Where the numbers of one block of members lie, counted in vectors: one vector holds a number of every member.

    First the weights and the optimizer's slots, then what is needed once, then the rows of the batch one by one.

    Args:
        network: The network.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.parameters = sum(network.weights)
        starts = [sum(network.weights[:k]) for k in range(len(network.weights))]
        # kernel, recurrent kernel and bias of each layer; then the Dense layer's.
        self.weights = [tuple(starts[3 * k : 3 * k + 3]) for k in range(len(network.layers))]
        self.head = (starts[-2], starts[-1])
        self.slots = [self.parameters * (slot + 1) for slot in range(network.update.slots)]
        shared = self.parameters * (1 + network.update.slots)
        # Of each member: its learning rate, the size of its next update, what the errors of a step are multiplied with,
        # and the loss of the step.
        self.rate, self.alpha, self.scale, self.loss = range(shared, shared + 4)
        self.rows = shared + 4
        self._end = 0
        time = network.time
        self.x = self._take(time * network.layers[0].features)
        self.y = self._take(network.targets)
        self.weight = self._take(1)
        # The gradient of the predictions.
        self.d_y = self._take(network.outputs)
        self.layers = [self._layer(layer, time) for layer in network.layers]
        self.row = self._end

    def _take(self, vectors: int) -> int:
        start = self._end
        self._end += vectors
        return start

    def _layer(self, layer: Layer, time: int) -> dict[str, int]:
        """Lay out one row of a layer; the states have a place before the first step, too."""
        units = layer.units
        sizes = {
            "hidden": (time + 1) * units,
            "kept": time * KEPT[layer.cell] * units,
            "d_hidden": units,
            # From the layer above; of the last layer only the last step has a gradient, which goes to d_hidden.
            "d_outputs": time * units,
        }
        if layer.cell == "lstm":
            sizes |= {"cell": (time + 1) * units, "squashed": time * units, "d_cell": units}
        if layer.cell == "gru_before":
            sizes |= {"reset": time * units}
        return {name: self._take(size) for name, size in sizes.items()}

    def vectors(self, batch: int, rows: int) -> int:
        """Return how many vectors a block needs for steps of so many rows, and for the order of all rows."""
        return self.rows + self.row * batch + (2 * rows if self.network.shuffled else 0)


def unit_tile(units: int, most: int) -> int:
    """Return the largest divisor of a number of units that is at most so large."""
    return max(size for size in range(1, max(1, min(units, most)) + 1) if math.gcd(units, size) == size)
