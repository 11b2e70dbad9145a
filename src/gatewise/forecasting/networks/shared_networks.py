"""One network of windows for all series: what a network of `LocalNetworks` is, learned from the windows of all of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float64

from gatewise.errors import UsageError
from gatewise.forecasting.covariates import Kind
from gatewise.forecasting.networks.counts import refuse_all_but_counts
from gatewise.forecasting.networks.heads import COUNTS, Head, outputs_of
from gatewise.forecasting.networks.local_networks import LocalNetworks, TrainedLocalNetworks
from gatewise.forecasting.networks.local_samples import MOST_ROWS
from gatewise.forecasting.networks.members_apart import in_blocks
from gatewise.forecasting.panel import Panel

# How many windows are learned from, at most; and how many weights are held at once to forecast.
_MOST_WINDOWS = 200_000
_MOST_WEIGHTS = 30_000_000


@dataclass(frozen=True)
class SharedNetworks:
    """Networks of windows, each for all series.

    Attributes:
        networks: What they are, and how they see a series: as if it had networks of its own.
        steps: Steps of training.
        batch: Windows in a step.
    """

    covariates_used: ClassVar[tuple[Kind, ...]] = ()

    networks: LocalNetworks = field(default_factory=LocalNetworks)
    steps: int = 1500
    batch: int = 64

    def __post_init__(self) -> None:
        if self.networks.stateful:
            raise UsageError(
                "A network that carries its state from window to window has one series: take one without stateful, or "
                "SequenceNetworks, which read series whole."
            )

    @property
    def name(self) -> str:
        """What they are called."""
        return self.networks.name

    @property
    def head(self) -> Head:
        """What they say of each step."""
        return self.networks.head

    @property
    def build(self) -> Callable[[tuple[int, ...], int], Any] | None:
        """A function of the user's own that builds them, which is neither saved nor sent."""
        return self.networks.build

    def train(
        self, panel: Panel, horizon: int, *, seed: int = 0, progress: Callable[[float], None] | None = None
    ) -> "TrainedSharedNetworks":
        """Train the members; see `Networks.train`."""
        from gatewise.training.ensemble import fit_ensemble
        from gatewise.training.progress import shares_told_to

        local = self.networks
        if local.head == COUNTS:
            refuse_all_but_counts(panel.values, False)
        values = _part_of(panel, seed).values
        look_back = local.looks_back(panel.season_length)
        outputs = 1 if local.recursive else horizon
        seen = local.glasses(values, panel.season_length)
        x, y, weights = (
            np.moveaxis(array, 1, 0).reshape(local.members, -1, *array.shape[3:])
            for array in local.samples(seen, values, look_back, outputs)
        )
        used: np.ndarray = np.asarray(weights.any(axis=0))
        # Of series without a window that is whole there is one without weight.
        used[-1] |= not used.any()
        rows = int(used.sum())
        batch = min(self.batch, rows)
        model = local.model(look_back, outputs * outputs_of(local.head))
        with shares_told_to(progress or (lambda share: None)):
            ensemble = fit_ensemble(
                model,
                x[:, used].reshape(local.members, rows, *local.input_shape(look_back, outputs, None)),
                y[:, used],
                sample_weight=weights[:, used],
                members=local.members,
                member_data=True,
                epochs=max(round(self.steps * batch / rows), 1),
                batch_size=batch,
                seed=seed,
                verbose=0,
            )
        made = [np.asarray(array) for array in (*ensemble.values.trainable, *ensemble.values.non_trainable)]
        losses = np.asarray(ensemble.history.history["loss"]).reshape(local.members, -1)
        return TrainedSharedNetworks(self, horizon, look_back, made, losses)


@dataclass(frozen=True, eq=False)
class TrainedSharedNetworks:
    """Trained networks of windows, each for all series.

    Attributes:
        networks: What they are.
        horizon: Steps that they forecast.
        look_back: Values in a window.
        weights: The arrays of the Keras model, each ``(members, …)``.
        losses: Of every epoch, ``(members, epochs)``.
    """

    networks: SharedNetworks
    horizon: int
    look_back: int
    weights: list[np.ndarray]
    losses: Float64[np.ndarray, "members epochs"]

    @property
    def names(self) -> tuple[str, ...]:
        """The configuration of each member."""
        return self.networks.networks.member_names

    def of_each(self, panel: Panel) -> TrainedLocalNetworks:
        """Return them as if each series of a panel had networks of its own, all with the same weights."""
        local, series = self.networks.networks, len(panel)
        seen = local.glasses(panel.values, panel.season_length)
        weights = [np.broadcast_to(array, (series, *array.shape)) for array in self.weights]
        losses = np.broadcast_to(self.losses, (series, *self.losses.shape))
        return TrainedLocalNetworks(local, self.horizon, self.look_back, seen, weights, losses)

    def forecast(self, panel: Panel) -> Float64[np.ndarray, "members series horizon"]:
        """Forecast the steps after a panel, of any series; see `TrainedNetworks.forecast`."""
        return self._in_blocks(panel, lambda part: self.of_each(part).forecast(part))

    def quantiles(self, panel: Panel) -> Float64[np.ndarray, "members series horizon levels"]:
        """Return the quantiles of `rolling.QUANTILE_LEVELS`; of a head of points the forecast alone."""
        return self._in_blocks(panel, lambda part: self.of_each(part).quantiles(part))

    def _in_blocks(self, panel: Panel, forecast: Callable[[Panel], np.ndarray]) -> np.ndarray:
        return in_blocks(forecast, panel, max(_MOST_WEIGHTS // sum(array.size for array in self.weights), 1))

    def specification(self) -> dict[str, Any]:
        """Return what the networks are made again from, as JSON has it."""
        own = self.networks
        return {
            "family": "shared",
            "networks": own.networks.specification(),
            "training": {"steps": own.steps, "batch": own.batch},
            "horizon": self.horizon,
            "look_back": self.look_back,
            "weights": len(self.weights),
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """Return weights and losses by name."""
        return {f"weights/{place}": array for place, array in enumerate(self.weights)} | {"losses": self.losses}

    @classmethod
    def restore(cls, specification: dict[str, Any], arrays: dict[str, np.ndarray]) -> "TrainedSharedNetworks":
        """Return networks from their specification and arrays."""
        networks = SharedNetworks(LocalNetworks.restore(specification["networks"]), **specification["training"])
        weights = [arrays[f"weights/{place}"] for place in range(specification["weights"])]
        return cls(networks, specification["horizon"], specification["look_back"], weights, arrays["losses"])


def _part_of(panel: Panel, seed: int) -> Panel:
    """Return as many series as there is room for, drawn by lot."""
    most = max(_MOST_WINDOWS // min(panel.values.shape[1], MOST_ROWS), 1)
    if len(panel) <= most:
        return panel
    return panel.select(np.sort(np.random.default_rng(seed).permutation(len(panel))[:most]))
