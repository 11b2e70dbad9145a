"""What the page asks about a table, as JSON in and JSON out: done in the worker, which may load whatever that needs."""

import re
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise.errors import GatewiseError, UsageError
from gatewise.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from gatewise.forecasting.forecaster import Forecaster
    from gatewise.tables import SeriesTable


# Of more series, and of longer ones, the page shows a part; the CSV has all.
MOST_SERIES = 24
MOST_VALUES = 1500
MOST_FORECASTS = 200
# What is suggested where a season says nothing, and for seasons that are longer than anybody asks for at first.
_USUAL_HORIZON, _LONGEST_SUGGESTED = 10, 24
_ROW = re.compile(r"\brow (\d[\d,]*)")


def read(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is understood of a table.

    Args:
        asked: ``csv``, the text of the table; ``name``, what it is called; and, where they are named, ``id_col``,
            ``time_col``, ``target_col`` and ``fix`` of `gatewise.read_series`.

    Returns:
        What was found and the series that are shown; of a table that is refused the sentence under ``refused``, with the row.
    """
    try:
        table = _table(asked)
    except GatewiseError as error:
        return {"refused": _refusal(error, asked)}
    lengths = table.lengths
    times = _texts(np.array([table.starts.min(), table.ends.max()]))
    return {
        "name": asked["name"],
        "names": _column_names(asked),
        "summary": table.summary(),
        "series": len(table),
        "rows": int(lengths.sum()),
        "shortest": int(lengths.min()),
        "longest": int(lengths.max()),
        "freq": table.freq,
        "missing": table.missing,
        "from": times[0],
        "to": times[1],
        "horizon": _suggested(table),
        "notes": list(table.notes),
        "shown": [_shown(table, place) for place in range(min(len(table), MOST_SERIES))],
    }


def forecast(asked: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Return the forecast of a table, with what it is worth and the page about it.

    Args:
        asked: As for `read`; also ``horizon``, ``level``, a list, ``minutes`` or None, and ``inside``, whether to look into
            the network of the first series, too.
        progress: Called with the share that is done, from 0 to 1, and with what is being done.
    """
    started = time.perf_counter()
    try:
        table = _table(asked)
        from gatewise.forecasting.forecaster import Forecaster

        forecaster = Forecaster(asked["horizon"], minutes=asked.get("minutes"))
        reading = time.perf_counter() - started
        forecaster.fit(table, progress=lambda share, what: progress(0.97 * share, what))
        frame = forecaster.predict(level=asked["level"], progress=False)
    except GatewiseError as error:
        return {"refused": _refusal(error, asked)}
    seconds = {"reading the table": reading, "choosing and training": time.perf_counter() - started - reading}
    progress(0.98, "page")
    answer = told(forecaster, frame, asked, seconds)
    if asked.get("inside"):
        progress(0.99, "gates")
        answer["inside"] = _inside(forecaster)
    return answer


def told(
    forecaster: "Forecaster", frame: "pd.DataFrame", asked: Mapping[str, Any], seconds: dict[str, float]
) -> dict[str, Any]:
    """Return a forecast as the page shows it."""
    from gatewise.report import verdict
    from gatewise.report.forecast_page import Told, forecast_page
    from gatewise.report.spreadsheets import as_csv

    table, explanation = forecaster.fitted.table, forecaster.explanation
    standing = verdict.standing_of(forecaster)
    horizon = asked["horizon"]
    if standing is None:
        too_short = (
            "The series are too short for forecasts from past cutoffs: what this forecast is worth is not known."
        )
        worth: dict[str, Any] = {"conclusion": [too_short], "won": None, "scores": None}
    else:
        headings, rows = verdict.table(standing)
        scores = {"head": [one.title for one in headings], "meanings": [one.meaning for one in headings], "rows": rows}
        conclusion = [verdict.verdict(standing), standing.backtest.ranking]
        worth = {"conclusion": conclusion, "won": verdict.winner(standing), "scores": scores}
    settings = {"horizon": f"{horizon} steps"}
    page = forecast_page(table, Told(asked["name"], settings, seconds), frame, standing, explanation)
    return {
        **worth,
        "explanation": list(explanation.sentences),
        "notes": list(table.notes),
        "level": list(asked["level"]),
        "horizon": horizon,
        "series": len(table),
        "forecast": forecasts(frame, horizon),
        "csv": as_csv(frame),
        "report": page,
    }


def forecasts(frame: "pd.DataFrame", horizon: int) -> list[dict[str, Any]]:
    """Return the forecast of each series that is shown, from a frame as `Forecaster.predict` gives it."""
    from gatewise.report.out_of_fold import wall_clock

    levels = [name.removeprefix("gatewise-lo-") for name in frame.columns if name.startswith("gatewise-lo-")]
    shown = []
    for first in range(0, min(len(frame), MOST_FORECASTS * horizon), horizon):
        part = frame.iloc[first : first + horizon]
        bounds = {level: [_numbers(part[f"gatewise-{side}-{level}"]) for side in ("lo", "hi")] for level in levels}
        shown.append(
            {
                "id": str(part["unique_id"].iloc[0]),
                "times": _texts(wall_clock(part["ds"])),
                "values": _numbers(part["gatewise"]),
                "bounds": {level: pair for level, pair in bounds.items() if None not in pair[0]},
            }
        )
    return shown


def _inside(forecaster: "Forecaster") -> dict[str, str]:
    """Return the page on what the network of the first series does, or why there is none."""
    from gatewise.inspection import inspect
    from gatewise.report.inspection_page import inspection_page

    try:
        return {"page": inspection_page([inspect(forecaster, forecaster.fitted.table.ids[0])])}
    except UsageError as error:
        return {"reason": str(error)}


def _table(asked: Mapping[str, Any]) -> "SeriesTable":
    from gatewise.tables import read_series

    columns = {name: asked.get(name) or None for name in ("id_col", "time_col", "target_col")}
    return read_series(_source(asked), **columns, fix=asked.get("fix", ()))


def _source(asked: Mapping[str, Any]) -> Any:
    from gatewise.tables.files import given

    return given(asked["name"], asked["csv"].encode())


def _column_names(asked: Mapping[str, Any]) -> list[str]:
    """Return what the columns of a table are called; none where not even that can be read."""
    from gatewise.tables.form import checked_fixes
    from gatewise.tables.reading import open_sheet

    try:
        with ExitStack() as closing:
            sheet = open_sheet(_source(asked), {}, checked_fixes(asked.get("fix", ())), closing)
            return [str(name) for name in sheet.dialect.names]
    except GatewiseError:
        return []


def _refusal(error: GatewiseError, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return why a table is refused: the sentence, the row that it names, and the columns to choose among."""
    found = _ROW.search(str(error))
    return {
        "error": str(error),
        "row": int(found[1].replace(",", "")) if found else None,
        "names": _column_names(asked),
    }


def _suggested(table: "SeriesTable") -> int:
    """Return a horizon to begin with: a season, but no more than a quarter of the shortest series."""
    from gatewise.forecasting.panel import usual_season

    season = usual_season(table.frequency)
    usual = season if 1 < season <= _LONGEST_SUGGESTED else _USUAL_HORIZON
    return max(1, min(2 * usual if usual < 6 else usual, int(table.lengths.min()) // 4))


def _shown(table: "SeriesTable", place: int) -> dict[str, Any]:
    one = next(iter(table.select([place])))
    return {
        "id": str(one.id),
        "length": len(one.values),
        "times": _texts(one.times[-MOST_VALUES:]),
        "values": _numbers(one.values[-MOST_VALUES:]),
    }


def _texts(times: np.ndarray) -> list[Any]:
    from gatewise.report.fan_figures import moments

    return moments(times)


def _numbers(values: Any) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in np.asarray(values, np.float64).tolist()]
