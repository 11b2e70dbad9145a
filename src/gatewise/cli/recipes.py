"""``gatewise recipes``: list the classic recipes, or run them with many seeds."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gatewise.cli.options import Debug, Force, Json, Quiet, Seed
from gatewise.cli.table_options import Fixes, Formats, format_of
from gatewise.errors import UsageError

if TYPE_CHECKING:
    from gatewise.recipes import Recipe, RecipeResult, RunOptions

_FAMILIES = ("airline",)
# The options that the list of recipes has, too.
_OF_THE_LIST = {"as_json", "quiet", "debug"}


class Dialect(StrEnum):
    """Whose defaults the recurrent layers have."""

    keras2 = "keras2"
    keras3 = "keras3"


def recipes(
    context: typer.Context,
    family: Annotated[
        str | None, typer.Argument(metavar="airline", help="Which recipes to run; nothing lists them.")
    ] = None,
    data: Annotated[
        str,
        typer.Option("--data", metavar="FILE", help="A file with one series, instead of the airline passengers."),
    ] = "airline",
    column: Annotated[
        str | None, typer.Option("--column", metavar="NAME", help="The file's column of values, by name or number.")
    ] = None,
    fix: Fixes = None,
    form: Formats = None,
    recipe: Annotated[
        list[str] | None, typer.Option("--recipe", metavar="NAME", help="Run only this recipe; may be given again.")
    ] = None,
    members: Annotated[
        int, typer.Option("--members", metavar="N", help="Networks of each recipe, each with its own seed.")
    ] = 100,
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
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Write an HTML page with the table and the plots.")
    ] = None,
    force: Force = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """List the classic time-series recipes, or run them with many seeds each, beside persistence.

    \b
    Examples:
      gatewise recipes                                   the list
      gatewise recipes airline                           all of them, 100 seeds each
      gatewise recipes airline --recipe lstm --recipe gru-window --report airline.html
      gatewise recipes airline --data sales.csv --column y --look-back 12
      gatewise recipes airline --no-leak --dialect keras3 --json
    """  # noqa: D301
    from gatewise import recipes as room

    if family is None:
        _check_nothing_to_run(context)
        _list(as_json)
        return
    _check_family(family)
    chosen = [room.recipe(name) for name in dict.fromkeys(recipe)] if recipe else list(room.recipes())
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
    results = _run(chosen, options, quiet)
    try:
        _print_results(results, data, as_json)
        sys.stdout.flush()
    finally:
        # Also where stdout takes no more: a reader that goes away early must not cost the report.
        if report is not None:
            from gatewise.report import write_recipes

            write_recipes(results, report, series=Path(data).name, force=force)
    if report is not None and not quiet:
        typer.echo(f"report: {report}", err=True)


def _check_nothing_to_run(context: typer.Context) -> None:
    """Refuse the options of a run where the word for what is to be run is missing."""
    typed = [
        "/".join([*parameter.opts[:1], *parameter.secondary_opts])
        for parameter in context.command.params
        if parameter.name not in _OF_THE_LIST and _is_typed(context, parameter.name)
    ]
    if typed:
        raise UsageError(
            f"Without a name 'gatewise recipes' lists the recipes, and {typed[0]} is about running them: write "
            "'gatewise recipes airline' before the options."
        )


def _is_typed(context: typer.Context, parameter: str | None) -> bool:
    source = context.get_parameter_source(parameter or "")
    return source is not None and source.name == "COMMANDLINE"


def _check_family(family: str) -> None:
    if family in _FAMILIES:
        return
    from gatewise.recipes import recipes as known

    if family in {one.name for one in known()}:
        remedy = f"write 'gatewise recipes airline --recipe {family}'."
    else:
        remedy = "write 'gatewise recipes airline'."
    raise UsageError(f"There are no recipes {family!r}: {remedy}")


def _values(data: str, column: str | None, fix: list[str] | None, form: list[str] | None) -> Any:
    """Return the series of the user's file, or None for the shipped one."""
    if data == "airline" and not Path(data).exists():
        if column is not None or fix or form:
            raise UsageError("--column, --fix and --format are about a file of your own: give it with --data FILE.")
        return None
    from gatewise.tables import read_values

    return read_values(data, column=column, fix=fix or (), format=format_of(form)).values  # type: ignore[arg-type]


def _run(chosen: "list[Recipe]", options: "RunOptions", quiet: bool) -> "list[RecipeResult]":
    from gatewise.recipes import run_recipes

    if quiet or not sys.stderr.isatty():
        return list(run_recipes(chosen, options))
    from gatewise.cli.progress import RecipeBar

    with RecipeBar(len(chosen)) as bar:
        return list(run_recipes(chosen, options, bar.update))


def _print_results(results: "list[RecipeResult]", data: str, as_json: bool) -> None:
    from gatewise.recipes import summary

    if as_json:
        content = {
            "data": data,
            "conclusion": summary.conclusion(results),
            "recipes": [result.to_json() for result in results],
        }
        typer.echo(json.dumps(content, indent=2, allow_nan=False))
        return
    from gatewise.cli.tables import print_table

    headings, rows = summary.table(results)
    print_table([heading.title for heading in headings], rows)
    typer.echo(summary.conclusion(results))


def _list(as_json: bool) -> None:
    from dataclasses import asdict

    from gatewise.recipes import recipes as known

    if as_json:
        typer.echo(json.dumps([asdict(one) for one in known()], indent=2))
        return
    from gatewise.cli.tables import print_table
    from gatewise.recipes.summary import number

    rows = [
        [
            one.name,
            one.network,
            str(("samples", *one.input_shape)).replace("'", ""),
            "carried" if one.stateful else "–",
            str(one.epochs),
            str(one.batch_size),
            number(one.published_train) if one.published_train else "–",
            number(one.published_test) if one.published_test else "–",
        ]
        for one in known()
    ]
    titles = ["recipe", "network", "input", "state", "epochs", "batch", "published train RMSE", "published test RMSE"]
    print_table(titles, rows, left=4)
    typer.echo("Run them with 'gatewise recipes airline'.", err=True)
