"""Law: Ctrl-C is answered within a second, the model keeps what it has learnt, and the run can be continued."""

import json
import random
import signal
import time

import jax
import numpy as np
import pytest

import gatewise as gw
from gatewise.training.state import read_values
from training.run_in_process import data, small, start


def interrupt(which, folder, delay, **environment):
    """Press Ctrl-C in a process; return what it told, and how many seconds passed until the call of gatewise ended."""
    process = start("interrupt", which, folder, **environment)
    assert process.stdout.readline() == "now\n", process.stderr.read()
    time.sleep(delay)
    # One clock for all processes: what Python needs to tell the end is not gatewise's answer.
    pressed = time.monotonic()
    process.send_signal(signal.SIGINT)
    line = process.stdout.readline()
    _, errors = process.communicate(timeout=200)
    assert line, errors
    assert process.returncode == 0, errors
    told = json.loads(line)
    return told, told["answered"] - pressed


def test_in_the_middle_of_training(tmp_path):
    told, seconds = interrupt("model", tmp_path, random.Random().uniform(0.3, 1.0))
    assert seconds < 1.0
    epochs = len(told["epochs"])
    assert told["message"] == (
        f"Interrupted in epoch {epochs + 1} of 1000000: the model holds the weights as trained so far, {epochs} epochs are "
        f"finished, and the same call goes on from {tmp_path / 'checkpoint'}."
    )
    assert told["finite"]
    assert told["moved"] > 1e-4
    call = {"batch_size": 2, "seed": 7, "verbose": 0, "epochs": epochs + 2}
    undisturbed, continued = small(), small(seed=8)
    history = gw.fit(undisturbed, *data(), **call)
    rest = gw.fit(continued, *data(), checkpoint=tmp_path / "checkpoint", **call)
    assert rest.epoch == history.epoch
    assert rest.history == history.history
    for one, other in zip(
        jax.tree.leaves(read_values(undisturbed)), jax.tree.leaves(read_values(continued)), strict=True
    ):
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes()


def test_while_an_ensemble_is_trained(tmp_path):
    told, seconds = interrupt("ensemble", tmp_path, 0.7)
    assert seconds < 1.0
    assert told["message"] == ("Interrupted with 3 of 3 members in training; they are in the exception's `ensemble`.")
    assert told["finite"]
    assert told["moved"] > 1e-4
    assert told["epochs"]


@pytest.mark.parametrize("delay", [0.0, 0.6])
def test_while_a_large_program_is_compiled(delay, tmp_path):
    told, seconds = interrupt("compiling", tmp_path, delay, GATEWISE_CACHE="off")
    assert seconds < 1.0
    assert told["message"] == (
        "Interrupted in epoch 1 of 1: the model holds the weights as trained so far, 0 epochs are finished."
    )
    assert told["epochs"] == []
    assert told["moved"] == 0.0


def test_the_handler_that_was_there_is_there_again():
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append(1))
    try:
        gw.fit(small(), *data(8), batch_size=2, verbose=0)
        signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [1]
