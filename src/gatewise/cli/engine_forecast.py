"""``gatewise forecast --engine``: blocks of series on an engine, from folder to folder or from a table to stdout."""

import os
from pathlib import Path
from typing import Any

from gatewise.cli.forecast_options import told
from gatewise.cli.table_options import TableTyped, format_of, read_typed, say_understood
from gatewise.errors import UsageError


def forecast_blocks(
    engine: str,
    source: str,
    horizon: int,
    typed: TableTyped,
    out: Path | None,
    level: list[float] | None,
    others: dict[str, Any],
    quiet: bool,
    future_rows: Path | None,
    force: bool,
    **options: Any,
) -> None:
    """Forecast on an engine, and say what its workers chose.

    Args:
        engine: Its name.
        source: What was typed for FILE; a folder of Parquet files is read by the workers, all else here.
        horizon: Steps.
        typed: What was typed about the table.
        out: A folder to be; None writes CSV to stdout.
        level: Of the intervals.
        others: Options by flag that an engine does not do, as typed.
        quiet: Whether nothing is to be said.
        future_rows: What is known in advance; a folder of Parquet files is read by the workers, too.
        force: Whether output that exists may be replaced; a folder is not.
        **options: As `gatewise.forecast` takes them.
    """
    from gatewise.cli.outputs import say, write_csv
    from gatewise.forecasting.engines.door import new_folder
    from gatewise.forecasting.engines.fugue_run import as_pandas, forecast_on
    from gatewise.forecasting.engines.order import order_of

    given = [flag for flag, value in others.items() if value]
    if given:
        raise UsageError(f"{given[0]} is for one machine: leave it out, or leave out --engine.")
    if force and out is not None and out.exists():
        raise UsageError(
            f"'{out}' exists, and --force replaces no folder: give one that is to be made, or remove that one."
        )
    target = None if out is None else new_folder(out)
    if engine == "dask":
        # What its processes tell of themselves, unless somebody has asked for it; before they are started.
        os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "error")
    data: Any = source
    if os.path.isdir(source):
        reading = {name: getattr(typed, name) for name in ("id_col", "time_col", "target_col")}
        options |= {**reading, "freq": typed.step, "covariates": typed.covariates}
        if typed.fix or typed.form:
            options |= {"fix": typed.fix or (), "format": format_of(typed.form)}
    else:
        data = read_typed(source, typed)
        say_understood(source, data, quiet)
    order = order_of(horizon, level or [80.0, 95.0], None, options)  # type: ignore[arg-type]
    with told(quiet) as progress:
        found, shared = forecast_on(engine, data, order, target, future_rows, progress)
        if target is None:
            progress(0.5, "forecasting blocks")
            found = as_pandas(found)
    for sentence in shared.sentences:
        say(sentence, quiet)
    if target is None:
        write_csv(found, None, False)
    else:
        say(f"forecasts: {target}", quiet)
