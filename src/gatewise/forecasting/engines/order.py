"""What is to be forecast, and how: the arguments of `gatewise.forecast`, checked."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np

from gatewise.errors import UsageError
from gatewise.evaluation.averages import read_levels, whole_number
from gatewise.evaluation.simple_baselines import Baseline
from gatewise.forecasting.engines.lots import Draw
from gatewise.forecasting.engines.sample import shared_of
from gatewise.forecasting.fitted import Mode, Plan
from gatewise.forecasting.forecaster import Forecaster
from gatewise.forecasting.rolling import Progress
from gatewise.tables import SeriesTable, read_series

# Series that everything is learned from, at most.
SAMPLE = 2_000
_READING = ("id_col", "time_col", "target_col", "freq")


class Options(TypedDict, total=False):
    """What `Forecaster` and `read_series` take, too, each explained there."""

    mode: Mode
    network: Any
    network_only: bool
    baselines: Sequence[Baseline | str] | None
    season_length: int | None
    seed: int
    id_col: str | None
    time_col: str | None
    target_col: str | None
    freq: str | int | None


@dataclass(frozen=True)
class Order:
    """What is to be forecast, and how.

    Attributes:
        plan: As in a `Forecaster`.
        levels: Of the intervals, in per cent.
        sample: Series that everything is learned from, at most.
        reading: What `read_series` is told.
    """

    plan: Plan
    levels: tuple[float, ...]
    sample: int
    reading: dict[str, Any]

    def learned_from(self, table: SeriesTable, draw: Draw, progress: Progress) -> bytes:
        """Choose and train on the sample, and return what is to be sent round."""
        return shared_of(self.plan, table, draw, np.array(self.levels), progress).to_bytes()


def read(data: Any, reading: dict[str, Any]) -> SeriesTable:
    """Read a table, which may be a folder of Parquet files."""
    if isinstance(data, SeriesTable):
        return data
    if isinstance(data, str | os.PathLike) and os.path.isdir(data):
        import pandas as pd

        data = pd.read_parquet(data)
    return read_series(data, **reading)


def silent(share: float, what: str) -> None:
    """Hear how far the work is, where nobody wants to know."""


def order_of(horizon: int, level: Any, sample: int | None, options: Options) -> Order:
    """Return what the arguments of `gatewise.forecast` ask for.

    Raises:
        UsageError: One cannot be meant.
    """
    known = Options.__optional_keys__
    unknown = [name for name in options if name not in known]
    if unknown:
        raise UsageError(f"forecast takes no {unknown[0]!r}: choose among {', '.join(sorted(known))}.")
    given: dict[str, Any] = dict(options)
    reading = {name: given.pop(name) for name in _READING if name in given}
    levels = read_levels(level) if np.size(level) else np.zeros(0)
    plan = Forecaster(horizon, **given).plan
    return Order(plan, tuple(levels.tolist()), SAMPLE if sample is None else whole_number(sample, "sample"), reading)
