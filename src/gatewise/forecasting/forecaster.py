"""`Forecaster`: from a table to forecasts with intervals, by networks that are weighed against baselines."""

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from gatewise.errors import DataError, UsageError
from gatewise.evaluation.averages import read_levels, whole_number
from gatewise.evaluation.simple_baselines import Baseline
from gatewise.forecasting.choosing.combination import combined
from gatewise.forecasting.choosing.edges import floors
from gatewise.forecasting.choosing.judgement import errors_with, moved_at, series_scale, sizes_now
from gatewise.forecasting.covariates_said import covariates_said
from gatewise.forecasting.explanation import Explanation, explained
from gatewise.forecasting.extension import extended, shortened
from gatewise.forecasting.fitted import Ahead, Fitted, Mode, Plan, read_seed
from gatewise.forecasting.frames import bounds_columns, forecast_frame, paths_frame
from gatewise.forecasting.named_methods import baselines_named
from gatewise.forecasting.panel import Panel
from gatewise.forecasting.planning import panel_for
from gatewise.forecasting.time_budget import Budget
from gatewise.forecasting.validation import validated
from gatewise.progress import Progress, shown, silent
from gatewise.tables import SeriesTable, read_series
from gatewise.tables.form import Fix

if TYPE_CHECKING:
    import pandas as pd

    from gatewise.forecasting.backtest import Backtest


