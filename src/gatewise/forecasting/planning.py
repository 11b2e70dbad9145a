"""Which networks and baselines forecast which series, and from how many past cutoffs: decided before anything runs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gatewise.evaluation.simple_baselines import Baseline
from gatewise.forecasting.classical.baseline_methods import (
    BY_NAME,
    BaselineMethod,
    has_statsforecast,
    seconds_of,
    usual_baselines,
)
from gatewise.forecasting.classical.slow_baselines import SlowBaselines
from gatewise.forecasting.cutoffs import MOST_CUTOFFS, MOST_CUTOFFS_OF_FEW
from gatewise.forecasting.fitted import Mode, Plan
from gatewise.forecasting.named_methods import networks_named, with_names_apart
from gatewise.forecasting.networks.global_networks import Networks, Pool
from gatewise.forecasting.networks.local_networks import LocalNetworks
from gatewise.forecasting.networks.network_methods import NetworkMethod, training_cutoffs
from gatewise.forecasting.networks.usual_pools import usual_networks
from gatewise.forecasting.panel import Panel
from gatewise.forecasting.rolling import Method
from gatewise.forecasting.season_detection import detected_season
from gatewise.tables import SeriesTable

# From so many series on, networks are trained on all of them together unless others are asked for.
MANY_SERIES = 20
# Seconds of the baselines that are estimated series by series; and their share of a budget. On the last horizons of M3's
# yearly and other training parts ARIMA made the forecast of all together no better by more than half a per cent, in five times
# the time of everything else, so it is for few series only.
_BASELINE_SECONDS = {"fast": 20.0, "best": 120.0}
_BASELINE_SHARE = 0.4
# Seconds that mode "best" takes, roughly, on two cores that began without compiled programs: for six configurations and their
# programs, and for each value of all series together; of networks of each series, for their programs, and for each of these
# values from each cutoff and of each member.
_SECONDS_OF_POOL, _SECONDS_A_VALUE = 40.0, 1.2e-3
_SECONDS_OF_FEW, _SECONDS_A_MEMBER = 30.0, 2e-5
_MEMBERS_OF_FEW = {"fast": 8, "best": 32}


def panel_for(plan: Plan, table: SeriesTable, steps_back: int = 0) -> tuple[Panel, tuple[str, ...]]:
    """Return the series side by side with the season that they are forecast with, and what is to be said of it.

    Args:
        plan: What is to be done.
        table: The series.
        steps_back: Where times are no dates, and no season was named, it is sought in the values before these last ones.
    """
    panel = Panel.of(table, plan.season_length, plan.horizon)
    dated = table.frequency is not None and table.frequency.kind != "integer"
    if plan.season_length is not None or dated or steps_back >= panel.values.shape[1]:
        return panel, ()
    season = detected_season(panel.until(steps_back).values)
    if season == 1:
        return panel, ()
    where = "in it" if len(panel) == 1 else "in most of them"
    note = (
        f"The series {'has' if len(panel) == 1 else 'have'} no dates, and a season of {season} steps was found {where}: name "
        "season_length to decide yourself, 1 for none."
    )
    return replace(panel, season_length=season), (note,)


def mode_for(plan: Plan, panel: Panel) -> Mode:
    """Return the mode that a budget of minutes leaves time for, or the one that was asked for."""
    if plan.minutes is None:
        return plan.mode
    return "best" if seconds_of_best(panel) <= 60 * plan.minutes else "fast"


def seconds_of_best(panel: Panel) -> float:
    """Return about how long mode "best" takes, compiling included: numbers, and not a clock.

    Where that is more than there is, mode "fast" does more in the time, as what is left out is worth more than what is added.
    """
    values = int(np.isfinite(panel.values).sum())
    if len(panel) >= MANY_SERIES:
        return _SECONDS_OF_POOL + values * _SECONDS_A_VALUE
    each = _MEMBERS_OF_FEW["best"] * (MOST_CUTOFFS_OF_FEW["best"] + 1)
    return _SECONDS_OF_FEW + values * each * _SECONDS_A_MEMBER


def networks_for(plan: Plan, panel: Panel) -> tuple[Networks, ...]:
    """Return the networks that are trained on these series."""
    given = plan.network
    if given is None:
        mode = mode_for(plan, panel)
        if len(panel) >= MANY_SERIES:
            return (usual_networks(panel, mode),)
        members = _MEMBERS_OF_FEW[mode]
        if explained_in_time(panel):
            # Recurrent ones take several times as long with covariates, and were no better on made series.
            return (LocalNetworks(cell="dense", layout="flat", learning_rate=0.005, members=members),)
        return (LocalNetworks(members=members),)
    return with_names_apart(networks_named(given), plan.baselines or ())


def are_few(panel: Panel, networks: Sequence[Networks]) -> bool:
    """Return whether there is time for many cutoffs, and for fresh weights at each.

    A network that knows one series only does not take longer for another cutoff than for another series: of these it is to be
    few.
    """
    return len(panel) < MANY_SERIES and all(isinstance(one, LocalNetworks) for one in networks)


def most_cutoffs(plan: Plan, panel: Panel, networks: Sequence[Networks]) -> int:
    """Return from how many cutoffs there are forecasts to choose by, at most."""
    return (MOST_CUTOFFS_OF_FEW if are_few(panel, networks) else MOST_CUTOFFS)[mode_for(plan, panel)]


def network_methods(
    plan: Plan, networks: Sequence[Networks], refit: bool | int, last: int | None = None, in_stages: bool = False
) -> list[NetworkMethod]:
    """Return networks as methods, each configuration of a pool one of its own.

    Args:
        plan: What is to be done.
        networks: The networks.
        refit: At which cutoffs they are trained, as in `gatewise.backtest`.
        last: A cutoff at which they are trained whatever `refit` says: the end.
        in_stages: Whether a later training goes on with what an earlier one learnt; see `NetworkMethod`.
    """

    def trained_at(steps_back: Sequence[int]) -> Any:
        at = training_cutoffs(steps_back, refit)
        return at if last is None else np.where(np.asarray(steps_back) == last, last, at)

    return [
        NetworkMethod(part, plan.seed + place + inner, trained_at, in_stages)
        for place, one in enumerate(networks)
        for inner, part in enumerate(one.networks if isinstance(one, Pool) else (one,))
    ]


def baseline_methods(
    plan: Plan, panel: Panel, windows: int, least: int, once: bool = False
) -> tuple[list[Method], tuple[Baseline, ...], tuple[str, ...]]:
    """Return the baselines as methods, themselves, and what is to be said of them.

    Args:
        plan: What is to be done; baselines that it names forecast from all cutoffs.
        panel: The series.
        windows: From how many cutoffs. Where there is not the time for all, from fewer.
        least: A baseline that there is no time for from so many is left out.
        once: Whether those that are estimated series by series are for all past cutoffs together; see `SlowBaselines`.
    """
    mode = mode_for(plan, panel)
    named = plan.baselines is not None
    seconds = _BASELINE_SECONDS[mode] if plan.minutes is None else 60 * plan.minutes * _BASELINE_SHARE
    left = float("inf") if named else seconds
    quick: list[Baseline] = []
    slow: list[tuple[Baseline, int]] = []
    notes = []
    arima = mode == "best" and len(panel) < MANY_SERIES
    given = plan.baselines
    if given is None:
        given = usual_baselines(panel.season_length, arima, explained_in_time(panel))
    for baseline in given:
        cost = seconds_of(baseline, panel) if BY_NAME.get(baseline.name) == baseline else 0.0
        if not cost:
            quick.append(baseline)
        elif left < seconds_of(baseline, panel, least, once):
            notes.append(
                f"{baseline.name} was left out, since it would take longer than the {seconds:.0f} seconds that baselines "
                "have: give more minutes, or name it in baselines."
            )
        else:
            count = windows if named or once else min(windows, int(left / cost))
            slow.append((baseline, count))
            left -= seconds_of(baseline, panel, count, once)
    if not named and not has_statsforecast():
        notes.append(
            "Theta and ETS are not among the baselines, since statsforecast is not installed: pip install "
            "'gatewise[baselines]'."
        )
    methods: list[Method] = [BaselineMethod(baseline) for baseline in quick]
    if slow:
        methods.append(SlowBaselines(tuple(slow), once))
    return methods, (*quick, *(baseline for baseline, _ in slow)), tuple(notes)


def explained_in_time(panel: Panel) -> bool:
    """Return whether a panel has covariates of each step, and not only of whole series."""
    return panel.covariates is not None and bool(panel.covariates.future_names or panel.covariates.past_names)
