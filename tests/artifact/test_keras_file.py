"""``.keras`` files: written whole or not at all, read without trusting them."""

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from gatewise.artifact import keras_file
from gatewise.backend import import_keras
from gatewise.errors import EnvironmentFault, ModelFileError, UsageError

keras = import_keras()
NAMES = ("metadata.json", "config.json", "model.weights.h5")


def small_model(seed: int = 0) -> Any:
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [keras.Input((5, 1)), keras.layers.LSTM(4, name="lstm"), keras.layers.Dense(1, name="dense")], name="small"
    )
    model.compile("adam", "mse", metrics=["mae"])
    return model


@pytest.fixture
def file(tmp_path: Path) -> Path:
    keras_file.write(small_model(), tmp_path / "m.keras", overwrite=False)
    return tmp_path / "m.keras"


def parts(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(
    file: Path, members: dict[str, bytes] | list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED
) -> None:
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in members.items() if isinstance(members, dict) else members:
            archive.writestr(name, data)


def refused(file: Path) -> str:
    with pytest.raises(ModelFileError) as caught:
        keras_file.read(file)
    return str(caught.value)


def test_comes_back_with_weights_compile_settings_and_optimizer(tmp_path: Path) -> None:
    model = small_model()
    x, y = np.random.default_rng(0).normal(size=(2, 8, 5, 1)).astype(np.float32)
    model.fit(x, y[:, 0], epochs=2, verbose=0)
    keras_file.write(model, tmp_path / "m.keras", overwrite=False)
    twin = keras_file.read(tmp_path / "m.keras")
    pairs = zip(twin.weights + twin.optimizer.variables, model.weights + model.optimizer.variables, strict=True)
    for new, old in pairs:
        np.testing.assert_array_equal(np.asarray(new.value), np.asarray(old.value))
    assert twin.loss == "mse"
    assert int(twin.optimizer.iterations) == 2
    np.testing.assert_array_equal(twin.predict(x, verbose=0), model.predict(x, verbose=0))


def test_reads_what_keras_wrote_and_keras_reads_what_it_wrote(tmp_path: Path) -> None:
    model = small_model()
    model.save(tmp_path / "theirs.keras")
    keras_file.write(model, tmp_path / "ours.keras", overwrite=False)
    for twin in (keras_file.read(tmp_path / "theirs.keras"), keras.saving.load_model(tmp_path / "ours.keras")):
        for new, old in zip(twin.weights, model.weights, strict=True):
            np.testing.assert_array_equal(np.asarray(new.value), np.asarray(old.value))


def test_a_model_that_was_compiled_and_never_trained(tmp_path: Path) -> None:
    """Keras itself reads these with a warning and drops the learning rate that was set."""
    model = small_model()
    model.optimizer.learning_rate = 0.125
    keras_file.write(model, tmp_path / "m.keras", overwrite=False)
    twin = keras_file.read(tmp_path / "m.keras")
    assert float(twin.optimizer.learning_rate) == 0.125
    assert len(twin.optimizer.variables) == 2 + 2 * len(twin.trainable_variables)


def test_sixteen_bit_weights(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, dtype="bfloat16")])
    keras_file.write(model, tmp_path / "m.keras", overwrite=False)
    twin = keras_file.read(tmp_path / "m.keras")
    assert str(twin.weights[0].dtype) == "bfloat16"
    np.testing.assert_array_equal(np.asarray(twin.weights[0].value), np.asarray(model.weights[0].value))


# Writing.


def test_targets(file: Path, tmp_path: Path) -> None:
    model = small_model()
    with pytest.raises(UsageError) as caught:
        keras_file.write(model, file, overwrite=False)
    assert str(caught.value) == f"{file} already exists: pass overwrite=True, or choose another path."
    keras_file.write(model, file, overwrite=True)
    with pytest.raises(UsageError) as caught:
        keras_file.write(model, tmp_path / "m.h5", overwrite=False)
    assert str(caught.value) == (
        f"{tmp_path}/m.h5 does not end in .keras, and Keras reads no other name: add that ending."
    )
    with pytest.raises(EnvironmentFault, match="does not exist; create it"):
        keras_file.write(model, tmp_path / "no" / "m.keras", overwrite=False)
    assert os.listdir(tmp_path) == ["m.keras"]


def test_a_model_that_keras_cannot_write_leaves_the_old_file(file: Path) -> None:
    class Odd(keras.layers.Layer):
        def __init__(self, thing: object) -> None:
            super().__init__()

    before = file.read_bytes()
    with pytest.raises(UsageError, match="cannot be saved by Keras: NotImplementedError"):
        keras_file.write(keras.Sequential([keras.Input((2,)), Odd(object())]), file, overwrite=True)
    assert file.read_bytes() == before
    assert os.listdir(file.parent) == ["m.keras"]


