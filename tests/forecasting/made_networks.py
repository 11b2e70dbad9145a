"""Networks that take no time: a straight line through the last values, with a little noise that the seed decides."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Lines:
    """Two members for each panel; the second is named otherwise."""

    name: str = "lines"
    look_back: int = 6

    def train(self, panel, horizon, *, seed=0, progress=None):
        if progress is not None:
            progress(1.0)
        return TrainedLines(self, horizon, np.random.default_rng(seed).standard_normal(2))


@dataclass(frozen=True, eq=False)
class TrainedLines:
    networks: Lines
    horizon: int
    noise: np.ndarray

    @property
    def names(self):
        return (self.networks.name, f"{self.networks.name}, flat")

    def forecast(self, panel):
        last = panel.values[:, -self.networks.look_back :]
        time = np.arange(last.shape[1])
        steps = np.arange(last.shape[1], last.shape[1] + self.horizon)
        forecasts = np.empty((2, len(panel), self.horizon))
        for row, values in enumerate(last):
            known = np.isfinite(values)
            slope, level = np.polyfit(time[known], values[known], 1) if known.sum() > 1 else (0.0, np.nanmean(values))
            forecasts[0, row] = level + slope * steps
            forecasts[1, row] = level + slope * time[-1]
        return forecasts + 0.1 * self.noise[:, None, None]

    def specification(self):
        return {"family": "lines"}

    def arrays(self):
        return {"noise": self.noise}
