"""``gatewise inspect``: what a saved network does with a text or a series, in sentences and as a page."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from gatewise.cli.options import Debug, Force, Json, Quiet
from gatewise.errors import DataError, UsageError

if TYPE_CHECKING:
    from gatewise.inspection import Inspection

_RANKED_FROM = ("", "<start>", "<rare>", "<unused>")


class Asked(NamedTuple):
    """What was typed after ``gatewise inspect``, but for the model."""

    texts: list[str]
    csv: str | None
    column: str | None
    scale: bool
    last: int | None
    words: Path | None
    corpus: Path | None
    names: list[str] | None
    output: str | None
    series: str | None
    network: str | None


def inspect(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="The folder of a saved model, or a .keras file.")],
    text: Annotated[
        list[str] | None,
        typer.Option("--text", metavar="TEXT", help="A text to be read; given twice, both are shown side by side."),
    ] = None,
    csv: Annotated[
        str | None, typer.Option("--csv", metavar="FILE", help="A table with a series; 'airline' is the shipped one.")
    ] = None,
    column: Annotated[
        str | None, typer.Option("--column", metavar="NAME", help="The column of the series, by name or number.")
    ] = None,
    scale: Annotated[
        bool, typer.Option("--scale", help="Rescale the series to 0…1 before it is read, as the recipes do.")
    ] = False,
    last: Annotated[
        int | None, typer.Option("--last", metavar="N", help="Read the last N values of the series only.")
    ] = None,
    series: Annotated[
        str | None, typer.Option("--series", metavar="NAME", help="Of a forecaster, the series whose network is shown.")
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            "--network",
            metavar="NAME",
            help="Of a classifier or forecaster, which network is shown, by its kind or configuration, or by number.",
        ),
    ] = None,
    beside: Annotated[
        Path | None, typer.Option("--beside", metavar="MODEL", help="A second model, shown beside the first.")
    ] = None,
    words: Annotated[
        Path | None,
        typer.Option(
            "--words",
            metavar="FILE",
            help="The words of a network that reads numbers of words: a line each, the most frequent first, numbered as the "
            "movie reviews are.",
        ),
    ] = None,
    corpus: Annotated[
        Path | None,
        typer.Option("--corpus", metavar="FILE", help="Texts in which to look for what each unit is active at."),
    ] = None,
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--name", metavar="NAME", help="What an output is called; again for each of them, in their order."
        ),
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", metavar="NAME", help="Which output to look at, by name or number.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the page, an HTML file that needs nothing else.")
    ] = None,
    as_json: Json = False,
    force: Force = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Look inside a saved network while it reads a text or a series: gates, memory, what each step adds.

    The page shows what the network says after each step, every gate and state, how far back that reaches, and lets a word
    or a value be changed.

    \b
    Examples:
      gatewise inspect airline-model --csv airline --scale --out inside.html
      gatewise inspect imdb-model --text "not a bad film" --words words.txt --out inside.html
      gatewise inspect lstm-model --beside rnn-model --csv sales.csv --last 200 --out both.html
    """  # noqa: D301
    from gatewise.cli.outputs import check_files, say

    if csv is not None and text:
        raise UsageError("A model reads texts or a series: leave --text or --csv out.")
    check_files({"--out": out}, force)
    asked = Asked(text or [], csv, column, scale, last, words, corpus, names, output, series, network)
    found = [one for path in (model, beside) if path is not None for one in _inspected(path, asked)]
    if as_json:
        typer.echo(json.dumps([_plain(one) for one in found], ensure_ascii=False))
    else:
        typer.echo("\n\n".join(map(str, found)))
    if out is not None:
        from gatewise.report.inspection_page import write_inspection

        write_inspection(out, found, force)
        say(f"page: {out}", quiet)


def _inspected(path: Path, asked: Asked) -> list["Inspection"]:
    """Inspect one model while it reads what was given."""
    from gatewise.artifact import read_kind
    from gatewise.training.saving import from_keras, load

    if path.suffix == ".keras":
        return _network(from_keras(path), asked)
    kind = read_kind(path)
    if kind not in _BY_KIND:
        raise UsageError(
            f"{str(path)!r} is of the kind {kind!r}, and gatewise inspect takes {' or '.join(map(repr, _BY_KIND))}."
        )
    if kind == "model":
        return _network(load(path), asked)
    if kind == "ensemble":
        return _network(load(path).member(0), asked)
    return _BY_KIND[kind](path, asked)


def _classifier(path: Path, asked: Asked) -> list["Inspection"]:
    """Inspect a saved classifier."""
    from gatewise.classification import TextClassifier
    from gatewise.inspection import inspect as look

    if not asked.texts or asked.words is not None:
        raise UsageError(f"{str(path)!r} is a classifier, which has its own words: give --text TEXT alone.")
    classifier = TextClassifier.load(path)
    corpus = None if asked.corpus is None else _texts(asked.corpus)
    options: dict[str, Any] = {"output": asked.output, "network": _number(asked.network)}
    return [look(classifier, text, corpus=corpus, **options) for text in asked.texts]


