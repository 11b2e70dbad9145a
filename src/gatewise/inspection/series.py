"""A network of a forecaster as inspection sees it: what it read when it forecast a series."""

from dataclasses import replace
from typing import Any

import numpy as np

from gatewise.errors import UsageError
from gatewise.forecasting.networks.local_networks import TrainedLocalNetworks, lengths_of
from gatewise.forecasting.networks.local_samples import last_windows
from gatewise.inspection.inspection import Inspection
from gatewise.inspection.looking import looked
from gatewise.inspection.network import Inspected
from gatewise.inspection.portable import counterfactual
from gatewise.inspection.sequences import as_read
from gatewise.training.wording import counted


def inspect_forecaster(forecaster: Any, series: Any, output: int | str | None) -> Inspection:
    """Look inside the first network of a forecaster while it reads the end of a series; see `gatewise.inspect`.

    Raises:
        UsageError: There is no such series, or no recurrent network that belongs to a series.
    """
    fitted = forecaster.fitted
    place = _place(fitted.table, series)
    local = [one for one in fitted.trained if isinstance(one, TrainedLocalNetworks) and one.networks.cell != "dense"]
    if not local:
        raise UsageError(
            "The forecaster has no recurrent network of a series by itself: fit it with network= the name of a recipe with an "
            "LSTM or a GRU, such as 'lstm-time-steps'."
        )
    trained = local[0]
    window, scale = _window(trained, fitted.panel.values[place : place + 1], place)
    outputs = 1 if trained.networks.recursive else trained.horizon
    model = trained.networks.model(len(window), outputs, stateful=False)
    weights = [array[place, 0] for array in trained.weights]
    for variable, array in zip([*model.trainable_variables, *model.non_trainable_variables], weights, strict=True):
        variable.assign(array)
    network = Inspected.of(model)
    names = [f"{counted(step + 1, 'step')} ahead" for step in range(outputs)]
    read = as_read(network, window)
    found = looked(network, read, None, names, 0 if output is None else output)
    name = fitted.table.ids[place]
    note = (
        f"This is the first of {trained.networks.members} networks of series {str(name)!r}, {trained.names[0]}; it reads the "
        f"series relative to its level, in units of {scale:.4g}."
    )
    return replace(found, name=trained.names[0], notes=(note,), counterfactual=counterfactual(network, read, None))


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


def _window(trained: TrainedLocalNetworks, values: np.ndarray, place: int) -> tuple[np.ndarray, float]:
    """Return what the first network of a series reads to forecast, and in units of what."""
    glasses = trained.glasses[0].select(np.array([place]))
    count = 1
    if trained.networks.stateful:
        values = values[:, -max(int(lengths_of(values)[0]), 2) :]
        count = values.shape[1] - min(trained.look_back, values.shape[1]) + 1
    inputs, _ = last_windows(glasses, values, trained.look_back, count)
    shape = {"flat": (-1,), "features": (1, -1), "steps": (-1, 1)}[trained.networks.layout]
    return inputs[0].reshape(shape), float(glasses.scale[0])
