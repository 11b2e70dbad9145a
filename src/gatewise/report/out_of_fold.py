"""Out-of-fold forecasts as flat arrays: forecasts from past cutoffs beside what happened, and their errors from all sides."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64, Int64

from gatewise.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

_BOUND = re.compile(r"(?P<method>.+)-(?P<side>lo|hi)-(?P<level>[\d.]+)")
_OTHERS = ("unique_id", "ds", "cutoff", "y")


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Forecasts from past cutoffs, one row for each value that was forecast.

    Attributes:
        ids: The series, ``(series,)``.
        cutoffs: The cutoffs, earliest first, ``(windows,)``.
        series: Which series a row is about, ``(rows,)``.
        window: Which cutoff it was forecast from, ``(rows,)``.
        step: How many steps after the cutoff, from 1, ``(rows,)``.
        times: When, as the frame has it, ``(rows,)``.
        actual: What happened, NaN where that is not known, ``(rows,)``.
        forecasts: Each method's forecasts by its name, gatewise's first, ``(rows,)``.
        bounds: Lower and upper bound of gatewise's intervals, by their level in per cent, lowest first, ``(rows,)``.
    """

    ids: list[Any]
    cutoffs: np.ndarray
    series: Int64[np.ndarray, " rows"]
    window: Int64[np.ndarray, " rows"]
    step: Int64[np.ndarray, " rows"]
    times: np.ndarray
    actual: Float64[np.ndarray, " rows"]
    forecasts: dict[str, Float64[np.ndarray, " rows"]]
    bounds: dict[float, tuple[Float64[np.ndarray, " rows"], Float64[np.ndarray, " rows"]]]

    @classmethod
    def of(cls, frame: "pd.DataFrame", model: str = "gatewise") -> "OutOfFold":
        """Read a frame with the columns ``unique_id, ds, cutoff, y``, one for each method, and the model's bounds.

        Args:
            frame: The forecasts, in any order.
            model: The column whose intervals are read, and which comes first.

        Raises:
            DataError: A column is missing.
        """
        missing = next((name for name in (*_OTHERS, model) if name not in frame.columns), None)
        if missing is not None:
            raise DataError(f"The out-of-fold forecasts have no column {missing!r}: give those of a backtest.")
        frame = frame.sort_values(["unique_id", "cutoff", "ds"], kind="stable", ignore_index=True)
        series, ids = frame["unique_id"].factorize()
        window, cutoffs = frame["cutoff"].factorize(sort=True)
        names = [name for name in frame.columns if name not in _OTHERS and not _BOUND.fullmatch(name)]
        levels = sorted(
            float(found["level"])
            for found in map(_BOUND.fullmatch, frame.columns)
            if found and found["method"] == model and found["side"] == "lo"
        )
        numbers = lambda name: frame[name].to_numpy(np.float64)  # noqa: E731
        return cls(
            ids=list(ids),
            cutoffs=np.asarray(cutoffs),
            series=series.astype(np.int64),
            window=window.astype(np.int64),
            step=_steps(series, window),
            times=wall_clock(frame["ds"]),
            actual=numbers("y"),
            forecasts={name: numbers(name) for name in sorted(names, key=lambda name: name != model)},
            bounds={level: (numbers(f"{model}-lo-{level:g}"), numbers(f"{model}-hi-{level:g}")) for level in levels},
        )

    @property
    def horizon(self) -> int:
        """The longest step."""
        return int(self.step.max(initial=0))

    @property
    def model(self) -> str:
        """The method whose intervals these are."""
        return next(iter(self.forecasts))

    def errors(self, method: str) -> Float64[np.ndarray, " rows"]:
        """Return actual value minus forecast; NaN where either is not known."""
        return self.actual - self.forecasts[method]

    def by_step(self, values: Float64[np.ndarray, " rows"]) -> Float64[np.ndarray, " horizon"]:
        """Return the mean of what is known at each step of the horizon."""
        return mean_by(values, self.step - 1, self.horizon)

    def by_series(self, values: Float64[np.ndarray, " rows"]) -> Float64[np.ndarray, " series"]:
        """Return the mean of what is known of each series."""
        return mean_by(values, self.series, len(self.ids))

    def held(self, level: float) -> Float64[np.ndarray, " rows"]:
        """Return 1 where an interval held the value and 0 where not, NaN where the value is not known."""
        low, high = self.bounds[level]
        held = (low <= self.actual) & (self.actual <= high)
        known = np.isfinite(self.actual) & ~np.isnan(low) & ~np.isnan(high)
        return np.where(known, held.astype(np.float64), np.nan)


def wall_clock(times: "pd.Series") -> np.ndarray:
    """Return times without their zone, as a clock on the wall shows them, or whole numbers."""
    zoned = getattr(times.dtype, "tz", None) is not None
    return np.asarray((times.dt.tz_localize(None) if zoned else times).to_numpy())


def mean_by(
    values: Float64[np.ndarray, " rows"], group: Int64[np.ndarray, " rows"], groups: int
) -> Float64[np.ndarray, " groups"]:
    """Return the mean of the values of each group that are known; NaN where there is none.

    >>> mean_by(np.array([1.0, 3.0, np.nan, 5.0]), np.array([0, 0, 0, 2]), 3).tolist()
    [2.0, nan, 5.0]
    """
    known = np.isfinite(values)
    count = np.bincount(group[known], minlength=groups)
    total = np.bincount(group[known], weights=values[known], minlength=groups)
    return np.divide(total, count, out=np.full(groups, np.nan), where=count > 0)


def _steps(series: np.ndarray, window: np.ndarray) -> Int64[np.ndarray, " rows"]:
    """Return the place of each row among those of its series and cutoff, from 1; they are ordered by both."""
    place = np.arange(len(series))
    first = np.ones(len(series), bool)
    first[1:] = (series[1:] != series[:-1]) | (window[1:] != window[:-1])
    return place - np.maximum.accumulate(np.where(first, place, 0)) + 1
