"""Tables on a terminal: cut into several where the terminal is narrow, in one piece in a pipe."""

import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TextIO

from gatewise.cli.wording import without_controls

_GAP = 2


def print_table(
    titles: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1, file: TextIO | None = None
) -> None:
    """Print rows of text under their titles, no cell ever cut short.

    A table too wide for the terminal is printed as several, one below the other, each with the first column.

    Args:
        titles: One a column.
        rows: The cells.
        left: How many columns, from the first, are aligned to the left; the others to the right.
        file: Where to; None is stdout.
    """
    from rich.box import SIMPLE_HEAD
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table

    titles = [without_controls(title) for title in titles]
    rows = [[without_controls(cell) for cell in row] for row in rows]
    # A title may be broken between its words; a cell may not.
    widths = [
        max([0, *map(cell_len, title.split()), *(cell_len(row[place]) for row in rows)])
        for place, title in enumerate(titles)
    ]
    file = sys.stdout if file is None else file
    console = Console(file=file)
    available = console.width if file.isatty() else sum(widths) + _GAP * len(widths)
    console = Console(file=file, width=max(available, max(widths) + widths[0] + _GAP))
    for number, places in enumerate(_pieces(widths, available)):
        table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, _GAP - 1, 0, 0))
        for place in places:
            justify = "left" if place < left else "right"
            table.add_column(titles[place], justify=justify, vertical="bottom", width=widths[place])  # type: ignore[arg-type]
        for row in rows:
            table.add_row(*(row[place] for place in places))
        if number:
            console.print()
        try:
            console.print(table, highlight=False, markup=False)
        except SystemExit as error:
            # rich leaves the process where the reader has gone away; what that means is said in one place, for all.
            raise BrokenPipeError from error


def _pieces(widths: Sequence[int], available: int) -> Iterator[list[int]]:
    """Cut the columns into runs that fit, each led by the first column."""
    cuts = [1]
    used = widths[0]
    for place, width in enumerate(widths[1:], start=1):
        if used + _GAP + width > available and place > cuts[-1]:
            cuts.append(place)
            used = widths[0]
        used += _GAP + width
    for start, stop in pairwise([*cuts, len(widths)]):
        yield [0, *range(start, stop)]
