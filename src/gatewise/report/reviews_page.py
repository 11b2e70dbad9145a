"""The page on review recipes: the table in words, every seed's accuracy, and how each recipe learnt."""

from collections.abc import Sequence
from pathlib import Path

from gatewise.recipes import ReviewResult
from gatewise.recipes.reviews import summary
from gatewise.report import reviews_figures
from gatewise.report.page import render
from gatewise.report.traces import Figure
from gatewise.report.writing import write_text
from gatewise.version import __version__


def write_reviews(results: Sequence[ReviewResult], path: str | Path, force: bool = False) -> None:
    """Write the report on review recipes that were run.

    Args:
        results: At least one result.
        path: The HTML file.
        force: Whether the file may exist and be overwritten.

    Raises:
        UsageError: The file exists and `force` is not given, or the path is a folder.
        EnvironmentFault: The file cannot be written.
    """
    write_text(path, reviews_page(results), force)


def reviews_page(results: Sequence[ReviewResult]) -> str:
    """Return the report as HTML; see `write_reviews`."""
    first = results[0]
    headings, rows = summary.table(results)
    shown: dict[str, Figure] = {"accuracies": reviews_figures.accuracies(results)}
    sections = []
    for place, result in enumerate(results):
        shown[f"learning-{place}"] = reviews_figures.learning(result)
        recipe = result.recipe
        about = f"{recipe.network}; {recipe.epochs} epochs, batch size {recipe.batch_size}."
        sections.append({"place": place, "name": reviews_figures.label(result), "about": about})
    return render(
        "reviews.html",
        shown,
        conclusion=summary.conclusion(results),
        headings=headings,
        rows=rows,
        settings={
            "seeds": f"{len(first.members)}, drawn from seed {first.seed}",
            "dialect": first.dialect,
            "gatewise": __version__,
        },
        sections=sections,
        height=120 + 34 * len(results),
    )