class Forecaster:
    """Forecasts one series or many thousand, with intervals, by networks that are weighed against baselines.

    Args:
        horizon: Steps to forecast.
        mode: ``"fast"``, or ``"best"`` with more networks and more cutoffs to choose by.
        minutes: How long `fit` may take, instead of a mode: it decides the mode, and networks that are not done when it is
            over are left out. The same call gives the same numbers wherever the time suffices.
        network: None chooses; a recipe's name; networks such as `LocalNetworks`; a function
            ``(input_shape, outputs) -> keras.Model``; or a list of these, where ``[]`` is none.
        network_only: Whether baselines have no part in the forecast.
        baselines: Those to weigh against, or their names; ``[]`` for none. Default: naive, seasonal naive and drift, and where
            `statsforecast` is installed the dynamic optimised Theta method and ETS.
        season_length: Steps in a season. Default: that of the frequency; of series without dates the one that their values
            show, beyond chance.
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
        chosen = baselines_named(baselines)
        self.plan = Plan(horizon, mode, minutes, network, network_only, chosen, season_length, seed)
        self._fitted: Fitted | None = None
        self._ahead: Ahead | None = None

    def __repr__(self) -> str:
        """Say what it forecasts, and which series it was fitted to."""
        how = f"mode={self.plan.mode!r}" if self.plan.minutes is None else f"minutes={self.plan.minutes:g}"
        known = "not fitted" if self._fitted is None else f"fitted to {self._fitted.table.summary()}"
        return f"Forecaster(horizon={self.plan.horizon}, {how}; {known})"

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

        Raises:
            DataError: No series was long enough for one.
        """
        from gatewise.forecasting.backtest import backtest_of

        fitted = self.fitted
        past = fitted.rolled.steps_back > 0
        if not past.any():
            raise DataError(
                f"There was no validation: no series is long enough to be forecast {self.plan.horizon} steps from before its "
                "end."
            )
        # The series as they were then; they may have gone on.
        table = shortened(fitted.table, fitted.lengths)
        panel = Panel.of(table, fitted.panel.season_length)
        return backtest_of(table, panel, fitted.rolled, fitted.judged, past)

    @property
    def history_(self) -> dict[str, np.ndarray]:
        """The losses of the networks in training, by the name of the method.

        Of networks for all series ``(members, epochs)``; of those of which each knows one, ``(series, members, epochs)``.
        """
        found: dict[str, np.ndarray] = {}
        for trained in self.fitted.trained:
            losses = getattr(trained, "losses", None)
            if losses is not None:
                found |= {
                    name: losses[..., [own == name for own in trained.names], :]
                    for name in dict.fromkeys(trained.names)
                }
        return found

    def fit(self, series: Any, *, progress: Progress | bool = True) -> Self:
        """Choose and train, by what each method's forecasts from past cutoffs were worth.

        Args:
            series: A `SeriesTable`, or anything that `gatewise.read_series` takes.
            progress: True for a bar, on a terminal or in a notebook; False for none; or what is called with the share that
                is done, from 0 to 1, and with what is being done.

        Returns:
            The forecaster itself.
        """
        budget = Budget(self.plan.minutes)
        table = series if isinstance(series, SeriesTable) else read_series(series)
        panel, season_notes = panel_for(self.plan, table)
        with shown(progress) as told:
            made = validated(self.plan, panel, budget, told)
        rolled, judged = made.rolled, made.judged
        seconds = {"fit": time.perf_counter() - budget.started}
        used, said = covariates_said(table, [method.networks for method in made.networks], made.baselines)
        explanation = explained(rolled, judged, panel, (*said, *season_notes, *made.notes), seconds)
        explanation = replace(explanation, covariates=used)
        trained = tuple(method.trained for method in made.networks if method.trained is not None)
        scale = series_scale(panel.values, panel.season_length)
        sizes = sizes_now(errors_with(rolled, judged.forecasts, judged.weights[-1], 0), rolled, 0, panel)
        fixed = scale, table.lengths, sizes, moved_at(panel, rolled.steps_back)
        self._fitted = Fitted(table, panel, rolled, judged, trained, made.baselines, explanation, *fixed)
        self._ahead = Ahead(rolled.forecasts[:, -1], {name: own[-1] for name, own in rolled.quantiles.items()})
        return self

    def predict(
        self,
        horizon: int | None = None,
        level: float | Sequence[float] = (80, 95),
        *,
        future: Any = None,
        networks: bool = False,
        progress: Progress | bool = True,
    ) -> "pd.DataFrame":
        """Forecast the steps after the last value of each series.

        Args:
            horizon: Steps, at most those that it was made for. Default: all of them.
            level: The share of values that intervals are to hold, in per cent; empty for no intervals.
            future: Rows with the covariates that are known in advance, for the times to forecast: a table with the columns
                for series, time and these covariates, or anything that `gatewise.read_series` takes. Not needed where the
                series were given with such rows below their last value.
            networks: Whether to add a column ``gatewise-network``, what the networks alone forecast.
            progress: True for a bar, on a terminal or in a notebook; False for none; or what is called with the share that
                is done, from 0 to 1, and with what is being done.

        Returns:
            A frame with the columns ``unique_id, ds, gatewise, gatewise-lo-80, gatewise-hi-80, …``; nothing below 0 for a
            series that never was.

        Raises:
            DataError: A covariate that should be known in advance is not.
        """
        horizon = self._steps(horizon)
        levels = read_levels(level) if np.size(level) else np.zeros(0)
        with shown(progress) as told:
            fitted, ahead = self._at_end(future, horizon, told)
        middle = combined(ahead.forecasts, fitted.weights)[:, :horizon].ravel()
        reach = fitted.reach(ahead, levels)[:, :, :horizon].reshape(2, len(middle), len(levels))
        columns = bounds_columns("gatewise", levels.tolist(), middle, reach)
        if networks and fitted.rolled.networks.any():
            columns["gatewise-network"] = fitted.of_networks(ahead.forecasts)[:, :horizon].ravel()
        floor = np.repeat(floors(fitted.panel.values), horizon)
        return forecast_frame(
            fitted.table, horizon, {name: np.maximum(column, floor) for name, column in columns.items()}
        )

    def simulate(
        self, paths: int = 100, *, horizon: int | None = None, future: Any = None, seed: int = 0
    ) -> "pd.DataFrame":
        """Draw paths that the series may take after their last values.

        At each step the paths spread as the intervals of `predict` say, and over the steps they go together as the errors of
        past forecasts did: what is added up over the horizon, or is the highest of it, spreads as it should. Series are drawn
        independently of each other.

        Args:
            paths: How many for each series.
            horizon: Steps, at most those that it was made for. Default: all of them.
            future: Rows with the covariates that are known in advance, as in `predict`.
            seed: The same one draws the same paths.

        Returns:
            A frame with the columns ``unique_id, ds, path, gatewise``; paths are numbered from 1.
        """
        steps = self._steps(horizon)
        fitted, ahead = self._at_end(future, steps, silent)
        drawn = fitted.paths(ahead, whole_number(paths, "paths"), read_seed(seed))
        return paths_frame(fitted.table, drawn[:, :, :steps])

    def update(self, rows: Any, *, fix: Fix | Iterable[Fix] = ()) -> Self:
        """Take in values that came after those known so far, without new training.

        Afterwards the networks, with the weights and scales that they have, have read all of it, as if the series had been
        so long when they first forecast; baselines are estimated from all values. Weights of methods and the errors behind
        the intervals stay as they are.

        Args:
            rows: Later values of some or all series: a `SeriesTable`, or anything that `gatewise.read_series` takes; a list
                or an array follows the last value of a single series. With covariates, the rows hold those, too; what was
                known of them in advance goes on being known.
            fix: What may be mended in the rows, as in `gatewise.read_series`. Without ``"gaps"`` no more times may be missing
                between the last value of a series and its first new one than are forecast, or are new.

        Returns:
            The forecaster itself.

        Raises:
            DataError: A series that is not known, other covariates, times of another clock, or times that do not follow its
                last one.
        """
        table = extended(self.fitted.table, rows, fix, self.plan.horizon)
        panel = Panel.of(table, self.fitted.panel.season_length, self.plan.horizon)
        self._fitted = replace(self.fitted, table=table, panel=panel)
        self._ahead = None
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

    def _steps(self, horizon: int | None) -> int:
        """Return for how many steps is asked."""
        steps = self.plan.horizon if horizon is None else whole_number(horizon, "horizon")
        if steps > self.plan.horizon:
            raise UsageError(
                f"horizon is {steps}, and this forecaster was made for {self.plan.horizon}: fit one with horizon={steps}."
            )
        return steps

    def _at_end(self, future: Any, horizon: int, progress: Progress) -> tuple[Fitted, Ahead]:
        """Return what is known in the end, and what all methods say of the steps after it; that is computed once.

        Raises:
            DataError: So many steps are to be forecast, and a covariate that should be known in advance is not.
        """
        if future is not None:
            knowing = self.fitted.knowing(future)
            knowing.table.refuse_unknown_future(horizon)
            return knowing, knowing.forecasts(progress)
        self.fitted.table.refuse_unknown_future(horizon)
        if self._ahead is None:
            self._ahead = self.fitted.forecasts(progress)
        return self.fitted, self._ahead
