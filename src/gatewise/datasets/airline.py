"""The airline passengers: 144 monthly totals of international passengers, January 1949 to December 1960, in thousands.

Source: G. E. P. Box and G. M. Jenkins, Time Series Analysis: Forecasting and Control, revised edition, Holden-Day 1976,
Series G. R ships the same numbers as ``AirPassengers``.
"""

from importlib.resources import as_file, files

import numpy as np
from jaxtyping import Float64

from gatewise.tables import read_values


def load_airline() -> Float64[np.ndarray, " time"]:
    """Return the monthly totals in thousands of passengers, ``(time,)`` with 144 values.

    >>> load_airline()[[0, -1]]
    array([112., 432.])
    """
    with as_file(files("gatewise.datasets") / "airline.csv") as path:
        return read_values(path).values
