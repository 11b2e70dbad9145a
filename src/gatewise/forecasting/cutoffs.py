"""Which past cutoffs are forecast from: for the choice inside of a training part, and for a backtest."""

import numpy as np

from gatewise.forecasting.panel import Panel

# Cutoffs of a validation at most, by mode: of a few series, each with weights of its own, and of many.
MOST_CUTOFFS_OF_FEW = {"fast": 24, "best": 48}
MOST_CUTOFFS = {"fast": 6, "best": 12}


def validation_cutoffs(panel: Panel, horizon: int, most: int) -> list[int]:
    """Return cutoffs, as steps before the end, the earliest first, whose forecasts all can be compared with what came.

    They are spread over as much of the end of the series as leaves the typical one two thirds of its values, or over one and
    a half horizons where that leaves two seasons, as a single window shows little; none where there is no room for one. Where
    there is room for a season between them, they are whole seasons before the end: what is forecast at noon is judged by
    what was forecast at noon.

    Args:
        panel: The series.
        horizon: Steps.
        most: How many at most.
    """
    lengths = panel.values.shape[1] - np.isfinite(panel.values).argmax(axis=1)
    typical = int(np.median(lengths))
    least = max(min(2 * panel.season_length + 2, typical - horizon), 3)
    room = min(max(typical // 3, horizon + horizon // 2), typical - least)
    if room < horizon:
        return []
    season = panel.season_length
    first, last = -(-horizon // season), room // season
    if last - first >= most - 1:
        return (season * np.linspace(last, first, most).round().astype(int)).tolist()
    chosen = np.unique(np.linspace(horizon, room, most).round().astype(int))
    return chosen[::-1].tolist()


def backtest_cutoffs(horizon: int, n_windows: int, step_size: int) -> list[int]:
    """Return the cutoffs of a backtest, the earliest first; the last is a horizon before the end."""
    return [horizon + step_size * (n_windows - 1 - window) for window in range(n_windows)]
