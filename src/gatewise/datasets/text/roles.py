"""Which column of a table holds the texts, which the labels: as named by the user, by the header, or by what is in them."""

from collections.abc import Sequence
from typing import Any

from gatewise.datasets.text.folders import PART_NAMES
from gatewise.datasets.text.frames import is_missing
from gatewise.datasets.text.table import Roles, Table
from gatewise.datasets.text.wording import listed, short
from gatewise.errors import DataError, UsageError
from gatewise.tables.form import nearest

_TEXT_NAMES = ("text", "review", "sentence", "content", "comment", "message", "document", "tweet", "body")
_LABEL_NAMES = ("label", "labels", "class", "category", "target", "sentiment", "polarity", "topic", "intent")
_SPLIT_NAMES = ("split", "part", "subset", "fold")
_GROUP_NAMES = ("group", "groups")
MOST_CLASSES = 1000

Name = str | int


def find_roles(
    table: Table,
    text: Name | None,
    label: Any,
    group: Name | None,
    split: Name | None,
) -> Roles:
    """Decide which column holds what; adds to the table's notes how.

    Args:
        table: The table.
        text: The column of the texts, by name or by number from 1; None to find it.
        label: That of the labels; several names for a column of 0 and 1 for each class.
        group: That of the groups, where there are any.
        split: That of the parts, where there is one.

    Raises:
        UsageError: The same column is to be two things.
        DataError: A column is not there, or cannot be found out.
    """
    given: dict[str, Name | None] = {"text": text, "group": group, "split": split}
    places = {role: None if name is None else _place(table, role, name) for role, name in given.items()}
    named = list(label) if isinstance(label, list | tuple) else [label]
    labels = [_place(table, "label", name) for name in named if name is not None]
    taken = [place for place in [*places.values(), *labels] if place is not None]
    if len(set(taken)) < len(taken):
        twice = next(place for place in taken if taken.count(place) > 1)
        raise UsageError(
            f"Column {table.columns[twice]!r} is named twice: give each of text, label, group and split its own."
        )
    columns = _Columns(table, set(taken))
    for role, names in (("split", _SPLIT_NAMES), ("group", _GROUP_NAMES)):
        if places[role] is None:
            place = columns.named(names)
            if place is not None and (role == "group" or columns.holds_parts(place)):
                places[role] = columns.take(place)
    by_name = None if labels else columns.named(_LABEL_NAMES)
    if by_name is not None:
        labels = [columns.take(by_name)]
    found_text = places["text"]
    if found_text is None:
        by_name = columns.named(_TEXT_NAMES)
        found_text = columns.take(columns.longest() if by_name is None else by_name)
    if not labels:
        labels = [columns.take(columns.of_classes(found_text))]
    roles = Roles(found_text, tuple(labels), places["group"], places["split"])
    _refuse_swapped(table, columns, roles)
    table.notes.append(_said(table, roles))
    return roles


def find_text(table: Table, text: Name | None) -> int:
    """Decide which column holds the texts, where nothing else is looked for; adds to the table's notes how.

    Raises:
        DataError: The column is not there, or cannot be found out.
    """
    columns = _Columns(table, set())
    by_name = columns.named(_TEXT_NAMES) if text is None else _place(table, "text", text)
    place = by_name
    if place is None:
        place = 0 if len(table.columns) == 1 else columns.longest()
    table.notes.append(f"Texts are in column {table.columns[place]!r}.")
    return place


def names_texts(name: str) -> bool:
    """Say whether a column of this name holds texts."""
    return name.strip().lower() in _TEXT_NAMES


