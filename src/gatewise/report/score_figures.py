"""Plots of out-of-fold errors: by step of the horizon, against what intervals promise, and as residuals."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float64

from gatewise.report.out_of_fold import OutOfFold
from gatewise.report.residuals import Autocorrelation
from gatewise.report.traces import Figure, layout, line, name_of, numbers, plain, rounded


def by_horizon(curves: Mapping[str, Float64[np.ndarray, " horizon"]], title: str) -> Figure:
    """Return the error of each method at each step; the first method is gatewise's."""
    traces = []
    for place, (name, curve) in enumerate(curves.items()):
        colour = "var(--train)" if place == 0 else f"var(--line-{(place - 1) % 8 + 1})"
        style = {"width": 3} if place == 0 else {"dash": ("solid", "dash", "dot", "dashdot")[(place - 1) // 2 % 4]}
        trace = line(name, plain(np.arange(1, len(curve) + 1)), curve, colour, **style)
        traces.append({**trace, "mode": "lines+markers", "marker": {"size": 4}})
    shape = layout("steps ahead", title)
    shape["xaxis"]["tickformat"] = "d"
    return {"data": traces, "layout": shape}


def coverage(rows: OutOfFold) -> Figure:
    """Return the share of values inside of each interval, at each step, beside what the level promises."""
    traces = []
    steps = plain(np.arange(1, rows.horizon + 1))
    for place, level in enumerate(rows.bounds):
        colour = "var(--train)" if place == 0 else f"var(--line-{place})"
        share = 100 * rows.by_step(rows.held(level))
        trace = line(f"{level:g} % held", steps, share, colour)
        traces.append({**trace, "mode": "lines+markers", "marker": {"size": 4}})
        promise = line(f"{level:g} % promised", steps, np.full(len(steps), level), colour, dash="dot", width=1)
        traces.append({**promise, "showlegend": False})
    shape = layout("steps ahead", "% of values inside")
    shape["yaxis"]["range"] = [0, 103]
    shape["xaxis"]["tickformat"] = "d"
    return {"data": traces, "layout": shape}


def histogram(residuals: Float64[np.ndarray, " known"]) -> Figure:
    """Return how the errors are spread, beside the normal curve of the same mean and deviation."""
    low, high = np.quantile(residuals, (0.001, 0.999))
    edges = np.linspace(low, max(high, low + 1e-9), int(np.clip(np.sqrt(len(residuals)), 8, 60)) + 1)
    counts, _ = np.histogram(np.clip(residuals, low, high), edges)
    width = edges[1] - edges[0]
    middle = (edges[:-1] + edges[1:]) / 2
    mean, deviation = residuals.mean(), max(residuals.std(), 1e-12)
    normal = np.exp(-0.5 * ((middle - mean) / deviation) ** 2) / (deviation * np.sqrt(2 * np.pi))
    bars = {
        "type": "bar",
        "name": "errors",
        "x": numbers(middle),
        "y": numbers(counts / (len(residuals) * width)),
        "width": rounded(width),
        "marker": {"color": "var(--train-band)", "line": {"color": "var(--train)", "width": 1}},
    }
    shape = layout("error / its series' RMSE (actual − forecast)", "density")
    return {"data": [bars, line("normal curve", numbers(middle), normal, "var(--line-1)")], "layout": shape}


def dependence(found: Autocorrelation) -> Figure:
    """Return how errors depend on those before, with the lines that chance seldom crosses."""
    lags = plain(found.lags)
    bars = {
        "type": "bar",
        "name": "correlation",
        "x": lags,
        "y": numbers(found.values),
        "width": 0.4,
        "marker": {"color": "var(--train)"},
    }
    edges = [line("95 % by chance", lags, sign * found.edge, "var(--line-1)", dash="dot") for sign in (1, -1)]
    shape = layout("cutoffs apart", "correlation")
    largest = float(max(np.abs(found.values).max(), found.edge.max()))
    shape["yaxis"]["range"] = [rounded(-1.1 * largest), rounded(1.1 * largest)]
    return {"data": [bars, edges[0], {**edges[1], "showlegend": False}], "layout": shape}


def places(names: list[str], shares: Float64[np.ndarray, " bins"], promised: Float64[np.ndarray, " bins"]) -> Figure:
    """Return the share of values in each stretch between the bounds, beside what was promised."""
    bars = {
        "type": "bar",
        "name": "happened",
        "x": [name_of(name) for name in names],
        "y": numbers(100 * shares),
        "marker": {"color": "var(--train-band)", "line": {"color": "var(--train)", "width": 1}},
    }
    marks = {
        "type": "scatter",
        "mode": "markers",
        "name": "promised",
        "x": [name_of(name) for name in names],
        "y": numbers(100 * promised),
        "marker": {"symbol": "line-ew-open", "size": 22, "color": "var(--line-1)", "line": {"width": 2.5}},
    }
    shape = layout("where in its forecast distribution the value fell", "% of values")
    shape["xaxis"].update(type="category", automargin=True)
    shape["xaxis"]["title"]["standoff"] = 12
    return {"data": [bars, marks], "layout": shape}
