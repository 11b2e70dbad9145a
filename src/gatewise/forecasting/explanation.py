"""What was chosen, and why, in sentences and as data."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64

from gatewise.evaluation.point_errors import seasonal_scale
from gatewise.forecasting.choosing.alone import FEWEST_WINDOWS
from gatewise.forecasting.choosing.judgement import Judged, series_scale
from gatewise.forecasting.panel import Panel
from gatewise.forecasting.rolling import Rolled, values_until

# A method with so much of the weight is, rounded to per cent, the forecast.
_ALL = 0.995


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a forecaster chose.

    Attributes:
        methods: Networks and baselines that were weighed.
        networks: Which of them are networks.
        weights: What each weighs in the forecast of each series, ``(methods, series)``.
        errors: Mean error of each in validation, in the scale of MASE; NaN without validation, ``(methods, series)``.
        sentences: The same for people.
        seconds: How long each part took.
        covariates: The covariates that a method used.
    """

    methods: tuple[str, ...]
    networks: tuple[bool, ...]
    weights: Float64[np.ndarray, "methods series"]
    errors: Float64[np.ndarray, "methods series"]
    sentences: tuple[str, ...]
    seconds: dict[str, float] = field(default_factory=dict)
    covariates: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join(self.sentences)


def explained(
    rolled: Rolled, judged: Judged, panel: Panel, notes: Sequence[str], seconds: dict[str, float]
) -> Explanation:
    """Say what was chosen.

    Args:
        rolled: The forecasts of all methods from the cutoffs of the validation, and from the end.
        judged: The forecast made of them.
        panel: The series.
        notes: What else is to be said.
        seconds: How long each part took.
    """
    scale = series_scale(panel.values, panel.season_length)
    sizes = np.abs(rolled.errors) / scale[:, None]
    known = np.isfinite(sizes)
    count = known.sum(axis=(1, 3))
    errors = np.divide(
        np.sum(sizes, axis=(1, 3), where=known), count, out=np.full(count.shape, np.nan), where=count > 0
    )
    weights = judged.weights[-1]
    windows = int((rolled.steps_back > 0).sum())
    sentences = [_made_of(rolled.names, weights, windows), *_alone(rolled, judged.alone[-1])]
    sentences += [*_best(rolled, errors), *_nevertheless(rolled, judged, panel)]
    return Explanation(rolled.names, tuple(rolled.networks.tolist()), weights, errors, (*sentences, *notes), seconds)


def _made_of(names: Sequence[str], weights: Float64[np.ndarray, "methods series"], windows: int) -> str:
    """Say what the forecast is made of."""
    mean = weights.mean(axis=1)
    order = [place for place in np.argsort(-mean, kind="stable") if mean[place] >= 0.005]
    parts = [f"{100 * mean[place]:.0f} % {names[place]}" for place in order]
    whole = (
        "The forecast is" if weights.shape[1] == 1 else f"On average over {weights.shape[1]:,} series the forecast is"
    )
    if not windows:
        return f"{whole} {_listed(parts)}: no series is long enough to choose by forecasts from past cutoffs."
    cutoffs = "1 past cutoff" if windows == 1 else f"{windows} past cutoffs"
    return f"{whole} {_listed(parts)}, weighed by errors from {cutoffs}."


def _alone(rolled: Rolled, alone: np.ndarray) -> list[str]:
    """Say for which series a single method is forecast."""
    chosen = alone[alone >= 0]
    if not len(chosen):
        return []
    places, counts = np.unique(chosen, return_counts=True)
    if len(alone) == 1:
        kind = "a network" if rolled.networks[places[0]] else "a baseline"
        return [f"{rolled.names[places[0]]}, {kind}, was better by itself, beyond noise: it is the forecast."]
    parts = [f"{rolled.names[place]} for {count:,}" for place, count in zip(places, counts, strict=True)]
    return [
        f"For {len(chosen):,} of {len(alone):,} series one method was better by itself, beyond noise: {_listed(parts)}."
    ]


def _best(rolled: Rolled, errors: Float64[np.ndarray, "methods series"]) -> list[str]:
    """Say which network and which baseline did best."""
    known = np.isfinite(errors).all(axis=0)
    if not known.any() or rolled.networks.all() or not rolled.networks.any():
        return []
    mean = errors[:, known].mean(axis=1)
    network, baseline = (
        min(np.flatnonzero(group), key=lambda place: mean[place]) for group in (rolled.networks, ~rolled.networks)
    )
    return [
        f"The best network was {rolled.names[network]}, with a mean error of {mean[network]:.3f} seasonal naive steps, and the "
        f"best baseline {rolled.names[baseline]}, with {mean[baseline]:.3f}."
    ]


def _nevertheless(rolled: Rolled, judged: Judged, panel: Panel) -> list[str]:
    """Say why a baseline with smaller errors than all together is not what is forecast."""
    past = rolled.steps_back > 0
    windows, mixed = int(past.sum()), judged.alone[-1] < 0
    baselines = np.flatnonzero(~rolled.networks)
    if not windows or not mixed.any() or not (judged.weights[0, baselines] > 0).any():
        return []
    scale = np.stack(
        [seasonal_scale(values_until(panel, int(back)), panel.season_length) for back in rolled.steps_back[past]]
    )
    together, *each = (
        _mean_size((rolled.actual - forecast)[past] / scale[..., None])
        for forecast in (judged.forecasts, *rolled.forecasts[baselines])
    )
    sizes = np.array(each)
    # As the verdict writes them, with three digits: what is equal there is equal here.
    if not (np.round(sizes, 3) < np.round(together, 3)).any():
        return []
    best = baselines[np.nanargmin(sizes)]
    if judged.weights[-1, best].mean() >= _ALL:
        return []
    why = "the difference is within noise" if len(mixed) == 1 else "on each of them the difference is within noise"
    if windows < FEWEST_WINDOWS:
        why = f"to tell that from luck takes {FEWEST_WINDOWS} cutoffs, and there {'is' if windows == 1 else 'are'} {windows}"
    others = "" if len(mixed) == 1 else " of all series" if mixed.all() else f" of {int(mixed.sum()):,} series"
    return [
        f"{rolled.names[best]} had smaller errors than all together, which are the forecast{others} nevertheless: {why}."
    ]


def _mean_size(errors: np.ndarray) -> float:
    known = np.isfinite(errors)
    return float(np.abs(errors[known]).mean()) if known.any() else np.nan


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
