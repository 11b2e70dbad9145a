"""Targets against what a model puts out: mistakes that Keras would fail on deep inside, or train on without a word."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from gatewise.backend import import_keras
from gatewise.errors import DataError, GatewiseWarning, ShapeError, UsageError
from gatewise.training.arrays import named_leaves

keras = import_keras()

_SPARSE = keras.losses.sparse_categorical_crossentropy
_ONE_HOT = keras.losses.categorical_crossentropy
_BINARY = keras.losses.binary_crossentropy
_ELEMENT_BY_ELEMENT = {
    _ONE_HOT,
    _BINARY,
    keras.losses.mean_squared_error,
    keras.losses.mean_absolute_error,
    keras.losses.mean_absolute_percentage_error,
    keras.losses.mean_squared_logarithmic_error,
    keras.losses.huber,
    keras.losses.log_cosh,
    keras.losses.poisson,
}


def check_targets(model: Any, y: Any, leading: int = 1, name: str = "y") -> None:
    """Compare targets with a compiled model's outputs and losses, as far as both are known.

    Args:
        model: A compiled model.
        y: Array, nest of arrays, or None.
        leading: How many axes come before those of one sample: 1, or 2 with a members axis.
        name: What the caller calls `y`.

    Raises:
        UsageError: There are no targets, and the loss compares with them.
        ShapeError: Another number of arrays, or a shape that the loss cannot compare.
        DataError: Class numbers that the output layer does not have.
    """
    if y is None:
        if model.loss is not None and type(model).compute_loss is keras.Model.compute_loss:
            raise UsageError(
                f"{name} is None, and the loss of model {model.name!r} compares with targets: pass {name}."
            )
        return
    for leaf, array, output, loss in _by_output(model, y, name):
        function = getattr(loss, "fn", loss)
        expected, found = tuple(output.shape[1:]), tuple(array.shape[leading:])
        if function is _SPARSE:
            _check_classes(leaf, array, found, expected, getattr(loss, "_fn_kwargs", {}))
        elif function in _ELEMENT_BY_ELEMENT:
            _check_shape(leaf, array.shape[leading - 1 :], found, expected, function)
            if function is _BINARY:
                _refuse(leaf, array, (array < 0) | (array > 1), "and binary_crossentropy needs values from 0 to 1")


def _by_output(model: Any, y: Any, name: str) -> list[tuple[str, Any, Any, Any]]:
    """Return (name, target, output, loss) for every output; nothing where the model does not tell its outputs."""
    outputs = getattr(model, "outputs", None)
    if not outputs:
        return []
    functional = getattr(model, "_functional", None) or model
    names = list(getattr(functional, "output_names", []))
    if isinstance(y, Mapping) and set(y) == set(names):
        leaves = [(f"{name}[{key!r}]", y[key]) for key in names]
    else:
        leaves = list(named_leaves(y, name))
    losses = _losses(model.loss, names, getattr(functional, "_outputs_struct", None))
    if len(leaves) != len(outputs):
        if None not in losses:
            arrays = "1 array" if len(leaves) == 1 else f"{len(leaves)} arrays"
            count = "1 output" if len(outputs) == 1 else f"{len(outputs)} outputs"
            raise ShapeError(f"{name} holds {arrays}, and model {model.name!r} has {count}: pass one array for each.")
        return []
    return [(*leaf, output, loss) for leaf, output, loss in zip(leaves, outputs, losses, strict=True)]


def _losses(loss: Any, names: list[str], structure: Any) -> list[Any]:
    """Return the loss of every output as Keras knows it, None where there is none or it cannot be told."""
    if isinstance(loss, Mapping):
        keys = sorted(structure) if isinstance(structure, Mapping) else names
        each = [loss.get(name, loss.get(key)) for name, key in zip(names, keys, strict=True)]
    elif isinstance(loss, (list, tuple)):
        each = list(loss) if len(loss) == len(names) else [None] * len(names)
    else:
        each = [loss] * len(names)
    return [_known(one) for one in each]


def _known(loss: Any) -> Any:
    try:
        return keras.losses.get(loss)
    except ValueError:
        return None


def _check_classes(
    name: str, array: np.ndarray, found: tuple[int, ...], expected: tuple[Any, ...], options: Mapping[str, Any]
) -> None:
    """Refuse class numbers outside of the classes: there a wrong number would not fail, but train on nonsense."""
    classes = expected[-1] if expected else None
    if not isinstance(classes, int) or options.get("axis", -1) != -1:
        return
    if len(found) == len(expected) and found[-1] == classes > 1:
        raise ShapeError(
            f"{name} has {classes} values for each sample, and sparse_categorical_crossentropy needs one class number: use "
            f"categorical_crossentropy for one-hot rows, or {name}.argmax(axis=-1)."
        )
    ignored = options.get("ignore_class")
    bad = (array < 0) | (array >= classes) | (array != np.floor(array) if array.dtype.kind == "f" else False)
    if ignored is not None:
        bad &= array != ignored
    _refuse(
        name,
        array,
        bad,
        f"and the model has {classes} classes, numbered 0 to {classes - 1}: number the labels from 0, or give the last "
        "layer more units",
    )


def _refuse(name: str, array: np.ndarray, bad: np.ndarray, why: str) -> None:
    if bad.any():
        first = tuple(int(index) for index in np.unravel_index(int(np.argmax(bad)), array.shape))
        raise DataError(f"{name} holds the label {array[first]} at index {first}, {why}.")


def _check_shape(
    name: str, shape: tuple[int, ...], found: tuple[int, ...], expected: tuple[Any, ...], function: Any
) -> None:
    """Refuse a shape that cannot be compared; warn of one that would be repeated until it fits."""
    # As Keras: a last axis of one more or less on either side does not matter.
    if any(_equal(f, e) for f, e in ((found, expected), ((*found, 1), expected), (found, (*expected, 1)))):
        return
    outputs = ", ".join("any" if size is None else str(size) for size in ("samples", *expected))
    message = f"{name} has the shape {shape}, and the model puts out ({outputs})"
    if function is _ONE_HOT and found in ((), (1,)):
        raise ShapeError(
            f"{message}: categorical_crossentropy needs one-hot rows (keras.utils.to_categorical({name})), and "
            "sparse_categorical_crossentropy takes class numbers."
        )
    if len(found) == len(expected) and all(1 in (f, e) or e in (None, f) for f, e in zip(found, expected, strict=True)):
        warnings.warn(
            f"{message}: {function.__name__} repeats one until it fits the other, which is rarely meant; give {name} the "
            "shape of the output.",
            GatewiseWarning,
            stacklevel=5,
        )
        return
    raise ShapeError(
        f"{message}: {function.__name__} compares them value by value; give {name} the shape of the output."
    )


def _equal(found: tuple[int, ...], expected: tuple[Any, ...]) -> bool:
    return len(found) == len(expected) and all(e in (None, f) for f, e in zip(found, expected, strict=True))
