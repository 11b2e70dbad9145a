"""All methods forecast from past cutoffs and from the end, and are judged there: what a choice is made by."""

from dataclasses import dataclass

from gatewise.evaluation.simple_baselines import Baseline
from gatewise.forecasting.choosing.judgement import Judged, judge
from gatewise.forecasting.cutoffs import validation_cutoffs
from gatewise.forecasting.fitted import Plan
from gatewise.forecasting.networks.network_methods import NetworkMethod
from gatewise.forecasting.panel import Panel
from gatewise.forecasting.planning import (
    MANY_SERIES,
    are_few,
    baseline_methods,
    most_cutoffs,
    network_methods,
    networks_for,
)
from gatewise.forecasting.rolling import Method, Rolled, roll
from gatewise.forecasting.time_budget import Budget, WithinBudget, refuse_nothing
from gatewise.progress import Progress


@dataclass(frozen=True, eq=False)
class Validated:
    """Forecasts from past cutoffs and from the end, and what made them.

    Attributes:
        rolled: The forecasts of all methods.
        judged: The forecasts made of them.
        networks: The networks, which have been trained.
        baseline_methods: The baselines as methods.
        baselines: The baselines themselves.
        notes: What is to be said of them, and of the time.
    """

    rolled: Rolled
    judged: Judged
    networks: tuple[NetworkMethod, ...]
    baseline_methods: tuple[Method, ...]
    baselines: tuple[Baseline, ...]
    notes: tuple[str, ...]


def validated(plan: Plan, panel: Panel, budget: Budget, progress: Progress) -> Validated:
    """Choose networks, baselines and cutoffs, train, forecast and judge.

    Args:
        plan: What is to be done.
        panel: The series.
        budget: The time that networks have.
        progress: Told how far it is.

    Raises:
        UsageError: The time was not enough for anything.
    """
    networks = networks_for(plan, panel)
    back = [*validation_cutoffs(panel, plan.horizon, most_cutoffs(plan, panel, networks)), 0]
    trainers = network_methods(plan, networks, refit=are_few(panel, networks), last=0, in_stages=True)
    # Of many series baselines are estimated as often as networks are trained, which takes a fraction of the time.
    many = len(panel) >= MANY_SERIES
    least = len(back) if many else min(len(back), 2)
    methods, named, notes = baseline_methods(plan, panel, len(back), least, once=many)
    timed = [WithinBudget(trainer, budget) for trainer in trainers]
    rolled = roll([*methods, *timed], panel, plan.horizon, back, progress)
    refuse_nothing(budget, rolled, plan.network_only)
    judged = judge(rolled, panel, plan.network_only)
    return Validated(rolled, judged, tuple(trainers), tuple(methods), named, (*notes, *budget.notes()))
