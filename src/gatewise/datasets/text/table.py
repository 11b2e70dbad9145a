"""What every source of labelled texts becomes first: columns with names, and rows that know where they are."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Roles(NamedTuple):
    """Which column holds what, by position.

    Attributes:
        text: The texts.
        labels: The labels: one column, or one for each class.
        group: What belongs together.
        split: The part.
    """

    text: int
    labels: tuple[int, ...]
    group: int | None = None
    split: int | None = None


@dataclass
class Table:
    """Rows of cells.

    Attributes:
        name: The source as sentences name it.
        columns: The columns' names.
        rows: The cells of each row, as many as there are columns; None is a missing cell.
        places: Where each row is: a line, a position, a path.
        where: Makes "'a.csv', line 3" out of a place.
        several: Makes "lines 3, 4 and 7" out of places.
        notes: What was found out so far.
        roles: Which column holds what, where the kind of source says so.
        has_header: Whether the names come from the source.
    """

    name: str
    columns: list[str]
    rows: list[list[Any]]
    places: list[Any]
    where: Callable[[Any], str]
    several: Callable[[list[Any]], str]
    notes: list[str] = field(default_factory=list)
    roles: Roles | None = None
    has_header: bool = True