class _Columns:
    """The columns that nothing was found in yet."""

    def __init__(self, table: Table, taken: set[int]) -> None:
        self.table = table
        self.free = [place for place in range(len(table.columns)) if place not in taken]

    def take(self, place: int) -> int:
        self.free.remove(place)
        return place

    def named(self, names: Sequence[str]) -> int | None:
        """Return the free column with the first of these names, in any case.

        Raises:
            DataError: Several have it, so that one has to be named by its number.
        """
        if not self.table.has_header:
            return None
        lower = [(self.table.columns[place].strip().lower(), place) for place in self.free]
        for name in names:
            places = [place for found, place in lower if found == name]
            if len(places) > 1:
                numbers = " and ".join(str(place + 1) for place in places)
                raise DataError(
                    f"{self.table.name} has {len(places)} columns named {name!r}, with the numbers {numbers}: rename all but "
                    "one, or name one by its number."
                )
            if places:
                return places[0]
        return None

    def cells(self, place: int) -> list[Any]:
        return [row[place] for row in self.table.rows if not is_missing(row[place])]

    def mean_length(self, place: int) -> float:
        lengths = [len(cell) for cell in self.cells(place) if isinstance(cell, str)]
        return sum(lengths) / len(lengths) if lengths else 0.0

    def distinct(self, place: int) -> int:
        return len({str(cell).strip() for cell in self.cells(place)} - {""})

    def holds_parts(self, place: int) -> bool:
        cells = self.cells(place)
        return bool(cells) and all(str(cell).strip().lower() in PART_NAMES for cell in cells)

    def longest(self) -> int:
        """Return the column with by far the longest texts."""
        lengths = sorted(((self.mean_length(place), place) for place in self.free), reverse=True)
        if lengths and lengths[0][0] > 0 and (len(lengths) == 1 or lengths[0][0] >= 2 * lengths[1][0]):
            return lengths[0][1]
        raise DataError(
            f"{self.table.name} has no column whose name or length says that it holds the texts "
            f"({_shown(self.table)}): name it, text=…."
        )

    def of_classes(self, text: int) -> int:
        """Return the one column that holds few different values, often."""
        rows = len(self.table.rows)
        few = [place for place in self.free if 0 < self.distinct(place) <= min(MOST_CLASSES, max(rows // 2, 2))]
        if len(few) == 1:
            return few[0]
        if len(self.table.columns) == 1:
            raise DataError(
                f"{self.table.name} has only one column, {self.table.columns[text]!r}, and no labels: add a column of labels."
            )
        found = f"{len(few)} columns could hold the labels" if few else "no column looks like labels"
        shown = listed([self.table.columns[place] for place in few]) if few else _shown(self.table)
        raise DataError(f"{self.table.name}: {found} ({shown}): name it, label=….")


def _place(table: Table, role: str, name: Name) -> int:
    if table.columns.count(str(name)) == 1:
        return table.columns.index(str(name))
    if table.columns.count(str(name)) > 1:
        raise DataError(
            f"{table.name} has {table.columns.count(str(name))} columns named {name!r}: rename all but one."
        )
    number = str(name)
    if number.isascii() and number.isdigit() and 1 <= int(number) <= len(table.columns):
        return int(number) - 1
    if not isinstance(name, str | int) or isinstance(name, bool):
        raise UsageError(f"{role} is {short(name)}: give the name of a column, or its number from 1.")
    near = nearest(str(name), table.columns)
    hint = f"did you mean {near!r}?" if near else f"choose one of {_shown(table)}."
    raise DataError(f"{table.name} has no column {name!r}: {hint}")


def _refuse_swapped(table: Table, columns: _Columns, roles: Roles) -> None:
    """Refuse labels that are long and all different beside texts that are short and few."""
    if len(roles.labels) != 1 or len(table.rows) < 4:
        return
    label = roles.labels[0]
    many, half = columns.distinct(label), len(table.rows) / 2
    if many > half >= columns.distinct(roles.text) and columns.mean_length(label) > columns.mean_length(roles.text):
        text, swapped = table.columns[roles.text], table.columns[label]
        raise DataError(
            f"{table.name}: column {swapped!r}, named as the label, holds {many:,} different texts, and column {text!r} "
            f"holds {columns.distinct(roles.text):,} short ones: they seem to be swapped; pass text={swapped!r}, "
            f"label={text!r}."
        )


def _said(table: Table, roles: Roles) -> str:
    names = [table.columns[place] for place in roles.labels]
    labels = (
        f"labels in column {names[0]!r}" if len(names) == 1 else f"labels in {len(names)} columns ({listed(names)})"
    )
    more = [
        f"{word} in column {table.columns[place]!r}"
        for word, place in (("groups", roles.group), ("parts", roles.split))
        if place is not None
    ]
    used = {roles.text, *roles.labels, roles.group, roles.split}
    rest = [name for place, name in enumerate(table.columns) if place not in used]
    unused = f"; not used: {listed(rest)}" if rest else ""
    return f"Texts are in column {table.columns[roles.text]!r}, {', '.join([labels, *more])}{unused}."


def _shown(table: Table) -> str:
    return listed(table.columns)
