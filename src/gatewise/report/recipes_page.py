"""The page on recipes: the table in words, and plots of each recipe's fit and learning."""

from collections.abc import Sequence
from pathlib import Path

from gatewise.recipes import Recipe, RecipeResult
from gatewise.recipes.airline import summary
from gatewise.report import recipes_figures
from gatewise.report.page import render
from gatewise.report.traces import Figure
from gatewise.report.writing import write_text
from gatewise.version import __version__


def write_recipes(
    results: Sequence[RecipeResult], path: str | Path, series: str = "airline", force: bool = False
) -> None:
    """Write the report on recipes that were run: the table, and for each recipe its fit and its learning curve.

    Args:
        results: At least one result, all of the same series.
        path: The HTML file.
        series: What the series is called.
        force: Whether the file may exist and be overwritten.

    Raises:
        UsageError: The file exists and `force` is not given, or the path is a folder.
        EnvironmentFault: The file cannot be written.
    """
    write_text(path, recipes_page(results, series), force)


def recipes_page(results: Sequence[RecipeResult], series: str = "airline") -> str:
    """Return the report as HTML; see `write_recipes`."""
    first = results[0]
    headings, rows = summary.table(results)
    shown: dict[str, Figure] = {"distribution": recipes_figures.distribution(results)}
    sections = []
    for place, result in enumerate(results):
        shown[f"fit-{place}"] = recipes_figures.fit(result)
        shown[f"learning-{place}"] = recipes_figures.learning(result)
        sections.append({"place": place, "name": result.recipe.name, "about": _about(result.recipe)})
    return render(
        "recipes.html",
        shown,
        series=series,
        conclusion=summary.conclusion(results),
        headings=headings,
        rows=rows,
        links=[f"recipe-{place}" for place in range(len(results))],
        settings={
            "series": f"{series}, {len(first.values)} values",
            "seeds": f"{first.members}, drawn from seed {first.seed}",
            "dialect": first.dialect,
            "gatewise": __version__,
        },
        sections=sections,
        distribution_height=120 + 44 * len(results),
    )


def _about(recipe: Recipe) -> str:
    window = f"{recipe.look_back} past value{'s' if recipe.look_back > 1 else ''}"
    shape = {
        "flat": f"{window} as inputs",
        "features": f"{window} as feature{'s' if recipe.look_back > 1 else ''} of one time step",
        "steps": f"{window} as time steps of one feature",
    }[recipe.layout]
    state = (
        "; state carried from batch to batch, zero before each epoch and each prediction pass"
        if recipe.stateful
        else ""
    )
    scale = ""
    if recipe.scale:
        scale = f"; rescaled to 0…1 by the {'whole series' if recipe.leak else 'training part'}"
    return f"{recipe.network}; {shape}{scale}; {recipe.epochs} epochs, batch size {recipe.batch_size}{state}."
