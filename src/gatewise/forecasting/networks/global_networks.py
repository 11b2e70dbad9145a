"""What every family of global networks is for the rest of the room, and several families as one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Float64, Int64

from gatewise.forecasting.panel import Panel

# Told how much of a training is done, from 0 to 1.
Progress = Callable[[float], None]


@runtime_checkable
class TrainedNetworks(Protocol):
    """Networks that forecast any panel with the season length and horizon they were trained for.

    Attributes:
        names: The configuration of each member; several members may have the same.
        horizon: Steps that they forecast.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """The configuration of each member."""

    @property
    def horizon(self) -> int:
        """Steps that they forecast."""

    def forecast(self, panel: Panel) -> Float64[np.ndarray, "members series horizon"]:
        """Forecast the steps after the last column of a panel.

        The recurrent state at that column is that of a network which has read each series from its first value on, so a
        panel that is longer than the one trained with needs no new training.

        Returns:
            In the units of the panel, ``(members, series, horizon)``; NaN only for a series without a value.
        """

    def specification(self) -> dict[str, Any]:
        """Return what the networks are made again from, as JSON has it."""

    def arrays(self) -> dict[str, np.ndarray]:
        """Return their weights by name."""


class Stage(NamedTuple):
    """A part of a training that goes on with what was learnt at an earlier end of the same series.

    Families whose `in_stages` is true are trained in parts, with a `stage`.

    Attributes:
        share: Of the steps of the whole training.
        weights: The weights that each member begins with; None for fresh ones.
    """

    share: float = 1.0
    weights: Sequence[Sequence[np.ndarray]] | None = None


WHOLE = Stage()


@runtime_checkable
class Networks(Protocol):
    """A family of networks that can be trained on a panel."""

    def train(self, panel: Panel, horizon: int, *, seed: int = 0, progress: Progress | None = None) -> TrainedNetworks:
        """Train networks that forecast `horizon` steps.

        Args:
            panel: The series; every step of each is an origin to learn from.
            horizon: Steps to forecast.
            seed: Where weights, order and dropout come from.
            progress: Told how much is done.
        """


@dataclass(frozen=True, eq=False)
class Reading:
    """What networks that read whole series read of a panel, and how what they say is a forecast.

    Attributes:
        model: Their Keras model, in which the members take turns.
        inputs: What is known at each origin, ``(series, time, features)``.
        last: The last origin of each series, ``(series,)``.
        forecast: Makes of what is said at one origin of each series ``(series, outputs)``, and of which these are
            ``(series,)``, the forecast from there, ``(series, horizon, levels)``.
    """

    model: Any
    inputs: Float32[np.ndarray, "series time features"]
    last: Int64[np.ndarray, " series"]
    forecast: Callable[[np.ndarray, np.ndarray], Float64[np.ndarray, "series horizon levels"]]

    def said(self, weights: Sequence[np.ndarray]) -> Float32[np.ndarray, "series outputs"]:
        """Return what a member says at the last origins."""
        from gatewise.training.predict import predict

        self.model.set_weights(weights)
        outputs = predict(self.model, self.inputs, batch_size=len(self.inputs), verbose=0)
        return np.asarray(outputs[np.arange(len(self.inputs)), self.last])


def middle(
    forecasts: Float64[np.ndarray, "members series horizon"], names: Sequence[str]
) -> Float64[np.ndarray, "series horizon"]:
    """Return one forecast from many: the median of each configuration's members, and the mean of these.

    Args:
        forecasts: Of every member.
        names: The configuration of each.
    """
    each = [np.median(forecasts[[other == name for other in names]], axis=0) for name in dict.fromkeys(names)]
    mean: np.ndarray = np.mean(each, axis=0)
    return mean


@dataclass(frozen=True)
class Pool:
    """Several families, trained one after the other.

    Attributes:
        networks: The families.
    """

    networks: tuple[Networks, ...]

    def train(self, panel: Panel, horizon: int, *, seed: int = 0, progress: Progress | None = None) -> "TrainedPool":
        """Train each family; see `Networks.train`."""
        parts: list[TrainedNetworks] = []
        for place, networks in enumerate(self.networks):

            def part(share: float, place: int = place) -> None:
                if progress is not None:
                    progress((place + share) / len(self.networks))

            parts.append(networks.train(panel, horizon, seed=seed + place, progress=part))
        return TrainedPool(tuple(parts))


@dataclass(frozen=True, eq=False)
class TrainedPool:
    """Trained families whose members are those of all of them.

    Attributes:
        parts: The families.
    """

    parts: tuple[TrainedNetworks, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The configuration of each member."""
        return tuple(name for part in self.parts for name in part.names)

    @property
    def horizon(self) -> int:
        """Steps that they forecast."""
        return self.parts[0].horizon

    def forecast(self, panel: Panel) -> Float64[np.ndarray, "members series horizon"]:
        """Forecast the steps after a panel; see `TrainedNetworks.forecast`."""
        return np.concatenate([part.forecast(panel) for part in self.parts])

    def specification(self) -> dict[str, Any]:
        """Return what the networks are made again from."""
        return {"family": "pool", "parts": [part.specification() for part in self.parts]}

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the weights of all."""
        return {
            f"{place}/{name}": array for place, part in enumerate(self.parts) for name, array in part.arrays().items()
        }


def restore(specification: dict[str, Any], arrays: dict[str, np.ndarray]) -> TrainedNetworks:
    """Return networks from what `TrainedNetworks.specification` and `TrainedNetworks.arrays` gave."""
    from gatewise.forecasting.networks.local_networks import TrainedLocalNetworks
    from gatewise.forecasting.networks.season_networks import TrainedSeasonNetworks
    from gatewise.forecasting.networks.sequence_networks import TrainedSequenceNetworks
    from gatewise.forecasting.networks.shared_networks import TrainedSharedNetworks

    if specification["family"] == "pool":
        parts = []
        for place, part in enumerate(specification["parts"]):
            own = {name.partition("/")[2]: array for name, array in arrays.items() if name.startswith(f"{place}/")}
            parts.append(restore(part, own))
        return TrainedPool(tuple(parts))
    if specification["family"] == "season":
        return TrainedSeasonNetworks.restore(specification, arrays)
    if specification["family"] == "local":
        return TrainedLocalNetworks.restore(specification, arrays)
    if specification["family"] == "shared":
        return TrainedSharedNetworks.restore(specification, arrays)
    return TrainedSequenceNetworks.restore(specification, arrays)
