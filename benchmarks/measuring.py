"""Rows of measurements: every runner on one work, in turn, each in a process of its own; and the JSON they are kept in."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

FORMAT = 2
HERE = Path(__file__).resolve().parent
# As it is before gatewise is imported in this process, which sets variables that a peer must not see.
_ENVIRONMENT = dict(os.environ)
_TIME_LIMIT = 600.0
MOST_OTHERS, TRIES = 0.05, 3


@dataclass(frozen=True)
class Runner:
    """Someone who trains: the title in tables, what its process finds in its environment, the modules it needs."""

    title: str
    environment: dict[str, str]
    needs: tuple[str, ...] = ()


RUNNERS = {
    "gatewise": Runner("gatewise", {"KERAS_BACKEND": "jax"}),
    "gatewise-scan": Runner("scan", {"KERAS_BACKEND": "jax", "GATEWISE_KERNELS": "0"}),
    "keras-jax": Runner("Keras · JAX", {"KERAS_BACKEND": "jax"}),
    "keras-tensorflow": Runner("Keras · TensorFlow", {"KERAS_BACKEND": "tensorflow"}, ("tensorflow",)),
    "torch": Runner("PyTorch loop", {}, ("torch",)),
}
PEERS = ("keras-jax", "keras-tensorflow", "torch")
PEAKS = {"NumPy": ("numpy", ()), "PyTorch": ("torch", ("torch",)), "XLA": ("jax", ()), "copy": ("copy", ())}


def busy_seconds():
    """Return the seconds for which cores have been busy with anything, and those that this process's children took."""
    import resource  # Not on Windows, where publish.py imports this module.

    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0) + getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    own = [resource.getrusage(who) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)]
    return sum(times) - idle, sum(usage.ru_utime + usage.ru_stime for usage in own)


def run_script(script, argument, added=None):
    """Run a script of this folder; return the JSON that it prints, and the share of the machine that others took."""
    environment = {
        **_ENVIRONMENT,
        "CUDA_VISIBLE_DEVICES": "-1",
        "JAX_PLATFORMS": "cpu",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        **(added or {}),
    }
    start, before = time.perf_counter(), busy_seconds()
    with tempfile.TemporaryDirectory(prefix="gatewise-cache-") as cache:
        environment["GATEWISE_CACHE"] = cache  # Empty: the first call compiles, as on a new machine.
        done = subprocess.run(
            [sys.executable, str(HERE / script), argument],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIME_LIMIT,
        )
    everyone, own = (after - earlier for after, earlier in zip(busy_seconds(), before, strict=True))
    others = max(0.0, everyone - own) / (psutil.cpu_count() * (time.perf_counter() - start))
    if done.returncode:
        raise ChildProcessError((done.stderr.strip().splitlines() or ["no output"])[-1][:200])
    return json.loads(done.stdout.splitlines()[-1]), others


def undisturbed(script, argument, added=None):
    """Run a script as `run_script` does, again where others took more of the machine than `MOST_OTHERS`; return the best."""
    tries = []
    while len(tries) < TRIES and (not tries or tries[-1][1] > MOST_OTHERS):
        tries.append(run_script(script, argument, added))
    return min(tries, key=lambda one: one[1])


