"""What families of networks have alike whose members are trained one by one: weights by name, and forecasts in blocks."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float64

from gatewise.forecasting.networks.global_networks import Progress
from gatewise.forecasting.panel import Panel


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
