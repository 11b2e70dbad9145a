"""Plots of one series: the forecast as a fan behind its history, and what was forecast from past cutoffs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64

from gatewise.report.out_of_fold import OutOfFold
from gatewise.report.traces import Figure, band, layout, line, plain, rounded

# Seasons, or forecasts, of the past that a plot opens with; the rest is there to be scrolled to.
_OPENS_WITH = 5
_MOST_CUTOFFS = 24


def fan(
    times: np.ndarray,
    values: Float64[np.ndarray, " time"],
    ahead: np.ndarray,
    forecasts: Mapping[str, Float64[np.ndarray, " horizon"]],
    bounds: Mapping[float, tuple[Float64[np.ndarray, " horizon"], Float64[np.ndarray, " horizon"]]],
) -> Figure:
    """Return a series with its forecast and the intervals around it, wide ones behind narrow ones.

    Args:
        times: When the values are, ``(time,)``.
        values: The series, NaN where a value is missing, ``(time,)``.
        ahead: When the forecasts are, ``(horizon,)``.
        forecasts: By name; the first is the one that is forecast, others are shown thinly.
        bounds: Lower and upper bound by level.
    """
    past, future = moments(times), moments(ahead)
    traces = [
        trace
        for level in sorted(bounds, reverse=True)
        for trace in band(future, *bounds[level], "var(--train-band)", name=f"{level:g} %", showlegend=True)
    ]
    traces.append(line("series", past, values, "var(--ink)"))
    for place, (name, forecast) in enumerate(forecasts.items()):
        traces.append(line(name, future, forecast, *_style(place)) if place else _main(name, future, forecast))
    figure: Figure = {"data": traces, "layout": layout("", "")}
    shown = max(_OPENS_WITH * len(ahead), 48)
    if len(times) > shown and future:
        _open_at(figure, [past[-shown], future[-1]], values[-shown:], [*forecasts.values(), *sum(bounds.values(), ())])
    return figure


def cutoffs(times: np.ndarray, values: Float64[np.ndarray, " time"], rows: OutOfFold, series: int) -> Figure:
    """Return a series with what was forecast from past cutoffs, each forecast with its widest interval.

    Forecasts that would cover each other wait in the legend.

    Args:
        times: When the values are, ``(time,)``.
        values: The series, ``(time,)``.
        rows: The forecasts of all series.
        series: Which of them.
    """
    past = moments(times)
    of_series = np.flatnonzero(rows.series == series)
    windows = np.unique(rows.window[of_series])
    apart = _apart([rows.times[of_series[rows.window[of_series] == window]] for window in windows])
    traces: list[dict[str, Any]] = []
    seen: list[np.ndarray] = []
    for group, chosen in (("forecast", windows[apart]), ("the cutoffs between", windows[~apart])):
        for place, window in enumerate(_thinned(chosen)):
            here = of_series[rows.window[of_series] == window]
            at = moments(rows.times[here])
            legend = {"legendgroup": group, "visible": True if group == "forecast" else "legendonly"}
            if rows.bounds:
                low, high = (bound[here] for bound in rows.bounds[max(rows.bounds)])
                traces += [{**trace, **legend} for trace in band(at, low, high, "var(--train-band)")]
                seen += [low, high]
            traces.append({**_main(group, at, rows.forecasts[rows.model][here]), **legend, "showlegend": place == 0})
            seen.append(rows.forecasts[rows.model][here])
    traces.append(line("series", past, values, "var(--ink)"))
    figure: Figure = {"data": traces, "layout": layout("", "")}
    first = _first_time(rows, of_series, times)
    if first > 0 and past:
        start = max(first - 2 * rows.horizon, 0)
        _open_at(figure, [past[start], past[-1]], values[start:], seen)
    return figure


def _apart(spans: list[np.ndarray]) -> Bool[np.ndarray, " windows"]:
    """Return which forecasts to draw so that none covers another, the latest first; they are ordered by time."""
    chosen = np.zeros(len(spans), bool)
    begins = None
    for place in range(len(spans) - 1, -1, -1):
        if begins is None or spans[place].max() < begins:
            chosen[place], begins = True, spans[place].min()
    return chosen


def _thinned(windows: Int64[np.ndarray, " windows"]) -> Int64[np.ndarray, " drawn"]:
    """Return no more windows than can be told apart, spread evenly."""
    count = min(len(windows), _MOST_CUTOFFS)
    return windows[np.unique(np.linspace(0, len(windows) - 1, count).round().astype(np.int64))] if count else windows


def moments(times: np.ndarray) -> list[Any]:
    """Return times as a plot takes them: whole numbers, or dates without what they have no need of."""
    if times.dtype.kind in "iu":
        return plain(times)
    stamps = np.asarray(times, "datetime64[s]")
    days = stamps.astype("datetime64[D]")
    return plain(np.datetime_as_string(days if np.array_equal(days.astype(stamps.dtype), stamps) else stamps))


def _first_time(rows: OutOfFold, of_series: Int64[np.ndarray, " rows"], times: np.ndarray) -> int:
    """Return the place in the series of the first time that was forecast."""
    if not len(of_series):
        return 0
    return int(np.searchsorted(times, rows.times[of_series].min()))


def _main(name: str, x: list[Any], y: Float64[np.ndarray, " horizon"]) -> dict[str, Any]:
    return line(name, x, y, "var(--train)", width=2.5)


def _style(place: int) -> tuple[str]:
    return (f"var(--line-{(place - 1) % 8 + 1})",)


def _open_at(figure: Figure, span: list[Any], values: np.ndarray, others: list[np.ndarray]) -> None:
    """Let a plot open with a stretch of time, and the heights that are there."""
    everything = np.concatenate([values, *others])
    finite = everything[np.isfinite(everything)]
    figure["layout"]["xaxis"]["range"] = span
    if len(finite):
        margin = 0.05 * (finite.max() - finite.min() or abs(finite.max()) or 1.0)
        figure["layout"]["yaxis"]["range"] = [rounded(finite.min() - margin), rounded(finite.max() + margin)]
