"""The methods that forecast a block of series: baselines, networks trained before, and networks to be trained there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64

from gatewise.forecasting.classical.baseline_methods import BY_NAME, BaselineMethod
from gatewise.forecasting.classical.slow_baselines import SlowBaselines
from gatewise.forecasting.engines.shared import Shared
from gatewise.forecasting.networks.global_networks import TrainedNetworks
from gatewise.forecasting.networks.local_networks import LocalNetworks
from gatewise.forecasting.networks.network_methods import NetworkMethod, by_name, forecasts_at
from gatewise.forecasting.panel import Panel
from gatewise.forecasting.rolling import Method


def methods_of(shared: Shared) -> list[Method]:
    """Return the methods in the order in which the sample had them."""
    quick = [BaselineMethod(BY_NAME[name]) for name, count in shared.baselines if not count]
    slow = tuple((BY_NAME[name], count) for name, count in shared.baselines if count)
    methods: list[Method] = [*quick, *([SlowBaselines(slow, shared.once)] if slow else [])]
    for networks in shared.networks:
        method: Method
        if isinstance(networks, LocalNetworks):
            method = NetworkMethod(networks, shared.seed, lambda _: shared.trained_at)
        else:
            method = TrainedBefore(networks, shared.trained_at.tolist())
        # A single block has the size that it has.
        methods.append(method if shared.draw.blocks == 1 else FilledUp(method, shared.draw.rows))
    return methods


@dataclass(frozen=True, eq=False)
class TrainedBefore:
    """Networks that were trained on other series, at some of the cutoffs.

    Attributes:
        by_cutoff: The networks by the cutoff at which they were trained.
        trained_at: For each cutoff, at which.
    """

    by_cutoff: Mapping[int, TrainedNetworks]
    trained_at: Sequence[int]
    is_network: bool = field(default=True, init=False)

    @property
    def title(self) -> str:
        """What they are called while they forecast."""
        return "networks"

    def start(self, panel: Panel, horizon: int, steps_back: Sequence[int]) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""

    def roll(
        self, panel: Panel, horizon: int, steps_back: Sequence[int], progress: Callable[[float], None]
    ) -> dict[str, Float64[np.ndarray, "windows series horizon"]]:
        """Forecast from each cutoff; see `rolling.Method`."""
        forecasts: list[np.ndarray] = []
        for at in dict.fromkeys(self.trained_at):
            own = [back for back, when in zip(steps_back, self.trained_at, strict=True) if when == at]
            forecasts += [members for members, _ in forecasts_at(self.by_cutoff[at], panel, own)]
            progress(len(forecasts) / len(steps_back))
        return by_name(self.by_cutoff[self.trained_at[0]].names, np.stack(forecasts, axis=1))


@dataclass(frozen=True, eq=False)
class FilledUp:
    """A method that is given a multiple of so many series, the first ones once more, so that its programs fit all blocks.

    Attributes:
        method: The method.
        rows: How many.
    """

    method: Method
    rows: int

    @property
    def title(self) -> str:
        """What it is called while it works."""
        return self.method.title

    @property
    def is_network(self) -> bool:
        """Whether it is networks."""
        return self.method.is_network

    @property
    def is_local(self) -> bool:
        """Whether it is networks of which each knows one series only."""
        return getattr(self.method, "is_local", False)

    def start(self, panel: Panel, horizon: int, steps_back: Sequence[int]) -> None:
        """Begin what can be done beside the other methods."""
        self.method.start(panel, horizon, steps_back)

    def stop(self) -> None:
        """End what was begun."""
        self.method.stop()

    def roll(
        self, panel: Panel, horizon: int, steps_back: Sequence[int], progress: Callable[[float], None]
    ) -> dict[str, Float64[np.ndarray, "windows series horizon"]]:
        """Forecast from each cutoff; see `rolling.Method`."""
        rows = np.arange(-(-len(panel) // self.rows) * self.rows) % len(panel)
        found = self.method.roll(panel.select(rows), horizon, steps_back, progress)
        return {name: forecast[:, : len(panel)] for name, forecast in found.items()}
