"""The forecasts that cost nothing and that a network has to beat, each a few operations on all series at once."""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64

from gatewise.evaluation.averages import whole_number
from gatewise.evaluation.histories import Histories, read_histories


@runtime_checkable
class Baseline(Protocol):
    """Whatever forecasts many series from their values alone.

    Attributes:
        name: What it is called in a table.
    """

    @property
    def name(self) -> str:
        """What it is called in a table."""

    def forecast(self, values: Any, season_length: int, horizon: int) -> Float64[np.ndarray, "series horizon"]:
        """Forecast the steps that follow the last column.

        Args:
            values: The series, oldest value first, all ending at the last column; NaN where a value is missing, and
                before the beginning of a series that is shorter, ``(series, time)``.
            season_length: Steps in a season, 1 for none.
            horizon: Steps to forecast.

        Returns:
            The forecasts, ``(series, horizon)``; each finite, and from the values of its own series only.

        Raises:
            DataError: Not an array of series, or a series without a value.
            UsageError: `season_length` or `horizon` is no whole number of at least 1.
        """


@dataclass(frozen=True)
class Naive:
    """The last value, for ever; the best there is for a random walk. Also called persistence.

    Hyndman and Athanasopoulos 2021, "Forecasting: principles and practice", section 5.2, as are the next three.

    >>> Naive().forecast([[1, 5, 3]], season_length=1, horizon=2).tolist()
    [[3.0, 3.0]]
    """

    name: ClassVar[str] = "Naive"

    def forecast(self, values: Any, season_length: int, horizon: int) -> Float64[np.ndarray, "series horizon"]:
        """Repeat each series' last value; see `Baseline.forecast`."""
        history, _, horizon = _read(values, season_length, horizon)
        return np.repeat(history.at(history.last)[:, None], horizon, axis=1)


@dataclass(frozen=True)
class SeasonalNaive:
    """The last value at the same place in the season; the last value of all where that place has none.

    >>> SeasonalNaive().forecast([[1, 2, 3, 4, float("nan"), 6]], season_length=3, horizon=4).tolist()
    [[4.0, 2.0, 6.0, 4.0]]
    """

    name: ClassVar[str] = "SeasonalNaive"

    def forecast(self, values: Any, season_length: int, horizon: int) -> Float64[np.ndarray, "series horizon"]:
        """Repeat each series' last season; see `Baseline.forecast`."""
        history, season_length, horizon = _read(values, season_length, horizon)
        seasons = _seasons(history.values, season_length)
        observed = ~np.isnan(seasons)
        newest = seasons.shape[1] - 1 - observed[:, ::-1].argmax(axis=1)
        found = np.take_along_axis(seasons, newest[:, None], axis=1)[:, 0]
        season = np.where(observed.any(axis=1), found, history.at(history.last)[:, None])
        return season[:, np.arange(horizon) % season_length]


@dataclass(frozen=True)
class Drift:
    """The line through the first and the last value; level where there is only one.

    >>> Drift().forecast([[1, 7, 3]], season_length=1, horizon=2).tolist()
    [[4.0, 5.0]]
    """

    name: ClassVar[str] = "Drift"

    def forecast(self, values: Any, season_length: int, horizon: int) -> Float64[np.ndarray, "series horizon"]:
        """Go on along each series' line; see `Baseline.forecast`."""
        history, _, horizon = _read(values, season_length, horizon)
        last = history.at(history.last)
        slope = (last - history.at(history.first)) / np.maximum(history.last - history.first, 1)
        ahead = history.missing_at_end[:, None] + np.arange(1, horizon + 1)
        return last[:, None] + slope[:, None] * ahead


@dataclass(frozen=True)
class Mean:
    """The mean of all values, for ever; the best there is for noise around a level.

    >>> Mean().forecast([[1, float("nan"), 3]], season_length=1, horizon=2).tolist()
    [[2.0, 2.0]]
    """

    name: ClassVar[str] = "Mean"

    def forecast(self, values: Any, season_length: int, horizon: int) -> Float64[np.ndarray, "series horizon"]:
        """Repeat each series' mean; see `Baseline.forecast`."""
        history, _, horizon = _read(values, season_length, horizon)
        return np.repeat(np.nanmean(history.values, axis=1)[:, None], horizon, axis=1)


