"""Who trains, and how each of them is started: one process for each measurement."""

import difflib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gatewise.errors import UsageError
from gatewise.recipes.speed import peers
from gatewise.recipes.speed.results import Measurement, Results, describe_machine, installed_versions, today
from gatewise.recipes.speed.workloads import WORKLOADS, Workload, arrays

MEMBERS = 64
LEARNING_RATE = 0.001
_QUICK_DIVISOR = 20
_TIME_LIMIT = 1800.0  # seconds for one process; the slowest peer needs a tenth of it


@dataclass(frozen=True)
class Runner:
    """Someone who trains.

    Attributes:
        name: Its name on the command line.
        title: Its name in tables.
        needs: The modules it imports, apart from what gatewise itself needs.
        backend: What ``KERAS_BACKEND`` is set to.
        members: How many networks it trains at once.
    """

    name: str
    title: str
    needs: tuple[str, ...] = ()
    backend: str = "jax"
    members: int = 1

    @property
    def is_ours(self) -> bool:
        """Whether it is gatewise."""
        return self.name.startswith("gatewise")

    def missing(self) -> list[str]:
        """Return the modules that it needs and that are not installed."""
        return [module for module in self.needs if importlib.util.find_spec(module) is None]


RUNNERS: dict[str, Runner] = {
    runner.name: runner
    for runner in (
        Runner("keras-tensorflow", "Keras · TensorFlow", needs=("tensorflow",), backend="tensorflow"),
        Runner("keras-torch", "Keras · PyTorch", needs=("torch",), backend="torch"),
        Runner("keras-jax", "Keras · JAX"),
        Runner("torch", "PyTorch loop", needs=("torch",)),
        Runner("gatewise", "gatewise"),
        Runner("gatewise-ensemble", f"gatewise, {MEMBERS} at once", members=MEMBERS),
    )
}


def takes_part(runner: Runner, workload: Workload) -> bool:
    """Say whether a runner is compared on a workload: ensembles are only where the workload asks for them."""
    return runner.members == 1 or workload.ensemble


def measure(workload: Workload, runner: Runner, repeats: int, cache: Path) -> Measurement:
    """Measure one runner on one workload in a process of its own.

    Args:
        workload: What is trained.
        runner: Who trains.
        repeats: Timed runs.
        cache: Folder of gatewise's compilation cache; the peers do not use it.

    Returns:
        The timings, or why there are none.
    """
    result = Measurement(workload.name, runner.name, members=runner.members)
    missing = runner.missing()
    if missing:
        result.status, result.message = "missing", f"not installed: {', '.join(missing)}"
        return result
    with tempfile.TemporaryDirectory(prefix="gatewise-speed-") as name:
        folder = Path(name)
        _write_job(folder, workload, runner, repeats)
        accident = _run_process(folder, runner, cache)
        path = folder / "result.json"
        if accident is not None or not path.exists():
            result.status, result.message = "failed", accident or "the process ended without a result"
            return result
        measured: peers.Result = json.loads(path.read_text())
    if measured["failed"] is not None:
        result.status, result.message = "failed", measured["failed"]
        return result
    result.steps, result.message = measured["steps"], measured["note"]
    result.first_seconds, result.seconds = [measured["first_seconds"]], measured["seconds"]
    result.peak_bytes = [measured["peak_bytes"]]
    return result


def _write_job(folder: Path, workload: Workload, runner: Runner, repeats: int) -> None:
    x, y = arrays(workload)
    np.savez(folder / "data.npz", x=x, y=y)
    job = peers.Job(
        runner=runner.name,
        cell=workload.cell,
        units=workload.units,
        depth=workload.depth,
        stateful=workload.stateful,
        dense=list(workload.dense),
        batch_size=workload.batch_size,
        epochs=workload.epochs,
        shuffle=workload.shuffle,
        learning_rate=LEARNING_RATE,
        members=runner.members,
        repeats=repeats,
    )
    (folder / "job.json").write_text(json.dumps(job))


