"""How long one answer takes: one sample through predict, one streamed step, the import, the help.

Each part runs in a process of its own, because importing gatewise puts Keras on JAX. Writes results/latency.json.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import time
from functools import partial

REPEATS = 7
UNITS = (4, 64)
PARTS = {"gatewise": (), "keras-jax": (), "keras-tensorflow": ("tensorflow",), "keras-torch": ("torch",)}
COMMANDS = {
    'python -c "pass"': ("python", ["-c", "pass"]),
    'python -c "import gatewise"': ("gatewise", ["-c", "import gatewise"]),
    "gatewise --help": ("gatewise", ["-m", "gatewise", "--help"]),
}


def microseconds(call, calls):
    """Return the microseconds of one call in each of REPEATS runs of `calls` calls, the first calls left out."""
    for _ in range(5):
        call()
    values = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        for _ in range(calls):
            call()
        values.append(1e6 * (time.perf_counter() - start) / calls)
    return values


def model_and_sample(units):
    """Return LSTM → Dense and one sample of three steps ``(1, time, features)``."""
    import keras
    import numpy as np

    layers = [keras.Input((3, 1)), keras.layers.LSTM(units), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile("adam", "mse")
    return model, np.linspace(0, 1, 3, dtype="float32")[None, :, None]


def part_gatewise():
    import gatewise as gw

    for units in UNITS:
        model, sample = model_and_sample(units)
        stream, step = gw.stream(model), sample[:, 0]
        yield f"one sample through gw.predict, LSTM {units}", microseconds(partial(gw.predict, model, sample), 1000)
        yield f"one streamed step, LSTM {units}", microseconds(partial(stream.step, step), 1000)


def part_keras():
    for units in UNITS:
        model, sample = model_and_sample(units)
        predict = partial(model.predict, sample, verbose=0)
        yield f"one sample through predict, LSTM {units}", microseconds(predict, 10)
        on_batch = partial(model.predict_on_batch, sample)
        yield f"one sample through predict_on_batch, LSTM {units}", microseconds(on_batch, 50)


def run_part(name):
    """Return the cells of one part, measured in a process of its own."""
    missing = [module for module in PARTS[name] if importlib.util.find_spec(module) is None]
    if missing:
        message = f"not installed: {', '.join(missing)}"
        return [{"name": "one sample through predict", "runner": name, "microseconds": [], "message": message}]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("JAX_NUM_CPU_DEVICES", None)  # Set by the import of gatewise in this process.
    environment["KERAS_BACKEND"] = name.removeprefix("keras-") if name.startswith("keras-") else "jax"
    command = [sys.executable, __file__, "--part", name]
    output = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
    return json.loads(output.splitlines()[-1])


def run_commands():
    """Return the cells of whole processes, interleaved."""
    cells = {name: {"name": name, "runner": runner, "microseconds": []} for name, (runner, _) in COMMANDS.items()}
    for repeat in range(REPEATS + 1):
        for name, (_, arguments) in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
            if repeat:  # The first one fills the file cache and writes .pyc files.
                cells[name]["microseconds"].append(1e6 * (time.perf_counter() - start))
    return list(cells.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=list(PARTS), help="measure one part in this process and print it as JSON")
    arguments = parser.parse_args()
    if arguments.part:
        timed = part_gatewise() if arguments.part == "gatewise" else part_keras()
        print(json.dumps([{"name": name, "runner": arguments.part, "microseconds": values} for name, values in timed]))
        return 0
    cells = run_commands()
    for name in PARTS:
        print(name, file=sys.stderr, flush=True)
        cells += run_part(name)

    import publish
    from gatewise.cli.tables import print_table
    from gatewise.recipes.speed.results import describe_machine, installed_versions, today

    content = {"date": today(), "machine": describe_machine(), "versions": installed_versions(), "cells": cells}
    publish.RESULTS.mkdir(exist_ok=True)
    (publish.RESULTS / "latency.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print_table(publish.LATENCY_HEADER, publish.latency_rows(content), left=2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
