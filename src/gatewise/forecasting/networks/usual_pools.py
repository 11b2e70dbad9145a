"""Which networks are trained where nobody says: configurations that differ, chosen by the season and the size of a panel."""

from typing import Any, Literal

import numpy as np

from gatewise.forecasting.networks.global_networks import Networks, Pool
from gatewise.forecasting.networks.origins import View
from gatewise.forecasting.networks.season_networks import SeasonNetworks
from gatewise.forecasting.networks.sequence_networks import SequenceNetworks
from gatewise.forecasting.panel import Panel

Mode = Literal["fast", "best"]

# A season of so many steps is read at once, where the series have the seasons for it.
_LONG_SEASON = 20
_CYCLES = {24: 7}
# From so many origins on a panel feeds larger networks.
_MANY_ORIGINS = 60_000


def usual_networks(panel: Panel, mode: Mode = "fast") -> Networks:
    """Return the networks for a panel.

    Args:
        panel: The series.
        mode: ``"fast"``, or ``"best"`` for more configurations and members.
    """
    season = panel.season_length
    cycle = _CYCLES.get(season, 4)
    values = np.isfinite(panel.values).sum(axis=1)
    if season >= _LONG_SEASON and np.median(values) >= 2 * cycle * season:
        return _pool_of_seasons(cycle, mode)
    if season == 1:
        return _pool_without_season(mode)
    return _pool_of_steps(season, bool(values.sum() >= _MANY_ORIGINS), mode)


def _pool_without_season(mode: Mode) -> Networks:
    """Return networks for series without a season, mostly short ones, which are trained in a second each."""
    size: dict[str, Any] = {"units": 24, "dropout": 0.2, "steps": 300, "members": 2 if mode == "fast" else 6}
    pool = [
        SequenceNetworks("theta", View("theta", lags=6, own_scale=0.5), relative=(1.0, 0.0), **size),
        SequenceNetworks("theta, own scale", View("theta", lags=6, own_scale=1.0), relative=(0.0, 1.0), **size),
        SequenceNetworks("smooth", View("smooth", lags=6), relative=(1.0, 0.5), **size),
    ]
    if mode == "best":
        size = {**size, "steps": 120, "members": 4}
        pool.append(
            SequenceNetworks("deep", View("smooth", lags=6, own_scale=1.0), "LSTM", 2, relative=(0.0, 1.0), **size)
        )
    return Pool(tuple(pool))


def _pool_of_steps(season: int, many: bool, mode: Mode) -> Networks:
    """Return networks that read a value at each step, with a season taken out or left in."""
    lags = min(2 * season, 26)
    # On the last horizons of M3's monthly training parts 120 steps have a sMAPE of 13.85 and 200 have 13.69, in 24 and 39
    # seconds of processor time: who asks for fast gets fast.
    large: dict[str, Any] = {"units": 40, "dropout": 0.1, "steps": 120, "members": 1}
    if mode == "best":
        large |= {"steps": 200, "members": 3}
    small: dict[str, Any] = {"units": 24, "dropout": 0.2, "steps": 300, "members": 2 if mode == "fast" else 6}
    size = large if many else small
    pool = [
        SequenceNetworks("last", View("last", lags=lags), relative=(1.0, 0.5), **size),
        SequenceNetworks("smooth", View("smooth", lags=lags), relative=(1.0, 0.5), **size),
        SequenceNetworks("theta", View("theta", lags=lags, own_scale=0.5), relative=(0.5, 1.0, 0.0), share=0.6, **size),
        SequenceNetworks("unadjusted", View("last", seasonal=False, lags=lags), relative=(1.0, 0.5), **size),
    ]
    if mode == "best":
        deep = View("smooth", lags=lags, own_scale=1.0)
        pool.append(SequenceNetworks("deep", deep, "LSTM", 2, relative=(0.0, 1.0), **size))
        lasting = View("theta", lags=lags, memory=1.0, damping=0.9)
        pool.append(SequenceNetworks("lasting season", lasting, relative=(1.0, 0.5), share=0.6, **size))
    return Pool(tuple(pool))


def _pool_of_seasons(cycle: int, mode: Mode) -> Networks:
    """Return networks that read a season at each step, from the beginning of the season at which the panel ends."""
    size: dict[str, Any] = {"cycle": cycle, "phases": 1, "members": 2 if mode == "fast" else 4}
    pool = [
        SeasonNetworks("relative", relative=(1.0,), **size),
        SeasonNetworks("between", relative=(0.75,), **size),
        SeasonNetworks("LSTM", relative=(1.0,), cell="LSTM", **size),
    ]
    return Pool(tuple(pool))
