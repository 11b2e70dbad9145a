"""``gatewise recipes``: list the classic recipes; `airline` and `imdb` below it run them."""

import json
from typing import Any

import typer
from typer.core import TyperGroup

from gatewise.cli.airline import airline
from gatewise.cli.imdb import imdb
from gatewise.cli.options import Debug, Json
from gatewise.errors import UsageError


class _Recipes(TyperGroup):
    """The two families as commands; says where a recipe's name or an option of a run belongs."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            option = getattr(error, "option_name", None)
            below = [
                name
                for one in self.commands.values()
                for each in one.params
                for name in [*each.opts, *each.secondary_opts]
            ]
            if option in below:
                raise UsageError(
                    f"Without a name 'gatewise recipes' lists the recipes, and {option} is about running them: write "
                    "'gatewise recipes airline' or 'gatewise recipes imdb' before the options."
                ) from None
            raise

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands:
            from gatewise.recipes import recipes as known

            for family in ("airline", "imdb"):
                if args[0] in {one.name for one in known(family)}:
                    raise UsageError(
                        f"There are no recipes {args[0]!r}: write 'gatewise recipes {family} --recipe {args[0]}'."
                    )
        return super().resolve_command(ctx, args)


recipes = typer.Typer(rich_markup_mode=None, cls=_Recipes)


@recipes.callback(invoke_without_command=True)
def list_recipes(context: typer.Context, as_json: Json = False, debug: Debug = False) -> None:
    """List the classic recipes, or run them with many seeds each.

    \b
    Examples:
      gatewise recipes                                   the list
      gatewise recipes airline                           those on a series, 100 seeds each
      gatewise recipes imdb --recipe imdb-lstm           one of those on movie reviews
    """  # noqa: D301
    if context.invoked_subcommand is not None:
        if as_json:
            raise UsageError(
                f"--json before {context.invoked_subcommand!r} is about the list: write it behind, "
                f"'gatewise recipes {context.invoked_subcommand} --json'."
            )
        return
    if as_json:
        _print_json()
    else:
        _print_lists()


recipes.command("airline")(airline)
recipes.command("imdb")(imdb)


def _print_json() -> None:
    from dataclasses import asdict

    from gatewise.recipes import recipes as known

    series = [{"family": "airline", **asdict(one)} for one in known("airline")]
    reviews = [{"family": "imdb", **asdict(one)} for one in known("imdb")]
    typer.echo(json.dumps([*series, *reviews], indent=2))


def _print_lists() -> None:
    from gatewise.cli.tables import print_table
    from gatewise.recipes import recipes as known
    from gatewise.recipes.airline.summary import number
    from gatewise.recipes.reviews.summary import percent

    on_series = [
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
        for one in known("airline")
    ]
    titles = ["recipe", "network", "input", "state", "epochs", "batch", "published train RMSE", "published test RMSE"]
    print_table(titles, on_series, left=4)
    typer.echo("Run them with 'gatewise recipes airline'.", err=True)
    typer.echo("")
    on_reviews = [
        [
            one.name,
            one.network,
            f"{one.length} of {one.words:,} words",
            str(one.epochs),
            str(one.batch_size),
            percent(one.published) if one.published else "–",
        ]
        for one in known("imdb")
    ]
    print_table(["recipe", "network", "input", "epochs", "batch", "published accuracy %"], on_reviews, left=3)
    typer.echo("Run them with 'gatewise recipes imdb'.", err=True)
