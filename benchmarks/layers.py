"""One training step of a recurrent layer: the kernels, the scan that they replace, and the peers, side by side in one run.

Each cell is measured in a process of its own, all runners in turn. Writes results/layers.json.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass

REPEATS = 5


@dataclass(frozen=True)
class Work:
    """One layer, its sizes, and how many steps are timed at once."""

    cell: str
    units: int
    time: int
    batch: int
    features: int
    steps: int

    @property
    def name(self) -> str:
        return f"{self.cell}({self.units}), T {self.time}, batch {self.batch}, {self.features} features"


WORKS = {
    f"{cell.lower()}-{key}": Work(cell, *sizes)
    for cell in ("LSTM", "GRU")
    for key, sizes in {"32": (64, 48, 32, 8, 64), "256": (64, 48, 256, 8, 16), "long": (100, 500, 64, 32, 6)}.items()
}
# Environment, and the modules without which a runner takes no part.
RUNNERS = {
    "gatewise": ({"GATEWISE_KERNELS": "1"}, ()),
    "gatewise-scan": ({"GATEWISE_KERNELS": "0"}, ()),
    "keras-jax": ({"KERAS_BACKEND": "jax"}, ()),
    "keras-tensorflow": ({"KERAS_BACKEND": "tensorflow"}, ("tensorflow",)),
    "torch": ({}, ("torch",)),
}


def arrays(work):
    """Return inputs ``(rows, time, features)`` and targets ``(rows, 1)`` for so many steps."""
    import numpy as np

    draw = np.random.default_rng(0).normal
    rows = work.batch * work.steps
    x = draw(size=(rows, work.time, work.features)).astype("float32")
    return x, x.mean(axis=(1, 2))[:, None]


def keras_epoch(work, x, y, fit):
    """Return a function that trains for an epoch, by gatewise or by Keras itself."""
    import keras

    layer = getattr(keras.layers, work.cell)(work.units)
    model = keras.Sequential([keras.Input((work.time, work.features)), layer, keras.layers.Dense(1)])
    model.compile("adam", "mse")
    return lambda: fit(model, x, y, batch_size=work.batch, epochs=1, shuffle=False, verbose=0)


def torch_epoch(work, x, y):
    """Return a function that trains for an epoch in a plain loop."""
    import torch

    layer = getattr(torch.nn, work.cell)(work.features, work.units, batch_first=True)
    head = torch.nn.Linear(work.units, 1)
    optimizer = torch.optim.Adam([*layer.parameters(), *head.parameters()], lr=1e-3)
    x, y = torch.from_numpy(x), torch.from_numpy(y)

    def epoch():
        for start in range(0, len(x), work.batch):
            outputs, _ = layer(x[start : start + work.batch])
            loss = torch.nn.functional.mse_loss(head(outputs[:, -1]), y[start : start + work.batch])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    return epoch


def measure_here(runner, work):
    """Return the milliseconds of a step in each of REPEATS epochs, the first epochs left out."""
    x, y = arrays(work)
    if runner == "torch":
        epoch = torch_epoch(work, x, y)
    elif runner.startswith("gatewise"):
        import gatewise as gw

        epoch = keras_epoch(work, x, y, gw.fit)
    else:
        import keras

        epoch = keras_epoch(work, x, y, keras.Model.fit)
    values = []
    for repeat in range(REPEATS + 2):
        start = time.perf_counter()
        epoch()
        if repeat > 1:
            values.append(1e3 * (time.perf_counter() - start) / work.steps)
    return values


def measure(runner, name):
    """Return one cell, measured in a process of its own."""
    added, needs = RUNNERS[runner]
    cell = {"name": name, "title": WORKS[name].name, "runner": runner, "milliseconds": []}
    missing = [module for module in needs if importlib.util.find_spec(module) is None]
    if missing:
        return {**cell, "message": f"not installed: {', '.join(missing)}"}
    environment = {
        **os.environ,
        "CUDA_VISIBLE_DEVICES": "-1",
        "JAX_PLATFORMS": "cpu",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        **added,
    }
    command = [sys.executable, __file__, "--here", runner, name]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        return {**cell, "message": (done.stderr.strip().splitlines() or ["no output"])[-1]}
    return {**cell, "milliseconds": json.loads(done.stdout.splitlines()[-1])}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--here", nargs=2, help="measure a runner on a work in this process and print it as JSON")
    parser.add_argument("--work", nargs="+", choices=list(WORKS), default=list(WORKS))
    parser.add_argument("--runner", nargs="+", choices=list(RUNNERS), default=list(RUNNERS))
    parser.add_argument("--rounds", type=int, default=2, help="processes for each runner and work")
    arguments = parser.parse_args()
    if arguments.here:
        runner, name = arguments.here
        print(json.dumps(measure_here(runner, WORKS[name])))
        return 0
    cells = {}
    for _ in range(arguments.rounds):
        for name in arguments.work:
            for runner in arguments.runner:
                cell = measure(runner, name)
                known = cells.setdefault((name, runner), cell)
                if known is not cell:
                    known["milliseconds"] += cell["milliseconds"]
                best = min(cell["milliseconds"], default=float("nan"))
                print(f"{cell['title']}: {runner} {best:.2f} ms {cell.get('message', '')}", file=sys.stderr, flush=True)

    import publish
    from gatewise.cli.tables import print_table
    from gatewise.recipes.speed.results import describe_machine, installed_versions, today

    content = {
        "date": today(),
        "machine": describe_machine(),
        "versions": installed_versions(),
        "cells": list(cells.values()),
    }
    if arguments.work == list(WORKS) and arguments.runner == list(RUNNERS):
        publish.RESULTS.mkdir(exist_ok=True)
        (publish.RESULTS / "layers.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    best = {key: min(cell["milliseconds"], default=None) for key, cell in cells.items()}
    shown = [
        [WORKS[name].name, *("–" if best[name, r] is None else f"{best[name, r]:.1f}" for r in arguments.runner)]
        for name in arguments.work
    ]
    print_table(["ms a step", *arguments.runner], shown, left=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
