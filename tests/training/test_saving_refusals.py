"""What `gw.save` and `gw.load` refuse, in which words; and that loading runs and opens nothing of what it reads."""

import copy
import json
import math
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from saved_models import keras2_dialect, stateful_stack, two_inputs_two_outputs

import gatewise as gw
from gatewise.artifact import read_folder, write_folder
from gatewise.backend import import_keras
from gatewise.errors import ModelFileError, NonFiniteError, UsageError

keras = import_keras()
layers = keras.layers


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# Refusals at the doors.


def test_what_cannot_be_saved() -> None:
    with pytest.raises(UsageError) as caught:
        gw.save({"a": 1}, "m")
    assert str(caught.value) == "gw.save saves a Keras model or an ensemble, got dict: give one of those."
    with pytest.raises(UsageError, match="is not built, so its weights do not exist yet"):
        gw.save(keras.Sequential([layers.Dense(1)]), "m")
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1, name="out")], name="net")
    model.weights[0].assign([[1.0], [math.nan], [math.inf]])
    with pytest.raises(NonFiniteError) as caught:
        gw.save(model, "m")
    assert str(caught.value) == (
        "Model 'net' cannot be saved: 2 of the 3 values of 'net/out/kernel' are NaN or infinite; train it again with a "
        "smaller learning rate or with clipnorm."
    )
    assert not Path("m").exists()


def test_a_network_that_does_not_come_back_is_refused_when_saved() -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4), layers.Dense(1)], name="net")
    model.layers[0].kernel.trainable = False  # of one variable, which no description of a layer holds
    with pytest.raises(
        UsageError, match="Model 'net' cannot be saved: it does not come back from Keras's own descript"
    ):
        gw.save(model, "m")


def test_the_target_is_looked_at_before_the_model() -> None:
    Path("m").mkdir()
    Path("m/other").touch()
    with pytest.raises(UsageError, match="is no part of a saved model"):
        gw.save(object(), "m")


# Damage and forgery beyond what tests/artifact covers: a whole folder whose content does not fit together.


def forge(change: Callable[[dict[str, Any], dict[str, Any]], None], source: str = "m") -> None:
    """Change the entries and arrays of a saved folder, and write them as gatewise would."""
    kind = json.loads(Path(source, "manifest.json").read_text())["kind"]
    manifest, arrays = read_folder(source, kind)
    own = copy.deepcopy({key: value for key, value in manifest.items() if key not in _OF_THE_FORMAT})
    arrays = dict(arrays)
    change(own, arrays)
    write_folder("forged", own, arrays, overwrite=True)


def forged(change: Callable[[dict[str, Any], dict[str, Any]], None], source: str = "m") -> str:
    """Return the refusal of a forged folder."""
    forge(change, source)
    with pytest.raises(ModelFileError) as caught:
        gw.load("forged")
    return str(caught.value)


_OF_THE_FORMAT = {"format", "format_version", "written_by", "files", "tensors", "manifest_sha256"}


@pytest.fixture
def saved() -> dict[str, Any]:
    model = keras.Sequential([keras.Input((5, 2)), layers.LSTM(3, name="lstm"), layers.Dense(1)], name="net")
    model.compile("adam", "mse")
    gw.save(model, "m")
    return json.loads(Path("m/manifest.json").read_text())


def test_another_network_than_its_weights(saved: dict[str, Any]) -> None:
    def units(entries: Any, arrays: Any) -> None:
        entries["topology"]["config"]["layers"][1]["config"]["units"] = 4
        del entries["topology"]["config"]["layers"][2]["build_config"]

    assert forged(units) == (
        "forged is refused: its network needs (2, 16) float32 for 'lstm/lstm_cell/kernel' and its weights have (2, 12) "
        "float32. Restore it from a copy, or save the model again."
    )

    def optimizer(entries: Any, arrays: Any) -> None:
        entries["compile"]["optimizer"] = "sgd"

    assert "its network has 2 optimizer variables and its weights 12" in forged(optimizer)


