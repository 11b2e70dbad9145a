"""`Forecaster`: from a table to forecasts with intervals, by networks that are weighed against baselines."""

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from jaxtyping import Float64

from gatewise.errors import UsageError
from gatewise.evaluation.averages import read_levels, whole_number
from gatewise.evaluation.simple_baselines import Baseline
from gatewise.forecasting.baseline_methods import BY_NAME, BaselineMethod, usual_baselines
from gatewise.forecasting.combination import combined
from gatewise.forecasting.cutoffs import MOST_GLOBAL, MOST_LOCAL, validation_cutoffs
from gatewise.forecasting.explanation import Explanation
from gatewise.forecasting.extension import extended
from gatewise.forecasting.fitted import Fitted, Mode, Plan
from gatewise.forecasting.frames import bounds_columns, forecast_frame
from gatewise.forecasting.global_networks import Networks
from gatewise.forecasting.judgement import Judged, judge, series_scale
from gatewise.forecasting.local_networks import LocalNetworks
from gatewise.forecasting.network_methods import NetworkMethod, training_cutoffs
from gatewise.forecasting.panel import Panel
from gatewise.forecasting.rolling import Method, Progress, Rolled, roll
from gatewise.forecasting.usual_pools import usual_networks
from gatewise.tables import SeriesTable, read_series

if TYPE_CHECKING:
    import pandas as pd

    from gatewise.forecasting.backtest import Backtest

# From so many series on, networks are trained on all of them together unless others are asked for.
MANY_SERIES = 20


def _silent(share: float, what: str) -> None:
    """Hear how far the work is, where nobody wants to know."""


