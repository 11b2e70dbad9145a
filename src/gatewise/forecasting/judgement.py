"""From the forecasts of several methods to one, cutoff by cutoff, each judged by what was known there."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from gatewise.evaluation.point_errors import seasonal_scale
from gatewise.forecasting.bands import half_widths
from gatewise.forecasting.combination import combined, weights_at
from gatewise.forecasting.panel import Panel
from gatewise.forecasting.rolling import Rolled, values_until

# What networks, classical methods and the simplest baselines weigh together where no error is known yet: half and a
# quarter each for Theta and ETS was best on the training parts of M3; the simplest are there for series that they suit.
_NETWORKS, _CLASSICAL, _SIMPLE = 0.5, 0.45, 0.05
_SIMPLE_NAMES = ("Naive", "SeasonalNaive", "Drift", "Mean")


@dataclass(frozen=True, eq=False)
class Judged:
    """One forecast from each cutoff, as it would have been made there.

    Attributes:
        forecasts: ``(windows, series, horizon)``.
        networks: The same from the networks alone, NaN where there are none.
        weights: Of each method, ``(windows, methods, series)``.
    """

    forecasts: Float64[np.ndarray, "windows series horizon"]
    networks: Float64[np.ndarray, "windows series horizon"]
    weights: Float64[np.ndarray, "windows methods series"]


def judge(rolled: Rolled, panel: Panel, network_only: bool) -> Judged:
    """Weigh the methods at every cutoff by their errors before it.

    Args:
        rolled: Forecasts of all methods from all cutoffs.
        panel: The series.
        network_only: Whether baselines have no weight.
    """
    networks, scale_of = rolled.networks, series_scale
    of_networks = np.where(networks, 1.0, 0.0)
    prior = of_networks if network_only and networks.any() else usual_weights(rolled.names, networks)
    forecasts, alone, weights = [], [], []
    for window, back in enumerate(rolled.steps_back.tolist()):
        scale = scale_of(values_until(panel, back), panel.season_length)
        weight = weights_at(rolled, back, scale, prior)
        weights.append(weight)
        forecasts.append(combined(rolled.forecasts[:, window], weight))
        if networks.any():
            own = weights_at(rolled.only(networks), back, scale, of_networks[networks])
            alone.append(combined(rolled.forecasts[networks, window], own))
        else:
            alone.append(np.full(forecasts[-1].shape, np.nan))
    return Judged(np.stack(forecasts), np.stack(alone), np.stack(weights))


def usual_weights(names: tuple[str, ...], networks: Bool[np.ndarray, " methods"]) -> Float64[np.ndarray, " methods"]:
    """Return what methods weigh where nothing is known of their errors."""
    simple = np.array([name in _SIMPLE_NAMES for name in names])
    weights = np.zeros(len(names))
    for group, share in ((networks, _NETWORKS), (~networks & ~simple, _CLASSICAL), (~networks & simple, _SIMPLE)):
        if group.any():
            weights[group] = share / group.sum()
    return weights / weights.sum()


def widths_at(
    errors: Float64[np.ndarray, "windows series horizon"],
    rolled: Rolled,
    steps_back: int,
    panel: Panel,
    levels: Float64[np.ndarray, " levels"],
) -> Float64[np.ndarray, "series horizon levels"]:
    """Return how far the intervals of a cutoff reach, from the errors that were known there."""
    known = np.where(rolled.known_at(steps_back), errors, np.nan)
    scale = series_scale(values_until(panel, steps_back), panel.season_length)
    return half_widths(known, scale, levels)


def series_scale(values: Float64[np.ndarray, "series time"], season_length: int) -> Float64[np.ndarray, " series"]:
    """Return units in which errors of series are compared: the scale of MASE, or of one step, or the usual size; above 0."""
    scale = np.ones(len(values))
    begun = np.isfinite(values).any(axis=1)
    known = values[begun]
    if not len(known):
        return scale
    candidates = [seasonal_scale(known, season_length), seasonal_scale(known, 1), np.nanmean(np.abs(known), axis=1)]
    found = np.ones(len(known))
    for candidate in reversed(candidates):
        found = np.where(np.isfinite(candidate) & (candidate > 0), candidate, found)
    scale[begun] = found
    return scale
