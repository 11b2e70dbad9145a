"""What ``gatewise predict`` does with a classifier: a line out for each text that comes in."""

import json
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import typer

from gatewise.cli.forecast_options import told
from gatewise.cli.predictions import columns_of, decided
from gatewise.cli.text_options import TextsTyped
from gatewise.cli.wording import without_controls
from gatewise.errors import GatewiseWarning, UsageError
from gatewise.progress import silent

if TYPE_CHECKING:
    from gatewise.classification import Explanation
    from gatewise.progress import Progress

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
        with told(typed.quiet) as progress:
            _write(classifier, _all_texts(source, typed), names, typed, progress)
        say(f"predictions: {typed.out}", typed.quiet)
        return
    plain = not typed.as_json and not typed.explain
    heading = f"A line for each text: its class, then the probabilities of {', '.join(names)}." if plain else ""
    empty, batches = 0, _batches(source, typed)
    if source != "-":
        # What cannot be read is told before there is anything to explain.
        batches = chain([next(batches, _Batch([]))], batches)
    if heading:
        say(heading, typed.quiet)
    # Where the lines are seen, they say how far it is.
    with warnings.catch_warnings(), told(typed.quiet or source == "-" or sys.stdout.isatty()) as progress:
        # Of every batch, not of the first alone, it is said how many of its texts hold nothing that is known.
        warnings.simplefilter("always", GatewiseWarning)
        for batch in batches:
            empty += sum(not text.strip() for text in batch.texts)
            for line in _lines(classifier, batch.texts, names, typed, batch.telling(progress)):
                typer.echo(line)
            sys.stdout.flush()
    if empty:
        say(f"{empty:,} of the texts {'was' if empty == 1 else 'were'} empty and got no class.", typed.quiet)


class _Batch(NamedTuple):
    """Some of the texts: which part of all they are, from where to where, in shares."""

    texts: list[str]
    begins: float = 0.0
    ends: float = 0.0

    def telling(self, progress: "Progress") -> "Progress":
        """Return what is to be told how far these texts are, and tells how far all are."""
        return lambda share, what: progress(self.begins + share * (self.ends - self.begins), what)


def _batches(source: str, typed: TextsTyped) -> Iterator[_Batch]:
    """Go through the texts, some at a time; those of a pipe as they come."""
    from gatewise.cli.outputs import say

    errors: Any = typed.errors
    if source == "-":
        if typed.text is not None:
            raise UsageError("--text names a column, and standard input has a text in each line: leave it out.")
        from gatewise.datasets.text.unlabelled import lines_of_pipe

        lines = lines_of_pipe(sys.stdin.fileno(), "standard input", errors, lambda note: say(f"- {note}", typed.quiet))
        yield from map(_Batch, lines)
        return
    from gatewise.datasets import read_texts

    found = read_texts(source, typed.text, errors)
    for note in found.notes:
        say(f"- {note}", typed.quiet)
    for start in range(0, len(found), _AT_ONCE):
        end = min(start + _AT_ONCE, len(found))
        yield _Batch(list(found.texts[start:end]), start / len(found), end / len(found))


def _all_texts(source: str, typed: TextsTyped) -> list[str]:
    return [text for batch in _batches(source, typed) for text in batch.texts]


def _lines(
    classifier: Any, texts: list[str], names: list[str], typed: TextsTyped, progress: "Progress"
) -> Iterable[str]:
    """Return what is printed for each of some texts."""
    asked = silent if typed.explain else progress
    for place, (text, predicted, chances) in enumerate(_predicted(classifier, texts, typed.quick, asked)):
        if typed.explain:
            progress(place / len(texts), "explaining texts")
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


def _predicted(
    classifier: Any, texts: list[str], quick: bool, progress: "Progress"
) -> Iterator[tuple[str, str, np.ndarray | None]]:
    """Go through texts with what they are given; nothing where a text is empty."""
    there = [text for text in texts if text.strip()]
    chances = np.zeros((0, len(classifier.classes_)))
    if there:
        chances = classifier.predict_proba(there, quick=quick, progress=progress)
    found = iter(zip(decided(classifier, chances), chances, strict=True))
    for text in texts:
        if text.strip():
            predicted, each = next(found)
            yield text, predicted, each
        else:
            yield text, "", None


def _write(classifier: Any, texts: list[str], names: list[str], typed: TextsTyped, progress: "Progress") -> None:
    import pandas as pd

    from gatewise.cli.outputs import write_csv

    rows = list(_predicted(classifier, texts, typed.quick, progress))
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
