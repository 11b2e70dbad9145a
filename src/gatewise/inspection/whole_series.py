"""Networks that many series share, as inspection sees them: they read a series once, and forecast from every step of it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float64

from gatewise.forecasting.networks.global_networks import Reading
from gatewise.forecasting.networks.season_networks import TrainedSeasonNetworks
from gatewise.forecasting.networks.sequence_networks import TrainedSequenceNetworks
from gatewise.forecasting.panel import Panel
from gatewise.inspection.inspection import Inspection
from gatewise.inspection.looking import looked
from gatewise.inspection.network import Inspected
from gatewise.inspection.sequences import Read
from gatewise.inspection.snippets import Corpus

WholeSeries = TrainedSequenceNetworks | TrainedSeasonNetworks
_BASES = {
    "last": "the last value",
    "smooth": "exponential smoothing",
    "theta": "the Theta method",
    "repeat": "the last season again",
}


class InspectedOrigins(Inspected):
    """A network of gatewise's own that says something after every step, and does the same with each of them."""

    def _check(self) -> bool:
        return True


def inspect_whole_series(
    trained: WholeSeries,
    member: int,
    panel: Panel,
    place: int,
    corpus: Sequence[int],
    names: Sequence[str],
    output: Any,
) -> Inspection:
    """Look inside a network while it reads a series from its first value to its last.

    Args:
        trained: The networks.
        member: Which of them.
        panel: The series.
        place: Which of them is read.
        corpus: In which others to look for what units are active at.
        names: What the outputs are called.
        output: Which to look at.
    """
    reading, read = _read(trained, panel, place)
    reading.model.set_weights(trained.weights[member])
    network = InspectedOrigins.of(reading.model)
    others = Corpus.of(network, corpus, lambda one: _read(trained, panel, one)[1]) if len(corpus) else None
    found = looked(network, read, others, names, output)
    changes: dict[str, Any] = {
        "said": f"correction {names[found.output]}",
        "counterfactual": "what it reads at a step is computed from all values before it",
    }
    if trained.covariates is None:
        # What a covariate will do after an earlier step is not known here, so that there is no forecast from there.
        changes |= {"running": _forecasts(reading, found.running), "values": np.array(read.steps, float)[:, None]}
    return replace(found, **changes)


def _read(trained: WholeSeries, panel: Panel, place: int) -> tuple[Reading, Read]:
    """Return what networks read of one series."""
    reading = trained.reading(panel.select(np.array([place])))
    inputs = reading.inputs[0, : int(reading.last[0]) + 1]
    values = _shown(trained, panel.values[place], len(inputs))
    return reading, Read(inputs, 0, tuple(f"{value:.6g}" for value in values.tolist()))


def _shown(trained: WholeSeries, values: Float64[np.ndarray, " time"], steps: int) -> Float64[np.ndarray, " steps"]:
    """Return a number for each step that networks read: the value, gaps filled with the one before, or a season's mean."""
    known = np.isfinite(values)
    first = int(known.argmax())
    own = values[np.maximum.accumulate(np.where(known, np.arange(len(values)), first))][first:]
    if isinstance(trained, TrainedSequenceNetworks):
        return own[-steps:]
    season = trained.season_length
    ends = len(own) - season * np.arange(steps)[::-1]
    return np.array([own[max(end - season, 0) : max(end, 1)].mean() for end in ends.tolist()])


def _forecasts(reading: Reading, said: np.ndarray) -> np.ndarray:
    """Return the forecasts that were made after each step, in the units of the series."""
    return np.stack([reading.forecast(row[None], np.array([at]))[0].ravel() for at, row in enumerate(said)])


def about(trained: WholeSeries) -> str:
    """Say what such networks read and say."""
    if isinstance(trained, TrainedSeasonNetworks):
        return (
            f"A step is a season of {trained.season_length} values, and the network sees what was known then; it corrects "
            "a mixture of the last season, the last cycle and their mean."
        )
    return (
        "At each step it sees what is known there: the value, some before it, their level, slope and season; it corrects "
        f"{_BASES[trained.networks.view.base]}, in units of what is usual for a step."
    )
