"""Model folders that gatewise did not write: ``python tests/campaigns/fuzz_models.py --inputs 50000``.

Saved networks, ensembles, classifiers and forecasters are damaged (bytes changed, cut, exchanged) or forged (entries of the
description and the tensors changed, with all hashes right, as somebody with bad intent would). Each is loaded under an audit
hook, in a process that has imported everything before: code, imports, pickles, sockets, processes and files elsewhere are
faults, like tracebacks. What loads after all is asked once, and so is what the server reads without Keras.
"""

import contextlib
import copy
import hashlib
import json
import os
import resource
import shutil
import struct
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

SCRATCH = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)).resolve()
# Programs that are kept would be files that a model had written.
os.environ["GATEWISE_CACHE"] = "off"

from fuzzing import Campaign, mutated

import gatewise as gw
import gatewise.forecasting.networks.shared_networks
from gatewise.backend import import_keras
from gatewise.stepping import NoChain, read_network
from made_texts import made as made_texts

keras = import_keras()
layers = keras.layers
NAMES = ("manifest.json", "weights.safetensors")
ROWS = np.linspace(-1, 1, 10, dtype="float32").reshape(5, 2)
ODD = (
    None, True, False, 0, 1, -1, 2, 3, 7, 2**31, 2**63, 10**12, 0.5, -1e300, 1e-300, "", "tanh", "relu", "../x",
    "/etc/passwd", "lambda", "os.system", "builtins", "keras.layers", "Lambda", "LSTM", "__class__", "\u202e",
    "x" * 300, [], [None], [0], {}, {"class_name": "Lambda"}, {"class_name": "__lambda__", "config": {"value": "4wAAAAA="}},
    {"module": "os", "class_name": "system"},
)  # fmt: skip


def asks_network(folder):
    """Load a network with Keras and without; ask both."""
    with contextlib.suppress(NoChain, gw.errors.GatewiseError):
        network = read_network(folder)
        steps = network.pure_steps()
        steps.step(steps.begin, np.zeros(2, int) if network.words else np.zeros((2, network.features), "float32"))
    gw.load(folder)


def asks_classifier(folder):
    """Load a classifier and ask it."""
    gw.TextClassifier.load(folder).predict_proba(["superb w1", "awful"])


def asks_forecaster(folder):
    """Load a forecaster and ask it."""
    gw.Forecaster.load(folder).predict()


def save_all(scratch):
    """Save one of each kind; return the folder and the question of each."""
    network = keras.Sequential(
        [keras.Input((5, 2)), layers.LSTM(3, return_sequences=True), layers.GRU(2), layers.Dense(1)]
    )
    network.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    gw.save(network, scratch / "network")
    small = keras.Sequential([keras.Input((5, 2)), layers.SimpleRNN(2), layers.Dense(1)])
    small.compile("sgd", "mse")
    x = np.stack([ROWS] * 4)
    gw.save(gw.fit_ensemble(small, x, x[:, 0, :1], members=2, batch_size=4, verbose=0), scratch / "ensemble")
    texts = made_texts(60)
    gw.TextClassifier(network=()).fit(*texts).save(scratch / "classifier")
    tiny = {"units": 2, "embedding": 3, "runs": 3, "run_texts": 2, "epochs": 1, "members": 1}
    read = gw.TextClassifier(network=(gw.Network(**tiny), gw.Network(cell="cnn", **tiny))).fit(*texts)
    read.save(scratch / "classifier with networks")
    series = gw.read_series(np.sin(np.arange(40.0)))
    gw.Forecaster(2, network=(), baselines=["Naive", "Drift"]).fit(series).save(scratch / "forecaster")
    return {
        "network": asks_network,
        "ensemble": gw.load,
        "classifier": asks_classifier,
        "classifier with networks": asks_classifier,
        "forecaster": asks_forecaster,
    }


