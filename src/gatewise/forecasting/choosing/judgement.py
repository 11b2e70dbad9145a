"""From the forecasts of several methods to one, cutoff by cutoff, each judged by what was known there."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from gatewise.evaluation.point_errors import seasonal_scale
from gatewise.forecasting.choosing.alone import better_alone, beyond_noise
from gatewise.forecasting.choosing.bands import half_widths, independent_windows
from gatewise.forecasting.choosing.combination import combined, usual_errors_at, weights_at
from gatewise.forecasting.choosing.edges import further_ahead, steps_since
from gatewise.forecasting.choosing.movement import Movement, recent_movement
from gatewise.forecasting.choosing.prior import Weighing, prior_weights
from gatewise.forecasting.choosing.quantile_bands import conformal_reach, own_reach
from gatewise.forecasting.panel import Panel
from gatewise.forecasting.rolling import Rolled, values_until

_MIDWAY = 0.5
# No more is made of a level that has changed.
_MOST_GROWTH = 4.0
# A movement of less than this share of the values is rounding.
_STILL = 1e-9
_USUAL = Weighing()


@dataclass(frozen=True, eq=False)
class Judged:
    """One forecast from each cutoff, as it would have been made there.

    Attributes:
        forecasts: ``(windows, series, horizon)``.
        networks: The same from the networks alone, NaN where there are none.
        weights: Of each method, ``(windows, methods, series)``.
        network_weights: The same for `networks`, 0 for baselines.
        alone: Which method was better by itself, beyond noise, and has all the weight; -1 for none,
            ``(windows, series)``.
    """

    forecasts: Float64[np.ndarray, "windows series horizon"]
    networks: Float64[np.ndarray, "windows series horizon"]
    weights: Float64[np.ndarray, "windows methods series"]
    network_weights: Float64[np.ndarray, "windows methods series"]
    alone: Int64[np.ndarray, "windows series"]


@dataclass(frozen=True, eq=False)
class UsualErrors:
    """How large the errors of the methods were that were known at each cutoff, over all series; see `usual_errors`.

    Attributes:
        methods: Of all methods that may have weight, ``(windows, methods)``.
        networks: Of the networks beside each other, ``(windows, networks)``.
        series: Of how many series.
    """

    methods: Float64[np.ndarray, "windows methods"]
    networks: Float64[np.ndarray, "windows networks"]
    series: int


def usual_errors_of(rolled: Rolled, panel: Panel, network_only: bool) -> UsualErrors:
    """Return what series like these, of which only some may be at hand, are judged by together; see `judge`."""
    networks = rolled.networks
    prior, own = prior_weights(rolled, network_only, _USUAL), rolled.only(networks)
    methods, among = [], []
    for back in rolled.steps_back.tolist():
        scale = series_scale(values_until(panel, back), panel.season_length)
        methods.append(usual_errors_at(rolled, back, scale, prior))
        among.append(usual_errors_at(own, back, scale, np.ones(len(own.names))) if networks.any() else np.zeros(0))
    return UsualErrors(np.stack(methods), np.stack(among), len(panel))


def judge(
    rolled: Rolled, panel: Panel, network_only: bool, usual: UsualErrors | None = None, weighing: Weighing = _USUAL
) -> Judged:
    """Weigh the methods at every cutoff by their errors before it.

    Args:
        rolled: Forecasts of all methods from all cutoffs.
        panel: The series.
        network_only: Whether baselines have no weight.
        usual: What the errors of a series are drawn to where these are not all series. Default: the errors of these.
        weighing: What methods weigh before their errors are known, and when one is taken by itself.
    """
    networks, scale_of = rolled.networks, series_scale
    of_networks, prior = np.where(networks, 1.0, 0.0), prior_weights(rolled, network_only, weighing)
    noise = beyond_noise(weighing.chance, int((prior > 0).sum()) * (len(panel) if usual is None else usual.series))
    forecasts, alone, weights, network_weights, single = [], [], [], [], []
    mixed: list[np.ndarray] = []
    for window, back in enumerate(rolled.steps_back.tolist()):
        scale = scale_of(values_until(panel, back), panel.season_length)
        weight = weights_at(rolled, back, scale, prior, None if usual is None else usual.methods[window])
        mixed.append(combined(rolled.forecasts[:, window], weight))
        better = better_alone(rolled, np.stack(mixed), back, prior > 0, noise)
        weight = np.where(better >= 0, np.arange(len(prior))[:, None] == better, weight)
        weights.append(weight)
        single.append(better)
        forecasts.append(combined(rolled.forecasts[:, window], weight))
        own = np.zeros_like(weight)
        if networks.any():
            among = None if usual is None else usual.networks[window]
            own[networks] = weights_at(rolled.only(networks), back, scale, of_networks[networks], among)
        network_weights.append(own)
        alone.append(combined(rolled.forecasts[:, window], own))
    return Judged(*(np.stack(each) for each in (forecasts, alone, weights, network_weights, single)))


def errors_with(
    rolled: Rolled,
    made: Float64[np.ndarray, "windows series horizon"],
    weights: Float64[np.ndarray, "methods series"],
    steps_back: int,
) -> Float64[np.ndarray, "windows series horizon"]:
    """Return the sizes of errors that a forecast with these weights is to expect.

    Between two that are known. The errors that were made had weights from fewer errors than there are now, and are larger;
    those that these weights would have had are smaller, as the weights were learned from them. With two windows and more it is
    midway; weights that were learned from a single one say nothing of the errors in it, and it is those that were made.

    Args:
        rolled: The forecasts of all methods.
        made: The forecasts that were made of them, each with the weights of then.
        weights: The weights of now.
        steps_back: The cutoff.
    """
    known = rolled.steps_back[rolled.steps_back > steps_back]
    learned = _MIDWAY * min(independent_windows(known, rolled.horizon) - 1, 1.0) if len(known) else 0.0
    now = np.stack([combined(rolled.forecasts[:, window], weights) for window in range(len(rolled.steps_back))])
    return learned * np.abs(rolled.actual - now) + (1 - learned) * np.abs(rolled.actual - made)


def reach_at(
    rolled: Rolled,
    panel: Panel,
    made: Float64[np.ndarray, "windows series horizon"],
    sizes: Float64[np.ndarray, "windows series horizon"],
    own: Float64[np.ndarray, "windows series horizon quantiles"] | None,
    moved: Float64[np.ndarray, "windows series"],
    window: int,
    levels: Float64[np.ndarray, " levels"],
) -> Float64[np.ndarray, "2 series horizon levels"]:
    """Return how far the intervals of a cutoff reach below and above, from the errors that were known there.

    Args:
        rolled: The forecasts of all methods.
        panel: The series.
        made: The forecasts that the intervals are around, from all cutoffs.
        sizes: The sizes of errors that they are to expect.
        own: How far quantiles of networks reach around them, as `own_reach` has it; None where there are none.
        moved: How much the series had moved of late at each cutoff, as `moved_at` has it.
        window: The number of the cutoff.
        levels: In per cent.
    """
    steps_back = int(rolled.steps_back[window])
    known = values_until(panel, steps_back)
    scale = series_scale(known, panel.season_length)
    if own is None:
        movement = Movement(moved, moved[window])
        half = half_widths(sizes_now(sizes, rolled, steps_back, panel), rolled.steps_back, scale, movement, levels)
        reach = np.stack([half, half])
    else:
        errors = np.where(rolled.known_at(steps_back), rolled.actual - made, np.nan)
        reach = conformal_reach(errors, rolled.steps_back, own, own[window], scale, levels)
    return further_ahead(reach, steps_since(known))


def moved_at(panel: Panel, steps_back: Int64[np.ndarray, " windows"]) -> Float64[np.ndarray, "windows series"]:
    """Return how much series had moved of late at some cutoffs, relative to how much they had until then."""
    return np.stack([recent_movement(values_until(panel, back), panel.season_length) for back in steps_back.tolist()])


def reach_of_networks(
    rolled: Rolled, weights: Float64[np.ndarray, "windows methods series"], names: Sequence[str]
) -> Float64[np.ndarray, "windows series horizon quantiles"] | None:
    """Return how far the quantiles of some methods reach around their forecasts, in their mean; None where none gives any.

    Args:
        rolled: The forecasts of all methods.
        weights: What networks weigh at each cutoff.
        names: The methods.
    """
    giving = [name for name in names if name in rolled.quantiles]
    if not giving:
        return None
    each = {name: weights[:, rolled.names.index(name)] for name in giving}
    return own_reach({name: rolled.quantiles[name] for name in giving}, each)


def sizes_now(
    errors: Float64[np.ndarray, "windows series horizon"], rolled: Rolled, steps_back: int, panel: Panel
) -> Float64[np.ndarray, "windows series horizon"]:
    """Return the sizes of the errors that were known at a cutoff, as large as they would be there.

    The errors of a series of positive values are as much larger as its level has become since they were made.
    """
    known = np.where(rolled.known_at(steps_back), np.abs(errors), np.nan)
    now = values_until(panel, steps_back)
    positive = (np.where(np.isfinite(now), now, 1.0) > 0).all(axis=1)
    then = np.stack([_recent_level(values_until(panel, int(b)), panel.season_length) for b in rolled.steps_back])
    ratio = np.divide(
        _recent_level(now, panel.season_length), then, out=np.ones(then.shape), where=positive & (then > 0)
    )
    return known * np.clip(np.nan_to_num(ratio, nan=1.0), 1 / _MOST_GROWTH, _MOST_GROWTH)[..., None]


def _recent_level(values: Float64[np.ndarray, "series time"], season_length: int) -> Float64[np.ndarray, " series"]:
    """Return the mean of the last season of each series, or of its last six values; NaN where there is none."""
    recent = values[:, -max(season_length, 6) :]
    known = np.isfinite(recent)
    count = known.sum(axis=1)
    total = np.sum(recent, axis=1, where=known)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)


def series_scale(values: Float64[np.ndarray, "series time"], season_length: int) -> Float64[np.ndarray, " series"]:
    """Return units in which errors of series are compared, above 0.

    The scale of MASE; for a series that repeats itself that of one step; and for one that never moves a billionth of its
    size, as any error of it is a large one.
    """
    scale = np.ones(len(values))
    begun = np.isfinite(values).any(axis=1)
    known = values[begun]
    if not len(known):
        return scale
    size = np.nanmax(np.abs(known), axis=1)
    found = np.where(size > 0, size, 1.0) * _STILL
    for candidate in (seasonal_scale(known, 1), seasonal_scale(known, season_length)):
        found = np.where(np.isfinite(candidate) & (candidate > _STILL * size), candidate, found)
    scale[begun] = found
    return scale
