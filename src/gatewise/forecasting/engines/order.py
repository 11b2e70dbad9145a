"""What is to be forecast, and how: the arguments of `gatewise.forecast`, checked."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from gatewise.errors import DataError, EnvironmentFault, UsageError
from gatewise.evaluation.averages import read_levels, whole_number
from gatewise.evaluation.simple_baselines import Baseline
from gatewise.forecasting.engines.lots import Draw
from gatewise.forecasting.engines.rows import with_texts
from gatewise.forecasting.engines.sample import shared_of
from gatewise.forecasting.fitted import Mode, Plan
from gatewise.forecasting.forecaster import Forecaster
from gatewise.forecasting.future_rows import with_future
from gatewise.progress import Progress
from gatewise.tables import SeriesTable, read_series
from gatewise.tables.form import Covariates, Fix, TableFormat, checked_covariates, checked_fixes, checked_format

if TYPE_CHECKING:
    import pandas as pd

# Libraries whose frames are forecast where they are.
_LIBRARIES = ("dask", "pyspark", "ray")
# Of the work, what the sample takes beside each block.
SAMPLE_TAKES = 4.0
# Series that everything is learned from, at most.
SAMPLE = 2_000
_MENDING = ("fix", "format")
_READING = ("id_col", "time_col", "target_col", "freq", "covariates", *_MENDING)


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
    covariates: Covariates | None
    fix: Fix | Iterable[Fix]
    format: TableFormat | None


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

    @property
    def covariates(self) -> dict[str, list[str]]:
        """The columns that explain the series, by what is known of them."""
        return checked_covariates(self.reading.get("covariates"))

    @property
    def mending(self) -> dict[str, Any]:
        """What `read_series` is told of how values are written, and of what may be mended."""
        return {name: self.reading[name] for name in _MENDING if name in self.reading}

    def learned_from(self, table: SeriesTable, draw: Draw, progress: Progress) -> bytes:
        """Choose and train on the sample, and return what is to be sent round."""
        return shared_of(self.plan, table, draw, np.array(self.levels), progress).to_bytes()


def read(data: Any, order: Order, future: Any) -> SeriesTable:
    """Read a table, and what is known in advance; either may be a folder of Parquet files.

    Raises:
        DataError: Not all of the steps to forecast is known that should be.
    """
    import pandas as pd

    table = _whole(data)
    if not isinstance(table, SeriesTable):
        if isinstance(table, pd.DataFrame):
            # As an engine has them, whose workers do not see all of a column.
            table = with_texts(table, order.covariates["static"])
        table = read_series(table, **order.reading)
    if future is not None:
        table = with_future(table, _whole(future))
    table.refuse_unknown_future(order.plan.horizon)
    return table


def on_engine(data: Any) -> bool:
    """Return whether data is a frame of an engine, which is forecast where it is."""
    return type(data).__module__.partition(".")[0] in _LIBRARIES


def as_folder(frame: "pd.DataFrame", out: str) -> str:
    """Write a frame as a folder of Parquet files, of a single one, and return the folder."""
    Path(out).mkdir()
    frame.to_parquet(Path(out) / "part.0.parquet", index=False)
    return out


def _whole(data: Any) -> Any:
    """Return the frame of a folder of Parquet files; all else as it is."""
    if isinstance(data, str | os.PathLike) and os.path.isdir(data):
        import pandas as pd

        try:
            return pd.read_parquet(data)
        except ImportError:
            raise EnvironmentFault(
                f"{os.fspath(data)!r} is a folder, and for Parquet files pyarrow is needed: install it with pip install "
                "'gatewise[parquet]'."
            ) from None
        except Exception as error:
            raise no_parquet(os.fspath(data), error) from None
    return data


def no_parquet(path: str, error: Exception) -> DataError:
    """Return what is wrong with a file or folder that could not be read as Parquet."""
    for folder, _, names in os.walk(path):
        for name in sorted(names):
            inside = os.path.join(folder, name)
            if not name.startswith((".", "_")) and not _begins_as_parquet(inside):
                return DataError(
                    f"{path!r} holds {os.path.relpath(inside, path)!r}, which is no Parquet file: give a folder of Parquet "
                    "files, or the path of one table."
                )
    why = str(error).partition("\n")[0] or type(error).__name__
    return DataError(f"{path!r} cannot be read ({why}): give a Parquet file, or a folder of them.")


def _begins_as_parquet(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(4) == b"PAR1"


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
    checked_covariates(reading.get("covariates"))
    checked_fixes(reading.get("fix", ()))
    checked_format(reading.get("format"))
    levels = read_levels(level) if np.size(level) else np.zeros(0)
    plan = Forecaster(horizon, **given).plan
    return Order(plan, tuple(levels.tolist()), SAMPLE if sample is None else whole_number(sample, "sample"), reading)
