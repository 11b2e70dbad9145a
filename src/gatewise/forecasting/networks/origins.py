"""What is known at every step of many series: inputs of a network, a forecast to correct, and what came after.

Every step of a series is the origin of a forecast. All that stands here for an origin comes from the values up to it
(a law in `tests/forecasting` says so), except for the targets.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from jaxtyping import Float32, Float64

from gatewise.forecasting.networks.alignment import AlignedSeries
from gatewise.forecasting.networks.seasonality import seasons_so_far

Base = Literal["last", "smooth", "theta", "repeat"]

UNKNOWN = np.float32(1e6)
_RATES = np.array([0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
# The least movement of a step that counts, on the scale of the levels: a fifth of a per cent of a positive series.
_LEAST_SCALE = 0.002


@dataclass(frozen=True)
class View:
    """How a network looks at series.

    Attributes:
        base: The forecast that it corrects: the last value; exponential smoothing with the rate that was best so far; that
            with half the slope of the series so far, which is the Theta method; or the last season again.
        seasonal: Whether a season is estimated and taken out, or left for the network to see.
        lags: How many values before the current one it sees.
        own_scale: From 0 to 1: whether movements are measured by what is usual in the panel, or in the series.
        memory: Weight of a season a season later, when seasons are estimated.
        damping: What is left of the slope after each step; 1 is a line.
    """

    base: Base = "last"
    seasonal: bool = True
    lags: int = 12
    own_scale: float = 0.0
    memory: float = 0.8
    damping: float = 1.0


@dataclass(frozen=True, eq=False)
class Origins:
    """What is known at each step of each series.

    Attributes:
        inputs: Of the network, ``(series, time, features)``.
        base: The forecast to correct, on the scale of the levels, ``(series, time, horizon)``.
        scale: What corrections are measured in, ``(series, time)``.
        volatility: The mean change in a step, as known so far, ``(series, time)``.
    """

    inputs: Float32[np.ndarray, "series time features"]
    base: Float64[np.ndarray, "series time horizon"]
    scale: Float64[np.ndarray, "series time"]
    volatility: Float64[np.ndarray, "series time"]


def usual_movement(aligned: AlignedSeries) -> float:
    """Return the median over positive series of the mean change in a step, season aside; 0.05 where there is none."""
    levels, steps = aligned.levels, np.arange(aligned.levels.shape[1])
    seasons = seasons_so_far(levels, aligned.season_length)
    changes = np.abs(np.diff(levels - seasons[:, steps, steps % aligned.season_length], axis=1))
    late = steps[1:] >= np.minimum(3 * aligned.season_length, aligned.lengths // 2)[:, None]
    counted = late & (steps[1:] < aligned.lengths[:, None])
    means = (changes * counted).sum(axis=1) / np.maximum(counted.sum(axis=1), 1)
    known = means[aligned.positive & (means > 0)]
    return float(np.clip(np.median(known), _LEAST_SCALE, 1.0)) if len(known) else 0.05


def origins_of(aligned: AlignedSeries, view: View, horizon: int, usual: float) -> Origins:
    """Return what is known at each step.

    Args:
        aligned: The series.
        view: How to look at them.
        horizon: Steps to forecast.
        usual: What `usual_movement` was for the panel the network is trained on.
    """
    levels, season_length = aligned.levels, aligned.season_length
    series, time = levels.shape
    seasonal = view.seasonal and season_length > 1
    seasons = seasons_so_far(levels, season_length, view.memory) if seasonal else np.zeros((series, time, 1))
    period = season_length if seasonal else 1
    steps = np.arange(time)
    # The season at each origin and so many steps after it, as estimated there; gathered once, places first.
    turned = seasons[:, steps[:, None], (steps[:, None] + np.arange(period)) % period].transpose(2, 0, 1).copy()

    count = np.clip(steps + 1.0, 1.0, np.maximum(aligned.lengths, 1)[:, None])
    lagged = _lagged(levels, seasons[..., 0], turned, view.lags)
    current = lagged[0]
    # One after the other: new memory for all of them at once would take longer than the numbers.
    movement = sum(np.abs(one - next_one) for one, next_one in pairwise(lagged)) / np.clip(count - 1, 1, view.lags)
    typical = np.where(aligned.positive, usual, 1.0)[:, None]
    volatility = np.maximum((movement * (count - 1) + 2 * typical) / (count + 1), _LEAST_SCALE)
    scale = typical * (volatility / typical) ** np.where(aligned.positive, view.own_scale, 1.0)[:, None]
    smooth, rate = smoothed(current, aligned)
    slope = slopes_so_far(current)
    reference = current if view.base in ("last", "repeat") else smooth
    ahead = np.arange(1, horizon + 1)
    base = np.repeat(reference[..., None], horizon, axis=-1)
    if view.base == "repeat":
        before = steps[:, None] + (ahead - 1) % season_length + 1 - season_length
        base = (levels - turned[0])[:, np.where(before < 0, steps[:, None], before)]
    if view.base == "theta":
        worn = (1 - (1 - rate) ** count) / rate
        risen = np.cumsum(view.damping**ahead)
        base = base + 0.5 * slope[..., None] * (risen - 1 + worn[..., None])
    base = base + np.moveaxis(turned[ahead % period], 0, -1)

    def in_scale(part: np.ndarray) -> np.ndarray:
        return np.clip(part / scale, -12, 12) / 3

    def parts() -> Iterator[np.ndarray]:
        yield from (in_scale(one - reference) for one in lagged)
        yield from (in_scale(_average(current, weight) - reference) for weight in (0.1, 0.3, 0.6))
        yield from (in_scale(smooth - current), in_scale(4 * slope))
        yield in_scale(4 * (current - current[:, :1]) / np.maximum(count - 1, 1))
        yield from (np.log(count) / 3 - 1, np.log(volatility / typical), rate - 0.5)
        yield np.where(aligned.positive[:, None], levels / 5 - 1.5, 0.0)
        # Zeros without a season: every view of a panel has as many inputs, so that they share their compiled programs.
        yield 3 * seasons.std(axis=-1)
        for offset in range(1, min(season_length if season_length > 1 else 0, horizon) + 1):
            yield in_scale(turned[offset % period])
        yield np.where(aligned.observed, 0.0, 1.0)

    inside = steps < aligned.lengths[:, None]
    inputs = np.stack([np.where(inside, part, 0.0).astype(np.float32) for part in parts()], -1)
    return Origins(inputs, base, scale, volatility)


def _lagged(
    levels: Float64[np.ndarray, "series time"],
    first: Float64[np.ndarray, "series time"],
    turned: Float64[np.ndarray, "places series time"],
    lags: int,
) -> Float64[np.ndarray, "lags series time"]:
    """Return the values at each origin and so many before it, without the season as estimated at the origin.

    Before a series begins, its first value stands.
    """
    found = np.empty((lags + 1, *levels.shape))
    found[:] = levels[:, :1] - first
    for lag in range(min(lags, levels.shape[1] - 1) + 1):
        season = turned[-lag % len(turned), :, lag:]
        found[lag, :, lag:] = levels[:, : levels.shape[1] - lag] - season
    return found


def targets_of(
    aligned: AlignedSeries, origins: Origins, horizon: int, settled: float = 0.0
) -> Float32[np.ndarray, "series time horizon"]:
    """Return what came after each origin, as a correction of the base forecast; `UNKNOWN` where nothing is known.

    Args:
        aligned: The series.
        origins: What is known at each step.
        horizon: Steps to forecast.
        settled: Seasons after which an origin counts, or half of a series that is shorter than twice as long: before, its
            season is a guess, and what is learnt there is of no use later.
    """
    levels, time = aligned.levels, aligned.levels.shape[1]
    first = np.minimum(settled * aligned.season_length, aligned.lengths // 2)
    counted = aligned.observed & (np.arange(time) >= first[:, None])
    targets = np.full((*levels.shape, horizon), UNKNOWN, np.float32)
    for ahead in range(1, min(horizon, time - 1) + 1):
        origin = slice(0, time - ahead)
        correction = (levels[:, ahead:] - origins.base[:, origin, ahead - 1]) / origins.scale[:, origin]
        known = aligned.observed[:, ahead:] & counted[:, origin]
        targets[:, origin, ahead - 1] = np.where(known, np.clip(correction, -200, 200), UNKNOWN)
    return targets


def smoothed(current: np.ndarray, aligned: AlignedSeries) -> tuple[np.ndarray, np.ndarray]:
    """Return at each step the level by exponential smoothing, and its rate: the one of least squared error so far."""
    rates = _RATES[:, None]
    level = np.repeat(current[None, :, 0], len(rates), axis=0)
    errors = np.zeros_like(level)
    tie = 1e-6 * np.abs(rates - 0.5)
    levels, chosen = np.empty_like(current), np.empty_like(current)
    rows = np.arange(len(current))
    for step in range(current.shape[1]):
        if step:
            error = np.where(aligned.observed[:, step], current[:, step] - level, 0.0)
            errors = errors * 0.995 + error**2
            level = level + rates * error
        best = (errors + tie).argmin(axis=0)
        levels[:, step], chosen[:, step] = level[best, rows], _RATES[best]
    return levels, chosen


def slopes_so_far(current: np.ndarray) -> np.ndarray:
    """Return at each step the slope of the least-squares line through the series so far; 0 for fewer than three values."""
    steps = np.arange(current.shape[1], dtype=np.float64)
    count = steps + 1
    around = current - current[:, :1]
    moment = np.cumsum(steps * around, axis=1) * count - np.cumsum(steps) * np.cumsum(around, axis=1)
    spread = count * np.cumsum(steps**2) - np.cumsum(steps) ** 2
    return np.where(count >= 3, moment / np.maximum(spread, 1e-9), 0.0)


def _average(current: np.ndarray, weight: float) -> np.ndarray:
    """Return the exponentially weighted average so far."""
    averages = current.copy()
    for step in range(1, current.shape[1]):
        averages[:, step] = weight * current[:, step] + (1 - weight) * averages[:, step - 1]
    return averages
