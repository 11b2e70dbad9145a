"""Baselines that are estimated series by series, in processes of their own beside the training of the networks.

A worker is this module run by itself: what it is to do comes as arrays on its standard input, and its forecasts go to its
standard output. statsforecast, which takes longer to load than some hundred series to be forecast, is loaded there, and on
Linux once: the worker then forks, and its children share what is loaded. Who knows that there will be work calls
`expect_work`, and a worker loads it while that is still being read.
"""

import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from dataclasses import dataclass, replace
from typing import IO, Any, NamedTuple

import numpy as np
from jaxtyping import Float64

from gatewise.backend import cores
from gatewise.errors import GatewiseError
from gatewise.evaluation.simple_baselines import Baseline
from gatewise.forecasting.classical.baseline_methods import BY_NAME, baseline_forecasts, has_statsforecast

# Forking is safe before any thread has begun; macOS has threads of its own from the start.
_FORKS = sys.platform == "linux"
# Seconds of work for each process: one of its own has to load statsforecast, a fork nothing.
_WORTH = 0.25 if _FORKS else 1.25
# What statsforecast loads where it is installed, for tables that no worker meets; it does without as well.
_NEVER_MET = ("dask", "polars", "pyspark", "ray")


@dataclass(frozen=True)
class Task:
    """Series to be forecast by a baseline.

    Attributes:
        baseline: The baseline, one of `BY_NAME`.
        values: The series, ``(series, time)``.
        steps_back: The ends to forecast from, as columns that come after them, the earliest end first.
        season_length: Steps in a season.
        horizon: Steps.
    """

    baseline: Baseline
    values: Float64[np.ndarray, "series time"]
    steps_back: tuple[int, ...]
    season_length: int
    horizon: int


class _Worker(NamedTuple):
    """A process, what it puts out, and what it complains about."""

    process: subprocess.Popen[bytes]
    output: IO[bytes]
    errors: IO[bytes]

    @classmethod
    def begun(cls) -> "_Worker":
        """Begin one, which waits for its tasks."""
        output, errors = (tempfile.TemporaryFile() for _ in range(2))  # noqa: SIM115  closed by end
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "gatewise.forecasting.classical.baseline_workers"],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=errors,
            # As here, and nothing from the folder that somebody happens to be in.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            # A group of its own: it is ended with its forks.
            start_new_session=_FORKS,
        )
        return cls(process, output, errors)

    def give(self, packed: bytes) -> None:
        """Give it what it is to do, without waiting until it has loaded what it needs for that."""
        threading.Thread(target=_write_all, args=(self.process.stdin, packed), daemon=True).start()

    def end(self) -> None:
        """End it, if it still runs."""
        if self.process.poll() is None:
            if _FORKS:
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()
            self.process.wait()
        self.output.close()
        self.errors.close()


def _write_all(pipe: IO[bytes], packed: bytes) -> None:
    # A worker that was ended takes nothing more.
    with contextlib.suppress(OSError), pipe:
        pipe.write(packed)


_waiting: list[_Worker] = []


def expect_work() -> None:
    """Begin a worker that has no tasks yet, where there are two cores: the first `Workers` will have it."""
    if _FORKS and cores() > 1 and not _waiting and has_statsforecast():
        _waiting.append(_Worker.begun())
        atexit.unregister(_dismiss)
        atexit.register(_dismiss)


def _dismiss() -> None:
    while _waiting:
        _waiting.pop().end()


