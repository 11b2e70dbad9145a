"""What can be typed about a classifier that is to be trained, and the `TextClassifier` that it asks for."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from gatewise.errors import UsageError

if TYPE_CHECKING:
    from gatewise.classification import TextClassifier


class CalibrationMethod(StrEnum):
    """How probabilities are made."""

    temperature = "temperature"
    isotonic = "isotonic"
    none = "none"


Networks = Annotated[
    list[str] | None,
    typer.Option(
        "--network",
        metavar="NAME",
        help="lstm, gru, rnn, cnn, or a recipe such as imdb-lstm; again for several, which take turns; none for the linear "
        "model alone. Default: lstm and cnn.",
    ),
]
Vectors = Annotated[
    Path | None,
    typer.Option(
        "--vectors",
        metavar="FILE",
        help="A text file in the format of GloVe or word2vec; the embeddings of lstm, gru, rnn and cnn begin with it.",
    ),
]
Minutes = Annotated[
    float,
    typer.Option(
        "--minutes",
        metavar="N",
        help="How long training may take; the first network is always trained, however long it takes.",
    ),
]
NetworkOnly = Annotated[
    bool, typer.Option("--network-only", help="Ask the networks alone, not the linear model beside them.")
]
Refit = Annotated[
    bool,
    typer.Option(
        "--refit",
        help="Train each network once more at the end, on all texts: half as many in the same time. Figures of texts held out "
        "are of the networks before.",
    ),
]
Calibrated = Annotated[
    CalibrationMethod,
    typer.Option("--calibration", help="How probabilities are made; isotonic needs a thousand texts."),
]
Threshold = Annotated[
    str,
    typer.Option(
        "--threshold",
        metavar="half|f1|P",
        help="From which probability on a class is given: of two classes the second, of several labels each. f1: the one that "
        "is best for F1 on texts held out.",
    ),
]
Balanced = Annotated[bool, typer.Option("--balanced", help="Let rare classes count as much as frequent ones.")]
ClassWeight = Annotated[
    list[str] | None,
    typer.Option(
        "--class-weight", metavar="LABEL=NUMBER", help="How much a class counts, others 1; again for another."
    ),
]
MinTexts = Annotated[
    int,
    typer.Option(
        "--min-texts",
        metavar="N",
        help="In how many training texts a run of words has to be, and how often a word, to be known.",
    ),
]


class ClassifierTyped(NamedTuple):
    """What was typed, under the names of the options."""

    network: list[str] | None
    vectors: Path | None
    minutes: float
    network_only: bool
    refit: bool
    calibration: str
    threshold: str
    balanced: bool
    class_weight: list[str] | None
    min_texts: int
    seed: int


def asked_for(typed: ClassifierTyped) -> "TextClassifier":
    """Return the classifier that was asked for.

    Raises:
        UsageError: Something that was typed cannot be meant.
    """
    from gatewise.classification import Calibration, Linear, TextClassifier, Validation

    method: Any = None if typed.calibration == "none" else typed.calibration
    return TextClassifier(
        network=_network(typed),
        minutes=typed.minutes,
        network_only=typed.network_only,
        linear=Linear(min_texts=typed.min_texts),
        validation=Validation(refit=typed.refit),
        class_weight=_weights(typed.class_weight, typed.balanced),
        calibration=Calibration(method, _threshold(typed.threshold)),
        seed=typed.seed,
    )


def _network(typed: ClassifierTyped) -> Any:
    names: Any = typed.network
    if names and "none" in names:
        if len(names) > 1:
            raise UsageError("--network none stands for the linear model alone: leave it out, or the other networks.")
        names = ()
    if typed.vectors is None:
        return names or (None if names is None else ())
    from gatewise.classification.kinds import with_vectors

    return with_vectors(names, typed.vectors)


def _threshold(typed: str) -> Any:
    try:
        return float(typed)
    except ValueError:
        return typed


def _weights(typed: list[str] | None, balanced: bool) -> Any:
    if not typed:
        return "balanced" if balanced else None
    if balanced:
        raise UsageError("--balanced and --class-weight both say how much classes count: leave one out.")
    found = {}
    for one in typed:
        # A label may hold the sign itself; a number does not.
        label, sign, number = one.rpartition("=")
        try:
            found[label] = float(number)
        except ValueError:
            sign = ""
        if not sign or not label:
            raise UsageError(f"--class-weight is {one!r}: write LABEL=NUMBER, such as urgent=5.")
    return found