class Forecaster:
    """Forecasts one series or many thousand, with intervals, by networks that are weighed against baselines.

    Args:
        horizon: Steps to forecast.
        mode: ``"fast"``, or ``"best"`` with more networks and more cutoffs to choose by.
        minutes: A budget of wall time instead.
        network: None chooses; a recipe's name; networks such as `LocalNetworks`; or a function
            ``(input_shape, outputs) -> keras.Model``.
        network_only: Whether baselines have no part in the forecast.
        baselines: Those to weigh against, or their names. Default: naive, seasonal naive and drift, and where
            `statsforecast` is installed the dynamic optimised Theta method and ETS.
        season_length: Steps in a season. Default: that of the frequency.
        seed: Where all randomness comes from.

    Example:
        >>> import gatewise as gw
        >>> forecaster = gw.Forecaster(horizon=2, baselines=["Naive", "Drift"]).fit([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
        >>> forecaster.predict(level=80).columns.tolist()
        ['unique_id', 'ds', 'gatewise', 'gatewise-lo-80', 'gatewise-hi-80']
    """

    def __init__(
        self,
        horizon: int,
        *,
        mode: Mode = "fast",
        minutes: float | None = None,
        network: Any = None,
        network_only: bool = False,
        baselines: Sequence[Baseline | str] | None = None,
        season_length: int | None = None,
        seed: int = 0,
    ) -> None:
        chosen = None if baselines is None else tuple(_baseline(one) for one in baselines)
        horizon = whole_number(horizon, "horizon")
        self.plan = Plan(horizon, mode, minutes, network, network_only, chosen, season_length, seed)
        self._fitted: Fitted | None = None
        self._forecasts: np.ndarray | None = None

    @property
    def fitted(self) -> Fitted:
        """What it knows.

        Raises:
            UsageError: Nothing yet.
        """
        if self._fitted is None:
            raise UsageError("This forecaster has not been fitted: call fit(series) first.")
        return self._fitted

    @property
    def explanation(self) -> Explanation:
        """What was chosen, and why."""
        return self.fitted.explanation

    @property
    def validation(self) -> "Backtest":
        """The forecasts from the cutoffs that the choice was made by, as a backtest.

        Each was made with weights, of networks and of methods, that knew nothing after its cutoff.
        """
        from gatewise.forecasting.backtest import backtest_of

        fitted = self.fitted
        past = fitted.rolled.steps_back > 0
        return backtest_of(fitted.table, fitted.panel, fitted.rolled, fitted.judged, past)

    @property
    def history_(self) -> dict[str, np.ndarray]:
        """The losses of the networks in training, by name."""
        return {
            f"{place} {trained.names[0]}": trained.losses
            for place, trained in enumerate(self.fitted.trained)
            if hasattr(trained, "losses")
        }

    def fit(self, series: Any, *, progress: Progress | None = None) -> Self:
        """Choose and train, by what each method's forecasts from past cutoffs were worth.

        Args:
            series: A `SeriesTable`, or anything that `gatewise.read_series` takes.
            progress: Called with the share that is done, from 0 to 1, and with what is being done.

        Returns:
            The forecaster itself.
        """
        started = time.perf_counter()
        table = series if isinstance(series, SeriesTable) else read_series(series)
        panel = Panel.of(table, self.plan.season_length)
        networks = self.networks_for(panel)
        local = all(isinstance(one, LocalNetworks) for one in networks)
        most = (MOST_LOCAL if local and len(panel) < MANY_SERIES else MOST_GLOBAL)[self.plan.mode]
        back = [*validation_cutoffs(panel, self.plan.horizon, most), 0]
        methods, trainers = self.methods_for(panel, networks, refit=local)
        rolled = roll(methods, panel, self.plan.horizon, back, progress or _silent)
        judged = judge(rolled, panel, self.plan.network_only)
        baselines = tuple(method.baseline for method in methods if isinstance(method, BaselineMethod))
        explanation = _explained(rolled, judged, panel, time.perf_counter() - started)
        trained = tuple(trainer.trained for trainer in trainers if trainer.trained is not None)
        scale = series_scale(panel.values, panel.season_length)
        self._fitted = Fitted(table, panel, rolled, judged, trained, baselines, explanation, scale)
        self._forecasts = rolled.forecasts[:, -1]
        return self

    def networks_for(self, panel: Panel) -> tuple[Networks, ...]:
        """Return the networks that are trained on these series."""
        given = self.plan.network
        if given is None:
            return (LocalNetworks() if len(panel) < MANY_SERIES else usual_networks(panel, self.plan.mode),)
        if isinstance(given, str):
            return (_named(given),)
        if isinstance(given, Networks):
            return (given,)
        return (LocalNetworks(name=getattr(given, "__name__", "own"), build=given),)

    def methods_for(
        self, panel: Panel, networks: Sequence[Networks], refit: bool | int, last: int = 0
    ) -> tuple[list[Method], list[NetworkMethod]]:
        """Return networks and baselines as methods, and of these the networks."""
        baselines = usual_baselines(panel.season_length) if self.plan.baselines is None else self.plan.baselines

        def trained_at(steps_back: Sequence[int]) -> Any:
            at = training_cutoffs(steps_back, refit)
            # The networks that will go on forecasting have seen everything.
            return np.where(np.asarray(steps_back) == last, last, at)

        trainers = [NetworkMethod(one, self.plan.seed + place, trained_at) for place, one in enumerate(networks)]
        return [*(BaselineMethod(baseline) for baseline in baselines), *trainers], trainers

    def predict(
        self, horizon: int | None = None, level: float | Sequence[float] = (80, 95), *, networks: bool = False
    ) -> "pd.DataFrame":
        """Forecast the steps after the last value of each series.

        Args:
            horizon: Steps, at most those that it was made for. Default: all of them.
            level: The share of values that intervals are to hold, in per cent; empty for no intervals.
            networks: Whether to add a column ``gatewise-network``, what the networks alone forecast.

        Returns:
            A frame with the columns ``unique_id, ds, gatewise, gatewise-lo-80, gatewise-hi-80, …``.
        """
        fitted = self.fitted
        horizon = self.plan.horizon if horizon is None else whole_number(horizon, "horizon")
        if horizon > self.plan.horizon:
            raise UsageError(
                f"horizon is {horizon}, and this forecaster was made for {self.plan.horizon}: fit one with "
                f"horizon={horizon}."
            )
        levels = read_levels(level) if np.size(level) else np.zeros(0)
        forecasts = self._at_end()
        middle = combined(forecasts, fitted.weights)[:, :horizon].ravel()
        half = fitted.half_widths(levels)[:, :horizon].reshape(-1, len(levels))
        columns = bounds_columns("gatewise", levels.tolist(), middle, half)
        if networks and fitted.rolled.networks.any():
            columns["gatewise-network"] = fitted.of_networks(forecasts)[:, :horizon].ravel()
        return forecast_frame(fitted.table, horizon, columns)

    def update(self, rows: Any) -> Self:
        """Take in values that came after those known so far, without new training.

        Afterwards the networks, with the weights and scales that they have, have read all of it, as if the series had been
        so long when they first forecast; baselines are estimated from all values. Weights of methods and the errors behind
        the intervals stay as they are.

        Args:
            rows: Later values of some or all series: a `SeriesTable`, or anything that `gatewise.read_series` takes; a list
                or an array follows the last value of a single series.

        Returns:
            The forecaster itself.

        Raises:
            DataError: A series that is not known, or times that do not follow its last one.
        """
        table = extended(self.fitted.table, rows)
        panel = Panel.of(table, self.fitted.panel.season_length)
        self._fitted = replace(self.fitted, table=table, panel=panel)
        self._forecasts = None
        return self

    def save(self, path: str | os.PathLike[str], overwrite: bool = False) -> None:
        """Save the forecaster as a folder without code: ``manifest.json`` and ``weights.safetensors``.

        Args:
            path: The folder to be; its parent must exist.
            overwrite: Whether a saved one that is there may be replaced.

        Raises:
            UsageError: Not fitted, or with a network or baseline that is a function of your own.
            EnvironmentFault: The folder cannot be written.
        """
        from gatewise.forecasting.saved_forecaster import save

        save(self.plan, self.fitted, path, overwrite)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Forecaster":
        """Load what `save` saved, executing nothing of it.

        Args:
            path: The folder.

        Raises:
            ModelFileError: The folder is missing, damaged, newer, or of another kind.
        """
        from gatewise.forecasting.saved_forecaster import load

        plan, fitted = load(path)
        forecaster = cls(plan.horizon)
        forecaster.plan, forecaster._fitted = plan, fitted
        return forecaster

    def _at_end(self) -> Float64[np.ndarray, "methods series horizon"]:
        """Return the forecasts of all methods after the last values, computed once."""
        if self._forecasts is None:
            self._forecasts = self.fitted.forecasts()
        return self._forecasts


