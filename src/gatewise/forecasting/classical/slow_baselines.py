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
        once: Whether they are estimated at the first cutoff and at the last, and follow the values to those between, as
            networks do that are not trained again.
    """

    baselines: tuple[tuple[Baseline, int], ...]
    once: bool = False
    is_network: bool = field(default=False, init=False)
    _workers: Workers | None = field(default=None, init=False)
    _places: list[tuple[str, list[int], np.ndarray]] = field(default_factory=list, init=False)

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
            for windows in self._together(chosen.tolist()):
                last = steps_back[windows[-1]]
                values = values_until(panel, last)
                begun = np.flatnonzero(np.isfinite(values).any(axis=1))
                ends = tuple(steps_back[window] - last for window in windows)
                tasks.append(Task(baseline, values[begun], ends, panel.season_length, horizon))
                self._places.append((baseline.name, windows, begun))
            seconds += seconds_of(baseline, panel, len(chosen), self.once)
        self._workers = Workers(tasks, seconds)

    def _together(self, chosen: list[int]) -> list[list[int]]:
        """Return the cutoffs of each estimate."""
        return [chosen[:-1], chosen[-1:]] if self.once and len(chosen) > 1 else [[window] for window in chosen]

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
        for (name, windows, begun), forecasts in zip(self._places, self._workers.forecasts(), strict=True):
            for place, window in enumerate(windows):
                found[name][window, begun] = forecasts[:, place]
        progress(1.0)
        return found
