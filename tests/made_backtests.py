"""Backtests without training: forecasts drawn around the truth, for tests of what is shown of them."""

from dataclasses import replace

import numpy as np
import pandas as pd

from gatewise.forecasting.backtest import Backtest, backtest_of
from gatewise.forecasting.choosing.judgement import judge
from gatewise.forecasting.explanation import Explanation
from gatewise.forecasting.panel import Panel
from gatewise.forecasting.rolling import Rolled, actual_after
from gatewise.tables import SeriesTable, read_series

METHODS = {"Naive": 3.0, "ETS": 1.0, "local": 1.2}


def made_table(series: int = 3, length: int = 60, names: list[str] | None = None) -> SeriesTable:
    """Return monthly series with a season."""
    random = np.random.default_rng(5)
    month = np.arange(length)
    level = random.uniform(50, 500, (series, 1))
    values = level * (1 + 0.2 * np.sin(2 * np.pi * month / 12)) + random.normal(0, 0.03, (series, length)) * level
    ids = [f"shop {place}" for place in range(series)] if names is None else names
    frame = {
        "unique_id": np.repeat(ids, length),
        "ds": np.tile(pd.date_range("2020-01-01", periods=length, freq="MS"), series),
        "y": values.ravel(),
    }
    return read_series(pd.DataFrame(frame))


def made_backtest(table: SeriesTable, gatewise: float = 0.8, windows: int = 12, horizon: int = 6) -> Backtest:
    """Return a backtest in which each method misses the truth by about so many per cent, the later series by more.

    Args:
        table: The series.
        gatewise: By how many per cent gatewise misses; the others by those of `METHODS`.
        windows: How many cutoffs, two steps apart.
        horizon: Steps.
    """
    random = np.random.default_rng(1)
    panel = Panel.of(table)
    back = horizon + 2 * np.arange(windows)[::-1]
    actual = actual_after(panel, horizon, back)
    harder = np.linspace(1, 2, len(table))[:, None]

    def missing_by(share: float) -> np.ndarray:
        return actual * (1 + random.normal(0, share / 100, actual.shape) * harder)

    forecasts = np.stack([missing_by(share) for share in METHODS.values()])
    networks = np.array([name == "local" for name in METHODS])
    rolled = Rolled(tuple(METHODS), networks, back, forecasts, actual)
    judged = replace(judge(rolled, panel, network_only=False), forecasts=missing_by(gatewise))
    return backtest_of(table, panel, rolled, judged, np.ones(windows, bool))


def made_explanation(series: int) -> Explanation:
    """Return what a forecaster might have chosen."""
    weights = np.repeat([[0.0], [0.3], [0.7]], series, axis=1)
    sentence = "The forecast is local 70 %, ETS 30 %."
    return Explanation(tuple(METHODS), (False, False, True), weights, np.ones((3, series)), (sentence,))


def made_forecast(table: SeriesTable, horizon: int = 6) -> pd.DataFrame:
    """Return a forecast that repeats the last value of each series, with two intervals."""
    last = np.array([one.values[-1] for one in table])
    middle = np.repeat(last, horizon)
    frame = pd.DataFrame(
        {"unique_id": np.repeat(table.ids, horizon), "ds": table.times_after(horizon).ravel(), "gatewise": middle}
    )
    for level, share in ((80, 0.1), (95, 0.2)):
        frame[f"gatewise-lo-{level}"] = middle * (1 - share)
        frame[f"gatewise-hi-{level}"] = middle * (1 + share)
    return frame
