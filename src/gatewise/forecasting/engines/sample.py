"""From the sample to what all blocks share: the choice of a forecaster, and what the series of the sample have alike."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float64, Int64

from gatewise.errors import UsageError
from gatewise.forecasting.choosing.bands import usual_sizes
from gatewise.forecasting.choosing.judgement import errors_with, moved_at, series_scale, sizes_now, usual_errors_of
from gatewise.forecasting.choosing.movement import Movement
from gatewise.forecasting.classical.baseline_methods import BY_NAME
from gatewise.forecasting.classical.slow_baselines import SlowBaselines
from gatewise.forecasting.covariates import texts_of
from gatewise.forecasting.covariates_said import covariates_said
from gatewise.forecasting.engines.lots import MOST, Draw, lots_of
from gatewise.forecasting.engines.shared import Shared
from gatewise.forecasting.explanation import explained
from gatewise.forecasting.fitted import Plan
from gatewise.forecasting.networks.global_networks import Networks, TrainedNetworks
from gatewise.forecasting.networks.local_networks import LocalNetworks
from gatewise.forecasting.networks.network_methods import NetworkMethod
from gatewise.forecasting.panel import Panel
from gatewise.forecasting.planning import panel_for
from gatewise.forecasting.time_budget import Budget
from gatewise.forecasting.validation import Validated, validated
from gatewise.progress import Progress
from gatewise.tables import SeriesTable


def shared_of(
    plan: Plan, table: SeriesTable, draw: Draw, levels: Float64[np.ndarray, " levels"], progress: Progress
) -> Shared:
    """Choose, train and measure on a sample.

    Args:
        plan: What is to be done.
        table: The sample.
        draw: How it was drawn.
        levels: Of the intervals, in per cent.
        progress: Told how far it is.

    Raises:
        UsageError: A network or baseline is a function of your own, which cannot be sent, or a network gives quantiles.
    """
    _refuse(plan)
    panel, season_notes = panel_for(plan, table)
    panel = keyed(panel, table, plan.seed)
    made = validated(plan, panel, Budget(None), progress)
    rolled, judged = made.rolled, made.judged
    sizes = sizes_now(errors_with(rolled, judged.forecasts, judged.weights[-1], 0), rolled, 0, panel)
    past = rolled.steps_back > 0
    scale, moved = series_scale(panel.values, panel.season_length), moved_at(panel, rolled.steps_back)
    movement = Movement(moved[past], moved[-1])
    _, said = covariates_said(table, [method.networks for method in made.networks], made.baselines)
    return Shared(
        horizon=plan.horizon,
        network_only=plan.network_only,
        seed=plan.seed,
        draw=draw,
        alone=len(table) == 1 and draw.first_outside == MOST,
        season_length=panel.season_length,
        freq=table.freq,
        kind=table.starts.dtype.kind,
        texts=texts_of(table),
        width=panel.values.shape[1],
        steps_back=rolled.steps_back,
        trained_at=_trained_at(made),
        baselines=_counted(made),
        once=any(method.once for method in made.baseline_methods if isinstance(method, SlowBaselines)),
        networks=tuple(_to_send(method) for method in made.networks),
        levels=levels,
        usual=usual_errors_of(rolled, panel, plan.network_only),
        sizes=usual_sizes(sizes[past], rolled.steps_back[past], scale, movement, levels),
        sentences=explained(rolled, judged, panel, (*said, *season_notes, *made.notes), {}).sentences,
    )


def keyed(panel: Panel, table: SeriesTable, seed: int) -> Panel:
    """Return the panel of a table with keys that come from the names of the series."""
    return replace(panel, keys=lots_of(table.ids.tolist(), seed))


def _counted(made: Validated) -> tuple[tuple[str, int], ...]:
    slow = {
        baseline.name: count
        for method in made.baseline_methods
        if isinstance(method, SlowBaselines)
        for baseline, count in method.baselines
    }
    return tuple((baseline.name, slow.get(baseline.name, 0)) for baseline in made.baselines)


def _trained_at(made: Validated) -> Int64[np.ndarray, " windows"]:
    """Return at which cutoff the networks were trained that forecast from each: the same for all."""
    back = made.rolled.steps_back
    return np.asarray(made.networks[0].trained_at(back.tolist()) if made.networks else back, np.int64)


def _to_send(method: NetworkMethod) -> LocalNetworks | dict[int, TrainedNetworks]:
    return method.networks if isinstance(method.networks, LocalNetworks) else method.by_cutoff


def _refuse(plan: Plan) -> None:
    """Refuse what blocks cannot do, before anything is trained."""
    own = [f"baseline {one.name!r}" for one in plan.baselines or () if BY_NAME.get(one.name) != one]
    networks = plan.network if isinstance(plan.network, list | tuple) else [plan.network]
    for network in networks:
        built = getattr(network, "build", None) is not None
        if built or (callable(network) and not isinstance(network, Networks)):
            own.append(f"network {getattr(network, 'name', getattr(network, '__name__', 'own'))!r}")
    if own:
        raise UsageError(
            f"The {own[0]} is a function or a class of your own, and code is not sent to other machines: leave it out, or "
            "fit a Forecaster."
        )
    for network in networks:
        head = getattr(network, "head", "point")
        if head != "point":
            raise UsageError(
                f"The network {network.name!r} has the head {head!r}, and the intervals of blocks come from past errors only: "
                "take head='point', or fit a Forecaster."
            )
