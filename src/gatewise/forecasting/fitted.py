"""What a forecaster is to do, and what it knows once it has been fitted."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Float64, Int64

from gatewise.errors import UsageError
from gatewise.evaluation.averages import whole_number
from gatewise.evaluation.simple_baselines import Baseline
from gatewise.forecasting.choosing.bands import half_widths, half_widths_of_movement
from gatewise.forecasting.choosing.combination import combined
from gatewise.forecasting.choosing.edges import floors, further_ahead, steps_since
from gatewise.forecasting.choosing.judgement import Judged, reach_of_networks
from gatewise.forecasting.choosing.movement import Movement
from gatewise.forecasting.choosing.paths import PATH_LEVELS, dependence, drawn_paths
from gatewise.forecasting.choosing.quantile_bands import conformal_reach, own_reach
from gatewise.forecasting.classical.baseline_methods import panel_forecast
from gatewise.forecasting.explanation import Explanation
from gatewise.forecasting.future_rows import with_future
from gatewise.forecasting.networks.global_networks import TrainedNetworks
from gatewise.forecasting.networks.network_methods import by_name, forecasts_and_quantiles
from gatewise.forecasting.panel import Panel
from gatewise.forecasting.rolling import Rolled
from gatewise.progress import Progress
from gatewise.tables import SeriesTable

Mode = Literal["fast", "best"]


@dataclass(frozen=True)
class Plan:
    """What a forecaster is to do: the arguments of `Forecaster`, checked."""

    horizon: int
    mode: Mode = "fast"
    minutes: float | None = None
    network: Any = None
    network_only: bool = False
    baselines: tuple[Baseline, ...] | None = None
    season_length: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        whole_number(self.horizon, "horizon")
        if self.season_length is not None:
            whole_number(self.season_length, "season_length")
        if self.mode not in get_args(Mode):
            raise UsageError(f"mode is {self.mode!r}: give 'fast' or 'best'.")
        minutes = self.minutes
        if minutes is not None and not (isinstance(minutes, int | float) and 0 < minutes < float("inf")):
            raise UsageError(f"minutes is {minutes!r}: give a number above 0, or leave it out for what the mode takes.")
        if not isinstance(self.network_only, bool):
            raise UsageError(f"network_only is {self.network_only!r}: give True or False.")
        if minutes is not None and self.mode != "fast":
            raise UsageError(
                f"mode is {self.mode!r} and minutes is {minutes:g}, which decides the mode: leave one of the two out."
            )
        self._refuse_nothing()
        read_seed(self.seed)

    def _refuse_nothing(self) -> None:
        """Refuse a plan that leaves nothing to forecast with."""
        without = isinstance(self.network, list | tuple) and not self.network
        if without and self.network_only:
            raise UsageError(
                "network_only is True and network is []: name networks, or let baselines have a part in the forecast."
            )
        if without and self.baselines == ():
            raise UsageError("network is [] and baselines is []: name one network or baseline at least.")


def read_seed(seed: Any) -> int:
    """Return a seed.

    Training has this check, too, and brings Keras along: baselines are to begin before that is loaded.

    Raises:
        UsageError: It cannot be meant.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
        raise UsageError(f"seed={seed!r}: a whole number from 0 to 2**63 - 1 is needed.")
    return int(seed)


class Ahead(NamedTuple):
    """What methods say of the steps after the last values.

    Attributes:
        forecasts: Of each method, ``(methods, series, horizon)``.
        quantiles: By name, of the networks that give any, ``(series, horizon, levels)``.
    """

    forecasts: Float64[np.ndarray, "methods series horizon"]
    quantiles: Mapping[str, Float64[np.ndarray, "series horizon levels"]]


