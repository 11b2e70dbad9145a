"""What covariates do to the level of a series, as far as it is linear: a regression whose errors are a level that moves.

``level[t] = covariates[t] · effects + season[t] + l[t]``, where l is what exponential smoothing follows. Whatever is smoothed
in the level is smoothed in the columns, too, so the regression is one of steps: the change from the smoothed level on the
changes from the smoothed columns (generalised least squares for a local level; Harvey 1989, "Forecasting, structural time
series models and the Kalman filter", section 7.3). Effects are drawn to 0, or to what they are in other series, as far
as they may be noise (Efron and Morris 1973, "Stein's estimation rule and its competitors").
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

# Rates of smoothing: the one with the least squared error in each series is taken.
_RATES = (0.1, 0.3, 0.6, 1.0)
# So many waves make a season of any length.
_MOST_WAVES = 6
# The variance of effects of which nothing is known beforehand.
WIDE = 1e6
_TINY, _FIRM = 1e-9, 0.01


@dataclass(frozen=True, eq=False)
class Steps:
    """A regression for each series, as its sums.

    Attributes:
        products: Of the changes of the columns, ``(series, columns, columns)``.
        moments: Of these with the changes of the level, ``(series, columns)``.
        squares: Of the changes of the level, ``(series,)``.
        count: How many steps there are, ``(series,)``.
        level: The smoothed level after the last step, ``(series,)``.
        means: The smoothed columns, ``(series, columns)``.
        rate: Of the smoothing, ``(series,)``.
    """

    products: Float64[np.ndarray, "series columns columns"]
    moments: Float64[np.ndarray, "series columns"]
    squares: Float64[np.ndarray, " series"]
    count: Float64[np.ndarray, " series"]
    level: Float64[np.ndarray, " series"]
    means: Float64[np.ndarray, "series columns"]
    rate: Float64[np.ndarray, " series"]

    @property
    def free(self) -> Float64[np.ndarray, "series columns"]:
        """The effects as they are if nothing is known beforehand."""
        found: np.ndarray = np.linalg.solve(self._firm, self.moments[..., None])[..., 0]
        return found

    @property
    def noise(self) -> Float64[np.ndarray, " series"]:
        """The variance of what these leave; where there are too few steps to tell, that of the steps."""
        free = self.free
        explained = 2 * np.sum(free * self.moments, axis=1) - np.einsum("sp,spq,sq->s", free, self.products, free)
        used = (np.diagonal(self.products, axis1=1, axis2=2) > _TINY).sum(axis=1)
        left = np.maximum(self.squares - explained, _TINY * self.squares)
        enough = self.count > used + 2
        spare = np.where(enough, self.count - used, np.maximum(self.count, 1.0))
        return np.where(enough, left, self.squares) / spare + _TINY

    @property
    def errors(self) -> Float64[np.ndarray, "series columns"]:
        """How uncertain they are, as variances."""
        inverse = np.diagonal(np.linalg.inv(self._firm), axis1=1, axis2=2)
        return self.noise[:, None] * np.maximum(inverse, 0.0)

    @property
    def _firm(self) -> Float64[np.ndarray, "series columns columns"]:
        """The products, with a hundredth more on the diagonal: columns that say the same share what they explain."""
        diagonal = np.diagonal(self.products, axis1=1, axis2=2)
        return self.products + (_FIRM * diagonal + _TINY)[:, :, None] * np.eye(diagonal.shape[1])

    def effects(
        self, mean: Float64[np.ndarray, "series columns"], variance: Float64[np.ndarray, "series columns"]
    ) -> Float64[np.ndarray, "series columns"]:
        """Return effects, drawn to a mean as far as its variance says; 0 leaves nothing else."""
        tight = 1 / np.maximum(variance, _TINY)
        noise = self.noise
        left = self.products / noise[:, None, None] + tight[:, :, None] * np.eye(tight.shape[1])
        right = self.moments / noise[:, None] + tight * mean
        found: np.ndarray = np.linalg.solve(left, right[..., None])[..., 0]
        return found


def steps_of(levels: Float64[np.ndarray, "series time"], columns: Float64[np.ndarray, "series time columns"]) -> Steps:
    """Return the regression of each series, smoothed at the rate that leaves the least error.

    Args:
        levels: NaN where a value is missing, and before a series begins.
        columns: What may explain it.
    """
    best: Steps | None = None
    least = np.full(len(levels), np.inf)
    for rate in _RATES:
        steps = _steps_at(levels, columns, rate)
        error = steps.noise
        if best is None:
            best, least = steps, error
            continue
        better = error < least
        least = np.minimum(error, least)
        names = Steps.__dataclass_fields__
        best = Steps(*(_where(better, getattr(steps, name), getattr(best, name)) for name in names))
    assert best is not None
    return best


def _where(chosen: Bool[np.ndarray, " series"], one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.where(chosen.reshape(-1, *[1] * (one.ndim - 1)), one, other)


def _steps_at(
    levels: Float64[np.ndarray, "series time"], columns: Float64[np.ndarray, "series time columns"], rate: float
) -> Steps:
    series, _, features = columns.shape
    observed = np.isfinite(levels)
    products, moments = np.zeros((series, features, features)), np.zeros((series, features))
    squares, count = np.zeros(series), np.zeros(series)
    level, means, begun = np.zeros(series), np.zeros((series, features)), np.zeros(series, bool)
    for step in range(levels.shape[1]):
        here = observed[:, step]
        if not here.any():
            continue
        first, goes_on = here & ~begun, here & begun
        value = np.where(here, levels[:, step], 0.0)
        change = np.where(goes_on, value - level, 0.0)
        moves = np.where(goes_on[:, None], columns[:, step] - means, 0.0)
        products += moves[:, :, None] * moves[:, None]
        moments += change[:, None] * moves
        squares += change**2
        count += goes_on
        level = np.where(first, value, level + rate * change)
        means = np.where(first[:, None], columns[:, step], means + rate * moves)
        begun |= here
    return Steps(products, moments, squares, count, level, means, np.full(series, rate))


def smoothed(
    columns: Float64[np.ndarray, "series time columns"], rate: Float64[np.ndarray, " series"]
) -> Float64[np.ndarray, "series time columns"]:
    """Return columns as they are smoothed up to each step; NaN is left out, and 0 before the first value."""
    found = np.zeros(columns.shape)
    level, begun = np.zeros(columns[:, 0].shape), np.zeros(columns[:, 0].shape, bool)
    for step in range(columns.shape[1]):
        here = np.isfinite(columns[:, step])
        moved = level + rate[:, None] * (columns[:, step] - level)
        level = np.where(here, np.where(begun, moved, columns[:, step]), level)
        begun |= here
        found[:, step] = level
    return found


def regression_of(
    changes: Float64[np.ndarray, "series time"], moves: Float64[np.ndarray, "series time columns"]
) -> Steps:
    """Return the regression of changes on columns that are changes already; a step with NaN in it is left out."""
    known = np.isfinite(changes) & np.isfinite(moves).all(axis=2)
    change, move = np.where(known, changes, 0.0), np.where(known[..., None], moves, 0.0)
    series, _, columns = moves.shape
    none, zeros = np.zeros(series), np.zeros((series, columns))
    products = np.swapaxes(move, 1, 2) @ move
    moments = np.einsum("stp,st->sp", move, change)
    return Steps(products, moments, (change**2).sum(axis=1), known.sum(axis=1).astype(np.float64), none, zeros, none)


def own_variance(steps: Steps, certain: int = 0) -> Float64[np.ndarray, "series columns"]:
    """Return how far from 0 the effects in each series are beyond noise; 0 draws them to it altogether.

    Args:
        steps: The regressions.
        certain: So many of the last columns are there for sure, and not drawn to 0.
    """
    variance = np.maximum(steps.free**2 - steps.errors, 0.0)
    variance[steps.count <= variance.shape[1] - certain + 2] = 0.0
    if certain:
        variance[:, -certain:] = WIDE
    return variance


def shared(steps: Steps) -> tuple[Float64[np.ndarray, " columns"], Float64[np.ndarray, " columns"]]:
    """Return what effects are in all series together, and how far those of a series are from that, as a variance."""
    features = steps.moments.shape[1]
    enough = steps.count > features + 2
    if not enough.any():
        return np.zeros(features), np.zeros(features)
    weight = enough / steps.noise
    total = np.tensordot(weight, steps.products, 1)
    mean = np.linalg.solve(total + np.diag(_FIRM * np.diag(total) + _TINY), weight @ steps.moments)
    free, error = steps.free, steps.errors
    there = enough[:, None] & (np.diagonal(steps.products, axis1=1, axis2=2) > _TINY)
    # The more certain an effect, the more it says about how much they differ.
    sure = np.where(there, 1 / (error + np.median(error[there]) if there.any() else 1.0), 0.0)
    spread = np.sum(sure * ((free - mean) ** 2 - error), axis=0) / np.maximum(sure.sum(axis=0), _TINY)
    return mean, np.maximum(spread, 0.0)


def waves(time: int, season_length: int, reach: int = 0) -> Float64[np.ndarray, "reach waves"]:
    """Return sines and cosines that a season is made of, at some steps and as many after them as `reach` says."""
    steps = np.arange(time + reach)
    found = [np.zeros((len(steps), 0))]
    for number in range(1, min(season_length // 2, _MOST_WAVES) + 1):
        angle = 2 * np.pi * number * (steps % season_length) / season_length
        both = [np.cos(angle)] if 2 * number == season_length else [np.cos(angle), np.sin(angle)]
        found.append(np.stack(both, axis=-1))
    return np.concatenate(found, axis=1)