def _environment(runner: Runner, cache: Path) -> dict[str, str]:
    """Return the environment of a runner's process: everyone on the CPU, each library with its own threads."""
    environment = dict(os.environ)
    environment.update(
        KERAS_BACKEND=runner.backend, CUDA_VISIBLE_DEVICES="-1", JAX_PLATFORMS="cpu", TF_CPP_MIN_LOG_LEVEL="3"
    )
    if runner.is_ours:
        environment["GATEWISE_CACHE"] = str(cache)
    else:
        # Set by the import of gatewise in this process; a peer gets what it has without gatewise.
        environment.pop("JAX_NUM_CPU_DEVICES", None)
    return environment


def _run_process(folder: Path, runner: Runner, cache: Path) -> str | None:
    """Run the job in a folder; return what went wrong with the process, or None."""
    # -P: a script's own folder must not go on the import path, or `results` would be importable by that name.
    command = [sys.executable, "-P"]
    command += ["-m", "gatewise.recipes.speed.own"] if runner.is_ours else [str(Path(peers.__file__))]
    with (folder / "output.txt").open("w") as output:
        process = subprocess.Popen(
            [*command, str(folder)],
            env=_environment(runner, cache),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            status = process.wait(_TIME_LIMIT)
        except subprocess.TimeoutExpired:
            return f"not done after {_TIME_LIMIT:.0f} seconds"
        finally:
            # Ctrl-C included: no process outlives its measurement.
            if process.poll() is None:
                process.kill()
                process.wait()
    if status == 0:
        return None
    lines = (folder / "output.txt").read_text(errors="replace").strip().splitlines() or ["no output"]
    return textwrap.shorten(f"the process ended with status {status}: {lines[-1]}", 200, placeholder=" …")


def measure_all(
    workloads: Sequence[str],
    runners: Sequence[str],
    *,
    rounds: int = 1,
    repeats: int = 3,
    quick: bool = False,
    progress: Callable[[int, int, Measurement], None] | None = None,
) -> Results:
    """Measure every runner on every workload, interleaved: all runners once, then all of them again.

    Args:
        workloads: Names of workloads.
        runners: Names of runners.
        rounds: How often each runner gets a new process for a workload.
        repeats: Timed runs in each process.
        quick: A twentieth of the epochs, to see that everything runs; start-up costs then weigh more.
        progress: Called after each process with how many are done, how many there are, and its measurement.

    Returns:
        The results. A runner that is missing or fails on a workload is not tried on it again.

    Raises:
        UsageError: An unknown workload or runner, or a count below 1.
    """
    _check(workloads, runners, rounds, repeats)
    pairs = [(WORKLOADS[w], RUNNERS[r]) for w in workloads for r in runners if takes_part(RUNNERS[r], WORKLOADS[w])]
    measurements = {(w.name, r.name): Measurement(w.name, r.name, members=r.members) for w, r in pairs}
    # A cache of its own: the first call of the first round compiles everything, as on a new machine.
    with tempfile.TemporaryDirectory(prefix="gatewise-speed-cache-") as cache:
        for index in range(rounds * len(pairs)):
            workload, runner = pairs[index % len(pairs)]
            if quick:
                workload = replace(workload, epochs=max(1, workload.epochs // _QUICK_DIVISOR))
            total = measurements[workload.name, runner.name]
            if total.status == "measured":
                total.add(measure(workload, runner, repeats, Path(cache)))
            if progress is not None:
                progress(index + 1, rounds * len(pairs), total)
    return Results(
        date=today(),
        machine=describe_machine(),
        versions=installed_versions(),
        settings={"rounds": rounds, "repeats": repeats, "quick": quick, "members": MEMBERS},
        measurements=list(measurements.values()),
    )


def _check(workloads: Sequence[str], runners: Sequence[str], rounds: int, repeats: int) -> None:
    for kind, names, known in (("workload", workloads, list(WORKLOADS)), ("runner", runners, list(RUNNERS))):
        for name in names:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
                remedy = f"did you mean {near[0]!r}?" if near else f"choose among {', '.join(known)}."
                raise UsageError(f"There is no {kind} {name!r}: {remedy}")
    for what, count in (("rounds", rounds), ("repeats", repeats)):
        if count < 1:
            raise UsageError(f"{what} is {count}: give a whole number of at least 1.")
