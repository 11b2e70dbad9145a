"""Arrays of forecasts as the long frames that users of statsforecast and utilsforecast hold."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise.tables import SeriesTable

if TYPE_CHECKING:
    import pandas as pd


def level_name(level: float) -> str:
    """Return a level as it stands in the name of a column.

    >>> level_name(80.0), level_name(99.5)
    ('80', '99.5')
    """
    return f"{level:g}"


def bounds_columns(name: str, levels: Sequence[float], middle: Any, reach: Any) -> dict[str, np.ndarray]:
    """Return the columns of a forecast and its intervals, the narrowest inside.

    Args:
        name: Of the forecast.
        levels: In per cent.
        middle: The forecasts, ``(rows,)``.
        reach: How far the intervals reach below and above, ``(2, rows, levels)``.
    """
    columns = {name: middle}
    for place, level in enumerate(levels):
        columns[f"{name}-lo-{level_name(level)}"] = middle - reach[0, :, place]
        columns[f"{name}-hi-{level_name(level)}"] = middle + reach[1, :, place]
    return columns


def bounds_names(name: str, levels: Sequence[float]) -> list[str]:
    """Return the names of the columns that `bounds_columns` gives.

    >>> bounds_names("gatewise", [80.0])
    ['gatewise', 'gatewise-lo-80', 'gatewise-hi-80']
    """
    return [name, *(f"{name}-{side}-{level_name(level)}" for level in levels for side in ("lo", "hi"))]


def forecast_frame(table: SeriesTable, horizon: int, columns: Mapping[str, np.ndarray]) -> "pd.DataFrame":
    """Return forecasts after the end of each series.

    Args:
        table: The series.
        horizon: Steps.
        columns: Each ``(series × horizon,)``.
    """
    import pandas as pd

    times = table.on_clock(table.times_after(horizon).ravel())
    return pd.DataFrame({"unique_id": np.repeat(table.ids, horizon), "ds": times, **columns})


def paths_frame(table: SeriesTable, paths: np.ndarray) -> "pd.DataFrame":
    """Return paths after the end of each series, ordered by series, path and time.

    Args:
        table: The series.
        paths: ``(series, paths, horizon)``.
    """
    import pandas as pd

    _, count, horizon = paths.shape
    times = table.on_clock(np.repeat(table.times_after(horizon)[:, None], count, axis=1).ravel())
    number = np.tile(np.repeat(np.arange(1, count + 1), horizon), len(table))
    ids = np.repeat(table.ids, count * horizon)
    return pd.DataFrame({"unique_id": ids, "ds": times, "path": number, "gatewise": paths.ravel()})


def backtest_frame(
    table: SeriesTable, steps_back: np.ndarray, horizon: int, columns: Mapping[str, np.ndarray]
) -> "pd.DataFrame":
    """Return forecasts from past cutoffs beside what happened, ordered by series, cutoff and time.

    Args:
        table: The series, to their ends.
        steps_back: The cutoffs, as steps before the end, ``(windows,)``.
        horizon: Steps.
        columns: Each ``(windows, series, horizon)``; ``y`` among them. Rows without a forecast are left out.
    """
    import pandas as pd

    windows, series = len(steps_back), len(table)
    steps = (np.arange(1, horizon + 1) - steps_back[:, None]).ravel()
    ds = table.times_from_end(steps)
    cutoff = np.repeat(table.times_from_end(-steps_back), horizon, axis=1)
    by_series = {name: np.moveaxis(array, 1, 0).reshape(series * windows * horizon) for name, array in columns.items()}
    frame = pd.DataFrame(
        {
            "unique_id": np.repeat(table.ids, windows * horizon),
            "ds": table.on_clock(ds.ravel()),
            "cutoff": table.on_clock(cutoff.ravel()),
            **by_series,
        }
    )
    return frame[np.isfinite(frame["gatewise"].to_numpy())].reset_index(drop=True)