@dataclass(frozen=True)
class Naive2:
    """The last value without its season, times the season: what OWA is relative to.

    A series of three seasons or more whose autocorrelation at the season is significant at 90 per cent is divided by the
    indices of a classical multiplicative decomposition, and the naive forecast multiplied by them; every other series
    gets the naive forecast. The R code of the benchmarks of M4: Makridakis, Spiliotis and Assimakopoulos 2020, "The M4
    Competition: 100,000 time series and 61 forecasting methods". Indices need values above 0; a series with others, or with a
    place in the season that has no index, gets the naive forecast too.

    >>> Naive2().forecast([[2, 4] * 8], season_length=2, horizon=3).tolist()
    [[2.0, 4.0, 2.0]]
    """

    name: ClassVar[str] = "Naive2"

    def forecast(self, values: Any, season_length: int, horizon: int) -> Float64[np.ndarray, "series horizon"]:
        """Repeat each series' last value with the season; see `Baseline.forecast`."""
        history, season_length, horizon = _read(values, season_length, horizon)
        indices = np.ones((len(history.values), season_length))
        seasonal = np.flatnonzero(_is_seasonal(history, season_length))
        if seasonal.size:
            found = _seasonal_indices(history.values[seasonal], season_length)
            whole = ~np.isnan(found).any(axis=1)
            indices[seasonal[whole]] = found[whole]
        # The last column is the last place of the season, so that the first step is the first place.
        place = (season_length - 1 - history.missing_at_end) % season_length
        level = history.at(history.last) / indices[np.arange(len(indices)), place]
        return level[:, None] * indices[:, np.arange(horizon) % season_length]


def _read(values: Any, season_length: int, horizon: int) -> tuple[Histories, int, int]:
    """Read what `Baseline.forecast` is given."""
    return read_histories(values), whole_number(season_length, "season_length"), whole_number(horizon, "horizon")


def _seasons(
    values: Float64[np.ndarray, "series time"], season_length: int
) -> Float64[np.ndarray, "series seasons {season_length}"]:
    """Cut series into whole seasons that end where they end, the first filled up with NaN."""
    before = -values.shape[1] % season_length
    return np.pad(values, ((0, 0), (before, 0)), constant_values=np.nan).reshape(len(values), -1, season_length)


def _is_seasonal(history: Histories, season_length: int) -> np.ndarray:
    """Test autocorrelation at the season against Bartlett's limits at 90 per cent; series with values ≤ 0 are not tested."""
    values = history.values
    observed = ~np.isnan(values)
    count = observed.sum(axis=1)
    candidates = (season_length > 1) & (count >= 3 * season_length) & (np.where(observed, values, 1) > 0).all(axis=1)
    around = np.where(observed, values - np.nanmean(values, axis=1)[:, None], 0.0)
    power = (around**2).sum(axis=1)
    lags = range(1, season_length + 1 if candidates.any() else 1)
    correlation = np.array([(around[:, lag:] * around[:, :-lag]).sum(axis=1) for lag in lags]).reshape(-1, len(values))
    correlation = np.divide(correlation, power, out=np.zeros_like(correlation), where=power > 0)
    limit = 1.645 * np.sqrt((1 + 2 * (correlation[:-1] ** 2).sum(axis=0)) / count)
    return candidates & (np.abs(correlation[-1:]).sum(axis=0) > limit)


def _seasonal_indices(
    values: Float64[np.ndarray, "series time"], season_length: int
) -> Float64[np.ndarray, "series {season_length}"]:
    """Return multiplicative indices of the places in the season, the last place being that of the last column.

    The ratios to a centred moving average of one season, averaged by place, as R's ``decompose`` has them but for their
    mean, which is 1 there and does not matter here. NaN for a place where no ratio is known.
    """
    # A season of an even length is centred between two values: the ends of its window count half.
    weights = np.ones(season_length) if season_length % 2 else np.r_[0.5, np.ones(season_length - 1), 0.5]
    spans = np.lib.stride_tricks.sliding_window_view(values, len(weights), axis=1)
    half = len(weights) // 2
    ratios = np.full(values.shape, np.nan)
    ratios[:, half : half + spans.shape[1]] = (
        values[:, half : half + spans.shape[1]] * season_length / (spans @ weights)
    )
    by_place = _seasons(ratios, season_length)
    known = ~np.isnan(by_place)
    counts = known.sum(axis=1)
    sums = np.sum(by_place, axis=1, where=known)
    return np.divide(sums, counts, out=np.full(counts.shape, np.nan), where=counts > 0)
