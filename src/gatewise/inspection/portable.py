"""A network as plain data that a small program elsewhere can compute with: what the page of an inspection does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gatewise.backend import import_keras
from gatewise.inspection.network import Inspected
from gatewise.inspection.sequences import Read, word_of

keras = import_keras()
layers = keras.layers

# Numbers that a page takes along besides vectors of words: two LSTMs of a hundred units.
MOST_WEIGHTS = 120_000
# And numbers for the vectors of words.
MOST_VECTORS = 64_000

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
    rows = found[0]["rows"]
    own = dict(zip(read.array[read.first :].tolist(), read.steps, strict=True))
    named = tuple(own.get(row) or word_of(row, words) for row in rows)
    return Counterfactual(found, read.array.tolist(), named)


def portable(network: Inspected, sequence: np.ndarray) -> list[dict[str, Any]]:
    """Return the layers of a network from the first to the last, each as a dict with its arrays.

    Args:
        network: The network.
        sequence: What it read: the vectors of its tokens are taken along in any case.

    Raises:
        NotPortable: It is too large, or has a layer that is not known there.
    """
    model = network.model
    if not isinstance(model, keras.Sequential):
        raise NotPortable("its layers are no plain chain")
    found = [_layer(layer) for layer in model.layers if not isinstance(layer, (*_NOTHING, layers.Embedding))]
    numbers = sum(array.size for one in found for array in _arrays(one))
    if numbers > MOST_WEIGHTS:
        raise NotPortable(f"it has {numbers:,} weights, and a page takes {MOST_WEIGHTS:,} along")
    return found if network.embedding is None else [_embedding(network, sequence), *found]


def _embedding(network: Inspected, sequence: np.ndarray) -> dict[str, Any]:
    """Return the vectors of the words that were read, and of as many others as there is room for: the first are frequent."""
    vectors = np.asarray(network.embedding.embeddings, np.float32)
    room = MOST_VECTORS // vectors.shape[1]
    rows = np.unique(np.concatenate([np.arange(min(room, len(vectors))), sequence]))
    masks = bool(network.embedding.mask_zero)
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
    halves = [_recurrent(half) for half in (layer.forward_layer, layer.backward_layer)]
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


def _recurrent(layer: Any) -> dict[str, Any]:
    cell = layer.cell
    kind = {layers.LSTMCell: "lstm", layers.GRUCell: "gru", layers.SimpleRNNCell: "rnn"}[type(cell)]
    weights = {"recurrent": np.asarray(cell.recurrent_kernel, np.float32), **_weights(cell)}
    return {
        "type": kind,
        "units": cell.units,
        "backwards": bool(layer.go_backwards),
        "sequences": bool(layer.return_sequences),
        "resetAfter": bool(getattr(cell, "reset_after", False)),
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
    (layers.RNN, _recurrent),
    (layers.TimeDistributed, lambda layer: _layer(layer.layer)),
    (layers.Dense, _dense),
    (layers.Activation, _activated),
    ((layers.GlobalMaxPooling1D, layers.GlobalAveragePooling1D), _pool),
    (layers.Conv1D, _convolution),
    (layers.MaxPooling1D, _pooling),
)
