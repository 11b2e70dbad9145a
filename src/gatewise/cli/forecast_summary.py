"""What a forecast or backtest comes down to: as JSON, and as a few lines for somebody who reads."""

import json
import math
import sys
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from gatewise.forecasting.forecaster import Forecaster
    from gatewise.report.verdict import Standing

_TOO_SHORT = "The series are too short for forecasts from past cutoffs: what this forecast is worth is not known."


def of_forecaster(forecaster: "Forecaster", standing: "Standing | None") -> dict[str, Any]:
    """Return what is to be said of a forecaster that was fitted, as plain JSON."""
    explanation = forecaster.explanation
    too_short: dict[str, Any] = {"conclusion": [_TOO_SHORT], "scores": [], "table": []}
    weights = explanation.weights.mean(axis=1).round(6).tolist()
    return {
        **(too_short if standing is None else of_standing(standing)),
        "explanation": list(explanation.sentences),
        "covariates": list(explanation.covariates),
        "weights": dict(zip(explanation.methods, weights, strict=True)),
    }


def of_standing(standing: "Standing") -> dict[str, Any]:
    """Return who won and every method's errors, the best first, as plain JSON."""
    from gatewise.report import verdict

    headings, rows = verdict.table(standing)
    return {
        "table": [[heading.title for heading in headings], *rows],
        "conclusion": [verdict.verdict(standing), standing.backtest.ranking],
        "scores": [
            {"method": name, **{error: _number(values[place]) for error, values in standing.errors.items()}}
            for place, name in enumerate(standing.names)
        ],
        "windows": standing.windows,
        "explanation": list(standing.backtest.notes),
    }


def as_json(content: dict[str, Any]) -> str:
    """Return JSON, without what only people read."""
    return json.dumps({name: value for name, value in content.items() if name != "table"}, indent=1, allow_nan=False)


def tell(content: dict[str, Any], to_stdout: bool = False) -> None:
    """Print what was won and by whom, the table of errors, and what was chosen."""
    from gatewise.cli.tables import print_table

    file = sys.stdout if to_stdout else sys.stderr
    for sentence in content["conclusion"]:
        typer.echo(sentence, file=file)
    if content["table"]:
        titles, *rows = content["table"]
        typer.echo("", file=file)
        print_table(titles, rows, file=file)
        typer.echo("", file=file)
    for sentence in content.get("explanation", ()):
        typer.echo(sentence, file=file)


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
