"""`backtest`: what forecasts would have been worth, from past cutoffs, with fresh weights at each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool

from gatewise.errors import DataError
from gatewise.evaluation.averages import read_levels, whole_number
from gatewise.forecasting.choosing.edges import above_floor, floors
from gatewise.forecasting.choosing.judgement import (
    Judged,
    errors_with,
    judge,
    moved_at,
    reach_at,
    reach_of_networks,
)
from gatewise.forecasting.choosing.leaks import refuse_leaks
from gatewise.forecasting.choosing.scores import EVEN_LEVELS, By, Scores
from gatewise.forecasting.covariates_said import covariates_said
from gatewise.forecasting.cutoffs import backtest_cutoffs, validation_cutoffs
from gatewise.forecasting.forecaster import Forecaster
from gatewise.forecasting.frames import backtest_frame, level_name
from gatewise.forecasting.panel import Panel
from gatewise.forecasting.planning import (
    baseline_methods,
    most_cutoffs,
    network_methods,
    networks_for,
    panel_for,
)
from gatewise.forecasting.rolling import Method, Rolled, roll, values_until
from gatewise.progress import Progress, shown
from gatewise.tables import SeriesTable, read_series

if TYPE_CHECKING:
    import pandas as pd

LEVELS = (80.0, 95.0)
# With more forecasts than this, of all methods together, only those of gatewise get intervals.
_MOST_COMPARED = 5_000_000
# Forecasts that are made of those of methods.
_OF_ALL = ("gatewise", "gatewise-network")


@dataclass(frozen=True, eq=False, repr=False)
class Backtest:
    """Forecasts from past cutoffs, and what they are worth.

    Attributes:
        frame: The columns ``unique_id, ds, cutoff, y, gatewise``, its intervals, ``gatewise-network``, and every method by
            its name; one row for each series, cutoff and step.
        scores: Their errors; see `Scores`.
        levels: Of the intervals, in per cent.
        notes: What else is to be said, such as which baseline there was no time for.
        networks: Which of the methods are networks.
        covariates: The covariates that a method used.
    """

    frame: "pd.DataFrame"
    scores: Scores
    levels: tuple[float, ...]
    notes: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Say how many forecasts there are, and which method was best."""
        forecasts = self.frame[["unique_id", "cutoff"]].drop_duplicates()
        cutoffs, series = forecasts["cutoff"].nunique(), forecasts["unique_id"].nunique()
        return f"Backtest({series:,} series, {cutoffs:,} cutoffs, {len(self.frame):,} forecast values; {self.ranking})"

    def metrics(self, by: By | None = None) -> "pd.DataFrame":
        """Return the errors of every method; see `Scores.table`."""
        return self.scores.table(by)

    @property
    def ranking(self) -> str:
        """Whether the best method is better than the others, or only was so here, as a sentence."""
        return self.scores.ranking()


def backtest(
    forecaster: Forecaster,
    series: Any,
    *,
    n_windows: int = 8,
    step_size: int = 1,
    refit: bool | int = True,
    level: float | Sequence[float] = LEVELS,
    check_leaks: bool = False,
    progress: Progress | bool = True,
) -> Backtest:
    """Forecast from past cutoffs as if each were now, and compare with what came.

    At each cutoff the forecaster does all that `Forecaster.fit` does with what was known there: it trains from fresh
    weights, chooses and weighs by errors from earlier cutoffs only.

    Args:
        forecaster: What is to be tested, fitted or not; it is left as it is.
        series: A `SeriesTable`, or anything that `gatewise.read_series` takes.
        n_windows: Cutoffs; the last is a horizon before the end.
        step_size: Steps from one to the next.
        refit: True trains networks from fresh weights at each cutoff, a number at every so many, False at the first only.
        level: The share of values that intervals are to hold, in per cent.
        check_leaks: Whether to do all of it once more with other values in the later half, and refuse a method whose forecasts
            from before that are not the same, bit for bit.
        progress: True for a bar, on a terminal or in a notebook; False for none; or what is called with the share that is
            done, from 0 to 1, and with what is being done.

    Raises:
        DataError: No series is long enough.
        UsageError: A method knows the future.
    """
    plan = forecaster.plan
    if not isinstance(refit, bool):
        whole_number(refit, "refit")
    table = series if isinstance(series, SeriesTable) else read_series(series)
    back = backtest_cutoffs(plan.horizon, whole_number(n_windows, "n_windows"), whole_number(step_size, "step_size"))
    panel, season_notes = panel_for(plan, table, back[0])
    most = int(table.lengths.max())
    if back[0] > most - 3:
        raise DataError(
            f"The longest series has {most} values, and {n_windows} windows with step_size={step_size} and "
            f"horizon={plan.horizon} need {back[0] + 3}: give longer series, or smaller numbers."
        )
    networks = networks_for(plan, panel)
    before = most_cutoffs(plan, panel, networks) // 3
    cutoffs = [*(b + back[0] for b in validation_cutoffs(panel.until(back[0]), plan.horizon, before)), *back]
    baselines, named, notes = baseline_methods(plan, panel, len(cutoffs), least=len(cutoffs))

    def rolled_over(panel: Panel, told: Progress) -> Rolled:
        methods: list[Method] = [*baselines, *network_methods(plan, networks, refit)]
        return roll(methods, panel, plan.horizon, cutoffs, told)

    with shown(progress) as told:
        rolled = rolled_over(panel, partial(_part, told, 0, 1 + check_leaks))
        if check_leaks:
            refuse_leaks(rolled, panel, partial(rolled_over, told=partial(_part, told, 1, 2)))
    judged = judge(rolled, panel, plan.network_only)
    levels = tuple(read_levels(level).tolist())
    tested = backtest_of(table, panel, rolled, judged, np.isin(rolled.steps_back, back), levels)
    used, said = covariates_said(table, networks, named)
    return replace(tested, notes=(*said, *season_notes, *notes), covariates=used)


