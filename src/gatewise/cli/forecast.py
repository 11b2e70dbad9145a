"""``gatewise forecast``: from a table to a forecast with intervals, and a straight answer about the baselines."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from gatewise.cli.forecast_options import (
    Engine,
    FutureRows,
    Horizon,
    Level,
    Minutes,
    Mode,
    ModelOut,
    Modes,
    Network,
    NetworkOnly,
    Out,
    Paths,
    PathsOut,
    Report,
    SeasonLength,
    Source,
    told,
    write_paths,
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

if TYPE_CHECKING:
    from gatewise.forecasting.forecaster import Forecaster
    from gatewise.report.verdict import Standing
    from gatewise.tables import SeriesTable

# Of the work, where many series are saved, compared and drawn after it.
_FIT_TAKES = 0.97


def forecast(
    source: Source,
    horizon: Horizon,
    level: Level = None,
    mode: Modes = Mode.fast,
    minutes: Minutes = None,
    network: Network = None,
    network_only: NetworkOnly = False,
    season_length: SeasonLength = None,
    out: Out = None,
    paths: Paths = 100,
    paths_out: PathsOut = None,
    report: Report = None,
    model: ModelOut = None,
    engine: Engine = None,
    id_col: IdCol = None,
    time_col: TimeCol = None,
    target_col: TargetCol = None,
    freq: Freq = None,
    future: Future = None,
    past: Past = None,
    static: Static = None,
    future_rows: FutureRows = None,
    fix: Fixes = None,
    form: Formats = None,
    seed: Seed = 0,
    as_json: Json = False,
    force: Force = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Forecast every series of a table, with intervals, by networks that are weighed against baselines.

    The forecast goes to stdout or --out as CSV, in the columns unique_id, ds, gatewise, gatewise-lo-80, gatewise-hi-80 and so
    on. Stderr says what the table was taken for, what forecast best from past cutoffs, networks or a baseline, and what was
    chosen.

    \b
    Examples:
      gatewise forecast airline --horizon 12             the shipped series
      gatewise forecast sales.csv --horizon 12 --out forecast.csv --report forecast.html
      gatewise forecast sales.csv --horizon 28 --level 90 --target-col sold --model sales-model
      gatewise forecast sales.csv --horizon 12 --minutes 10 --json
      gatewise forecast sales.csv --horizon 12 --future promo --past heat --future-rows plan.csv
      gatewise forecast sales.csv --horizon 12 --paths 1000 --paths-out paths.csv
      gatewise forecast sales --horizon 12 --engine dask --out forecasts      folders of Parquet files
    """  # noqa: D301
    from gatewise.cli.outputs import check_files, check_room

    typed = TableTyped(id_col, time_col, target_col, freq, future, past, static, fix, form)
    if engine is not None:
        from gatewise.cli.engine_forecast import forecast_blocks

        others = {
            "--minutes": minutes,
            "--paths-out": paths_out,
            "--report": report,
            "--model": model,
            "--json": as_json,
        }
        how: dict[str, Any] = {"mode": mode.value, "network": network, "network_only": network_only}
        how |= {"season_length": season_length, "seed": seed}
        forecast_blocks(engine, source, horizon, typed, out, level, others, quiet, future_rows, force, **how)
        return
    check_files({"--out": out, "--paths-out": paths_out, "--report": report}, force, source)
    if model is not None:
        from gatewise.artifact import check_target

        check_target(model, overwrite=force)
        check_room(model)
    started = time.perf_counter()
    table = _read(source, typed, future_rows, horizon, quiet)
    seconds = {"reading the table": time.perf_counter() - started}
    from gatewise.forecasting.forecaster import Forecaster

    plan = {"mode": mode.value, "minutes": minutes, "network": network, "network_only": network_only}
    forecaster = Forecaster(horizon, **plan, season_length=season_length, seed=seed)  # type: ignore[arg-type]
    say_understood(source, table, quiet or as_json)
    standing = None
    with told(quiet) as progress:
        forecaster.fit(table, progress=lambda share, what: progress(_FIT_TAKES * share, what))
        seconds["choosing and training"] = time.perf_counter() - started - seconds["reading the table"]
        if model is not None:
            # First of all, as it took longest to make.
            progress(_FIT_TAKES, f"saving {model}")
            forecaster.save(model, overwrite=force)
        if paths_out is not None:
            progress(_FIT_TAKES, f"drawing {paths_out}")
            write_paths(forecaster, None, paths, paths_out, force)
        if as_json or report is not None or not quiet:
            from gatewise.report.verdict import standing_of

            progress(_FIT_TAKES, "comparing the methods")
            standing = standing_of(forecaster)
    _say_written({"model": model, "paths": paths_out}, quiet)
    levels = level or [80.0, 95.0]
    try:
        _give(forecaster, standing, source, levels, (out, as_json, force, quiet), seconds)
        sys.stdout.flush()
    finally:
        # Also where stdout takes no more: a reader that goes away early must not cost the report.
        if report is not None:
            with told(quiet) as progress:
                progress(0.0, f"writing {report}")
                _write_report(report, forecaster, standing, source, levels, seconds, force)
    _say_written({"report": report}, quiet)