def _named(name: str) -> LocalNetworks:
    """Return the network of a recipe for series."""
    from gatewise.recipes import Recipe, recipe

    found = recipe(name)
    if not isinstance(found, Recipe):
        raise UsageError(f"The recipe {name!r} is for texts: choose one for series, such as 'lstm-window'.")
    return LocalNetworks.of_recipe(found)


def _baseline(given: Baseline | str) -> Baseline:
    if not isinstance(given, str):
        return given
    if given not in BY_NAME:
        raise UsageError(f"There is no baseline {given!r}: choose among {', '.join(BY_NAME)}.")
    return BY_NAME[given]


def _explained(rolled: Rolled, judged: Judged, panel: Panel, seconds: float) -> Explanation:
    scale = series_scale(panel.values, panel.season_length)
    sizes = np.abs(rolled.errors) / scale[:, None]
    known = np.isfinite(sizes)
    count = known.sum(axis=(1, 3))
    errors = np.divide(
        np.sum(sizes, axis=(1, 3), where=known), count, out=np.full(count.shape, np.nan), where=count > 0
    )
    weights = judged.weights[-1]
    mean = weights.mean(axis=1)
    order = np.argsort(-mean)
    parts = ", ".join(f"{rolled.names[place]} {100 * mean[place]:.0f} %" for place in order if mean[place] > 0.005)
    windows = int((rolled.steps_back > 0).sum())
    return Explanation(
        rolled.names,
        tuple(rolled.networks.tolist()),
        weights,
        errors,
        (f"The forecast is {parts}, by their errors from {windows} past cutoffs.",),
        {"fit": seconds},
    )
