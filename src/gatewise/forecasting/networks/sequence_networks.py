"""Networks that read each series once, from its first value to its last, and forecast from every step of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import Float64

from gatewise.errors import UsageError
from gatewise.forecasting.covariate_glasses import Bare, CovariateGlasses
from gatewise.forecasting.covariates import Kind
from gatewise.forecasting.networks.alignment import AlignedSeries
from gatewise.forecasting.networks.global_networks import WHOLE, Progress, Reading, Stage
from gatewise.forecasting.networks.heads import Head, outputs_of, quantiles_of
from gatewise.forecasting.networks.members_apart import Rows, TrainedMembers, in_blocks, trained_weights
from gatewise.forecasting.networks.origin_covariates import with_covariates
from gatewise.forecasting.networks.origins import UNKNOWN, Origins, View, origins_of, targets_of, usual_movement
from gatewise.forecasting.panel import Panel

# How many of a series' last values are read, how many steps of all series are trained on, and how many series are forecast
# at once, at most: 1.5 GB for what is known at a million steps of monthly series.
_LONGEST = 512
_MOST_ORIGINS = 1_000_000
_ROWS_AT_ONCE = 2048


@dataclass(frozen=True)
class SequenceNetworks:
    """Members of one configuration.

    Attributes:
        name: What it is called.
        view: How they look at series.
        cell: The recurrent layer.
        layers: How many of them.
        units: Units of each.
        dropout: Share of units left out, the same ones over a whole series.
        members: How many networks.
        relative: Of each member, from 0 to 1: how much of its loss is sMAPE, and not the scaled absolute error; members
            take them in turn.
        steps: Steps of training.
        rate: The largest learning rate.
        decay: Of weights, as in AdamW.
        batch: Series in a step.
        share: How much of its corrections is believed: what a network has learnt from one past is too much for the next.
        settled: Seasons of a series after which its origins count in the loss.
        head: ``"point"``, or ``"quantile"`` for several quantiles of each step, by the pinball loss; the forecast is the
            median.
    """

    covariates_used: ClassVar[tuple[Kind, ...]] = ("future", "past", "static")
    in_stages: ClassVar[bool] = True

    name: str
    view: View = field(default_factory=View)
    cell: Literal["GRU", "LSTM"] = "GRU"
    layers: int = 1
    units: int = 40
    dropout: float = 0.1
    members: int = 2
    relative: tuple[float, ...] = (1.0,)
    steps: int = 200
    rate: float = 4e-3
    decay: float = 1e-4
    batch: int = 128
    share: float = 1.0
    settled: float = 2.5
    head: Literal["point", "quantile"] = "point"

    def __post_init__(self) -> None:
        if self.head not in ("point", "quantile"):
            raise UsageError(f"head is {self.head!r}: networks that read whole series have 'point' or 'quantile'.")

    def train(
        self, panel: Panel, horizon: int, *, seed: int = 0, progress: Progress | None = None, stage: Stage = WHOLE
    ) -> "TrainedSequenceNetworks":
        """Train the members, or train them on; see `Networks.train` and `Stage`."""
        panel = part_of(panel, seed)
        lens = CovariateGlasses.of_all(panel)
        aligned = AlignedSeries.of(panel if lens is None else lens.without(panel).panel, _LONGEST)
        usual = usual_movement(aligned)
        origins = origins_of(aligned, self.view, horizon, usual)
        targets = targets_of(aligned, origins, horizon, self.settled)
        logs = np.where(aligned.positive[:, None], origins.scale, usual)
        scaled = np.where(aligned.positive[:, None], origins.scale / origins.volatility, 1.0) * usual
        rows, batch = _whole_batches(len(panel), self.batch)
        per_epoch = len(rows) // batch
        epochs = -(-round(stage.share * self.steps) // per_epoch)
        inputs = with_covariates(origins.inputs, panel, lens, horizon, _LONGEST)[rows]
        model = _model(self, _features(inputs, lens), horizon, epochs * per_epoch)

        def targets_for(member: int) -> np.ndarray:
            relative = self.relative[member % len(self.relative)]
            extra = np.stack([scaled, logs, np.full_like(logs, relative)], -1).astype(np.float32)
            y = np.concatenate([targets, extra], -1)[rows]
            y[len(panel) :, :, :horizon] = UNKNOWN
            return y

        found = trained_weights(model, Rows(inputs, targets_for, batch, epochs), self.members, seed, progress, stage)
        fixed = self, horizon, panel.season_length
        return TrainedSequenceNetworks(*fixed, found[0], lens, losses=found[1], usual=usual)


@dataclass(frozen=True, eq=False)
class TrainedSequenceNetworks(TrainedMembers):
    """Trained members of one configuration; see `TrainedMembers`.

    Attributes:
        usual: The usual movement of the panel they were trained on.
    """

    family: ClassVar[str] = "sequence"

    networks: SequenceNetworks
    usual: float = field(kw_only=True)

    def forecast(self, panel: Panel) -> Float64[np.ndarray, "members series horizon"]:
        """Forecast the steps after a panel; see `TrainedNetworks.forecast`."""
        each = self.quantiles(panel)
        return each[..., each.shape[-1] // 2]

    def quantiles(self, panel: Panel) -> Float64[np.ndarray, "members series horizon levels"]:
        """Return the quantiles of `rolling.QUANTILE_LEVELS`; of a head of points the forecast alone."""
        return self.quantiles_at(panel, [0])[:, :, 0]

    def quantiles_at(
        self, panel: Panel, steps_back: Sequence[int]
    ) -> Float64[np.ndarray, "members series windows horizon levels"]:
        """Return the quantiles from several cutoffs, each from what was known there, bit for bit as `quantiles` has them.

        The networks read the series once: what they say at a step of it is what they would, did it end there.
        """
        latest = panel.until(min(steps_back))
        if self.covariates is not None or latest.values.shape[1] > _LONGEST:
            each = [self._in_blocks(panel.until(back), [0]) for back in steps_back]
            return np.concatenate(each, axis=2)
        return self._in_blocks(latest, [back - min(steps_back) for back in steps_back])

    def reading(self, panel: Panel) -> Reading:
        """Return what the networks read of a panel."""
        aligned, origins, inputs, bare = self._known(panel)
        rows = np.arange(len(panel))

        def forecast(outputs: np.ndarray, at: np.ndarray) -> np.ndarray:
            return self._back(aligned, origins.base[rows, at], origins.scale[rows, at], outputs, bare)

        return Reading(self._model(inputs), inputs, np.maximum(aligned.lengths - 1, 0), forecast)

    def _known(self, panel: Panel) -> tuple[AlignedSeries, Origins, np.ndarray, Bare | None]:
        """Return the series on the scale of the networks, what is known at each step, their inputs, and the way back."""
        lens = self.covariates
        bare = None if lens is None else lens.without(panel)
        aligned = AlignedSeries.of(panel if bare is None else bare.panel, _LONGEST)
        origins = origins_of(aligned, self.networks.view, self.horizon, self.usual)
        return aligned, origins, with_covariates(origins.inputs, panel, lens, self.horizon, _LONGEST), bare

    def _model(self, inputs: np.ndarray) -> Any:
        return _model(self.networks, _features(inputs, self.covariates), self.horizon, 1)

    def _in_blocks(
        self, panel: Panel, steps_back: Sequence[int]
    ) -> Float64[np.ndarray, "members series windows horizon levels"]:
        return in_blocks(partial(self._forecast_block, steps_back=steps_back), panel, _ROWS_AT_ONCE)

    def _forecast_block(
        self, panel: Panel, steps_back: Sequence[int]
    ) -> Float64[np.ndarray, "members series windows horizon levels"]:
        from gatewise.training.predict import predict

        aligned, origins, inputs, bare = self._known(panel)
        model = self._model(inputs)
        rows = np.arange(len(panel))
        windows = [aligned if not back else AlignedSeries.of(panel.until(back), _LONGEST) for back in steps_back]
        levels = 1 if self.networks.head == "point" else outputs_of(self.networks.head)
        forecasts = np.empty((len(self.weights), len(panel), len(windows), self.horizon, levels))
        for member, weights in enumerate(self.weights):
            model.set_weights(weights)
            outputs = predict(model, inputs, batch_size=len(panel), verbose=0)
            for place, window in enumerate(windows):
                last = np.maximum(window.lengths - 1, 0)
                base, scale = origins.base[rows, last], origins.scale[rows, last]
                forecasts[member, :, place] = self._back(window, base, scale, outputs[rows, last], bare)
        for place, window in enumerate(windows):
            # Where a series has other units by what was known then, all are read by themselves.
            if not window.same_units(aligned):
                forecasts[:, :, place] = self._forecast_block(panel.until(steps_back[place]), [0])[:, :, 0]
        return forecasts

    def _back(
        self, aligned: AlignedSeries, base: np.ndarray, scale: np.ndarray, outputs: np.ndarray, bare: Bare | None
    ) -> Float64[np.ndarray, "series horizon levels"]:
        """Return what outputs at one step of each series mean, as corrections of a base forecast, in the units of the panel."""
        each = quantiles_of(self.networks.head, outputs)
        still = (np.abs(np.diff(aligned.levels, axis=1)).sum(axis=1) == 0)[:, None]
        middle = each[..., each.shape[-1] // 2, None]
        # The median is corrected by a share; what is around it keeps its distance.
        believed = np.moveaxis(self.networks.share * middle + (each - middle), -1, 0)
        forecast = aligned.back(base + np.where(still, 0.0, scale[:, None] * believed))
        return np.moveaxis(forecast if bare is None else bare.back(forecast), 0, -1)

    def specification(self) -> dict[str, Any]:
        """Return what the networks are made again from."""
        return {**super().specification(), "usual": self.usual}

    @classmethod
    def restore(cls, specification: dict[str, Any], arrays: dict[str, np.ndarray]) -> "TrainedSequenceNetworks":
        """Return networks from their specification and arrays."""
        given = dict(specification["networks"])
        given["view"] = View(**given["view"])
        given["relative"] = tuple(given["relative"])
        return cls.restored(SequenceNetworks(**given), specification, arrays, usual=specification["usual"])


def part_of(panel: Panel, seed: int) -> Panel:
    """Return as many series as there is room for, drawn by lot."""
    most = max(_MOST_ORIGINS // min(panel.room, _LONGEST), 1)
    if len(panel) <= most:
        return panel
    return panel.select(np.sort(np.random.default_rng(seed).permutation(len(panel))[:most]))


def _whole_batches(series: int, wanted: int) -> tuple[np.ndarray, int]:
    """Return the rows of an epoch and the rows of a batch, which divides them: the first rows stand in for missing ones."""
    steps = max(round(series / wanted), 1)
    batch = -(-series // steps)
    return np.arange(steps * batch) % series, batch


def _features(inputs: np.ndarray, lens: CovariateGlasses | None) -> tuple[int, int]:
    """Return how many inputs there are, and how many covariates are known in advance at each step of the horizon."""
    return inputs.shape[-1], 0 if lens is None else lens.known


def _model(networks: SequenceNetworks, features: tuple[int, int], horizon: int, steps: int) -> Any:
    """Return a compiled model of an architecture, always the same one, so that its programs are compiled once."""
    architecture = (networks.cell, networks.layers, networks.units, networks.dropout, networks.head)
    return _built(architecture, features, horizon, (steps, networks.rate, networks.decay))


@lru_cache(maxsize=64)
def _built(
    architecture: tuple[str, int, int, float, Head],
    features: tuple[int, int],
    horizon: int,
    training: tuple[int, float, float],
) -> Any:
    from gatewise.forecasting.networks.losses import OriginLoss, compiled
    from gatewise.training.initial import with_zeros

    model = with_zeros(partial(_layers, *architecture, features, horizon))
    head = architecture[-1]
    if head == "point":
        return compiled(model, OriginLoss(horizon), training)
    from gatewise.forecasting.networks.head_losses import OriginQuantileLoss

    return compiled(model, OriginQuantileLoss(horizon), training)


def _layers(
    cell: str, layers: int, units: int, dropout: float, head: Head, features: tuple[int, int], horizon: int
) -> Any:
    """Return a model that is not compiled."""
    from gatewise import layers as recurrent
    from gatewise.backend import import_keras
    from gatewise.forecasting.networks.covariate_heads import known_ahead

    keras = import_keras()
    inputs = keras.Input((None, features[0]))
    reach = features[0] - horizon * features[1]
    seen = inputs[..., :reach] if features[1] else inputs
    hidden = seen
    for place in range(layers):
        walked = getattr(recurrent, cell)(units, return_sequences=True)(hidden)
        hidden = walked if place == 0 else keras.layers.Add()([hidden, walked])
        if dropout:
            hidden = keras.layers.Dropout(dropout, noise_shape=(None, 1, None))(hidden)
    small = keras.initializers.VarianceScaling(0.01, "fan_in")
    outputs = horizon * outputs_of(head)
    parts = [keras.layers.Dense(outputs, kernel_initializer=small)(hidden)]
    parts.append(keras.layers.Dense(outputs, use_bias=False, kernel_initializer="zeros")(seen))
    if features[1]:
        ahead = keras.layers.Reshape((-1, horizon, features[1]))(inputs[..., reach:])
        parts.append(known_ahead(hidden, ahead, outputs_of(head)))
    return keras.Model(inputs, keras.layers.Add()(parts))
