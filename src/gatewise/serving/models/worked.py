"""Models that a worker loads: forecasters, classifiers, and networks that need Keras."""

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from gatewise.errors import DataError
from gatewise.serving.terms.contract import Kind, Tensor
from gatewise.serving.workers.work import Work

_NUMPY = {"FP16": "float16", "FP32": "float32", "FP64": "float64", "INT32": "int32", "INT64": "int64", "BOOL": "bool"}
# One value after the other takes a forecast each; a history is told at once, when the session begins.
_MOST_ROWS = 64
_MOST_VALUES = 100_000


class WorkedModel:
    """A model in a worker that answers batches; fulfils `contract.Asked`.

    Args:
        name: What it is called.
        kind: What it is.
        sha256: Of its manifest.
        work: Whose worker has it; it knows the model by its name.
        described: From the worker's ``model.describe``.
    """

    quick: Final = False

    def __init__(self, name: str, kind: Kind, sha256: str, work: Work, described: Mapping[str, Any]) -> None:
        self.name, self.kind, self.sha256 = name, kind, sha256
        self._work = work
        self.inputs, self.outputs = (
            tuple(Tensor(one, datatype, tuple(shape)) for one, datatype, shape in described[side])
            for side in ("inputs", "outputs")
        )

    def close(self) -> None:
        """The worker is ended by `Work.close`."""

    def predict(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """See `contract.Asked`."""
        given = {name: [list(values.shape), values.ravel().tolist()] for name, values in inputs.items()}
        answer = self._asked("model.predict", {"inputs": given})
        types = {tensor.name: _NUMPY.get(tensor.datatype, object) for tensor in self.outputs}
        return {name: np.array(values, types[name]).reshape(shape) for name, (shape, values) in answer.items()}

    def _asked(self, work: str, asked: dict[str, Any]) -> dict[str, Any]:
        return self._work.wait(work, {"model": self.name, **asked})


class WorkedForecaster(WorkedModel):
    """A saved forecaster; fulfils `contract.Stepped` and `contract.Asked`.

    A session's state is which series it is about, and the values that came after those it was saved with. A step tells it of a
    value, and answers what it had said of it before.
    """

    features: Final = 1
    step_input: Final = Tensor("x", "FP64", (1, -1, 1))
    step_output: Final = Tensor("y", "FP64", (1, -1, 1))

    def begin(self, series: str | None = None) -> bytes:
        """See `contract.Stepped`."""
        found = self._asked("model.find_series", {"series": series})["series"]
        return _state(found, np.zeros(0))

    def step(self, state: bytes, rows: np.ndarray) -> tuple[bytes, np.ndarray]:
        """See `contract.Stepped`; the outputs are the forecasts that were made before each value, ``(time, 1)``."""
        series, values = _read(state)
        if len(rows) > _MOST_ROWS:
            raise DataError(
                f"There are {len(rows)} values, and each takes a forecast of its own: give at most {_MOST_ROWS} in a call."
            )
        state = self.tell(state, rows)
        asked = {"series": series, "values": values.tolist(), "rows": rows[:, 0].tolist()}
        said = self._asked("model.steps", asked)["said"]
        return state, np.array(said, np.float64)[:, None]

    def tell(self, state: bytes, rows: np.ndarray) -> bytes:
        """See `contract.Stepped`."""
        series, values = _read(state)
        if len(values) + len(rows) > _MOST_VALUES:
            raise DataError(
                f"This session has {len(values):,} values, and may have {_MOST_VALUES:,}: fit the forecaster again with them."
            )
        return _state(series, np.concatenate([values, rows[:, 0]]))

    def fault(self, state: bytes) -> str | None:
        """See `contract.Stepped`."""
        try:
            _, values = _read(state)
        except (struct.error, UnicodeDecodeError, ValueError, TypeError):
            return "it is not that of a forecaster"
        return None if np.isfinite(values).all() else "it holds a value that is not finite"

    def forecast(self, state: bytes, horizon: int, levels: Sequence[float]) -> dict[str, Any]:
        """See `contract.Stepped`: the columns of the frame that ``Forecaster.predict`` returns."""
        series, values = _read(state)
        asked = {"series": series, "values": values.tolist(), "horizon": horizon, "levels": list(levels)}
        return self._asked("model.forecast", asked)

    def history(self, state: bytes, most: int) -> dict[str, Any]:
        """See `contract.Stepped`: ``ds`` and ``y``, and under ``ds_after`` as many times that follow."""
        series, values = _read(state)
        return self._asked("model.history", {"series": series, "values": values.tolist(), "most": most})


def _state(series: str, values: np.ndarray) -> bytes:
    head = json.dumps(series).encode()
    return struct.pack("<I", len(head)) + head + values.astype("<f8").tobytes()


def _read(state: bytes) -> tuple[str, np.ndarray]:
    """Return the series and the values of a state."""
    size = struct.unpack_from("<I", state)[0]
    series = json.loads(state[4 : 4 + size])
    if not isinstance(series, str):
        raise ValueError("no series")
    return series, np.frombuffer(state[4 + size :], "<f8")
