"""The page on a forecast or a backtest: who won, the forecast, what earlier ones were worth, what was chosen, warnings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise.recipes.wording import NOTHING, Heading, Table
from gatewise.report import fan_figures
from gatewise.report.evidence import Evidence, gathered
from gatewise.report.out_of_fold import wall_clock
from gatewise.report.page import render
from gatewise.report.shown_series import said, shown_places
from gatewise.report.traces import Figure
from gatewise.report.verdict import MODEL, Standing, written
from gatewise.report.writing import write_text
from gatewise.tables import SeriesTable
from gatewise.version import __version__

if TYPE_CHECKING:
    import pandas as pd

    from gatewise.forecasting.explanation import Explanation
    from gatewise.forecasting.forecaster import Forecaster

# More of a history than this is not drawn: nobody sees it, and the page grows.
_MOST_VALUES = 1500
_WORST_SHOWN = 10


@dataclass(frozen=True)
class Told:
    """What a page tells beside numbers.

    Attributes:
        name: What the data is called.
        settings: What the work was done with, by name.
        seconds: How long each part took, by its name.
        notes: What was found out about the data, as sentences.
    """

    name: str
    settings: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    notes: Sequence[str] = ()


def write_forecast(
    path: str | Path,
    forecaster: "Forecaster",
    standing: Standing | None,
    told: Told,
    level: Sequence[float] = (80, 95),
    force: bool = False,
) -> None:
    """Write the page on a forecaster that was fitted: its forecast, and how it did in its own validation.

    Args:
        path: The HTML file.
        forecaster: It was fitted.
        standing: How it did, as `verdict.standing_of` says.
        told: What else the page tells.
        level: The levels of its intervals, in per cent.
        force: Whether the file may exist and be overwritten.

    Raises:
        UsageError: The file exists and `force` is not given, or the path is a folder.
        EnvironmentFault: The file cannot be written.
    """
    forecast, table = forecaster.predict(level=level, progress=False), forecaster.fitted.table
    write_text(path, forecast_page(table, told, forecast, standing, forecaster.explanation), force)


def write_backtest(path: str | Path, standing: Standing, table: SeriesTable, told: Told, force: bool = False) -> None:
    """Write the page on a backtest, given as `verdict.standing` says; see `write_forecast`."""
    write_text(path, forecast_page(table, told, None, standing), force)


def forecast_page(
    table: SeriesTable,
    told: Told,
    forecast: "pd.DataFrame | None",
    standing: Standing | None,
    explanation: "Explanation | None" = None,
) -> str:
    """Return the page as HTML.

    Args:
        table: The series.
        told: What else the page tells.
        forecast: The columns ``unique_id, ds, gatewise`` and its intervals; None on a backtest's page.
        standing: How methods did from past cutoffs; None where there are none, as for series that are too short.
        explanation: What was chosen, and why.
    """
    evidence = None if standing is None else gathered(standing, table)
    errors = np.full(len(table), np.nan) if evidence is None else evidence.standing.of_series[MODEL]
    places = shown_places(errors)
    figures = {} if evidence is None else evidence.figures
    shown = [_shown_series(table, int(place), forecast, evidence, explanation) for place in places]
    first = shown[0]["figures"]
    return render(
        "forecast.html",
        {**first, **figures},
        data=[{**one, "id": str(one["id"])} for one in shown],
        title=f"{'Backtest' if forecast is None else 'Forecast'} of {told.name}",
        summary=table.summary(),
        evidence=evidence,
        has_forecast=forecast is not None,
        series=[str(one["id"]) for one in shown],
        said=said(len(table), len(places)),
        worst=[] if evidence is None else _worst(table, evidence, places),
        chosen=None if explanation is None else _chosen(explanation),
        sentences=() if explanation is None else explanation.sentences,
        notes=[*told.notes, *table.notes],
        seconds=[[part, f"{spent:.1f} s"] for part, spent in told.seconds.items()],
        settings={**told.settings, "gatewise": __version__},
    )


def _shown_series(
    table: SeriesTable,
    place: int,
    forecast: "pd.DataFrame | None",
    evidence: Evidence | None,
    explanation: "Explanation | None",
) -> dict[str, Any]:
    """Return all that the page shows of one series."""
    one = next(iter(table.select([place])))
    times, values = one.times[-_MOST_VALUES:], one.values[-_MOST_VALUES:]
    figures: dict[str, Figure] = {}
    about = [
        f"{len(one.values):,} values" + (f", the last {len(values):,} drawn" if len(values) < len(one.values) else "")
    ]
    missing = int((~one.observed).sum())
    if missing:
        about.append(f"{missing:,} of them missing")
    rows: list[list[str]] = []
    if forecast is not None:
        horizon = len(forecast) // len(table)
        part = forecast.iloc[place * horizon : (place + 1) * horizon]
        figures["fan"], rows = _fan(times, values, part)
    if evidence is not None:
        figures["cutoffs"] = fan_figures.cutoffs(times, values, evidence.rows, evidence.code[place])
        error, title = evidence.standing.of_series[MODEL][place], evidence.standing.title
        known = f"{title} {written(error, evidence.standing.measure)} from past cutoffs"
        about.append(known if np.isfinite(error) else "too short for past cutoffs")
    if explanation is not None:
        weights = dict(zip(explanation.methods, explanation.weights[:, place], strict=True))
        parts = [f"{name} {100 * weight:.0f} %" for name, weight in _heaviest(weights)]
        about.append(f"forecast by {', '.join(parts)}")
    return {"id": one.id, "about": "; ".join(about) + ".", "figures": figures, "rows": rows}


def _fan(times: np.ndarray, values: np.ndarray, part: "pd.DataFrame") -> tuple[Figure, list[list[str]]]:
    """Return the plot of a series' forecast, and its numbers as rows of text with a heading."""
    ahead = wall_clock(part["ds"])
    columns = {name: part[name].to_numpy(np.float64) for name in part.columns if name not in ("unique_id", "ds")}
    levels = [float(name.removeprefix(f"{MODEL}-lo-")) for name in columns if name.startswith(f"{MODEL}-lo-")]
    bounds = {level: (columns[f"{MODEL}-lo-{level:g}"], columns[f"{MODEL}-hi-{level:g}"]) for level in levels}
    bounds = {level: pair for level, pair in bounds.items() if np.isfinite(pair[0]).all()}
    figure = fan_figures.fan(times, values, ahead, {MODEL: columns[MODEL]}, bounds)
    cells = [[str(moment) for moment in fan_figures.moments(ahead)]]
    cells += [[_figures(value) for value in column] for column in columns.values()]
    return figure, [["ds", *columns], *map(list, zip(*cells, strict=True))]


