"""Time one training job in Keras (on any backend) or in a plain PyTorch loop. Run as a script, by its path.

``python -P peers.py JOB_FOLDER`` reads ``job.json`` and ``data.npz`` from the folder and writes ``result.json``.

This file imports nothing of gatewise, because importing gatewise puts Keras on JAX; the gatewise runners in
`gatewise.recipes.speed.own` import this file instead, so that every runner builds its network, counts its steps and
measures its memory in the same way.

A job is plain data, a `Job`: the network (``cell``, ``units``, ``depth``, ``stateful``, ``dense``), the training
(``batch_size``, ``epochs``, ``shuffle``, ``learning_rate``) and the measurement (``runner``, ``repeats``).
"""

import json
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

ADAM_EPSILON = 1e-7  # Keras's default; PyTorch's is 1e-8.


class Job(TypedDict):
    """One training job for one runner.

    Attributes:
        runner: Who trains: ``keras-…``, ``torch``, ``gatewise`` or ``gatewise-ensemble``.
        cell: ``lstm``, ``gru``, or None for a network of Dense layers only.
        units: Units of each recurrent layer.
        depth: How many recurrent layers, one above the other.
        stateful: Whether the state is carried from batch to batch and reset after each epoch.
        dense: Units and activation of each Dense layer on top.
        batch_size: Samples in a step.
        epochs: Epochs of one timed run.
        shuffle: Whether the order is drawn anew for each epoch.
        learning_rate: Of Adam.
        members: Ensemble members trained at once; 1 for everyone but ``gatewise-ensemble``.
        repeats: Timed runs, at least.
    """

    runner: str
    cell: str | None
    units: int
    depth: int
    stateful: bool
    dense: list[tuple[int, str]]
    batch_size: int
    epochs: int
    shuffle: bool
    learning_rate: float
    members: int
    repeats: int


class Result(TypedDict):
    """What one process measured.

    Attributes:
        steps: Training steps in one timed run.
        first_seconds: The first call: tracing and compiling included.
        seconds: The timed runs, in the order in which they were made.
        peak_bytes: Largest resident memory of the process.
        note: What the numbers do not say, or None.
        failed: Why there are no numbers, or None.
    """

    steps: int
    first_seconds: float
    seconds: list[float]
    peak_bytes: int
    note: str | None
    failed: str | None


def read_job(folder: Path) -> tuple[Job, np.ndarray, np.ndarray]:
    """Return the job in a folder with its input and target arrays, each ``(samples, …)``."""
    job: Job = json.loads((folder / "job.json").read_text())
    with np.load(folder / "data.npz") as arrays:
        return job, arrays["x"], arrays["y"]


