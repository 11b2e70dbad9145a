"""Training killed by SIGKILL at random moments and resumed: the weights are those of a run that nobody disturbed.

``python tests/campaigns/training_kills.py --kills 200``
    Each kill hits a process of its own, somewhere between the first step and the end of its training; the eight
    combinations of shuffle, dropout and stateful layers take turns. The checkpoint that is left is resumed to the end, and
    everything that the training leaves behind is compared bit for bit.
``python tests/campaigns/training_kills.py --overhead 12``
    Pairs of a training with and without ``checkpoint=``, in turns, as users run it; on a machine that does nothing else.
``python tests/campaigns/training_kills.py --share 4``
    Which share of its time a training spends with its checkpoints, measured inside of it.

Processes to be killed are forked from one that has imported everything and has not started JAX, so that a kill costs
about a second; programs come from the cache.
"""

import argparse
import contextlib
import functools
import hashlib
import itertools
import json
import os
import random
import shutil
import signal
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from recorded import record

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.training import checkpoint as checkpoints
from gatewise.training import run as runs

keras = import_keras()
layers = keras.layers

COMBINATIONS = list(itertools.product((False, True), repeat=3))
ROWS, BATCH, EPOCHS = 2000, 4, 20


def data(rows=ROWS):
    """Return windows of noise and what follows from them."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(rows, 2, 1)).astype("float32")
    return x, (x.sum(axis=1) + 0.1 * generator.normal(size=(rows, 1))).astype("float32")


def build(dropout, stateful, seed=1):
    """Return a model with all that a checkpoint has to hold: carried state, dropout, statistics, slots."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(BATCH if stateful else None, 2, 1)),
            layers.LSTM(3, stateful=stateful, dropout=0.2 * dropout),
            layers.BatchNormalization(),
            layers.Dropout(0.2 * dropout),
            layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(0.002), "mse", metrics=["mae"])
    return model


def train(combination, folder=None, seed=1):
    """Do the training of a combination, or the rest of it; return a digest of all that it leaves behind."""
    shuffle, dropout, stateful = combination
    model = build(dropout, stateful, seed)
    history = gw.fit(
        model,
        *data(),
        batch_size=BATCH,
        epochs=EPOCHS,
        shuffle=shuffle,
        validation_data=data(40),
        callbacks=[
            keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=1),
            keras.callbacks.EarlyStopping(patience=30),
        ],
        checkpoint=folder,
        seed=7,
        verbose=0,
    )
    return digest(model, history)


def digest(model, history):
    """Return the SHA-256 of weights, optimizer slots, random numbers, carried state and history."""
    from gatewise.training.state import read_values

    parts = [np.asarray(array).tobytes() for group in read_values(model) for array in group]
    parts.append(json.dumps([history.epoch, history.history, history.stopped_epoch]).encode())
    return hashlib.sha256(b"".join(parts)).hexdigest()


def save_often():
    """Cut the training into many dispatches, each with a checkpoint, so that kills land in and around writes."""
    runs.DISPATCH_SECONDS = 0.02
    checkpoints._FIRST_AFTER, checkpoints._SHARE = 0.02, 1.0


@contextlib.contextmanager
def first_step_told(write):
    """Write ``begun`` when the first steps of a training are done, before its first checkpoint."""
    told = checkpoints.Checkpoint.write_if_due

    def tell(self, state, history):
        checkpoints.Checkpoint.write_if_due = told
        write(b"begun\n")
        told(self, state, history)

    checkpoints.Checkpoint.write_if_due = tell
    yield
    checkpoints.Checkpoint.write_if_due = told


class Worker:
    """A process forked before JAX was started: does trainings that are asked for, one after the other, until killed."""

    def __init__(self):
        mine, self.asking = os.pipe()
        self.answers, theirs = os.pipe()
        self.process = os.fork()
        if self.process == 0:
            with contextlib.suppress(BaseException):
                os.close(self.asking)
                os.close(self.answers)
                self._serve(os.fdopen(mine), theirs)
            os._exit(1)
        os.close(mine)
        os.close(theirs)
        self.answers = os.fdopen(self.answers)

    def _serve(self, asked, answering):
        save_often()
        write = functools.partial(os.write, answering)
        for line in asked:
            combination, folder, seed = json.loads(line)
            with first_step_told(write):
                found = train(combination, folder, seed)
            write(json.dumps(found).encode() + b"\n")
        os._exit(0)

    def ask(self, combination, folder=None, seed=1):
        """Begin a training."""
        os.write(self.asking, json.dumps([combination, folder and str(folder), seed]).encode() + b"\n")

    def answer(self):
        """Return the digest of the training, and its seconds after the first steps."""
        begun = None
        for line in self.answers:
            if line != "begun\n":
                return json.loads(line), time.perf_counter() - (begun or time.perf_counter())
            begun = time.perf_counter()
        raise RuntimeError("a process that was not to be killed has died")

    def end(self, how=signal.SIGKILL):
        """End the process."""
        os.kill(self.process, how)
        os.waitpid(self.process, 0)
        os.close(self.asking)
        self.answers.close()


