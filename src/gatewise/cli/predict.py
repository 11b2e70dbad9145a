"""``gatewise predict`` and ``gatewise update``: what a saved model says, and what it is told of later values."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from gatewise.cli.forecast_options import FutureRows, Level, ModelTyped, Out, Paths, PathsOut, told, write_paths
from gatewise.cli.options import Debug, Force, Json, Quiet
from gatewise.cli.table_options import (
    Fixes,
    Formats,
    Freq,
    IdCol,
    TableTyped,
    TargetCol,
    TimeCol,
    read_typed,
    say_understood,
)
from gatewise.cli.text_options import BadBytes, Bytes, TextColumn, TextsTyped
from gatewise.errors import UsageError

if TYPE_CHECKING:
    from gatewise.forecasting.forecaster import Forecaster
    from gatewise.progress import Progress
    from gatewise.tables import SeriesTable


class Request(NamedTuple):
    """What was typed after ``gatewise predict``, whatever kind of model it is about."""

    model: Path
    source: str | None
    horizon: int | None
    level: list[float] | None
    future_rows: Path | None
    table: TableTyped
    texts: TextsTyped
    out: Path | None
    paths: tuple[int, Path | None]
    as_json: bool
    force: bool
    quiet: bool


def predict(
    model: ModelTyped,
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE",
            help="Of a forecaster, later values of its series, taken in beforehand; of a classifier, the texts, '-' for "
            "standard input.",
        ),
    ] = None,
    horizon: Annotated[
        int | None,
        typer.Option("--horizon", metavar="N", help="Steps to forecast, at most what the model was made for."),
    ] = None,
    level: Level = None,
    future_rows: FutureRows = None,
    out: Out = None,
    paths: Paths = 100,
    paths_out: PathsOut = None,
    id_col: IdCol = None,
    time_col: TimeCol = None,
    target_col: TargetCol = None,
    freq: Freq = None,
    fix: Fixes = None,
    form: Formats = None,
    text: TextColumn = None,
    errors: BadBytes = Bytes.strict,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show what each token of a text adds, in colour on a terminal.")
    ] = False,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="Ask the networks of a classifier about the tenth of the texts alone of which its linear model is least sure.",
        ),
    ] = False,
    as_json: Json = False,
    force: Force = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Let a saved forecaster forecast, or a saved classifier tell the class of each text; without any new training.

    The model is left as it is: FILE is taken into account for this forecast only. gatewise update puts it into the model.
    For each text that comes in, a classifier puts out a line: the class, and the probability of each class.

    \b
    Examples:
      gatewise predict sales-model
      gatewise predict sales-model june.csv --horizon 3 --level 90 --out forecast.csv
      gatewise predict moods new.csv --text review --out predictions.csv
      echo "not a bad film" | gatewise predict moods - --explain
    """  # noqa: D301
    from gatewise.cli.outputs import check_files

    typed = TableTyped(id_col, time_col, target_col, freq, fix=fix, form=form)
    if source is None and any(typed):
        raise UsageError("Options about columns and format are about later values: give a FILE behind the model.")
    check_files({"--out": out, "--paths-out": paths_out}, force, source)
    texts = TextsTyped(text, errors.value, explain, quick, out, as_json, force, quiet)
    _answering(model)(
        Request(
            model, source, horizon, level, future_rows, typed, texts, out, (paths, paths_out), as_json, force, quiet
        )
    )


