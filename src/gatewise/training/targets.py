"""Targets against what a model puts out: mistakes that Keras would fail on deep inside, or train on without a word."""

import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from gatewise.backend import import_keras
from gatewise.errors import DataError, GatewiseWarning, ShapeError, UsageError
from gatewise.recurrent import state_rows
from gatewise.training.arrays import named_leaves
from gatewise.training.compiled import shapes
from gatewise.training.inputs import UNFIT, same_shape, unfit
from gatewise.training.wording import counted, first_index

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
# Where a model that does not declare its outputs keeps what was found out about them, by the shapes of its inputs.
_OUTPUTS = "_gatewise_outputs"


class _Outputs(NamedTuple):
    """The outputs of a model: their shapes and names in the order of Keras, and how they are nested."""

    shapes: list[tuple[Any, ...]]
    names: list[str]
    structure: Any


def check_targets(model: Any, x: Any, y: Any, leading: int = 1, name: str = "y") -> None:
    """Compare targets with a compiled model's outputs and losses, as far as both are known.

    Args:
        model: A compiled model.
        x: The inputs, already checked: a model that does not declare its outputs is asked what it makes of them.
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
    for leaf, array, expected, loss in _by_output(model, x, y, leading, name):
        function, found = getattr(loss, "fn", loss), tuple(array.shape[leading:])
        if function is _SPARSE:
            _check_classes(leaf, array, found, expected, getattr(loss, "_fn_kwargs", {}))
        elif function in _ELEMENT_BY_ELEMENT:
            _check_shape(leaf, array.shape[leading - 1 :], found, expected, function)
            if function is _BINARY:
                _refuse(
                    leaf,
                    array,
                    (array < 0) | (array > 1),
                    "and binary_crossentropy needs values from 0 to 1: for more than two classes use "
                    "sparse_categorical_crossentropy and a last layer with a unit for each, for other values another loss",
                )


def classes_of(model: Any, x: Any, y: Any) -> int | None:
    """Return how many classes the one loss of a model tells apart; None where it does not say.

    Args:
        model: A compiled model.
        x: Its inputs, already checked.
        y: Its targets.
    """
    functions = _functions(model.loss)
    if functions in ([_SPARSE], [_ONE_HOT]):
        outputs = _outputs(model, x, 1).shapes
        return outputs[0][-1] if len(outputs) == 1 and outputs[0] else None
    columns = int(np.prod(y.shape[1:])) if isinstance(y, np.ndarray) else 1
    return columns if columns > 1 else 2 if functions == [_BINARY] else None


def _functions(loss: Any) -> list[Any]:
    """Return the functions of all losses in a nest."""
    return [getattr(known, "fn", known) for known in map(_known, keras.tree.flatten(loss))]


def _outputs(model: Any, x: Any, leading: int) -> _Outputs:
    """Return what a model puts out; one that does not declare it is traced once for each shape of its inputs."""
    from keras.src.backend import compute_output_spec

    declared = getattr(model, "outputs", None)
    if declared:
        functional = getattr(model, "_functional", None) or model
        names = list(getattr(functional, "output_names", []))
        return _Outputs([tuple(one.shape[1:]) for one in declared], names, getattr(functional, "_outputs_struct", None))
    known = model.__dict__.setdefault(_OUTPUTS, {})
    rows = state_rows(model) or 1
    one = jax.tree.map(lambda array: jax.ShapeDtypeStruct((rows, *array.shape[leading:]), array.dtype), x)
    key = shapes(one)
    if key not in known:
        tensors = jax.tree.map(lambda leaf: keras.KerasTensor(leaf.shape, str(leaf.dtype)), one)
        try:
            structure = compute_output_spec(model, tensors, training=False)
        except UNFIT as error:
            raise unfit(model, error, x=x) from error
        names = sorted(structure) if isinstance(structure, Mapping) else []
        leaves = [leaf for _, leaf in named_leaves(structure, "")]
        known[key] = _Outputs([tuple(leaf.shape[1:]) for leaf in leaves], names or [""] * len(leaves), structure)
    return known[key]


def _by_output(model: Any, x: Any, y: Any, leading: int, name: str) -> list[tuple[str, Any, Any, Any]]:
    """Return (name, target, shape of an output, loss) for every output; nothing where they cannot be told."""
    if not getattr(model, "outputs", None):
        known = any(function in {_SPARSE, *_ELEMENT_BY_ELEMENT} for function in _functions(model.loss))
        if not known or type(model).compute_loss is not keras.Model.compute_loss:
            return []
    outputs, names, structure = _outputs(model, x, leading)
    if isinstance(y, Mapping) and set(y) == set(names):
        leaves = [(f"{name}[{key!r}]", y[key]) for key in names]
    else:
        leaves = list(named_leaves(y, name))
    losses = _losses(model.loss, names, structure)
    if isinstance(y, Mapping) and names and all(names) and None not in losses:
        keys = set(structure) if isinstance(structure, Mapping) else set(names)
        if set(y) not in (keys, set(names)):
            raise ShapeError(
                f"{name} has the keys {', '.join(map(repr, sorted(y)))}, and model {model.name!r} has the outputs "
                f"{', '.join(map(repr, sorted(keys)))}: use those names."
            )
    if len(leaves) != len(outputs):
        if None not in losses:
            arrays, count = counted(len(leaves), "array"), counted(len(outputs), "output")
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
        first = first_index(bad)
        raise DataError(f"{name} holds the label {array[first]} at index {first}, {why}.")


def _check_shape(
    name: str, shape: tuple[int, ...], found: tuple[int, ...], expected: tuple[Any, ...], function: Any
) -> None:
    """Refuse a shape that cannot be compared; warn of one that would be repeated until it fits."""
    # As Keras: a last axis of one more or less on either side does not matter.
    if any(same_shape(e, f) for f, e in ((found, expected), ((*found, 1), expected), (found, (*expected, 1)))):
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
