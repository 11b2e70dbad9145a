"""Small models that fulfil the contract of the server, without a network: their numbers can be said by hand."""

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gatewise.errors import DataError, UsageError
from gatewise.serving.terms.contract import Kind, Tensor


@dataclass
class Memory:
    """A recurrence ``h ← h / 2 + x`` over all features, which says the sum of `h`; a forecast goes on without input."""

    name: str = "memory"
    features: int = 2
    version: str = "1"
    quick: bool = True
    kind: Kind = "recurrent"
    closed: bool = False
    before_step: Callable[[], None] | None = None
    threads: set[int] = field(default_factory=set)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(f"{self.name} {self.version}".encode()).hexdigest()

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return (Tensor("x", "FP32", (-1, -1, self.features)),)

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        return (Tensor("y", "FP32", (-1, 1)),)

    @property
    def step_input(self) -> Tensor:
        return Tensor("x", "FP32", (1, -1, self.features))

    @property
    def step_output(self) -> Tensor:
        return Tensor("y", "FP32", (1, 1))

    def close(self) -> None:
        self.closed = True

    def begin(self, series: str | None = None) -> bytes:
        if series is not None:
            raise UsageError(f"{self.name} has no series {series!r}: leave it out.")
        return np.zeros(self.features, "<f4").tobytes()

    def step(self, state: bytes, rows: np.ndarray) -> tuple[bytes, np.ndarray]:
        self.threads.add(threading.get_ident())
        if self.before_step is not None:
            self.before_step()
        h = np.frombuffer(state, "<f4")
        said = []
        with np.errstate(over="ignore"):
            for row in rows:
                h = (h / np.float32(2) + row).astype("<f4")
                said.append([h.sum()])
        return h.tobytes(), np.array(said, "<f4").reshape(-1, 1)

    def tell(self, state: bytes, rows: np.ndarray) -> bytes:
        return self.step(state, rows)[0]

    def fault(self, state: bytes) -> str | None:
        if len(state) != 4 * self.features:
            return f"it has {len(state)} bytes and should have {4 * self.features}"
        return None if np.isfinite(np.frombuffer(state, "<f4")).all() else "it holds a value that is not finite"

    def forecast(self, state: bytes, horizon: int, levels: Sequence[float]) -> dict[str, Any]:
        if levels:
            raise UsageError(f"{self.name} knows no intervals: leave level out.")
        h, said = np.frombuffer(state, "<f4"), []
        for _ in range(horizon):
            h = h / np.float32(2)
            said.append([float(h.sum())])
        return {"y": said}

    def history(self, state: bytes, most: int) -> dict[str, Any]:
        raise UsageError(f"{self.name} keeps no observations.")

    def predict(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        if inputs["x"].shape[1] == 0:
            raise DataError("The sequences have no time step: give at least one.")
        last = [self.step(self.begin(), sequence)[1][-1] for sequence in inputs["x"]]
        return {"y": np.array(last, "<f4").reshape(-1, 1)}


@dataclass
class Yesterday:
    """A forecaster of one series: the next value is the last one; told of a value, it says the one before."""

    name: str = "yesterday"
    features: int = 1
    quick: bool = True
    kind: Kind = "forecaster"

    sha256 = hashlib.sha256(b"yesterday").hexdigest()
    inputs = (Tensor("horizon", "INT64", (1,)),)
    outputs = (Tensor("ds", "BYTES", (-1,)), Tensor("gatewise", "FP64", (-1,)))
    step_input = Tensor("x", "FP64", (1, -1, 1))
    step_output = Tensor("y", "FP64", (1, -1, 1))

    def close(self) -> None:
        pass

    def begin(self, series: str | None = None) -> bytes:
        return np.array([10.0]).tobytes()

    def step(self, state: bytes, rows: np.ndarray) -> tuple[bytes, np.ndarray]:
        values = np.concatenate([np.frombuffer(state), rows[:, 0]])
        return values.tobytes(), values[-1 - len(rows) : -1, None]

    def tell(self, state: bytes, rows: np.ndarray) -> bytes:
        return self.step(state, rows)[0]

    def fault(self, state: bytes) -> str | None:
        return None if np.isfinite(np.frombuffer(state)).all() else "it holds a value that is not finite"

    def forecast(self, state: bytes, horizon: int, levels: Sequence[float]) -> dict[str, Any]:
        return {"y": [np.frombuffer(state)[-1]] * horizon}

    def history(self, state: bytes, most: int) -> dict[str, Any]:
        return {"y": np.frombuffer(state)[-most:].tolist()}

    def predict(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        (horizon,) = inputs["horizon"].tolist()
        if horizon < 1:
            raise UsageError(f"horizon is {horizon}: give at least 1.")
        return {"ds": np.array([f"day {one}" for one in range(horizon)], object), "gatewise": np.full(horizon, 10.0)}


@dataclass
class Lengths:
    """A classifier of texts: ``long`` from five characters on, with the probability that its length in tens would be."""

    name: str = "lengths"
    quick: bool = True
    kind: Kind = "classifier"
    closed: bool = False

    sha256 = hashlib.sha256(b"lengths").hexdigest()
    inputs = (Tensor("text", "BYTES", (-1,)),)
    outputs = (Tensor("label", "BYTES", (-1,)), Tensor("probability", "FP32", (-1,)))

    def close(self) -> None:
        self.closed = True

    def predict(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        sizes = [len(text) for text in inputs["text"]]
        labels = np.array(["long" if size >= 5 else "short" for size in sizes], object)
        return {"label": labels, "probability": np.array([min(size, 10) / 10 for size in sizes], "<f4")}