@pytest.mark.timeout(60)
def test_a_billion_units(saved: dict[str, Any]) -> None:
    def units(entries: Any, arrays: Any) -> None:
        entries["topology"]["config"]["layers"][1]["config"]["units"] = 10**9
        del entries["topology"]["config"]["layers"][2]["build_config"]

    assert "is refused: its network needs (2, 4000000000) float32" in forged(units)


def test_weights_that_are_not_numbers(saved: dict[str, Any]) -> None:
    (kernel,) = (name for name in saved["tensors"] if name.startswith("model/trainable/0000/"))
    (slot,) = (name for name in saved["tensors"] if name.startswith("model/optimizer/0002/"))

    def infinite(entries: Any, arrays: Any) -> None:
        arrays[kernel] = np.where(np.arange(24).reshape(2, 12) < 2, np.inf, 1.0).astype(np.float32)

    assert forged(infinite) == (
        f"forged/weights.safetensors is refused: 2 of the 24 values of its tensor {kernel!r} are NaN or infinite. "
        "Restore an earlier copy, or train the model again."
    )

    def slots(entries: Any, arrays: Any) -> None:
        arrays[slot] = np.full_like(arrays[slot], np.inf)

    forge(slots)
    assert np.isinf(gw.load("forged").optimizer.variables[2].value).all(), "a slot may overflow in a network that works"


def test_arrays_out_of_place(saved: dict[str, Any]) -> None:
    def added(entries: Any, arrays: Any) -> None:
        arrays["extra"] = np.zeros(1)

    def unordered(entries: Any, arrays: Any) -> None:
        arrays["model/trainable/0009/x"] = np.zeros(1, np.float32)

    def group(entries: Any, arrays: Any) -> None:
        arrays["model/secret/0000/x"] = np.zeros(1, np.float32)

    def missing(entries: Any, arrays: Any) -> None:
        del arrays[next(name for name in arrays if name.startswith("model/trainable/0004/"))]

    assert "its tensor 'extra' belongs to nothing" in forged(added)
    assert "its tensor 'model/trainable/0009/x' is out of place" in forged(unordered)
    assert "its tensor 'model/secret/0000/x' is out of place" in forged(group)
    assert "its network has 5 trainable variables and its weights 4" in forged(missing)


def test_sixty_four_bit_weights_say_what_to_set(saved: dict[str, Any]) -> None:
    def wide(entries: Any, arrays: Any) -> None:
        name = next(name for name in arrays if name.startswith("model/trainable/0000/"))
        arrays[name] = arrays[name].astype(np.float64)

    assert forged(wide).endswith("Set the environment variable JAX_ENABLE_X64=1: it was saved with 64-bit numbers.")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"topology": None}, "its topology, compile settings, custom objects or"),
        ({"compile": []}, "its topology, compile settings, custom objects or"),
        ({"custom_objects": [1]}, "its topology, compile settings, custom objects or"),
        (
            {"custom_objects": ["os.system"]},
            "the model was saved with 'os.system', a class or function of the user's own",
        ),
        ({"trainable": [1]}, "its topology, compile settings, custom objects or trainable flags are missing"),
        ({"trainable": []}, "it has 0 trainable flags for"),
        ({"use_cudnn": []}, "its entry use_cudnn does not fit its recurrent layers"),
        ({"use_cudnn": ["no"]}, "its entry use_cudnn has the value 'no'"),
        ({"kind": "ensemble"}, "its seeds are missing"),
        ({"kind": "checkpoint"}, "it is of the kind 'checkpoint', and 'model' or 'ensemble' was expected"),
    ],
)
def test_entries_of_another_form(saved: dict[str, Any], change: dict[str, Any], reason: str) -> None:
    assert forged(lambda entries, arrays: entries.update(change)).startswith(
        f"forged/manifest.json is refused: {reason}"
    )


