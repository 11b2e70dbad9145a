"""What all plots are made of, as plain Plotly descriptions.

Colours are names of the page's CSS variables, ``var(--train)``; the page puts in what they are in light or dark.
"""

import html
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

Figure = dict[str, Any]


def line(name: str, x: list[Any], y: Float[np.ndarray, " points"], colour: str, **style: Any) -> dict[str, Any]:
    """Return a line; where a value is not known it has a gap.

    Args:
        name: What the legend says.
        x: Where the points are.
        y: Their height.
        colour: Any colour of CSS.
        style: What else is said of the line, such as ``dash="dot"``.
    """
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name_of(name),
        "x": x,
        "y": numbers(y),
        "line": {"color": colour, "width": 1.5, **style},
    }


def band(
    x: list[Any], low: Float[np.ndarray, " points"], high: Float[np.ndarray, " points"], colour: str, **trace: Any
) -> list[dict[str, Any]]:
    """Return traces of the lower edge, and of the upper edge with the area between them.

    Args:
        x: Where the points are.
        low: The lower edge.
        high: The upper edge.
        colour: Any colour of CSS.
        trace: What else is said of the area, such as its name.
    """
    edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False, "type": "scatter", "x": x}
    return [
        {**edge, "y": numbers(low)},
        {**edge, "y": numbers(high), "fill": "tonexty", "fillcolor": colour, **trace},
    ]


def marks(name: str, symbol: str, colour: str, x: Sequence[float | None], y: Sequence[str]) -> dict[str, Any]:
    """Return a mark for each row that has a value.

    Args:
        name: What the legend says.
        symbol: As Plotly names it.
        colour: Any colour of CSS.
        x: The values, None where a row has none.
        y: The names of the rows.
    """
    pairs = [(value, label) for value, label in zip(x, y, strict=True) if value is not None]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [rounded(value) for value, _ in pairs],
        "y": [label for _, label in pairs],
        "marker": {
            "symbol": symbol,
            "color": colour,
            "size": 12 if symbol.startswith("line") else 9,
            "line": {"width": 2},
        },
    }


def layout(x_title: str, y_title: str) -> dict[str, Any]:
    """Return how a plot is laid out, with the titles of its axes."""
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


def name_of(text: str) -> str:
    """Return a text as Plotly shows it letter by letter: it reads some of HTML, and a name is not ours."""
    return html.escape(text, quote=False)


def plain(array: Any) -> list[Any]:
    """Return an array as a list that JSON holds."""
    return list(array.tolist())


def numbers(array: Float[np.ndarray, " points"]) -> list[float | None]:
    """Return numbers with the digits that a plot can show, None where one is not finite."""
    return [rounded(value) if np.isfinite(value) else None for value in array.tolist()]


def rounded(value: float) -> float:
    """Return a number with the digits that a plot can show."""
    return float(f"{value:.5g}")
