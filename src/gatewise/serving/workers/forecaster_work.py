"""What a worker does with forecasters: they are told of a session's values, and asked for what comes next."""

import copy
from collections import OrderedDict
from dataclasses import replace
from typing import Any

import numpy as np

from gatewise.errors import UsageError
from gatewise.serving.workers.loaded_models import Asked, loaded

# Forecasters that have read the values of a session, the last used ones: the next step of the session begins there.
_READ: OrderedDict[Any, Any] = OrderedDict()
_MOST_READ = 64
_LEVELS = (80.0, 95.0)


def described(forecaster: Any) -> dict[str, Any]:
    """Return the inputs and outputs of a forecaster, and what it can be told."""
    from gatewise.forecasting.frames import bounds_names

    table = forecaster.fitted.table
    if not table.future.names:
        # Its networks are compiled now, and not while somebody waits for the first answer.
        forecaster.predict(horizon=1, level=(), progress=False)
    numbers = [[name, "FP64", [-1]] for name in bounds_names("gatewise", _LEVELS)]
    return {
        "inputs": [["horizon", "INT64", [1]]],
        "outputs": [["unique_id", "BYTES", [-1]], ["ds", "BYTES", [-1]], *numbers],
        "horizon": forecaster.plan.horizon,
        "series": len(table),
        "first": str(table.ids[0]),
        "covariates": [*table.past.names, *table.future.names],
    }


def steps(asked: Asked) -> dict[str, Any]:
    """Return what a forecaster said of each of ``rows`` before it was told the value, after the ``values`` told before.

    Each is the first step of the forecast of ``Forecaster.load(folder).update(values so far)``.
    """
    forecaster, place, values = loaded(asked), _place(asked), list(asked["values"])
    said = []
    for value in asked["rows"]:
        frame = _told(asked, forecaster, place, values).predict(horizon=1, level=(), progress=False)
        said.append(float(frame["gatewise"].iloc[place]))
        values.append(value)
    return {"said": said}


def forecast(asked: Asked) -> dict[str, Any]:
    """Return the forecast of one series after the ``values`` told so far, by the names of its columns."""
    forecaster, place = loaded(asked), _place(asked)
    steps = asked["horizon"]
    frame = _told(asked, forecaster, place, asked["values"]).predict(
        horizon=steps, level=asked["levels"], progress=False
    )
    return _columns(frame.iloc[place * steps : (place + 1) * steps])


def history(asked: Asked) -> dict[str, Any]:
    """Return the last values of one series, those told of in the end, with their times and the times that follow."""
    import pandas as pd

    forecaster, place, most = loaded(asked), _place(asked), asked["most"]
    table = _told(asked, forecaster, place, asked["values"]).fitted.table.select([place])
    known = table.to_frame().iloc[-most:]
    values = [None if np.isnan(value) else value for value in known[table.columns[2]].tolist()]
    after = pd.Series(table.on_clock(table.times_after(most)[0]))
    return {
        "ds": known[table.columns[1]].astype(str).tolist(),
        "y": values,
        "ds_after": after.astype(str).tolist(),
    }


def find_series(asked: Asked) -> dict[str, Any]:
    """Return the name of the series that is meant; see `_place`."""
    return {"series": str(loaded(asked).fitted.table.ids[_place(asked)])}


def _place(asked: Asked) -> int:
    """Return where the series that is meant is among those of a forecaster."""
    table = loaded(asked).fitted.table
    names = [str(name) for name in table.ids.tolist()]
    if asked.get("series") is None:
        if len(names) > 1:
            raise UsageError(f"The forecaster knows {len(names):,} series, the first is {names[0]!r}: name one.")
        return 0
    if asked["series"] not in names:
        raise UsageError(f"The forecaster knows no such series; the first of {len(names):,} is {names[0]!r}.")
    return names.index(asked["series"])


def series_name(forecaster: Any, name: str | None) -> Any:
    """Return the name of a series as its table has it, which may be a number."""
    ids = forecaster.fitted.table.ids.tolist()
    return next((one for one in ids if str(one) == name), name)


def _told(asked: Asked, forecaster: Any, place: int, values: Any) -> Any:
    """Return a forecaster that has been told of values after those it was saved with."""
    key = asked["folder"], asked["sha256"], place, np.asarray(values, np.float64).tobytes()
    if key not in _READ:
        # `update` replaces what the copy knows; the one it was copied from stays as it is.
        told = copy.copy(forecaster)
        if len(values):
            told.update(_rows(forecaster.fitted.table, place, np.asarray(values, np.float64)))
        _READ[key] = told
        while len(_READ) > _MOST_READ:
            _READ.popitem(last=False)
    _READ.move_to_end(key)
    return _READ[key]


def _rows(table: Any, place: int, values: np.ndarray) -> Any:
    """Return values as the table of the rows that follow a series."""
    from gatewise.forecasting.clocks import in_utc

    # The clock of their zone may have been put forward or back by then.
    table = in_utc(table)
    return replace(
        table.select([place]),
        values=values,
        observed=np.ones(len(values), bool),
        offsets=np.array([0, len(values)], np.int64),
        starts=table.times_after(1)[place, :1],
    )


def _columns(frame: Any) -> dict[str, list[Any]]:
    """Return a forecast as lists; names and times as texts."""
    texts = {name: frame[name].astype(str).tolist() for name in ("unique_id", "ds")}
    return texts | {name: frame[name].tolist() for name in frame.columns if name not in texts}


def predicted(forecaster: Any, horizon: int) -> dict[str, Any]:
    """Return the forecast of all series, with intervals."""
    columns = _columns(forecaster.predict(horizon=horizon, level=_LEVELS, progress=False))
    return {name: [[len(column)], column] for name, column in columns.items()}
