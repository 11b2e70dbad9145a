"""What a forecast begins from: series that end where it begins, and where their values are."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from gatewise.errors import DataError
from gatewise.evaluation.averages import read_array, refuse


class Histories(NamedTuple):
    """Series that all end at the last column, each with at least one value.

    Attributes:
        values: NaN where one is missing or before a series begins, ``(series, time)``.
        first: Position of the first value of each, ``(series,)``.
        last: Position of the last value of each, ``(series,)``.
    """

    values: Float64[np.ndarray, "series time"]
    first: Int64[np.ndarray, " series"]
    last: Int64[np.ndarray, " series"]

    def at(self, positions: Int64[np.ndarray, " series"]) -> Float64[np.ndarray, " series"]:
        """Return one value of each series."""
        return self.values[np.arange(len(positions)), positions]

    @property
    def missing_at_end(self) -> Int64[np.ndarray, " series"]:
        """How many values are missing between each series' last value and the forecast."""
        return self.values.shape[1] - 1 - self.last


def read_histories(values: Any) -> Histories:
    """Find where the values of each series are.

    Raises:
        DataError: Not an array of series, or a series without a value.
        NonFiniteError: An infinite value.
    """
    array = read_array(values, "values", "(series, time)")
    refuse(np.isinf(array), "values", "is infinite", "give NaN where a value is missing.")
    observed = ~np.isnan(array)
    empty = np.flatnonzero(~observed.any(axis=1))
    if empty.size:
        raise DataError(
            f"{empty.size} of {len(array)} series have no value at all, the first is series {empty[0]}: leave them out."
        )
    return Histories(array, observed.argmax(axis=1), array.shape[1] - 1 - observed[:, ::-1].argmax(axis=1))