def update(
    model: ModelTyped,
    rows: Annotated[
        str, typer.Argument(metavar="ROWS", help="A file with values that came after those the model knows.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Save the model there, instead of in its place.")
    ] = None,
    id_col: IdCol = None,
    time_col: TimeCol = None,
    target_col: TargetCol = None,
    freq: Freq = None,
    fix: Fixes = None,
    form: Formats = None,
    force: Force = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Tell a saved forecaster what came after the values that it knows, without any new training.

    Scales and recurrent state go on exactly as if the series had been so long from the start. The model is replaced as a
    whole or not at all. More times missing before the new ones than are forecast, or are new, are refused without --fix gaps.

    \b
    Examples:
      gatewise update sales-model june.csv
      gatewise update sales-model june.csv --out sales-model-june
    """  # noqa: D301
    from gatewise.artifact import check_target, read_kind
    from gatewise.cli.outputs import say

    kind = read_kind(model)
    if kind != "forecaster":
        raise UsageError(f"{str(model)!r} is of the kind {kind!r}, and only a forecaster is updated: give one.")
    target = model if out is None else out
    check_target(target, overwrite=out is None or force)
    typed = TableTyped(id_col, time_col, target_col, freq, fix=fix, form=form)
    with told(quiet) as progress:
        forecaster, told_of = _updated(model, rows, typed, progress)
        progress(0.7, f"saving {target}")
        forecaster.save(target, overwrite=out is None or force)
    table = forecaster.fitted.table
    say_understood(rows, told_of, quiet)
    say(f"model: {target}, {table.summary()}", quiet)


def _answering(model: Path) -> Callable[[Request], None]:
    """Return what answers for the kind of a saved model."""
    from gatewise.artifact import read_kind

    kind = read_kind(model)
    answer = _BY_KIND.get(kind)
    if answer is None:
        raise UsageError(
            f"{str(model)!r} is of the kind {kind!r}, and gatewise predict takes {' or '.join(map(repr, _BY_KIND))}: give "
            "such a model, or load it in Python with gatewise.load."
        )
    return answer


def _forecaster(request: Request) -> None:
    """Forecast with a saved forecaster."""
    from gatewise.cli import forecast_summary
    from gatewise.cli.outputs import records, say, write_csv
    from gatewise.forecasting.forecaster import Forecaster

    if request.texts.text is not None or request.texts.explain or request.texts.quick:
        raise UsageError(f"{str(request.model)!r} is a forecaster, and options about texts are for classifiers.")
    levels = request.level or [80.0, 95.0]
    with told(request.quiet) as progress:
        if request.source is None:
            forecaster = Forecaster.load(request.model)
        else:
            forecaster, told_of = _updated(request.model, request.source, request.table, progress)
        frame = forecaster.predict(request.horizon, levels, future=request.future_rows, progress=progress)
    if request.source is not None:
        say_understood(request.source, told_of, request.quiet or request.as_json)
    if request.out is not None or not request.as_json:
        write_csv(frame, request.out, request.force)
    if request.out is not None:
        say(f"forecast: {request.out}", request.quiet)
    paths, paths_out = request.paths
    write_paths(forecaster, request.horizon, paths, paths_out, request.force, request.future_rows)
    if paths_out is not None:
        say(f"paths: {paths_out}", request.quiet)
    if request.as_json:
        about = {"model": str(request.model), "freq": forecaster.fitted.table.freq, "level": list(levels)}
        typer.echo(forecast_summary.as_json({**about, "forecast": records(frame)}))


def _classifier(request: Request) -> None:
    """Tell the class of each text with a saved classifier."""
    if request.source is None:
        raise UsageError(
            f"{str(request.model)!r} is a classifier: give a FILE with texts behind it, or '-' for standard input."
        )
    if request.horizon is not None or request.level is not None or request.paths[1] is not None or any(request.table):
        raise UsageError(
            f"{str(request.model)!r} is a classifier, and options about horizons and series are for forecasters."
        )
    from gatewise.cli.predict_texts import predict_texts

    predict_texts(request.model, request.source, request.texts)


def _updated(model: Path, rows: str, typed: TableTyped, progress: "Progress") -> "tuple[Forecaster, SeriesTable]":
    """Return a saved forecaster that has taken in later values, and these, with notes on how they follow.

    A few rows do not show their step, so the model's is taken.
    """
    from gatewise.forecasting.clocks import utc_of
    from gatewise.forecasting.forecaster import Forecaster

    progress(0.0, f"reading {model}")
    forecaster = Forecaster.load(model)
    known = forecaster.fitted.table
    freq = typed.freq if typed.freq is not None or known.freq is None else str(known.freq)
    typed = typed._replace(freq=freq, fix=[*(typed.fix or []), *utc_of(known)])
    if known.past.names or known.future.names:
        # What explains the series is in the later rows, too, and beside it the values have to be named.
        target = typed.target_col or known.columns[2]
        typed = typed._replace(target_col=target, past=list(known.past.names), future=list(known.future.names))
    progress(0.4, f"reading {rows}")
    table = read_typed(rows, typed)
    forecaster.update(table, fix=typed.fix or ())  # type: ignore[arg-type]
    later = forecaster.fitted.table.notes[len(known.notes) :]
    return forecaster, replace(table, notes=(*table.notes, *later))


# What predicts with a model, by the kind in its manifest: one line a kind.
_BY_KIND: dict[str, Callable[[Request], None]] = {"forecaster": _forecaster, "text-classifier": _classifier}
