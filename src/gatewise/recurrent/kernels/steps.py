"""The elementwise part of a step, forward and backward, for one row and one vector of units.

Line by line the equations of `gatewise.recurrent.equations`, where the sources are. The products of a phase are there
already, with their biases, and so is, on the way back, the part of the gradient of h that came through the kernel. Each
step reads and writes through a `Place`, which knows where in memory the row and the units are.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from gatewise.recurrent.kernels.activations import sigmoid, tanh
from gatewise.recurrent.kernels.emitter import Vector


class Place(Protocol):
    """One row and one vector of units of everything that a step reads and writes; see `places`."""

    def read(self, name: str, part: int = 0) -> Vector:
        """Return a vector of a buffer; `part` counts the gates that stand side by side in it."""
        ...

    def write(self, name: str, value: Vector, part: int = 0) -> None:
        """Write a vector of a buffer."""
        ...

    def keep(self, name: str, values: Sequence[Vector]) -> None:
        """Write all parts of a buffer, which is not read before the walk back; past the caches where it is a large one."""
        ...

    def product(self, gate: int, which: int = 0) -> Vector:
        """Return the product of a gate: all of it, or what comes of the input (0) and of the state (1)."""
        ...

    def zero(self) -> Vector:
        """Return zeros."""
        ...


class Phase(NamedTuple):
    """What a step does at once on its way forward: products, then something for each unit.

    Attributes:
        gates: How many gates it computes.
        earlier: How many gates earlier phases compute.
        state: What the recurrent kernel is multiplied with.
        joined: Whether ``x W`` and ``h U`` are added up; otherwise the step wants them one by one.
        step: Writes the step, and keeps what the walk back needs if that is asked for.
    """

    gates: int
    earlier: int
    state: str
    joined: bool
    step: Callable[[Place, bool], None]


class Ring(NamedTuple):
    """Gradients of gates of the last few rows, until they are added up to the gradient of a kernel.

    Attributes:
        name: Its name.
        gates: How many gates.
        earlier: How many gates stand before these in the kernels.
        factors: What the gates were multiples of: ``inputs``, and ``hidden`` or ``reset``.
        into: Where their product with the transposed recurrent kernel goes: added to ``d_hidden``, written to ``d_reset``, or
            nowhere.
    """

    name: str
    gates: int
    earlier: int
    factors: tuple[str, ...]
    into: str | None


class Stage(NamedTuple):
    """What a step does at once on its way back: something for each unit, then the products of the rings that it fills."""

    step: Callable[[Place], None]
    rings: tuple[Ring, ...]


class _Cell:
    """A cell, with or without dropout.

    Args:
        dropped: Whether each gate multiplies inputs and states with factors of its own before its products.
    """

    name = ""

    def __init__(self, dropped: bool = False) -> None:
        self.dropped = dropped
        if dropped:
            self.name = f"{self.name}_dropped"


class LSTM(_Cell):
    """See `equations.LSTM`; keeps the four gates, and the cell states of every step."""

    name = "lstm"
    gates = 4
    saves = 4
    states: tuple[str, ...] = ("hidden", "cell")
    carries = False

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The way forward."""
        return (Phase(4, 0, "hidden_before", joined=True, step=self.forward),)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The way back."""
        return (Stage(self.back, (Ring("d_x", 4, 0, ("inputs", "hidden"), "d_hidden"),)),)

    def forward(self, at: Place, saving: bool) -> None:
        """Write one step forward."""
        i, f, o = (sigmoid(at.product(gate)) for gate in (0, 1, 3))
        g = tanh(at.product(2))
        c = f * at.read("cell_before") + i * g
        at.write("cell", c)
        at.write("hidden", o * tanh(c))
        if saving:
            at.keep("saved", (i, f, g, o))

    def back(self, at: Place) -> None:
        """Write one step backward."""
        i, f, g, o = (at.read("saved", part) for part in range(4))
        # tanh c is h / o, and o is never 0.
        d_h, h = at.read("d_hidden"), at.read("hidden")
        d_c = at.read("d_cell") + d_h * (o - h * (h / o))
        at.write("d_x", d_c * g * i * (1.0 - i), 0)
        at.write("d_x", d_c * at.read("cell_before") * f * (1.0 - f), 1)
        at.write("d_x", d_c * i * (1.0 - g * g), 2)
        at.write("d_x", d_h * h * (1.0 - o), 3)
        at.write("d_cell", d_c * f)
        at.write("d_hidden", at.zero())


class GRU(_Cell):
    """See `equations.GRU`; keeps the gates and the candidate's part of ``h U + b``."""

    name = "gru"
    gates = 3
    saves = 4
    states: tuple[str, ...] = ("hidden",)
    carries = False

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The way forward."""
        return (Phase(3, 0, "hidden_before", joined=False, step=self.forward),)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The way back."""
        return (
            Stage(self.back, (Ring("d_x", 3, 0, ("inputs",), None), Ring("d_inner", 3, 0, ("hidden",), "d_hidden"))),
        )

    def forward(self, at: Place, saving: bool) -> None:
        """Write one step forward."""
        z, r = (sigmoid(at.product(gate, 0) + at.product(gate, 1)) for gate in (0, 1))
        u_n = at.product(2, 1)
        n = tanh(at.product(2, 0) + r * u_n)
        at.write("hidden", z * at.read("hidden_before") + (1.0 - z) * n)
        if saving:
            at.keep("saved", (z, r, n, u_n))

    def back(self, at: Place) -> None:
        """Write one step backward."""
        z, r, n, u_n = (at.read("saved", part) for part in range(4))
        d_h = at.read("d_hidden")
        d_n = d_h * (1.0 - z) * (1.0 - n * n)
        d_z = d_h * (at.read("hidden_before") - n) * z * (1.0 - z)
        d_r = d_n * u_n * r * (1.0 - r)
        for part, value in enumerate((d_z, d_r, d_n)):
            at.write("d_x", value, part)
        for part, value in enumerate((d_z, d_r, d_n * r)):
            at.write("d_inner", value, part)
        at.write("d_hidden", d_h * z)


