"""The page on a classifier: what it is worth, class by class, how far its probabilities can be trusted, where it is wrong."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gatewise.classification.assessment import TRAINING, Assessment, Mistake
from gatewise.classification.explanation import Explanation
from gatewise.recipes.wording import NOTHING, Heading
from gatewise.report import classification_figures as figures
from gatewise.report.page import render
from gatewise.report.traces import Figure
from gatewise.report.writing import write_text
from gatewise.version import __version__

_LONGEST_SHOWN = 400
_STRONGEST = 0.55

PARTS = (
    Heading("", "The classifier, or one of its parts alone."),
    Heading("accuracy %", "Share of the texts whose classes are all right."),
    Heading("95 % interval", "Within which the accuracy is, by Wilson's interval."),
    Heading("log loss", "Mean of minus the logarithm of the probability of what is true, in nats."),
    Heading("calibration error %", "How far probabilities and what comes true are apart, in the mean over 15 bins."),
)
CLASSES = (
    Heading("class", "As it is named in the data."),
    Heading("texts", "How many texts have it."),
    Heading("precision %", "Share of the texts given the class that have it."),
    Heading("recall %", "Share of the texts with the class that were given it."),
    Heading("F1 %", "Harmonic mean of the two."),
)


def write_classification(
    assessment: Assessment, path: str | Path, about_data: Sequence[str] = (), force: bool = False
) -> None:
    """Write the report on a classifier.

    Args:
        assessment: What it is worth, from `gatewise.classification.assess`.
        path: The HTML file.
        about_data: What was found out about the texts, as `Corpus.notes`.
        force: Whether the file may exist and be overwritten.

    Raises:
        UsageError: The file exists and `force` is not given, or the path is a folder.
        EnvironmentFault: The file cannot be written.
    """
    write_text(path, classification_page(assessment, about_data), force)


def classification_page(assessment: Assessment, about_data: Sequence[str] = ()) -> str:
    """Return the report as HTML; see `write_classification`."""
    roc, precision = figures.curves(assessment)
    shown: dict[str, Figure] = {
        "roc": roc,
        "precision": precision,
        "reliability": figures.reliability(assessment),
        "lengths": figures.groups(assessment.by_length, "tokens of a text"),
        "unknown": figures.groups(assessment.by_unknown, "unknown tokens, %", 100),
    }
    confusion = figures.confusion(assessment)
    if confusion is not None:
        shown["confusion"] = confusion
    if assessment.curves_of_networks:
        shown["learning"] = figures.learning(assessment.curves_of_networks)
    first, *others = assessment.conclusion()
    return render(
        "classification.html",
        shown,
        part=assessment.part,
        learnt_from=assessment.part == TRAINING,
        classes=len(assessment.classes),
        conclusion=first,
        sentences=others,
        parts=PARTS,
        part_rows=[_part_row(name, one) for name, one in assessment.scores.items()],
        class_headings=CLASSES,
        class_rows=_class_rows(assessment),
        confusion_height=160 + 28 * len(assessment.classes),
        error=f"{100 * assessment.scores['combined'].calibration_error:.2f}",
        mistakes=[_mistake(one) for one in assessment.mistakes],
        seconds={name: f"{value:.1f} s" for name, value in assessment.seconds.items()},
        notes=[*about_data, *assessment.notes],
        shown=sorted(shown),
        version=__version__,
    )


def _part_row(name: str, one: Any) -> list[str]:
    low, high = one.interval
    return [
        name,
        f"{100 * one.accuracy:.2f}",
        f"{100 * low:.2f}–{100 * high:.2f}",
        f"{one.log_loss:.4f}",
        f"{100 * one.calibration_error:.2f}",
    ]


def _class_rows(assessment: Assessment) -> list[list[str]]:
    scores = assessment.of_classes
    rows = zip(assessment.classes, scores.support, scores.precision, scores.recall, scores.f1, strict=True)
    return [[name, f"{texts:,}", *(_percent(share) for share in shares)] for name, texts, *shares in rows]


def _percent(share: float) -> str:
    return f"{100 * share:.2f}" if np.isfinite(share) else NOTHING


def _mistake(one: Mistake) -> dict[str, Any]:
    return {
        "row": f"{one.row:,}",
        "truth": ", ".join(one.truth) or "none",
        "given": ", ".join(one.given) or "none",
        "sure": f"{100 * one.probability:.1f}",
        "explained": one.explanation.classes[one.explanation.explained],
        "tokens": _tokens(one.explanation),
        "more": max(len(one.explanation.tokens) - _LONGEST_SHOWN, 0),
    }


def _tokens(explanation: Explanation) -> list[dict[str, Any]]:
    """Return tokens with their colour: how strongly, and whether for the class that is explained."""
    gradient = explanation.gradient
    tokens = []
    for place, (token, shade) in enumerate(zip(explanation.tokens, explanation.shades.tolist(), strict=True)):
        numbers = [] if gradient is None else [f"gradient {gradient[place]:+.2f}"]
        numbers.append(f"occlusion {explanation.occlusion[place]:+.2f}")
        tokens.append(
            {
                "text": token,
                "side": "for" if shade > 0 else "against",
                "strength": f"{abs(shade) * _STRONGEST:.2f}",
                "known": bool(explanation.known[place]),
                "title": ", ".join(numbers),
            }
        )
    return tokens[:_LONGEST_SHOWN]
