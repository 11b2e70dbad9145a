"""``gatewise backtest``: what forecasts would have been worth, had they been made at past cutoffs."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gatewise.cli.forecast_options import (
    Horizon,
    Level,
    Mode,
    Modes,
    Network,
    NetworkOnly,
    Report,
    SeasonLength,
    Source,
    told,
)
from gatewise.cli.options import Debug, Force, Json, Quiet, Seed
from gatewise.cli.table_options import (
    Fixes,
    Formats,
    Freq,
    Future,
    IdCol,
    Past,
    Static,
    TableTyped,
    TargetCol,
    TimeCol,
    name_of,
    read_typed,
    say_understood,
)
from gatewise.errors import UsageError

if TYPE_CHECKING:
    from gatewise.report.verdict import Standing


def backtest(
    source: Source,
    horizon: Horizon,
    n_windows: Annotated[
        int, typer.Option("--n-windows", metavar="N", help="Cutoffs; the last is a horizon before the end.")
    ] = 8,
    step_size: Annotated[int, typer.Option("--step-size", metavar="N", help="Steps from a cutoff to the next.")] = 1,
    refit: Annotated[
        str,
        typer.Option(
            "--refit", metavar="HOW", help="Train anew at 'every' cutoff, at every N-th, or at the 'first' only."
        ),
    ] = "every",
    check_leaks: Annotated[
        bool,
        typer.Option("--check-leaks", help="Do it all again with other later values; refuse a method that noticed."),
    ] = False,
    level: Level = None,
    mode: Modes = Mode.fast,
    minutes: Annotated[
        float | None,
        typer.Option(
            "--minutes",
            metavar="N",
            help="For forecasts with so many, instead of a mode, which they decide; no clock runs.",
        ),
    ] = None,
    network: Network = None,
    network_only: NetworkOnly = False,
    season_length: SeasonLength = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write all forecasts from the cutoffs as CSV.")
    ] = None,
    report: Report = None,
    id_col: IdCol = None,
    time_col: TimeCol = None,
    target_col: TargetCol = None,
    freq: Freq = None,
    future: Future = None,
    past: Past = None,
    static: Static = None,
    fix: Fixes = None,
    form: Formats = None,
    seed: Seed = 0,
    as_json: Json = False,
    force: Force = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Forecast from past cutoffs with what was known there, and compare with what came: gatewise beside the baselines.

    \b
    Examples:
      gatewise backtest airline --horizon 12 --n-windows 24        24 cutoffs, a month apart
      gatewise backtest sales.csv --horizon 12 --out backtest.csv --report backtest.html
      gatewise backtest sales.csv --horizon 12 --step-size 12 --refit first --json
    """  # noqa: D301
    from gatewise.cli.outputs import check_files, say

    anew = _refit(refit)
    check_files({"--out": out, "--report": report}, force, source)
    started = time.perf_counter()
    typed = TableTyped(id_col, time_col, target_col, freq, future, past, static, fix, form)
    with told(quiet) as progress:
        progress(0.0, f"reading {name_of(source)}")
        table = read_typed(source, typed)
    seconds = {"reading the table": time.perf_counter() - started}
    from gatewise.forecasting.backtest import backtest as run
    from gatewise.forecasting.forecaster import Forecaster

    plan = {"mode": mode.value, "minutes": minutes, "network": network, "network_only": network_only}
    forecaster = Forecaster(horizon, **plan, season_length=season_length, seed=seed)  # type: ignore[arg-type]
    say_understood(source, table, quiet or as_json)
    levels = level or [80.0, 95.0]
    how = {"n_windows": n_windows, "step_size": step_size, "refit": anew, "level": levels, "check_leaks": check_leaks}
    with told(quiet) as progress:
        found = run(forecaster, table, **how, progress=progress)  # type: ignore[arg-type]
        seconds["training and forecasting"] = time.perf_counter() - started - seconds["reading the table"]
        from gatewise.report.verdict import standing as standing_in

        progress(1.0, "comparing the methods")
        standing = standing_in(found)
    try:
        _give(standing, {"data": source, "horizon": horizon, **how, "seconds": seconds}, as_json)
        if out is not None:
            from gatewise.cli.outputs import write_csv

            write_csv(found.frame, out, force)
            say(f"forecasts: {out}", quiet)
        sys.stdout.flush()
    finally:
        if report is not None:
            from gatewise.report.forecast_page import Told, write_backtest

            settings = {"horizon": f"{horizon} steps", "cutoffs": f"{n_windows}, {step_size} apart", "refit": refit}
            if found.covariates:
                settings["covariates"] = ", ".join(found.covariates)
            with told(quiet) as progress:
                progress(0.0, f"writing {report}")
                write_backtest(report, standing, table, Told(name_of(source), settings, seconds), force)
    if report is not None:
        say(f"report: {report}", quiet)


def _refit(typed: str) -> bool | int:
    """Return what `gatewise.backtest` takes for what was typed."""
    if typed in ("every", "first"):
        return typed == "every"
    if typed.isascii() and typed.isdigit() and int(typed):
        return int(typed)
    raise UsageError(f"--refit is {typed!r}: give 'every', 'first', or a whole number of at least 1.")


def _give(standing: "Standing", about: dict[str, Any], as_json: bool) -> None:
    """Print what was won and by whom."""
    from gatewise.cli import forecast_summary

    content = forecast_summary.of_standing(standing)
    if as_json:
        typer.echo(forecast_summary.as_json({**about, **content}))
    else:
        forecast_summary.tell(content, to_stdout=True)
