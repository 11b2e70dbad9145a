"""What the server asks of a model: names and shapes, steps from one state to the next, answers to batches.

The server knows nothing else of a model. Whatever fulfils `Stepped` can have sessions; whatever fulfils `Asked` can be asked
by ``/infer`` and ``/predict``; a model may be both.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np

Kind = Literal["recurrent", "forecaster", "classifier"]
KIND_WORDS: dict[Kind, str] = {"recurrent": "a network", "forecaster": "a forecaster", "classifier": "a classifier"}


class Tensor(NamedTuple):
    """An input or output of a model, as the Open Inference Protocol describes it.

    Attributes:
        name: Its name.
        datatype: ``"FP32"``, ``"FP64"``, ``"INT64"``, ``"BOOL"``, ``"BYTES"`` (text) and so on.
        shape: Its axes; -1 is one of any length.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]


@runtime_checkable
class ServedModel(Protocol):
    """What every model says of itself."""

    @property
    def name(self) -> str:
        """Its name in paths: 1 to 64 of the characters A-Z a-z 0-9 . _ -, the first of them a letter or digit."""

    @property
    def kind(self) -> Kind:
        """What it is."""

    @property
    def sha256(self) -> str:
        """The hash of its folder's manifest, 64 hexadecimal digits: sessions are pinned to it."""

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """What `Asked.predict` takes; of a model that is only stepped, what a step takes, for many sequences."""

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """What comes back."""

    @property
    def quick(self) -> bool:
        """Whether a step, or a small batch, takes microseconds and is done in the server's loop; else a thread waits for it."""

    def close(self) -> None:
        """Let go of processes and files; called once, when the server stops."""


@runtime_checkable
class Stepped(ServedModel, Protocol):
    """A model with state: recurrent networks, and forecasters that are told of one value after the other.

    A state is bytes. It belongs to nobody: the same state and rows give the same bytes and numbers, whichever other
    sessions were stepped in between, in this process or another, and whether the rows come at once or one after the other.
    `step` and `begin` are called by one thread at a time, `forecast` in another beside them.
    """

    @property
    def features(self) -> int:
        """How many numbers an observation has."""

    @property
    def step_input(self) -> Tensor:
        """The observations of one sequence as a tensor, its first axis 1: what a step takes, whatever `inputs` a batch has."""

    @property
    def step_output(self) -> Tensor:
        """What a step says, as a tensor: after each observation, or after the last one, ``(1, outputs)``."""

    def begin(self, series: str | None = None) -> bytes:
        """Return the state before the first observation.

        Args:
            series: Of a forecaster of several series, which one; None where there is nothing to choose.

        Raises:
            UsageError: The model has no such series, or it has several and none was named.
        """

    def step(self, state: bytes, rows: np.ndarray) -> tuple[bytes, np.ndarray]:
        """Return the state after some observations, and what the model says at each of them.

        Args:
            state: A state of this model; it is left as it is.
            rows: Finite numbers, float64 ``(time, features)``.

        Returns:
            The next state, and the outputs ``(time, outputs)``; of either, whether it is finite is judged by the caller.

        Raises:
            GatewiseError: The observations cannot be taken.
        """

    def tell(self, state: bytes, rows: np.ndarray) -> bytes:
        """Return the state that `step` returns, where nobody wants to know what the model says of the rows."""

    def fault(self, state: bytes) -> str | None:
        """Say what is wrong with a state: another size, a value that is not finite; None where nothing is."""

    def forecast(self, state: bytes, horizon: int, levels: Sequence[float]) -> dict[str, Any]:
        """Return a forecast from a state on, as plain JSON values; the state is left as it is.

        Args:
            state: A state of this model.
            horizon: How many steps, at least 1.
            levels: Intervals, in percent; empty for none.

        Raises:
            UsageError: This model cannot forecast, not so far, or without intervals.
        """

    def history(self, state: bytes, most: int) -> dict[str, Any]:
        """Return the last values that a state comes from, as plain JSON values: their times, and the times that follow.

        Args:
            state: A state of this model.
            most: How many.

        Raises:
            UsageError: This model does not keep what it was told.
        """


@runtime_checkable
class Asked(ServedModel, Protocol):
    """A model that answers a batch and remembers nothing; it may be asked by several threads at once, beside steps."""

    def predict(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return all outputs by name.

        Args:
            inputs: An array for each of `inputs`, of its type and shape, numbers finite; BYTES are arrays of ``str``
                objects. What `inputs` does not name is not among them.

        Raises:
            GatewiseError: The inputs cannot be taken.
        """
