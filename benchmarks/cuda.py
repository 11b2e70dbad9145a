"""The same programs on an NVIDIA GPU: whether they learn the same as on the CPU beside it, and how long they take.

Every cell runs in a process of its own, on JAX's CPU and on its GPU; written to results/cuda.json on a machine that has one.
Losses of both are compared: they are sums of the same numbers in another order.

    python benchmarks/cuda.py
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results" / "cuda.json"
FORMAT = 1
DEVICES = ("cpu", "cuda")
WORDS, TOKENS, REVIEWS = 5000, 500, 6400
ROWS, TIME, MEMBERS = 92, 3, 256


def reviews():
    """Return made-up reviews: some words go with one label, and lengths are those of real ones, roughly."""
    import numpy as np

    random = np.random.default_rng(0)
    labels = random.integers(0, 2, REVIEWS)
    words = random.integers(2, WORDS, (REVIEWS, TOKENS))
    told = random.random((REVIEWS, TOKENS)) < 0.05
    words = np.where(told, 2 + 2 * (words // 8) + labels[:, None], words)
    lengths = np.clip(random.lognormal(5.2, 0.7, REVIEWS), 10, TOKENS).astype(int)
    words[np.arange(TOKENS) < TOKENS - lengths[:, None]] = 0
    return words.astype("int32"), labels.astype("float32")


def classifier(kind):
    """Return the data and the model of a recipe for reviews."""
    import keras

    x, y = reviews()
    layers = [keras.Input((TOKENS,)), keras.layers.Embedding(WORDS, 32)]
    if kind == "convolution":
        layers += [keras.layers.Conv1D(32, 3, padding="same", activation="relu"), keras.layers.MaxPooling1D(2)]
    layers += [keras.layers.GRU(100) if kind == "gru" else keras.layers.LSTM(100)]
    model = keras.Sequential([*layers, keras.layers.Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy")
    return model, x, y, {"batch_size": 64, "epochs": 2}


def forecaster(kind):
    """Return windows over a rising wave and a small network."""
    import keras
    import numpy as np

    points = np.arange(ROWS + TIME)
    series = ((np.sin(points / 6) + 1) / 4 + points / points[-1] / 2).astype("float32")
    x = np.stack([series[k : k + TIME] for k in range(ROWS)])[..., None]
    stateful = kind == "stateful"
    first = keras.Input((TIME, 1), batch_size=1) if stateful else keras.Input((TIME, 1))
    model = keras.Sequential([first, keras.layers.LSTM(4, stateful=stateful), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    return model, x, series[TIME:, None], {"batch_size": 1, "epochs": 20, "shuffle": not stateful}


WORKS = {
    "lstm": ("embedding 32, LSTM(100), 500 tokens, batch 64", lambda: classifier("lstm")),
    "gru": ("embedding 32, GRU(100), 500 tokens, batch 64", lambda: classifier("gru")),
    "cnn-lstm": ("embedding 32, convolution, LSTM(100), 500 tokens, batch 64", lambda: classifier("convolution")),
    "stateful": ("stateful LSTM(4), 3 time steps, batch 1", lambda: forecaster("stateful")),
    "ensemble": (f"{MEMBERS} members of LSTM(4), 3 time steps, batch 1", lambda: forecaster("steps")),
}


def measure_here(name):
    """Return what a training in this process took and led to."""
    import jax

    import gatewise as gw

    model, x, y, options = WORKS[name][1]()
    options |= {"verbose": 0, "seed": 0}
    if name == "ensemble":
        train = lambda: gw.fit_ensemble(model, x, y, members=MEMBERS, **options)  # noqa: E731
    else:
        train = lambda: gw.fit(model, x, y, **options)  # noqa: E731
    gw.initialize(model, 0)
    start = time.perf_counter()
    first = _history(train())
    first_seconds = time.perf_counter() - start
    again = _history(train())
    steps = options["epochs"] * -(-len(x) // options["batch_size"])
    device = jax.devices()[0]
    return {
        "device": getattr(device, "device_kind", device.platform),
        "platform": device.platform,
        "first_seconds": first_seconds,
        "microseconds_per_step": 1e6 * again.run_seconds / steps,
        "losses": [float(loss) for loss in _each(first.history["loss"])],
    }


def _history(done):
    """Return the history of what a training returned."""
    return done.history if hasattr(done.history, "history") else done


def _each(losses):
    """Return a number for each epoch: of members the mean."""
    import numpy as np

    values = np.asarray(losses, float)
    return values if values.ndim == 1 else values.mean(axis=0)


def measure(name, device):
    """Return one cell, measured in a process of its own."""
    environment = {**os.environ, "JAX_PLATFORMS": device, "GATEWISE_CACHE": "off"}
    command = [sys.executable, str(Path(__file__).resolve()), "--here", name]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    cell = {"name": name, "title": WORKS[name][0]}
    if done.returncode:
        return {**cell, "platform": device, "message": (done.stderr.strip().splitlines() or ["no output"])[-1]}
    return {**cell, **json.loads(done.stdout.splitlines()[-1])}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--works", nargs="+", choices=WORKS, default=list(WORKS))
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--here", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here:
        print(json.dumps(measure_here(given.here)))
        return
    from gatewise.recipes.speed.results import describe_machine, installed_versions, today

    cells = []
    for name in given.works:
        for device in DEVICES:
            cells.append(measure(name, device))
            print(json.dumps(cells[-1]), flush=True)
            content = {"format": FORMAT, "date": today(), "machine": describe_machine()}
            content |= {"versions": installed_versions(), "cells": cells}
            given.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
