"""Law: a run that is stopped, killed or interrupted anywhere and continued ends, bit for bit, like an undisturbed one."""

import itertools
import json
import random
import shutil
import signal
import time
from pathlib import Path

import jax
import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.errors import EnvironmentFault, ModelFileError, UsageError
from gatewise.training import checkpoint as checkpoint_module
from gatewise.training import run as run_module
from gatewise.training.checkpoint import Checkpoint
from gatewise.training.state import read_values, write_values
from training.run_in_process import CALLBACKS, start, train

keras = import_keras()
layers = keras.layers

ROWS, BATCH, EPOCHS = 8, 2, 5


def data(rows=ROWS, seed=1):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(rows, 2, 1)).astype("float32")
    return x, (x.sum(axis=1) + generator.normal(size=(rows, 1))).astype("float32")


def build(dropout=0.3, stateful=False, seed=1, optimizer=None, loss="mse"):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(BATCH if stateful else None, 2, 1)),
            layers.SimpleRNN(2, stateful=stateful, dropout=dropout),
            layers.BatchNormalization(),
            layers.Dropout(dropout),
            layers.Dense(1),
        ]
    )
    model.compile(optimizer or keras.optimizers.Adam(0.05), loss, metrics=["mae"])
    return model


def left_by(model, history, callbacks=()):
    """Return all that a run leaves behind, to the last bit."""
    values = [np.asarray(array).tobytes() for array in jax.tree.leaves(read_values(model))]
    told = [(c.best, c.wait, getattr(c, "best_epoch", None), getattr(c, "stopped_epoch", None)) for c in callbacks]
    return values, history.epoch, history.history, history.stopped_epoch, history.steps, told


@pytest.mark.parametrize(("shuffle", "dropout", "stateful"), list(itertools.product((False, True), repeat=3)))
def test_stopping_and_continuing_equals_an_undisturbed_run(shuffle, dropout, stateful, tmp_path):
    call = {"batch_size": BATCH, "shuffle": shuffle, "seed": 3, "verbose": 0}
    models = [build(0.3 * dropout, stateful, seed) for seed in (1, 2)]
    first = jax.tree.map(np.array, read_values(models[0]))
    undisturbed = left_by(models[0], gw.fit(models[0], *data(), epochs=EPOCHS, **call))
    for epochs in range(1, EPOCHS):
        write_values(models[0], first)
        folder = tmp_path / str(epochs)
        gw.fit(models[0], *data(), epochs=epochs, checkpoint=folder, **call)
        # The second model has other weights: all that it needs is in the checkpoint.
        history = gw.fit(models[1], *data(), epochs=EPOCHS, checkpoint=folder, **call)
        assert left_by(models[1], history) == undisturbed


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_trained(tmp_path):
    model = build()
    before = model.get_weights()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    with pytest.raises(EnvironmentFault, match="nowhere"):
        gw.fit(model, *data(), batch_size=BATCH, checkpoint=tmp_path / "nowhere" / "run", verbose=0)
    with pytest.raises(UsageError, match="thesis"):
        gw.fit(model, *data(), batch_size=BATCH, checkpoint=tmp_path / "mine", verbose=0)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("first_after", [0.0, 1e9], ids=["in the middle", "at the end"])
def test_a_disk_that_fills_up_loses_no_training(first_after, tmp_path, monkeypatch):
    def full(*_, **__):
        raise EnvironmentFault("The disk is full.")

    monkeypatch.setattr(checkpoint_module, "_FIRST_AFTER", first_after)
    monkeypatch.setattr(checkpoint_module, "write_folder", full)
    model, twin = build(), build()
    with pytest.raises(EnvironmentFault, match="full"):
        gw.fit(model, *data(), epochs=EPOCHS, batch_size=BATCH, seed=3, checkpoint=tmp_path / "run", verbose=0)
    steps = int(model.optimizer.iterations)
    assert steps == EPOCHS * ROWS // BATCH if first_after else steps > 0
    call = {"batch_size": BATCH, "seed": 3, "verbose": 0}
    if first_after:
        gw.fit(twin, *data(), epochs=EPOCHS, **call)
        for one, other in zip(model.get_weights(), twin.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    else:
        assert any((one != other).any() for one, other in zip(model.get_weights(), twin.get_weights(), strict=True))


class Killed(Exception):
    """Stands for the end of a process, right after it has written a checkpoint."""


def stop_and_plateau():
    return [
        keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=1, cooldown=1),
        keras.callbacks.EarlyStopping(patience=6, restore_best_weights=True),
    ]


