"""What single networks of a classifier are worth: with vectors of runs of words and without, how often and how fast they learn.

``--data`` names the archive of the official reviews; only training reviews are read. Every fifth run of 250 neighbours of a
class is held out, so that a film is hardly on both sides, as in `classify.py --fold validation`. Each network is trained on
the other reviews, or on some of them, and judged by those held out; seconds are processor time. Writes
results/text_networks.json and the table in docs/classification.md.

    python benchmarks/text_networks.py --data aclImdb_v1.tar.gz
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

import gatewise as gw
import publish
from classify import split
from gatewise.classification.chunk_reader import ChunkReader
from gatewise.classification.lessons import Lesson
from gatewise.classification.members import runs_of
from gatewise.classification.word_vectors import neighbour_vectors
from gatewise.datasets import Sequences, Vocabulary
from gatewise.recipes.speed.tables import as_markdown

RESULTS = publish.RESULTS / "text_networks.json"
PAGE = Path(__file__).resolve().parent.parent / "docs" / "classification.md"
BEGIN, END = "<!-- networks:begin -->", "<!-- networks:end -->"
FORMAT = 1
SEEDS = 2
LSTM = gw.Network(units=32, runs=3)
CNN = gw.Network(cell="cnn", units=160, region=5, runs=3)


def networks():
    """Yield what is tried: a name, the network, and how many texts it learns from (None: all)."""
    from dataclasses import replace

    for name, usual in (("LSTM(32)", LSTM), ("convolution", CNN)):
        yield name, usual, None
        yield f"{name}, no runs", replace(usual, runs=1), None
        yield f"{name}, 2 epochs at 0.002", replace(usual, epochs=2, learning_rate=2e-3), None
    yield "LSTM(64)", replace(LSTM, units=64), None
    for texts, tried in ((600, (3, 6, 12)), (2500, (2, 3, 5)), (8000, (1, 2, 4))):
        for epochs in tried:
            yield f"LSTM(32), {epochs} epochs", replace(LSTM, epochs=epochs), texts


class Reviews:
    """The training reviews, some of them held out."""

    def __init__(self, data):
        train, held = split("validation", data)
        self.vocabulary = Vocabulary.of(train.texts, None, 2)
        self.words = self.vocabulary.encode([*train.texts, *held.texts]).words
        self.truth = np.concatenate([train.labels, held.labels]) == 1
        self.train, self.held = np.arange(len(train)), len(train) + np.arange(len(held))
        known = self.words.select(self.train)
        size = min(self.vocabulary.size, LSTM.max_words)
        self.vectors = neighbour_vectors(Sequences(np.where(known.ids < size, known.ids, 1), known.lengths), size, 64)

    def judged(self, network, texts, seed):
        """Return what a network is worth: accuracy, log loss, and processor seconds of its training."""
        rows = self.train if texts is None else np.random.default_rng(seed).permutation(self.train)[:texts]
        # Which runs there are is known from the texts that are learnt from.
        own = self.words.select(rows)
        runs = runs_of((network,), own, self.vocabulary.size)
        numbers = {key: one.numbers(self.words) for key, one in runs.items()}
        longest = int(own.lengths.max())
        reader = ChunkReader(network, self.vocabulary, 1, longest, runs.get(network.known_runs))
        none = np.zeros(0, np.int64)
        even = np.ones(len(self.truth))
        lesson = Lesson(self.words, self.truth[:, None], even, False, rows, none, seed, self.vectors, numbers)
        began = time.process_time()
        trained = reader.train(lesson)
        seconds = time.process_time() - began
        scores = reader.scores(trained.weights, self.words.select(self.held))[:, 0].astype(float)
        truth = self.truth[self.held]
        losses = np.logaddexp(0, np.where(truth, -scores, scores))
        return float(((scores > 0) == truth).mean()), float(losses.mean()), seconds, scores


def measured(reviews, name, network, texts):
    """Return a cell: the mean of some seeds, and all seeds together."""
    found = [reviews.judged(network, texts, seed) for seed in range(SEEDS)]
    truth = reviews.truth[reviews.held]
    together = np.mean([one[3] for one in found], axis=0)
    return {
        "name": name,
        "texts": len(reviews.train) if texts is None else texts,
        "accuracy": float(np.mean([one[0] for one in found])),
        "log_loss": float(np.mean([one[1] for one in found])),
        "together": float(((together > 0) == truth).mean()),
        "cpu_seconds": float(np.median([one[2] for one in found])),
    }


def table(content):
    rows = [
        [
            f"{cell['texts']:,}",
            cell["name"],
            f"{100 * cell['accuracy']:.1f} %",
            f"{cell['log_loss']:.3f}",
            f"{100 * cell['together']:.1f} %",
            f"{cell['cpu_seconds']:.0f}",
        ]
        for cell in content["cells"]
    ]
    return as_markdown(["reviews", "network", "accuracy", "log loss", f"{SEEDS} together", "CPU s"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the archive of the reviews")
    parser.add_argument("--publish", action="store_true", help="only write the page from the JSON")
    given = parser.parse_args()
    if not given.publish:
        from gatewise.recipes.speed.results import describe_machine, installed_versions, today

        reviews, cells = Reviews(given.data), []
        for name, network, texts in networks():
            cells.append(measured(reviews, name, network, texts))
            print(json.dumps(cells[-1]), flush=True)
        content = {"format": FORMAT, "date": today(), "machine": describe_machine()}
        content |= {"versions": installed_versions(), "cells": cells}
        RESULTS.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    content = json.loads(RESULTS.read_text(encoding="utf-8"))
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{table(content)}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
