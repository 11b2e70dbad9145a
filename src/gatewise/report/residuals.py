"""What the errors of one-step and further forecasts say about a forecaster: do they hang together, are they centred?"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from gatewise.report.out_of_fold import OutOfFold


class Autocorrelation(NamedTuple):
    """How errors of one-step forecasts depend on those before.

    Attributes:
        lags: From 1, ``(lags,)``.
        values: The mean correlation at each lag over the series, ``(lags,)``.
        edge: 95 % of such means lie within ± this where there is no dependence, ``(lags,)``.
        p_value: How likely such values are where there is no dependence.
    """

    lags: Int64[np.ndarray, " lags"]
    values: Float64[np.ndarray, " lags"]
    edge: Float64[np.ndarray, " lags"]
    p_value: float


def autocorrelation(rows: OutOfFold, most_lags: int = 24) -> Autocorrelation | None:
    """Return how the errors at the first step depend on those of cutoffs before, None with fewer than 8 cutoffs.

    Errors of one step are what a forecaster that uses all of the past leaves without dependence. Pairs of all series are
    put together, each series with its own mean and size. The edge is Bartlett's ``1.96 / sqrt(pairs)``, and the test that of
    Ljung and Box: the sum of ``pairs value**2`` is about chi-squared (Box, Jenkins, Reinsel and Ljung 2015, Time Series
    Analysis, sections 2.1.6 and 8.2.2).

    Args:
        rows: The forecasts. Cutoffs are taken to lie equally far apart.
        most_lags: How many lags at most.
    """
    first = rows.step == 1
    grid = np.full((len(rows.ids), len(rows.cutoffs)), np.nan)
    grid[rows.series[first], rows.window[first]] = rows.errors(rows.model)[first]
    windows = grid.shape[1]
    if windows < 8:
        return None
    known = np.isfinite(grid)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    centred = np.where(known, grid - np.where(known, grid, 0.0).sum(axis=1, keepdims=True) / count, 0.0)
    size = np.sqrt((centred**2).sum(axis=1, keepdims=True) / count)
    unit = np.divide(centred, size, out=np.zeros_like(centred), where=size > 0)
    lags = np.arange(1, min(most_lags, windows // 2) + 1)
    pairs = np.array([(known[:, lag:] & known[:, :-lag]).sum() for lag in lags])
    products = np.array([(unit[:, lag:] * unit[:, :-lag]).sum() for lag in lags])
    values = np.divide(products, pairs, out=np.zeros(len(lags)), where=pairs > 0)
    from scipy import special

    p_value = float(special.chdtrc(len(lags), np.sum(pairs * values**2)))
    return Autocorrelation(lags, values, 1.96 / np.sqrt(np.maximum(pairs, 1)), p_value)


def in_own_units(rows: OutOfFold) -> Float64[np.ndarray, " known"]:
    """Return the errors that are known, each divided by the root mean square error of its series.

    A mean away from 0 is a bias, whatever the units of the series.
    """
    errors = rows.errors(rows.model)
    size = np.sqrt(rows.by_series(errors**2))[rows.series]
    there = np.isfinite(errors) & np.isfinite(size) & (size > 0)
    return errors[there] / size[there]


def places_in_intervals(
    rows: OutOfFold,
) -> tuple[list[str], Float64[np.ndarray, " bins"], Float64[np.ndarray, " bins"]]:
    """Return where the values fell: the stretches that the bounds cut, the share in each, and what was promised.

    The shares are a histogram of the probability integral transform as far as a few levels know it (Gneiting, Balabdaoui
    and Raftery 2007, "Probabilistic forecasts, calibration and sharpness", section 3.1), each half of an interval apart.
    """
    levels = list(rows.bounds)
    probabilities = [(1 - level / 100) / 2 for level in reversed(levels)]
    probabilities = [*probabilities, 0.5, *(1 - p for p in reversed(probabilities))]
    edges = [rows.bounds[level][0] for level in reversed(levels)]
    edges = [*edges, rows.forecasts[rows.model], *(rows.bounds[level][1] for level in levels)]
    known = np.isfinite(rows.actual) & np.isfinite(np.stack(edges)).all(axis=0)
    below = np.sum([rows.actual[known] > edge[known] for edge in edges], axis=0)
    shares = np.bincount(below, minlength=len(edges) + 1) / max(int(known.sum()), 1)
    promised = np.diff([0.0, *probabilities, 1.0])
    shown = [f"{100 * p:g} %" for p in [0.0, *probabilities, 1.0]]
    names = [f"{low.removesuffix(' %')}–{high}" for low, high in pairwise(shown)]
    return names, shares, promised
