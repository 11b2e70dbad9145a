"""Which networks are trained where nobody says: configurations that differ, chosen by the season and the size of a panel."""

from dataclasses import replace
from typing import Any, Literal

import numpy as np

from gatewise.forecasting.global_networks import Networks, Pool
from gatewise.forecasting.origins import View
from gatewise.forecasting.panel import Panel
from gatewise.forecasting.season_networks import SeasonNetworks
from gatewise.forecasting.sequence_networks import SequenceNetworks

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
    if season >= _LONG_SEASON and np.median(np.isfinite(panel.values).sum(axis=1)) >= 2 * cycle * season:
        return _season_pool(cycle, mode)
    many = np.isfinite(panel.values).sum() >= _MANY_ORIGINS
    lags = min(2 * season, 26) if season > 1 else 6
    size: dict[str, Any] = (
        {"units": 40, "dropout": 0.1, "steps": 200} if many else {"units": 24, "dropout": 0.2, "steps": 120}
    )
    members = 2 if many else 4
    if mode == "fast":
        members = members // 2
    views = {
        "last": View("last", lags=lags),
        "smooth": View("smooth", lags=lags),
        "theta": View("theta", lags=lags, own_scale=0.5),
    }
    losses = {"last": (1.0,), "smooth": (1.0, 0.5), "theta": (1.0, 0.0)}
    pool = [
        SequenceNetworks(name, view, members=members, relative=losses[name], **size) for name, view in views.items()
    ]
    if season > 1:
        pool.append(replace(pool[0], name="unadjusted", view=View("last", seasonal=False, lags=lags)))
    if mode == "best":
        own = View("smooth", lags=lags, own_scale=1.0)
        deep = SequenceNetworks("deep", own, "LSTM", 2, members=members, relative=(0.0, 1.0), **size)
        pool.append(deep)
    return Pool(tuple(pool))


def _season_pool(cycle: int, mode: Mode) -> Networks:
    """Return networks that read a season at each step."""
    members = 2 if mode == "fast" else 6
    first = SeasonNetworks("relative", cycle, members=members)
    return Pool(
        (
            first,
            replace(first, name="scaled", relative=(0.0,)),
            replace(first, name="between", cell="LSTM", relative=(0.5,)),
        )
    )
