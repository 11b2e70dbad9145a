"""The table of results, as text and as HTML: what both families of recipes are shown in."""

import html
from typing import NamedTuple

NOTHING = "–"


class Heading(NamedTuple):
    """One column of the table.

    Attributes:
        title: What stands at its head.
        meaning: What the column holds, in a sentence.
    """

    title: str
    meaning: str


class Table(NamedTuple):
    """Results as text.

    Attributes:
        headings: One a column.
        rows: The cells of each result.
    """

    headings: list[Heading]
    rows: list[list[str]]


def html_of(table: Table, conclusion: str) -> str:
    """Return a table, and what follows from it, as HTML."""
    head = "".join(f'<th title="{html.escape(meaning)}">{html.escape(title)}</th>' for title, meaning in table.headings)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>" for cells in table.rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{html.escape(conclusion)}</p>"
