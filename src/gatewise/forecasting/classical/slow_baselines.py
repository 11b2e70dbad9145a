"""Baselines that are estimated series by series as a method of a rolling origin: by workers, from as many cutoffs as asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64

from gatewise.evaluation.simple_baselines import Baseline
from gatewise.forecasting.classical.baseline_methods import seconds_of
from gatewise.forecasting.classical.baseline_workers import Task, Workers
from gatewise.forecasting.panel import Panel
from gatewise.forecasting.rolling import values_until


@dataclass(eq=False)
class SlowBaselines:
    """Some baselines that are estimated series by series.

    Attributes:
        baselines: The baselines, each with the number of cutoffs that it forecasts from at most; the last is always among
            them.
    """

    baselines: tuple[tuple[Baseline, int], ...]
    is_network: bool = field(default=False, init=False)
    _workers: Workers | None = field(default=None, init=False)
    _places: list[tuple[str, int, np.ndarray]] = field(default_factory=list, init=False)

    @property
    def title(self) -> str:
        """What they are called while they work."""
        return f"baselines {', '.join(baseline.name for baseline, _ in self.baselines)}"

    def start(self, panel: Panel, horizon: int, steps_back: Sequence[int]) -> None:
        """Begin to forecast from each cutoff, beside whatever else is done."""
        tasks, seconds = [], 0.0
        self._places = []
        for baseline, most in self.baselines:
            count = min(most, len(steps_back))
            chosen = np.unique(np.linspace(len(steps_back) - 1, 0, count).round().astype(int))
            for window in chosen.tolist():
                values = values_until(panel, steps_back[window])
                begun = np.flatnonzero(np.isfinite(values).any(axis=1))
                tasks.append(Task(baseline, values[begun], panel.season_length, horizon))
                self._places.append((baseline.name, window, begun))
            seconds += len(chosen) * seconds_of(baseline, panel)
        self._workers = Workers(tasks, seconds)

    def stop(self) -> None:
        """End what still runs."""
        if self._workers is not None:
            self._workers.stop()
            self._workers = None

    def roll(
        self, panel: Panel, horizon: int, steps_back: Sequence[int], progress: Callable[[float], None]
    ) -> dict[str, Float64[np.ndarray, "windows series horizon"]]:
        """Wait for the forecasts from each cutoff; see `rolling.Method`."""
        if self._workers is None:
            self.start(panel, horizon, steps_back)
        assert self._workers is not None
        found = {
            baseline.name: np.full((len(steps_back), len(panel), horizon), np.nan) for baseline, _ in self.baselines
        }
        for (name, window, begun), forecast in zip(self._places, self._workers.forecasts(), strict=True):
            found[name][window, begun] = forecast
        progress(1.0)
        return found
