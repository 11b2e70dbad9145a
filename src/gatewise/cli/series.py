"""``gatewise series``: what is understood of a table with series."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from gatewise.cli.forecast_options import told
from gatewise.cli.options import Debug, Json
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
)

if TYPE_CHECKING:
    from gatewise.tables import SeriesTable

_SHOWN = 10


def series(
    source: Annotated[
        str, typer.Argument(metavar="FILE", help="A CSV, Parquet or .xlsx file; '-' for standard input.")
    ],
    id_col: IdCol = None,
    time_col: TimeCol = None,
    target_col: TargetCol = None,
    freq: Freq = None,
    future: Future = None,
    past: Past = None,
    static: Static = None,
    fix: Fixes = None,
    form: Formats = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Read a table of series and print what was understood: columns, frequency, length, gaps.

    \b
    Examples:
      gatewise series sales.csv
      gatewise series sales.csv --target-col sold --format date_format=%d/%m/%Y
      gatewise series sales.csv --fix duplicates-last --fix footer --json
    """  # noqa: D301
    typed = TableTyped(id_col, time_col, target_col, freq, future, past, static, fix, form)
    with told(as_json) as progress:
        progress(0.0, f"reading {name_of(source)}")
        table = read_typed(source, typed)
    if as_json:
        typer.echo(json.dumps(_described(table), indent=1))
        return
    typer.echo(table.summary())
    for note in table.notes:
        typer.echo(f"- {note}")
    typer.echo("")
    _print_series(table)


def _described(table: "SeriesTable") -> dict[str, object]:
    """Return what was understood as plain JSON."""
    names = ("id", "time", "value")
    return {
        "columns": dict(zip(names, table.columns, strict=True)),
        "freq": table.freq,
        "series": len(table),
        "values": len(table.values),
        "missing": table.missing,
        "notes": list(table.notes),
        "each": [
            dict(zip(("id", "length", "missing", "first", "last"), row, strict=True))
            for row in _rows(table, len(table))
        ],
    }


def _rows(table: "SeriesTable", number: int) -> list[tuple[object, int, int, str, str]]:
    """Return name, length, missing values, first and last time of the first series."""
    import numpy as np

    from gatewise.tables.steps import show

    kind = "integer" if table.starts.dtype.kind == "i" else "datetime"
    missing = np.add.reduceat(~table.observed, table.offsets[:-1], dtype=np.int64)
    spans = zip(table.starts.view(np.int64)[:number], table.ends.view(np.int64)[:number], strict=True)
    return [
        (name, int(length), int(gaps), show(kind, int(first)), show(kind, int(last)))
        for name, length, gaps, (first, last) in zip(
            table.ids.tolist()[:number], table.lengths[:number], missing[:number], spans, strict=True
        )
    ]


def _print_series(table: "SeriesTable") -> None:
    from gatewise.cli.tables import print_table

    rows = [[str(cell) for cell in row] for row in _rows(table, _SHOWN)]
    print_table(["series", "values", "missing", "first", "last"], rows)
    if len(table) > _SHOWN:
        typer.echo(f"… and {len(table) - _SHOWN:,} more")