def _figures(value: float) -> str:
    return f"{value:,.6g}" if np.isfinite(value) else NOTHING


def _heaviest(weights: Mapping[str, float]) -> list[tuple[str, float]]:
    """Return the methods that have a weight, the heaviest first."""
    return sorted(((name, w) for name, w in weights.items() if w >= 0.005), key=lambda pair: -pair[1])


def _worst(table: SeriesTable, evidence: Evidence, shown: np.ndarray) -> list[dict[str, Any]]:
    """Return the series with the largest error, and what the best baseline would have had; nothing of a single series."""
    of_series, measure = evidence.standing.of_series, evidence.standing.measure
    own = of_series[MODEL]
    known = np.flatnonzero(np.isfinite(own))
    if len(table) < 2:
        return []
    order = known[np.argsort(-own[known], kind="stable")][:_WORST_SHOWN]
    baselines = evidence.standing.baselines
    rows = []
    for place in order.tolist():
        errors = {name: of_series[name][place] for name in baselines if np.isfinite(of_series[name][place])}
        best = min(errors, key=errors.__getitem__, default=None)
        where = np.flatnonzero(shown == place)
        cells = [written(own[place], measure), best or NOTHING, written(errors[best], measure) if best else NOTHING]
        rows.append({"id": str(table.ids[place]), "at": int(where[0]) if len(where) else None, "cells": cells})
    return rows


def _chosen(explanation: "Explanation") -> Table:
    """Return what each method weighs."""
    headings = [
        Heading("method", "What was weighed."),
        Heading("kind", "Networks are trained here; a baseline is a classical or simple method."),
        Heading("weight", "Its share in the forecast, on average over the series."),
    ]
    weights = explanation.weights.mean(axis=1)
    order = np.argsort(-weights, kind="stable").tolist()
    rows = [
        [
            explanation.methods[place],
            "networks" if explanation.networks[place] else "baseline",
            f"{100 * weights[place]:.0f} %",
        ]
        for place in order
    ]
    if explanation.weights.shape[1] > 1:
        headings.append(Heading("heaviest for", "The share of series in whose forecast nothing weighs more."))
        heaviest = (explanation.weights >= explanation.weights.max(axis=0)).mean(axis=1)
        for row, place in zip(rows, order, strict=True):
            row.append(f"{100 * heaviest[place]:.0f} %")
    return Table(headings, rows)
