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
# The last one has nearly as many multiplications as a step that NumPy is left to do.
STREAMED = (("LSTM", 4), ("LSTM", 64), ("GRU", 64), ("LSTM", 1024))
PARTS = {
    "gatewise": (),
    "numpy": (),
    "torch": ("torch",),
    "keras-jax": (),
    "keras-tensorflow": ("tensorflow",),
    "keras-torch": ("torch",),
}
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


def model_and_sample(units, cell="LSTM"):
    """Return a recurrent layer → Dense and one sample of three steps ``(1, time, features)``."""
    import keras
    import numpy as np

    layers = [keras.Input((3, 1)), getattr(keras.layers, cell)(units), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile("adam", "mse")
    return model, np.linspace(0, 1, 3, dtype="float32")[None, :, None]


def part_gatewise():
    import gatewise as gw
    from gatewise.recurrent import fresh_states, recurrent_layers
    from gatewise.training.forward import Forward
    from gatewise.training.stream import Compiled

    for units in UNITS:
        model, sample = model_and_sample(units)
        yield f"one sample through gw.predict, LSTM {units}", microseconds(partial(gw.predict, model, sample), 1000)
    for cell, units in STREAMED:
        model, sample = model_and_sample(units, cell)
        stream, step = gw.stream(model), sample[:, 0]
        if stream.way != "NumPy":
            raise SystemExit(f"{stream} was to be NumPy")
        yield f"one streamed step, {cell} {units}", microseconds(partial(stream.step, step), 1000)
        compiled = Compiled(Forward(model, [fresh_states(layer, 1) for layer in recurrent_layers(model)]))
        calls = partial(compiled.steps, step[:, None])
        yield f"one streamed step, compiled, {cell} {units}", microseconds(calls, 1000)


def part_numpy():
    """Steps as one writes them from the equations."""
    import numpy as np

    def sigmoid(v):
        return 1 / (1 + np.exp(-v))

    def lstm(x, h, c):
        i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        return h @ dense, h, c

    def gru(x, h, c):
        xz, xr, xn = np.split(x @ kernel + bias, 3, axis=-1)
        hz, hr, hn = np.split(h @ recurrent + bias, 3, axis=-1)
        z, r = sigmoid(xz + hz), sigmoid(xr + hr)
        h = z * h + (1 - z) * np.tanh(xn + r * hn)
        return h @ dense, h, c

    for cell, units in STREAMED:
        step, gates = (lstm, 4) if cell == "LSTM" else (gru, 3)
        generator = np.random.default_rng(0)
        shapes = (1, gates * units), (units, gates * units), (gates * units,), (units, 1)
        kernel, recurrent, bias, dense = (generator.normal(0, 0.1, shape).astype("float32") for shape in shapes)
        x, state = np.ones((1, 1), "float32"), np.zeros((1, units), "float32")
        yield f"one streamed step, {cell} {units}", microseconds(partial(step, x, state, state), 1000)


def part_torch():
    import torch

    for cell, units in STREAMED:
        recurrent, dense = getattr(torch.nn, f"{cell}Cell")(1, units), torch.nn.Linear(units, 1)
        x, state = torch.ones(1, 1), torch.zeros(1, units)
        state = (state, state) if cell == "LSTM" else state

        @torch.inference_mode()
        def step(recurrent=recurrent, dense=dense, x=x, state=state):
            new = recurrent(x, state)
            return dense(new[0] if isinstance(new, tuple) else new), new

        yield f"one streamed step, {cell} {units}", microseconds(step, 1000)


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
        what = "one streamed step" if name == "torch" else "one sample through predict"
        return [{"name": what, "runner": name, "microseconds": [], "message": message}]
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
        own = {"gatewise": part_gatewise, "numpy": part_numpy, "torch": part_torch}
        timed = own.get(arguments.part, part_keras)()
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
