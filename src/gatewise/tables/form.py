"""What a caller may say about a table: how it is written, which columns are covariates, what may be mended."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypedDict, get_args

from gatewise.errors import UsageError

Layout = Literal["long", "columns", "rows"]
Fix = Literal[
    "duplicates-first",
    "duplicates-last",
    "duplicates-mean",
    "duplicates-sum",
    "gaps",
    "utc",
    "footer",
    "comments",
]


class TableFormat(TypedDict, total=False):
    """How a table is written, where it does not say so itself.

    Attributes:
        separator: What stands between two cells of a text file.
        decimal: The decimal sign of its numbers, ``"."`` or ``","``.
        thousands: The sign between groups of three digits.
        encoding: The encoding of a text file, by its Python name.
        header: Whether the first row holds the columns' names.
        sheet: Name of the sheet of a spreadsheet; the first one if left out.
        layout: ``"long"``: a row is one value of one series; ``"columns"``: a column is a series; ``"rows"``: a row is.
        date_format: The form of the timestamps, such as ``"%d.%m.%Y"``.
        time_zone: The zone in which timestamps without an offset are meant, such as ``"Europe/Berlin"``.
    """

    separator: str
    decimal: str
    thousands: str
    encoding: str
    header: bool
    sheet: str
    layout: Layout
    date_format: str
    time_zone: str


class Covariates(TypedDict, total=False):
    """The columns that explain the series, by what is known of them.

    Attributes:
        future: Known in advance, such as a calendar or a price list. Rows below the last value of a series, with an
            empty target, hold them for the time to come.
        past: Known only up to the last value, such as the weather.
        static: One value a series, number or text, such as a region.
    """

    future: Iterable[str]
    past: Iterable[str]
    static: Iterable[str]


_TYPES: dict[str, type] = {name: bool if name == "header" else str for name in TableFormat.__annotations__}


def checked_format(form: Mapping[str, Any] | None) -> TableFormat:
    """Return a format whose keys and values can be meant."""
    form = {} if form is None else form
    _known_keys("format", form, TableFormat.__annotations__)
    for key, value in form.items():
        if not isinstance(value, _TYPES[key]) or value == "":
            kind = "True or False" if key == "header" else "text"
            raise UsageError(f"format has {key}={value!r}: give {kind}.")
    for key, allowed in (("layout", get_args(Layout)), ("decimal", (".", ","))):
        if key in form and form[key] not in allowed:
            raise UsageError(f"format has {key}={form[key]!r}: give {_either(allowed)}.")
    for key in ("separator", "thousands"):
        if key in form and len(form[key].encode()) != 1:
            raise UsageError(f"format has {key}={form[key]!r}: give one ASCII character.")
    if "thousands" in form and form["thousands"] == form.get("decimal"):
        raise UsageError(f"format has {form['thousands']!r} for both decimal and thousands: give two different signs.")
    return TableFormat(**form)  # type: ignore[typeddict-item]


def checked_covariates(covariates: Mapping[str, Any] | None) -> dict[str, list[str]]:
    """Return the names of the future, past and static covariates, each named once."""
    covariates = {} if covariates is None else covariates
    _known_keys("covariates", covariates, Covariates.__annotations__)
    found: dict[str, list[str]] = {}
    for kind in Covariates.__annotations__:
        names = covariates.get(kind, ())
        found[kind] = [names] if isinstance(names, str) else list(names)
    flat = [name for names in found.values() for name in names]
    twice = next((name for name in flat if flat.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"Column {twice!r} is twice among the covariates: name each column once.")
    return found


def checked_fixes(fix: str | Iterable[str]) -> frozenset[str]:
    """Return what may be mended."""
    names = frozenset([fix] if isinstance(fix, str) else fix)
    for name in sorted(names, key=str):
        if name not in get_args(Fix):
            raise UsageError(f"fix has {name!r}, which is unknown: give {_either(get_args(Fix))}.")
    duplicates = sorted(name for name in names if name.startswith("duplicates"))
    if len(duplicates) > 1:
        raise UsageError(f"fix has {' and '.join(map(repr, duplicates))}, which exclude each other: give one of them.")
    return names


def quoted(names: Iterable[Any], limit: int = 8) -> str:
    """Return names as they stand in a sentence, no more than a few of them."""
    shown = list(names)
    return ", ".join(map(repr, shown[:limit])) + (f" and {len(shown) - limit} more" if len(shown) > limit else "")


def shown(cell: Any) -> str:
    """Return a cell as it stands in a sentence: escaped, and cut where it is long."""
    text = str(cell)
    return repr(text if len(text) <= 40 else text[:37] + "…")


def count(number: int, what: str, many: str | None = None) -> str:
    """Return a number with its noun: ``1 cell``, ``2 cells``."""
    return f"{number:,} {what if number == 1 else many or what + 's'}"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was probably meant."""
    by_fold = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), list(by_fold), n=1, cutoff=0.6)
    return by_fold[near[0]] if near else None


def _known_keys(argument: str, given: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    if not isinstance(given, Mapping):
        raise UsageError(f"{argument} is {given!r}: give a dict with any of {quoted(known, 9)}.")
    unknown = next((key for key in given if key not in known), None)
    if unknown is not None:
        near = nearest(str(unknown), known)
        hint = f"did you mean {near!r}?" if near else f"give any of {quoted(known, 9)}."
        raise UsageError(f"{argument} has the key {unknown!r}, which is unknown: {hint}")


def _either(names: Iterable[str]) -> str:
    *others, last = map(repr, names)
    return f"{', '.join(others)} or {last}"
