"""``gatewise classify``: labelled texts to a classifier, its figures, its predictions, its report."""

import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gatewise.cli.classifier_options import (
    Balanced,
    Calibrated,
    CalibrationMethod,
    ClassifierTyped,
    ClassWeight,
    MinTexts,
    Minutes,
    NetworkOnly,
    Networks,
    Refit,
    Threshold,
    Vectors,
    asked_for,
)
from gatewise.cli.options import Debug, Force, Json, Quiet, Seed
from gatewise.cli.text_options import BadBytes, Bytes, TextColumn

if TYPE_CHECKING:
    from gatewise.classification import Assessment
    from gatewise.datasets import Corpus

_SHOWN_CLASSES = 20


def classify(
    train: Annotated[
        str,
        typer.Argument(
            metavar="TRAIN",
            help="CSV, TSV, JSON, Parquet or fastText lines with texts and labels, or a folder with a folder for each class.",
        ),
    ],
    test: Annotated[
        str | None,
        typer.Option("--test", metavar="FILE", help="Texts to be judged by, of the same form; never learnt from."),
    ] = None,
    text: TextColumn = None,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="NAME", help="The column of the labels; again for a column of 0 and 1 each."),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option("--group", metavar="NAME", help="A column of what belongs together, such as authors."),
    ] = None,
    separator: Annotated[
        str | None,
        typer.Option("--separator", metavar="SIGN", help="What stands between the labels of a text that has several."),
    ] = None,
    errors: BadBytes = Bytes.strict,
    minutes: Minutes = 10.0,
    network: Networks = None,
    vectors: Vectors = None,
    network_only: NetworkOnly = False,
    refit: Refit = False,
    calibration: Calibrated = CalibrationMethod.temperature,
    threshold: Threshold = "half",
    balanced: Balanced = False,
    class_weight: ClassWeight = None,
    min_texts: MinTexts = 2,
    model: Annotated[
        Path | None, typer.Option("--model", metavar="DIR", help="Save the classifier in this folder.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Write the predictions of the texts that are judged as CSV.",
        ),
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Write an HTML page about it.")
    ] = None,
    force: Force = False,
    seed: Seed = 0,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Learn to classify texts, beside a linear model, and say what that is worth.

    Without --test the texts of a test part are judged, where TRAIN has a column of parts, or else those of a validation part;
    without any parts, training texts, each by models that did not learn from it: all of them if there is time for ten rounds of
    networks, and fewer otherwise.

    \b
    Examples:
      gatewise classify reviews.csv --report reviews.html
      gatewise classify train.csv --test test.csv --model reviews-model --out predictions.csv
      gatewise classify tickets.tsv --text body --label queue --balanced --minutes 2 --json
    """  # noqa: D301
    from gatewise.artifact import check_target
    from gatewise.classification import assess
    from gatewise.cli.forecast_options import told
    from gatewise.cli.outputs import check_files, check_room, say

    check_files({"--out": out, "--report": report}, force, train)
    if model is not None:
        check_target(model, overwrite=force)
        check_room(model)
    typed = ClassifierTyped(
        network,
        vectors,
        minutes,
        network_only,
        refit,
        calibration.value,
        threshold,
        balanced,
        class_weight,
        min_texts,
        seed,
    )
    classifier = asked_for(typed)
    corpus = _read(train, test, (text, label, group, separator, errors.value))
    learnt, judged, part = _parts(corpus)
    for note in learnt.notes:
        say(f"- {note}", quiet)
    with told(quiet) as progress:
        classifier.fit(learnt, progress=progress)
    if model is not None:
        classifier.save(model, overwrite=force)
    with told(quiet) as progress:
        assessment = assess(
            classifier, learnt if judged is None else judged, held_out=judged is None, progress=progress
        )
    assessment = replace(assessment, part=part or assessment.part)
    for note in assessment.notes:
        say(f"- {note}", quiet)
    try:
        _print(assessment, as_json)
        sys.stdout.flush()
    finally:
        # Also where stdout takes no more: a reader that goes away early must not cost the files.
        _write(assessment, learnt, out, report, force)
    for what, where in (("model", model), ("predictions", out), ("report", report)):
        if where is not None:
            say(f"{what}: {where}", quiet)


def _read(train: str, test: str | None, typed: tuple[Any, ...]) -> "Corpus":
    from gatewise.datasets import read_corpus

    text, label, group, separator, errors = typed
    return read_corpus(
        train,
        label[0] if label and len(label) == 1 else label,
        text=text,
        group=group,
        test=test,
        separator=separator,
        errors=errors,
    )


def _parts(corpus: "Corpus") -> tuple["Corpus", "Corpus | None", str | None]:
    """Return the texts to learn from; those to judge by, or None, and what they are called.

    A test part is judged by, or else a validation part. Beside a test part, validation texts are learnt from: what is chosen
    here is chosen by texts held out of the training.
    """
    import numpy as np

    from gatewise.datasets.text.corpus import PARTS
    from gatewise.datasets.text.remarks import leaks
    from gatewise.tables.form import count

    if corpus.split is None or not corpus.split.any():
        return corpus, None, None
    part = PARTS[int(corpus.split.max())]
    judged = corpus.part(part)
    learnt = corpus.select(np.flatnonzero(corpus.split != corpus.split.max()))
    more = int((corpus.split == PARTS.index("validation")).sum())
    if part == "test" and more:
        together = replace(corpus, split=np.where(corpus.split == PARTS.index("test"), corpus.split, 0).astype(np.int8))
        also = "is learnt from as well" if more == 1 else "are learnt from as well"
        told = [f"{count(more, 'validation text')} {also}; the test part is judged by."]
        told += [leak for leak in leaks(together) if leak not in corpus.notes]
        learnt = replace(learnt, notes=(*corpus.notes, *told))
    return learnt, judged, f"{part} texts"


def _print(assessment: "Assessment", as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(assessment.to_json(), indent=2, allow_nan=False))
        return
    from gatewise.cli.tables import print_table

    for sentence in assessment.conclusion():
        typer.echo(sentence)
    typer.echo("")
    titles = ["", "accuracy %", "95 % interval", "log loss", "calibration error %"]
    rows = [
        [
            name,
            f"{100 * one.accuracy:.2f}",
            f"{100 * one.interval[0]:.2f}–{100 * one.interval[1]:.2f}",
            f"{one.log_loss:.4f}",
            f"{100 * one.calibration_error:.2f}",
        ]
        for name, one in assessment.scores.items()
    ]
    print_table(titles, rows)
    typer.echo("")
    each = [
        [name, str(int(support)), *(_percent(value) for value in (precision, recall, f1))]
        for name, precision, recall, f1, support in zip(assessment.classes, *assessment.of_classes, strict=True)
    ]
    print_table(["class", "texts", "precision %", "recall %", "F1 %"], each[:_SHOWN_CLASSES])
    if len(each) > _SHOWN_CLASSES:
        typer.echo(f"… and {len(each) - _SHOWN_CLASSES:,} more")


def _percent(share: float) -> str:
    return f"{100 * share:.2f}" if math.isfinite(share) else "–"


def _write(assessment: "Assessment", corpus: "Corpus", out: Path | None, report: Path | None, force: bool) -> None:
    if out is not None:
        from gatewise.cli.outputs import write_csv
        from gatewise.cli.predictions import judged

        write_csv(judged(assessment), out, force)
    if report is not None:
        from gatewise.report.classification_page import write_classification

        write_classification(assessment, report, corpus.notes, force)
