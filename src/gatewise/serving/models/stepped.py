"""Recurrent networks in the server's own process: their steps are a few NumPy operations, some microseconds."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from gatewise.errors import DataError, UsageError
from gatewise.serving.terms.contract import Kind, Tensor
from gatewise.stepping import StepNetwork

# Sequences of one prediction that are computed side by side, as far as their products stay small.
_MOST_ROWS = 64
_MOST_MULTIPLICATIONS = 1_000_000


class SteppedNetwork:
    """A network that NumPy steps through; fulfils `contract.Stepped` and `contract.Asked`.

    Its state is what the network remembers, float32 in little-endian order: 512 bytes for an LSTM(64).

    Args:
        name: What it is called.
        sha256: Of its manifest.
        network: From `gatewise.stepping.read_network`.
    """

    kind: Final[Kind] = "recurrent"
    quick: Final = True

    def __init__(self, name: str, sha256: str, network: StepNetwork) -> None:
        self.name, self.sha256 = name, sha256
        self.network = network
        self._steps = network.pure_steps()
        self._zeros = np.zeros(len(self._steps.begin) // 4, "float32")
        # A network that reads words reads one number at a time.
        self.features = network.features or 1
        time = network.time or -1
        frame = (-1, time) if network.words else (-1, time, network.features)
        self.inputs = (Tensor("x", "INT64" if network.words else "FP32", frame),)
        outputs = (-1, time, network.outputs) if network.sequences else (-1, network.outputs)
        self.outputs = (Tensor("y", "FP32", outputs),)
        # A step takes as many as come, also where a batch is of a fixed length.
        self.step_input = self.inputs[0]._replace(shape=(1, -1, *frame[2:]))
        said = (1, -1, network.outputs) if network.sequences else (1, network.outputs)
        self.step_output = Tensor("y", "FP32", said)

    def close(self) -> None:
        """Nothing is held."""

    def begin(self, series: str | None = None) -> bytes:
        """See `contract.Stepped`."""
        if series is not None:
            raise UsageError(f"The model {self.name} is a network and has no series to choose: leave series out.")
        return self._steps.begin

    def step(self, state: bytes, rows: np.ndarray) -> tuple[bytes, np.ndarray]:
        """See `contract.Stepped`."""
        if self.network.words:
            rows = _as_words(rows[:, 0])
        return self._steps.step(state, rows)

    def tell(self, state: bytes, rows: np.ndarray) -> bytes:
        """See `contract.Stepped`."""
        return self.step(state, rows)[0]

    def fault(self, state: bytes) -> str | None:
        """See `contract.Stepped`."""
        wanted = len(self._steps.begin)
        if len(state) != wanted:
            return f"it has {len(state)} bytes and should have {wanted}"
        # Zero times infinity, or NaN, is NaN; several times as quick as asking each.
        finite = np.frombuffer(state, "<f4").dot(self._zeros) == 0
        return None if finite else "it holds a value that is not finite"

    def forecast(self, state: bytes, horizon: int, levels: Sequence[float]) -> dict[str, Any]:
        """Return what the network says when it is given its own outputs; see `contract.Stepped`.

        The first is what it said of the last observation, which it takes for the next one.
        """
        network = self.network
        if network.words or network.outputs != network.features:
            reads = "numbers of words" if network.words else f"{network.features} numbers"
            raise UsageError(
                f"The model {self.name} reads {reads} and gives {network.outputs}, so its outputs cannot be fed back to it: "
                "send observations, and take what it says of each."
            )
        if len(levels):
            raise UsageError(f"The model {self.name} is a network, which says no intervals: leave level out.")
        said = [self._steps.output_at(state)]
        while len(said) < horizon:
            if not np.isfinite(said[-1]).all():
                raise UsageError(
                    f"Fed with its own outputs, {self.name} overflows after {len(said)} steps: ask for fewer."
                )
            state, outputs = self._steps.step(state, said[-1][None])
            said.append(outputs[-1])
        return {"y": np.stack(said).tolist()}

    def history(self, state: bytes, most: int) -> dict[str, Any]:
        """See `contract.Stepped`."""
        raise UsageError(
            f"The model {self.name} is a network, which keeps what it made of the observations and not the observations."
        )

    def predict(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """See `contract.Asked`: each sequence is read from a state of zero."""
        network, x = self.network, inputs["x"]
        if x.shape[1] == 0:
            raise DataError("The sequences have no time step: give at least one.")
        if network.words and (x.min(initial=0) < 0 or x.max(initial=0) >= network.words):
            raise DataError(f"Words are whole numbers from 0 to {network.words - 1}: give no others.")
        outputs = [self._of_some(x[start : start + self._rows]) for start in range(0, len(x), self._rows)]
        if not outputs:
            return {"y": np.zeros((0, *self.outputs[0].shape[1:]), "float32")}
        return {"y": np.concatenate(outputs)}

    @property
    def _rows(self) -> int:
        """How many sequences are computed side by side."""
        return max(1, min(_MOST_ROWS, _MOST_MULTIPLICATIONS // max(1, self.network.multiplications)))

    def _of_some(self, x: np.ndarray) -> np.ndarray:
        if len(x) > 1:
            return self.network.plan(len(x)).steps(x)
        _, outputs = self._steps.step(self._steps.begin, x[0])
        return outputs[None] if self.network.sequences else outputs[-1:]


def _as_words(rows: np.ndarray) -> np.ndarray:
    """Return numbers of words as whole numbers."""
    whole = rows.astype(np.int64)
    if (whole != rows).any():
        raise DataError("Words are whole numbers: give no fractions.")
    return whole
