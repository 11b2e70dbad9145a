"""The equations of a unit's step, forward and backward, for the members of a block at once.

Line by line those of `gatewise.recurrent.equations`, where the sources are. What a step keeps is replaced, on the way back,
by the gradients of the gates before their functions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gatewise.recurrent.kernels.activations import sigmoid, tanh
from gatewise.recurrent.kernels.emitter import Vector
from gatewise.training.small_ensembles.lanes import Lanes
from gatewise.training.small_ensembles.network import GATES, Layer


class Unit(Protocol):
    """One unit in one time step of one row; see `walks`."""

    def read(self, name: str, part: int = 0) -> Vector:
        """Return a number of every member; `part` counts what a step keeps of a unit."""
        ...

    def write(self, name: str, value: Vector, part: int = 0) -> None:
        """Write a number of every member."""
        ...


class Gate:
    """The function of a gate, and its derivative by its value."""

    def __init__(self, lanes: Lanes, slope: float | None) -> None:
        self._lanes = lanes
        self._slope = slope

    def __call__(self, x: Vector) -> Vector:
        """Return the value."""
        return sigmoid(x) if self._slope is None else x.times_plus(self._slope, 0.5).limited(0.0, 1.0)

    def derivative(self, value: Vector) -> Vector:
        """Return the derivative where the function has this value."""
        if self._slope is None:
            return value * (1.0 - value)
        zero, one = self._lanes.constant(0.0), self._lanes.constant(1.0)
        inner = self._lanes.chosen("<", value, one, self._lanes.constant(self._slope), zero)
        return self._lanes.chosen(">", value, zero, inner, zero)


def lstm_forward(at: Unit, gate: Gate, z: list[Vector]) -> None:
    """Write a step of an LSTM, given its four gates before their functions."""
    i, f, g, o = gate(z[0]), gate(z[1]), tanh(z[2]), gate(z[3])
    c = f * at.read("cell_before") + i * g
    squashed = tanh(c)
    at.write("cell", c)
    at.write("squashed", squashed)
    at.write("hidden", o * squashed)
    for part, value in enumerate((i, f, g, o)):
        at.write("kept", value, part)


def lstm_back(at: Unit, gate: Gate) -> None:
    """Write the gradients of an LSTM's gates."""
    i, f, g, o = (at.read("kept", part) for part in range(4))
    d_h, squashed = at.read("d_hidden"), at.read("squashed")
    d_c = at.read("d_cell") + d_h * o * (1.0 - squashed * squashed)
    at.write("kept", d_c * g * gate.derivative(i), 0)
    at.write("kept", d_c * at.read("cell_before") * gate.derivative(f), 1)
    at.write("kept", d_c * i * (1.0 - g * g), 2)
    at.write("kept", d_h * squashed * gate.derivative(o), 3)
    at.write("d_cell", d_c * f)


def gru_forward(at: Unit, gate: Gate, z: list[Vector]) -> None:
    """Write a step of a GRU with `reset_after`, given z and r, and both parts of the candidate, before their functions."""
    update, reset, u_n = gate(z[0]), gate(z[1]), z[3]
    n = tanh(z[2] + reset * u_n)
    at.write("hidden", update * at.read("hidden_before") + (1.0 - update) * n)
    for part, value in enumerate((update, reset, n, u_n)):
        at.write("kept", value, part)


def gru_back(at: Unit, gate: Gate) -> None:
    """Write the gradients of a GRU's gates; the candidate's part of ``h U`` has one of its own."""
    update, reset, n, u_n = (at.read("kept", part) for part in range(4))
    d_h = at.read("d_hidden")
    d_n = d_h * (1.0 - update) * (1.0 - n * n)
    at.write("kept", d_h * (at.read("hidden_before") - n) * gate.derivative(update), 0)
    at.write("kept", d_n * u_n * gate.derivative(reset), 1)
    at.write("kept", d_n, 2)
    at.write("kept", d_n * reset, 3)
    at.write("d_hidden", d_h * update)


