"""Figures as plain Plotly descriptions.

Colours are names of the page's CSS variables, ``var(--train)``; the page puts in what they are in light or dark.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from gatewise.datasets import load_airline
from gatewise.recipes import RecipeResult

Figure = dict[str, Any]


def distribution(results: Sequence[RecipeResult]) -> Figure:
    """Return the test RMSE of every member of every recipe, with persistence and the published values."""
    names = [result.recipe.name for result in results]
    boxes = [
        {
            "type": "box",
            "orientation": "h",
            "name": result.recipe.name,
            "x": _list(result.test.rmse[np.isfinite(result.test.rmse)]),
            "y": [result.recipe.name] * int(np.isfinite(result.test.rmse).sum()),
            "boxpoints": "all",
            "jitter": 0.6,
            "pointpos": 0,
            "line": {"color": "var(--train)", "width": 1},
            "marker": {"color": "var(--train)", "size": 3, "opacity": 0.5},
            "fillcolor": "var(--train-band)",
            "showlegend": False,
        }
        for result in results
    ]
    marks = [
        _marks("persistence", "line-ns-open", "var(--test)", [result.test.persistence for result in results], names),
        _marks("published", "diamond", "var(--ink)", [result.recipe.published_test for result in results], names),
    ]
    layout = _layout("test RMSE", "")
    layout["yaxis"].update(autorange="reversed", automargin=True, showgrid=False)
    layout["hovermode"] = "closest"
    # One outlying seed must not squeeze everything else: the axis ends where 99 % of the seeds do.
    everything = np.concatenate([result.test.rmse[np.isfinite(result.test.rmse)] for result in results])
    if len(everything):
        layout["xaxis"]["range"] = [_round(everything.min() * 0.95), _round(np.quantile(everything, 0.99) * 1.05)]
    return {"data": boxes + [mark for mark in marks if mark["x"]], "layout": layout}


def fit(result: RecipeResult) -> Figure:
    """Return the series with what the members say about it, as a median line in a 5–95 % band, for both parts."""
    at: Any = _months() if _is_airline(result.values) else np.arange(len(result.values))
    traces = [_line("series", _plain(at), result.values, "var(--ink)")]
    for name, part, colour in (("train", result.train, "train"), ("test", result.test, "test")):
        traces += _band(name, _plain(at[part.at]), part.predictions, colour)
    return {"data": traces, "layout": _layout("", "")}


def learning(result: RecipeResult) -> Figure:
    """Return the training error over the epochs, as a median line in a 5–95 % band over members."""
    epochs = np.arange(1, result.curves.shape[1] + 1)
    layout = _layout("epoch", "training RMSE")
    layout["yaxis"].update(type="log", tickmode="array", tickvals=_log_ticks(result.curves))
    layout["showlegend"] = False
    return {"data": _band("training RMSE", _plain(epochs), result.curves, "train"), "layout": layout}


def _band(name: str, x: list[Any], rows: Float[np.ndarray, "members samples"], colour: str) -> list[dict[str, Any]]:
    """Return traces of the 5 % line, the 95 % line with the band below it, and the median."""
    finite = rows[np.isfinite(rows).all(axis=1)]
    if not len(finite):
        return []
    low, median, high = np.quantile(finite, (0.05, 0.5, 0.95), axis=0)
    edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False, "type": "scatter", "x": x}
    return [
        {**edge, "y": _list(low)},
        {**edge, "y": _list(high), "fill": "tonexty", "fillcolor": f"var(--{colour}-band)"},
        _line(f"{name}, median", x, median, f"var(--{colour})"),
    ]


def _line(name: str, x: list[Any], y: Float[np.ndarray, " samples"], colour: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": x,
        "y": _list(y),
        "line": {"color": colour, "width": 1.5},
    }


def _marks(name: str, symbol: str, colour: str, x: Sequence[float | None], y: Sequence[str]) -> dict[str, Any]:
    pairs = [(value, label) for value, label in zip(x, y, strict=True) if value is not None]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [_round(value) for value, _ in pairs],
        "y": [label for _, label in pairs],
        "marker": {
            "symbol": symbol,
            "color": colour,
            "size": 12 if symbol.startswith("line") else 9,
            "line": {"width": 2},
        },
    }


def _layout(x_title: str, y_title: str) -> dict[str, Any]:
    axis = {"gridcolor": "var(--grid)", "zerolinecolor": "var(--grid)", "linecolor": "var(--grid)"}
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": "var(--ink)", "size": 12, "family": "system-ui, sans-serif"},
        "margin": {"l": 48, "r": 12, "t": 8, "b": 40},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        "hovermode": "x unified",
        "hoverlabel": {"bgcolor": "var(--paper)", "bordercolor": "var(--grid)"},
        "xaxis": {**axis, "title": {"text": x_title}},
        "yaxis": {**axis, "title": {"text": y_title}},
    }


def _log_ticks(values: Float[np.ndarray, "members epochs"]) -> list[float]:
    """Return the numbers 1, 2 and 5 of every power of ten that the values reach."""
    positive = values[np.isfinite(values) & (values > 0)]
    if not positive.size:
        return []
    first, last = (int(np.floor(np.log10(edge))) for edge in (positive.min(), positive.max()))
    return [_round(step * 10.0**power) for power in range(first, last + 1) for step in (1, 2, 5)]


def _is_airline(values: Float[np.ndarray, " time"]) -> bool:
    return np.array_equal(values, load_airline())


def _months() -> Any:
    return np.datetime_as_string(np.arange("1949-01", "1961-01", dtype="datetime64[M]"))


def _plain(array: Any) -> list[Any]:
    return list(array.tolist())


def _list(array: Float[np.ndarray, " samples"]) -> list[float]:
    return [_round(value) for value in array.tolist()]


def _round(value: float) -> float:
    """Return a number with the digits that a plot can show."""
    return float(f"{value:.5g}")
