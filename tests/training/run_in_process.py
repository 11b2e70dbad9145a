"""Runs of training for the tests that kill or interrupt them: each in a process of its own, told what to do in words.

``python -m training.run_in_process train CALL FOLDER``
    Trains with ``checkpoint=FOLDER/checkpoint`` and writes ``FOLDER/result.npz``. The run is cut into many dispatches
    and saves often, so that a process killed at any moment has left a checkpoint from the middle of an epoch.
``python -m training.run_in_process interrupt WHAT FOLDER``
    Trains a model, or an ensemble, for ever with a program that is compiled already, or one that is ``compiling``. Prints
    a line when the moment has come for Ctrl-C, and then how it was answered.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.errors import Interrupted
from gatewise.training import checkpoint, run
from gatewise.training.state import read_values, write_values

keras = import_keras()
layers = keras.layers


def start(*words, **environment):
    """Start a process that does what the words say; `environment` comes on top of this process's own."""
    path = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    return subprocess.Popen(
        [sys.executable, "-m", "training.run_in_process", *map(str, words)],
        env={**os.environ, "PYTHONPATH": path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def data(rows=4000):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(rows, 2, 1)).astype("float32")
    return x, (x.sum(axis=1) + 0.1 * generator.normal(size=(rows, 1))).astype("float32")


def small(seed=3):
    """Return a model with all that a checkpoint has to hold: carried state, dropout, statistics, slots."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(2, 2, 1)),
            layers.SimpleRNN(3, stateful=True),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(0.002), "mse", metrics=["mae"])
    return model


def large():
    """Return a model that takes many seconds to compile."""
    model = keras.Sequential(
        [
            keras.Input((8, 1)),
            layers.LSTM(4, return_sequences=True),
            layers.LSTM(4, return_sequences=True),
            layers.LSTM(4),
        ]
    )
    model.compile("adam", "mse")
    return model


def early_stopping():
    return keras.callbacks.EarlyStopping(patience=30, restore_best_weights=True)


CALLBACKS = {
    # Each rate comes from the one before: asked once too often, the schedule would give another.
    "schedule": lambda: [keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.97), early_stopping()],
    "plateau": lambda: [keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=2, cooldown=1), early_stopping()],
}


def train(which, folder=None):
    """Do the run that one of the `CALLBACKS` stands for, or the rest of it; return the arrays and the history."""
    model = small()
    history = gw.fit(
        model,
        *data(),
        batch_size=2,
        epochs=40,
        validation_data=data(40),
        callbacks=CALLBACKS[which](),
        verbose=0,
        seed=7,
        checkpoint=None if folder is None else folder / "checkpoint",
    )
    return [np.asarray(array) for group in read_values(model) for array in group], history


def _save_often():
    run.DISPATCH_SECONDS = 0.01
    checkpoint._FIRST_AFTER, checkpoint._SHARE = 0.01, 1.0


def _until_interrupted(train, weights):
    """Train until Ctrl-C; print how it was answered and what the model holds then."""
    before = [np.array(array) for array in weights(None)]
    try:
        train()
    except Interrupted as answer:
        answered = time.monotonic()
        after = weights(answer)
        told = {
            "message": str(answer),
            "answered": answered,
            "epochs": list(answer.history.epoch),
            "finite": all(bool(np.isfinite(array).all()) for array in after),
            "moved": max(float(np.abs(new - old).max()) for new, old in zip(after, before, strict=True)),
        }
        print(json.dumps(told), flush=True)


def _interrupt_model(folder):
    model, call = small(), {"x": data()[0], "y": data()[1], "batch_size": 2, "seed": 7, "verbose": 0}
    start = jax.tree.map(np.array, read_values(model))
    gw.fit(model, **call, epochs=1)
    write_values(model, start)
    print("now", flush=True)
    forever = lambda: gw.fit(model, **call, epochs=10**6, checkpoint=folder / "checkpoint")  # noqa: E731
    _until_interrupted(forever, lambda _: model.get_weights())


def _interrupt_ensemble(_):
    model, call = small(), {"x": data()[0], "y": data()[1], "batch_size": 2, "members": 3, "verbose": 0}
    first = gw.fit_ensemble(model, **call, epochs=1)
    print("now", flush=True)
    forever = lambda: gw.fit_ensemble(model, **call, epochs=10**5)  # noqa: E731
    _until_interrupted(forever, lambda answer: (answer.ensemble if answer else first).values.trainable)


def _interrupt_compiling(_):
    compile_in_background = run.compile_in_background

    def announced(*arguments):
        print("now", flush=True)
        return compile_in_background(*arguments)

    run.compile_in_background = announced
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(16, 8, 1)), generator.normal(size=(16, 4))
    model = large()
    _until_interrupted(lambda: gw.fit(model, x, y, batch_size=5, verbose=0), lambda _: model.get_weights())


_INTERRUPTED = {"model": _interrupt_model, "ensemble": _interrupt_ensemble, "compiling": _interrupt_compiling}


def main(what, which, folder):
    """Do what the words say."""
    folder = Path(folder)
    if what == "interrupt":
        # A shell that starts something in the background lets it ignore Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _INTERRUPTED[which](folder)
        return
    _save_often()
    arrays, history = train(which, folder)
    np.savez(folder / "result.npz", *arrays, history=json.dumps([history.epoch, history.history]))


if __name__ == "__main__":
    main(*sys.argv[1:])