@dataclass(frozen=True, eq=False)
class Fitted:
    """What a fitted forecaster knows.

    Attributes:
        table: The series, with what `Forecaster.update` added.
        panel: The same side by side.
        rolled: Forecasts of all methods from the cutoffs of the validation, and last from where the fit ended.
        judged: One forecast from each of these.
        trained: The networks.
        baselines: The baselines.
        explanation: What was chosen.
        scale: In units of which the errors of the series are compared; `Forecaster.update` leaves it as it is.
        lengths: How many values each series had when it was fitted.
        sizes: The sizes of errors that its forecast is to expect, ``(windows, series, horizon)``.
        moved: How much the series had moved of late at each cutoff, ``(windows, series)``.
    """

    table: SeriesTable
    panel: Panel
    rolled: Rolled
    judged: Judged
    trained: tuple[TrainedNetworks, ...]
    baselines: tuple[Baseline, ...]
    explanation: Explanation
    scale: Float64[np.ndarray, " series"]
    lengths: Int64[np.ndarray, " series"]
    sizes: Float64[np.ndarray, "windows series horizon"]
    moved: Float64[np.ndarray, "windows series"]

    @property
    def weights(self) -> Float64[np.ndarray, "methods series"]:
        """What each method weighs in the forecast of each series."""
        return self.judged.weights[-1]

    def knowing(self, future: Any) -> "Fitted":
        """Return it with more that is known in advance; see `future_rows.with_future`."""
        table = with_future(self.table, future)
        return replace(self, table=table, panel=Panel.of(table, self.panel.season_length, self.rolled.horizon))

    def forecasts(self, progress: Progress) -> Ahead:
        """Return the forecasts of all methods after the last values there are.

        The networks are run on from the weights that they have; baselines are estimated from all values.

        Args:
            progress: Told how far it is.
        """
        panel, horizon = self.panel, self.rolled.horizon
        found: dict[str, np.ndarray] = {}
        quantiles: dict[str, np.ndarray] = {}
        whole = len(self.baselines) + len(self.trained)
        for place, one in enumerate(self.baselines):
            progress(place / whole, f"baseline {one.name}")
            found[one.name] = panel_forecast(one, panel, horizon)
        for place, trained in enumerate(self.trained, start=len(self.baselines)):
            progress(place / whole, f"networks {trained.names[0]}")
            members, given = forecasts_and_quantiles(trained, panel)
            found |= by_name(trained.names, members)
            quantiles |= given
        return Ahead(np.stack([found[name] for name in self.rolled.names]), quantiles)

    def of_networks(
        self, forecasts: Float64[np.ndarray, "methods series horizon"]
    ) -> Float64[np.ndarray, "series horizon"]:
        """Return what the networks alone forecast."""
        return combined(forecasts, self.judged.network_weights[-1])

    def paths(self, ahead: Ahead, count: int, seed: int) -> Float64[np.ndarray, "series paths horizon"]:
        """Return so many paths around a forecast: each step as the intervals say, the steps together as past errors went."""
        past = self.rolled.steps_back > 0
        middle = combined(ahead.forecasts, self.weights)
        below, above = self.reach(ahead, PATH_LEVELS)
        errors = self.rolled.actual - self.judged.forecasts
        correlation = dependence(errors[past], self.rolled.steps_back[past])
        normal = np.random.default_rng(seed).standard_normal((len(middle), count, middle.shape[1]))
        drawn = drawn_paths(middle, below, above, correlation, normal)
        return np.maximum(drawn, floors(self.panel.values)[:, None, None])

    def reach(
        self, ahead: Ahead, levels: Float64[np.ndarray, " levels"]
    ) -> Float64[np.ndarray, "2 series horizon levels"]:
        """Return how far intervals reach below and above a forecast, from the errors of the validation.

        Where networks give quantiles, from these. Where no series is long enough for a validation, from how far series go in a
        step; NaN for series of a single value. Where the last values are missing, those of steps further ahead.
        """
        reach = further_ahead(self._reach(ahead, levels), steps_since(self.panel.values))
        # Of a series of a single value nothing says how far it goes.
        reach[:, np.isfinite(self.panel.values).sum(axis=1) < 2] = np.nan
        return reach

    def _reach(
        self, ahead: Ahead, levels: Float64[np.ndarray, " levels"]
    ) -> Float64[np.ndarray, "2 series horizon levels"]:
        """Return the same without looking at how many values a series has."""
        past, rolled = self.rolled.steps_back > 0, self.rolled
        if ahead.quantiles:
            before = reach_of_networks(rolled, self.judged.network_weights, rolled.names)
            assert before is not None
            weights = dict(zip(rolled.names, self.judged.network_weights[-1], strict=True))
            now = own_reach(ahead.quantiles, {name: weights[name] for name in ahead.quantiles})
            errors = (rolled.actual - self.judged.forecasts)[past]
            return conformal_reach(errors, rolled.steps_back[past], before[past], now, self.scale, levels)
        if np.isfinite(self.sizes).any():
            movement = Movement(self.moved[past], self.moved[-1])
            half = half_widths(self.sizes[past], rolled.steps_back[past], self.scale, movement, levels)
        else:
            half = half_widths_of_movement(self.panel.values, rolled.horizon, levels)
        return np.stack([half, half])
