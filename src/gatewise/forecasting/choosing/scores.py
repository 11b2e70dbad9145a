"""The errors of a backtest: every method, over all forecasts, or by step of the horizon, by series or by cutoff."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Float64

from gatewise.errors import DataError, UsageError
from gatewise.evaluation import diebold_mariano, friedman
from gatewise.evaluation.point_errors import seasonal_scale
from gatewise.evaluation.ranking import Ranking
from gatewise.evaluation.simple_baselines import Naive2
from gatewise.forecasting.classical.baseline_methods import baseline_forecast
from gatewise.forecasting.frames import level_name
from gatewise.forecasting.panel import Panel
from gatewise.forecasting.rolling import values_until

if TYPE_CHECKING:
    import pandas as pd

By = Literal["horizon", "series", "cutoff"]
# Levels of intervals whose bounds, with nothing between them twice, are 20 quantiles evenly spread: (k - 1/2) / 20.
EVEN_LEVELS = tuple(float(level) for level in range(5, 100, 10))
_AXES = {None: (0, 1, 2), "horizon": (0, 1), "series": (0, 2), "cutoff": (1, 2)}


@dataclass(frozen=True, eq=False)
class Scores:
    """Forecasts of several methods beside what happened.

    Attributes:
        panel: The series.
        steps_back: The cutoffs, as steps before the end, ``(windows,)``.
        actual: ``(windows, series, horizon)``.
        forecasts: Of each method, ``gatewise`` first, each ``(windows, series, horizon)``.
        reach: How far the intervals of a method reach below and above, where it has any, ``(2, windows, series, horizon,
            levels)``; the levels are `levels` and then `EVEN_LEVELS`.
        levels: Of the intervals, in per cent.
        labels: What the groups are called, by ``"series"`` and ``"cutoff"``.
        networks: Which of the methods are networks.
    """

    panel: Panel
    steps_back: np.ndarray
    actual: Float64[np.ndarray, "windows series horizon"]
    forecasts: Mapping[str, Float64[np.ndarray, "windows series horizon"]]
    reach: Mapping[str, Float64[np.ndarray, "2 windows series horizon levels"]]
    levels: tuple[float, ...]
    labels: Mapping[str, Any]
    networks: tuple[str, ...] = ()

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods, ``gatewise`` first."""
        return tuple(self.forecasts)

    def table(self, by: By | None = None) -> "pd.DataFrame":
        """Return the errors of every method.

        MAE, RMSE, sMAPE, MASE, RMSSE and OWA as in `gatewise.metrics`, over all points together; of the intervals the pinball
        loss (over their bounds and the median), CRPS from 20 quantiles, and for each level coverage, width and MSIS. Where
        a series' history has no scale, MASE, RMSSE and MSIS leave it out.

        Args:
            by: None for one row a method; ``"horizon"``, ``"series"`` or ``"cutoff"`` for one row of each and each method.

        Raises:
            UsageError: `by` cannot be meant.
        """
        import pandas as pd

        if by not in _AXES:
            raise UsageError(f"by is {by!r}: give 'horizon', 'series', 'cutoff', or None for one row of each method.")
        naive = self._points(self._naive2, by)
        frames = []
        for name, forecast in self.forecasts.items():
            scores = self._points(forecast, by)
            with np.errstate(divide="ignore", invalid="ignore"):
                scores["owa"] = (scores["smape"] / naive["smape"] + scores["mase"] / naive["mase"]) / 2
            if self.reach:
                scores |= self._bands(name, by)
            group: dict[str, Any] = {} if by is None else {by: self._group(by)}
            frames.append(pd.DataFrame({"method": name, **group, **{k: np.atleast_1d(v) for k, v in scores.items()}}))
        return pd.concat(frames, ignore_index=True)

    def ranking(self) -> str:
        """Say whether the best is shown to be better: of all methods by ranks over many series, beside baselines over one."""
        names = [name for name in self.methods if name != "gatewise-network"]
        try:
            if len(self.panel) > 1 and len(names) > 2:
                sizes = np.stack([self._points(self.forecasts[name], "series")["mae"] for name in names], axis=-1)
                return self._ranked(friedman(sizes, names))
            return self._compared([name for name in names if name not in self.networks])
        except DataError as error:
            return f"It was not tested whether the methods differ. {error}"

    def _ranked(self, ranking: Ranking) -> str:
        """Return a ranking in words, and where another method has the least error, why both may be so."""
        means = {name: self._points(self.forecasts[name], None) for name in ranking.names}
        measure = "mase" if np.isfinite(means["gatewise"]["mase"]) else "mae"
        least = min(ranking.names, key=lambda name: float(np.nan_to_num(means[name][measure], nan=np.inf)))
        if ranking.p_value >= ranking.alpha or least == ranking.names[0]:
            return str(ranking)
        return f"{ranking} {least} has the least mean error: ranks count each series alike, however large its errors."

    def _compared(self, names: list[str]) -> str:
        """Compare the forecast of a single series with the best baseline."""
        squares = {
            name: _mean((self.forecasts[name] - self.actual) ** 2, "cutoff")
            for name in names
            if np.isfinite(self.forecasts[name]).any()
        }
        # Where a baseline has all the weight, it is compared with the best of the others.
        others = [name for name in squares if not np.allclose(squares[name], squares["gatewise"], equal_nan=True)]
        if not others:
            raise DataError(
                "There is no baseline beside the networks."
                if len(names) == 1
                else "The forecast is that of the only baseline."
            )
        best = min(others, key=lambda name: float(np.nanmean(squares[name])))
        whole = np.isfinite(squares["gatewise"]) & np.isfinite(squares[best])
        step = int(np.abs(np.diff(self.steps_back)).min()) if len(self.steps_back) > 1 else 1
        overlap = -(-self.actual.shape[2] // max(step, 1))
        if whole.sum() <= overlap:
            raise DataError(
                f"From {whole.sum()} cutoffs {step} step{'s' * (step > 1)} apart, forecasts of {self.actual.shape[2]} steps "
                f"overlap too much to be compared: it takes more than {overlap} cutoffs, or cutoffs further apart."
            )
        # The test squares what it is given: here the mean square of a window's errors.
        first, second = np.sqrt(squares["gatewise"][whole]), np.sqrt(squares[best][whole])
        return str(diebold_mariano(first, second, horizon=overlap, names=("gatewise", best)))

    def _group(self, by: By) -> Any:
        return np.arange(1, self.actual.shape[2] + 1) if by == "horizon" else self.labels[by]

    @cached_property
    def _scales(self) -> tuple[np.ndarray, np.ndarray]:
        """The scales of MASE and RMSSE at each cutoff, NaN where there is none, each ``(windows, series, 1)``."""
        season, scales = self.panel.season_length, []
        for power in (1, 2):
            at = [seasonal_scale(values_until(self.panel, int(b)), season, power=power) for b in self.steps_back]
            scales.append(np.stack(at)[..., None])
        return scales[0], scales[1]

    @cached_property
    def _naive2(self) -> Float64[np.ndarray, "windows series horizon"]:
        season, horizon = self.panel.season_length, self.actual.shape[2]
        windows = [values_until(self.panel, int(back)) for back in self.steps_back]
        forecasts = np.stack([baseline_forecast(Naive2(), values, season, horizon) for values in windows])
        return np.where(np.isfinite(self.forecasts["gatewise"]), forecasts, np.nan)

    def _points(self, forecast: Float64[np.ndarray, "windows series horizon"], by: By | None) -> dict[str, Any]:
        error = forecast - self.actual
        size = np.abs(error)
        both = np.abs(self.actual) + np.abs(forecast)
        relative = np.divide(200 * size, both, out=np.where(np.isnan(error), np.nan, 0.0), where=both > 0)
        scale, square_scale = self._scales
        return {
            "mae": _mean(size, by),
            "rmse": np.sqrt(_mean(error**2, by)),
            "smape": _mean(relative, by),
            "mase": _mean(size / scale, by),
            "rmsse": np.sqrt(_mean(error**2 / square_scale, by)),
        }

    def _bands(self, name: str, by: By | None) -> dict[str, Any]:
        columns = [f"{score}-{level_name(level)}" for level in self.levels for score in ("coverage", "width", "msis")]
        reach = self.reach.get(name)
        if reach is None:
            return dict.fromkeys(["pinball", "crps", *columns], np.nan)
        error = self.actual - self.forecasts[name]
        distance = np.abs(error)
        found: dict[str, Any] = {}
        promised = [_quantile_loss(error, reach[..., place], level) for place, level in enumerate(self.levels)]
        # The median's pinball loss is half the absolute error.
        found["pinball"] = _mean((sum(promised) + distance / 2) / (2 * len(self.levels) + 1), by)
        even = [_quantile_loss(error, reach[..., len(self.levels) + k], level) for k, level in enumerate(EVEN_LEVELS)]
        found["crps"] = _mean(np.mean(even, axis=0), by)
        for place, level in enumerate(self.levels):
            below, above = reach[..., place]
            share, side = 1 - level / 100, np.where(error > 0, above, below)
            fine = np.maximum(distance - side, 0.0) * 2 / share
            known = np.isfinite(distance) & np.isfinite(side)
            inside = np.where(known, (distance <= side).astype(np.float64), np.nan)
            width = np.where(known, below + above, np.nan)
            scores = (inside, width, (width + fine) / self._scales[0])
            found |= dict(zip(columns[3 * place : 3 * place + 3], (_mean(one, by) for one in scores), strict=True))
        return found


def _quantile_loss(error: np.ndarray, reach: np.ndarray, level: float) -> np.ndarray:
    """Return the pinball losses of both bounds of an interval together, ``(windows, series, horizon)``."""
    tail = (1 - level / 100) / 2
    low, high = error + reach[0], error - reach[1]
    lower = np.maximum(tail * low, (tail - 1) * low)
    upper = np.maximum((1 - tail) * high, -tail * high)
    return lower + upper


def _mean(terms: np.ndarray, by: By | None) -> np.ndarray:
    """Return the mean over all axes but that of the groups; NaN does not count."""
    known = np.isfinite(terms)
    count = known.sum(axis=_AXES[by])
    total = np.sum(terms, axis=_AXES[by], where=known)
    return np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)