def killed_once(combination, folder, moment, early):
    """Kill a training some seconds after its first steps, or after it was asked for; say whether it was still at it."""
    worker = Worker()
    worker.ask(combination, folder)
    if not early:
        assert worker.answers.readline() == "begun\n"
    time.sleep(moment)
    assert os.waitpid(worker.process, os.WNOHANG)[0] == 0, "the process ended by itself"
    os.kill(worker.process, signal.SIGKILL)
    os.waitpid(worker.process, 0)
    os.close(worker.asking)
    left = [line for line in worker.answers if line != "begun\n"]
    worker.answers.close()
    return not left


def campaign(kills, seed=0, combinations=COMBINATIONS):
    """Kill and resume; return what was found."""
    rng, warm = random.Random(seed), Worker()
    told = []
    counts = {"kills": 0, "during_training": 0, "with_a_checkpoint": 0, "in_a_write": 0, "differing": 0, "strays": 0}
    each = {_name(combination): 0 for combination in combinations}
    with tempfile.TemporaryDirectory() as scratch:
        for number, combination in enumerate(combinations):
            # Once to compile; then with checkpoints, to know how long that takes.
            warm.ask(combination)
            undisturbed, _ = warm.answer()
            warm.ask(combination, Path(scratch) / f"undisturbed-{number}")
            again, seconds = warm.answer()
            assert again == undisturbed, "two undisturbed runs differ"
            told.append([combination, undisturbed, seconds])
        for number in range(kills):
            combination, undisturbed, seconds = told[number % len(told)]
            parent = Path(scratch) / str(number)
            parent.mkdir()
            # One in sixteen while JAX is started, the model made, the program read.
            early = rng.random() < 1 / 16
            landed = killed_once(combination, parent / "run", rng.uniform(0.0, 1.0 if early else seconds), early)
            began_saving = (parent / "run").exists()
            counts["kills"] += 1
            counts["during_training"] += landed
            counts["with_a_checkpoint"] += began_saving
            counts["in_a_write"] += any(name != "run" for name in os.listdir(parent))
            # With a checkpoint the weights that a training is called with do not matter.
            warm.ask(combination, parent / "run", seed=2 if began_saving else 1)
            found, _ = warm.answer()
            counts["differing"] += found != undisturbed
            counts["strays"] += os.listdir(parent) != ["run"]
            each[_name(combination)] += 1
            shutil.rmtree(parent)
    warm.end()
    return {**counts, "combinations": each}


def _name(combination):
    on = [name for name, used in zip(("shuffle", "dropout", "stateful"), combination, strict=True) if used]
    return " + ".join(on) or "none of them"


def trained_for_seconds(folder, data_, epochs=60):
    """Train an LSTM(64) as users do, long enough for some checkpoints, or without any; return the seconds of the training."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((16, 1)), layers.LSTM(64), layers.Dense(1)])
    model.compile("adam", "mse")
    return gw.fit(model, *data_, batch_size=64, epochs=epochs, seed=1, verbose=0, checkpoint=folder).run_seconds


def overhead(pairs):
    """Return how much longer a training takes that writes checkpoints as it does by default, as a share."""
    data_ = gw.windows(np.sin(np.arange(20_000) / 9.0).astype("float32"), look_back=16)
    shares = []
    with tempfile.TemporaryDirectory() as scratch:
        trained_for_seconds(None, data_, 1)
        for number in range(pairs):
            order = (None, Path(scratch) / str(number))[:: 1 if number % 2 else -1]
            took = {folder is None: trained_for_seconds(folder, data_) for folder in order}
            shares.append(took[False] / took[True] - 1.0)
    return {
        "pairs": pairs,
        "run_seconds": round(took[True], 2),
        "overhead_median": round(statistics.median(shares), 4),
        "overhead_each": [round(share, 4) for share in shares],
    }


def share_of_writing(trainings):
    """Return which share of its time a training spends with its checkpoints; other work on the machine slows both down."""
    data_ = gw.windows(np.sin(np.arange(20_000) / 9.0).astype("float32"), look_back=16)
    spent, writes, whole = [], 0, []
    plain = checkpoints.Checkpoint.write_if_due

    def timed(self, state, history):
        nonlocal writes
        started, before = time.perf_counter(), self.next_write
        plain(self, state, history)
        spent.append(time.perf_counter() - started)
        writes += self.next_write != before

    checkpoints.Checkpoint.write_if_due = timed
    with tempfile.TemporaryDirectory() as scratch:
        trained_for_seconds(None, data_, 1)
        for number in range(trainings):
            started = time.perf_counter()
            trained_for_seconds(Path(scratch) / str(number), data_)
            whole.append(time.perf_counter() - started)
    checkpoints.Checkpoint.write_if_due = plain
    return {
        "trainings": trainings,
        "seconds": round(sum(whole), 1),
        "writes": writes,
        "share_of_the_time": round(sum(spent) / sum(whole), 4),
    }


def main():
    """Run what the command line asks for, and record it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--short", action="store_true", help="one combination, with everything; nothing is recorded")
    parser.add_argument("--overhead", type=int, default=0, metavar="PAIRS")
    parser.add_argument("--share", type=int, default=0, metavar="TRAININGS")
    given = parser.parse_args()
    if given.kills:
        combinations = COMBINATIONS[-1:] if given.short else COMBINATIONS
        record("training_kills", campaign(given.kills, given.seed, combinations), not given.short)
    if given.share:
        record("checkpoint_share", share_of_writing(given.share), not given.short)
    if given.overhead:
        record("checkpoint_overhead", overhead(given.overhead), not given.short)


if __name__ == "__main__":
    main()
