"""A fitted forecaster as a folder without code, and back."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from gatewise.artifact import check_target, read_folder, write_folder
from gatewise.artifact.folder import WEIGHTS
from gatewise.artifact.manifest import NAME, refusal
from gatewise.errors import UsageError
from gatewise.forecasting.choosing.judgement import Judged
from gatewise.forecasting.classical.baseline_methods import BY_NAME
from gatewise.forecasting.explanation import Explanation
from gatewise.forecasting.fitted import Fitted, Plan
from gatewise.forecasting.networks.global_networks import restore
from gatewise.forecasting.panel import Panel
from gatewise.forecasting.rolling import Rolled
from gatewise.tables import SeriesTable
from gatewise.tables.frequency import Frequency
from gatewise.tables.series_table import NOTHING
from gatewise.tables.series_table import Explanation as Explaining

KIND = "forecaster"
_TABLE = ("values", "observed", "offsets")
_ROLLED = ("networks", "steps_back", "forecasts", "actual")
_FIXED = ("scale", "lengths", "sizes", "moved")
_JUDGED = ("forecasts", "networks", "weights", "network_weights", "alone")


def save(plan: Plan, fitted: Fitted, path: str | os.PathLike[str], overwrite: bool) -> None:
    """Write a fitted forecaster; see `Forecaster.save`."""
    check_target(path, overwrite)
    own = [one.name for one in fitted.baselines if BY_NAME.get(one.name) != one]
    if own:
        raise UsageError(f"The baseline {own[0]!r} is your own, and code is not saved: fit without it to save.")
    built = [one for one in fitted.trained if getattr(getattr(one, "networks", None), "build", None) is not None]
    if built:
        raise UsageError(
            f"The network {built[0].names[0]!r} was built by a function of your own, and code is not saved: fit with "
            "another network to save."
        )
    table, explanation = fitted.table, fitted.explanation
    entries = {
        "kind": KIND,
        "plan": {
            name: getattr(plan, name)
            for name in ("horizon", "mode", "minutes", "network_only", "season_length", "seed")
        },
        "season_length": fitted.panel.season_length,
        "methods": list(fitted.rolled.names),
        "quantiles": list(fitted.rolled.quantiles),
        "baselines": [one.name for one in fitted.baselines],
        "networks": [one.specification() for one in fitted.trained],
        "table": {
            "frequency": None if table.frequency is None else asdict(table.frequency),
            "zone": table.zone,
            "columns": list(table.columns),
            "notes": list(table.notes),
            "times": str(table.starts.dtype),
            "covariates": {
                "past": list(table.past.names),
                "future": list(table.future.names),
                "static": list(table.static),
            },
        },
        "explanation": {
            "sentences": list(explanation.sentences),
            "seconds": explanation.seconds,
            "covariates": list(explanation.covariates),
        },
    }
    arrays = {f"table/{name}": getattr(table, name) for name in _TABLE}
    arrays["table/starts"] = table.starts.view(np.int64)
    arrays["table/ids"] = np.frombuffer(json.dumps([_plain(name) for name in table.ids.tolist()]).encode(), np.uint8)
    arrays |= _covariates(table)
    arrays |= {f"rolled/{name}": getattr(fitted.rolled, name) for name in _ROLLED}
    arrays |= {f"quantiles/{place}": own for place, own in enumerate(fitted.rolled.quantiles.values())}
    arrays |= {f"judged/{name}": getattr(fitted.judged, name) for name in _JUDGED}
    arrays |= {"explanation/errors": explanation.errors, **{name: getattr(fitted, name) for name in _FIXED}}
    for place, trained in enumerate(fitted.trained):
        arrays |= {f"networks/{place}/{name}": array for name, array in trained.arrays().items()}
    write_folder(path, entries, arrays, overwrite)


def load(path: str | os.PathLike[str]) -> tuple[Plan, Fitted]:
    """Read what `save` wrote.

    Raises:
        ModelFileError: The folder is missing, damaged, newer, or of another kind.
    """
    entries, arrays = read_folder(path, KIND)
    try:
        return _restored(entries, arrays)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        where = Path(path) / (WEIGHTS if isinstance(error, IndexError) else NAME)
        raise refusal(where, "its entries have another form than gatewise writes") from error


def _restored(entries: dict[str, Any], arrays: dict[str, np.ndarray]) -> tuple[Plan, Fitted]:
    described = entries["table"]
    ids = _texts(arrays["table/ids"])
    if all(isinstance(name, int) for name in ids):
        ids = ids.astype(np.int64)
    frequency = None if described["frequency"] is None else Frequency(**described["frequency"])
    own: dict[str, Any] = {name: np.array(arrays[f"table/{name}"]) for name in _TABLE}
    table = SeriesTable(
        ids,
        **own,
        starts=arrays["table/starts"].view(described["times"]),
        frequency=frequency,
        zone=described["zone"],
        columns=tuple(described["columns"]),
        notes=tuple(described["notes"]),
        **_restored_covariates(described["covariates"], arrays),
    )
    _check_table(table)
    panel = Panel.of(table, entries["season_length"], entries["plan"]["horizon"])
    quantiles = {name: arrays[f"quantiles/{place}"] for place, name in enumerate(entries["quantiles"])}
    whole: dict[str, Any] = {name: arrays[f"rolled/{name}"] for name in _ROLLED}
    rolled = Rolled(tuple(entries["methods"]), **whole, quantiles=quantiles)
    judged = Judged(*(arrays[f"judged/{name}"] for name in _JUDGED))
    trained = []
    for place, specification in enumerate(entries["networks"]):
        start = f"networks/{place}/"
        weights = {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
        trained.append(restore(specification, weights))
    baselines = tuple(BY_NAME[name] for name in entries["baselines"])
    told = entries["explanation"]
    explanation = Explanation(
        rolled.names,
        tuple(bool(one) for one in rolled.networks),
        judged.weights[-1],
        arrays["explanation/errors"],
        tuple(told["sentences"]),
        told["seconds"],
        tuple(told["covariates"]),
    )
    plan = Plan(**entries["plan"], baselines=baselines)
    fixed = (arrays[name] for name in _FIXED)
    fitted = Fitted(table, panel, rolled, judged, tuple(trained), baselines, explanation, *fixed)
    _check_fit(plan, fitted)
    return plan, fitted


def _check_table(table: SeriesTable) -> None:
    """Refuse a table whose series do not lie one after the other in its values: their lengths decide how much is allocated.

    Raises:
        ValueError: They do not, or the step between two times is none.
    """
    offsets, step = table.offsets, 1 if table.frequency is None else table.frequency.step
    shapes = offsets.shape == (len(table.ids) + 1,) and table.starts.shape == (len(table.ids),)
    whole = shapes and offsets.dtype.kind == "i" and offsets[0] == 0 and bool((np.diff(offsets) > 0).all())
    if not whole or table.values.shape != (offsets[-1],) or table.observed.shape != (offsets[-1],):
        raise ValueError("the series of the table do not fit its values")
    if type(step) is not int or step < 1:
        raise ValueError(f"a step of {step!r} is none")


def _check_fit(plan: Plan, fitted: Fitted) -> None:
    """Refuse parts that do not belong together: each is as gatewise writes it, but not beside the others.

    Raises:
        ValueError: They do not.
    """
    rolled, judged = fitted.rolled, fitted.judged
    windows, series, horizon = rolled.actual.shape
    methods = len(rolled.names)
    arrays: dict[str, tuple[np.ndarray, tuple[int, ...], str]] = {
        "networks": (rolled.networks, (methods,), "b"),
        "steps_back": (rolled.steps_back, (windows,), "i"),
        "forecasts": (rolled.forecasts, (methods, windows, series, horizon), "f"),
        "actual": (rolled.actual, (windows, series, horizon), "f"),
        "judged": (judged.forecasts, (windows, series, horizon), "f"),
        "judged networks": (judged.networks, (windows, series, horizon), "f"),
        "weights": (judged.weights, (windows, methods, series), "f"),
        "network weights": (judged.network_weights, (windows, methods, series), "f"),
        "alone": (judged.alone, (windows, series), "i"),
        "errors": (fitted.explanation.errors, (methods, series), "f"),
        "scale": (fitted.scale, (series,), "f"),
        "lengths": (fitted.lengths, (series,), "i"),
        "sizes": (fitted.sizes, (len(fitted.sizes), series, horizon), "f"),
        **{name: (own, (windows, series, horizon, own.shape[-1]), "f") for name, own in rolled.quantiles.items()},
    }
    known = {one.name for one in fitted.baselines} | {name for trained in fitted.trained for name in trained.names}
    odd = [name for name, (array, shape, kind) in arrays.items() if array.shape != shape or array.dtype.kind != kind]
    if odd or not known >= {*rolled.names, *rolled.quantiles} or (series, horizon) != (len(fitted.table), plan.horizon):
        raise ValueError(f"{odd or 'methods, series or horizon'} do not fit")
    if not (np.isfinite(fitted.scale) & (fitted.scale > 0)).all():
        raise ValueError("a scale is not above 0")
    # Fails where the zone is none, or where times that are whole numbers have one.
    fitted.table.on_clock(fitted.table.starts)


def _covariates(table: SeriesTable) -> dict[str, np.ndarray]:
    """Return the covariates of a table as arrays; texts as JSON."""
    arrays = {"table/ahead": table.ahead, "table/ahead_offsets": table.ahead_offsets}
    arrays |= {"table/past": table.past.values, "table/future": table.future.values}
    for place, column in enumerate(table.static.values()):
        if column.dtype.kind in "fi":
            arrays[f"table/static/{place}"] = column
        else:
            arrays[f"table/static_texts/{place}"] = np.frombuffer(json.dumps(column.tolist()).encode(), np.uint8)
    return arrays


def _restored_covariates(names: dict[str, list[str]], arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return the fields of a table that hold covariates."""
    static: dict[str, np.ndarray] = {}
    for place, name in enumerate(names["static"]):
        texts = arrays.get(f"table/static_texts/{place}")
        static[name] = np.array(arrays[f"table/static/{place}"]) if texts is None else _texts(texts)
    timed = {
        kind: Explaining(tuple(names[kind]), np.array(arrays[f"table/{kind}"])) if names[kind] else NOTHING
        for kind in ("past", "future")
    }
    ahead = {name: np.array(arrays[f"table/{name}"]) for name in ("ahead", "ahead_offsets")}
    return {**timed, **ahead, "static": static}


def _plain(name: Any) -> int | str:
    return name if isinstance(name, int) and not isinstance(name, bool) else str(name)


def _texts(written: np.ndarray) -> np.ndarray:
    """Return what `_covariates` and `save` wrote as JSON; without a word, JSON's reader would try other encodings."""
    return np.array(json.loads(written.tobytes().decode("utf-8")), dtype=object)
