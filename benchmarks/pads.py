"""What sharing pads saves, and what an Embedding projected once (its table times the layer's kernel) could save.

The network of the movie reviews: Embedding(5000, 32), LSTM(100), Dense(1), 500 tokens filled up in front, batch 64, lengths
as in `works.py`. Milliseconds a batch, the fastest of several rounds in turn: with pads shared and without, for training and
prediction; and for the table: the walk by itself, the walk with one feature (which is all of it but the projection), and
what would take the projection's place, the product of the table with the kernel and the look-up of its rows, with their
gradients in training. Writes results/pads.json.
"""

import json
import platform
import time

import jax
import jax.numpy as jnp
import numpy as np

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.recurrent import layer_walk
from gatewise.recurrent.equations import LSTM, Inputs, Weights
from gatewise.recurrent.paths import walk
from works import review_lengths

keras = import_keras()

WORDS, FEATURES, UNITS, TIME, BATCH, BATCHES = 5000, 32, 100, 500, 64, 8
ROUNDS = 6


def reviews():
    """Return tokens ``(rows, time)`` filled up in front, and 0 or 1 for each row; batches are of any length."""
    draw = np.random.default_rng(0)
    rows = BATCH * BATCHES
    lengths = draw.permutation(review_lengths(rows, TIME))
    x = draw.integers(1, WORDS, (rows, TIME)).astype("int32")
    return np.where(np.arange(TIME) >= TIME - lengths[:, None], x, 0), draw.integers(0, 2, rows).astype("float32")


def network_runs(shared):
    """Return what trains for an epoch and what predicts it, with shared pads or without."""
    x, y = reviews()
    layers = keras.layers
    network = [layers.Embedding(WORDS, FEATURES), layers.LSTM(UNITS), layers.Dense(1, activation="sigmoid")]
    model = keras.Sequential([keras.Input((TIME,), dtype="int32"), *network])
    model.compile("adam", "binary_crossentropy")

    def run(door):
        plain = layer_walk.worth_sharing
        layer_walk.worth_sharing = plain if shared else lambda *_: False
        try:
            door()
        finally:
            layer_walk.worth_sharing = plain

    return {
        "training": lambda: run(lambda: gw.fit(model, x, y, batch_size=BATCH, epochs=1, verbose=0, seed=0)),
        "prediction": lambda: run(lambda: gw.predict(model, x, batch_size=BATCH)),
    }


def table_runs():
    """Return the walks and look-ups, by name."""
    draw = np.random.default_rng(0)
    make = lambda *shape: jnp.asarray(0.1 * draw.normal(size=shape), "float32")  # noqa: E731
    tokens = jnp.asarray(draw.integers(0, WORDS, (TIME, BATCH)), "int32")
    table, kernel = make(WORDS, FEATURES), make(FEATURES, 4 * UNITS)
    weights, states = Weights(make(UNITS, 4 * UNITS)), (jnp.zeros((BATCH, UNITS)),) * 2

    def walked(table, kernel, weights):
        return walk(LSTM(), "last", Inputs(table[tokens], Weights(kernel)), weights, states)[1][0]

    def looked_up(table, kernel):
        return (table @ kernel)[tokens]

    def training(function):
        total = lambda *given: jnp.sum(function(*given) ** 2)  # noqa: E731
        return lambda *given: jax.grad(total, argnums=tuple(range(len(given))))(*given)

    given = {
        "walk": (walked, (table, kernel, weights)),
        "walk with one feature": (walked, (table[:, :1], kernel[:1], weights)),
        "table and look-up": (looked_up, (table, kernel)),
    }
    runs = {}
    for name, (function, arguments) in given.items():
        for what, compiled in {"training": jax.jit(training(function)), "prediction": jax.jit(function)}.items():
            runs[name, what] = lambda run=compiled, arguments=arguments: jax.block_until_ready(run(*arguments))
    return runs


def main():
    """Time everything in turn, print it and write it down."""
    networks = {"network, pads shared": network_runs(True), "network, pads as they are": network_runs(False)}
    runs = {(name, what): (run, BATCHES) for name, both in networks.items() for what, run in both.items()}
    runs |= {key: (run, 1) for key, run in table_runs().items()}
    for run, _ in runs.values():
        run()
    milliseconds = {key: [] for key in runs}
    for _ in range(ROUNDS):
        for key, (run, batches) in runs.items():
            started = time.perf_counter()
            run()
            milliseconds[key].append(1e3 * (time.perf_counter() - started) / batches)
    rows = [{"name": name, "what": what, "milliseconds": values} for (name, what), values in milliseconds.items()]
    for row in rows:
        print(f"{row['name']}, {row['what']}: {min(row['milliseconds']):.1f} ms")
    content = {"python": platform.python_version(), "jax": jax.__version__, "gatewise": gw.__version__, "rows": rows}
    path = __file__.replace("pads.py", "results/pads.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
