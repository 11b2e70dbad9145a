"""A Keras model as a manifest describes it -> the chain of its layers, as far as NumPy can step through it.

The rules are those of ``training.step_chain``, which looks at a model in memory. What a file says is trusted in nothing:
what has not the form that Keras writes is refused, and what isn't known is `NoChain`.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from gatewise.artifact.manifest import refusal, short
from gatewise.stepping.operations import ACTIVATIONS
from gatewise.stepping.plan import NoChain

Config = dict[str, Any]

# What they do in training only.
_NOTHING = {
    "Dropout",
    "SpatialDropout1D",
    "GaussianDropout",
    "GaussianNoise",
    "AlphaDropout",
    "ActivityRegularization",
    "Identity",
}
_LAYERS = {"LSTM", "GRU", "SimpleRNN", "RNN"}
_CELLS = {"LSTM": "lstm_cell", "GRU": "gru_cell", "SimpleRNN": "simple_rnn_cell"}
_MOST_UNITS = 2**24
_MOST_LAYERS = 100


class Described(NamedTuple):
    """A layer as a file describes it.

    Attributes:
        kind: As `operations.Layer` has it.
        units: Of an Activation 0.
        activation: A name of ``operations.ACTIVATIONS``.
        place: How the names of its weights end before the weight's own: ``"lstm/lstm_cell"``.
        biased: Whether it has a bias.
        rows: How many rows the table of an Embedding has; else 0.
    """

    kind: str
    units: int
    activation: str
    place: str
    biased: bool
    rows: int = 0


class Chain(NamedTuple):
    """A network as a file describes it.

    Attributes:
        layers: In the order in which they are run.
        features: How many numbers the first reads at a time step; 0 for numbers of words.
        time: How many time steps the network was built for; None for any number.
        sequences: Whether there is an output for every time step.
    """

    layers: list[Described]
    features: int
    time: int | None
    sequences: bool


def chain_of(topology: Any, where: object) -> Chain:
    """Return the chain of layers that a topology describes.

    Args:
        topology: The entry of the manifest, from JSON.
        where: The file's name, for the message.

    Raises:
        NoChain: With the reason why NumPy does not step through it.
        ModelFileError: It has not the form that Keras writes.
    """
    try:
        return _chain_of(topology)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise refusal(where, f"its topology has not the form that Keras 3 writes ({short(error)})") from None


def _chain_of(topology: Any) -> Chain:
    entry, nodes = _walked(topology)
    if len(nodes) > _MOST_LAYERS:
        raise NoChain(f"it has {len(nodes)} layers, above {_MOST_LAYERS}")
    shape = entry["batch_shape"]
    words = bool(nodes) and nodes[0]["class_name"] == "Embedding"
    if len(shape) != (2 if words else 3) or not all(size is None or _whole(size) for size in shape):
        raise NoChain(f"its input has the shape {short(shape)}")
    if not words and entry["dtype"] != "float32":
        raise NoChain(f"its input has the type {short(entry['dtype'])}")
    if not words and shape[-1] is None:
        raise NoChain("its input has any number of features")
    found, sequences = [], True
    for number, node in enumerate(nodes):
        if _kind_name(node) not in _NOTHING:
            found.append(_described(_each_step(node), first=number == 0))
            sequences = sequences and node["config"].get("return_sequences", True)
    if not any(one.kind in ("LSTM", "GRU", "GRU, reset before", "SimpleRNN") for one in found):
        raise NoChain("it has no recurrent layer")
    return Chain(found, 0 if words else shape[-1], shape[1], bool(sequences))


# -- which layers, one after the other ----------------------------------------------------------------------------------


def _walked(model: Config) -> tuple[Config, list[Config]]:
    """Return the config of a model's input, and its layers from there to its output."""
    kind, config = model["class_name"], model["config"]
    if kind == "Sequential" and model["module"] == "keras":
        entry, *nodes = config["layers"]
        if entry["class_name"] != "InputLayer":
            raise NoChain(f"{short(config['name'])} does not begin with an input")
    elif kind == "Functional":
        entry, nodes = _functional(config)
    else:
        raise NoChain(f"{short(config.get('name'))} is a {short(kind)}")
    return entry["config"], list(_flat(nodes))


def _flat(nodes: list[Config]) -> Iterator[Config]:
    """Yield layers, those of models among them one by one."""
    for node in nodes:
        if node["class_name"] in ("Sequential", "Functional"):
            yield from _walked(node)[1]
        else:
            yield node


