"""What `gw.TextClassifier` is worth on the movie reviews, how long it takes, and how others do on the same texts.

``--data`` names the archive of the official reviews. ``--fold validation`` holds out every fifth run of 250 neighbours of a
class among the training reviews, so that a film is hardly on both sides; ``--fold test`` trains on all 25,000 and reads
the official test reviews, which is done once for each table that is published. Every contender is a process of its own,
whose probabilities are scored here, all in the same way. Peers are run by another Python, ``--peers``, which needs
scikit-learn and fasttext-wheel; networks of Keras's own examples by that of ``--keras``, which needs Keras and TensorFlow.
What is not run stays in the JSON as it was. Writes results/classify.json and the table in docs/classification.md, or
results/classify-validation.json; ``--publish`` writes the table anew from the JSON.
"""

import argparse
import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "classification.md"
BEGIN, END = "<!-- classify:begin -->", "<!-- classify:end -->"
BEFORE = "## What can be chosen"
SECTION = """## What it is worth

On the official movie reviews, by `benchmarks/classify.py`: the default classifier and its parts, and peers on the same
texts."""
RUN, HELD_OUT = 250, 2
PEERS = ("TF-IDF + logistic regression", "fastText", "fastText, autotuned")
KERAS = ("Keras, bidirectional LSTM", "Keras, convolution")
LINEAR, NB_SVM = "linear part", "its NB-SVM alone"
# Before gatewise is loaded, which puts the Keras of this process and its children on JAX.
BACKEND = os.environ.get("KERAS_BACKEND", "tensorflow")
ONE_TEXT = "Not a bad film, but the end is weak."


def split(fold, data):
    """Return training texts and labels, and those to be judged by."""
    import gatewise as gw

    corpus = gw.datasets.imdb(data)
    if fold == "test":
        return corpus.train, corpus.test
    train = corpus.train
    run = np.zeros(len(train), int)
    for label in (0, 1):
        rows = np.flatnonzero(train.labels == label)
        run[rows] = np.arange(len(rows)) // RUN
    held = run % 5 == HELD_OUT
    return train.select(np.flatnonzero(~held)), train.select(np.flatnonzero(held))


def nb_svm(classifier, texts):
    """Ask the first of the linear models alone, that of runs of words."""
    from gatewise.classification.linear_views import LinearViews

    # As views, so that a part of the texts is in memory at a time.
    alone = LinearViews(tuple(model for model, _ in classifier.linear_.model)[:1], (1.0,))
    second = 1 / (1 + np.exp(-alone.scores(classifier.vocabulary_.words_of(texts)).astype(float)))
    return np.concatenate([1 - second, second], axis=1)


def own(arguments):
    """Train and ask `gw.TextClassifier`; return what was measured, and the probabilities of all its parts."""
    train, judged = split(arguments.fold, arguments.data)
    texts = list(judged.texts)
    started = time.perf_counter()
    import gatewise as gw

    told = lambda share, what: print(f"{share:4.0%} {what}", file=sys.stderr, flush=True)  # noqa: E731
    classifier = gw.TextClassifier(minutes=arguments.minutes, seed=arguments.seed).fit(train, progress=told)
    seconds = time.perf_counter() - started
    ways = {
        "gatewise": classifier.predict_proba,
        "gatewise, asked quickly": functools.partial(classifier.predict_proba, quick=True),
        LINEAR: classifier.linear_.predict_proba,
        NB_SVM: functools.partial(nb_svm, classifier),
        "networks alone": classifier.network_.predict_proba,
    }
    found, asked = {}, {}
    for name, way in ways.items():
        way(texts[:2000])
        started = time.perf_counter()
        found[name] = way(texts)
        asked[name] = time.perf_counter() - started
    single = []
    for _ in range(30):
        started = time.perf_counter()
        classifier.predict_proba([ONE_TEXT])
        single.append(time.perf_counter() - started)
    held = {part: classifier.validation_.scores(part)._asdict() for part in classifier.validation_.probabilities}
    took = dict.fromkeys(ways, seconds)
    took[LINEAR] = took[NB_SVM] = sum(classifier.seconds_[part] for part in ("words", "linear"))
    took["networks alone"] = seconds - classifier.seconds_["linear"]
    cells = [
        {"name": name, "train_seconds": took[name], "ask_seconds": asked[name], "chances": chances[:, 1].tolist()}
        for name, chances in found.items()
    ]
    cells[0] |= {
        "one_text_milliseconds": 1000 * float(np.median(single)),
        "parts_seconds": classifier.seconds_,
        "held_out": held,
        "weights": classifier._fitted.combination.weights.tolist(),
        "notes": list(classifier.notes_),
    }
    return cells


