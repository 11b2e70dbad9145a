"""Options that ``gatewise forecast``, ``backtest`` and ``predict`` share."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gatewise.cli.interrupts import raise_if_pressed
from gatewise.progress import Progress, shown

if TYPE_CHECKING:
    from gatewise.forecasting.forecaster import Forecaster


class Mode(StrEnum):
    """How much work a forecast is worth."""

    fast = "fast"
    best = "best"


Source = Annotated[
    str,
    typer.Argument(
        metavar="FILE", help="A CSV, Parquet or .xlsx file; '-' for standard input; 'airline' for the shipped series."
    ),
]
Horizon = Annotated[int, typer.Option("--horizon", metavar="N", help="Steps to forecast.")]
Level = Annotated[
    list[float] | None,
    typer.Option(
        "--level",
        metavar="PERCENT",
        help="Share of values that an interval is to hold; may be given again.  [default: 80, 95]",
        show_default=False,
    ),
]
Modes = Annotated[Mode, typer.Option("--mode", help="Whether to train more networks and choose by more cutoffs.")]
Minutes = Annotated[
    float | None,
    typer.Option(
        "--minutes",
        metavar="N",
        help="How long a fit may take, instead of a mode: networks not done by then are left out.",
    ),
]
Network = Annotated[
    str | None,
    typer.Option("--network", metavar="NAME", help="A recipe's network, such as lstm-time-steps; instead of choosing."),
]
NetworkOnly = Annotated[
    bool, typer.Option("--network-only", help="Baselines have no part in the forecast; they are still shown.")
]
SeasonLength = Annotated[
    int | None,
    typer.Option(
        "--season-length",
        metavar="N",
        help="Steps in a season, instead of what the frequency has, or what values without dates show.",
    ),
]
Engine = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="NAME",
        help="Forecast blocks of series on dask, ray or spark; FILE and --out may then be folders of Parquet files.",
    ),
]
ModelOut = Annotated[
    Path | None,
    typer.Option("--model", metavar="DIR", help="Save the model, for gatewise predict, update, inspect and serve."),
]
ModelTyped = Annotated[Path, typer.Argument(metavar="MODEL", help="The folder of a saved model.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the CSV to a file.")]
FutureRows = Annotated[
    Path | None,
    typer.Option(
        "--future-rows",
        metavar="FILE",
        help="A table of what is known in advance at the times to forecast, if it is not below the last values.",
    ),
]
Report = Annotated[
    Path | None, typer.Option("--report", metavar="FILE", help="Write an HTML page with everything, and plots.")
]


Paths = Annotated[
    int, typer.Option("--paths", metavar="N", help="How many paths of each series --paths-out has.", min=1)
]
PathsOut = Annotated[
    Path | None,
    typer.Option(
        "--paths-out", metavar="FILE", help="Write paths that each series may take: unique_id, ds, path, gatewise."
    ),
]


def write_paths(
    forecaster: "Forecaster",
    horizon: int | None,
    paths: int,
    out: Path | None,
    force: bool,
    future_rows: Path | None = None,
) -> None:
    """Write paths into the future where they were asked for."""
    if out is not None:
        from gatewise.cli.outputs import write_csv

        drawn = forecaster.simulate(paths, horizon=horizon, future=future_rows, seed=forecaster.plan.seed)
        write_csv(drawn, out, force)


@contextmanager
def told(quiet: bool) -> Iterator[Progress]:
    """Give what is told how far the work is: it shows that where somebody can see it, and answers Ctrl-C."""
    with shown(not quiet) as show:

        def progress(share: float, what: str) -> None:
            raise_if_pressed()
            show(share, what)

        yield progress
