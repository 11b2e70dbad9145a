"""Local networks: a few small ones for each series, which have seen no other; thousands of series in one program."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import Float64, Int64

from gatewise.datasets.windows import Layout
from gatewise.errors import UsageError
from gatewise.forecasting.covariate_glasses import Bare, CovariateGlasses
from gatewise.forecasting.covariates import Kind
from gatewise.forecasting.networks.counts import level_of_counts, quantiles_of_counts, refuse_all_but_counts
from gatewise.forecasting.networks.heads import COUNTS, Head, outputs_of, quantiles_of
from gatewise.forecasting.networks.local_checks import built_by, check_local
from gatewise.forecasting.networks.local_samples import Beside, by_length, last_windows, lengths_of, samples_of
from gatewise.forecasting.networks.views import Glasses, LocalView
from gatewise.forecasting.panel import Panel
from gatewise.recipes import Recipe

Cell = Literal["lstm", "gru", "dense"]
# A season longer than this is not looked back on whole.
_LONGEST_LOOK = 24
_SHORTEST_LOOK = 6
_MOST_MEMBERS = 1024
_USUAL_VIEWS = (LocalView("log", "differences"), LocalView("log", "removed"))
# Counts are seen as they are.
_VIEWS_OF_COUNTS = (LocalView("plain", "kept"),)


@dataclass(frozen=True)
class LocalNetworks:
    """Small networks for each series by itself.

    Attributes:
        name: What they are called.
        cell: Kind of the hidden layers.
        layout: What a window of past values is to the network, as in `gatewise.windows`.
        look_back: Values in a window. None: a season, at least 6 and at most 24.
        units: Units of each hidden layer, from the input up.
        members: How many networks a series has.
        views: How they see it; members take them in turn. Counts are seen as they are.
        recursive: Whether a network forecasts one step and is fed its own forecasts; if not, it forecasts all steps at once
            from its last state.
        epochs: Passes over the windows. None: 20 for networks of points, which correct a guess; 60 for other heads and for a
            function of your own, which have more to learn.
        batch_size: Windows in a step of training.
        learning_rate: Adam's.
        loss: ``"mae"`` or ``"mse"``, for a head of points.
        head: What a network says of each step: ``"point"``; ``"quantile"``, several quantiles, by the pinball loss; or a
            distribution, ``"normal"``, ``"student-t"``, or for counts ``"negative-binomial"``, by its likelihood. The
            forecast is the median.
        stateful: Whether the state is carried from window to window, in the order of time, and set to zero before each epoch
            and each forecast; one window is then a step of training.
        build: Instead of cell and units: ``(input_shape, outputs) -> keras.Model``, compiled or not. With covariates, the
            input is ``(look_back + outputs, 1 + covariates)``: the values first, then what is known in advance, then past
            covariates; in the steps of the horizon all but what is known in advance is 0.
    """

    covariates_used: ClassVar[tuple[Kind, ...]] = ("future", "past")

    name: str = "local"
    cell: Cell = "lstm"
    layout: Layout = "steps"
    look_back: int | None = None
    units: tuple[int, ...] = (8,)
    members: int = 8
    views: tuple[LocalView, ...] = _USUAL_VIEWS
    recursive: bool = False
    epochs: int | None = None
    batch_size: int = 16
    learning_rate: float = 0.002
    loss: Literal["mae", "mse"] = "mae"
    head: Head = "point"
    stateful: bool = False
    build: Callable[[tuple[int, ...], int], Any] | None = None

    def __post_init__(self) -> None:
        for name in ("units", "views"):
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.head == COUNTS:
            if self.views not in (_USUAL_VIEWS, _VIEWS_OF_COUNTS, ()):
                raise UsageError(f"head is {COUNTS!r}, and counts are seen as they are: leave views out.")
            object.__setattr__(self, "views", _VIEWS_OF_COUNTS)
        check_local(self)

    @classmethod
    def of_recipe(cls, recipe: Recipe, members: int = 8) -> "LocalNetworks":
        """Return the network of a named recipe, made to forecast many steps from its last state."""
        return cls(
            name=recipe.name,
            cell=recipe.cell,
            layout=recipe.layout,
            look_back=recipe.look_back,
            units=recipe.units,
            members=members,
            batch_size=8,
            stateful=recipe.stateful,
        )

    def specification(self) -> dict[str, Any]:
        """Return what they are made again from, as JSON has it; a function that builds a model is not in it."""
        specification = asdict(self)
        specification.pop("build")
        return specification

    @classmethod
    def restore(cls, specification: dict[str, Any]) -> "LocalNetworks":
        """Return networks from their specification."""
        views = tuple(LocalView(**view) for view in specification["views"])
        return cls(**{**specification, "views": views, "units": tuple(specification["units"])})

    def train(
        self,
        panel: Panel,
        horizon: int,
        *,
        seed: int = 0,
        progress: Callable[[float], None] | None = None,
    ) -> "TrainedLocalNetworks":
        """Train the members of every series in one program.

        Args:
            panel: The series.
            horizon: Steps to forecast.
            seed: Where weights and order come from, unless the series of the panel have keys.
            progress: Told the share that is done.
        """
        from gatewise.training.small_ensembles.choice import shared_by

        lens = CovariateGlasses.of_each(panel)
        if self.head == COUNTS:
            refuse_all_but_counts(panel.values, lens is not None)
        every = np.arange(len(panel))
        groups = by_length(panel.values) if self.stateful else np.array_split(every, self._blocks(len(panel)))
        parts = []

        def told(place: int, done: float) -> None:
            if progress is not None:
                progress((place + done) / len(groups))

        with shared_by(len(groups)):
            for place, rows in enumerate(groups):
                # A series without a value is forecast as NaN, and has networks to have some.
                own = panel.select(rows)
                if self.stateful:
                    own = own.last(max(int(lengths_of(own.values).max()), 2))
                covariates = None if lens is None else lens.select(rows)
                parts.append(self._trained(own, horizon, covariates, (seed + place, partial(told, place))))
        return parts[0] if len(parts) == 1 else merged(parts, np.argsort(np.concatenate(groups)))

    def _trained(
        self, panel: Panel, horizon: int, lens: CovariateGlasses | None, run: tuple[int, Callable[[float], None]]
    ) -> "TrainedLocalNetworks":
        from gatewise.training.ensemble import fit_ensemble
        from gatewise.training.initial import member_seed
        from gatewise.training.progress import shares_told_to

        seed, progress = run
        look_back = self.looks_back(panel.season_length)
        outputs = 1 if self.recursive else horizon
        values = panel.values if lens is None else lens.without(panel).panel.values
        beside = None if lens is None else Beside(lens.beside(panel), lens.known)
        seen = self.glasses(values, panel.season_length)
        x, y, weights = self.samples(seen, values, look_back, outputs, beside)
        rows = weights.shape[2]
        kinds = None if beside is None else (beside.known, beside.seen.shape[2])
        model = self.model(look_back, outputs * outputs_of(self.head), covariates=kinds)
        flat = len(panel) * self.members
        seeds = None
        if panel.keys is not None:
            seeds = [member_seed(key, member) for key in panel.keys.tolist() for member in range(self.members)]
        with shares_told_to(progress):
            ensemble = fit_ensemble(
                model,
                x.reshape(flat, rows, *self.input_shape(look_back, outputs, kinds)),
                y.reshape(flat, rows, -1),
                sample_weight=weights.reshape(flat, rows),
                members=flat,
                member_data=True,
                epochs=self.passes,
                batch_size=1 if self.stateful else min(self.batch_size, rows),
                shuffle=not self.stateful,
                seed=seed,
                member_seeds=seeds,
                verbose=0,
            )
        made = [*ensemble.values.trainable, *ensemble.values.non_trainable]
        arrays = [np.asarray(array).reshape(len(panel), self.members, *array.shape[1:]) for array in made]
        losses = np.asarray(ensemble.history.history["loss"]).reshape(len(panel), self.members, -1)
        return TrainedLocalNetworks(self, horizon, look_back, seen, arrays, losses, ensemble.history.way, lens)

    def glasses(self, values: Float64[np.ndarray, "series time"], season_length: int) -> tuple[Glasses, ...]:
        """Return each view, fitted to series."""
        return tuple(Glasses.fitted(view, values, season_length) for view in self.views)

    def samples(
        self,
        seen: Sequence[Glasses],
        values: Float64[np.ndarray, "series time"],
        look_back: int,
        outputs: int,
        beside: Beside | None = None,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what each member of each series learns from, as `Samples` has it, ``(series, members, rows, …)``."""
        counts = self.head == COUNTS
        parts = [samples_of(glasses, values, look_back, outputs, beside, counts) for glasses in seen]
        rows = max(part.weights.shape[1] for part in parts)
        x, y, weights = (
            np.stack([_with_rows(part[place], rows) for part in parts], axis=1)[:, self.member_view]
            for place in range(3)
        )
        return x, y, weights

    @property
    def passes(self) -> int:
        """How often each window is learned from."""
        if self.epochs is not None:
            return self.epochs
        return 20 if self.head == "point" and self.build is None else 60

    @property
    def member_view(self) -> Int64[np.ndarray, " members"]:
        """Which view each member has."""
        return np.arange(self.members) % len(self.views)

    @property
    def member_names(self) -> tuple[str, ...]:
        """The configuration of each member."""
        own = [f"{self.name} ({view.name})" if len(self.views) > 1 else self.name for view in self.views]
        return tuple(own[view] for view in self.member_view)

    def _blocks(self, series: int) -> int:
        """Return in how many blocks so many series are trained: XLA takes the longer for a program the more members it has."""
        return -(-series * self.members // _MOST_MEMBERS)

    def looks_back(self, season_length: int) -> int:
        """Return how many values there are in a window."""
        if self.look_back is not None:
            return self.look_back
        return min(max(season_length, _SHORTEST_LOOK), _LONGEST_LOOK)

    def model(
        self, look_back: int, outputs: int, stateful: bool | None = None, covariates: tuple[int, int] | None = None
    ) -> Any:
        """Return the compiled Keras model, always the same one for the same network, so that its programs are kept."""
        stateful = self.stateful if stateful is None else stateful
        network = replace(self, name="", views=_USUAL_VIEWS, members=1, epochs=1, batch_size=1, stateful=stateful)
        return _built(network, look_back, outputs, covariates)

    def input_shape(self, look_back: int, outputs: int, covariates: tuple[int, int] | None) -> tuple[int, ...]:
        """Return what a window is to the network."""
        if covariates is not None:
            return (look_back + outputs, 1 + covariates[1])
        return {"flat": (look_back,), "features": (1, look_back), "steps": (look_back, 1)}[self.layout]


@dataclass(frozen=True, eq=False)
class TrainedLocalNetworks:
    """Trained local networks.

    Attributes:
        networks: What they are.
        horizon: Steps that they forecast.
        look_back: Values in a window.
        glasses: Each view, fitted to the series.
        weights: The arrays of the Keras model, each ``(series, members, …)``.
        losses: Of every epoch, ``(series, members, epochs)``.
        way: How they were trained, in words.
        covariates: How they see covariates.
    """

    networks: LocalNetworks
    horizon: int
    look_back: int
    glasses: tuple[Glasses, ...]
    weights: list[np.ndarray]
    losses: Float64[np.ndarray, "series members epochs"]
    way: str = ""
    covariates: CovariateGlasses | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The configuration of each member."""
        return self.networks.member_names

    def select(self, places: Int64[np.ndarray, " chosen"]) -> "TrainedLocalNetworks":
        """Return the networks of some of the series, by number, in the order asked for."""
        glasses = tuple(one.select(places) for one in self.glasses)
        weights = [array[places] for array in self.weights]
        lens = None if self.covariates is None else self.covariates.select(places)
        return replace(self, glasses=glasses, weights=weights, losses=self.losses[places], covariates=lens)

    def forecast(self, panel: Panel) -> Float64[np.ndarray, "members series horizon"]:
        """Forecast the steps after the last column of a panel with the same series, longer ones too."""
        if not self.networks.recursive:
            each = self.quantiles(panel)
            return each[..., each.shape[-1] // 2]
        # Each member goes on with its own forecasts.
        values, beside, bare = self._seen(panel)
        members, series = self.networks.members, len(values)
        longer = np.repeat(values[None], members, axis=0)
        for _ in range(self.horizon):
            step = np.stack([self._ahead(longer[member], 1, beside)[member, ..., 0] for member in range(members)])
            longer = np.concatenate([longer, step], axis=2)
        forecast = longer[:, :, -self.horizon :].reshape(members, series, self.horizon)
        return forecast if bare is None else bare.back(forecast)

    def quantiles(self, panel: Panel) -> Float64[np.ndarray, "members series horizon levels"]:
        """Return the quantiles of `rolling.QUANTILE_LEVELS`; of a head of points the forecast alone."""
        values, beside, bare = self._seen(panel)
        each = self._ahead(values, self.horizon, beside)
        return each if bare is None else np.moveaxis(bare.back(np.moveaxis(each, -1, 0)), 0, -1)

    def _seen(self, panel: Panel) -> tuple[Float64[np.ndarray, "series time"], Beside | None, Bare | None]:
        """Return the series as they are without the effects of covariates, these, and the way back."""
        lens = self.covariates
        if lens is None:
            return panel.values, None, None
        bare = lens.without(panel)
        return bare.panel.values, Beside(lens.beside(panel), lens.known), bare

    def _ahead(
        self, values: Float64[np.ndarray, "series time"], outputs: int, beside: Beside | None
    ) -> Float64[np.ndarray, "members series outputs levels"]:
        if not self.networks.stateful:
            return self._ahead_of(values, outputs, 1, beside)
        groups, forecasts = by_length(values), []
        for rows in groups:
            columns = max(int(lengths_of(values)[rows].max()), 2)
            own = values[rows][:, values.shape[1] - columns :]
            known = (
                None if beside is None else beside.select(rows).last(beside.seen.shape[1] - values.shape[1] + columns)
            )
            count = columns - min(self.look_back, columns) + 1
            forecasts.append(self.select(rows)._ahead_of(own, outputs, count, known))
        return np.concatenate(forecasts, axis=1)[:, np.argsort(np.concatenate(groups))]

    def _ahead_of(
        self, values: Float64[np.ndarray, "series time"], outputs: int, count: int, beside: Beside | None
    ) -> Float64[np.ndarray, "members series outputs levels"]:
        """Forecast from the last window, or with the state that so many windows, one after the other, have left."""
        members, views = self.networks.members, len(self.networks.views)
        windows = [last_windows(glasses, values, self.look_back, outputs, count, beside) for glasses in self.glasses]
        x = np.stack([inputs for inputs, _ in windows], axis=1)[:, self.networks.member_view]
        flat = len(values) * members
        kinds = None if beside is None else (beside.known, beside.seen.shape[2])
        # A network that carries its state over windows reads them as one sequence.
        shape = self.networks.input_shape(self.look_back * count, outputs, kinds)
        head = self.networks.head
        width = outputs * outputs_of(head)
        model = self.networks.model(self.look_back * count, width, stateful=False, covariates=kinds)
        said = run_members(
            model, [array.reshape(flat, *array.shape[2:]) for array in self.weights], x.reshape(flat, 1, *shape)
        )
        said = said.reshape(len(values), members, -1)
        if head == COUNTS:
            recent = level_of_counts(windows[0][1].level[:, 0] * self.glasses[0].units, values)
            counts = np.moveaxis(quantiles_of_counts(said, recent[:, None]), 1, 0)
            counts[:, ~np.isfinite(values).any(axis=1)] = np.nan
            return counts
        each = quantiles_of(head, said)
        seen = np.moveaxis(each, (1, 3), (0, 1))
        forecast = np.empty(seen.shape)
        for place, (glasses, (_, last)) in enumerate(zip(self.glasses, windows, strict=True)):
            moves = np.where(glasses.scale > 0, 1.0, 0.0)[:, None]
            for level in range(seen.shape[1]):
                own = seen[place::views, level] * moves + last.guess[:, 0]
                forecast[place::views, level] = glasses.back(values, own)
        empty = ~np.isfinite(values).any(axis=1)
        forecast[:, :, empty] = np.nan
        return np.moveaxis(forecast, 1, 3)

    def specification(self) -> dict[str, Any]:
        """Return what the networks are made again from, as JSON has it."""
        return {
            "family": "local",
            "networks": self.networks.specification(),
            "horizon": self.horizon,
            "look_back": self.look_back,
            "way": self.way,
            "weights": len(self.weights),
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """Return weights, views and losses by name."""
        arrays = {f"weights/{place}": array for place, array in enumerate(self.weights)}
        for place, glasses in enumerate(self.glasses):
            arrays |= {f"views/{place}/{name}": getattr(glasses, name) for name in _GLASSES}
        if self.covariates is not None:
            arrays |= {f"covariates/{name}": array for name, array in self.covariates.arrays().items()}
        return {**arrays, "losses": self.losses}

    @classmethod
    def restore(cls, specification: dict[str, Any], arrays: dict[str, np.ndarray]) -> "TrainedLocalNetworks":
        """Return networks from their specification and arrays."""
        networks = LocalNetworks.restore(specification["networks"])
        glasses = tuple(
            Glasses(*(arrays[f"views/{place}/{name}"] for name in _GLASSES)) for place in range(len(networks.views))
        )
        weights = [arrays[f"weights/{place}"] for place in range(specification["weights"])]
        return cls(
            networks,
            specification["horizon"],
            specification["look_back"],
            glasses,
            weights,
            arrays["losses"],
            specification["way"],
            CovariateGlasses.restore(arrays),
        )


def merged(parts: Sequence["TrainedLocalNetworks"], order: Int64[np.ndarray, " series"]) -> "TrainedLocalNetworks":
    """Return the networks of several groups of series as one, in another order."""
    first = parts[0]
    glasses = tuple(
        Glasses(*(np.concatenate([getattr(part.glasses[view], name) for part in parts]) for name in _GLASSES))
        for view in range(len(first.glasses))
    )
    weights = [np.concatenate([part.weights[place] for part in parts]) for place in range(len(first.weights))]
    losses = np.concatenate([part.losses for part in parts])
    lens = CovariateGlasses.joined([part.covariates for part in parts if part.covariates is not None])
    return replace(first, glasses=glasses, weights=weights, losses=losses, covariates=lens).select(order)


_GLASSES = ("power", "differences", "season", "scale")


def run_members(model: Any, weights: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    """Run each member of an ensemble on rows of its own.

    Args:
        model: The Keras model of the members.
        weights: Its arrays with a leading members axis.
        x: ``(members, rows, …)``.

    Returns:
        The outputs ``(members, rows, …)``.
    """
    from gatewise.recurrent import recurrent_layers
    from gatewise.training.forward import Forward

    forward = model.__dict__.get("_gatewise_own_rows")
    if forward is None:
        states = [None for _ in recurrent_layers(model)]
        forward = model.__dict__["_gatewise_own_rows"] = Forward(model, states, members=True, member_data=True)
    blocks = np.array_split(np.arange(len(x)), -(-len(x) // _MOST_MEMBERS))
    outputs = [forward.call([array[rows] for array in weights], [], x[rows])[0] for rows in blocks]
    return np.concatenate([np.asarray(block) for block in outputs])


def _with_rows(array: np.ndarray, rows: int) -> np.ndarray:
    """Put rows without weight before those that a view gave."""
    return np.pad(array, ((0, 0), (rows - array.shape[1], 0), *[(0, 0)] * (array.ndim - 2)))


@lru_cache(maxsize=64)
def _built(networks: LocalNetworks, look_back: int, outputs: int, covariates: tuple[int, int] | None) -> Any:
    from gatewise.backend import import_keras
    from gatewise.forecasting.networks.local_layers import beside_covariates, hidden_layers
    from gatewise.training.initial import with_zeros

    keras = import_keras()
    shape = networks.input_shape(look_back, outputs // outputs_of(networks.head), covariates)
    batch = 1 if networks.stateful else None
    if networks.build is not None:
        model = built_by(networks.build, shape, outputs)
    else:
        layers = hidden_layers(networks.cell, networks.units, networks.stateful)
        # It begins with the forecast that it is to correct.
        head = keras.layers.Dense(outputs, kernel_initializer=keras.initializers.VarianceScaling(0.01))
        if covariates is None:
            inputs = keras.Input(batch_shape=(batch, *shape))
            build = partial(keras.Sequential, [inputs, *layers, head], name="local_networks")
        else:
            width = outputs_of(networks.head)
            build = partial(beside_covariates, networks.layout, (batch, *shape), (*layers, head), covariates, width)
        model = build() if networks.stateful else with_zeros(build)
    if not getattr(model, "compiled", False):
        loss: Any = networks.loss
        if networks.head != "point":
            from gatewise.forecasting.networks.head_losses import CountLoss, HeadLoss

            loss = CountLoss() if networks.head == COUNTS else HeadLoss(networks.head)
        model.compile(keras.optimizers.Adam(networks.learning_rate), loss)
    return model
