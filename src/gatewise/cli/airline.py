"""``gatewise recipes airline``: run the recipes on a series with many seeds."""

from pathlib import Path
from typing import Annotated, Any

import typer

from gatewise.cli.options import Debug, Force, Json, Quiet, Seed
from gatewise.cli.recipe_runs import Dialect, Members, Names, Page, chosen, run, show
from gatewise.cli.table_options import SHIPPED, Fixes, Formats, format_of, is_shipped
from gatewise.errors import UsageError


def airline(
    data: Annotated[
        str,
        typer.Option("--data", metavar="FILE", help="A file with one series, instead of the airline passengers."),
    ] = SHIPPED,
    column: Annotated[
        str | None, typer.Option("--column", metavar="NAME", help="The file's column of values, by name or number.")
    ] = None,
    fix: Fixes = None,
    form: Formats = None,
    recipe: Names = None,
    members: Members = 100,
    look_back: Annotated[
        int | None, typer.Option("--look-back", metavar="N", help="Past values in a sample, instead of the recipe's.")
    ] = None,
    units: Annotated[
        int | None, typer.Option("--units", metavar="N", help="Units of every hidden layer, instead of the recipe's.")
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option("--epochs", metavar="N", help="Passes over the training part, instead of the recipe's."),
    ] = None,
    dialect: Annotated[
        Dialect,
        typer.Option("--dialect", help="Whose defaults the recurrent layers have; the published runs had Keras 2's."),
    ] = Dialect.keras2,
    leak: Annotated[
        bool | None,
        typer.Option(
            "--leak/--no-leak",
            help="Whether the scaler sees the test part, as published. [default: --leak; with --data --no-leak]",
            show_default=False,
        ),
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
    report: Page = None,
    force: Force = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Run the recipes on the airline passengers, or another series, with many seeds each, beside persistence.

    \b
    Examples:
      gatewise recipes airline                           all of them, 100 seeds each
      gatewise recipes airline --recipe lstm --recipe gru-window --report airline.html
      gatewise recipes airline --data sales.csv --column y --look-back 12
      gatewise recipes airline --no-leak --dialect keras3 --json
    """  # noqa: D301
    from gatewise import recipes as room
    from gatewise.recipes.airline import summary

    recipes = chosen("airline", recipe)
    if report is not None:
        from gatewise.report import check_target

        check_target(report, force)
    options = room.RunOptions(
        values=_values(data, column, fix, form),
        members=members,
        seed=seed,
        dialect=dialect.value,
        leak=leak,
        look_back=look_back,
        units=units,
        epochs=epochs,
    )
    results = run(room.run_recipes, recipes, options, quiet, len(recipes))

    def write() -> None:
        from gatewise.report.recipes_page import write_recipes

        write_recipes(results, report, series=Path(data).name, force=force)  # type: ignore[arg-type]

    content = {"data": data} if as_json else None
    show(results, summary.table(results), summary.conclusion(results), content, write if report else None)
    if report is not None and not quiet:
        typer.echo(f"report: {report}", err=True)


def _values(data: str, column: str | None, fix: list[str] | None, form: list[str] | None) -> Any:
    """Return the series of the user's file, or None for the shipped one."""
    if is_shipped(data):
        if column is not None or fix or form:
            raise UsageError("--column, --fix and --format are about a file of your own: give it with --data FILE.")
        return None
    from gatewise.tables import read_values

    return read_values(data, column=column, fix=fix or (), format=format_of(form)).values  # type: ignore[arg-type]
