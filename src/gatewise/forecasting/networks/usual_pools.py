"""Which networks are trained where nobody says: configurations that differ, chosen by the season and the size of a panel."""

from dataclasses import replace
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
# From so many origins on a panel feeds larger networks, and LSTMs.
_MANY_ORIGINS = 60_000
# How often mode "best" meets each of their series, within so many steps.
_PASSES = 24
_STEPS_OF_BEST = (200, 600)


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
    if values.sum() >= _MANY_ORIGINS:
        return _pool_of_many_steps(season, len(panel), mode)
    return _pool_of_steps(season, mode)


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


def _pool_of_steps(season: int, mode: Mode) -> Networks:
    """Return networks that read a value at each step, with a season taken out or left in."""
    lags = min(2 * season, 26)
    size: dict[str, Any] = {"units": 24, "dropout": 0.2, "steps": 300, "members": 2 if mode == "fast" else 6}
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


def _pool_of_many_steps(season: int, series: int, mode: Mode) -> Networks:
    """Return networks that read a value at each step of many series: LSTMs that see alike, as these have enough to learn from.

    On the last horizon of M3's monthly training parts three of them have the sMAPE of the four of `_pool_of_steps` in the same
    time, and less on the two horizons before. For mode "best" 200 steps are too few for the 1,428 series of the last of these,
    and 320 too many for the 1,081 of the one before.
    """
    lags = min(2 * season, 26)
    size: dict[str, Any] = {"cell": "LSTM", "units": 40, "dropout": 0.1, "relative": (0.5, 1.0, 0.0)}
    steps = int(np.clip(_PASSES * series / SequenceNetworks.batch, *_STEPS_OF_BEST))
    size |= {"steps": 120, "members": 1} if mode == "fast" else {"steps": steps, "members": 3}
    last, theta = View("last", lags=lags, own_scale=0.5), View("theta", lags=lags, own_scale=0.5)
    lasting = replace(theta, memory=1.0, damping=0.9)
    scaled = {**size, "relative": (0.0, 0.5, 0.0)}
    pool = [
        SequenceNetworks("last", last, **size),
        SequenceNetworks("lasting season", lasting, share=0.6, **size),
        SequenceNetworks("theta", replace(theta, own_scale=1.0), share=0.6, **scaled),
    ]
    if mode == "best":
        pool += [
            SequenceNetworks("deep", last, layers=2, **size),
            SequenceNetworks("theta, GRU", theta, share=0.6, **{**size, "cell": "GRU"}),
            SequenceNetworks("unadjusted", replace(last, seasonal=False), **size),
        ]
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
