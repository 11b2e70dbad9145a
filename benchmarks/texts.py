"""How long texts take to come in: reading, vocabularies, numbers, on the movie reviews; beside the tokenizers library.

Needs the official reviews: GATEWISE_IMDB names their archive. Each part runs in a process of its own; wall and processor
seconds are kept, the latter of all threads. Writes results/texts.json.
"""

import argparse
import csv
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPEATS = 2
MANY = 100_000
PARTS = {"gatewise": "numpy", "tokenizers": "tokenizers"}
MAX_WORDS = 30_000


def timed(call):
    """Return what a call returns, and its wall and processor seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    value = call()
    return value, [time.perf_counter() - wall, time.process_time() - cpu]


def repeated(call):
    return [timed(call)[1] for _ in range(REPEATS)]


def reviews():
    from gatewise import datasets

    return datasets.imdb()


def part_gatewise(scratch):
    from gatewise import datasets

    os.environ["GATEWISE_CACHE"] = str(scratch / "cache")
    corpus, seconds = timed(reviews)
    yield "the archive, 50,000 reviews, first time", [seconds]
    yield "the archive, 50,000 reviews, from the cache", repeated(reviews)
    train, labels = corpus.train.texts, corpus.train.labels
    yield "vocabulary of 25,000 reviews", repeated(lambda: datasets.Vocabulary.of(train, MAX_WORDS))
    vocabulary = datasets.Vocabulary.of(train, MAX_WORDS, bigram_buckets=2**18)
    words_only = datasets.Vocabulary(vocabulary.words)
    yield "numbers of 25,000 reviews", repeated(lambda: words_only.encode(train))
    yield "numbers of 25,000 reviews and of their pairs of words", repeated(lambda: vocabulary.encode(train))
    yield "ranks as published, 25,000 reviews", repeated(lambda: datasets.RankedWords.of(train))
    ranked = datasets.RankedWords.of(train)
    call = lambda: ranked.encode(train, num_words=5000).padded(500)  # noqa: E731
    yield "integers as published, 25,000 × 500", repeated(call)
    yield "split of 25,000 reviews", repeated(lambda: datasets.split_corpus(corpus.train))
    path = scratch / "reviews.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows((f"{n} {train[n % len(train)]}", corpus.classes[labels[n % len(train)]]) for n in range(MANY))
    many, seconds = timed(lambda: datasets.read_corpus(path))
    yield f"CSV of {MANY:,} reviews", [seconds]
    yield f"memory of {MANY:,} texts / size of their CSV file", many.texts.nbytes / path.stat().st_size


def part_tokenizers(_):
    """The rules of gatewise.datasets.tokenize for ASCII in the library's terms; and its own fastest splitter."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

    train = list(reviews().train.texts)
    pattern = pre_tokenizers.Split(Regex(r"[a-z0-9]+(?:'[a-z0-9]+)*|[!-/:-@\[-`{-~]"), "removed", invert=True)
    for name, splitter in ((", same rules", pattern), (", its BertPreTokenizer", pre_tokenizers.BertPreTokenizer())):
        tokenizer = Tokenizer(models.WordLevel(unk_token="?"))
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.NFC(), normalizers.Replace("<br />", " "), normalizers.Lowercase()]
        )
        tokenizer.pre_tokenizer = splitter
        trainer = trainers.WordLevelTrainer(
            vocab_size=MAX_WORDS + 2, min_frequency=2, special_tokens=["_", "?"], show_progress=False
        )
        _, seconds = timed(lambda t=tokenizer, r=trainer: t.train_from_iterator(train, r))
        yield f"vocabulary of 25,000 reviews{name}", [seconds]
        call = lambda t=tokenizer: [each.ids for each in t.encode_batch_fast(train, add_special_tokens=False)]  # noqa: E731
        yield f"numbers of 25,000 reviews{name}", [timed(call)[1]]


def run_part(name):
    """Return the cells of one part, measured in a process of its own."""
    if importlib.util.find_spec(PARTS[name]) is None:
        return [{"name": "numbers of 25,000 reviews", "runner": name, "seconds": [], "message": "not installed"}]
    command = [sys.executable, __file__, "--part", name]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return json.loads(output.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=list(PARTS), help="measure one part in this process and print it as JSON")
    arguments = parser.parse_args()
    if not os.environ.get("GATEWISE_IMDB"):
        print("Left out: it needs the movie reviews, GATEWISE_IMDB=aclImdb_v1.tar.gz.", file=sys.stderr)
        return 0
    if arguments.part:
        with tempfile.TemporaryDirectory() as scratch:
            part = part_gatewise if arguments.part == "gatewise" else part_tokenizers
            cells = [
                {"name": name, "runner": arguments.part, "ratio" if isinstance(value, float) else "seconds": value}
                for name, value in part(Path(scratch))
            ]
        print(json.dumps(cells))
        return 0
    cells = []
    for name in PARTS:
        print(name, file=sys.stderr, flush=True)
        cells += run_part(name)

    import publish
    from gatewise.cli.tables import print_table
    from gatewise.recipes.speed.results import describe_machine, installed_versions, today

    versions = installed_versions()
    if importlib.util.find_spec("tokenizers"):
        import tokenizers

        versions["tokenizers"] = tokenizers.__version__
    content = {"date": today(), "machine": describe_machine(), "versions": versions, "cells": cells}
    (publish.RESULTS / "texts.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print_table(publish.TEXTS_HEADER, publish.texts_rows(content), left=2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