def made(rng):
    """Return the kind of a folder and its two files, damaged or forged."""
    kind = rng.choice(("network", "network", "ensemble", "classifier", "classifier with networks", "forecaster"))
    files = {name: (SCRATCH / kind / name).read_bytes() for name in NAMES}
    if rng.random() < 0.6:
        name = rng.choice(NAMES)
        files[name] = mutated(rng, files[name], 3)
        return kind, "damaged", files
    manifest = json.loads(files["manifest.json"])
    manifest.pop("manifest_sha256")
    if weights := rng.random() < 0.3:
        files["weights.safetensors"] = forged_weights(rng, files["weights.safetensors"], manifest)
    for _ in range(rng.choice((0, 1) if weights else (1, 1, 1, 3))):
        change_something(rng, manifest)
    entry = {
        "bytes": len(files["weights.safetensors"]),
        "sha256": hashlib.sha256(files["weights.safetensors"]).hexdigest(),
    }
    if isinstance(manifest.get("files"), dict) and "weights.safetensors" in manifest["files"]:
        manifest["files"]["weights.safetensors"] = entry
    whole = json.dumps(manifest, indent=1)
    files["manifest.json"] = json.dumps(
        {**manifest, "manifest_sha256": hashlib.sha256(whole.encode()).hexdigest()}, indent=1
    ).encode()
    return kind, "forged", files


def forged_weights(rng, content, manifest):
    """Return weights with a changed header, or other numbers in their place."""
    size = struct.unpack("<Q", content[:8])[0]
    if rng.random() < 0.5:
        place = rng.randrange(8 + size, len(content) - 7)
        bits = rng.choice(
            (b"\xff" * 8, b"\0" * 8, struct.pack("<d", float("inf")), struct.pack("<ff", 1e30, float("nan")))
        )
        return content[:place] + bits + content[place + 8 :]
    header = json.loads(content[8 : 8 + size])
    change_something(rng, header)
    for name, entry in header.items():
        if isinstance(entry, dict) and name in manifest["tensors"] and rng.random() < 0.5:
            manifest["tensors"][name]["shape"] = entry.get("shape")
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + size :]


def change_something(rng, nest):
    """Walk into a nest at random; replace, delete, repeat or rename what is found after some steps."""
    while True:
        keys = list(nest) if isinstance(nest, dict) else list(range(len(nest)))
        if not keys:
            return
        key = rng.choice(keys)
        inner = nest[key]
        if isinstance(inner, dict | list) and inner and rng.random() < 0.92:
            nest = inner
            continue
        what = rng.random()
        if what < 0.6:
            nest[key] = copy.deepcopy(rng.choice(ODD))
        elif what < 0.75:
            del nest[key]
        elif isinstance(nest, list):
            nest.insert(rng.randrange(len(nest) + 1), copy.deepcopy(inner))
        else:
            nest[rng.choice((key + "x", "class_name", "module", "registered_name", "config"))] = copy.deepcopy(inner)
        return


SOURCES = set()
WATCH = {"on": False, "seen": []}
FORBIDDEN = (
    "pickle.", "marshal.", "exec", "compile", "import", "socket.", "subprocess.", "os.system", "os.exec", "os.fork",
    "os.posix_spawn", "ctypes.dlopen", "urllib.", "shutil.", "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.chmod",
    "os.link", "os.symlink",
)  # fmt: skip


def hook(event, arguments):
    """Note what loading a model must not do."""
    if not WATCH["on"]:
        return
    if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
        path = os.path.realpath(os.fsdecode(arguments[0]))
        # Python reads source for the lines of a traceback or a warning, and JAX makes its tracebacks shorter.
        if not path.startswith(str(SCRATCH) + os.sep) and path not in SOURCES:
            WATCH["seen"].append((event, path))
    elif event.startswith(FORBIDDEN):
        WATCH["seen"].append((event, str(arguments)[:200]))


def attempt(given):
    """Load a folder under the hook; return a word on it."""
    kind, way, files = given
    folder = SCRATCH / "tried"
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    WATCH["on"], WATCH["seen"] = True, []
    try:
        ASKED[kind](folder)
    finally:
        WATCH["on"] = False
        seen = WATCH["seen"]
        # Before a refusal, too.
        assert not seen, seen
    if way == "damaged":
        same = all(content == (SCRATCH / kind / name).read_bytes() for name, content in files.items())
        assert same, "damaged, and loaded"
        return "unchanged, loaded"
    return f"{way}, loaded"


ASKED = save_all(SCRATCH)
CAMPAIGN = Campaign("fuzz_models", made, attempt)


def prepare():
    """Load everything once, so that all is imported; then watch, and let no load take all memory."""
    for kind, ask in ASKED.items():
        ask(SCRATCH / kind)
    SOURCES.update(
        os.path.realpath(module.__file__) for module in list(sys.modules.values()) if getattr(module, "__file__", None)
    )
    sys.addaudithook(hook)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + 2 * 2**30,) * 2)


if __name__ == "__main__":
    prepare()
    try:
        CAMPAIGN.main()
    finally:
        shutil.rmtree(SCRATCH)
