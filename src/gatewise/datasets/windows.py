"""A series cut into samples: a window of past values, and the value that follows it."""

from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float, Float32

from gatewise.errors import DataError, NonFiniteError, ShapeError, UsageError

Layout = Literal["flat", "features", "steps"]


def windows(
    values: Any, look_back: int, layout: Layout = "steps"
) -> tuple[Float32[np.ndarray, "samples ..."], Float32[np.ndarray, "samples 1"]]:
    """Cut a series into samples of `look_back` values and the value that follows them.

    All ``time - look_back`` samples are used, in the order of time: sample ``i`` holds ``values[i:i + look_back]`` and
    its target is ``values[i + look_back]``.

    Args:
        values: The series, oldest value first, ``(time,)``.
        look_back: Values in a window, at least 1.
        layout: What the window is to the network. ``"flat"``: the inputs of a Dense layer; ``"features"``: features
            of one single time step; ``"steps"``: time steps of one feature, which is what makes a network recur.

    Returns:
        The inputs, ``(samples, look_back)`` for flat, ``(samples, 1, look_back)`` for features and
        ``(samples, look_back, 1)`` for steps; and the targets ``(samples, 1)``. Both float32 and in the units of
        `values`.

    Raises:
        UsageError: `look_back` or `layout` cannot be meant.
        ShapeError: `values` is not one series.
        DataError: The series is too short for one sample, or does not hold numbers.
        NonFiniteError: A value is NaN or infinite.

    >>> x, y = windows([1, 2, 3, 4, 5], look_back=3)
    >>> x.shape, x[:, :, 0].tolist(), y[:, 0].tolist()
    ((2, 3, 1), [[1.0, 2.0, 3.0], [2.0, 3.0, 4.0]], [4.0, 5.0])
    """
    if isinstance(look_back, bool) or not isinstance(look_back, int | np.integer) or look_back < 1:
        raise UsageError(f"look_back is {look_back!r}: give a whole number of at least 1.")
    if layout not in get_args(Layout):
        raise UsageError(f"layout is {layout!r}: give 'flat', 'features' or 'steps'.")
    series = as_series(values)
    if len(series) <= look_back:
        raise DataError(
            f"A series of {len(series)} values has no sample with look_back={look_back}: give at least "
            f"{look_back + 1} values, or a smaller look_back."
        )
    x, y = _cut(series, int(look_back))
    shapes = {"flat": (-1, look_back), "features": (-1, 1, look_back), "steps": (-1, look_back, 1)}
    return x.reshape(shapes[layout]), y


def as_series(values: Any) -> Float[np.ndarray, " time"]:
    """Return values as one float64 series ``(time,)``, refusing what is not one.

    Raises:
        ShapeError: More or fewer than one axis.
        DataError: Not numbers.
        NonFiniteError: NaN or infinity.
    """
    try:
        array = np.asarray(values)
        # Text is refused even where it reads as a number, and truth values are no series.
        series = array.astype(np.float64) if array.dtype.kind in "iufO" else None
    except (TypeError, ValueError):
        series = None
    if series is None:
        raise DataError("values does not hold numbers only: give a list or an array of numbers.")
    if series.ndim != 1:
        raise ShapeError(
            f"values has shape {series.shape} where one series has shape (time,): give one column, as "
            "values.ravel() does for a table of one column."
        )
    bad = np.flatnonzero(~np.isfinite(series))
    if len(bad):
        raise NonFiniteError(
            f"values holds {len(bad)} NaN or infinite value{'s' if len(bad) > 1 else ''}, the first at position "
            f"{bad[0]}: fill or drop them first."
        )
    return series


def _cut(
    series: Float[np.ndarray, " time"], look_back: int
) -> tuple[Float32[np.ndarray, "samples look_back"], Float32[np.ndarray, "samples 1"]]:
    """Return the windows and the values that follow them; fresh arrays, not views."""
    rows = series.astype(np.float32)
    x = np.lib.stride_tricks.sliding_window_view(rows[:-1], look_back).copy()
    return x, rows[look_back:, None].copy()
