"""The HTML page: a template, the table in words, and figures that draw themselves from data inside the page."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from gatewise.recipes import Recipe, RecipeResult
from gatewise.recipes.airline import summary
from gatewise.report import figures
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
    shown: dict[str, figures.Figure] = {"distribution": figures.distribution(results)}
    sections = []
    for place, result in enumerate(results):
        shown[f"fit-{place}"] = figures.fit(result)
        shown[f"learning-{place}"] = figures.learning(result)
        sections.append({"place": place, "name": result.recipe.name, "about": _about(result.recipe)})
    return (
        _environment()
        .get_template("recipes.html")
        .render(
            series=series,
            conclusion=summary.conclusion(results),
            headings=headings,
            rows=rows,
            settings={
                "series": f"{series}, {len(first.values)} values",
                "seeds": f"{first.members}, drawn from seed {first.seed}",
                "dialect": first.dialect,
                "gatewise": __version__,
            },
            sections=sections,
            distribution_height=120 + 44 * len(results),
            figures=_json(shown),
            plotly=Markup(get_plotlyjs()),
        )
    )


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("gatewise.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # A range, and a per cent sign with its number, stay on one line: a no-break space, and word joiners at the dash.
    environment.filters["unbroken"] = lambda text: text.replace(" %", "\u00a0%").replace("–", "\u2060–\u2060")
    return environment


def _json(content: Any) -> Markup:
    """Return JSON that may stand inside a script element, whatever strings it holds."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


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
