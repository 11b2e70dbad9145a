"""Inputs against what a model declares: wrong shapes and indices, said before anything runs."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gatewise.backend import import_keras
from gatewise.errors import DataError, GatewiseError, ShapeError
from gatewise.training.arrays import named_leaves
from gatewise.training.wording import counted, first_index, in_keras_words

keras = import_keras()


def check_inputs(model: Any, x: Any, leading: int = 1, name: str = "x") -> None:
    """Compare arrays with the inputs that a model declares.

    Args:
        model: A built model; one that declares no inputs (subclassed) is checked when it is traced.
        x: Array, or nest of arrays.
        leading: How many axes come before those of one sample: 1, or 2 with a members axis.
        name: What the caller calls `x`.

    Raises:
        ShapeError: Naming the input, the layer that reads it, and both shapes.
    """
    inputs = getattr(model, "inputs", None)
    if not inputs:
        return
    for (leaf, array), tensor in zip(_by_input(model, x, name), inputs, strict=True):
        expected, found = tuple(tensor.shape[1:]), tuple(array.shape[leading:])
        if not same_shape(expected, found):
            wanted = ", ".join("any" if size is None else str(size) for size in ("samples", *expected))
            raise ShapeError(
                f"{leaf} has the shape {array.shape[leading - 1 :]}, and {_reader_in_words(model, tensor)} expects "
                f"({wanted}): {_remedy(expected, found, leaf)}"
            )


def same_shape(expected: tuple[Any, ...], found: tuple[int, ...]) -> bool:
    """Say whether a shape is the one expected, in which None stands for any size."""
    return len(expected) == len(found) and all(e in (None, f) for e, f in zip(expected, found, strict=True))


def _by_input(model: Any, x: Any, name: str) -> list[tuple[str, Any]]:
    """Return the arrays of `x` in the order of the model's inputs, each with its name."""
    names = [tensor.name for tensor in model.inputs]
    keys = set(names)
    if isinstance(x, Mapping):
        structure = getattr(getattr(model, "_functional", None) or model, "_inputs_struct", None)
        if isinstance(structure, Mapping) and set(x) != keys:
            keys = set(structure)
        if set(x) != keys:
            raise ShapeError(
                f"{name} has the keys {', '.join(map(repr, sorted(x, key=str)))}, and model {model.name!r} has the inputs "
                f"{', '.join(map(repr, sorted(keys)))}: use those names."
            )
        if keys == set(names):
            return [(f"{name}[{key!r}]", x[key]) for key in names]
    leaves = list(named_leaves(x, name))
    if len(leaves) != len(names):
        remedy = (
            f"pass one array (np.stack({name}) makes one of a list of samples)."
            if len(names) == 1
            else f"pass a list or a dict with one array for each of {', '.join(map(repr, names))}."
        )
        arrays, inputs = counted(len(leaves), "array"), counted(len(names), "input")
        raise ShapeError(f"{name} holds {arrays}, and model {model.name!r} has {inputs}: {remedy}")
    return leaves


def reader(model: Any, tensor: Any) -> Any:
    """Return the layer that an input goes into, or None."""
    for layer in getattr(model, "layers", []):
        for node in getattr(layer, "_inbound_nodes", []):
            if any(argument is tensor for argument in keras.tree.flatten(node.arguments.keras_tensors)):
                return layer
    return None


def _reader_in_words(model: Any, tensor: Any) -> str:
    layer = reader(model, tensor)
    return f"input {tensor.name!r}" if layer is None else f"layer {layer.name!r} ({type(layer).__name__})"


def _remedy(expected: tuple[Any, ...], found: tuple[int, ...], name: str) -> str:
    if len(expected) == 2 and len(found) == 1:
        new = f"{name}[..., None]" if same_shape(expected, (*found, 1)) else f"{name}[:, None]"
        if same_shape(expected, (*found, 1)) or same_shape(expected, (1, *found)):
            return f"its axes are (samples, time, features); reshape {name}, for example with {new}."
        return f"its axes are (samples, time, features); reshape {name} to them."
    if len(expected) != len(found):
        return f"reshape {name} to that many axes."
    return f"change {name}, or build the model for this shape."


def embeddings(model: Any) -> list[tuple[int, Any]]:
    """Return the Embedding layers that read an input directly, each with the position of that input."""
    readers = [(index, reader(model, tensor)) for index, tensor in enumerate(getattr(model, "inputs", None) or [])]
    return [(index, layer) for index, layer in readers if isinstance(layer, keras.layers.Embedding)]


def check_indices(model: Any, x: Any, found: list[tuple[int, Any]], name: str = "x") -> None:
    """Refuse indices that an Embedding has no row for: JAX would look up NaN, or count from the end.

    Args:
        model: A built model.
        x: Its inputs, already checked by `check_inputs`.
        found: The model's embeddings, from `embeddings`.
        name: What the caller calls `x`.

    Raises:
        DataError: Naming the first index, and the layer.
    """
    leaves = _by_input(model, x, name) if found else []
    for position, layer in found:
        leaf, array = leaves[position]
        bad = (array < 0) | (array >= layer.input_dim)
        if bad.any():
            first = first_index(bad)
            raise DataError(
                f"{leaf} holds the index {array[first]} at {first}, and layer {layer.name!r} has {layer.input_dim} rows, "
                f"numbered 0 to {layer.input_dim - 1}: give it a larger input_dim, or replace rare words."
            )


# What Keras and JAX raise where a layer or a loss cannot take what it is given.
UNFIT = (TypeError, ValueError, LookupError, AttributeError)


def unfit(model: Any, error: BaseException, **nests: Any) -> BaseException:
    """Return an exception that says in one sentence what Keras or JAX said in many; gatewise's own stay as they are.

    Args:
        model: The model that was run.
        error: What came out.
        nests: What it was run on, by name; None is left out.
    """
    if isinstance(error, GatewiseError):
        return error
    given = _shapes_in_words(nests) or "these data"
    return ShapeError(f"Model {model.name!r} cannot be run on {given}: {in_keras_words(error)}.")


def _shapes_in_words(nests: Mapping[str, Any]) -> str:
    """Return names and shapes, as in ``x (8, 3, 1), y (8, 1)``."""
    shapes = {
        name: keras.tree.map_structure(lambda array: tuple(np.shape(array)), nest)
        for name, nest in nests.items()
        if nest is not None
    }
    return ", ".join(f"{name} {shape}" for name, shape in shapes.items())
