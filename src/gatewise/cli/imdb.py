"""``gatewise recipes imdb``: run the recipes on movie reviews with several seeds, beside linear models."""

from enum import StrEnum
from typing import Annotated

import typer

from gatewise.cli.options import Debug, Force, Json, Quiet, Seed
from gatewise.cli.recipe_runs import Dialect, Members, Names, Page, chosen, run, show


class Split(StrEnum):
    """Which reviews are trained and tested with."""

    official = "official"
    published = "published"


def imdb(
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="PATH",
            help="The archive aclImdb_v1.tar.gz, or the folder unpacked from it. [default: what GATEWISE_IMDB names, "
            "or a download of 84 MB]",
        ),
    ] = None,
    recipe: Names = None,
    members: Members = 5,
    split: Annotated[
        list[Split],
        typer.Option(
            "--split",
            help="official: 25,000 reviews to train and 25,000 to test with; published: 16,750 and 8,250 of the training "
            "reviews, sizes as in the published logs; may be given again.",
        ),
    ] = [Split.official],  # noqa: B006  as typer wants it
    units: Annotated[
        int | None, typer.Option("--units", metavar="N", help="Units of the recurrent layer, instead of the recipe's.")
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option("--epochs", metavar="N", help="Passes over the training reviews, instead of the recipe's."),
    ] = None,
    dialect: Annotated[
        Dialect,
        typer.Option(
            "--dialect", help="Whose defaults the recurrent layers have; those of Keras 2 take several times as long."
        ),
    ] = Dialect.keras3,
    seed: Seed = 0,
    as_json: Json = False,
    report: Page = None,
    force: Force = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Run the recipes on movie reviews with several seeds each, beside the published accuracy and linear models.

    One network takes about a minute on two cores; all ten recipes with five seeds an hour.

    \b
    Examples:
      gatewise recipes imdb --recipe imdb-lstm --members 1
      gatewise recipes imdb --data aclImdb_v1.tar.gz --report imdb.html
      gatewise recipes imdb --recipe imdb-cnn-lstm --split published --split official --json
    """  # noqa: D301
    from gatewise import recipes as room
    from gatewise.recipes.reviews import summary

    recipes = chosen("imdb", recipe)
    if report is not None:
        from gatewise.report import check_target

        check_target(report, force)
    splits = tuple(dict.fromkeys(one.value for one in split))
    options = room.ReviewOptions(
        path=data,
        splits=splits,  # type: ignore[arg-type]
        members=members,
        seed=seed,
        dialect=dialect.value,
        units=units,
        epochs=epochs,
    )
    results = run(room.run_reviews, recipes, options, quiet, len(recipes) * len(splits))

    def write() -> None:
        from gatewise.report.reviews_page import write_reviews

        write_reviews(results, report, force=force)  # type: ignore[arg-type]

    content = {"data": data or "imdb"} if as_json else None
    show(results, summary.table(results), summary.conclusion(results), content, write if report else None)
    if report is not None and not quiet:
        typer.echo(f"report: {report}", err=True)
