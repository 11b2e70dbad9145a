"""The plots of the page on recipes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from gatewise.datasets import load_airline
from gatewise.recipes import RecipeResult
from gatewise.report.traces import Figure, band, layout, line, marks, numbers, plain, rounded


def distribution(results: Sequence[RecipeResult]) -> Figure:
    """Return the test RMSE of every member of every recipe, with persistence and the published values."""
    names = [result.recipe.name for result in results]
    boxes = [
        {
            "type": "box",
            "orientation": "h",
            "name": result.recipe.name,
            "x": numbers(result.test.rmse[np.isfinite(result.test.rmse)]),
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
    beside = [
        marks("persistence", "line-ns-open", "var(--test)", [result.test.persistence for result in results], names),
        marks("published", "diamond", "var(--ink)", [result.recipe.published_test for result in results], names),
    ]
    shape = layout("test RMSE", "")
    shape["yaxis"].update(autorange="reversed", automargin=True, showgrid=False)
    shape["hovermode"] = "closest"
    # One outlying seed must not squeeze everything else: the axis ends where 99 % of the seeds do.
    everything = np.concatenate([result.test.rmse[np.isfinite(result.test.rmse)] for result in results])
    if len(everything):
        shape["xaxis"]["range"] = [rounded(everything.min() * 0.95), rounded(np.quantile(everything, 0.99) * 1.05)]
    return {"data": boxes + [mark for mark in beside if mark["x"]], "layout": shape}


def fit(result: RecipeResult) -> Figure:
    """Return the series with what the members say about it, as a median line in a 5–95 % band, for both parts."""
    at: Any = _months() if _is_airline(result.values) else np.arange(len(result.values))
    traces = [line("series", plain(at), result.values, "var(--ink)")]
    for name, part, colour in (("train", result.train, "train"), ("test", result.test, "test")):
        traces += _spread(name, plain(at[part.at]), part.predictions, colour)
    return {"data": traces, "layout": layout("", "")}


def learning(result: RecipeResult) -> Figure:
    """Return the training error over the epochs, as a median line in a 5–95 % band over members."""
    epochs = np.arange(1, result.curves.shape[1] + 1)
    shape = layout("epoch", "training RMSE")
    shape["yaxis"].update(type="log", tickmode="array", tickvals=_log_ticks(result.curves))
    shape["showlegend"] = False
    return {"data": _spread("training RMSE", plain(epochs), result.curves, "train"), "layout": shape}


def _spread(name: str, x: list[Any], rows: Float[np.ndarray, "members samples"], colour: str) -> list[dict[str, Any]]:
    """Return the band from the 5 % to the 95 % line of the members that are finite, and their median."""
    finite = rows[np.isfinite(rows).all(axis=1)]
    if not len(finite):
        return []
    low, median, high = np.quantile(finite, (0.05, 0.5, 0.95), axis=0)
    edges = band(x, low, high, f"var(--{colour}-band)")
    return [*edges, line(f"{name}, median", x, median, f"var(--{colour})")]


def _log_ticks(values: Float[np.ndarray, "members epochs"]) -> list[float]:
    """Return the numbers 1, 2 and 5 of every power of ten that the values reach."""
    positive = values[np.isfinite(values) & (values > 0)]
    if not positive.size:
        return []
    first, last = (int(np.floor(np.log10(edge))) for edge in (positive.min(), positive.max()))
    return [rounded(step * 10.0**power) for power in range(first, last + 1) for step in (1, 2, 5)]


def _is_airline(values: Float[np.ndarray, " time"]) -> bool:
    return np.array_equal(values, load_airline())


def _months() -> Any:
    return np.datetime_as_string(np.arange("1949-01", "1961-01", dtype="datetime64[M]"))
