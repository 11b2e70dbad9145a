"""Rows of different lengths, as a list of arrays: padded to one array, with the length of each.

A list of arrays may also be the inputs of a model that has several. What it is, its arrays say by their rank: a row has
one axis less than the input that it is a row of. Only a model with one input is given rows.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gatewise.datasets import Sequences
from gatewise.errors import ShapeError
from gatewise.training.arrays import as_arrays, converted
from gatewise.training.masking import filling


def padded_rows(model: Any, x: Any, name: str = "x") -> tuple[Any, Any]:
    """Pad a list of rows at the end, to the longest of them or to the time steps that the model declares.

    Args:
        model: A built model.
        x: Inputs as passed: a list, tuple, column of a table or array of objects that holds a row at each place, the token
            numbers of texts, or anything else.
        name: What the caller calls `x`.

    Returns:
        An array ``(rows, time, …)`` and the length of each row; `x` itself and None, where it is no list of rows, and
        None also where all rows are as long as the array.

    Raises:
        DataError: Naming the first row that is longer than the model reads, or unlike the others.
    """
    inputs = getattr(model, "inputs", None)
    if inputs and len(inputs) > 1:
        _check_no_rows(x, name)
    if not inputs or len(inputs) > 1 or not _is_listed(x):
        return x, None
    rank, rows = len(inputs[0].shape) - 1, list(x)
    if rank < 1 or not any(_rank(row) == rank for row in rows):
        return x, None
    if (
        not any(hasattr(row, "shape") for row in rows)
        and len({len(row) for row in rows if hasattr(row, "__len__")}) == 1
    ):
        # Numbers in lists that make an array without any padding.
        return x, None
    rows = [row if type(row) is np.ndarray else converted(row, f"{name}[{index}]") for index, row in enumerate(rows)]
    frame = next(row.shape[1:] for row in rows if row.ndim == rank)
    for index, row in enumerate(rows):
        if (row.ndim != rank or row.shape[1:] != frame) and row.size:
            raise ShapeError(
                f"{name}[{index}] has the shape {row.shape}, and rows before it have the shape "
                f"({_in_words(frame)}): give all rows the same axes after the first one."
            )
    lengths = np.array([len(row) for row in rows])
    time = inputs[0].shape[1] or max(int(lengths.max()), 1)
    if lengths.max() > time:
        index = int(np.argmax(lengths > time))
        raise ShapeError(
            f"{name}[{index}] has {lengths[index]} time steps, and model {model.name!r} reads {time}: cut it, or build the "
            "model for more."
        )
    kinds = {row.dtype for row in rows if row.size} or {rows[0].dtype}
    fill = filling(model)
    padded = np.full((len(rows), time, *frame), 0 if fill is None else fill, dtype=np.result_type(*kinds))
    for index, row in enumerate(rows):
        padded[index, : len(row)] = row.reshape(len(row), *frame)
    return as_arrays(padded, name), None if (lengths == time).all() else lengths


def _check_no_rows(x: Any, name: str) -> None:
    """Refuse lists of rows among several inputs: nobody could say whose padding a mask is of."""
    parts = x.items() if isinstance(x, Mapping) else enumerate(x if isinstance(x, (list, tuple)) else ())
    for key, part in parts:
        if _is_listed(part) and len({np.shape(row)[0] for row in part if len(getattr(row, "shape", ()))}) > 1:
            raise ShapeError(
                f"{name}[{key!r}] is a list of rows of different lengths, which only a model with one input takes: pad them "
                "to one array, for example with keras.utils.pad_sequences."
            )


def _in_words(frame: tuple[int, ...]) -> str:
    return ", ".join(["any", *map(str, frame)]) + ("" if frame else ",")


def _is_listed(x: Any) -> bool:
    """Say whether something holds one object after the other: a list, a column of objects or an array of them."""
    if isinstance(x, (list, tuple, Sequences)):
        return len(x) > 0 and not hasattr(x, "_fields")
    return getattr(getattr(x, "dtype", None), "kind", "") == "O" and getattr(x, "ndim", 0) == 1 and len(x) > 0


def _rank(row: Any) -> int:
    """Return how many axes the array of a row has, judged by its first values."""
    if hasattr(row, "shape"):
        return len(row.shape)
    if not isinstance(row, (list, tuple)):
        return 0
    return 1 + (_rank(row[0]) if row else 0)
