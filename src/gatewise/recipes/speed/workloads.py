"""The training jobs of the speed comparison, as data, and the arrays they train on."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gatewise.datasets import load_airline
from gatewise.recipes.airline.samples import prepare
from gatewise.recipes.airline.specification import RECIPES

_FORECASTER_SHAPE = (4096, 48, 8)  # samples, time, features
_FORECASTER_HORIZON = 12
_AIRLINE_EPOCHS = 100
_RECIPES = {one.name: one for one in RECIPES}


@dataclass(frozen=True)
class Workload:
    """One network and how it is trained, plain enough to be built in Keras and in PyTorch alike.

    Attributes:
        name: Its name on the command line.
        title: The network in words.
        cell: Kind of the recurrent layers, or None for Dense layers only.
        units: Units of each recurrent layer.
        depth: How many recurrent layers, one above the other.
        stateful: Whether the state is carried over batches and reset after each epoch.
        dense: Units and activation of each Dense layer on top.
        batch_size: Samples in a step.
        epochs: Epochs of one timed run.
        shuffle: Whether each epoch has an order of its own.
        ensemble: Whether it is also timed as an ensemble.
    """

    name: str
    title: str
    cell: Literal["lstm", "gru"] | None
    units: int
    depth: int
    stateful: bool
    dense: tuple[tuple[int, str], ...]
    batch_size: int
    epochs: int
    shuffle: bool
    ensemble: bool


def _airline(name: str) -> Workload:
    """Return the recipe of that name as a workload, with the layers that Keras 3 builds by default."""
    known = _RECIPES[name]
    is_flat = known.cell == "dense"
    hidden = tuple((units, "relu") for units in known.units) if is_flat else ()
    inputs = f"{known.look_back} {'inputs' if is_flat else 'steps'}"
    return Workload(
        name=name,
        title=f"{known.network}, {'stateful, ' if known.stateful else ''}{inputs}, batch {known.batch_size}",
        cell=None if known.cell == "dense" else known.cell,
        units=0 if is_flat else known.units[0],
        depth=0 if is_flat else len(known.units),
        stateful=known.stateful,
        dense=(*hidden, (1, "linear")),
        batch_size=known.batch_size,
        epochs=_AIRLINE_EPOCHS,
        shuffle=known.shuffle,
        ensemble=True,
    )


def _forecaster(batch_size: int, epochs: int) -> Workload:
    _, time, features = _FORECASTER_SHAPE
    return Workload(
        name=f"gru-forecaster-{batch_size}",
        title=f"GRU 64 → Dense {_FORECASTER_HORIZON}, {time} steps of {features} features, batch {batch_size}",
        cell="gru",
        units=64,
        depth=1,
        stateful=False,
        dense=((_FORECASTER_HORIZON, "linear"),),
        batch_size=batch_size,
        epochs=epochs,
        shuffle=True,
        ensemble=False,
    )


WORKLOADS: dict[str, Workload] = {
    workload.name: workload
    for workload in (
        _airline("mlp-window"),
        _airline("lstm-time-steps"),
        _airline("lstm-stacked-stateful"),
        _forecaster(32, epochs=2),
        _forecaster(256, epochs=4),
    )
}


def arrays(workload: Workload) -> tuple[np.ndarray, np.ndarray]:
    """Return the arrays that every runner trains on.

    Args:
        workload: The workload.

    Returns:
        Inputs ``(samples, time, features)``, or ``(samples, features)`` without a recurrent layer, and targets
        ``(samples, horizon)``, both float32. For a recipe they are its training part, 92 samples of the airline series.
    """
    if workload.name.startswith("gru-forecaster"):
        return _forecaster_arrays()
    part = prepare(_RECIPES[workload.name], load_airline()).train
    return part.x, part.y


def _forecaster_arrays() -> tuple[np.ndarray, np.ndarray]:
    """Return made-up series: a sine of its own period for each sample and feature, with noise."""
    samples, time, features = _FORECASTER_SHAPE
    generator = np.random.default_rng(0)
    period = generator.uniform(6, 48, (samples, 1, features))
    phase = generator.uniform(0, 2 * np.pi, (samples, 1, features))
    moments = np.arange(time + _FORECASTER_HORIZON)[None, :, None]
    noise = generator.normal(0, 0.1, (samples, moments.shape[1], features))
    series = (np.sin(2 * np.pi * moments / period + phase) + noise).astype(np.float32)
    return series[:, :time], series[:, time:, 0].copy()
