"""What can be typed about a table: which column is what, how it is written, and what may be mended in it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from gatewise.errors import UsageError

if TYPE_CHECKING:
    from gatewise.tables import SeriesTable
    from gatewise.tables.form import Covariates

# A bare name is data that ships with gatewise, unless a file of that name is there.
SHIPPED = "airline"

IdCol = Annotated[str | None, typer.Option("--id-col", metavar="NAME", help="The column that names the series.")]
TimeCol = Annotated[str | None, typer.Option("--time-col", metavar="NAME", help="The column of times.")]
TargetCol = Annotated[str | None, typer.Option("--target-col", metavar="NAME", help="The column of values.")]
Freq = Annotated[
    str | None, typer.Option("--freq", metavar="STEP", help="The step, as pandas names it, or a whole number.")
]
Future = Annotated[
    list[str] | None,
    typer.Option(
        "--future",
        metavar="NAME",
        help="A column that is known in advance, such as a promotion; may be given again.",
    ),
]
Past = Annotated[
    list[str] | None,
    typer.Option(
        "--past",
        metavar="NAME",
        help="A column that is known up to the last value, such as the weather; may be given again.",
    ),
]
Static = Annotated[
    list[str] | None,
    typer.Option(
        "--static", metavar="NAME", help="A column with one value a series, such as its region; may be given again."
    ),
]
Fixes = Annotated[
    list[str] | None,
    typer.Option("--fix", metavar="WHAT", help="What may be mended, such as 'footer'; may be given again."),
]
Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        metavar="KEY=VALUE",
        help="How the table is written, such as 'header=False' or 'decimal=,'; may be given again.",
    ),
]

_TRUTHS = {"true": True, "yes": True, "false": False, "no": False}


class TableTyped(NamedTuple):
    """What was typed about a table, under the names of the options above."""

    id_col: str | None = None
    time_col: str | None = None
    target_col: str | None = None
    freq: str | None = None
    future: list[str] | None = None
    past: list[str] | None = None
    static: list[str] | None = None
    fix: list[str] | None = None
    form: list[str] | None = None

    @property
    def step(self) -> str | int | None:
        """The step, a whole number where it looks like one."""
        freq = self.freq
        return int(freq) if freq is not None and freq.isascii() and freq.isdigit() else freq

    @property
    def covariates(self) -> "Covariates":
        """The columns that explain the series, by what is known of them."""
        named: Covariates = {}
        if self.future:
            named["future"] = self.future
        if self.past:
            named["past"] = self.past
        if self.static:
            named["static"] = self.static
        return named


def read_typed(source: str, typed: TableTyped) -> "SeriesTable":
    """Return the series of a file, of standard input, or of the data set that ships with gatewise."""
    from gatewise.tables import read_series

    if is_shipped(source):
        if any(typed):
            raise UsageError(f"Options about columns and format are for a file, and {source!r} is data that ships.")
        return shipped()
    return read_series(
        source,
        id_col=typed.id_col,
        time_col=typed.time_col,
        target_col=typed.target_col,
        freq=typed.step,
        covariates=typed.covariates,
        fix=typed.fix or (),  # type: ignore[arg-type]
        format=format_of(typed.form),  # type: ignore[arg-type]
    )


def say_understood(source: str, table: "SeriesTable", quiet: bool) -> None:
    """Say on stderr what a table was taken for; of the data that ships nothing has to be said."""
    from gatewise.cli.outputs import say

    if is_shipped(source):
        return
    name = name_of(source) if source == "-" else repr(name_of(source))
    say(f"{name}: {table.summary()}", quiet)
    for note in table.notes:
        say(f"- {note}", quiet)
    say("", quiet)


def name_of(source: str) -> str:
    """Return what a page calls the data."""
    return "standard input" if source == "-" else Path(source).name


def is_shipped(source: str) -> bool:
    """Tell whether a name is that of the data that ships with gatewise, and of no file."""
    return source == SHIPPED and not Path(source).exists()


def shipped() -> "SeriesTable":
    """Return the airline passengers as a table."""
    import pandas as pd

    from gatewise.datasets import load_airline
    from gatewise.tables import read_series

    months = pd.date_range("1949-01", periods=144, freq="MS")
    return read_series(pd.DataFrame({"unique_id": SHIPPED, "ds": months, "y": load_airline()}))


def format_of(typed: list[str] | None) -> dict[str, Any]:
    """Return the ``KEY=VALUE`` that were typed as the `format` of `read_series`."""
    form: dict[str, Any] = {}
    for pair in typed or []:
        key, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--format is {pair!r}: give KEY=VALUE, such as header=False.")
        form[key] = _TRUTHS.get(value.lower(), value) if key == "header" else value
    return form
