"""The data of one pass: inputs, targets and weights that belong together, split, weighted."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from gatewise.backend import import_keras
from gatewise.errors import NonFiniteError, UsageError
from gatewise.training.arrays import as_arrays, check_counts, check_leaves, check_members_axis, named_leaves, rows_of
from gatewise.training.wording import a_or_an, counted, first_index

keras = import_keras()

# What the calls name that the parts of `Data` come from.
ARGUMENTS = ("x", "y", "sample_weight")


class Data(NamedTuple):
    """Inputs, targets and weights of one pass.

    Attributes:
        x: Array ``(rows, …)`` or a nest of them.
        y: Array ``(rows, …)``, a nest of them, or None where the model computes its loss from the inputs.
        weight: Sample weights ``(rows,)`` or ``(rows, time)``, a nest of them, or None.
        lengths: True length of each row ``(rows,)``, by which rows are sorted, or None.
        span: First real step of each row and the one after its last ``(rows, 2)``, of which masks are made, or None.
    """

    x: Any
    y: Any
    weight: Any
    lengths: Any = None
    span: Any = None

    def named(self, *names: str) -> Iterator[tuple[str, Any]]:
        """Yield the arrays of x, y and the weights, each with the way to it from one of three names."""
        for part, name in zip((self.x, self.y, self.weight), names or ARGUMENTS, strict=True):
            yield from named_leaves(part, name)


def as_data(x: Any, y: Any, weight: Any, members: int | None = None, where: str = "") -> Data:
    """Convert what a user passes to arrays of the types that Keras would use, and check them.

    Args:
        x: Inputs.
        y: Targets.
        weight: Sample weights.
        members: How many members have data of their own, on a leading axis; None where there is no such axis.
        where: What to say before their names, such as ``"validation "``.

    Raises:
        NotCompilableError: `x` is a generator or another stream whose content no program can hold.
        ShapeError: Arrays of different lengths, or empty ones.
        NonFiniteError: NaN or infinity in x, y or the weights.
    """
    names = [where + name for name in ARGUMENTS]
    if x is None:
        raise UsageError(f"{names[0]} is None: pass the inputs as arrays.")
    data = Data(*(as_arrays(value, name) for value, name in zip((x, y, weight), names, strict=True)))
    leaves = list(data.named(*names))
    check_leaves(data.x, names[0])
    if members is not None:
        check_members_axis(leaves, members)
    check_counts(leaves, axis=0 if members is None else 1)
    for name, array in leaves:
        check_finite(array, name)
    return data


def check_finite(array: np.ndarray, name: str) -> None:
    """Refuse NaN and infinity.

    Raises:
        NonFiniteError: How many there are, and where the first one is.
    """
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return
    bad = ~np.isfinite(array)
    count, first = int(bad.sum()), first_index(bad)
    raise NonFiniteError(
        f"{name} holds {count} values that are NaN or infinite, the first at index {first}: remove or replace them."
        if count > 1
        else f"{name} holds a value that is NaN or infinite, at index {first}: remove or replace it."
    )


def split_rows(data: Data, fraction: Any, axis: int = 0) -> tuple[Data, Data]:
    """Cut the last `fraction` of the rows off for validation, as Keras does (before any shuffling).

    Args:
        data: All rows.
        fraction: Between 0 and 1, both exclusive.
        axis: The axis of the rows.

    Returns:
        The training part and the validation part.

    Raises:
        UsageError: One of the two parts would be empty.
    """
    if not isinstance(fraction, (int, float, np.integer, np.floating)) or not 0 <= fraction < 1:
        raise UsageError(f"validation_split={fraction!r}: a number from 0 to 1, below 1 itself, is needed.")
    rows = rows_of(data.x, axis)
    cut = int(np.floor(rows * (1.0 - fraction)))
    if not 0 < cut < rows:
        raise UsageError(
            f"validation_split={fraction} leaves {cut} of {counted(rows, 'sample')} for training and {rows - cut} for "
            "validation: choose a value that leaves at least one for each."
        )
    index: list[Any] = [slice(None)] * axis
    first = jax.tree.map(lambda array: array[(*index, slice(None, cut))], data)
    second = jax.tree.map(lambda array: array[(*index, slice(cut, None))], data)
    return first, second


def class_weights_as_sample_weights(y: Any, class_weight: Any, weight: Any) -> Any:
    """Turn a weight per class into a weight per sample, times the sample weights given.

    Args:
        y: Class numbers ``(rows,)`` or ``(rows, 1)``, or one-hot rows ``(rows, classes)``.
        class_weight: Class number → weight; a class that is missing weighs 1.
        weight: Sample weights ``(rows,)``, or None.

    """
    classes = _class_numbers(y)
    weights = np.ones(len(y), dtype=keras.config.floatx())
    for label, value in class_weight.items():
        weights[classes == label] = value
    return weights if weight is None else weights.reshape(-1, *(1 for _ in weight.shape[1:])) * weight


def check_class_weight(class_weight: Any, data: Data, classes: int | None) -> None:
    """Refuse weights that are for no class of the model, and data without one class a sample.

    Args:
        class_weight: Class number → weight.
        data: All rows, those for validation included.
        classes: How many classes the model has; None where it does not tell.

    Raises:
        UsageError: With the first entry that cannot be meant.
    """
    if not isinstance(class_weight, Mapping):
        raise UsageError(
            f"class_weight is {a_or_an(class_weight)}: pass a dict from class number to weight, such as "
            "{0: 1.0, 1: 5.0}."
        )
    for label, value in class_weight.items():
        fits = (
            isinstance(label, (int, np.integer))
            and isinstance(value, (int, float, np.integer, np.floating))
            and np.isfinite(value)
        )
        if not fits:
            raise UsageError(
                f"class_weight[{label!r}]={value!r}: a class number with a finite number as its weight is needed."
            )
    if not isinstance(data.y, np.ndarray) or isinstance(data.weight, (Mapping, list, tuple)):
        raise UsageError("class_weight needs y as one array of classes: pass sample_weight instead.")
    columns = int(np.prod(data.y.shape[1:]))
    if columns > 1 and (data.y.ndim > 2 or columns != classes):
        raise UsageError(
            f"class_weight needs one class for each sample, and y has the shape {data.y.shape}: pass sample_weight instead."
        )
    for label in class_weight:
        if classes is not None and not 0 <= label < classes:
            raise UsageError(
                f"class_weight has an entry for class {label}, and there are {classes} classes, numbered 0 to {classes - 1}: "
                "leave that entry out."
            )
        if classes is None and not (_class_numbers(data.y) == label).any():
            raise UsageError(
                f"class_weight has an entry for class {label}, which y does not hold: leave that entry out."
            )


def _class_numbers(y: np.ndarray) -> np.ndarray:
    """Return the class of every sample, of one-hot rows the place of the one."""
    labels = y.reshape(len(y), -1)
    return labels.argmax(axis=1) if labels.shape[1] > 1 else labels[:, 0].astype("int64")
