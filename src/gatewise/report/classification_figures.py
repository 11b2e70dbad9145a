"""The plots of the page on a classifier. Names of classes are the user's, and shown letter by letter."""

from collections.abc import Sequence

import numpy as np

from gatewise.classification.assessment import Assessment, Group
from gatewise.classification.lessons import Curves
from gatewise.report.traces import Figure, layout, line, name_of, numbers, plain

MOST_CLASSES = 30
MOST_CURVES = 8
_LONGEST_NAME = 24
# Thresholds that a curve is drawn with at most; the areas are those of all.
_MOST_POINTS = 400
_COLOURS = ("var(--train)", *(f"var(--line-{number})" for number in range(1, 8)))


def confusion(assessment: Assessment) -> Figure | None:
    """Return how many texts of each class were given each class; None where that is no matrix, or too large a one."""
    counts = assessment.confusion
    if counts is None or len(counts) > MOST_CLASSES:
        return None
    names = [short_name(name) for name in assessment.classes]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shape = layout("given", "true")
    # Axes of categories: names that look like numbers or dates stay names.
    shape["xaxis"].update(type="category", automargin=True, showgrid=False)
    shape["yaxis"].update(type="category", autorange="reversed", automargin=True, showgrid=False)
    shape["hovermode"] = "closest"
    heat = {
        "type": "heatmap",
        "x": names,
        "y": names,
        "z": [numbers(row) for row in shares],
        "text": [[f"{value:,}" for value in row] for row in plain(counts)],
        "texttemplate": "%{text}" if len(counts) <= MOST_CLASSES // 2 else "",
        "hovertemplate": "%{y}, given %{x}: %{text}<extra></extra>",
        "colorscale": [[0, "rgba(31, 111, 235, 0)"], [1, "rgba(31, 111, 235, .8)"]],
        "zmin": 0,
        "zmax": 1,
        "showscale": False,
    }
    return {"data": [heat], "layout": shape}


def curves(assessment: Assessment) -> tuple[Figure, Figure]:
    """Return hits against false alarms, and precision against recall, of the classes with the most texts."""
    roc, precision = layout("false alarms", "hits"), layout("recall", "precision")
    for shape in (roc, precision):
        shape["xaxis"].update(range=[0, 1])
        shape["yaxis"].update(range=[0, 1.02])
        shape["hovermode"] = "closest"
        shape["showlegend"] = True
    shown: tuple[list[dict[str, object]], list[dict[str, object]]] = ([], [])
    for place, colour in zip(_shown(assessment), _COLOURS, strict=False):
        name = short_name(assessment.classes[place], escaped=False)
        for traces, curve, area in zip(shown, assessment.curves(place), ("AUC", "AP"), strict=True):
            kept = np.unique(np.linspace(0, len(curve.x) - 1, min(len(curve.x), _MOST_POINTS)).astype(int))
            title = f"{name}, {area} {curve.area:.4f}"
            traces.append(line(title, numbers(curve.x[kept]), curve.y[kept], colour))
    chance = line("guessing", [0, 1], np.array([0.0, 1.0]), "var(--soft)", dash="dot")
    return {"data": [*shown[0], chance], "layout": roc}, {"data": shown[1], "layout": precision}


def reliability(assessment: Assessment) -> Figure:
    """Return how often what had a probability came true, and how many there were of each probability."""
    found = assessment.reliability
    there = found.counts > 0
    shape = layout("probability", "share that is true")
    shape["xaxis"].update(range=[0, 1])
    shape["yaxis"].update(range=[0, 1.02])
    shape["yaxis2"] = {
        "overlaying": "y",
        "side": "right",
        "showgrid": False,
        "title": {"text": "how many"},
        "rangemode": "tozero",
    }
    shape["margin"]["r"] = 48
    middles = (np.arange(len(found.counts)) + 0.5) / len(found.counts)
    bars = {
        "type": "bar",
        "name": "how many",
        "x": numbers(middles),
        "y": plain(found.counts),
        "yaxis": "y2",
        "marker": {"color": "var(--train-band)"},
    }
    points = line("share that is true", numbers(found.predicted[there]), found.observed[there], "var(--train)")
    points["mode"] = "lines+markers"
    exact = line("exact", [0, 1], np.array([0.0, 1.0]), "var(--soft)", dash="dot")
    return {"data": [bars, exact, points], "layout": shape}


def groups(found: list[Group], what: str, scale: float = 1.0) -> Figure:
    """Return the accuracy of texts that are alike in something, with its intervals."""
    shape = layout(what, "accuracy, %")
    shape["showlegend"] = False
    shape["xaxis"].update(type="category")
    names = [_range(one.low * scale, one.high * scale) for one in found]
    accuracy = 100 * np.array([one.accuracy for one in found])
    low, high = (100 * np.array([one.interval[side] for one in found]) for side in (0, 1))
    points = {
        "type": "scatter",
        "mode": "markers",
        "x": names,
        "y": numbers(accuracy),
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": numbers(high - accuracy),
            "arrayminus": numbers(accuracy - low),
            "color": "var(--train)",
        },
        "marker": {"color": "var(--train)", "size": 8},
        "text": [f"{one.texts:,} texts" for one in found],
        "hovertemplate": "%{x}: %{y} %, %{text}<extra></extra>",
    }
    return {"data": [points], "layout": shape}


def learning(curves: Sequence[Curves]) -> Figure:
    """Return the loss of each network over its epochs, of the texts it learnt from and of others, and what it had right."""
    shape = layout("epoch", "loss")
    shape["xaxis"].update(dtick=1 if max(len(one.losses) for one in curves) <= 12 else None)
    shape["yaxis2"] = {"title": {"text": "held out, right %"}, "overlaying": "y", "side": "right", "showgrid": False}
    shown: tuple[tuple[str, str, int, str, dict[str, str]], ...] = (
        ("training loss", "losses", 1, "var(--train)", {}),
        ("held-out loss", "held_out_losses", 1, "var(--test)", {}),
        ("held-out, right %", "held_out_accuracies", 100, "var(--test)", {"dash": "dot"}),
    )
    lines = []
    for what, field, times, colour, style in shown:
        for number, one in enumerate(curves):
            values = times * np.array(getattr(one, field))
            if len(values):
                drawn = line(what, plain(np.arange(1, len(values) + 1)), values, colour, width=1, **style)
                drawn.update(showlegend=not number, legendgroup=what, yaxis="y2" if times > 1 else "y")
                lines.append(drawn)
    return {"data": lines, "layout": shape}


def short_name(name: str, escaped: bool = True) -> str:
    """Return a class's name as plots show it."""
    cut = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
    return name_of(cut) if escaped else cut


def _shown(assessment: Assessment) -> list[int]:
    """Return which classes have curves: of two that exclude each other the second, else those with the most texts."""
    if len(assessment.classes) == 2 and not assessment.found.several:
        return [1]
    return [int(place) for place in np.argsort(-assessment.of_classes.support, kind="stable")[:MOST_CURVES]]


def _range(low: float, high: float) -> str:
    """Return a group's name."""
    texts = [f"{value:,.0f}" if float(value).is_integer() else f"{value:.2f}" for value in (low, high)]
    return texts[0] if texts[0] == texts[1] else f"{texts[0]} – {texts[1]}"
