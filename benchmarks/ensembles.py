"""Ensembles of small recurrent networks: the kernel that trains a member in each lane, the general way, and one Keras model.

Every cell is measured in a process of its own, all runners in turn: nanoseconds of a training step of one member. Works of
which all runners were measured go into results/ensembles.json.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass

ROWS, TIME = 92, 3


@dataclass(frozen=True)
class Work:
    """A network, how many members, and how many epochs are timed at once."""

    network: str
    members: int
    epochs: int
    own: bool = False

    @property
    def name(self) -> str:
        rows = "series of their own" if self.own else "members"
        return f"{NETWORKS[self.network]}, {self.members:,} {rows}"


NETWORKS = {
    "steps": "LSTM(4), T 3, batch 1, Adam, shuffled",
    "stacked": "two stateful LSTM(4), T 3, batch 1, Adam, in order",
}
# About a second of the kernel's work each, at most 1,000 epochs.
WORKS = {
    f"{network}-{members}": Work(network, members, max(10, min(1000, 200_000 // members)))
    for network in NETWORKS
    for members in (64, 256, 1024, 4096)
}
WORKS["steps-own-1000"] = Work("steps", 1000, 200, own=True)
# Environment, modules without which a runner takes no part, members (None: all), and the share of the epochs.
RUNNERS = {
    "kernel": ({"GATEWISE_KERNELS": "1"}, (), None, 1.0),
    "general": ({"GATEWISE_KERNELS": "0"}, (), None, 0.05),
    "keras-jax": ({"KERAS_BACKEND": "jax"}, (), 1, 0.1),
    "keras-tensorflow": ({"KERAS_BACKEND": "tensorflow"}, ("tensorflow",), 1, 0.1),
}
REPEATS = 3


def arrays(work):
    """Return windows over a rising wave, or over one for each member."""
    import numpy as np

    points = np.arange(ROWS + TIME)
    phases = np.arange(work.members)[:, None] if work.own else np.zeros((1, 1))
    series = ((np.sin(points / 6 + phases) + 1) / 4 + points / points[-1] / 2).astype("float32")
    x = np.stack([series[:, k : k + TIME] for k in range(ROWS)], axis=1)[..., None]
    y = series[:, TIME:, None]
    return (x, y) if work.own else (x[0], y[0])


def network(work):
    """Return the compiled model."""
    import keras

    lstm = keras.layers.LSTM
    if work.network == "steps":
        layers = [keras.Input((TIME, 1)), lstm(4)]
    else:
        layers = [keras.Input((TIME, 1), batch_size=1), lstm(4, stateful=True, return_sequences=True)]
        layers += [lstm(4, stateful=True)]
    model = keras.Sequential([*layers, keras.layers.Dense(1)])
    model.compile("adam", "mse")
    return model


def measure_here(runner, work):
    """Return nanoseconds a step and member, the seconds of the first call beyond that, and the way that gatewise took."""
    _, _, members, share = RUNNERS[runner]
    members, epochs = members or work.members, max(1, int(work.epochs * share))
    x, y = arrays(work)
    shuffle = work.network == "steps"
    way = ""
    if members == 1:
        import keras

        x, y, epochs = (x[0], y[0], epochs) if work.own else (x, y, epochs)
        model, epochs = network(work), min(epochs, 5)
        train = lambda: keras.Model.fit(model, x, y, batch_size=1, epochs=epochs, shuffle=shuffle, verbose=0)  # noqa: E731
    else:
        import gatewise as gw

        model = network(work)
        options = {"members": members, "batch_size": 1, "shuffle": shuffle, "member_data": work.own, "verbose": 0}
        train = lambda: gw.fit_ensemble(model, x, y, epochs=epochs, **options)  # noqa: E731
    seconds = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        done = train()
        seconds.append(time.perf_counter() - start)
        way = getattr(getattr(done, "history", None), "way", "")
    steps = epochs * ROWS * members
    return {
        "nanoseconds": [1e9 * one / steps for one in seconds[1:]],
        "first_seconds": seconds[0] - min(seconds[1:]),
        "way": way,
    }


def measure(runner, name, cache):
    """Return one cell, measured in a process of its own, with an empty cache for the first call."""
    added, needs, _, _ = RUNNERS[runner]
    cell = {"name": name, "title": WORKS[name].name, "runner": runner, "nanoseconds": []}
    missing = [module for module in needs if importlib.util.find_spec(module) is None]
    if missing:
        return {**cell, "message": f"not installed: {', '.join(missing)}"}
    quiet = {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment = {**os.environ, **quiet, "GATEWISE_CACHE": cache, **added}
    command = [sys.executable, __file__, "--here", runner, name]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        return {**cell, "message": (done.stderr.strip().splitlines() or ["no output"])[-1]}
    return {**cell, **json.loads(done.stdout.splitlines()[-1])}


def keep(path, content):
    """Put the works that were measured into the JSON, beside those of the same machine and versions that were not."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if all(known.get(fact) == content[fact] for fact in ("machine", "versions")):
        measured = {cell["name"] for cell in content["cells"]}
        content["cells"] += [cell for cell in known["cells"] if cell["name"] not in measured]
    content["cells"].sort(key=lambda cell: (list(WORKS).index(cell["name"]), list(RUNNERS).index(cell["runner"])))
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def main():
    import tempfile

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--here", nargs=2, help="measure a runner on a work in this process and print it as JSON")
    parser.add_argument("--work", nargs="+", choices=list(WORKS), default=list(WORKS))
    parser.add_argument("--runner", nargs="+", choices=list(RUNNERS), default=list(RUNNERS))
    arguments = parser.parse_args()
    if arguments.here:
        runner, name = arguments.here
        print(json.dumps(measure_here(runner, WORKS[name])))
        return 0
    cells = []
    for name in arguments.work:
        for runner in arguments.runner:
            # One Keras model is the same for any number of members.
            if RUNNERS[runner][2] == 1 and not name.endswith("-64"):
                continue
            with tempfile.TemporaryDirectory() as cache:
                cell = measure(runner, name, cache)
            cells.append(cell)
            best = min(cell["nanoseconds"], default=float("nan"))
            first = cell.get("first_seconds", float("nan"))
            words = f"{best:,.0f} ns, first call {first:+.1f} s {cell.get('way', '')} {cell.get('message', '')}"
            print(f"{cell['title']}: {runner} {words}", file=sys.stderr, flush=True)

    import ensemble_tables
    import publish
    from gatewise.cli.tables import print_table
    from gatewise.recipes.speed.results import describe_machine, installed_versions, today

    content = {"date": today(), "machine": describe_machine(), "versions": installed_versions(), "cells": cells}
    if arguments.runner == list(RUNNERS):
        keep(publish.RESULTS / "ensembles.json", content)
    print_table(*ensemble_tables.times_table(content), left=1)
    print(*ensemble_tables.sentences(content), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