def simple_forward(at: Unit, gate: Gate, z: list[Vector]) -> None:
    """Write a step of a SimpleRNN."""
    at.write("hidden", tanh(z[0]))


def simple_back(at: Unit, gate: Gate) -> None:
    """Write the gradient of a SimpleRNN's only gate."""
    h, d_h = at.read("hidden"), at.read("d_hidden")
    at.write("kept", d_h * (1.0 - h * h))


# -- a GRU whose reset gate comes before the product, which needs two walks over its units ----------------------------


def before_gates(at: Unit, gate: Gate, z: list[Vector]) -> None:
    """Write the two gates of a GRU without `reset_after`, and what of h they let through to the candidate."""
    update, reset = gate(z[0]), gate(z[1])
    at.write("kept", update, 0)
    at.write("kept", reset, 1)
    at.write("reset", reset * at.read("hidden_before"))


def before_candidate(at: Unit, gate: Gate, z: list[Vector]) -> None:
    """Write its candidate and its output."""
    update, n = at.read("kept", 0), tanh(z[0])
    at.write("kept", n, 2)
    at.write("hidden", update * at.read("hidden_before") + (1.0 - update) * n)


def before_back(at: Unit, gate: Gate) -> None:
    """Write the gradients of its update gate and of its candidate."""
    update, n, d_h = at.read("kept", 0), at.read("kept", 2), at.read("d_hidden")
    at.write("kept", d_h * (at.read("hidden_before") - n) * gate.derivative(update), 0)
    at.write("kept", d_h * (1.0 - update) * (1.0 - n * n), 2)
    at.write("d_hidden", d_h * update)


def before_reset_back(at: Unit, gate: Gate, d_reset: Vector) -> None:
    """Write the gradient of its reset gate, given that of what the gate let through."""
    reset = at.read("kept", 1)
    at.write("d_hidden", d_reset.times_plus(reset, at.read("d_hidden")))
    at.write("kept", d_reset * at.read("hidden_before") * gate.derivative(reset), 1)


Forward = Callable[[Unit, Gate, list[Vector]], None]
# Sums of a unit: of which gate's columns, and of what: ``x W`` (GIVEN), ``h U`` (INNER), both, or ``x W + (r h) U``.
BOTH, GIVEN, INNER, THROUGH_RESET = "both", "given", "inner", "reset"
Sums = tuple[tuple[int, str], ...]

FORWARD: dict[str, tuple[tuple[Sums, Forward], ...]] = {
    "lstm": ((((0, BOTH), (1, BOTH), (2, BOTH), (3, BOTH)), lstm_forward),),
    "gru": ((((0, BOTH), (1, BOTH), (2, GIVEN), (2, INNER)), gru_forward),),
    "gru_before": ((((0, BOTH), (1, BOTH)), before_gates), (((2, THROUGH_RESET),), before_candidate)),
    "simple": ((((0, BOTH),), simple_forward),),
}
BACK: dict[str, Callable[[Unit, Gate], None]] = {
    "lstm": lstm_back,
    "gru": gru_back,
    "gru_before": before_back,
    "simple": simple_back,
}


@dataclass(frozen=True)
class Run:
    """Gates side by side in the recurrent kernel, whose gradients are side by side as well.

    Attributes:
        left: What the kernel's rows are multiplied with: ``"hidden"``, the state before the step, or ``"reset"``.
        gate: The first gate.
        part: Where the gradients begin in what the step keeps, in units.
        gates: How many gates.
    """

    left: str
    gate: int
    part: int
    gates: int


def inner_runs(layer: Layer) -> list[Run]:
    """Return the runs that make up the recurrent kernel."""
    if layer.cell == "gru":
        return [Run("hidden", 0, 0, 2), Run("hidden", 2, 3, 1)]
    if layer.cell == "gru_before":
        return [Run("hidden", 0, 0, 2), Run("reset", 2, 2, 1)]
    return [Run("hidden", 0, 0, GATES[layer.cell])]
