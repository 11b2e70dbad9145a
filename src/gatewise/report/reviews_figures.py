"""The plots of the page on review recipes."""

from collections.abc import Sequence

import numpy as np

from gatewise.recipes import ReviewResult
from gatewise.report.traces import Figure, layout, line, marks, plain, rounded


def accuracies(results: Sequence[ReviewResult]) -> Figure:
    """Return the accuracy of every member of every recipe, with the published values and the best linear model."""
    names = [label(result) for result in results]
    members = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": "a seed",
            "x": [rounded(100 * value) for value in result.accuracy.tolist()],
            "y": [name] * len(result.members),
            "marker": {"color": "var(--train)", "size": 8, "opacity": 0.6},
            "showlegend": not place,
        }
        for place, (result, name) in enumerate(zip(results, names, strict=True))
    ]
    published = [one.recipe.published and 100 * one.recipe.published for one in results]
    linear = [None if one.best_linear is None else 100 * one.best_linear.accuracy for one in results]
    beside = [
        marks("best linear model", "line-ns-open", "var(--test)", linear, names),
        marks("published", "diamond", "var(--ink)", published, names),
    ]
    shape = layout("test accuracy, %", "")
    shape["yaxis"].update(autorange="reversed", automargin=True, showgrid=False)
    shape["hovermode"] = "closest"
    return {"data": members + [mark for mark in beside if mark["x"]], "layout": shape}


def learning(result: ReviewResult) -> Figure:
    """Return the loss of the training reviews over the epochs, a line for each member."""
    epochs = plain(np.arange(1, result.recipe.epochs + 1))
    shape = layout("epoch", "training crossentropy")
    shape["showlegend"] = False
    shape["xaxis"].update(dtick=1)
    lines = [
        line(f"seed {number}", epochs, np.array(one.loss), "var(--train)", width=1)
        for number, one in enumerate(result.members)
    ]
    return {"data": lines, "layout": shape}


def label(result: ReviewResult) -> str:
    """Return what a result is called in plots: its recipe, and how many reviews it was trained with."""
    return f"{result.recipe.name}, {result.sizes[0]:,}"
