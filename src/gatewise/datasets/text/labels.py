"""Labels of any kind to classes: the same class however it is written, and what cannot be labels."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Int32

from gatewise.datasets.text.frames import is_missing
from gatewise.datasets.text.roles import MOST_CLASSES
from gatewise.datasets.text.table import Roles, Table
from gatewise.datasets.text.wording import listed, short
from gatewise.errors import DataError, UsageError
from gatewise.tables.form import count

_WHOLE = re.compile(r"([+-]?\d{1,15})\.0+", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,15}", re.ASCII)
_TRUE_FALSE = {"1": True, "0": False, "true": True, "false": False}
# With fewer labels, every one of them being another class can be meant.
_FEW = 10

Labels = Int32[np.ndarray, " samples"] | Bool[np.ndarray, "samples classes"]


class Classes(NamedTuple):
    """The classes of labels.

    Attributes:
        names: Their names, in order.
        multi: Whether a text may have several.
    """

    names: tuple[str, ...]
    multi: bool


def label_name(value: Any) -> str | None:
    """Return a label as the name of a class; None where it is missing.

    Blanks around it do not count, and a whole number is the same class however it is written.

    >>> [label_name(value) for value in (1, 1.0, "1", "1.0", " pos ", True, "", None)]
    ['1', '1', '1', '1', 'pos', 'True', None, None]
    """
    if is_missing(value):
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value).strip()
    whole = _WHOLE.fullmatch(text)
    return (str(int(whole[1])) if whole else text) or None


def read_labels(table: Table, roles: Roles, separator: str | None) -> list[tuple[str, ...]]:
    """Return the names of the classes of each row.

    Args:
        table: The table.
        roles: Where its labels are.
        separator: What stands between several labels in one cell; None where a cell is one label.

    Raises:
        DataError: A label is missing, or a column of 0 and 1 holds something else.
    """
    if len(roles.labels) > 1:
        return _from_columns(table, roles.labels)
    column = roles.labels[0]
    result = []
    missing = []
    rewritten = False
    for row, place in zip(table.rows, table.places, strict=True):
        value = row[column]
        several = isinstance(value, list | tuple | set | frozenset)
        parts = value if several else str(value).split(separator) if separator and not is_missing(value) else [value]
        names = [label_name(part) for part in parts]
        rewritten |= any(name is not None and name != str(part) for name, part in zip(names, parts, strict=True))
        if any(name is None for name in names) and not (separator and names == [None]):
            missing.append(place)
        result.append(tuple(dict.fromkeys(name for name in names if name is not None)))
    if missing:
        more = f" (and {len(missing) - 1:,} more)" if len(missing) > 1 else ""
        sign = None if separator else sign_between({name for names in result for name in names})
        or_none = f"; or, if a text may have several labels or none, pass separator={sign!r}" if sign else ""
        raise DataError(
            f"{table.where(missing[0])}{more} has no label in column {table.columns[column]!r}: fill it in, or delete the "
            f"row{or_none}."
        )
    if rewritten:
        table.notes.append(
            "Blanks around labels were taken off, and whole numbers are one class however written (1, 1.0)."
        )
    return result


def sign_between(names: Iterable[str]) -> str | None:
    """Return what seems to stand between several labels in names that were taken for one; None where nothing does.

    >>> sign_between({"red;round", "red;square"}), sign_between({"New York, NY", "Paris"})
    (';', None)
    """
    known = set(names)
    for sign in (";", "|", ","):
        parts = [part.strip() for name in known for part in name.split(sign)]
        joined = [part.strip() for name in known if sign in name for part in name.split(sign)]
        # A part that is met again elsewhere is a label by itself.
        if any(parts.count(part) > 1 for part in joined):
            return sign
    return None


def classes_of(table: Table, labels: Sequence[tuple[str, ...]], roles: Roles, separator: str | None) -> Classes:
    """Return the classes that labels are of.

    Raises:
        DataError: There is only one, or so many that they are no classes.
    """
    several = len(roles.labels) > 1
    declared = {table.columns[place] for place in roles.labels} if several else set()
    names = {name for each in labels for name in each} | declared
    column = table.columns[roles.labels[0]]
    if not several and _like_ids(len(names), len(labels)):
        raise DataError(
            f"{table.name}, column {column!r} holds {len(names):,} different labels in {count(len(labels), 'row')} "
            f"({listed(sorted(names)[:3])}, …): it seems to be an identifier or a text; name the column of the classes, "
            "label=…."
        )
    multi = several or separator is not None or any(len(each) != 1 for each in labels)
    if len(names) < 2:
        only = f"one class, {short(next(iter(names)))}" if names else "no class"
        raise DataError(f"{table.name} holds {only}: give texts of at least two classes.")
    numbers = all(map(_NUMBER.fullmatch, names))
    return Classes(tuple(sorted(names, key=lambda name: (int(name) if numbers else 0, name))), multi)


def as_array(table: Table, labels: Sequence[tuple[str, ...]], classes: Classes, places: Sequence[Any]) -> Labels:
    """Return labels, each with its place, as positions among classes.

    Raises:
        DataError: A label is none of the classes, or a text has several where it is to have one.
    """
    position = {name: place for place, name in enumerate(classes.names)}
    unknown = [i for i, each in enumerate(labels) if any(name not in position for name in each)]
    if unknown:
        new = sorted({name for i in unknown for name in labels[i] if name not in position})
        raise DataError(
            f"{table.where(places[unknown[0]])} has the label {short(new[0])}, which no training text has; "
            f"{count(len(unknown), 'text')} {'has' if len(unknown) == 1 else 'have'} labels that are new ({listed(new)}), "
            f"and the classes are {listed(classes.names)}: correct them, or add such texts to the training part."
        )
    if classes.multi:
        result = np.zeros((len(labels), len(classes.names)), bool)
        for row, each in enumerate(labels):
            result[row, [position[name] for name in each]] = True
        return result
    odd = next((i for i, each in enumerate(labels) if len(each) != 1), None)
    if odd is not None:
        raise DataError(
            f"{table.where(places[odd])} has {len(labels[odd])} labels, and every training text has one: give it one."
        )
    return np.array([position[each[0]] for each in labels], np.int32)


def _like_ids(distinct: int, rows: int) -> bool:
    return distinct > MOST_CLASSES or (rows >= _FEW and distinct > rows / 2)


def _from_columns(table: Table, columns: Sequence[int]) -> list[tuple[str, ...]]:
    result = []
    for row, place in zip(table.rows, table.places, strict=True):
        names = []
        for column in columns:
            name = label_name(row[column])
            value = None if name is None else _TRUE_FALSE.get(name.lower())
            if value is None:
                found = "is empty" if name is None else f"holds {short(row[column])}"
                raise DataError(
                    f"{table.where(place)}, column {table.columns[column]!r} {found}, and a column for each class holds 0 and "
                    "1: correct it."
                )
            if value:
                names.append(table.columns[column])
        result.append(tuple(names))
    return result


def check_separator(separator: object) -> None:
    """Refuse what cannot stand between labels.

    Raises:
        UsageError: It is no text, or nothing.
    """
    if separator is not None and (not isinstance(separator, str) or not separator):
        raise UsageError(f"separator is {short(separator)}: give what stands between two labels, such as ','.")