def schedule():
    return [keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9)]


class Shrinks(keras.callbacks.Callback):
    """Works on the host, and changes the model in every epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.learning_rate = 0.9 * float(self.model.optimizer.learning_rate)

    def on_epoch_end(self, epoch, logs=None):
        self.model.set_weights([0.9 * array for array in self.model.get_weights()])


def on_the_host():
    return [Shrinks()]


def all_rates():
    return [*schedule(), *stop_and_plateau()]


def averaging():
    return keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.9)


@pytest.mark.parametrize(
    ("callbacks", "optimizer"),
    [(stop_and_plateau, None), (schedule, None), (on_the_host, None), (all_rates, None), (list, averaging)],
    ids=["plateau-and-early-stopping", "schedule", "host", "schedule-and-plateau", "averaging"],
)
def test_killed_in_the_middle_of_anything(callbacks, optimizer, tmp_path, monkeypatch):
    """Checkpoints after every dispatch, dispatches of different lengths: some end inside an epoch or a validation."""
    models = [build(stateful=True, seed=seed, optimizer=optimizer and optimizer()) for seed in (1, 2)]
    first = jax.tree.map(np.array, read_values(models[0]))
    call = {"batch_size": BATCH, "epochs": 12, "validation_data": data(6, 2), "seed": 3, "verbose": 0}
    own = callbacks()
    undisturbed = left_by(
        models[0], gw.fit(models[0], *data(), callbacks=own, **call), own[-2:] if len(own) > 1 else ()
    )
    monkeypatch.setattr(checkpoint_module, "_FIRST_AFTER", 0.0)
    monkeypatch.setattr(checkpoint_module, "_SHARE", float("inf"))
    write, places = Checkpoint.write, set()
    for writes, steps in itertools.product((1, 2, 3, 5), (1, 4, 11)):
        folder, count = tmp_path / f"{writes}-{steps}", itertools.count(1)
        monkeypatch.setattr(run_module.Pace, "learn", lambda self, *_, steps=steps: setattr(self, "steps", steps))

        def write_and_die(self, state, history, count=count, writes=writes):
            write(self, state, history)
            if next(count) == writes:
                places.add((int(state.epoch), int(state.step)))
                raise Killed

        monkeypatch.setattr(Checkpoint, "write", write_and_die)
        write_values(models[0], first)
        with pytest.raises(Killed):
            gw.fit(models[0], *data(), callbacks=callbacks(), checkpoint=folder, **call)
        monkeypatch.setattr(Checkpoint, "write", write)
        own = callbacks()
        history = gw.fit(models[1], *data(), callbacks=own, checkpoint=folder, **call)
        assert left_by(models[1], history, own[-2:] if len(own) > 1 else ()) == undisturbed, f"killed at {places}"
    # Steps 0 to 3 train, 4 to 6 validate.
    assert {0 < step < 4 for _, step in places} == {True, False}
    assert any(step > 4 for _, step in places)


@pytest.mark.parametrize("which", CALLBACKS)
def test_killed_processes_leave_a_run_that_goes_on(which, tmp_path):
    """SIGKILL at moments that nobody chose; what is left is continued until it is done."""
    moments, landed = random.Random(), 0
    for _ in range(3):
        process = start("train", which, tmp_path)
        while process.poll() is None and not (tmp_path / "checkpoint").exists():
            time.sleep(0.005)
        moment = moments.uniform(0.0, 0.5)
        time.sleep(moment)
        landed += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    process = start("train", which, tmp_path)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert landed
    arrays, history = train(which)
    result = np.load(tmp_path / "result.npz")
    assert json.loads(str(result["history"])) == [history.epoch, history.history]
    for number, array in enumerate(arrays):
        assert result[f"arr_{number}"].tobytes() == array.tobytes(), f"the last kill came {moment} s after a checkpoint"


# -- what is no continuation -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A checkpoint after two epochs, and the call that wrote it."""
    folder = tmp_path_factory.mktemp("runs") / "begun"
    call = {
        "x": data()[0],
        "y": data()[1],
        "batch_size": BATCH,
        "epochs": 2,
        "validation_data": data(6, 2),
        "callbacks": [keras.callbacks.EarlyStopping(patience=3)],
        "seed": 3,
        "verbose": 0,
    }
    gw.fit(build(), checkpoint=folder, **call)
    return folder, call


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("data", {"y": data()[1] + 1}),
        ("data", {"sample_weight": np.ones(ROWS)}),
        ("batch_size", {"batch_size": 4}),
        ("shuffle", {"shuffle": False}),
        ("callbacks", {"callbacks": [keras.callbacks.EarlyStopping(patience=4)]}),
        ("callbacks", {"callbacks": None}),
        ("validation", {"validation_freq": 2}),
        ("validation", {"validation_batch_size": 3}),
        ("seed", {"seed": 4}),
        ("model", {"model": lambda: build(optimizer=keras.optimizers.SGD(0.05))}),
        ("model", {"model": lambda: build(optimizer=keras.optimizers.Adam(0.05, beta_1=0.8))}),
        ("model", {"model": lambda: build(dropout=0.2)}),
        ("model", {"model": lambda: build(loss="mae")}),
    ],
    ids=lambda part: part if isinstance(part, str) else ", ".join(part),
)
def test_another_call_is_refused(name, change, begun):
    folder, call = begun
    change = dict(change)
    model = change.pop("model", build)()
    with pytest.raises(UsageError) as refused:
        gw.fit(model, checkpoint=folder, **{**call, **change})
    assert str(refused.value) == (
        f"The checkpoint {folder} belongs to another run: its {name} is not the one of this call. Give the same "
        "arguments to resume it, or another folder to begin anew."
    )


