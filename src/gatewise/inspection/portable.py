"""A network as plain data that a small program elsewhere can compute with: what the page of an inspection does."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gatewise.backend import import_keras
from gatewise.inspection.network import Inspected
from gatewise.inspection.sequences import Read, word_of

keras = import_keras()
layers = keras.layers

# Numbers that a page takes along besides vectors of words: two LSTMs of 128 units, one upon the other, on vectors of 64.
MOST_WEIGHTS = 232_000
# And numbers for the vectors of words, at most: a page takes as many as it has room for.
MOST_VECTORS = 200_000

_ACTIVATIONS = {"linear", "relu", "tanh", "sigmoid", "softmax"}
_NOTHING = (layers.InputLayer, layers.Dropout, layers.SpatialDropout1D, layers.GaussianNoise, layers.GaussianDropout)


class NotPortable(Exception):
    """A network that cannot be computed by the page, with the reason as a half sentence."""


@dataclass(frozen=True, eq=False)
class Counterfactual:
    """What it takes to ask a network about another sequence.

    Attributes:
        layers: From the first to the last, each a dict with its arrays.
        sequence: What was read: tokens, with the padding in front; None for values.
        words: The words whose vectors are there, in their order; empty for values.
    """

    layers: list[dict[str, Any]]
    sequence: list[int] | None
    words: tuple[str, ...]


def counterfactual(network: Inspected, read: Read, words: Sequence[str] | None) -> Counterfactual | str:
    """Return what a page computes with, or why it cannot, as a half sentence.

    Args:
        network: The network.
        read: What it read.
        words: The word of each row of the Embedding.
    """
    try:
        found = portable(network, read.array)
    except NotPortable as reason:
        return str(reason)
    if network.embedding is None:
        return Counterfactual(found, None, ())
    return with_words(found, read, words)


def with_words(found: list[dict[str, Any]], read: Read, words: Sequence[str] | None) -> Counterfactual:
    """Return a network that begins with an embedding, and what its rows are called."""
    tokens = read.array if read.array.ndim == 1 else read.array[:, 0]
    own = dict(zip(tokens[read.first :].tolist(), read.steps, strict=True))
    named = tuple(own.get(row) or word_of(row, words) for row in found[0]["rows"])
    return Counterfactual(found, tokens.tolist(), named)


def weights_of(given: Counterfactual) -> int:
    """Return how many numbers a network has but for the vectors of words."""
    return sum(array.size for one in given.layers if one["type"] != "embedding" for array in _arrays(one))


def portable(network: Inspected, sequence: np.ndarray) -> list[dict[str, Any]]:
    """Return the layers of a network from the first to the last, each as a dict with its arrays.

    Args:
        network: The network.
        sequence: What it read: the vectors of its tokens are taken along in any case.

    Raises:
        NotPortable: It is too large, or has a layer that is not known there.
    """
    chain = _chain(network.model)
    found = [_layer(layer) for layer in chain if not isinstance(layer, (*_NOTHING, layers.Embedding))]
    check_size(found)
    if network.embedding is None:
        return found
    vectors = np.asarray(network.embedding.embeddings, np.float32)
    return [embedding(vectors, sequence, bool(network.embedding.mask_zero)), *found]


def _chain(model: Any) -> list[Any]:
    """Return the layers of a model, each of which reads what the one before it gives."""
    if isinstance(model, keras.Sequential):
        return list(model.layers)
    chain = list(model.operations)
    for layer, following in itertools.pairwise(chain):
        nodes = following._inbound_nodes
        if len(nodes) != 1 or [one._keras_history.operation for one in nodes[0].input_tensors] != [layer]:
            raise NotPortable("its layers are no plain chain")
    return chain


def check_size(found: Sequence[dict[str, Any]]) -> None:
    """Refuse what a page has no room for.

    Raises:
        NotPortable: There are too many weights.
    """
    numbers = weights_of(Counterfactual(list(found), None, ()))
    if numbers > MOST_WEIGHTS:
        raise NotPortable(f"it has {numbers:,} weights, and a page takes {MOST_WEIGHTS:,} along")


def embedding(vectors: np.ndarray, tokens: np.ndarray, masks: bool) -> dict[str, Any]:
    """Return the vectors of the words that were read, and of as many others as there is room for: the first are frequent."""
    room = MOST_VECTORS // vectors.shape[1]
    rows = np.unique(np.concatenate([np.arange(min(room, len(vectors))), tokens]))
    return {"type": "embedding", "rows": rows.tolist(), "vectors": vectors[rows], "masks": masks}


def _layer(layer: Any) -> dict[str, Any]:
    """Return one layer as plain data."""
    for kinds, described in _KNOWN:
        if isinstance(layer, kinds):
            found = described(layer)
            if found is not None:
                return found
    raise NotPortable(f"the page has no layer such as {layer.name!r} ({type(layer).__name__})")


def _both(layer: Any) -> dict[str, Any] | None:
    if layer.merge_mode not in ("concat", "sum", "ave", "mul"):
        return None
    halves = [recurrent(half) for half in (layer.forward_layer, layer.backward_layer)]
    return {"type": "both", "halves": halves, "merge": layer.merge_mode, "sequences": halves[0]["sequences"]}


def _dense(layer: Any) -> dict[str, Any]:
    return {"type": "dense", "activation": _activation(layer), **_weights(layer)}


def _activated(layer: Any) -> dict[str, Any]:
    return {"type": "activation", "activation": _activation(layer)}


def _pool(layer: Any) -> dict[str, Any]:
    return {"type": "pool", "kind": "max" if isinstance(layer, layers.GlobalMaxPooling1D) else "mean"}


def _pooling(layer: Any) -> dict[str, Any] | None:
    plain = layer.pool_size == layer.strides and layer.padding == "valid"
    return {"type": "pooling", "size": int(layer.pool_size[0])} if plain else None


def _convolution(layer: Any) -> dict[str, Any] | None:
    known = {"type": "convolution", "activation": _activation(layer), **_weights(layer)}
    return known if _plain_convolution(layer) else None


def _plain_convolution(layer: Any) -> bool:
    same = layer.padding == "same" and layer.kernel_size[0] % 2 == 1
    return same and layer.strides == (1,) and layer.dilation_rate == (1,) and layer.groups == 1


def recurrent(layer: Any) -> dict[str, Any]:
    """Return a recurrent layer as plain data."""
    cell = layer.cell
    kind = {layers.LSTMCell: "lstm", layers.GRUCell: "gru", layers.SimpleRNNCell: "rnn"}[type(cell)]
    weights = {"recurrent": np.asarray(cell.recurrent_kernel, np.float32), **_weights(cell)}
    return {
        "type": kind,
        "units": cell.units,
        "backwards": bool(layer.go_backwards),
        "sequences": bool(layer.return_sequences),
        "resetAfter": bool(getattr(cell, "reset_after", False)),
        "gate": getattr(getattr(cell, "recurrent_activation", None), "__name__", ""),
        **weights,
    }


def _weights(layer: Any) -> dict[str, Any]:
    kernel = np.asarray(layer.kernel, np.float32)
    bias = None if layer.bias is None else np.asarray(layer.bias, np.float32)
    return {"kernel": kernel, "bias": bias}


def _activation(layer: Any) -> str:
    name = getattr(layer.activation, "__name__", "")
    if name not in _ACTIVATIONS:
        raise NotPortable(f"layer {layer.name!r} has the activation {name or 'of your own'}")
    return name


def _arrays(one: dict[str, Any]) -> list[np.ndarray]:
    parts = [one, *one.get("halves", [])]
    return [value for part in parts for value in part.values() if isinstance(value, np.ndarray)]


# What is known of a layer, by its class: None where it is used in a way that is not.
_KNOWN = (
    (layers.Bidirectional, _both),
    (layers.RNN, recurrent),
    (layers.TimeDistributed, lambda layer: _layer(layer.layer)),
    (layers.Dense, _dense),
    (layers.Activation, _activated),
    ((layers.GlobalMaxPooling1D, layers.GlobalAveragePooling1D), _pool),
    (layers.Conv1D, _convolution),
    (layers.MaxPooling1D, _pooling),
)
