"""Whether a method knows the future: its forecasts from a cutoff must not move when later values do."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gatewise.errors import UsageError
from gatewise.forecasting.panel import Panel
from gatewise.forecasting.rolling import Rolled


def refuse_leaks(rolled: Rolled, panel: Panel, again: Callable[[Panel], Rolled]) -> None:
    """Change what came after a cutoff in the middle, forecast again, and compare the forecasts from up to there.

    Args:
        rolled: Forecasts of the series as they are.
        panel: The series.
        again: Makes the same forecasts of other series.

    Raises:
        UsageError: A forecast moved.
    """
    middle = int(rolled.steps_back[len(rolled.steps_back) // 2])
    changed = again(later_values_changed(panel, middle))
    early = rolled.steps_back >= middle
    for place, name in enumerate(rolled.names):
        before, after = rolled.forecasts[place, early], changed.forecasts[place, early]
        moved = ~((before == after) | (np.isnan(before) & np.isnan(after)))
        if moved.any():
            window, series, step = (int(at) for at in np.argwhere(moved)[0])
            raise UsageError(
                f"The method {name!r} knows the future: its forecast {step + 1} steps after a cutoff, "
                f"{rolled.steps_back[early][window]} steps before the end of series {series}, moved from "
                f"{before[window, series, step]:g} to {after[window, series, step]:g} when only values after it changed. "
                "Let it read nothing but what it is given."
            )


def later_values_changed(panel: Panel, steps_back: int) -> Panel:
    """Return a panel with all that is known only after a cutoff changed: the series, and past covariates with them.

    What is known in advance stays as it is.
    """
    known = panel.covariates
    if known is not None:
        known = replace(known, past=_changed(known.past, steps_back))
    return replace(panel, values=_changed(panel.values, steps_back), covariates=known)


def _changed(columns: np.ndarray, steps_back: int) -> np.ndarray:
    """Return columns with each number after a cutoff multiplied by something else, and moved where that does nothing."""
    changed = columns.copy()
    later = changed[:, changed.shape[1] - steps_back :]
    factor = np.random.default_rng(0).uniform(0.5, 1.5, later.shape)
    changed[:, changed.shape[1] - steps_back :] = later * factor + np.where(later == 0, factor, 0.0)
    return changed
