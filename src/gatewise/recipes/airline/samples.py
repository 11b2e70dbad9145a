"""The arrays that a recipe trains and is scored on, and the baseline on the very same points."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Float64, Int

from gatewise.datasets import as_series, windows
from gatewise.errors import DataError
from gatewise.recipes.airline.specification import Recipe

TRAINING_SHARE = 0.67


class Part(NamedTuple):
    """The training or the test part of a series, as samples.

    Attributes:
        x: Inputs as the network sees them, ``(samples, …)`` in the recipe's layout.
        y: Targets as the network sees them, ``(samples, 1)``.
        at: Position of each target in the series, ``(samples,)``.
        actual: The targets in the units of the series, ``(samples,)``.
        persistence: RMSE of repeating the value before each target, in the units of the series.
    """

    x: Float32[np.ndarray, "samples ..."]
    y: Float32[np.ndarray, "samples 1"]
    at: Int[np.ndarray, " samples"]
    actual: Float64[np.ndarray, " samples"]
    persistence: float


class Samples(NamedTuple):
    """Everything a recipe is run on.

    Attributes:
        values: The series, ``(time,)``.
        train: The first 67 % of it.
        test: The rest.
        low: What a network's 0 means in the units of the series.
        span: What a network's 1 means above `low`.
    """

    values: Float64[np.ndarray, " time"]
    train: Part
    test: Part
    low: float
    span: float

    def original(self, outputs: Float[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
        """Return network outputs in the units of the series."""
        return np.asarray(outputs, np.float64) * self.span + self.low


def prepare(recipe: Recipe, values: Any) -> Samples:
    """Split, scale and cut a series as a recipe says.

    Args:
        recipe: The recipe.
        values: The series, oldest value first, ``(time,)``.

    Raises:
        DataError: The series is constant, too short, or not finite numbers.
    """
    series = as_series(values)
    border = int(len(series) * TRAINING_SHARE)
    _refuse_short(recipe, len(series))
    low, span = 0.0, 1.0
    if recipe.scale:
        seen = series if recipe.leak else series[:border]
        low, span = float(seen.min()), float(np.ptp(seen))
        if not span:
            where = "" if recipe.leak else "training part of the "
            raise DataError(
                f"All {len(seen)} values of the {where}series are {low:g}: give a series that changes, because "
                "nothing can be learned from this one."
            )
    scaled = (series - low) / span
    return Samples(
        values=series,
        train=_part(recipe, series, scaled, 0, border),
        test=_part(recipe, series, scaled, border, len(series)),
        low=low,
        span=span,
    )


def rmse(
    predicted: Float[np.ndarray, "*members samples"], actual: Float[np.ndarray, " samples"]
) -> Float64[np.ndarray, "*members"]:
    """Return the root mean squared error over the last axis."""
    # asarray: without a members axis NumPy returns a scalar, which is no array.
    return np.asarray(np.sqrt(np.mean((predicted - actual) ** 2, axis=-1, dtype=np.float64)))


def _part(
    recipe: Recipe, series: Float64[np.ndarray, " time"], scaled: Float64[np.ndarray, " time"], start: int, stop: int
) -> Part:
    x, y = windows(scaled[start:stop], recipe.look_back, recipe.layout)
    kept = len(x) - recipe.drop_last
    at = np.arange(start + recipe.look_back, stop)[:kept]
    return Part(x[:kept], y[:kept], at, series[at], float(rmse(series[at - 1], series[at])))


def _refuse_short(recipe: Recipe, length: int) -> None:
    """Refuse a series whose training part has no whole batch, or whose test part has no sample."""

    def enough(length: int) -> bool:
        border = int(length * TRAINING_SHARE)
        lost = recipe.look_back + recipe.drop_last
        return border - lost >= recipe.batch_size and length - border - lost >= 1

    if enough(length):
        return
    least = next(
        count for count in range(length + 1, length + 10 * (recipe.look_back + recipe.batch_size + 2)) if enough(count)
    )
    raise DataError(
        f"A series of {length} values is too short for {recipe.name!r} with look_back={recipe.look_back}, which trains "
        f"on the first 67 % and is tested on the rest: give at least {least} values, or a smaller look_back."
    )
