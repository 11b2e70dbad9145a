"""The elementwise part of a step, forward and backward, for one row and one vector of units.

Line by line the equations of `gatewise.recurrent.equations`, where the sources are. The products ``x W`` and ``h U`` are
there already, and so is, on the way back, the part of the gradient of h that came through the kernel. Each step reads and
writes through a `Place`, which knows where in memory the row and the units are.
"""

from typing import Any, Protocol

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

    def given(self, gate: int) -> Vector:
        """Return ``x W + b`` of a gate."""
        ...

    def inner(self, gate: int) -> Vector:
        """Return ``h U`` of a gate."""
        ...

    def zero(self) -> Vector:
        """Return zeros."""
        ...


class LSTM:
    """See `equations.LSTM`; keeps the four gates, and the cell states of every step."""

    name = "lstm"
    gates = 4
    saves = 4
    states: tuple[str, ...] = ("hidden", "cell")
    biased = False
    own_inner_gradient = False

    def forward(self, at: Place, saving: bool) -> None:
        """Write one step forward."""
        i, f, o = (sigmoid(at.given(gate) + at.inner(gate)) for gate in (0, 1, 3))
        g = tanh(at.given(2) + at.inner(2))
        c = f * at.read("cell_before") + i * g
        at.write("cell", c)
        at.write("hidden", o * tanh(c))
        if saving:
            for part, gate in enumerate((i, f, g, o)):
                at.write("saved", gate, part)

    def back(self, at: Place) -> None:
        """Write one step backward."""
        i, f, g, o = (at.read("saved", part) for part in range(4))
        d_h, squashed = at.read("d_hidden") + at.read("d_outputs"), tanh(at.read("cell"))
        d_c = at.read("d_cell") + d_h * o * (1.0 - squashed * squashed)
        at.write("d_x", d_c * g * i * (1.0 - i), 0)
        at.write("d_x", d_c * at.read("cell_before") * f * (1.0 - f), 1)
        at.write("d_x", d_c * i * (1.0 - g * g), 2)
        at.write("d_x", d_h * squashed * o * (1.0 - o), 3)
        at.write("d_cell", d_c * f)
        at.write("d_hidden", at.zero())


class GRU:
    """See `equations.GRU`; keeps the gates and the candidate's part of ``h U + b``."""

    name = "gru"
    gates = 3
    saves = 4
    states: tuple[str, ...] = ("hidden",)
    biased = True
    own_inner_gradient = True

    def forward(self, at: Place, saving: bool) -> None:
        """Write one step forward."""
        u_z, u_r, u_n = (at.inner(gate) + at.read("bias", gate) for gate in range(3))
        z, r = sigmoid(at.given(0) + u_z), sigmoid(at.given(1) + u_r)
        n = tanh(at.given(2) + r * u_n)
        at.write("hidden", z * at.read("hidden_before") + (1.0 - z) * n)
        if saving:
            for part, value in enumerate((z, r, n, u_n)):
                at.write("saved", value, part)

    def back(self, at: Place) -> None:
        """Write one step backward."""
        z, r, n, u_n = (at.read("saved", part) for part in range(4))
        d_h = at.read("d_hidden") + at.read("d_outputs")
        d_n = d_h * (1.0 - z) * (1.0 - n * n)
        d_z = d_h * (at.read("hidden_before") - n) * z * (1.0 - z)
        d_r = d_n * u_n * r * (1.0 - r)
        for part, value in enumerate((d_z, d_r, d_n)):
            at.write("d_x", value, part)
        for part, value in enumerate((d_z, d_r, d_n * r)):
            at.write("d_inner", value, part)
        at.write("d_hidden", d_h * z)


class SimpleRNN:
    """See `equations.SimpleRNN`; needs nothing but its outputs."""

    name = "simple"
    gates = 1
    saves = 0
    states: tuple[str, ...] = ("hidden",)
    biased = False
    own_inner_gradient = False

    def forward(self, at: Place, saving: bool) -> None:
        """Write one step forward."""
        at.write("hidden", tanh(at.given(0) + at.inner(0)))

    def back(self, at: Place) -> None:
        """Write one step backward."""
        h = at.read("hidden")
        at.write("d_x", (at.read("d_hidden") + at.read("d_outputs")) * (1.0 - h * h))
        at.write("d_hidden", at.zero())


Steps = LSTM | GRU | SimpleRNN
STEPS: dict[str, Any] = {steps.name: steps for steps in (LSTM(), GRU(), SimpleRNN())}


def forward_operands(steps: Steps) -> tuple[list[str], list[str]]:
    """Return the names of the arrays that a walk forward takes and gives, in their order; those of saving walks."""
    bias = ["bias"] if steps.biased else []
    saved = ["saved"] if steps.saves else []
    operands = ["inputs", "input_panels", "panels", *bias, *(f"{state}_first" for state in steps.states)]
    return operands, [*steps.states, *saved]


def back_operands(steps: Steps) -> tuple[list[str], list[str]]:
    """Return the names of the arrays that a walk backward takes and gives, in their order.

    `d_inputs` has no time steps where nobody asks for it.
    """
    saved = ["saved"] if steps.saves else []
    around = [name for state in steps.states for name in (state, f"{state}_first")]
    inner = ["d_inner"] if steps.own_inner_gradient else []
    # These begin as what is passed and end as what is returned, in one place.
    both = ["d_kernel", "d_input_kernel", *(f"d_{state}" for state in steps.states)]
    operands = ["inputs", "panels", "input_panels", "d_outputs", *saved, *around, *(f"{name}_passed" for name in both)]
    return operands, ["d_x", "d_inputs", *inner, *both]
