"""Forecasts of several methods from the same past cutoffs, each from what was known there and nothing later."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from jaxtyping import Bool, Float64

from gatewise.errors import UsageError
from gatewise.forecasting.panel import Panel
from gatewise.progress import Progress

# A series that has fewer values before a cutoff is not forecast from there: no method has anything to go by.
LEAST_VALUES = 3
# The probabilities of the quantiles that a method may give beside its forecast, which is the median among them.
QUANTILE_LEVELS = np.array([0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975])
MEDIAN = len(QUANTILE_LEVELS) // 2
# So much longer than baselines, for the share of the work that is told.
_NETWORKS_TAKE = 10.0


class Method(Protocol):
    """Something that forecasts from any cutoff.

    Attributes:
        title: What it is called while it works.
        is_network: Whether it is networks, and not a baseline.
    """

    @property
    def title(self) -> str:
        """What it is called while it works."""

    @property
    def is_network(self) -> bool:
        """Whether it is networks."""

    def start(self, panel: Panel, horizon: int, steps_back: Sequence[int]) -> None:
        """Begin what can be done beside the other methods, before any of them rolls."""

    def stop(self) -> None:
        """End what was begun, where the forecasts are not wanted any more."""

    def roll(
        self, panel: Panel, horizon: int, steps_back: Sequence[int], progress: Callable[[float], None]
    ) -> dict[str, Float64[np.ndarray, "windows series horizon"]]:
        """Forecast from each cutoff with what was known there.

        Args:
            panel: The series; those that have fewer than `LEAST_VALUES` at a cutoff may be NaN there.
            horizon: Steps.
            steps_back: The cutoffs, as columns of the panel that come after them.
            progress: Told the share that is done.

        Returns:
            The forecasts by name, as a method may have several.
        """


@dataclass(frozen=True, eq=False)
class Rolled:
    """Forecasts of every method from every cutoff, and what happened.

    Attributes:
        names: The methods.
        networks: Which of them are networks, ``(methods,)``.
        steps_back: How many columns come after each cutoff, the earliest cutoff first, ``(windows,)``.
        forecasts: NaN where a series had too few values, ``(methods, windows, series, horizon)``.
        actual: NaN where it is missing or still to come, ``(windows, series, horizon)``.
        quantiles: Those of `QUANTILE_LEVELS` by name, of the methods that give any, ``(windows, series, horizon, levels)``.
        local: The networks that know one series only, each of them.
    """

    names: tuple[str, ...]
    networks: Bool[np.ndarray, " methods"]
    steps_back: np.ndarray
    forecasts: Float64[np.ndarray, "methods windows series horizon"]
    actual: Float64[np.ndarray, "windows series horizon"]
    quantiles: Mapping[str, Float64[np.ndarray, "windows series horizon levels"]] = field(default_factory=dict)
    local: frozenset[str] = frozenset()

    @property
    def horizon(self) -> int:
        """Steps of each forecast."""
        return self.actual.shape[2]

    @property
    def errors(self) -> Float64[np.ndarray, "methods windows series horizon"]:
        """Actual value minus forecast; NaN where either is not known."""
        return self.actual - self.forecasts

    def known_at(self, steps_back: int) -> Bool[np.ndarray, "windows 1 horizon"]:
        """Return which steps of which windows had happened by a cutoff: all that may be learned from there."""
        step = np.arange(1, self.horizon + 1)
        return (step <= (self.steps_back - steps_back)[:, None])[:, None, :]

    def only(self, methods: Bool[np.ndarray, " methods"]) -> "Rolled":
        """Return some of the methods."""
        names = tuple(name for name, chosen in zip(self.names, methods, strict=True) if chosen)
        return replace(self, names=names, networks=self.networks[methods], forecasts=self.forecasts[methods])


def roll(
    methods: Sequence[Method], panel: Panel, horizon: int, steps_back: Sequence[int], progress: Progress
) -> Rolled:
    """Let every method forecast from every cutoff.

    Args:
        methods: The methods.
        panel: The series, to their ends.
        horizon: Steps.
        steps_back: The cutoffs, as columns that come after them; 0 forecasts what is still to come.
        progress: Told how far it is.

    Raises:
        UsageError: Two methods have the same name.
    """
    back = np.array(sorted(set(steps_back), reverse=True), np.int64)
    try:
        found = _rolled(methods, panel, horizon, back.tolist(), progress)
    finally:
        for method in methods:
            method.stop()
    names = [name for part in found for name in part]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UsageError(f"Two methods are called {twice[0]!r}: give each a name of its own.")
    forecasts = {name: forecast for part in found for name, forecast in part.items()}
    stacked = np.array([*forecasts.values()]).reshape(len(forecasts), len(back), len(panel), horizon)
    short = np.stack(
        [np.isfinite(panel.values[:, : panel.values.shape[1] - b]).sum(axis=1) < LEAST_VALUES for b in back]
    )
    # From the cutoff at the end even the shortest series is forecast, as well as it can be.
    short[back == 0] = False
    stacked[:, short] = np.nan
    quantiles = {name: own for method in methods for name, own in getattr(method, "quantiles", {}).items()}
    for own in quantiles.values():
        own[short] = np.nan
    both = [*zip(methods, found, strict=True)]
    networks = np.array([method.is_network for method, part in both for _ in part], bool)
    local = frozenset(name for method, part in both for name in part if getattr(method, "is_local", False))
    return Rolled(tuple(forecasts), networks, back, stacked, actual_after(panel, horizon, back), quantiles, local)


def _rolled(
    methods: Sequence[Method], panel: Panel, horizon: int, back: list[int], progress: Progress
) -> list[dict[str, np.ndarray]]:
    """Return the forecasts of each method by name."""
    for method in methods:
        method.start(panel, horizon, back)
    found: list[dict[str, np.ndarray]] = [{} for _ in methods]
    # Networks first, while workers estimate baselines.
    order = sorted(range(len(methods)), key=lambda place: not methods[place].is_network)
    weights = [_NETWORKS_TAKE if method.is_network else 1.0 for method in methods]
    before = 0.0
    for place in order:

        def share(part: float, place: int = place, before: float = before) -> None:
            progress((before + part * weights[place]) / sum(weights), methods[place].title)

        share(0.0)
        found[place] = methods[place].roll(panel, horizon, back, share)
        before += weights[place]
    return found


def actual_after(panel: Panel, horizon: int, steps_back: np.ndarray) -> Float64[np.ndarray, "windows series horizon"]:
    """Return what happened after each cutoff, NaN where it is missing or still to come."""
    padded = np.pad(panel.values, ((0, 0), (0, horizon)), constant_values=np.nan)
    end = panel.values.shape[1]
    return np.stack([padded[:, end - back : end - back + horizon] for back in steps_back])


def values_until(panel: Panel, steps_back: int) -> Float64[np.ndarray, "series time"]:
    """Return the values that were known at a cutoff."""
    return panel.values[:, : panel.values.shape[1] - steps_back]
