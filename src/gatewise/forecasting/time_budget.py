"""A promise of minutes: what has not been done when they are over is left out, and said."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64

from gatewise.errors import UsageError
from gatewise.forecasting.networks.network_methods import NetworkMethod
from gatewise.forecasting.panel import Panel
from gatewise.forecasting.rolling import Rolled
from gatewise.tables.form import quoted


class _OutOfTime(Exception):
    """Leaves a training when the time is over."""


@dataclass(eq=False)
class Budget:
    """Seconds that go by.

    Attributes:
        minutes: How many there are in all, None for as many as it takes.
        started: When they began, as `time.perf_counter` has it.
        left_out: What there was no time for.
        longest: Seconds that the longest of what was done took.
    """

    minutes: float | None
    started: float = field(default_factory=time.perf_counter)
    left_out: list[str] = field(default_factory=list)
    longest: float = field(default=0.0, init=False)

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return np.inf if self.minutes is None else 60 * self.minutes - (time.perf_counter() - self.started)

    def check(self) -> None:
        """Leave what is being done where the time is over."""
        if self.left <= 0:
            raise _OutOfTime

    def notes(self) -> tuple[str, ...]:
        """Return what is to be said of what there was no time for."""
        if not self.left_out:
            return ()
        return (
            f"In {self.minutes:g} minutes there was no time for the networks {quoted(self.left_out, len(self.left_out))}: give "
            "more for a better forecast, which is then the same on every machine.",
        )


@dataclass(eq=False)
class WithinBudget:
    """Networks that are trained as long as there is time; otherwise a method without forecasts.

    Attributes:
        method: The networks.
        budget: The time.
    """

    method: NetworkMethod
    budget: Budget
    is_network: bool = field(default=True, init=False)

    @property
    def title(self) -> str:
        """What they are called while they are trained."""
        return self.method.title

    @property
    def is_local(self) -> bool:
        """Whether each knows one series only."""
        return self.method.is_local

    @property
    def quantiles(self) -> dict[str, np.ndarray]:
        """Quantiles by name."""
        return self.method.quantiles

    def start(self, panel: Panel, horizon: int, steps_back: Sequence[int]) -> None:
        """Begin nothing; see `rolling.Method`."""

    def stop(self) -> None:
        """End nothing."""

    def roll(
        self, panel: Panel, horizon: int, steps_back: Sequence[int], progress: Callable[[float], None]
    ) -> dict[str, Float64[np.ndarray, "windows series horizon"]]:
        """Train and forecast, or return nothing where there is no time for it; see `rolling.Method`."""

        def told(share: float) -> None:
            self.budget.check()
            progress(share)

        began = time.perf_counter()
        if self.budget.left > self.budget.longest:
            try:
                return self.method.roll(panel, horizon, steps_back, told)
            except _OutOfTime:
                self.method.trained = None
            finally:
                self.budget.longest = max(self.budget.longest, time.perf_counter() - began)
        self.budget.left_out.append(self.title.removeprefix("networks "))
        return {}


def refuse_nothing(budget: Budget, rolled: Rolled, network_only: bool) -> None:
    """Refuse a forecast that the minutes left nothing of.

    Raises:
        UsageError: No network was trained, and there are no baselines or they are to have no part.
    """
    if budget.left_out and not rolled.networks.any() and (network_only or not rolled.names):
        raise UsageError(
            f"No network could be trained in {budget.minutes:g} minutes: give more minutes, or let baselines have a part."
        )
