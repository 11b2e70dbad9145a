"""What can be typed about a table: how it is written, and what may be mended in it."""

from typing import Annotated, Any

import typer

from gatewise.errors import UsageError

Fixes = Annotated[
    list[str] | None,
    typer.Option("--fix", metavar="WHAT", help="What may be mended, such as 'footer'; may be given again."),
]
Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        metavar="KEY=VALUE",
        help="How the table is written, such as 'header=False' or 'decimal=,'; may be given again.",
    ),
]

_TRUTHS = {"true": True, "yes": True, "false": False, "no": False}


def format_of(typed: list[str] | None) -> dict[str, Any]:
    """Return the ``KEY=VALUE`` that were typed as the `format` of `read_series`."""
    form: dict[str, Any] = {}
    for pair in typed or []:
        key, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--format is {pair!r}: give KEY=VALUE, such as header=False.")
        form[key] = _TRUTHS.get(value.lower(), value) if key == "header" else value
    return form