def _forecaster(path: Path, asked: Asked) -> list["Inspection"]:
    """Inspect a saved forecaster."""
    from gatewise.forecasting.forecaster import Forecaster
    from gatewise.inspection import inspect as look

    if asked.texts or asked.csv is not None:
        raise UsageError(f"{str(path)!r} is a forecaster, which has its own series: name one with --series.")
    options: dict[str, Any] = {"output": _number(asked.output), "network": _number(asked.network)}
    return [look(Forecaster.load(path), asked.series, **options)]


def _network(model: Any, asked: Asked) -> list["Inspection"]:
    """Inspect a Keras model."""
    from gatewise.inspection import inspect as look

    options: dict[str, Any] = {
        "names": asked.names,
        "output": _number(asked.output),
        "network": _number(asked.network),
    }
    if asked.csv is not None:
        return [look(model, _series(asked), **options)]
    if not asked.texts:
        raise UsageError("Give what the model is to read: --text TEXT, or --csv FILE.")
    table, ranked = _words(asked)
    most = min(len(table), _rows(model))
    corpus = None if asked.corpus is None else [_numbers(ranked, one, most, model) for one in _texts(asked.corpus)]
    return [
        look(model, _numbers(ranked, text, most, model), corpus=corpus, words=table[:most], **options)
        for text in asked.texts
    ]


def _number(text: str | None) -> Any:
    """Return what was typed, a number as a number."""
    return int(text) if text is not None and text.isdigit() else text


def _series(asked: Asked) -> Any:
    """Return the series that was asked for."""
    from gatewise.datasets import load_airline
    from gatewise.tables import read_values

    if asked.words is not None or asked.corpus is not None:
        raise UsageError("--words and --corpus are about texts: leave them out, or give --text.")
    values = load_airline() if asked.csv == "airline" else read_values(asked.csv or "", asked.column).values
    if asked.scale:
        low, high = values.min(), values.max()
        if low == high:
            raise DataError("All values of the series are the same, so they cannot be rescaled: leave --scale out.")
        values = (values - low) / (high - low)
    if asked.last is not None and asked.last < 1:
        raise UsageError(f"--last is {asked.last}: give a whole number of at least 1.")
    return values if asked.last is None else values[-asked.last :]


def _words(asked: Asked) -> tuple[list[str], Any]:
    """Return the word of each number, and what numbers texts."""
    from gatewise.datasets import RankedWords

    if asked.words is None:
        raise UsageError(
            "A saved Keras model does not hold the words whose numbers it reads: give them with --words, a line each."
        )
    try:
        lines = asked.words.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{str(asked.words)!r} is not in UTF-8: write it again in that encoding.") from error
    return [*_RANKED_FROM, *lines], RankedWords(tuple(lines))


def _rows(model: Any) -> int:
    """Return how many words a model knows."""
    return int(getattr(model.layers[0], "input_dim", 0)) if model.layers else 0


def _numbers(ranked: Any, text: str, most: int, model: Any) -> Any:
    """Return the numbers of a text's words; of a text longer than the model reads, the last ones, as in the recipes."""
    if not text.strip():
        raise DataError("The text is empty: give at least one word.")
    numbers = ranked.encode([text], num_words=max(most, 4)).ids
    length = model.inputs[0].shape[1]
    return numbers if length is None else numbers[-length:]


def _texts(path: Path) -> list[str]:
    """Return the first texts of a file."""
    from gatewise.datasets import read_texts
    from gatewise.inspection.snippets import MOST_SEQUENCES

    return [text for text in read_texts(path).texts if text.strip()][:MOST_SEQUENCES]


def _plain(found: "Inspection") -> dict[str, Any]:
    """Return an inspection as JSON has it, without the gates."""
    attribution = found.attribution
    return {
        "model": found.name,
        "sentences": list(found.sentences),
        "score": found.said,
        "reach": found.reach,
        "completeness_error": attribution.completeness_error,
        "steps": [
            {
                "step": step,
                "says": says,
                "score": score,
                "integrated_gradients": integrated,
                "gradient_x_input": gradient,
                "occlusion": occlusion,
            }
            for step, says, score, integrated, gradient, occlusion in zip(
                found.steps,
                found.running.tolist(),
                found.scores.tolist(),
                attribution.integrated.tolist(),
                attribution.gradient.tolist(),
                attribution.occlusion.tolist(),
                strict=True,
            )
        ],
    }


# What inspects a saved model, by the kind in its manifest; a Keras model is loaded by the caller.
_BY_KIND: dict[str, Any] = {
    "model": _network,
    "ensemble": _network,
    "text-classifier": _classifier,
    "forecaster": _forecaster,
}