def _say_written(written: dict[str, Path | None], quiet: bool) -> None:
    """Say where what was asked for is."""
    from gatewise.cli.outputs import say

    for what, path in written.items():
        if path is not None:
            say(f"{what}: {path}", quiet)


def _read(source: str, typed: TableTyped, future_rows: Path | None, horizon: int, quiet: bool) -> "SeriesTable":
    """Return the series with what is known in advance; what is not is said before the work, and not after it.

    A worker that will estimate baselines loads what it needs meanwhile.
    """
    from gatewise.forecasting.classical.baseline_workers import expect_work

    expect_work()
    with told(quiet) as progress:
        progress(0.0, f"reading {name_of(source)}")
        table = read_typed(source, typed)
        if future_rows is not None:
            from gatewise.forecasting.future_rows import with_future

            progress(0.0, f"reading {future_rows}")
            table = with_future(table, future_rows)
    table.refuse_unknown_future(horizon)
    return table


def _give(
    forecaster: "Forecaster",
    standing: "Standing | None",
    source: str,
    levels: Sequence[float],
    ways: tuple[Path | None, bool, bool, bool],
    seconds: dict[str, float],
) -> None:
    """Write the forecast where it was asked for, and say what it is worth."""
    from gatewise.cli import forecast_summary
    from gatewise.cli.outputs import records, say, write_csv

    out, as_json, force, quiet = ways
    started = time.perf_counter()
    frame = forecaster.predict(level=levels, progress=False)
    seconds["forecasting"] = time.perf_counter() - started
    content: dict[str, Any] = {}
    if as_json or not quiet:
        content = forecast_summary.of_forecaster(forecaster, standing)
    if not as_json and not quiet:
        forecast_summary.tell(content)
    if out is not None or not as_json:
        write_csv(frame, out, force)
    if out is not None:
        say(f"forecast: {out}", quiet)
    if as_json:
        table = forecaster.fitted.table
        about = {"data": source, "freq": table.freq, "horizon": forecaster.plan.horizon, "level": list(levels)}
        whole = {**about, **content, "notes": list(table.notes), "seconds": seconds, "forecast": records(frame)}
        typer.echo(forecast_summary.as_json(whole))


def _write_report(
    report: Path,
    forecaster: "Forecaster",
    standing: "Standing | None",
    source: str,
    levels: Sequence[float],
    seconds: dict[str, float],
    force: bool,
) -> None:
    from gatewise.report.forecast_page import Told, write_forecast

    plan = forecaster.plan
    settings = {
        "horizon": f"{plan.horizon} steps",
        "mode": plan.mode if plan.minutes is None else f"{plan.minutes:g} minutes",
        "networks only": "yes" if plan.network_only else "no",
        "seed": str(plan.seed),
    }
    if forecaster.explanation.covariates:
        settings["covariates"] = ", ".join(forecaster.explanation.covariates)
    write_forecast(report, forecaster, standing, Told(name_of(source), settings, seconds), levels, force)