def test_the_same_call_with_other_names_and_objects_is_the_same(begun, tmp_path):
    """Names that Keras makes up differ from process to process, and so do the objects."""
    folder, call = begun
    shutil.copytree(folder, tmp_path / "copy")
    layers.SimpleRNN(2), layers.Dense(1)
    history = gw.fit(build(seed=5), checkpoint=tmp_path / "copy", **{**call, "epochs": 4})
    assert history.epoch == [0, 1, 2, 3]


def cut(path):
    path.write_bytes(path.read_bytes()[:-10])


def flip(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 0x40
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("damage", [cut, flip, Path.unlink])
@pytest.mark.parametrize("name", ["manifest.json", "weights.safetensors"])
def test_a_damaged_checkpoint_is_refused(name, damage, begun, tmp_path):
    folder, call = begun
    copy = tmp_path / "damaged"
    shutil.copytree(folder, copy)
    damage(copy / name)
    model = build()
    before = model.get_weights()
    with pytest.raises(ModelFileError, match=str(copy)):
        gw.fit(model, checkpoint=copy, **{**call, "epochs": 4})
    jax.tree.map(np.testing.assert_array_equal, before, model.get_weights())


def test_a_saved_model_is_no_checkpoint(begun, tmp_path):
    gw.save(build(), tmp_path / "model")
    with pytest.raises(ModelFileError, match="model"):
        gw.fit(build(), checkpoint=tmp_path / "model", **begun[1])
