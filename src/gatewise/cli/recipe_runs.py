"""What both families of recipes do on the command line: choose recipes, run them with a bar, show what came out."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gatewise.errors import UsageError

if TYPE_CHECKING:
    from gatewise.recipes.wording import Table

Names = Annotated[
    list[str] | None, typer.Option("--recipe", metavar="NAME", help="Run only this recipe; may be given again.")
]
Members = Annotated[
    int, typer.Option("--members", metavar="N", help="Networks of each recipe, each with its own seed.")
]
Page = Annotated[
    Path | None, typer.Option("--report", metavar="FILE", help="Write an HTML page with the table and the plots.")
]


class Dialect(StrEnum):
    """Whose defaults the recurrent layers have."""

    keras2 = "keras2"
    keras3 = "keras3"


def chosen(family: str, names: list[str] | None) -> list[Any]:
    """Return the recipes of a family that were typed, or all of it."""
    from gatewise.recipes import recipe, recipes

    known = list(recipes(family))  # type: ignore[call-overload]
    picked = [recipe(name) for name in dict.fromkeys(names or [])]
    for one in picked:
        if one not in known:
            other = "imdb" if family == "airline" else "airline"
            raise UsageError(f"{one.name!r} is among the other recipes: write 'gatewise recipes {other}'.")
    return picked or known


def run(runs: Callable[..., Iterator[Any]], recipes: list[Any], options: Any, quiet: bool, total: int) -> list[Any]:
    """Run recipes, with a bar where somebody can see it.

    Args:
        runs: `gatewise.recipes.run_recipes` or its like.
        recipes: Its first argument.
        options: Its second argument.
        quiet: Whether nothing is shown.
        total: How many runs there are.
    """
    if quiet or not sys.stderr.isatty():
        return list(runs(recipes, options))
    from gatewise.cli.progress import RecipeBar

    with RecipeBar(total) as bar:
        return list(runs(recipes, options, bar.update))


def show(
    results: Sequence[Any],
    table: "Table",
    conclusion: str,
    content: dict[str, Any] | None,
    write: Callable[[], None] | None,
) -> None:
    """Print what came out, as a table or as JSON, and write the page whatever becomes of the printing.

    Args:
        results: What was run.
        table: The table of it.
        conclusion: What follows from it.
        content: What stands before the results in JSON; None prints the table.
        write: Writes the page; None where none is wanted.
    """
    try:
        if content is None:
            from gatewise.cli.tables import print_table

            print_table([heading.title for heading in table.headings], table.rows)
            typer.echo(conclusion)
        else:
            each = [result.to_json() for result in results]
            typer.echo(json.dumps({**content, "conclusion": conclusion, "recipes": each}, indent=2, allow_nan=False))
        sys.stdout.flush()
    finally:
        # Also where stdout takes no more: a reader that goes away early must not cost the report.
        if write is not None:
            write()
