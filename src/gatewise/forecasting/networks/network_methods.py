"""Networks as methods of a rolling origin: fresh weights at each cutoff, or at some of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from gatewise.forecasting.networks.global_networks import Networks, TrainedNetworks
from gatewise.forecasting.networks.local_networks import LocalNetworks
from gatewise.forecasting.panel import Panel


def training_cutoffs(steps_back: Sequence[int], refit: bool | int) -> Int64[np.ndarray, " windows"]:
    """Return for each cutoff, the earliest first, at which of them the networks were trained that forecast from it.

    Args:
        steps_back: The cutoffs.
        refit: True: at each; a number: at the first, and then at every so many; False: at the first only.

    >>> training_cutoffs([5, 4, 3, 2, 1], 2).tolist()
    [5, 5, 3, 3, 1]
    """
    back = np.asarray(steps_back, np.int64)
    every = 1 if refit is True else len(back) if refit is False else int(refit)
    return back[np.arange(len(back)) // every * every]


def by_name(
    names: Sequence[str], members: Float64[np.ndarray, "members *axes"]
) -> dict[str, Float64[np.ndarray, "*axes"]]:
    """Return the median of each configuration's members."""
    own = {name: [other == name for other in names] for name in dict.fromkeys(names)}
    return {name: np.median(members[chosen], axis=0) for name, chosen in own.items()}


@dataclass(eq=False)
class NetworkMethod:
    """A family of networks.

    Attributes:
        networks: What they are.
        seed: Where their weights come from.
        trained_at: For each cutoff, at which they are trained.
        trained: The networks of the last cutoff, once they have been trained.
    """

    networks: Networks
    seed: int
    trained_at: Callable[[Sequence[int]], Int64[np.ndarray, " windows"]]
    trained: TrainedNetworks | None = field(default=None, init=False)
    is_network: bool = field(default=True, init=False)

    @property
    def title(self) -> str:
        """What they are called while they are trained."""
        return f"networks {getattr(self.networks, 'name', '')}".strip()

    def start(self, panel: Panel, horizon: int, steps_back: Sequence[int]) -> None:
        """Do nothing: they take all cores when it is their turn."""

    def stop(self) -> None:
        """Do nothing: nothing runs beside."""

    def roll(
        self, panel: Panel, horizon: int, steps_back: Sequence[int], progress: Callable[[float], None]
    ) -> dict[str, Float64[np.ndarray, "windows series horizon"]]:
        """Train where it is to be done, and forecast from each cutoff; see `rolling.Method`."""
        at = self.trained_at(steps_back)
        if isinstance(self.networks, LocalNetworks):
            trained, members = _local(self.networks, panel, horizon, (steps_back, at), (self.seed, progress))
        else:
            trained, members = self._one_by_one(panel, horizon, (steps_back, at), progress)
        self.trained = trained
        return by_name(trained.names, np.moveaxis(members, 1, 0))

    def _one_by_one(
        self, panel: Panel, horizon: int, cutoffs: tuple[Sequence[int], Any], progress: Callable[[float], None]
    ) -> tuple[TrainedNetworks, np.ndarray]:
        back, at = cutoffs
        trainings = list(dict.fromkeys(at.tolist()))
        forecasts = []
        trained: Any = None
        for place, training in enumerate(trainings):

            def share(done: float, place: int = place) -> None:
                progress((place + done) / len(trainings))

            trained = self.networks.train(panel.until(training), horizon, seed=self.seed, progress=share)
            forecasts += [
                trained.forecast(panel.until(b)) for b, when in zip(back, at, strict=True) if when == training
            ]
        return trained, np.stack(forecasts)


def _local(
    networks: LocalNetworks, panel: Panel, horizon: int, cutoffs: tuple[Sequence[int], Any], run: tuple[int, Any]
) -> tuple[TrainedNetworks, np.ndarray]:
    """Train local networks for all series at all cutoffs in one program: each cutoff is a panel of series of its own."""
    back, at = cutoffs
    seed, progress = run
    trainings = list(dict.fromkeys(at.tolist()))
    trained = networks.train(stacked(panel, trainings), horizon, seed=seed, progress=progress)
    series = np.arange(len(panel))
    places = np.concatenate([trainings.index(when) * len(panel) + series for when in at])
    members = trained.select(places).forecast(stacked(panel, back))
    windows = members.reshape(networks.members, len(back), len(panel), horizon)
    last = trained.select(trainings.index(at[-1]) * len(panel) + series)
    return last, np.moveaxis(windows, 1, 0)


def stacked(panel: Panel, steps_back: Sequence[int]) -> Panel:
    """Return one panel with every series as it stood at every cutoff, ``(cutoffs × series, time)``."""
    time = panel.values.shape[1] - min(steps_back)
    parts = []
    for back in steps_back:
        known = panel.values[:, : panel.values.shape[1] - back]
        parts.append(np.pad(known, ((0, 0), (time - known.shape[1], 0)), constant_values=np.nan))
    return Panel(np.concatenate(parts), panel.season_length)