def steps_in(job: Job, rows: int) -> int:
    """Return the training steps of one timed run over `rows` samples."""
    return -(-rows // job["batch_size"]) * job["epochs"]


def peak_bytes() -> int:
    """Return the largest resident memory this process has had."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: on Linux its figure is inherited from the process that started this one.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    import psutil

    memory = psutil.Process().memory_info()
    if hasattr(memory, "peak_wset"):  # Windows
        return int(memory.peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) if sys.platform == "darwin" else int(peak) * 1024


def timed(train: Callable[[], Any]) -> float:
    """Return the seconds that one call takes."""
    start = time.perf_counter()
    train()
    return time.perf_counter() - start


def timed_runs(train: Callable[[], Any], repeats: int) -> list[float]:
    """Return the seconds of each of `repeats` calls, and of more until they took a second together.

    Two runs of a few milliseconds would say more about the machine's other business than about the program.
    """
    seconds: list[float] = []
    while len(seconds) < repeats or sum(seconds) < 1.0:
        seconds.append(timed(train))
    return seconds


def keras_model(job: Job, x: np.ndarray) -> Any:
    """Return the job's network as a compiled Keras model on the backend that Keras is on.

    Args:
        job: The job.
        x: Inputs ``(samples, time, features)``, or ``(samples, features)`` without a recurrent layer.

    Returns:
        A `keras.Sequential` for float32, compiled with Adam and mean squared error.
    """
    import keras

    keras.config.set_floatx("float32")
    layers = keras.layers
    model = keras.Sequential()
    model.add(keras.Input(batch_shape=(job["batch_size"] if job["stateful"] else None, *x.shape[1:])))
    for index in range(job["depth"] if job["cell"] else 0):
        kind = {"lstm": layers.LSTM, "gru": layers.GRU}[str(job["cell"])]
        below_another = index < job["depth"] - 1
        model.add(kind(job["units"], return_sequences=below_another, stateful=job["stateful"]))
    for units, activation in job["dense"]:
        model.add(layers.Dense(units, activation=activation))
    model.compile(optimizer=keras.optimizers.Adam(job["learning_rate"]), loss="mean_squared_error")
    return model


def time_keras(job: Job, x: np.ndarray, y: np.ndarray) -> Result:
    """Time ``model.fit``; the backend is the one that ``KERAS_BACKEND`` names."""
    import keras

    model = keras_model(job, x)
    recurrent = [layer for layer in model.layers if getattr(layer, "stateful", False)]

    class ResetStates(keras.callbacks.Callback):  # type: ignore[misc, unused-ignore]
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            for layer in recurrent:
                layer.reset_states()

    def train(epochs: int, callbacks: list[Any]) -> None:
        model.fit(x, y, job["batch_size"], epochs, verbose=0, callbacks=callbacks, shuffle=job["shuffle"])

    first = timed(lambda: train(1, []))
    note = None
    if recurrent and not any(np.any(keras.ops.convert_to_numpy(state)) for r in recurrent for state in r.states):
        note = "the state is lost: every batch starts from zero"
    callbacks = [ResetStates()] if recurrent else []
    seconds = timed_runs(lambda: train(job["epochs"], callbacks), job["repeats"])
    return Result(
        steps=steps_in(job, len(x)),
        first_seconds=first,
        seconds=seconds,
        peak_bytes=peak_bytes(),
        note=note,
        failed=None,
    )


def torch_network(job: Job, x: np.ndarray) -> Any:
    """Return the job's network as a PyTorch module that maps ``(inputs, state)`` to ``(outputs, state)``.

    Args:
        job: The job.
        x: Inputs ``(samples, time, features)``, or ``(samples, features)`` without a recurrent layer.

    Returns:
        The module. The state is None for a fresh start, or what the last call returned.
    """
    import torch  # type: ignore[import-not-found, unused-ignore]
    from torch import nn

    class Network(nn.Module):  # type: ignore[misc, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            width = x.shape[-1]
            self.recurrent = None
            if job["cell"]:
                kind = {"lstm": nn.LSTM, "gru": nn.GRU}[job["cell"]]
                self.recurrent = kind(width, job["units"], num_layers=job["depth"], batch_first=True)
                width = job["units"]
            parts: list[Any] = []
            for units, activation in job["dense"]:
                parts.append(nn.Linear(width, units))
                parts += [nn.ReLU()] if activation == "relu" else []
                width = units
            self.head = nn.Sequential(*parts)

        def forward(self, inputs: torch.Tensor, state: Any) -> tuple[Any, Any]:
            if self.recurrent is None:
                return self.head(inputs), None
            outputs, state = self.recurrent(inputs, state)
            return self.head(outputs[:, -1]), state

    return Network()


def time_torch(job: Job, x: np.ndarray, y: np.ndarray) -> Result:
    """Time a plain PyTorch loop: zero_grad, forward, loss, backward, step; a carried state is detached."""
    import torch

    network = torch_network(job, x)
    optimizer = torch.optim.Adam(network.parameters(), lr=job["learning_rate"], eps=ADAM_EPSILON)
    loss_of = torch.nn.MSELoss()
    inputs, targets = torch.from_numpy(x), torch.from_numpy(y)

    def train(epochs: int) -> None:
        for _ in range(epochs):
            order = torch.randperm(len(inputs)) if job["shuffle"] else torch.arange(len(inputs))
            state = None
            for rows in order.split(job["batch_size"]):
                optimizer.zero_grad()
                outputs, new_state = network(inputs[rows], state)
                loss_of(outputs, targets[rows]).backward()
                optimizer.step()
                if job["stateful"]:
                    is_pair = isinstance(new_state, tuple)
                    state = tuple(part.detach() for part in new_state) if is_pair else new_state.detach()

    first = timed(lambda: train(1))
    seconds = timed_runs(lambda: train(job["epochs"]), job["repeats"])
    return Result(
        steps=steps_in(job, len(x)),
        first_seconds=first,
        seconds=seconds,
        peak_bytes=peak_bytes(),
        note=None,
        failed=None,
    )


def write_result(folder: Path, measure: Callable[[], Result]) -> None:
    """Write what `measure` returns, or why it failed, to ``result.json``."""
    try:
        result = measure()
    except Exception as error:
        # A peer that cannot do the job is a finding, not an accident: the first line of its message goes on record.
        lines = str(error).strip().splitlines() or [""]
        text = textwrap.shorten(f"{type(error).__name__}: {lines[0]}", 200, placeholder=" …")
        result = Result(steps=0, first_seconds=0.0, seconds=[], peak_bytes=peak_bytes(), note=None, failed=text)
    (folder / "result.json").write_text(json.dumps(result))


def main() -> None:
    """Do the job in the folder that the command line names."""
    folder = Path(sys.argv[1])
    job, x, y = read_job(folder)
    timer = time_torch if job["runner"] == "torch" else time_keras
    write_result(folder, lambda: timer(job, x, y))


if __name__ == "__main__":
    main()
