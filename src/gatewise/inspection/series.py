"""A network of a forecaster as inspection sees it: which one is looked into, and what it reads of a series."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from gatewise.errors import UsageError
from gatewise.forecasting.fitted import Fitted
from gatewise.forecasting.networks.heads import Head
from gatewise.forecasting.networks.local_networks import TrainedLocalNetworks
from gatewise.forecasting.networks.local_samples import last_windows, lengths_of
from gatewise.forecasting.rolling import MEDIAN, QUANTILE_LEVELS
from gatewise.inspection.inspection import Inspection
from gatewise.inspection.looking import looked
from gatewise.inspection.naming import named
from gatewise.inspection.network import Inspected
from gatewise.inspection.portable import counterfactual
from gatewise.inspection.sequences import as_read
from gatewise.training.wording import counted


class Chosen(NamedTuple):
    """A network of a forecaster.

    Attributes:
        trained: The networks that it is one of.
        member: Which of them.
        name: Its configuration.
        weight: What that weighs in the forecast of the networks.
    """

    trained: Any
    member: int
    name: str
    weight: float


def inspect_forecaster(
    forecaster: Any, series: Any, corpus: Sequence[Any] | None, output: int | str | None, network: int | str | None
) -> Inspection:
    """Look inside a network of a forecaster while it reads a series; see `gatewise.inspect`.

    Raises:
        UsageError: There is no such series or network, or no recurrent network.
    """
    fitted: Fitted = forecaster.fitted
    place = _place(fitted.table, series)
    known = _known(fitted, place)
    chosen = _chosen(known, network)
    head: Head = chosen.trained.networks.head if hasattr(chosen.trained.networks, "head") else "point"
    local = isinstance(chosen.trained, TrainedLocalNetworks)
    names = _names(head, 1 if local and chosen.trained.networks.recursive else fitted.rolled.horizon)
    output = MEDIAN if output is None and head == "quantile" else 0 if output is None else output
    if local:
        if corpus is not None:
            raise UsageError("A network that belongs to one series has no corpus but that series: leave corpus out.")
        found, more = _of_one_series(chosen, fitted, place, names, output)
    else:
        from gatewise.inspection.whole_series import about, inspect_whole_series

        others = [_place(fitted.table, one) for one in corpus or ()]
        found = inspect_whole_series(chosen.trained, chosen.member, fitted.panel, place, others, names, output)
        more = about(chosen.trained)
        if chosen.trained.covariates is None:
            more += f" The forecast that it makes at the end is {found.running[-1, found.output]:.6g}, {names[found.output]}."
    return replace(found, name=chosen.name, notes=(_which(chosen, known, fitted.table.ids[place]), more))


def _known(fitted: Fitted, place: int) -> list[Chosen]:
    """Return the networks with recurrent layers, the first of each configuration before the others, the weightiest first."""
    from gatewise.forecasting.networks.season_networks import TrainedSeasonNetworks
    from gatewise.forecasting.networks.sequence_networks import TrainedSequenceNetworks
    from gatewise.forecasting.networks.shared_networks import TrainedSharedNetworks

    weights = dict(zip(fitted.rolled.names, fitted.judged.network_weights[-1][:, place].tolist(), strict=True))
    found = []
    for one in fitted.trained:
        trained = one.of_each(fitted.panel) if isinstance(one, TrainedSharedNetworks) else one
        own = isinstance(trained, TrainedLocalNetworks) and trained.networks.cell != "dense"
        if own or isinstance(trained, TrainedSequenceNetworks | TrainedSeasonNetworks):
            for member, name in enumerate(trained.names):
                found.append(Chosen(trained, member, name, weights.get(name, 0.0)))
    return sorted(found, key=lambda one: (one.member, -one.weight))


def _chosen(known: list[Chosen], network: int | str | None) -> Chosen:
    """Return the network that was asked for."""
    if not known:
        raise UsageError(
            "The forecaster has no recurrent network: fit it with network= the name of a recipe with an LSTM or a GRU, such as "
            "'lstm-time-steps'."
        )
    return named(known, network, "There is no network {network!r}: give one of {names}")


def _which(chosen: Chosen, known: list[Chosen], name: Any) -> str:
    """Say which network was looked into."""
    alike = sum(one.name == chosen.name for one in known)
    others = list(dict.fromkeys(one.name for one in known if one.name != chosen.name))
    one = "the network" if alike == 1 else f"one of {alike} networks"
    said = f"This is {one} {chosen.name!r}, reading series {str(name)!r}"
    if not others:
        return f"{said}."
    more = ", ".join(map(repr, others[:5])) + (", …" if len(others) > 5 else "")
    return (
        f"{said}; of what the networks forecast for it, {chosen.weight:.0%} is theirs. With network= another is looked into: "
        f"{more}."
    )


def _names(head: Head, steps: int) -> list[str]:
    """Return what the outputs of a network are called."""
    parts = {
        "point": [""],
        "quantile": [f", {level:.3g} quantile" for level in QUANTILE_LEVELS],
        "normal": [", middle", ", width"],
        "student-t": [", middle", ", width", ", freedom"],
    }[head]
    return [f"{counted(step + 1, 'step')} ahead{part}" for step in range(steps) for part in parts]


def _of_one_series(
    chosen: Chosen, fitted: Fitted, place: int, names: Sequence[str], output: int | str
) -> tuple[Inspection, str]:
    """Look inside a network that belongs to a series while it reads the last values of it."""
    trained = chosen.trained
    if trained.covariates is not None:
        raise UsageError(
            f"The networks {chosen.name!r} read covariates beside the series, which inspect does not show: fit the forecaster "
            "without them."
        )
    window, scale = _window(chosen, fitted.panel.values[place : place + 1], place)
    model = trained.networks.model(len(window), len(names), stateful=False)
    weights = [array[place, chosen.member] for array in trained.weights]
    for variable, array in zip([*model.trainable_variables, *model.non_trainable_variables], weights, strict=True):
        variable.assign(array)
    network = Inspected.of(model)
    read = as_read(network, window)
    found = looked(network, read, None, names, output)
    note = f"It reads the series relative to its level, in units of {scale:.4g}."
    said = f"forecast {found.said}"
    return replace(found, said=said, counterfactual=counterfactual(network, read, None)), note


def _place(table: Any, series: Any) -> int:
    """Return the number of a series."""
    names = table.ids.tolist()
    if series is None and len(names) == 1:
        return 0
    if series not in names:
        shown = ", ".join(repr(name) for name in names[:5])
        more = ", …" if len(names) > 5 else ""
        raise UsageError(f"There is no series {series!r} in the forecaster: give one of {shown}{more}.")
    return int(names.index(series))


def _window(chosen: Chosen, values: np.ndarray, place: int) -> tuple[np.ndarray, float]:
    """Return what a network of a series reads to forecast, and in units of what."""
    trained = chosen.trained
    glasses = trained.glasses[chosen.member % len(trained.glasses)].select(np.array([place]))
    count = 1
    if trained.networks.stateful:
        values = values[:, -max(int(lengths_of(values)[0]), 2) :]
        count = values.shape[1] - min(trained.look_back, values.shape[1]) + 1
    inputs, _ = last_windows(glasses, values, trained.look_back, trained.horizon, count)
    shape = {"flat": (-1,), "features": (1, -1), "steps": (-1, 1)}[trained.networks.layout]
    return inputs[0].reshape(shape), float(glasses.scale[0])
