"""Networks that read a whole season at each step, as a day of hours, for series in which seasons repeat in a larger cycle.

A step of the recurrent layer is a season; after each of them stands an origin. The forecast is a mixture of three that
need no training, each step of the horizon with shares of its own, and a correction: the last season again, the last cycle
again, and the mean season of the last cycle. Shares and correction come from the state.
"""

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import Float32, Float64, Int64

from gatewise.forecasting.covariate_glasses import CovariateGlasses
from gatewise.forecasting.covariates import Kind
from gatewise.forecasting.networks.alignment import AlignedSeries
from gatewise.forecasting.networks.global_networks import Progress, Reading
from gatewise.forecasting.networks.members_apart import Rows, TrainedMembers, in_blocks, trained_weights
from gatewise.forecasting.networks.origins import UNKNOWN
from gatewise.forecasting.panel import Panel

_MOST = 6.0
# How many origins are trained on, and how many series are forecast at once, at most.
_MOST_ORIGINS = 400_000
_ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class SeasonNetworks:
    """Members of one configuration.

    Attributes:
        name: What it is called.
        cycle: Seasons after which all repeats, as the days of a week.
        seasons: How many of the last seasons of a series are read.
        cell: The recurrent layer.
        units: Of it.
        dropout: Share of inputs and units left out, the same ones over a whole series.
        members: How many networks.
        relative: Of each member, from 0 to 1: how much of its loss is sMAPE, and not the scaled absolute error; members
            take them in turn.
        steps: Steps of training.
        rate: The largest learning rate.
        decay: Of weights, as in AdamW.
        batch: Rows in a step.
        phases: Into how many beginnings of a season the origins are spread, for training.
    """

    covariates_used: ClassVar[tuple[Kind, ...]] = ("future",)

    name: str
    cycle: int = 7
    seasons: int = 42
    cell: Literal["GRU", "LSTM"] = "GRU"
    units: int = 48
    dropout: float = 0.1
    members: int = 2
    relative: tuple[float, ...] = (1.0,)
    steps: int = 400
    rate: float = 3e-3
    decay: float = 1e-3
    batch: int = 64
    phases: int = 12

    def train(
        self, panel: Panel, horizon: int, *, seed: int = 0, progress: Progress | None = None
    ) -> "TrainedSeasonNetworks":
        """Train the members; see `Networks.train`."""
        lens = CovariateGlasses.of_all(panel)
        inputs, y = training_rows(self, panel if lens is None else lens.without(panel).panel, horizon, seed)
        batch = min(self.batch, len(inputs))
        rows = np.arange(-(-len(inputs) // batch) * batch) % len(inputs)
        inputs, y = inputs[rows], y[rows]
        epochs = max(round(self.steps * batch / len(inputs)), 1)
        model = _model(self, panel.season_length, horizon, epochs * (len(inputs) // batch))

        def targets_for(member: int) -> np.ndarray:
            y[..., -1] = self.relative[member % len(self.relative)]
            return y

        found = trained_weights(model, Rows(inputs, targets_for, batch, epochs), self.members, seed, progress)
        return TrainedSeasonNetworks(self, horizon, panel.season_length, found[0], lens, losses=found[1])


@dataclass(frozen=True, eq=False)
class TrainedSeasonNetworks(TrainedMembers):
    """Trained members of one configuration; see `TrainedMembers`.

    Attributes:
        networks: What they are.
    """

    family: ClassVar[str] = "season"

    networks: SeasonNetworks

    def forecast(self, panel: Panel) -> Float64[np.ndarray, "members series horizon"]:
        """Forecast the steps after a panel; see `TrainedNetworks.forecast`."""
        return in_blocks(self._forecast_block, panel, _ROWS_AT_ONCE)

    def _forecast_block(self, panel: Panel) -> Float64[np.ndarray, "members series horizon"]:
        reading = self.reading(panel)
        return np.stack([reading.forecast(reading.said(weights), reading.last)[..., 0] for weights in self.weights])

    def reading(self, panel: Panel) -> Reading:
        """Return what the networks read of a panel."""
        bare = None if self.covariates is None else self.covariates.without(panel)
        aligned = AlignedSeries.of(panel if bare is None else bare.panel)
        places = origins_before(aligned, self.networks, 0)
        seen = season_origins(aligned, places, self.networks, self.horizon)
        rows = np.arange(len(panel))
        still = (np.abs(np.diff(aligned.levels, axis=1)).sum(axis=1) == 0)[:, None]

        def forecast(outputs: np.ndarray, at: np.ndarray) -> np.ndarray:
            corrections = np.where(still, 0.0, seen.scale[rows, at, None] * outputs.astype(np.float64))
            found = aligned.back(seen.level[rows, at, None] + corrections)
            return (found if bare is None else bare.back(found))[..., None]

        model = _model(self.networks, self.season_length, self.horizon, 1)
        return Reading(model, seen.inputs, places.count - 1, forecast)

    @classmethod
    def restore(cls, specification: dict[str, Any], arrays: dict[str, np.ndarray]) -> "TrainedSeasonNetworks":
        """Return networks from their specification and arrays."""
        given = dict(specification["networks"])
        given["relative"] = tuple(given["relative"])
        return cls.restored(SeasonNetworks(**given), specification, arrays)


@dataclass(frozen=True, eq=False)
class Places:
    """Where the origins of each series are.

    Attributes:
        first: The column at which the cycle before the first origin begins; below 0 where the series is shorter.
        count: How many origins a series has, one season apart.
    """

    first: Int64[np.ndarray, " series"]
    count: Int64[np.ndarray, " series"]


@dataclass(frozen=True, eq=False)
class SeasonOrigins:
    """What is known after each season.

    Attributes:
        inputs: Of the network, ``(series, time, features)``; a step of time is a season.
        level: What forecasts are measured from, ``(series, time)``.
        scale: What they are measured in, ``(series, time)``.
    """

    inputs: Float32[np.ndarray, "series time features"]
    level: Float64[np.ndarray, "series time"]
    scale: Float64[np.ndarray, "series time"]


def origins_before(aligned: AlignedSeries, networks: SeasonNetworks, before: int) -> Places:
    """Return the origins of which the last one is so many steps before the end of each series; at least one."""
    ends = np.maximum(aligned.lengths - before, 1)
    count = np.clip(ends // aligned.season_length - networks.cycle + 1, 1, networks.seasons)
    return Places(ends - (count + networks.cycle - 1) * aligned.season_length, count)


def season_origins(aligned: AlignedSeries, places: Places, networks: SeasonNetworks, horizon: int) -> SeasonOrigins:
    """Return what is known after each season, from the values up to there and no later one.

    A series that is shorter than a cycle is continued to the left with its own first season.
    """
    season, cycle = aligned.season_length, networks.cycle
    room = min(networks.seasons, max(aligned.levels.shape[1] // season - cycle + 1, 1))
    begins = places.first[:, None] + np.arange(room) * season
    window = _at(aligned, begins[..., None] + np.arange(cycle * season))
    by_season = window.reshape(*window.shape[:2], cycle, season)
    level, whole = by_season[..., -1, :].mean(-1), window.mean(-1)
    scale = 0.5 * window.std(-1) + (0.02 if aligned.positive.all() else 1e-3 * (1 + np.abs(whole)))
    unit = scale[..., None]
    last = (by_season[..., -1, :] - level[..., None]) / unit
    earlier = (by_season[..., -2, :] - level[..., None]) / unit if cycle > 1 else last
    cycle_ago = (window[..., np.arange(min(horizon, cycle * season))] - whole[..., None]) / unit
    levels = (by_season.mean(-1) - level[..., None]) / unit
    mean = (by_season.mean(-2) - whole[..., None]) / unit
    first = begins[..., None] - cycle * season + np.arange(cycle * season)
    week_on_week = np.abs(window - _at(aligned, np.where(first < 0, first + cycle * season, first))).mean(-1) / scale
    parts = [np.clip(part, -_MOST, _MOST) for part in (last, cycle_ago, levels, mean)]
    parts += [np.log(np.abs(last - earlier).mean(-1, keepdims=True) + 0.02), np.log(week_on_week + 0.02)[..., None]]
    parts += [np.log(unit) if aligned.positive.all() else 0 * unit]
    parts += [np.clip((level - whole) / scale, -_MOST, _MOST)[..., None]]
    inside = np.arange(room) < places.count[:, None]
    inputs = np.where(inside[..., None], np.concatenate(parts, -1), 0.0).astype(np.float32)
    return SeasonOrigins(inputs, level, scale)


def training_rows(
    networks: SeasonNetworks, panel: Panel, horizon: int, seed: int = 0
) -> tuple[Float32[np.ndarray, "rows time features"], Float32[np.ndarray, "rows time outputs"]]:
    """Return inputs and what `OriginLoss` takes, a row for each series and phase; of many series a part, drawn by lot."""
    most = max(_MOST_ORIGINS // (min(networks.seasons, -(-panel.room // panel.season_length)) * networks.phases), 1)
    if len(panel) > most:
        panel = panel.select(np.sort(np.random.default_rng(seed).permutation(len(panel))[:most]))
    aligned = AlignedSeries.of(panel)
    season = panel.season_length
    change = np.abs(panel.values[:, season:] - panel.values[:, :-season])
    with np.errstate(invalid="ignore"):
        usual = np.nan_to_num(np.nansum(change, axis=1) / np.maximum(np.isfinite(change).sum(axis=1), 1), nan=1.0)
    usual = np.where(usual > 0, usual, 1.0)
    inputs, ys = [], []
    for phase in (np.arange(min(networks.phases, season)) * season // min(networks.phases, season)).tolist():
        places = origins_before(aligned, networks, phase)
        seen = season_origins(aligned, places, networks, horizon)
        time = seen.inputs.shape[1]
        ends = places.first[:, None] + (np.arange(time) + networks.cycle) * season
        columns = ends[..., None] + np.arange(horizon)
        known = (columns < aligned.lengths[:, None, None]) & (np.arange(time) < places.count[:, None])[..., None]
        known &= (ends > networks.cycle * season // 2)[..., None]
        rows = np.arange(len(panel))[:, None, None]
        clipped = np.clip(columns, 0, aligned.levels.shape[1] - 1)
        known &= aligned.observed[rows, clipped]
        truth = aligned.levels[rows, clipped]
        targets = np.clip((truth - seen.level[..., None]) / seen.scale[..., None], -50, 50)
        positive = aligned.positive[:, None, None]
        weight = np.where(positive, np.exp(np.where(positive, truth, 0.0)), aligned.units[:, None, None])
        weight = np.minimum(0.1 * weight * seen.scale[..., None] / usual[:, None, None], 100.0)
        logs = np.where(aligned.positive[:, None], seen.scale, 0.1)[..., None]
        y = np.concatenate([np.where(known, targets, UNKNOWN), weight, logs, logs], -1)
        inputs.append(seen.inputs)
        ys.append(y.astype(np.float32))
    return np.concatenate(inputs), np.concatenate(ys)


def _at(aligned: AlignedSeries, columns: Int64[np.ndarray, "series ..."]) -> np.ndarray:
    """Return levels at columns; before a series begins, those of its first season."""
    last = np.maximum(aligned.lengths - 1, 0).reshape(-1, *[1] * (columns.ndim - 1))
    inside = np.minimum(np.where(columns < 0, columns % aligned.season_length, columns), last)
    rows = np.arange(len(aligned.levels)).reshape(last.shape)
    return aligned.levels[rows, inside]


def _model(networks: SeasonNetworks, season: int, horizon: int, steps: int) -> Any:
    """Return a compiled model of an architecture, always the same one, so that its programs are compiled once."""
    shape = (networks.cycle, season, horizon)
    return _built((networks.cell, networks.units, networks.dropout), shape, (steps, networks.rate, networks.decay))


@lru_cache(maxsize=32)
def _built(
    architecture: tuple[str, int, float], shape: tuple[int, int, int], training: tuple[int, float, float]
) -> Any:
    from gatewise.forecasting.networks.losses import OriginLoss, compiled
    from gatewise.training.initial import with_zeros

    return compiled(with_zeros(partial(_layers, *architecture, *shape)), OriginLoss(shape[-1]), training)


def _layers(cell: str, units: int, dropout: float, cycle: int, season: int, horizon: int) -> Any:
    """Return a model that is not compiled."""
    from gatewise import layers as recurrent
    from gatewise.backend import import_keras

    keras = import_keras()
    again = min(horizon, cycle * season)
    inputs = keras.Input((None, 2 * season + again + cycle + 4))
    seen = keras.layers.Dropout(dropout, noise_shape=(None, 1, None))(inputs)
    hidden = getattr(recurrent, cell)(units, return_sequences=True)(seen)
    hidden = keras.layers.Dropout(dropout, noise_shape=(None, 1, None))(hidden)
    both = keras.layers.Concatenate()([hidden, seen])
    small = keras.initializers.VarianceScaling(1e-3, "fan_in")
    shares = keras.layers.Reshape((-1, 3, horizon))(keras.layers.Dense(3 * horizon, kernel_initializer=small)(both))
    shares = keras.layers.Softmax(axis=2)(shares)
    steps = np.arange(horizon)
    below = inputs[..., -1:]
    last = keras.ops.take(inputs[..., :season], steps % season, axis=-1)
    cycle_ago = keras.ops.take(inputs[..., season : season + again], steps % again, axis=-1) - below
    mean = keras.ops.take(inputs[..., season + again + cycle : -4], steps % season, axis=-1) - below
    mixed = keras.ops.sum(shares * keras.ops.stack([last, cycle_ago, mean], axis=2), axis=2)
    outputs = keras.layers.Add()([mixed, keras.layers.Dense(horizon, kernel_initializer=small)(both)])
    return keras.Model(inputs, outputs)
