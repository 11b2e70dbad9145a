"""What sorting rows by length within windows costs and gains: accuracy over several seeds, and the time of an epoch.

A small network reads texts of different lengths, the same texts and seeds with every window: one batch (no sorting), the
default, and all rows at once. Texts are the movie reviews where ``--data`` or the environment variable GATEWISE_IMDB names
the archive (their training half only, for training and for validation), else made up. Every run is a process of its own.
Writes results/bucketing.json.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROWS, VALIDATION_ROWS = 4_000, 4_000
WORDS, TIME = 5_000, 500
UNITS, BATCH, EPOCHS, REPEATS = 32, 64, 4, 3
# Name -> window; None is the default.
WINDOWS = {"one batch": BATCH, "default": None, "all rows": ROWS}
# Windows, in batches, whose share of work is computed.
SHARES = (1, 2, 4, 8, 16, 64)


def reviews(path):
    """Return tokens, lengths and labels of movie reviews for training and for validation, no film in both."""
    import numpy as np

    import gatewise as gw

    known = gw.datasets.imdb(path).train
    corpus = gw.datasets.split_corpus(known, test=0.0, validation=0.3, seed=0)
    ranked = gw.datasets.RankedWords.of(corpus.train.texts)
    draw = np.random.default_rng(0)
    arrays = {}
    for part, rows in (("train", ROWS), ("validation", VALIDATION_ROWS)):
        chosen = corpus.part(part)
        chosen = chosen.select(draw.permutation(len(chosen))[:rows])
        tokens = ranked.encode(chosen.texts, num_words=WORDS)
        arrays |= {
            f"{part}_x": tokens.padded(TIME, padding="post"),
            f"{part}_n": np.minimum(tokens.lengths, TIME),
            f"{part}_y": chosen.labels,
        }
    return arrays


def made_up():
    """Return the same of made-up texts: 60 of the words speak for one class and 60 for the other, one in 40 of those used."""
    import numpy as np

    draw = np.random.default_rng(0)
    arrays = {}
    for part, rows in (("train", ROWS), ("validation", VALIDATION_ROWS)):
        # As long as the reviews: a mean of about 220, a tenth of them cut.
        lengths = np.clip(draw.lognormal(5.2, 0.65, rows), 10, TIME).astype("int32")
        labels = draw.integers(0, 2, rows).astype("int32")
        x = draw.integers(130, WORDS, (rows, TIME))
        telling = draw.random((rows, TIME)) < 1 / 40
        right = draw.random((rows, TIME)) < 0.7
        side = np.where(right, labels[:, None], 1 - labels[:, None])
        x = np.where(telling, 4 + 60 * side + draw.integers(0, 60, (rows, TIME)), x)
        x *= np.arange(TIME) < lengths[:, None]
        arrays |= {f"{part}_x": x.astype("int32"), f"{part}_n": lengths, f"{part}_y": labels}
    return arrays


def network():
    """Return the network, compiled."""
    from gatewise.backend import import_keras

    keras = import_keras()
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((TIME,), dtype="int32"),
            layers.Embedding(WORDS, UNITS, mask_zero=True),
            layers.LSTM(UNITS),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.002, clipnorm=1.0), "binary_crossentropy", metrics=["accuracy"])
    return model


def call(data, name, epochs):
    """Return the arguments of a training run."""
    import gatewise as gw

    lengths = gw.Lengths(data["train_n"], window=WINDOWS[name])
    rows = {"x": data["train_x"], "y": data["train_y"], "lengths": lengths}
    return {**rows, "batch_size": BATCH, "epochs": epochs, "verbose": 0}


def score_here(data, name, seeds):
    """Train with so many seeds, the same for every window; return accuracies and losses."""
    import gatewise as gw

    model, accuracies, losses = network(), [], []
    for seed in range(seeds):
        gw.initialize(model, seed)
        losses.append(gw.fit(model, seed=seed, **call(data, name, EPOCHS)).history["loss"])
        validation = {"batch_size": 256, "lengths": data["validation_n"], "verbose": 0}
        accuracies.append(gw.evaluate(model, data["validation_x"], data["validation_y"], **validation)[1])
        print(f"{name}, seed {seed}: {accuracies[-1]:.4f}", file=sys.stderr, flush=True)
    return {"accuracy": accuracies, "training_loss": losses}


def time_here(data, name, _):
    """Return the seconds of an epoch of one network, REPEATS times, the first epoch left out."""
    import gatewise as gw

    model = network()
    gw.fit(model, **call(data, name, 1))
    return {"seconds": [gw.fit(model, **call(data, name, 1)).run_seconds for _ in range(REPEATS)]}


MEASURES = {"score": score_here, "time": time_here}


def command(measure, file, name, seeds):
    """Return the command line of one run."""
    return [sys.executable, __file__, "--here", measure, str(file), name, str(seeds)]


def run(measure, file, name, seeds):
    """Measure in a process of its own."""
    done = subprocess.run(command(measure, file, name, seeds), stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{measure} with the window {name!r} failed")
    return json.loads(done.stdout.splitlines()[-1])


def shares(lengths):
    """Return the share of all time steps that is left when a batch ends with its longest row, by batch and window."""
    import jax.numpy as jnp
    import numpy as np

    from gatewise.training.order import Steps, run_key, windowed_order

    found = {"every row by itself": float(lengths.mean() / TIME)}
    for batch in (32, 64, 128):
        steps = Steps(len(lengths), batch)
        for batches in SHARES:
            left = []
            for epoch in range(3):
                order = windowed_order(run_key(0), jnp.int32(epoch), jnp.asarray(lengths), steps, batches * batch)
                whole = lengths[np.asarray(order)][: steps.full * batch].reshape(-1, batch)
                left.append(whole.max(axis=1).mean() / TIME)
            found[f"batch {batch}, window {batches * batch}"] = float(np.mean(left))
    return found


def main():
    import numpy as np

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--here", nargs=4, help="measure something in this process and print it as JSON")
    parser.add_argument(
        "--data", default=os.environ.get("GATEWISE_IMDB"), help="archive or folder of the movie reviews"
    )
    parser.add_argument("--seeds", type=int, default=8, help="how many")
    parser.add_argument(
        "--measure", nargs="+", choices=list(MEASURES), default=list(MEASURES), help="accuracy, time or both"
    )
    arguments = parser.parse_args()
    if arguments.here:
        measure, file, name, seeds = arguments.here
        print(json.dumps(MEASURES[measure](np.load(file), name, int(seeds))))
        return 0

    from gatewise.cli.tables import print_table
    from gatewise.recipes.speed.results import describe_machine, installed_versions, today

    arrays = reviews(arguments.data) if arguments.data else made_up()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "texts.npz")
        np.savez(file, **arrays)
        found = {
            measure: {name: run(measure, file, name, arguments.seeds) for name in WINDOWS}
            for measure in arguments.measure
        }
    content = {
        "date": today(),
        "machine": describe_machine(),
        "versions": installed_versions(),
        "texts": "movie reviews" if arguments.data else "made up",
        "share of work": shares(arrays["train_n"]),
        **found,
    }
    target = Path(__file__).with_name("results") / "bucketing.json"
    target.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    table = []
    for name in WINDOWS:
        row = [name, "–", "–", "–", "–"]
        if "score" in found:
            values = 100 * np.array(found["score"][name]["accuracy"])
            row[1:4] = f"{values.mean():.2f}", f"{np.std(values, ddof=1):.2f}", f"{values.min():.2f}"
        if "time" in found:
            row[4] = f"{min(found['time'][name]['seconds']):.2f}"
        table.append(row)
    print_table(["window", "accuracy %", "spread", "worst", "s an epoch"], table, left=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
