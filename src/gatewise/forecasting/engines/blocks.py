"""One block of series: read, forecast by what is shared, and its intervals."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise.errors import DataError
from gatewise.forecasting.choosing.bands import half_widths_among, half_widths_of_movement
from gatewise.forecasting.choosing.combination import combined
from gatewise.forecasting.choosing.judgement import errors_with, judge, series_scale, sizes_now
from gatewise.forecasting.engines.methods import methods_of
from gatewise.forecasting.engines.sample import keyed
from gatewise.forecasting.engines.shared import Shared
from gatewise.forecasting.frames import bounds_columns, forecast_frame
from gatewise.forecasting.panel import Panel
from gatewise.forecasting.rolling import Progress, roll
from gatewise.tables import SeriesTable, read_series

if TYPE_CHECKING:
    import pandas as pd

# Panels of longer series than the sample had have a multiple of so many columns.
_COLUMNS = 32


def forecast_block(shared: Shared, table: SeriesTable, progress: Progress) -> "pd.DataFrame":
    """Forecast the series of a block, in the columns of `Forecaster.predict`.

    Args:
        shared: What all blocks share.
        table: The series, in the order of their lots.
        progress: Told how far it is.
    """
    panel = _widened(keyed(Panel.of(table, shared.season_length), table, shared.seed), shared.width)
    rolled = roll(methods_of(shared), panel, shared.horizon, shared.steps_back.tolist(), progress)
    judged = judge(rolled, panel, shared.network_only, None if shared.alone else shared.usual)
    weights, past = judged.weights[-1], rolled.steps_back > 0
    if np.isfinite(shared.sizes.steps).all():
        sizes = sizes_now(errors_with(rolled, judged.forecasts, weights, 0), rolled, 0, panel)
        scale = series_scale(panel.values, panel.season_length)
        half = half_widths_among(sizes[past], rolled.steps_back[past], scale, shared.sizes)
    else:
        half = half_widths_of_movement(panel.values, shared.horizon, shared.levels)
    middle = combined(rolled.forecasts[:, -1], weights).ravel()
    levels = shared.levels.tolist()
    columns = bounds_columns("gatewise", levels, middle, np.stack([half, half]).reshape(2, -1, len(levels)))
    return forecast_frame(table, shared.horizon, columns)


def _widened(panel: Panel, width: int) -> Panel:
    """Return a panel with so many columns at least, so that few programs are compiled."""
    columns = panel.values.shape[1]
    wanted = width if columns <= width else -(-columns // _COLUMNS) * _COLUMNS
    values = np.pad(panel.values, ((0, 0), (wanted - columns, 0)), constant_values=np.nan)
    return replace(panel, values=values, room=wanted)


def read_rows(rows: "pd.DataFrame", freq: Any) -> SeriesTable:
    """Read the rows of some series as they came, in any order.

    Args:
        rows: The columns for series, time and value.
        freq: The step; None finds it.

    Raises:
        DataError: A value or time is wrong; the sentence says of which series.
    """
    name, time, value = rows.columns
    given: dict[str, Any] = {"id_col": name, "time_col": time, "target_col": value, "freq": freq}
    rows = rows.sort_values([name, time], kind="stable").reset_index(drop=True)
    try:
        table = read_series(rows, **given)
    except DataError as error:
        raise _of_series(rows, given) or error from None
    refuse_zone(table)
    return table


def refuse_zone(table: SeriesTable) -> None:
    """Refuse times of a zone, which not every engine keeps.

    Raises:
        DataError: They have one.
    """
    if table.zone is not None:
        raise DataError(
            f"Column {table.columns[1]!r} has times of the zone {table.zone}, which not every engine keeps: give times "
            "without a zone."
        )


def _of_series(rows: "pd.DataFrame", given: dict[str, Any]) -> DataError | None:
    """Return what is wrong with the first series that cannot be read by itself."""
    for name, own in rows.groupby(given["id_col"], sort=True):
        try:
            read_series(own.reset_index(drop=True), **given)
        except DataError as error:
            sentence = str(error).replace("The frame", f"Series {name!r}, in the order of time", 1)
            return type(error)(sentence if repr(name) in sentence else f"Series {name!r}: {sentence}")
    return None
