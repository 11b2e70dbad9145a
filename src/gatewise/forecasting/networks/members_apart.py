"""What families of networks have alike whose members are trained one by one: training, what is kept, forecasts in blocks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from jaxtyping import Float32, Float64

from gatewise.forecasting.covariate_glasses import CovariateGlasses
from gatewise.forecasting.networks.global_networks import WHOLE, Progress, Stage
from gatewise.forecasting.panel import Panel


class Rows(NamedTuple):
    """What members are trained on.

    Attributes:
        inputs: Of all members, ``(rows, time, features)``.
        targets: Of a member, ``(rows, time, outputs)``.
        batch: Rows of a step.
        epochs: How often each row is met.
    """

    inputs: Float32[np.ndarray, "rows time features"]
    targets: Callable[[int], Float32[np.ndarray, "rows time outputs"]]
    batch: int
    epochs: int


def trained_weights(
    model: Any, rows: Rows, members: int, seed: int, progress: Progress | None, stage: Stage = WHOLE
) -> tuple[list[list[np.ndarray]], Float64[np.ndarray, "members epochs"]]:
    """Train members one after the other in one model, and return the weights of each, and its losses.

    Args:
        model: A compiled Keras model; its weights are those of the last member in the end.
        rows: What they are trained on.
        members: How many.
        seed: Where weights, order and dropout come from.
        progress: Told how much is done.
        stage: Which weights they begin with.
    """
    from gatewise.training.fit import fit
    from gatewise.training.initial import initialize, member_seed
    from gatewise.training.progress import shares_told_to

    weights, losses = [], []
    for member in range(members):
        own = member_seed(seed, member)
        initialize(model, own)
        if stage.weights is not None:
            model.set_weights(stage.weights[member])
        with shares_told_to(part_of_progress(progress, member, members)):
            history = fit(
                model,
                rows.inputs,
                rows.targets(member),
                batch_size=rows.batch,
                epochs=rows.epochs,
                verbose=0,
                seed=own,
            )
        weights.append([np.asarray(weight) for weight in model.get_weights()])
        losses.append(history.history["loss"])
    return weights, np.asarray(losses, np.float64)


@dataclass(frozen=True, eq=False)
class TrainedMembers:
    """Trained members of one configuration.

    Attributes:
        networks: What they are.
        horizon: Steps that they forecast.
        season_length: Of the panel.
        weights: The weights of each member.
        covariates: How they see covariates.
        losses: Of every epoch, ``(members, epochs)``.
    """

    family: ClassVar[str]

    networks: Any
    horizon: int
    season_length: int
    weights: list[list[np.ndarray]]
    covariates: CovariateGlasses | None = None
    losses: Float64[np.ndarray, "members epochs"] = field(kw_only=True)

    @property
    def names(self) -> tuple[str, ...]:
        """The configuration of each member."""
        return (self.networks.name,) * len(self.weights)

    def specification(self) -> dict[str, Any]:
        """Return what the networks are made again from."""
        return {
            "family": self.family,
            "networks": asdict(self.networks),
            "horizon": self.horizon,
            "season_length": self.season_length,
            "members": len(self.weights),
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the weights and losses of all members, and how they see covariates."""
        lens = {} if self.covariates is None else self.covariates.arrays()
        own = weights_by_name(self.weights) | {"losses": self.losses}
        return own | {f"covariates/{name}": array for name, array in lens.items()}

    @classmethod
    def restored(cls, networks: Any, specification: dict[str, Any], arrays: dict[str, np.ndarray], **more: Any) -> Self:
        """Return members from what `specification` and `arrays` gave.

        Args:
            networks: What they are.
            specification: The rest of what was said of them.
            arrays: Their weights and losses, and how they see covariates.
            more: What a family keeps besides.
        """
        weights = weights_of_members(arrays, specification["members"])
        fixed = specification["horizon"], specification["season_length"]
        return cls(networks, *fixed, weights, CovariateGlasses.restore(arrays), losses=arrays["losses"], **more)


def weights_by_name(weights: Sequence[Sequence[np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the weights of each member as ``member/place``."""
    return {
        f"{member}/{place}": weight
        for member, weights_of in enumerate(weights)
        for place, weight in enumerate(weights_of)
    }


def weights_of_members(arrays: Mapping[str, np.ndarray], members: int) -> list[list[np.ndarray]]:
    """Return the weights of each member from what `weights_by_name` gave.

    >>> weights = [[np.ones(1), np.zeros(2)], [np.ones(1), np.ones(2)]]
    >>> [[len(weight) for weight in one] for one in weights_of_members(weights_by_name(weights), 2)]
    [[1, 2], [1, 2]]
    """
    places = [sum(name.startswith(f"{member}/") for name in arrays) for member in range(members)]
    return [[arrays[f"{member}/{place}"] for place in range(count)] for member, count in enumerate(places)]


def part_of_progress(progress: Progress | None, place: int, parts: int) -> Progress:
    """Return what tells how far the whole is by how far one of its parts is."""

    def told(share: float) -> None:
        if progress is not None:
            progress((place + share) / parts)

    return told


def in_blocks(
    forecast: Callable[[Panel], Float64[np.ndarray, "members series *axes"]], panel: Panel, most: int
) -> Float64[np.ndarray, "members series *axes"]:
    """Forecast a panel in blocks of at most so many series.

    Blocks of one size need one program; the last is filled up with the first series.
    """
    size = -(-len(panel) // -(-len(panel) // most))
    rows = np.arange(-(-len(panel) // size) * size) % len(panel)
    parts = [forecast(panel.select(rows[start : start + size])) for start in range(0, len(rows), size)]
    return np.concatenate(parts, axis=1)[:, : len(panel)]