class Workers:
    """Some tasks, shared out among processes as soon as this is made.

    Args:
        tasks: What is to be done.
        seconds: How long it takes about, on one core.
    """

    def __init__(self, tasks: list[Task], seconds: float) -> None:
        self.tasks = tasks
        count = max(1, min(cores(), int(seconds / _WORTH)))
        self.processes: list[_Worker] = []
        shares = 1 if _FORKS else count
        for place in range(shares):
            worker = _waiting.pop() if _waiting else _Worker.begun()
            worker.give(_packed(_share(tasks, place, shares), count // shares))
            self.processes.append(worker)

    def forecasts(self) -> list[Float64[np.ndarray, "series ends horizon"]]:
        """Wait for all, and return the forecasts of each task.

        Raises:
            GatewiseError: A worker failed.
        """
        parts = []
        for process, output, errors in self.processes:
            process.wait()
            output.seek(0)
            errors.seek(0)
            if process.returncode:
                last = (errors.read().decode(errors="replace").strip().splitlines() or ["it was ended from outside"])[
                    -1
                ]
                raise GatewiseError(f"A process that estimates baselines failed: {last}")
            parts.append(_unpacked(output))
        return _whole(self.tasks, parts)

    def stop(self) -> None:
        """End those that still run."""
        for worker in self.processes:
            worker.end()
        self.processes = []


def _rows(number: int, place: int, shares: int) -> slice:
    """Return which series of a task are in a share: some of each task, as tasks differ, and of single series every so many."""
    return slice((place + number) % shares, None, shares)


def _share(tasks: list[Task], place: int, shares: int) -> list[Task]:
    return [replace(task, values=task.values[_rows(number, place, shares)]) for number, task in enumerate(tasks)]


def _whole(tasks: list[Task], parts: list[list[np.ndarray]]) -> list[Float64[np.ndarray, "series ends horizon"]]:
    """Return the forecasts of whole tasks from those of all their shares."""
    found = [np.full((len(task.values), len(task.steps_back), task.horizon), np.nan) for task in tasks]
    for place, part in enumerate(parts):
        for number, forecast in enumerate(part):
            found[number][_rows(number, place, len(parts))] = forecast
    return found


def _packed(tasks: list[Task], processes: int) -> bytes:
    facts = [processes, [[task.baseline.name, task.steps_back, task.season_length, task.horizon] for task in tasks]]
    arrays: dict[str, Any] = {str(number): task.values for number, task in enumerate(tasks)}
    content = io.BytesIO()
    np.savez(content, facts=np.frombuffer(json.dumps(facts).encode(), np.uint8), **arrays)
    return content.getvalue()


def _unpacked(output: IO[bytes]) -> list[np.ndarray]:
    with np.load(output, allow_pickle=False) as arrays:
        return [arrays[str(number)] for number in range(len(arrays.files))]


def work(given: bytes) -> bytes:
    """Do what came on standard input, and return what goes to standard output."""
    with np.load(io.BytesIO(given), allow_pickle=False) as arrays:
        processes, facts = json.loads(arrays["facts"].tobytes())
        tasks = [
            Task(BY_NAME[name], arrays[str(number)], tuple(ends), season_length, horizon)
            for number, (name, ends, season_length, horizon) in enumerate(facts)
        ]
    return _done(tasks) if processes == 1 else _forked(tasks, processes)


def _done(tasks: list[Task]) -> bytes:
    """Return the forecasts of some tasks, packed."""
    return _stored(
        [
            baseline_forecasts(task.baseline, task.values, task.steps_back, task.season_length, task.horizon)
            for task in tasks
        ]
    )


def _stored(forecasts: list[np.ndarray]) -> bytes:
    content = io.BytesIO()
    arrays: dict[str, Any] = {str(number): forecast for number, forecast in enumerate(forecasts)}
    np.savez(content, **arrays)
    return content.getvalue()


def _forked(tasks: list[Task], processes: int) -> bytes:
    """Return the forecasts of some tasks, shared out among forks; if one fails, end with what it said."""
    _load()
    children = []
    for place in range(processes):
        output = tempfile.TemporaryFile()  # noqa: SIM115  closed below
        child = os.fork()
        if child == 0:
            _end_as_fork(_share(tasks, place, processes), output)
        children.append((child, output))
    failed = [os.waitpid(child, 0)[1] for child, _ in children]
    if any(failed):
        sys.exit(1)
    parts = []
    for _, output in children:
        with output:
            output.seek(0)
            parts.append(_unpacked(output))
    return _stored(_whole(tasks, parts))


def _load() -> None:
    """Load statsforecast. All of it stays, so that nothing is to be collected, now or by forks."""
    gc.disable()
    with contextlib.suppress(ImportError):
        importlib.import_module("statsforecast.models")
    gc.freeze()
    gc.enable()


def _end_as_fork(tasks: list[Task], output: IO[bytes]) -> None:
    """Do some tasks and end this process, without what its parent would do in the end."""
    status = 1
    try:
        output.write(_done(tasks))
        output.flush()
        status = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)


if __name__ == "__main__":
    for _name in _NEVER_MET:
        sys.modules[_name] = None  # type: ignore[assignment]
    _load()
    _given = sys.stdin.buffer.read()
    # Nothing comes from a process that has ended meanwhile.
    if _given:
        sys.stdout.buffer.write(work(_given))
