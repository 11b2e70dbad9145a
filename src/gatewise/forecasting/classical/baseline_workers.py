"""Baselines that are estimated series by series, in processes of their own beside the training of the networks.

A worker is this module run by itself: what it is to do comes as arrays on its standard input, and its forecasts go to its
standard output. statsforecast, which takes longer to load than some hundred series to be forecast, is loaded there.
"""

import io
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from jaxtyping import Float64

from gatewise.backend import cores
from gatewise.errors import GatewiseError
from gatewise.evaluation.simple_baselines import Baseline
from gatewise.forecasting.classical.baseline_methods import BY_NAME, baseline_forecast

# Seconds of work for each worker.
_WORTH = 1.25


@dataclass(frozen=True)
class Task:
    """Series to be forecast by a baseline.

    Attributes:
        baseline: The baseline, one of `BY_NAME`.
        values: The series, ``(series, time)``.
        season_length: Steps in a season.
        horizon: Steps.
    """

    baseline: Baseline
    values: Float64[np.ndarray, "series time"]
    season_length: int
    horizon: int


class Workers:
    """Some tasks, shared out among processes as soon as this is made.

    Args:
        tasks: What is to be done.
        seconds: How long it takes about, on one core.
    """

    def __init__(self, tasks: list[Task], seconds: float) -> None:
        self.tasks = tasks
        count = max(1, min(cores(), int(seconds / _WORTH)))
        self.processes: list[tuple[subprocess.Popen[bytes], IO[bytes], IO[bytes]]] = []
        # As here, and nothing from the folder that somebody happens to be in.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        for place in range(count):
            # Every worker gets some series of each task, as these may differ in length.
            given, output, errors = (tempfile.TemporaryFile() for _ in range(3))  # noqa: SIM115  closed by stop
            given.write(_packed(tasks, [task.values[place::count] for task in tasks]))
            given.seek(0)
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "gatewise.forecasting.classical.baseline_workers"],
                stdin=given,
                stdout=output,
                stderr=errors,
                env=environment,
            )
            given.close()
            self.processes.append((process, output, errors))

    def forecasts(self) -> list[Float64[np.ndarray, "series horizon"]]:
        """Wait for all, and return the forecasts of each task.

        Raises:
            GatewiseError: A worker failed.
        """
        found = [np.full((len(task.values), task.horizon), np.nan) for task in self.tasks]
        count = len(self.processes)
        for place, (process, output, errors) in enumerate(self.processes):
            process.wait()
            output.seek(0)
            errors.seek(0)
            if process.returncode:
                last = (errors.read().decode(errors="replace").strip().splitlines() or ["it was ended from outside"])[
                    -1
                ]
                raise GatewiseError(f"A process that estimates baselines failed: {last}")
            with np.load(output, allow_pickle=False) as arrays:
                for number in range(len(self.tasks)):
                    found[number][place::count] = arrays[f"forecast{number}"]
        return found

    def stop(self) -> None:
        """End those that still run."""
        for process, output, errors in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
            output.close()
            errors.close()
        self.processes = []


def _packed(tasks: list[Task], shares: list[np.ndarray]) -> bytes:
    facts = [[task.baseline.name, task.season_length, task.horizon] for task in tasks]
    arrays: dict[str, Any] = {f"values{number}": share for number, share in enumerate(shares)}
    content = io.BytesIO()
    np.savez(content, facts=np.frombuffer(json.dumps(facts).encode(), np.uint8), **arrays)
    return content.getvalue()


def work(given: bytes) -> bytes:
    """Do what came on standard input, and return what goes to standard output."""
    with np.load(io.BytesIO(given), allow_pickle=False) as arrays:
        facts = json.loads(arrays["facts"].tobytes())
        forecasts: dict[str, Any] = {
            f"forecast{number}": baseline_forecast(BY_NAME[name], arrays[f"values{number}"], season_length, horizon)
            for number, (name, season_length, horizon) in enumerate(facts)
        }
    content = io.BytesIO()
    np.savez(content, **forecasts)
    return content.getvalue()


if __name__ == "__main__":
    sys.stdout.buffer.write(work(sys.stdin.buffer.read()))
