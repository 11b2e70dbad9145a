"""`Lengths`: how much of each row is real, for the order of the rows and for the mask that a model is given.

A row shorter than the others is padded to their number of time steps. Where it is real is a pair of numbers, its first
step and the one after its last: inside of a program the mask is made of them, batch by batch.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from gatewise.errors import DataError, ShapeError, UsageError
from gatewise.recurrent import is_stateful
from gatewise.training.arrays import as_arrays, check_members_axis, named_leaves, rows_of
from gatewise.training.checks import check_whole
from gatewise.training.masking import check_takes_mask, filling
from gatewise.training.wording import counted, first_index

MASKS = ("post", "pre", None)

# Rows that are sorted together where nobody says otherwise, and batches, if those are more rows: `benchmarks/bucketing.py`
# shows what a smaller window leaves undone, and that a larger one gains little.
_WINDOW_ROWS = 512
_WINDOW_BATCHES = 8


@dataclass(frozen=True, eq=False)
class Lengths:
    """The true lengths of rows, and what to do with them. A plain array of lengths stands for ``Lengths(array)``.

    Args:
        values: The length of each row ``(rows,)``, whole numbers from 0 to the time steps of x.
        mask: Where the rows are padded, and the model is told so by a mask: ``"post"`` at the end, ``"pre"`` in front. With
            None the model is told nothing, and x is computed as it is: the lengths only say which rows to do together.
        window: How many rows of a shuffled epoch are sorted together, rounded up to whole batches; one batch sorts
            nothing. Default: 512 rows or 8 batches, whichever is more, and at most half of the rows.

    Example:
        >>> import numpy as np, gatewise as gw
        >>> gw.Lengths(np.array([3, 1, 2]), mask=None).window is None
        True
    """

    values: Any
    mask: str | None = "post"
    window: int | None = None

    def __post_init__(self) -> None:
        if self.mask not in MASKS:
            raise UsageError(
                f"mask={self.mask!r}: choose 'post' for rows padded at the end, 'pre' for rows padded in front, or None for "
                "no mask."
            )
        if self.window is not None:
            check_whole("window", self.window)


def as_spec(lengths: Any) -> Lengths | None:
    """Return what was passed as `lengths` in the one form that the rest of gatewise knows."""
    return lengths if lengths is None or isinstance(lengths, Lengths) else Lengths(lengths)


def measured(model: Any, x: Any, spec: Lengths, members: int | None = None, where: str = "") -> tuple[Any, Any]:
    """Check lengths against the inputs that they are of.

    Args:
        model: A built model.
        x: Its inputs, as arrays that fit it.
        spec: The lengths.
        members: How many members have lengths of their own; None where there is no such axis.
        where: What to say before names, such as ``"validation "``.

    Returns:
        The lengths ``(rows,)``, and the span ``(rows, 2)`` of each row that is real, None where there is to be no mask.

    Raises:
        UsageError: The model carries state from row to row, or takes no mask.
        DataError: Lengths that cannot be those of `x`.
    """
    if is_stateful(model):
        raise UsageError(
            f"Model {model.name!r} carries its state from batch to batch, so its rows stay in the order given and are whole: "
            f"leave {where}lengths out."
        )
    axis = 0 if members is None else 1
    values = _checked(spec.values, x, members, where)
    if spec.mask is None:
        return values, None
    leaves = list(named_leaves(x, f"{where}x"))
    if len(leaves) > 1:
        raise UsageError(
            f"{where}x holds {len(leaves)} arrays, and lengths can mask one: pass gw.Lengths(..., mask=None), and masks "
            "to the layers of the model."
        )
    name, array = leaves[0]
    time = array.shape[axis + 1]
    span = np.stack([np.zeros_like(values), values] if spec.mask == "post" else [time - values, values * 0 + time], -1)
    check_takes_mask(model, x, axis)
    _check_padding(array, span, filling(model), name, spec.mask)
    return values, span


def _checked(values: Any, x: Any, members: int | None, where: str) -> np.ndarray:
    """Return the lengths as an array, or say what is wrong with them."""
    name, axis = f"{where}lengths", 0 if members is None else 1
    array = as_arrays(values, name)
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "iu":
        kind = f"of type {array.dtype}" if isinstance(array, np.ndarray) else "several arrays"
        raise DataError(f"{name} are {kind}: pass one array of whole numbers, the true length of each row.")
    if members is not None:
        check_members_axis([(name, array)], members)
    if array.ndim != axis + 1:
        raise ShapeError(
            f"{name} have the shape {array.shape}: pass one whole number for each row, ({'members, ' * axis}rows,)."
        )
    if array.shape[axis] != rows_of(x, axis):
        raise ShapeError(
            f"{name} has {counted(array.shape[axis], 'value')} for {counted(rows_of(x, axis), 'sample')} of {where}x: give "
            "one for each."
        )
    time = max((leaf.shape[axis + 1] for leaf in jax.tree.leaves(x) if leaf.ndim > axis + 1), default=0)
    bad = (array < 0) | (array > time)
    if bad.any():
        first = first_index(bad)
        place = first if axis else first[0]
        raise DataError(
            f"{name} holds {array[first]} at index {place}, and the rows of {where}x have {counted(time, 'time step')}: a "
            f"length is from 0 to {time}."
        )
    return array.astype("int32")


def _check_padding(array: np.ndarray, span: np.ndarray, fill: Any, name: str, mask: str) -> None:
    """Refuse rows that hold something else than padding where they are said to be padded.

    Padding is one and the same value, or row of features, in all of them; where a layer of the model finds the padding by
    a value of its own, it is that.
    """
    rows = array.reshape(-1, *array.shape[span.ndim - 1 :])
    spans = span.reshape(-1, 2)
    steps = np.arange(rows.shape[1])
    beyond = (steps < spans[:, :1]) | (steps >= spans[:, 1:])
    padding = rows[beyond]
    if not len(padding):
        return
    wanted = padding[0] if fill is None else np.full_like(padding[0], fill)
    if (padding == wanted).all():
        return
    wrong = (rows != wanted).reshape(*beyond.shape, -1).any(axis=-1) & beyond
    row, step = np.argwhere(wrong)[0]
    other = "'pre' for rows padded in front" if mask == "post" else "'post' for rows padded at the end"
    length = int(spans[row, 1] - spans[row, 0])
    why = "padding is the same value everywhere" if fill is None else f"the model takes {fill} for padding"
    raise DataError(
        f"{name} holds {_shown(rows[row, step])} at step {step} of row {row}, which is padding by its length of {length}, and "
        f"{why}: correct the lengths or the padding, or pass gw.Lengths(lengths, mask=...) with {other}, or None "
        "for no mask at all."
    )


def _shown(step: np.ndarray) -> str:
    return f"{step.item():g}" if np.size(step) == 1 else "values"


def window_rows(window: int | None, batch: int, rows: int) -> int:
    """Return how many rows are sorted together: whole batches.

    Args:
        window: As in `Lengths`.
        batch: Rows of a batch.
        rows: Rows of an epoch.
    """
    if window is None:
        # With two windows at least, the rows that meet in a batch are others in every epoch.
        window = min(max(_WINDOW_ROWS, _WINDOW_BATCHES * batch), rows // 2)
    return max(-(-window // batch), 1) * batch


def mask_of(span: Int[Array, "rows two"], time: int) -> Bool[Array, "rows time"]:
    """Return a mask: True where a step is real."""
    steps = jnp.arange(time)
    return (steps >= span[:, :1]) & (steps < span[:, 1:])


def mask_argument(x: Any, span: Any) -> dict[str, Any]:
    """Return the arguments that tell a model's ``call`` of the padding in a batch; none where there is no span."""
    return {} if span is None else {"mask": mask_of(jnp.asarray(span), jax.tree.leaves(x)[0].shape[1])}


def by_length(lengths: np.ndarray) -> np.ndarray:
    """Return the order in which rows are computed where the order makes no difference."""
    return np.argsort(lengths, kind="stable")


def back_in_order(outputs: Any, order: np.ndarray, axis: int = 0) -> Any:
    """Put outputs that were computed in an order back where their rows came from."""
    back = np.argsort(order)
    return jax.tree.map(lambda array: np.take(array, back, axis=axis), outputs)
