"""One training step of a walk by itself, by the kernel on one and two threads and by the scan, over sizes.

For the numbers in `gatewise.recurrent.paths`: how much work a kernel needs, how many rows, and how much work a second
thread. Writes results/thresholds.json; run it on a machine that does nothing else.
"""

import argparse
import json
import statistics
import sys
import time
from itertools import product

THREADS = (1, 2)
# (units, time, batch): small walks, few rows for many units, and work around that of a second thread.
SIZES = [
    *product((4, 16, 64), (12, 48), (8, 32)),
    *product((256,), (12, 48), (1, 4, 16)),
]
FEATURES = 8


def walks(cell, gates, units, steps, batch):
    """Return functions that do one training step of a walk: the scan, and the kernel on each number of threads."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from gatewise.recurrent import scans
    from gatewise.recurrent.equations import GRU, LSTM, Inputs, Weights
    from gatewise.recurrent.kernels.calls import Call, kernel_walk

    draw = np.random.default_rng(0).normal
    make = lambda *shape: jnp.asarray(draw(size=shape) / np.sqrt(shape[0]), "float32")  # noqa: E731
    columns = gates * units
    own_bias = make(columns) if isinstance(cell, GRU) else None
    given = (
        Weights(make(FEATURES, columns), make(columns)),
        Weights(make(units, columns), own_bias),
        tuple(make(batch, units) for _ in range(2 if isinstance(cell, LSTM) else 1)),
    )
    sequence = make(steps, batch, FEATURES)

    def by_scan(projection, weights, states):
        inputs = Inputs(sequence, projection)
        return scans.walk(cell, "last", inputs.projected(), None, weights, states)

    def by_kernel(threads):
        return lambda projection, *rest: kernel_walk(Call(cell, "last", threads), Inputs(sequence, projection), *rest)

    def step(walk):
        slope = jax.jit(jax.grad(lambda *given: jnp.mean(walk(*given)[1][0] ** 2), argnums=(0, 1)))
        return lambda: jax.block_until_ready(slope(*given))

    return {"scan": step(by_scan)} | {f"kernel on {n}": step(by_kernel(n)) for n in THREADS}


def microseconds(functions, seconds):
    """Return the median microseconds of a call of each function, all of them measured in turn."""
    taken = {name: [] for name in functions}
    for function in functions.values():
        function()
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        for name, function in functions.items():
            start = time.perf_counter()
            for _ in range(5):
                function()
            taken[name].append((time.perf_counter() - start) / 5)
    return {name: 1e6 * statistics.median(values) for name, values in taken.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each size")
    parser.add_argument("--dry", action="store_true", help="keep nothing")
    arguments = parser.parse_args()

    from gatewise.backend import import_keras

    import_keras()
    import publish
    from gatewise.cli.tables import print_table
    from gatewise.recurrent.equations import GRU, LSTM
    from gatewise.recurrent.kernels import library
    from gatewise.recurrent.paths import Extent
    from measuring import about_machine

    rows = []
    for cell, gates, name in ((LSTM(), 4, "lstm"), (GRU(), 3, "gru")):
        library.load(name)
        for units, steps, batch in SIZES:
            extent = Extent(steps, batch, FEATURES, units, gates)
            taken = microseconds(walks(cell, gates, units, steps, batch), arguments.seconds)
            sizes = {"cell": name, "units": units, "time": steps, "batch": batch, "work": extent.work}
            rows.append({**sizes, "microseconds": {key: round(value, 1) for key, value in taken.items()}})
            print(rows[-1], file=sys.stderr, flush=True)
    content = {**about_machine(), "rows": rows}
    if not arguments.dry:
        text = json.dumps(content, indent=1) + "\n"
        (publish.RESULTS / "thresholds.json").write_text(text, encoding="utf-8")
    header = ["cell", "units", "time", "batch", "multiplications", *rows[0]["microseconds"]]
    shown = [
        [row["cell"], *(str(row[key]) for key in ("units", "time", "batch")), f"{row['work']:.1e}"]
        + [f"{value:.0f}" for value in row["microseconds"].values()]
        for row in rows
    ]
    print_table(header, shown, left=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
