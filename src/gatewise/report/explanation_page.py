"""The teaching page: a cell unrolled over two years of passengers, forward equation by equation and backward through time."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gatewise.inspection.teaching import CELLS, Lesson
from gatewise.report.explanation_words import words_of
from gatewise.report.page import render
from gatewise.report.writing import write_text
from gatewise.version import __version__

# Of each cell the equations in the order in which they are computed: what comes out, and how it is written. What follows a low
# line is written low, and what has a prime is new.
EQUATIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "rnn": (("h", "h′ = tanh(W·x + U·h + b)"),),
    "lstm": (
        ("input", "i = σ(W_i·x + U_i·h + b_i)"),
        ("forget", "f = σ(W_f·x + U_f·h + b_f)"),
        ("cell", "g = tanh(W_g·x + U_g·h + b_g)"),
        ("output", "o = σ(W_o·x + U_o·h + b_o)"),
        ("c", "c′ = f·c + i·g"),
        ("h", "h′ = o·tanh(c′)"),
    ),
    "gru": (
        ("update", "z = σ(W_z·x + U_z·h + b_z)"),
        ("reset", "r = σ(W_r·x + U_r·h + b_r)"),
        ("candidate", "n = tanh(W_n·x + b_n + r·(U_n·h + d_n))"),
        ("h", "h′ = z·h + (1 − z)·n"),
    ),
}


def write_explanation(
    path: str | Path, cell: str, lessons: Mapping[str, Lesson], language: str = "en", force: bool = False
) -> None:
    """Write the teaching page on a cell.

    Args:
        path: The HTML file.
        cell: ``"rnn"``, ``"lstm"`` or ``"gru"``.
        lessons: Those of all three cells.
        language: ``"en"`` or ``"zh"``.
        force: Whether the file may exist and be overwritten.

    Raises:
        UsageError: An unknown language, or the file exists and `force` is not given, or the path is a folder.
        EnvironmentFault: The file cannot be written.
    """
    write_text(path, explanation_page(cell, lessons, language), force)


def explanation_page(cell: str, lessons: Mapping[str, Lesson], language: str = "en") -> str:
    """Return the teaching page as HTML; see `write_explanation`."""
    words, lesson = words_of(language), lessons[cell]
    layer = lesson.inspection.layers[0]
    shares = {name: _decay(one) for name, one in lessons.items()}
    steps = len(lesson.passengers) - 1
    far = ", ".join(f"{name.upper()} {_share(values[-1])}" for name, values in shares.items())
    return render(
        "explanation.html",
        None,
        data={
            "cell": cell,
            "words": words,
            "equations": EQUATIONS[cell],
            "passengers": lesson.passengers.tolist(),
            "scale": lesson.scale,
            "values": {name: array.tolist() for name, array in {**layer.gates, **layer.states}.items()},
            "weights": {
                "kernel": lesson.kernel.tolist(),
                "recurrent": lesson.recurrent.tolist(),
                "bias": np.atleast_2d(lesson.bias).tolist(),
            },
            "says": (lesson.inspection.running[:, 0] * lesson.scale).tolist(),
            "decay": _decay(lesson),
            "cells": shares,
        },
        language=language,
        words=words,
        cell=cell,
        lead=words["lead"].format(months=steps),
        what=words["no-gate" if cell == "rnn" else "gate"],
        symbols=words[f"symbols-{cell}"].format(scale=f"{lesson.scale:g}"),
        left=words["left"].format(steps=steps - 1, shares=far),
        made=words["made"].format(version=__version__),
        others=words["others"].format(others=", ".join(f"gatewise explain {name}" for name in CELLS if name != cell)),
    )


def _decay(lesson: Lesson) -> list[float]:
    """Return what is left of the last output's derivative so many steps back; of an LSTM by its memory.

    The memory after the last step is where the derivative along it begins: it is there that it counts as 1.
    """
    decay: dict[str, Any] = lesson.inspection.layers[0].decay
    if "c" not in decay:
        return [float(value) for value in decay["h"][::-1]]
    back = decay["c"][::-1].astype(np.float64)
    return [1.0, *(back[1:] / back[1]).tolist()]


def _share(value: float) -> str:
    return f"{100 * value:.2g} %"