def why_not(runner, work):
    """Return why a runner has no numbers for a work, or None."""
    missing = [module for module in RUNNERS[runner].needs if importlib.util.find_spec(module) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    if runner == "torch" and work.dropout:
        return "nn.LSTM has no dropout of the state within a layer"
    return None


def measure_into(cell, work, timed):
    """Add what one more process of a cell's runner measures to the cell."""
    cell["message"] = cell["message"] or why_not(cell["runner"], work)
    if cell["message"] is not None:
        return
    job = json.dumps({"runner": cell["runner"], "work": asdict(work), **timed})
    try:
        measured, others = undisturbed("trainers.py", job, RUNNERS[cell["runner"]].environment)
    except (ChildProcessError, subprocess.TimeoutExpired) as error:
        cell["message"] = str(error)[:200]
        return
    cell["milliseconds"] += measured["milliseconds"]
    for key in ("first_seconds", "peak_bytes", "step_bytes"):
        cell[key].append(measured[key])
    cell["others"].append(round(others, 3))


def measure_peaks(peaks):
    """Add the best of one more process for each library to the peaks, and what others had meanwhile."""
    for title, (name, needs) in PEAKS.items():
        if all(importlib.util.find_spec(module) for module in needs):
            measured, others = undisturbed("peaks.py", name)
            peak = peaks.setdefault(title, {"best": [], "others": []})
            peak["best"].append(round(measured["best"], 1))
            peak["others"].append(round(others, 3))


def measure_rows(works, runners, rounds, timed):
    """Return a row for each work: all runners in turn, beginning with another one in each round.

    Args:
        works: The works.
        runners: Names of the runners that take part; None for all that a work has.
        rounds: Processes for each runner and work.
        timed: ``repeats``, the timed runs in each process at least, and ``least_seconds``, what they take together at least.
    """
    cells = {}
    for work in works:
        for runner in runners or work.runners:
            if runner in work.runners:
                empty = {key: [] for key in ("first_seconds", "milliseconds", "peak_bytes", "step_bytes", "others")}
                cells[work.name, runner] = {"runner": runner, "message": None, **empty}
    peaks = {}
    for number in range(rounds):
        measure_peaks(peaks)
        print(f"peaks: {peaks}", file=sys.stderr, flush=True)
        for work in works:
            names = [name for name in work.runners if (work.name, name) in cells]
            offset = number % max(len(names), 1)
            for name in names[offset:] + names[:offset]:
                cell = cells[work.name, name]
                measure_into(cell, work, timed)
                print(sentence(work, cell), file=sys.stderr, flush=True)
    about = {**about_machine(), "rounds": rounds, **timed, "peaks": peaks}
    return [
        {"name": work.name, **about, "cells": [cell for (name, _), cell in cells.items() if name == work.name]}
        for work in works
    ]


def about_machine():
    """Return the day, the machine and the versions of everything that takes part."""
    from gatewise.recipes.speed.results import describe_machine, installed_versions, today

    return {"date": today(), "machine": describe_machine(), "versions": installed_versions()}


def sentence(work, cell):
    """Return what is known of a cell in one line."""
    who = f"{work.name}, {RUNNERS[cell['runner']].title}"
    if not cell["milliseconds"]:
        return f"{who}: {cell['message']}"
    values = sorted(cell["milliseconds"])
    return (
        f"{who}: {values[0]:.2f} ms a step, median {values[len(values) // 2]:.2f}, first call "
        f"{cell['first_seconds'][-1]:.1f} s, a step takes {cell['step_bytes'][-1] / 2**20:.0f} MiB, "
        f"others had {100 * cell['others'][-1]:.0f} % of the machine"
    )


def is_whole(work, row):
    """Say whether a row has all its runners: only then can it be compared, and kept."""
    return {cell["runner"] for cell in row["cells"]} == set(work.runners)


def keep(path, works, rows):
    """Put rows into a file of results in the place of those measured earlier; return the names of those not kept.

    A row is kept if all runners were measured in the same run. Rows of works that are no more are dropped.
    """
    content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known = {row["name"]: row for row in content.get("rows", [])} if content.get("format") == FORMAT else {}
    whole = [row for row in rows if is_whole(works[row["name"]], row)]
    if whole:
        known.update({row["name"]: row for row in whole})
        content = {"format": FORMAT, "rows": [known[name] for name in works if name in known]}
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return [row["name"] for row in rows if row not in whole]


def allocated_bytes(process):
    """Return the bytes that a process of psutil has in no file: in memory, and where that was short, on the disk.

    What is mapped from files, libraries above all, is left out: it is a process's own only as long as no other one has it, so
    that the end of another Python looks like growth, by up to 16 MB.
    """
    if not sys.platform.startswith("linux"):
        return process.memory_full_info().uss
    status = dict(line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
    return 1024 * sum(int(status[name].split()[0]) for name in ("RssAnon", "VmSwap"))
