"""The tables of benchmarks/imdb.py, from results/imdb.json."""

from statistics import median

from gatewise.recipes import recipe
from gatewise.recipes.reviews.summary import percent
from gatewise.recipes.speed.tables import as_markdown

HEADER = ["recipe", "seeds", "test accuracy %", "published", "difference", "log loss", "s an epoch", "verdict"]
# The median is to be at most so far below the published value, in points.
MOST_BELOW = 0.5
REVIEWS = {"official": "25,000 to train, 25,000 to test", "published": "16,750 to train, 8,250 to test"}


def rows(content, split):
    """Return a row for each recipe on a split, in the order of the recipes, and one for each linear model."""
    table = []
    chosen = [row for row in content["rows"] if row["split"] == split]
    for row in sorted(chosen, key=lambda row: (_place(row["recipe"]), row["dialect"] != "keras3")):
        members = list(row["members"].values())
        accuracies = sorted(member["accuracy"] for member in members)
        known = recipe(row["recipe"])
        difference = None if known.published is None else 100 * (median(accuracies) - known.published)
        spread = "" if len(members) == 1 else f" ({percent(accuracies[0])}–{percent(accuracies[-1])})"
        table.append(
            [
                f"`{row['recipe']}`" + ("" if row["dialect"] == "keras3" else f", dialect {row['dialect']}"),
                str(len(members)),
                f"{percent(median(accuracies))}{spread}",
                "–" if known.published is None else percent(known.published),
                "–" if difference is None else f"{difference:+.2f}",
                f"{median(member['log_loss'] for member in members):.3f}",
                f"{min(member['run_seconds'] for member in members) / known.epochs:.1f}",
                _verdict(difference, len(members)),
            ]
        )
    for one in content["linear"].get(split, []):
        cells = [one["name"], "–", percent(one["accuracy"]), "–", "–", f"{one['log_loss']:.3f}"]
        table.append([*cells, "–", f"{one['seconds']:.0f} s in all"])
    return table


def _place(name):
    from gatewise.recipes import recipes

    return [one.name for one in recipes("imdb")].index(name)


def _verdict(difference, members):
    if difference is None:
        return "–"
    if members < 5:
        return "too few seeds"
    return "reached" if difference >= -MOST_BELOW else "not reached"


def parts(content):
    """Return the section of docs/benchmarks.md."""
    found = ["## Recipes on movie reviews"]
    for split, reviews in REVIEWS.items():
        table = rows(content, split)
        if table:
            found += [f"### {reviews}", as_markdown(HEADER, table)]
    found.append(
        f"Median over the seeds, and the least and the most; wanted is a median of at most {MOST_BELOW:g} points below the "
        "published value, which is a single run on another split. Seconds of the fastest seed; the machine was also used for "
        "other things meanwhile, which changes seconds and nothing else."
    )
    return found