def test_ensembles_of_another_form() -> None:
    model, x, y = keras2_dialect()
    gw.save(gw.fit_ensemble(model, x, y, members=2, batch_size=4, verbose=0), "e")

    def history(**change: Any) -> Callable[[Any, Any], None]:
        return lambda entries, arrays: entries["history"].update(change)

    wrong = "forged/manifest.json is refused: its history has another form than gatewise writes."
    for change in ({"names": 3}, {"names": ["a", "b", "c"]}, {"epochs": 9}, {"stopped_epoch": [None]}, {"bad": [[1]]}):
        assert forged(history(**change), "e").startswith(wrong), change
    seeds = forged(lambda entries, arrays: entries.update(seeds=[1, 2, 3]), "e")
    assert "its network needs (3, 2, 12) float32" in seeds
    assert "its seeds are missing" in forged(lambda entries, arrays: entries.update(seeds=[True, 2]), "e")


ODD = (None, True, 0, -1, 3, 10**12, 0.5, "", "tanh", "../x", [], [None], {}, {"class_name": "x"}, 2**64)


def test_every_change_of_a_description_is_refused_or_harmless() -> None:
    """Values of the manifest replaced at random, hashes right: a ModelFileError of one line, or a model."""
    model, *_ = two_inputs_two_outputs()
    gw.save(model, "m")
    rng = np.random.default_rng(9)
    refused: list[str] = []
    for _ in range(60):
        forge(lambda entries, arrays: replace_something({key: entries[key] for key in _DESCRIPTION}, rng))
        try:
            gw.load("forged")
        except ModelFileError as error:
            refused.append(str(error))
    assert len(refused) > 20
    assert all(message.isprintable() for message in refused)


_DESCRIPTION = ("topology", "compile", "trainable", "use_cudnn", "custom_objects")


def replace_something(value: Any, rng: np.random.Generator) -> None:
    """Walk into a nest at random and replace, or delete, what is found after some steps."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = keys[rng.integers(len(keys))]
        inner = value[key]
        if not (isinstance(inner, (dict, list)) and inner) or rng.random() < 0.05:
            value[key] = ODD[rng.integers(len(ODD))]
            return
        value = inner


def test_loading_runs_and_opens_nothing_else() -> None:
    """Under an audit hook, in a process of its own, with every library imported before."""
    model, *_ = stateful_stack()
    gw.save(model, "m")
    model.compile("adam", "mse")
    gw.to_keras(model, "m.keras")
    code = """
    import sys, os, tempfile
    import gatewise as gw, h5py, zipfile, psutil
    gw.load("m"); gw.from_keras("m.keras")  # imports happen here
    folder, temporary = os.path.realpath("."), os.path.realpath(tempfile.gettempdir())
    forbidden = ("pickle.", "marshal.", "exec", "compile", "import", "socket.", "subprocess.", "os.system", "os.exec",
                 "os.fork", "os.posix_spawn", "ctypes.dlopen", "urllib.", "shutil.")
    seen, watching = [], True
    cache = os.environ.get("GATEWISE_CACHE", "")

    def hook(event, args):
        if not watching:
            return
        if event == "open" and isinstance(args[0], (str, bytes, os.PathLike)):
            path = os.path.realpath(os.fsdecode(args[0]))
            known = path.startswith((folder + os.sep, temporary + os.sep)) or (cache and path.startswith(cache))
            if not known:
                seen.append((event, path))
        elif event.startswith(forbidden) and event != "shutil.rmtree":
            seen.append((event, str(args)[:200]))

    sys.addaudithook(hook)
    gw.load("m"); gw.from_keras("m.keras")
    found, seen[:] = list(seen), []
    import pickle
    pickle.loads(pickle.dumps(os.getcwd)); exec("1"); open("/dev/null").close()  # so that silence means something
    watching = False
    print(found, {event for event, _ in seen} >= {"pickle.find_class", "exec", "open"})
    """
    environment = {**os.environ, "GATEWISE_CACHE": os.path.realpath("cache")}
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False, env=environment
    )
    assert found.stdout == "[] True\n", found.stdout + found.stderr