def _part(told: Progress, place: int, parts: int, share: float, what: str) -> None:
    """Tell how far the whole is, of which this is one of some parts."""
    told((place + share) / parts, what)


def backtest_of(
    table: SeriesTable,
    panel: Panel,
    rolled: Rolled,
    judged: Judged,
    windows: Bool[np.ndarray, " windows"],
    levels: tuple[float, ...] = LEVELS,
) -> Backtest:
    """Return a backtest from forecasts that were made.

    Args:
        table: The series.
        panel: The same side by side.
        rolled: The forecasts of all methods.
        judged: The forecasts made of them.
        windows: The cutoffs that count; earlier ones have only been chosen by.
        levels: Of the intervals.
    """
    back = rolled.steps_back[windows]
    made = {"gatewise": judged.forecasts}
    # Where baselines have no part, both are the same.
    if rolled.networks.any() and not np.allclose(judged.networks, judged.forecasts, rtol=1e-9, equal_nan=True):
        made["gatewise-network"] = judged.networks
    made |= dict(zip(rolled.names, rolled.forecasts, strict=True))
    # Of every method, so that they can be compared; where that would be too much, of the forecast alone.
    few = rolled.forecasts.size <= _MOST_COMPARED
    every = np.array([*levels, *EVEN_LEVELS])
    weights_of = {"gatewise": judged.weights, "gatewise-network": judged.network_weights}
    reach, moved = {}, moved_at(panel, rolled.steps_back)
    for name, forecast in made.items():
        if name == "gatewise" or few:
            heads = rolled.names if name in weights_of else (name,)
            own = reach_of_networks(rolled, judged.network_weights, heads)
            weights = weights_of.get(name)
            reach[name] = np.stack(
                [
                    reach_at(
                        rolled, panel, forecast, _sizes(rolled, forecast, weights, window), own, moved, window, every
                    )
                    for window in np.flatnonzero(windows).tolist()
                ],
                axis=1,
            )
    counted, reach = _above_floors({name: own[windows] for name, own in made.items()}, reach, panel, back)
    columns = {"y": rolled.actual[windows], "gatewise": counted["gatewise"]}
    for place, level in enumerate(levels):
        below, above = reach["gatewise"][..., place]
        columns[f"gatewise-lo-{level_name(level)}"] = counted["gatewise"] - below
        columns[f"gatewise-hi-{level_name(level)}"] = counted["gatewise"] + above
    frame = backtest_frame(table, back, rolled.horizon, {**columns, **counted})
    labels = {"series": table.ids, "cutoff": _cutoff_labels(table, back)}
    networks = tuple(name for name, own in zip(rolled.names, rolled.networks, strict=True) if own)
    scores = Scores(panel, back, rolled.actual[windows], counted, reach, levels, labels, networks)
    return Backtest(frame, scores, levels, networks=networks)


def _above_floors(
    made: dict[str, np.ndarray], reach: dict[str, np.ndarray], panel: Panel, steps_back: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return forecasts and how far intervals reach, nothing of it below 0 where a series never was until its cutoff.

    A baseline forecasts what it forecasts; its intervals end where those of gatewise do.
    """
    floor = np.stack([floors(values_until(panel, int(b))) for b in steps_back])[..., None]
    counted, cut = {}, {}
    for name, forecast in made.items():
        lowest = np.broadcast_to(floor, forecast.shape)
        lowest = lowest if name in _OF_ALL else np.minimum(lowest, forecast)
        counted[name] = np.maximum(forecast, lowest)
        if name in reach:
            counted[name], cut[name] = above_floor(lowest, forecast, reach[name])
    return counted, cut


def _sizes(rolled: Rolled, made: np.ndarray, weights: np.ndarray | None, window: int) -> np.ndarray:
    """Return the sizes of errors to expect at a cutoff: of a method those it made, of a combination by its weights there."""
    if weights is None:
        return np.abs(rolled.actual - made)
    return errors_with(rolled, made, weights[window], int(rolled.steps_back[window]))


def _cutoff_labels(table: SeriesTable, back: np.ndarray) -> Any:
    """Return the times of the cutoffs, or how many steps before the end they are where series end at different times."""
    times = table.times_from_end(-back)
    same = (times == times[:1]).all()
    return table.on_clock(times[0]).to_numpy() if same else -back