def _functional(config: Config) -> tuple[Config, list[Config]]:
    """Return the input layer of a functional model, and its layers, each of which must read what the one before gives."""
    by_name = {layer["name"]: layer for layer in config["layers"]}
    ends = config["input_layers"], config["output_layers"]
    if not all(len(end) == 3 and isinstance(end[0], str) and end[1:] == [0, 0] for end in ends):
        raise NoChain(f"{short(config['name'])} has several inputs or outputs, or gives its output in a nest")
    first, name = ends[0][0], ends[1][0]
    found: dict[str, Config] = {}
    while name != first:
        layer = by_name[name]
        if len(layer["inbound_nodes"]) != 1:
            raise NoChain(f"layer {short(name)} is called twice")
        (call,) = layer["inbound_nodes"]
        given = [one for one in (*call["args"], *call["kwargs"].values()) if one is not None and one is not False]
        # No mask, no initial states.
        if len(given) != 1 or not isinstance(given[0], dict) or given[0].get("class_name") != "__keras_tensor__":
            raise NoChain(f"layer {short(name)} is called with more than one tensor, or with training=True")
        if name in found:
            raise ValueError("a circle")
        found[name] = layer
        name, *node = given[0]["config"]["keras_history"]
        if node != [0, 0]:
            raise NoChain(f"layer {short(name)} is called twice, or gives several tensors")
    return by_name[first], list(found.values())[::-1]


# -- one layer ----------------------------------------------------------------------------------------------------------


def _kind_name(node: Config) -> str | None:
    """Return the class of a layer, if it is Keras's or gatewise's."""
    if node["module"] == "keras.layers":
        return str(node["class_name"])
    ours = node["module"] == "gatewise.recurrent.layers" and node["registered_name"] == f"gatewise>{node['class_name']}"
    return str(node["class_name"]) if ours and node["class_name"] in _LAYERS else None


def _each_step(node: Config) -> Config:
    """Return what a TimeDistributed does with every time step; any other layer itself."""
    if _kind_name(node) == "TimeDistributed" and _kind_name(node["config"]["layer"]) in ("Dense", "Activation"):
        inner: Config = node["config"]["layer"]
        return inner
    return node


def _described(node: Config, first: bool) -> Described:
    """Return a layer as plain data, or say why NumPy does not step through it."""
    kind, config = _kind_name(node), node["config"]
    name = config["name"]
    # A RNN has a cell of its own; the cells of the other layers have a name that Keras gives them.
    cell, place = config, f"{name}/{_CELLS.get(str(kind), '')}".rstrip("/")
    if kind == "RNN":
        inner = _kind_name(config["cell"])
        kind = inner.removesuffix("Cell") if inner in ("LSTMCell", "GRUCell", "SimpleRNNCell") else None
        cell = config["cell"]["config"]
        place = f"{name}/{cell['name']}"
    if kind not in ("LSTM", "GRU", "SimpleRNN", "Dense", "Activation") and not (kind == "Embedding" and first):
        raise NoChain(f"layer {short(name)} is a {short(node['class_name'])}")
    reason = _why_not(config, cell)
    if reason is not None:
        raise NoChain(f"layer {short(name)} {reason}")
    if kind == "Activation":
        return Described(kind, 0, cell["activation"], place, False)
    if kind == "Embedding":
        return Described(kind, _units(cell["output_dim"]), "linear", place, False, _units(cell["input_dim"]))
    if kind == "GRU" and not _flag(cell["reset_after"]):
        kind = "GRU, reset before"
    return Described(kind, _units(cell["units"]), cell["activation"], place, _flag(cell["use_bias"]))


def _why_not(config: Config, cell: Config) -> str | None:
    """Return what a layer of a known kind has that the operations do not know, or None."""
    activation = cell.get("activation", "linear")
    gates = cell.get("recurrent_activation", "sigmoid")
    reasons = {
        "has another dtype policy than float32": not (_in_float32(config) and _in_float32(cell)),
        "is quantized or has LoRA weights": any(
            one.get(name) for one in (config, cell) for name in ("quantization_config", "lora_rank", "lora_alpha")
        ),
        "masks its input": config.get("mask_zero", False),
        f"has the activation {short(activation)}": not isinstance(activation, str) or activation not in ACTIVATIONS,
        f"has the recurrent_activation {short(gates)}": gates != "sigmoid",
        "gives its state, too": config.get("return_state", False),
        "reads its sequence from the end": config.get("go_backwards", False),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _in_float32(config: Config) -> bool:
    """Say whether a layer computes in float32 and keeps its weights so."""
    dtype = config["dtype"]
    if isinstance(dtype, dict) and dtype.get("class_name") == "DTypePolicy":
        dtype = dtype["config"]["name"]
    return dtype == "float32"


def _whole(value: Any) -> bool:
    return type(value) is int and 0 < value < _MOST_UNITS


def _units(value: Any) -> int:
    if not _whole(value):
        raise ValueError(f"{short(value)} units")
    return int(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"the flag {short(value)}")
    return value
