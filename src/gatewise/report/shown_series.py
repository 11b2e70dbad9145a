"""Which series a page shows: all of a few; of many some that are forecast badly, some well, and some between."""

import numpy as np
from jaxtyping import Float64, Int64

MOST = 24
# Of the places: what the worst and the best get; the rest is spread evenly between.
_WORST, _BEST = 10, 4


def shown_places(errors: Float64[np.ndarray, " series"], most: int = MOST) -> Int64[np.ndarray, " shown"]:
    """Return the series to show, in their own order where all are, else the worst first.

    Args:
        errors: Of each series; NaN where it is not known, which counts as the middle.
        most: How many at most, at least 3.

    >>> shown_places(np.array([0.3, 0.1, 0.2])).tolist()
    [0, 1, 2]
    >>> shown_places(np.arange(100.0), most=6).tolist()
    [99, 98, 97, 49, 1, 0]
    """
    count = len(errors)
    if count <= most:
        return np.arange(count)
    known = np.where(np.isfinite(errors), errors, np.nanmedian(errors) if np.isfinite(errors).any() else 0.0)
    order = np.argsort(-known, kind="stable")
    worst, best = (max(most * share // MOST, 1) for share in (_WORST, _BEST))
    between = np.linspace(worst, count - best - 1, most - worst - best).round().astype(np.int64)
    return order[np.concatenate([np.arange(worst), between, np.arange(count - best, count)])]


def said(count: int, shown: int) -> str | None:
    """Return the sentence that says which series are shown; None where all are."""
    if shown >= count:
        return None
    return (
        f"{shown} of {count:,} series are shown: those with the largest error first, then some across the whole range, and "
        "those with the smallest."
    )