class GRUResetBefore(_Cell):
    """See `equations.GRUResetBefore`; two products with a state, and so two phases; keeps the gates and the candidate."""

    name = "gru_reset_before"
    gates = 3
    saves = 3
    states: tuple[str, ...] = ("hidden",)
    # The second phase reads what the first one has saved.
    carries = True

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The way forward."""
        first = Phase(2, 0, "hidden_before", joined=True, step=self.forward_gates)
        return (first, Phase(1, 2, "reset", joined=True, step=self.forward_candidate))

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The way back."""
        last = Stage(self.back_candidate, (Ring("d_candidate", 1, 2, ("inputs", "reset"), "d_reset"),))
        return (last, Stage(self.back_gates, (Ring("d_gates", 2, 0, ("inputs", "hidden"), "d_hidden"),)))

    def forward_gates(self, at: Place, saving: bool) -> None:
        """Write the first phase of a step forward."""
        z, r = sigmoid(at.product(0)), sigmoid(at.product(1))
        at.write("saved", z, 0)
        at.write("saved", r, 1)
        at.write("reset", r * at.read("hidden_before"))

    def forward_candidate(self, at: Place, saving: bool) -> None:
        """Write the second phase of a step forward."""
        z, n = at.read("saved", 0), tanh(at.product(0))
        at.write("hidden", z * at.read("hidden_before") + (1.0 - z) * n)
        if saving:
            at.write("saved", n, 2)

    def back_candidate(self, at: Place) -> None:
        """Write the first stage of a step backward."""
        z, n = at.read("saved", 0), at.read("saved", 2)
        at.write("d_candidate", at.read("d_hidden") * (1.0 - z) * (1.0 - n * n))

    def back_gates(self, at: Place) -> None:
        """Write the second stage of a step backward."""
        z, r, n = (at.read("saved", part) for part in range(3))
        d_h, d_reset, h = at.read("d_hidden"), at.read("d_reset"), at.read("hidden_before")
        at.write("d_gates", d_h * (h - n) * z * (1.0 - z), 0)
        at.write("d_gates", d_reset * h * r * (1.0 - r), 1)
        at.write("d_hidden", d_h * z + d_reset * r)
        at.write("reset", r * h)


class SimpleRNN(_Cell):
    """See `equations.SimpleRNN`; needs nothing but its outputs."""

    name = "simple"
    gates = 1
    saves = 0
    states: tuple[str, ...] = ("hidden",)
    carries = False

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The way forward."""
        return (Phase(1, 0, "hidden_before", joined=True, step=self.forward),)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The way back."""
        return (Stage(self.back, (Ring("d_x", 1, 0, ("inputs", "hidden"), "d_hidden"),)),)

    def forward(self, at: Place, saving: bool) -> None:
        """Write one step forward."""
        at.write("hidden", tanh(at.product(0)))

    def back(self, at: Place) -> None:
        """Write one step backward."""
        h = at.read("hidden")
        at.write("d_x", at.read("d_hidden") * (1.0 - h * h))
        at.write("d_hidden", at.zero())


Steps = LSTM | GRU | GRUResetBefore | SimpleRNN
STEPS: dict[str, Any] = {
    steps.name: steps
    for dropped in (False, True)
    for steps in (LSTM(dropped), GRU(dropped), GRUResetBefore(dropped), SimpleRNN(dropped))
}


def rings_of(steps: Steps) -> tuple[Ring, ...]:
    """Return the rings of all stages."""
    return tuple(ring for stage in steps.stages for ring in stage.rings)


def is_two_phased(steps: Steps) -> bool:
    """Say whether a step multiplies a state a second time, after the reset gate."""
    return len(steps.phases) > 1
