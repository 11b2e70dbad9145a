"""What every page shares: how templates are filled, and how data gets into a page without breaking out of it."""

import json
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from gatewise.report.traces import Figure


def render(template: str, figures: Mapping[str, Figure] | None, **content: Any) -> str:
    """Return a page as HTML that needs nothing else: style, data, plots and what draws them are inside of it.

    Args:
        template: The name of a file in ``templates`` that extends ``page.html``.
        figures: What Plotly draws into the element of each name; None for a page that draws by itself, and is smaller by
            Plotly's four megabytes.
        content: What the template shows; every text is escaped. A value named ``data`` is there for the page's scripts.
    """
    return (
        _environment()
        .get_template(template)
        .render(
            figures=None if figures is None else _json(figures),
            data=_json(content.pop("data", None)),
            plotly=None if figures is None else Markup(get_plotlyjs()),
            **content,
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
