"""What ``gatewise predict`` does with a classifier: a line out for each text that comes in."""

import json
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import typer

from gatewise.cli.predictions import columns_of, decided
from gatewise.cli.text_options import TextsTyped
from gatewise.cli.wording import without_controls
from gatewise.errors import GatewiseWarning, UsageError

if TYPE_CHECKING:
    from gatewise.classification import Explanation

_AT_ONCE = 4096


def predict_texts(model: Path, source: str, typed: TextsTyped) -> None:
    """Classify the texts of a file, or of standard input as they come.

    Args:
        model: The folder of a saved classifier.
        source: A file with a text in each line or row; ``-`` for lines of standard input.
        typed: The options.
    """
    from gatewise.classification import TextClassifier
    from gatewise.cli.outputs import say

    if typed.out is not None and (typed.as_json or typed.explain):
        raise UsageError("--out writes a table of predictions: leave --json and --explain out, or --out.")
    if typed.quick and typed.explain:
        raise UsageError("--explain asks all models about every text: leave --quick out, or --explain.")
    classifier = TextClassifier.load(model)
    names = [str(name) for name in classifier.classes_.tolist()]
    if typed.out is not None:
        _write(classifier, _all_texts(source, typed), names, typed)
        say(f"predictions: {typed.out}", typed.quiet)
        return
    plain = not typed.as_json and not typed.explain
    heading = f"A line for each text: its class, then the probabilities of {', '.join(names)}." if plain else ""
    empty, batches = 0, _batches(source, typed)
    if source != "-":
        # What cannot be read is told before there is anything to explain.
        batches = chain([next(batches, [])], batches)
    if heading:
        say(heading, typed.quiet)
    with warnings.catch_warnings():
        # Of every batch, not of the first alone, it is said how many of its texts hold nothing that is known.
        warnings.simplefilter("always", GatewiseWarning)
        for texts in batches:
            empty += sum(not text.strip() for text in texts)
            for line in _lines(classifier, texts, names, typed):
                typer.echo(line)
            sys.stdout.flush()
    if empty:
        say(f"{empty:,} of the texts {'was' if empty == 1 else 'were'} empty and got no class.", typed.quiet)


def _batches(source: str, typed: TextsTyped) -> Iterator[list[str]]:
    """Go through the texts, some at a time; those of a pipe as they come."""
    from gatewise.cli.outputs import say

    errors: Any = typed.errors
    if source == "-":
        if typed.text is not None:
            raise UsageError("--text names a column, and standard input has a text in each line: leave it out.")
        from gatewise.datasets.text.unlabelled import lines_of_pipe

        yield from lines_of_pipe(
            sys.stdin.fileno(), "standard input", errors, lambda note: say(f"- {note}", typed.quiet)
        )
        return
    from gatewise.datasets import read_texts

    found = read_texts(source, typed.text, errors)
    for note in found.notes:
        say(f"- {note}", typed.quiet)
    for start in range(0, len(found), _AT_ONCE):
        yield list(found.texts[start : start + _AT_ONCE])


def _all_texts(source: str, typed: TextsTyped) -> list[str]:
    return [text for batch in _batches(source, typed) for text in batch]


def _lines(classifier: Any, texts: list[str], names: list[str], typed: TextsTyped) -> Iterable[str]:
    """Return what is printed for each of some texts."""
    for text, predicted, chances in _predicted(classifier, texts, typed.quick):
        if chances is None:
            yield json.dumps({"predicted": None, "probabilities": None}) if typed.as_json else ""
        elif typed.as_json:
            content: dict[str, Any] = {"predicted": predicted}
            content["probabilities"] = dict(zip(names, chances.tolist(), strict=True))
            if typed.explain:
                content["explanation"] = _why(classifier, text).to_json()["tokens"]
            yield json.dumps(content, ensure_ascii=False)
        elif typed.explain:
            yield _explained(_why(classifier, text), predicted)
        else:
            yield "\t".join([_one_line(predicted), *(f"{chance:.6f}" for chance in chances.tolist())])


def _why(classifier: Any, text: str) -> "Explanation":
    """Explain a text; that none of its words is known has been said."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GatewiseWarning)
        found: Explanation = classifier.explain(text)
    return found


def _predicted(classifier: Any, texts: list[str], quick: bool) -> Iterator[tuple[str, str, np.ndarray | None]]:
    """Go through texts with what they are given; nothing where a text is empty."""
    there = [text for text in texts if text.strip()]
    chances = classifier.predict_proba(there, quick=quick) if there else np.zeros((0, len(classifier.classes_)))
    found = iter(zip(decided(classifier, chances), chances, strict=True))
    for text in texts:
        if text.strip():
            predicted, each = next(found)
            yield text, predicted, each
        else:
            yield text, "", None


def _write(classifier: Any, texts: list[str], names: list[str], typed: TextsTyped) -> None:
    import pandas as pd

    from gatewise.cli.outputs import write_csv

    rows = list(_predicted(classifier, texts, typed.quick))
    nothing = np.full(len(names), np.nan)
    chances = np.array([nothing if each is None else each for _, _, each in rows]).reshape(len(rows), len(names))
    frame = {"row": np.arange(1, len(rows) + 1), "predicted": [predicted for _, predicted, _ in rows]}
    write_csv(pd.DataFrame({**frame, **columns_of(names, chances)}), typed.out, typed.force)


def _explained(explanation: "Explanation", predicted: str) -> str:
    """Return the tokens of a text: in colour on a terminal, elsewhere with what each adds."""
    explained = explanation.classes[explanation.explained]
    # Of several classes, or none, one is explained: the likeliest.
    whose = "" if predicted == explained else f" for {_one_line(explained)}"
    head = f"{_one_line(predicted)}\t{explanation.probabilities[explanation.explained]:.6f}{whose}\t"
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        pairs = zip(explanation.tokens, explanation.attribution.tolist(), strict=True)
        return head + " ".join(f"{token}({value:+.2f})" for token, value in pairs)
    return head + " ".join(
        _coloured(token, shade) for token, shade in zip(explanation.tokens, explanation.shades.tolist(), strict=True)
    )


def _coloured(token: str, shade: float) -> str:
    """Return a token on blue where it speaks for the class, on orange where against it, the darker the more."""
    if abs(shade) < 0.05:
        return token
    colour = (31, 111, 235) if shade > 0 else (194, 65, 12)
    red, green, blue = (round(255 + (part - 255) * abs(shade)) for part in colour)
    ink = 15 if abs(shade) > 0.5 else 0
    return f"\x1b[48;2;{red};{green};{blue};38;5;{ink}m{token}\x1b[0m"


def _one_line(text: str) -> str:
    """Return a class's name without what would break a line or a column, or speak to the terminal."""
    return without_controls(" ".join(text.split()))