def own_process(out):
    """Measure gatewise in a process of its own; return its cells."""
    subprocess.run([sys.executable, __file__, *sys.argv[1:], "--own", str(out)], check=True)
    return json.loads(out.read_text(encoding="utf-8"))


def results_of(fold):
    return HERE / "results" / ("classify.json" if fold == "test" else "classify-validation.json")


def kept(fold, but):
    """Return the cells from the last results, but for some names."""
    path = results_of(fold)
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"] if path.exists() else []
    return [cell for cell in cells if cell["name"] not in but]


def peak_megabytes():
    import resource  # Not on Windows.

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def peer(python, name, files, autotune, seed=0):
    """Run a peer in its own Python; return its cell."""
    command = [python, str(HERE / "classify_peers.py"), name, str(files), str(autotune), str(seed)]
    backend = {**os.environ, "KERAS_BACKEND": BACKEND}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=backend)
    if done.returncode:
        return {"name": name, "message": (done.stderr.strip().splitlines() or ["no output"])[-1][:200]}
    return {"name": name, **json.loads(done.stdout.splitlines()[-1])}


def scored(cell, truth, beside):
    """Replace the probabilities in a cell by what they are worth, and how probable its difference to others is by chance."""
    from gatewise.classification.decision import Decision
    from gatewise.classification.scores import mcnemar, scores

    if "chances" not in cell:
        return cell
    chances = np.array(cell.pop("chances"))
    chances = np.stack([1 - chances, chances], axis=1)
    likeliest = Decision.plain(2)
    found = scores(truth, chances, likeliest)
    cell |= found._asdict()
    right = (likeliest.given(chances) == truth).all(axis=1)
    if cell["name"] not in (LINEAR, NB_SVM):
        for key, other in beside.items():
            cell[key] = mcnemar(right, (likeliest.given(other) == truth).all(axis=1))
    return cell


