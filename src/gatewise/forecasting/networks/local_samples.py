"""Windows of many series for local networks: each series has its own, and as many rows as the one with most."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int64

from gatewise.forecasting.networks.counts import level_of_counts
from gatewise.forecasting.networks.views import Glasses, filled

# Of a long series only the last windows are learned from.
MOST_ROWS = 512
# A network sees nothing further from its usual movement than this.
_FAR = 8.0
# A series with fewer windows than this whose targets are all known also learns from those with some known.
_FEW = 4
# A window is seen relative to the level that exponential smoothing finds in it, with these rates: of the level, and of changes
# since the season before.
_LEVEL, _CHANGES = 0.5, 0.4
# A network corrects a guess, which goes on from there. So much of the changes comes again in the next season, and so much of
# that in the one after it; and a level rises by so much of the slope of all that came before, as Theta's does (Hyndman and
# Billah 2003). More of either goes too far: chosen on the training parts of M3 by benchmarks/choosing.py.
LASTING, RISING = 0.5, 0.5
# With fewer values there is no slope yet, nor with fewer than two seasons.
_FEWEST_FOR_SLOPE = 6


class Windows(NamedTuple):
    """Windows of series, and what is guessed of the steps after each.

    Attributes:
        seen: Values relative to the level at the end of the window, ``(series, windows, look_back)``.
        level: That level, ``(series, windows)``.
        guess: What a network corrects, ``(series, windows, horizon)``.
    """

    seen: Float64[np.ndarray, "series windows look_back"]
    level: Float64[np.ndarray, "series windows"]
    guess: Float64[np.ndarray, "series windows horizon"]


class Samples(NamedTuple):
    """What local networks learn from.

    Attributes:
        inputs: ``(series, rows, look_back)``; with covariates ``(series, rows, look_back + horizon, 1 + features)``.
        targets: ``(series, rows, horizon)``; of counts with their level behind.
        weights: 0 for rows that a series does not have, ``(series, rows)``.
    """

    inputs: Float32[np.ndarray, "series rows *seen"]
    targets: Float32[np.ndarray, "series rows targets"]
    weights: Float32[np.ndarray, "series rows"]


@dataclass(frozen=True, eq=False)
class Beside:
    """Covariates as a network sees them, at each column of the values and further.

    Attributes:
        seen: Those known in advance first, ``(series, reach, features)``.
        known: How many are known in advance.
    """

    seen: Float32[np.ndarray, "series reach features"]
    known: int

    def around(
        self, windows: Float64[np.ndarray, "series rows look_back"], origins: np.ndarray, horizon: int
    ) -> Float64[np.ndarray, "series rows steps features"]:
        """Return windows of values with covariates beside, and what is known of the horizon below; the rest of that is 0."""
        look_back = windows.shape[2]
        places = np.maximum(origins[:, None] + np.arange(1 - look_back, 1 + horizon), 0)
        steps = self.seen[:, np.minimum(places, self.seen.shape[1] - 1)].astype(np.float64)
        steps[:, :, look_back:, self.known :] = 0.0
        values = np.pad(windows, ((0, 0), (0, 0), (0, horizon)))
        return np.concatenate([values[..., None], steps], axis=3)

    def select(self, places: np.ndarray) -> "Beside":
        """Return those of some of the series."""
        return replace(self, seen=self.seen[places])

    def last(self, columns: int) -> "Beside":
        """Return those of the last columns."""
        return replace(self, seen=self.seen[:, self.seen.shape[1] - columns :])


def samples_of(
    glasses: Glasses,
    values: Float64[np.ndarray, "series time"],
    look_back: int,
    horizon: int,
    beside: Beside | None = None,
    counts: bool = False,
) -> Samples:
    """Cut series into windows and what followed them.

    A window holds values as the glasses show them, relative to the level at its end, and targets are relative to the guess, or
    else are counts, and the level. A target that is missing gives its row no weight.

    Args:
        glasses: How the series are seen.
        values: The series, ``(series, time)``.
        look_back: Values in a window. A series that begins inside a window has its first value before that.
        horizon: Values in a target.
        beside: Covariates.
        counts: Whether the targets are to be the values themselves.
    """
    seen = glasses.see(values)
    time = values.shape[1]
    rows = max(min(time - 1, MOST_ROWS + horizon), 1)
    origins = np.arange(time - 1 - rows, time - 1).clip(0)
    inputs, level, guess = _windows(glasses, seen, origins, look_back, horizon)
    ahead = np.pad(seen, ((0, 0), (0, horizon)), constant_values=np.nan)
    targets = ahead[:, origins[:, None] + np.arange(1, horizon + 1)] - guess
    known = np.isfinite(targets)
    # From half a window on there is enough to see; a series of differences has none in its first season.
    begun = np.isfinite(seen).cumsum(axis=1)[:, origins]
    enough = np.minimum(look_back, np.maximum(begun[:, -1:] // 2, 1))
    whole = (known.all(axis=2) & (begun >= enough)).astype(np.float64)
    part = known.mean(axis=2) * (begun >= 1)
    weights = np.where((whole.sum(axis=1) < _FEW)[:, None], part, whole)
    used = np.flatnonzero(weights.any(axis=0))
    keep = slice(used[0] if len(used) else -1, None)
    targets = np.where(known, np.clip(targets, -4 * _FAR, 4 * _FAR), 0.0)
    if counts:
        after = np.nan_to_num(ahead[:, origins[:, None] + np.arange(1, horizon + 1)] * glasses.units[:, None, None])
        counted = level_of_counts(level * glasses.units[:, None], values)
        targets = np.concatenate([after, counted[..., None]], axis=2)
    if beside is not None:
        inputs = beside.around(inputs, origins, horizon)
    return Samples(*(array[:, keep].astype(np.float32) for array in (inputs, targets, weights)))


def last_windows(
    glasses: Glasses,
    values: Float64[np.ndarray, "series time"],
    look_back: int,
    horizon: int,
    count: int = 1,
    beside: Beside | None = None,
) -> tuple[Float32[np.ndarray, "series *seen"], Windows]:
    """Return the windows at the end of each series as a network reads them, and the last of them.

    Args:
        glasses: How the series are seen.
        values: The series, ``(series, time)``.
        look_back: Values in a window.
        horizon: Steps to forecast.
        count: How many windows, of which each begins one value later than the one before; one after the other in a row.
        beside: Covariates; those of the steps to forecast stand below the last window.
    """
    seen = glasses.see(values)
    end = values.shape[1] - 1
    origins = np.arange(end - count + 1, end + 1)
    windows = _windows(glasses, seen, origins, look_back, horizon)
    read, last = windows.seen, Windows(*(array[:, -1:] for array in windows))
    if beside is not None:
        around = beside.around(read, origins, horizon)
        before = around[:, :, :look_back].reshape(len(values), count * look_back, around.shape[3])
        return np.concatenate([before, around[:, -1, look_back:]], axis=1).astype(np.float32), last
    return read.reshape(len(values), -1).astype(np.float32), last


def _windows(
    glasses: Glasses, seen: Float64[np.ndarray, "series time"], origins: np.ndarray, look_back: int, horizon: int
) -> Windows:
    """Return the windows that end at some columns."""
    whole = filled(seen)
    places = np.maximum(origins[:, None] + np.arange(1 - look_back, 1), 0)
    windows = whole[:, places]
    level, changes = windows @ _smoothing(_LEVEL, look_back), windows @ _smoothing(_CHANGES, look_back)
    season, steps = glasses.season.shape[1], np.arange(horizon)
    rising = RISING * _slopes(seen, max(2 * season, _FEWEST_FOR_SLOPE))[:, np.maximum(origins, 0), None]
    lasting = LASTING ** (1 + steps // season)
    differences = glasses.differences[:, None, None]
    guess = np.where(differences, changes[..., None] * lasting, level[..., None] + rising * (1 + steps))
    level = np.where(differences[..., 0], LASTING * changes, level)
    return Windows(np.clip(windows - level[..., None], -_FAR, _FAR), level, guess)


def _slopes(seen: Float64[np.ndarray, "series time"], fewest: int) -> Float64[np.ndarray, "series time"]:
    """Return the slope of the line of least squares through all values up to each column; 0 through too few of them."""
    known = np.isfinite(seen)
    time, values = np.arange(seen.shape[1], dtype=np.float64), np.where(known, seen, 0.0)
    count, times, sums, squares, products = (
        np.cumsum(array, axis=1) for array in (known, known * time, values, known * time**2, values * time)
    )
    spread = count * squares - times**2
    enough = (count >= fewest) & (spread > 0)
    return np.divide(count * products - times * sums, spread, out=np.zeros(seen.shape), where=enough)


def _smoothing(rate: float, look_back: int) -> Float64[np.ndarray, " look_back"]:
    """Return the weights of exponential smoothing over a window, which sum to 1."""
    weights = (1 - rate) ** np.arange(look_back - 1, -1, -1)
    return weights / weights.sum()


def lengths_of(values: Float64[np.ndarray, "series time"]) -> Int64[np.ndarray, " series"]:
    """Return how many columns each series has from its first value on."""
    known = np.isfinite(values)
    return np.where(known.any(axis=1), values.shape[1] - known.argmax(axis=1), 0)


def by_length(values: Float64[np.ndarray, "series time"]) -> list[Int64[np.ndarray, " chosen"]]:
    """Return the numbers of the series of each length."""
    lengths = lengths_of(values)
    return [np.flatnonzero(lengths == length) for length in np.unique(lengths)]
