"""Networks as methods of a rolling origin: fresh weights at each cutoff, or at some of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from gatewise.forecasting.networks.global_networks import Networks, Stage, TrainedNetworks
from gatewise.forecasting.networks.local_networks import LocalNetworks
from gatewise.forecasting.panel import Panel
from gatewise.forecasting.rolling import MEDIAN


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


def forecasts_and_quantiles(
    trained: TrainedNetworks, panel: Panel
) -> tuple[Float64[np.ndarray, "members series horizon"], dict[str, Float64[np.ndarray, "series horizon levels"]]]:
    """Return the forecasts of all members, and by name the quantiles of those configurations whose networks give any."""
    parts = getattr(trained, "parts", None)
    if parts is not None:
        each = [forecasts_and_quantiles(part, panel) for part in parts]
        return np.concatenate([members for members, _ in each]), {
            name: own for _, quantiles in each for name, own in quantiles.items()
        }
    if getattr(getattr(trained, "networks", None), "head", "point") == "point":
        return trained.forecast(panel), {}
    quantiles = trained.quantiles(panel)  # type: ignore[attr-defined]
    return quantiles[..., MEDIAN], by_name(trained.names, quantiles)


@dataclass(eq=False)
class NetworkMethod:
    """A family of networks.

    Attributes:
        networks: What they are.
        seed: Where their weights come from.
        trained_at: For each cutoff, at which they are trained.
        in_stages: Whether they are trained once for all cutoffs, each of the later ones going on with what was learnt before,
            rather than with fresh weights; only networks that can are.
        trained: The networks of the last cutoff, once they have been trained.
        quantiles: By name, of the networks that give any, once they have been rolled, ``(windows, series, horizon,
            levels)``.
        by_cutoff: Global networks by the cutoff at which they were trained.
    """

    networks: Networks
    seed: int
    trained_at: Callable[[Sequence[int]], Int64[np.ndarray, " windows"]]
    in_stages: bool = False
    trained: TrainedNetworks | None = field(default=None, init=False)
    quantiles: dict[str, np.ndarray] = field(default_factory=dict, init=False)
    by_cutoff: dict[int, TrainedNetworks] = field(default_factory=dict, init=False)
    is_network: bool = field(default=True, init=False)

    @property
    def title(self) -> str:
        """What they are called while they are trained."""
        return f"networks {getattr(self.networks, 'name', '')}".strip()

    @property
    def is_local(self) -> bool:
        """Whether each knows one series only."""
        return isinstance(self.networks, LocalNetworks)

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
            found = _local(self.networks, panel, horizon, (steps_back, at), (self.seed, progress))
        else:
            found = self._one_by_one(panel, horizon, (steps_back, at), progress)
        self.trained, members, self.quantiles = found
        return by_name(self.trained.names, np.moveaxis(members, 1, 0))

    def _one_by_one(
        self, panel: Panel, horizon: int, cutoffs: tuple[Sequence[int], Any], progress: Callable[[float], None]
    ) -> tuple[TrainedNetworks, np.ndarray, dict[str, np.ndarray]]:
        back, at = cutoffs
        trainings = list(dict.fromkeys(at.tolist()))
        forecasts: list[tuple[np.ndarray, dict[str, np.ndarray]]] = []
        trained: Any = None
        for place, training in enumerate(trainings):

            def share(done: float, place: int = place) -> None:
                progress((place + done) / len(trainings))

            stage = self._stage(trained, len(trainings))
            trained = self.networks.train(panel.until(training), horizon, seed=self.seed, progress=share, **stage)
            self.by_cutoff[training] = trained
            forecasts += forecasts_at(trained, panel, [b for b, when in zip(back, at, strict=True) if when == training])
        quantiles = {name: np.stack([own[name] for _, own in forecasts]) for name in forecasts[0][1]}
        return trained, np.stack([members for members, _ in forecasts]), quantiles

    def _stage(self, before: Any, stages: int) -> dict[str, Any]:
        """Return the argument that makes a training a part of a whole; none for networks that begin afresh each time."""
        if not (self.in_stages and getattr(self.networks, "in_stages", False)):
            return {}
        return {"stage": Stage(1 / stages, None if before is None else before.weights)}


def forecasts_at(
    trained: TrainedNetworks, panel: Panel, steps_back: Sequence[int]
) -> list[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Return what `forecasts_and_quantiles` does, from several cutoffs; networks that can read the series once for all."""
    if not hasattr(trained, "quantiles_at"):
        return [forecasts_and_quantiles(trained, panel.until(back)) for back in steps_back]
    found = []
    for quantiles in np.moveaxis(trained.quantiles_at(panel, steps_back), 2, 0):
        middle = quantiles[..., quantiles.shape[-1] // 2]
        found.append((middle, {} if quantiles.shape[-1] == 1 else by_name(trained.names, quantiles)))
    return found


def _local(
    networks: LocalNetworks, panel: Panel, horizon: int, cutoffs: tuple[Sequence[int], Any], run: tuple[int, Any]
) -> tuple[TrainedNetworks, np.ndarray, dict[str, np.ndarray]]:
    """Train local networks for all series at all cutoffs in one program: each cutoff is a panel of series of its own."""
    back, at = cutoffs
    seed, progress = run
    trainings = list(dict.fromkeys(at.tolist()))
    trained = networks.train(stacked(panel, trainings), horizon, seed=seed, progress=progress)
    series = np.arange(len(panel))
    places = np.concatenate([trainings.index(when) * len(panel) + series for when in at])
    members, quantiles = forecasts_and_quantiles(trained.select(places), stacked(panel, back))
    windows = members.reshape(networks.members, len(back), len(panel), horizon)
    last = trained.select(trainings.index(at[-1]) * len(panel) + series)
    apart = {name: own.reshape(len(back), len(panel), *own.shape[1:]) for name, own in quantiles.items()}
    return last, np.moveaxis(windows, 1, 0), apart


def stacked(panel: Panel, steps_back: Sequence[int]) -> Panel:
    """Return one panel with every series as it stood at every cutoff, ``(cutoffs × series, time)``."""
    return Panel.joined([panel.until(back) for back in steps_back])
