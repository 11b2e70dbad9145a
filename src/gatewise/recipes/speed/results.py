"""Measurements with the machine they were made on, and their way to JSON and back."""

import datetime
import importlib.metadata
import json
import os
import platform
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import psutil

from gatewise.errors import DataError
from gatewise.version import __version__

FORMAT = 1
_PACKAGES = ("keras", "jax", "numpy", "tensorflow", "tensorflow-cpu", "torch")


@dataclass
class Measurement:
    """One runner on one workload: every raw timing of every process.

    Attributes:
        workload: Name of the workload.
        runner: Name of the runner.
        status: ``measured``, ``missing`` (not installed) or ``failed``.
        message: Why there are no timings, or what the timings do not say; None where there is nothing to add.
        steps: Training steps in one timed run.
        members: Ensemble members trained at once.
        first_seconds: The first call of each process, tracing and compiling included.
        seconds: The timed runs, in the order in which they were made.
        peak_bytes: Largest resident memory of each process.
    """

    workload: str
    runner: str
    status: Literal["measured", "missing", "failed"] = "measured"
    message: str | None = None
    steps: int = 0
    members: int = 1
    first_seconds: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    peak_bytes: list[int] = field(default_factory=list)

    @property
    def microseconds(self) -> list[float]:
        """Microseconds per training step (of one member) in each timed run."""
        return [1e6 * seconds / (self.steps * self.members) for seconds in self.seconds]

    @property
    def fastest(self) -> float:
        """Microseconds per step of the fastest run: what the machine can do when nothing disturbs it."""
        return min(self.microseconds)

    @property
    def median(self) -> float:
        """Microseconds per step of the median run."""
        return statistics.median(self.microseconds)

    def add(self, other: "Measurement") -> None:
        """Take over what another process measured of the same runner and workload."""
        self.status, self.message = other.status, other.message
        self.steps, self.members = other.steps, other.members
        self.first_seconds += other.first_seconds
        self.seconds += other.seconds
        self.peak_bytes += other.peak_bytes


@dataclass
class Results:
    """All measurements of one comparison.

    Attributes:
        date: Day of the measurement, UTC.
        machine: Processor, cores, memory and system.
        versions: Installed versions of everything that took part.
        settings: How the comparison was made (rounds, repeats, quick).
        measurements: Workload by workload, runner by runner.
    """

    date: str
    machine: dict[str, Any]
    versions: dict[str, str]
    settings: dict[str, Any]
    measurements: list[Measurement]

    def find(self, workload: str, runner: str) -> Measurement | None:
        """Return the measurement of a runner on a workload if it has timings, else None."""
        for one in self.measurements:
            if (one.workload, one.runner) == (workload, runner) and one.status == "measured":
                return one
        return None

    def ratio(self, workload: str, runner: str, peer: str) -> float | None:
        """Return how many times faster a runner is than a peer, fastest run against fastest run.

        Args:
            workload: Name of the workload.
            runner: Name of the runner.
            peer: Name of the runner it is compared with.

        Returns:
            The ratio, or None where one of the two has no timings.
        """
        ours, theirs = self.find(workload, runner), self.find(workload, peer)
        return None if ours is None or theirs is None else theirs.fastest / ours.fastest

    def to_json(self) -> str:
        """Return everything as JSON, with the microseconds per step beside the raw seconds."""
        content = {"format": FORMAT, **asdict(self)}
        for entry, one in zip(content["measurements"], self.measurements, strict=True):
            entry["microseconds_per_step"] = [round(value, 4) for value in one.microseconds]
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Results":
        """Return the results that `to_json` wrote.

        Raises:
            DataError: The text is not a comparison, or was written in another format.
        """
        try:
            content = json.loads(text)
            if content.pop("format") != FORMAT:
                raise DataError(f"The results have another format than {FORMAT}: measure again.")
            for entry in content["measurements"]:
                del entry["microseconds_per_step"]
            content["measurements"] = [Measurement(**entry) for entry in content["measurements"]]
            return cls(**content)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"The text is no speed comparison ({error}): measure again.") from error


def describe_machine() -> dict[str, Any]:
    """Return the processor, the cores this process may use, the memory and the system; no names of the machine."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2] for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        processor = names[0].strip() if names else processor
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": processor,
        "cores": cores,
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
    }


def installed_versions() -> dict[str, str]:
    """Return the version of Python and of every package that takes part and is installed."""
    versions = {"gatewise": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def today() -> str:
    """Return the day, UTC, as ``2026-01-31``."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()
