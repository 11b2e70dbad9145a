"""One block of series: forecast by what is shared, and its intervals."""

from typing import TYPE_CHECKING

import numpy as np

from gatewise.forecasting.choosing.bands import half_widths_among, half_widths_of_movement
from gatewise.forecasting.choosing.combination import combined
from gatewise.forecasting.choosing.edges import floors, further_ahead, steps_since
from gatewise.forecasting.choosing.judgement import errors_with, judge, moved_at, series_scale, sizes_now
from gatewise.forecasting.choosing.movement import Movement
from gatewise.forecasting.engines.methods import methods_of
from gatewise.forecasting.engines.sample import keyed
from gatewise.forecasting.engines.shared import Shared
from gatewise.forecasting.frames import bounds_columns, forecast_frame
from gatewise.forecasting.panel import Panel
from gatewise.forecasting.rolling import roll
from gatewise.progress import Progress
from gatewise.tables import SeriesTable

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
    panel = Panel.of(table, shared.season_length, shared.horizon, shared.texts)
    panel = _widened(keyed(panel, table, shared.seed), shared.width)
    rolled = roll(methods_of(shared), panel, shared.horizon, shared.steps_back.tolist(), progress)
    judged = judge(rolled, panel, shared.network_only, None if shared.alone else shared.usual)
    weights, past = judged.weights[-1], rolled.steps_back > 0
    if np.isfinite(shared.sizes.steps).all():
        sizes = sizes_now(errors_with(rolled, judged.forecasts, weights, 0), rolled, 0, panel)
        scale = series_scale(panel.values, panel.season_length)
        moved = moved_at(panel, rolled.steps_back)
        movement = Movement(moved[past], moved[-1])
        half = half_widths_among(sizes[past], rolled.steps_back[past], scale, movement, shared.sizes)
    else:
        half = half_widths_of_movement(panel.values, shared.horizon, shared.levels)
    half = further_ahead(half, steps_since(panel.values))
    half[np.isfinite(panel.values).sum(axis=1) < 2] = np.nan
    middle = combined(rolled.forecasts[:, -1], weights).ravel()
    levels = shared.levels.tolist()
    columns = bounds_columns("gatewise", levels, middle, np.stack([half, half]).reshape(2, len(middle), len(levels)))
    floor = np.repeat(floors(panel.values), shared.horizon)
    return forecast_frame(table, shared.horizon, {name: np.maximum(own, floor) for name, own in columns.items()})


def _widened(panel: Panel, width: int) -> Panel:
    """Return a panel with so many columns at least, so that few programs are compiled."""
    columns = panel.values.shape[1]
    return panel.widened(width if columns <= width else -(-columns // _COLUMNS) * _COLUMNS)