def test_appears_whole_or_not_at_all(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kills at random times are in test_durable.py; here, that the file is written by those means."""
    before, seen = file.read_bytes(), []

    def watched(source: Path, target: Path, replace: Callable[..., None] = os.replace) -> None:
        seen.append((file.read_bytes() == before, zipfile.ZipFile(source).testzip(), Path(target)))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    keras_file.write(small_model(seed=1), file, overwrite=True)
    assert seen == [(True, None, file)]
    assert file.read_bytes() != before


# Reading: the zip.


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    assert refused(tmp_path / "m.keras") == (f"{tmp_path}/m.keras is refused: there is no such file. Check the path.")
    (tmp_path / "m.keras").write_bytes(b"\x80\x04rest")
    assert refused(tmp_path / "m.keras").startswith(
        f"{tmp_path}/m.keras is refused: it is a pickle. Such a file can run"
    )
    (tmp_path / "folder").mkdir()
    assert refused(tmp_path / "folder") == (
        f"{tmp_path}/folder is refused: it is a folder. Give a file that ends in .keras."
    )
    (tmp_path / "folder" / "manifest.json").write_text("{}")
    assert refused(tmp_path / "folder") == (
        f"{tmp_path}/folder is refused: it is a folder that gw.save wrote. Read it with gw.load."
    )


def test_members(file: Path) -> None:
    good = parts(file)
    zipped(file, {**good, "assets/vocabulary.txt": b"a"})
    assert refused(file) == (
        f"{file} is refused: it holds 'assets/vocabulary.txt' besides the model, which gatewise does not read. Leave "
        "such layers (vocabularies, lookups) out of the model."
    )
    zipped(file, {**good, "../../evil": b"a"})
    assert "it holds '../../evil' besides the model" in refused(file)
    assert not (file.parent.parent.parent / "evil").exists()
    zipped(file, {name: good[name] for name in NAMES[:2]})
    assert "it holds ['config.json', 'metadata.json'] and not config.json, metadata.json, model.weights.h5" in refused(
        file
    )


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name(file: Path) -> None:
    good = parts(file)
    zipped(file, [*good.items(), ("config.json", b"{}")])
    assert "once each" in refused(file)


def test_bombs(file: Path) -> None:
    good = parts(file)
    zipped(file, {**good, "config.json": b" " * 10**7}, zipfile.ZIP_DEFLATED)
    assert "is compressed or encrypted, which Keras does not do" in refused(file)
    zipped(file, {**good, "config.json": b"[" * 10**5})
    assert f"{file} (config.json) is refused: its JSON nests deeper than 100 levels" in refused(file)
    zipped(file, {**good, "config.json": b'{"a":1,"a":2}'})
    assert f"{file} (config.json) is refused: the key 'a' stands twice" in refused(file)


def test_truncation_and_bit_flips(file: Path) -> None:
    data = file.read_bytes()
    rng = np.random.default_rng(4)
    for length in [*range(0, len(data), 4096), *rng.integers(0, len(data), 40)]:
        file.write_bytes(data[:length])
        refused(file)
    expected = [np.asarray(weight.value) for weight in small_model().weights]
    for position in rng.integers(0, len(data), 100):
        flipped = bytearray(data)
        flipped[position] ^= 1 << int(rng.integers(8))
        file.write_bytes(flipped)
        try:
            found = keras_file.read(file)
        except ModelFileError:
            continue
        # A zip has bytes that say nothing, such as times; what is read is what was written.
        for weight, value in zip(found.weights, expected, strict=True):
            np.testing.assert_array_equal(np.asarray(weight.value), value)


# Reading: the config and the weights.


def reconfigured(file: Path, change: Callable[[Any], None]) -> None:
    members = parts(file)
    config = json.loads(members["config.json"])
    change(config)
    zipped(file, {**members, "config.json": json.dumps(config).encode()})


def test_configs_go_through_the_whitelist(file: Path) -> None:
    def change(config: Any) -> None:
        config["config"]["layers"][1]["class_name"] = "Lambda"

    reconfigured(file, change)
    assert refused(file).startswith(f"{file} is refused: it names 'keras.layers.Lambda', which is not on gatewise's")


@pytest.mark.timeout(60)
def test_a_network_larger_than_its_weights(file: Path) -> None:
    def change(config: Any) -> None:
        config["config"]["layers"][2]["config"]["units"] = 10**9

    reconfigured(file, change)
    assert "is refused: its network needs" in refused(file)


def test_a_network_that_does_not_fit_its_weights(file: Path) -> None:
    def change(config: Any) -> None:
        config["config"]["layers"][2]["config"]["use_bias"] = False

    reconfigured(file, change)
    assert "is refused: its weights do not fit its network (" in refused(file)


def test_an_optimizer_that_does_not_fit_its_state(file: Path) -> None:
    def change(config: Any) -> None:
        config["compile_config"]["optimizer"] = "sgd"

    model = small_model()
    model.fit(np.zeros((4, 5, 1)), np.zeros(4), verbose=0)
    keras_file.write(model, file, overwrite=True)
    reconfigured(file, change)
    message = refused(file)
    assert "is refused: its weights do not fit its network (" in message
    assert "Skipping variable loading for optimizer" in message


def rewritten(file: Path, change: Callable[[h5py.File], None]) -> None:
    members = parts(file)
    data = io.BytesIO(members["model.weights.h5"])
    with h5py.File(data, "r+") as weights:
        change(weights)
    zipped(file, {**members, "model.weights.h5": data.getvalue()})


KERNEL = "layers/lstm/cell/vars/0"


def replaced(weights: h5py.File, **how: Any) -> None:
    value = weights[KERNEL][()]
    del weights[KERNEL]
    weights.create_dataset(KERNEL, data=value, **how)


def soft_link(weights: h5py.File) -> None:
    del weights[KERNEL]
    weights[KERNEL] = h5py.SoftLink("/layers/lstm/cell/vars/1")


def external_link(weights: h5py.File) -> None:
    del weights[KERNEL]
    weights[KERNEL] = h5py.ExternalLink("/etc/passwd", "/")


def second_name(weights: h5py.File) -> None:
    del weights[KERNEL]
    weights[KERNEL] = weights["layers/lstm/cell/vars/1"]


def circle(weights: h5py.File) -> None:
    weights["layers/lstm/up"] = weights["layers"]


def named_type(weights: h5py.File) -> None:
    weights["layers/type"] = np.dtype("f4")


def external_storage(weights: h5py.File) -> None:
    shape = weights[KERNEL].shape
    del weights[KERNEL]
    weights.create_dataset(KERNEL, shape, "f4", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])


def virtual(weights: h5py.File) -> None:
    shape = weights[KERNEL].shape
    layout = h5py.VirtualLayout(shape=shape, dtype="f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=shape)
    del weights[KERNEL]
    weights.create_virtual_dataset(KERNEL, layout)


def never_written(weights: h5py.File) -> None:
    del weights[KERNEL]
    weights.create_dataset(KERNEL, (10**6, 10**6), "f4")


def texts(weights: h5py.File) -> None:
    del weights[KERNEL]
    weights.create_dataset(KERNEL, data=["a"] * 4)


def large_attribute(weights: h5py.File) -> None:
    weights[KERNEL].attrs["dtype"] = np.zeros(1000)


def other_attribute(weights: h5py.File) -> None:
    weights["layers"].attrs["code"] = "x"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (soft_link, "its object '0' is a link to somewhere else"),
        (external_link, "its object '0' is a link to somewhere else"),
        (second_name, "has two names, or there are too many objects"),
        (circle, "has two names, or there are too many objects"),
        (named_type, "its object 'type' is neither a group nor an array"),
        (external_storage, "its array '/layers/lstm/cell/vars/0' is not a plain array of numbers inside the file"),
        (virtual, "its array '/layers/lstm/cell/vars/0' is not a plain array of numbers inside the file"),
        (never_written, "its array '/layers/lstm/cell/vars/0' is not a plain array of numbers inside the file"),
        (texts, "its array '/layers/lstm/cell/vars/0' is not a plain array of numbers inside the file"),
        (lambda weights: replaced(weights, chunks=(1, 4)), "is not a plain array of numbers inside the file"),
        (lambda weights: replaced(weights, compression="gzip"), "is not a plain array of numbers inside the file"),
        (large_attribute, "its attribute 'dtype' is none that Keras writes"),
        (other_attribute, "its attribute 'code' is none that Keras writes"),
    ],
)
def test_hdf5_that_is_more_than_plain_arrays(file: Path, change: Callable[[h5py.File], None], reason: str) -> None:
    rewritten(file, change)
    message = refused(file)
    assert message.startswith(f"{file} (model.weights.h5) is refused: ")
    assert reason in message


def test_plain_changes_of_the_weights_are_read(file: Path) -> None:
    """So that the refusals above are about what they name."""
    rewritten(file, replaced)
    keras_file.read(file)


def test_damaged_hdf5(file: Path) -> None:
    members = parts(file)
    good = members["model.weights.h5"]
    rng = np.random.default_rng(6)
    for length in rng.integers(0, len(good), 12):
        zipped(file, {**members, "model.weights.h5": good[:length]})
        refused(file)
    for position in rng.integers(0, len(good), 60):
        flipped = bytearray(good)
        flipped[position] ^= 1 << int(rng.integers(8))
        zipped(file, {**members, "model.weights.h5": bytes(flipped)})
        try:
            keras_file.read(file)
        except ModelFileError:
            continue