def middle_of_seeds(python, name, files, truth, seeds):
    """Run a network of Keras's examples with several seeds; return the cell of the middle one, and what all have reached."""
    cells = []
    for seed in range(seeds):
        cells.append(scored(peer(python, name, files, 0, seed), truth, {}))
        print(name, seed, cells[-1].get("accuracy"), file=sys.stderr, flush=True)
    done = sorted((cell for cell in cells if "accuracy" in cell), key=lambda cell: cell["accuracy"])
    if not done:
        return cells[0]
    return {**done[len(done) // 2], "accuracies": [cell["accuracy"] for cell in done]}


HEADER = ("", "accuracy (95 %)", "log loss", "ECE", "training s", "reviews/s", "MiB at most")


def table(content):
    """Return the rows of the table."""
    for cell in content["cells"]:
        if "accuracy" not in cell:
            yield [cell["name"], cell["message"], *("–" for _ in HEADER[2:])]
            continue
        low, high = (100 * end for end in cell["interval"])
        reached = cell.get("accuracies", ())
        seeds = f"; {len(reached)} seeds: {100 * reached[0]:.1f} to {100 * reached[-1]:.1f}" if len(reached) > 1 else ""
        yield [
            f"{cell['name']} ({cell['version']})" if "version" in cell else cell["name"],
            f"{100 * cell['accuracy']:.2f} % ({low:.2f} to {high:.2f}{seeds})",
            f"{cell['log_loss']:.4f}",
            f"{cell['calibration_error']:.4f}",
            f"{cell['train_seconds']:.0f}",
            f"{cell['texts'] / cell['ask_seconds']:,.0f}",
            f"{cell['peak_megabytes']:,.0f}" if "peak_megabytes" in cell else "–",
        ]


def publish(content):
    """Write the table into the page."""
    from gatewise.recipes.speed.tables import as_markdown

    own = content["cells"][0]
    machine = content["machine"]
    text = (
        f"{own['texts']:,} test reviews, 25,000 to train with, {content['minutes']:.0f} minutes at most, on "
        f"{machine['processor']}, {machine['cores']} cores, {content['date']}; against the linear part alone p = "
        f"{own['p_against_linear']:.1g} (McNemar), against {NB_SVM} p = {own['p_against_nb_svm']:.1g}; one short text takes "
        f"{own['one_text_milliseconds']:.1f} ms."
    )
    block = f"{BEGIN}\n{as_markdown(list(HEADER), list(table(content)))}\n\n{text}\n{END}"
    page = PAGE.read_text(encoding="utf-8")
    if BEGIN not in page:
        page = page.replace(BEFORE, f"{SECTION}\n\n{BEGIN}\n{END}\n\n{BEFORE}", 1)
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(before + block + rest.partition(END)[2], encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("GATEWISE_IMDB"), help="the archive of the reviews")
    parser.add_argument("--fold", choices=("validation", "test"), default="validation")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peers", help="a Python with scikit-learn and fasttext-wheel")
    parser.add_argument("--keras", help="a Python with Keras and TensorFlow")
    parser.add_argument(
        "--keras-network", nargs="+", choices=KERAS, default=KERAS, metavar="NAME", help="which of them"
    )
    parser.add_argument("--keras-seeds", type=int, default=3, help="the middle one is shown")
    parser.add_argument("--autotune", type=int, default=300, help="seconds for fastText to tune itself; 0 for none")
    parser.add_argument("--only-peers", action="store_true", help="keep what the JSON has of gatewise")
    parser.add_argument("--own", help="measure gatewise in this process, into this file")
    parser.add_argument("--publish", action="store_true", help="only write the page from the JSON")
    arguments = parser.parse_args()
    if arguments.publish:
        publish(json.loads((HERE / "results" / "classify.json").read_text(encoding="utf-8")))
        return 0
    if not arguments.data:
        print("Left out: it needs the movie reviews, --data aclImdb_v1.tar.gz.", file=sys.stderr)
        return 0
    if arguments.own:
        cells = own(arguments)
        cells[0]["peak_megabytes"] = peak_megabytes()
        Path(arguments.own).write_text(json.dumps(cells), encoding="utf-8")
        return 0
    from gatewise.cli.tables import print_table
    from gatewise.recipes.speed.results import describe_machine, installed_versions, today

    train, judged = split(arguments.fold, arguments.data)
    truth = np.eye(2, dtype=bool)[judged.labels]
    with tempfile.TemporaryDirectory(prefix="classify-") as scratch:
        files = Path(scratch)
        for name, part in (("train", train), ("judged", judged)):
            content = {"texts": list(part.texts), "labels": part.labels.tolist()}
            (files / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
        asked = [(arguments.peers, name) for name in PEERS[: None if arguments.autotune else -1]]
        asked = [(python, name) for python, name in asked if python]
        networks = arguments.keras_network if arguments.keras else ()
        cells = [] if arguments.only_peers else own_process(files / "own.json")
        cells += kept(arguments.fold, {*(name for _, name in asked), *networks, *(cell["name"] for cell in cells)})
        for python, name in asked:
            print(name, file=sys.stderr, flush=True)
            cells.append(peer(python, name, files, arguments.autotune))
        cells += [middle_of_seeds(arguments.keras, name, files, truth, arguments.keras_seeds) for name in networks]
    chances = {cell["name"]: np.array(cell["chances"]) for cell in cells if "chances" in cell}
    beside = {
        key: np.stack([1 - chances[name], chances[name]], axis=1)
        for key, name in (("p_against_linear", LINEAR), ("p_against_nb_svm", NB_SVM))
        if name in chances
    }
    cells = [scored(cell, truth, beside) for cell in cells]
    content = {"fold": arguments.fold, "minutes": arguments.minutes, "seed": arguments.seed, "date": today()}
    content |= {"machine": describe_machine(), "versions": installed_versions(), "cells": cells}
    results_of(arguments.fold).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print_table(HEADER, list(table(content)))
    if arguments.fold == "test":
        publish(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
