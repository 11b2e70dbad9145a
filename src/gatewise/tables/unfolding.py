"""From a table in one of three layouts to rows, each one value of one series at one time."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from jaxtyping import Float64, Int, Int32

from gatewise.errors import DataError
from gatewise.tables.cells import LARGEST, MISSING, numbers
from gatewise.tables.delimited import Use
from gatewise.tables.dialect import Dialect
from gatewise.tables.form import TableFormat, count, quoted
from gatewise.tables.roles import Roles
from gatewise.tables.spellings import looks_like_time
from gatewise.tables.timestamps import TimeReader, Times

if TYPE_CHECKING:
    import pandas as pd


class Sheet(Protocol):
    """A table that can be read once, from the top to the bottom."""

    name: str
    dialect: Dialect
    notes: list[str]

    def where(self, record: int, column: int | None = None) -> str:
        """Return the place of a record, counted from 0, or of its cell, as a sentence names it."""

    def blocks(self, wanted: Mapping[int, Use]) -> Iterator["pd.DataFrame"]:
        """Yield the wanted columns, piece by piece."""


@dataclass
class Unfolded:
    """All values of all series.

    Attributes:
        ids: The series' names, ``(series,)``.
        codes: The series of each row, ``(rows,)``.
        times: The time of each.
        values: The value, NaN where it is missing, ``(rows,)``.
        where_time: Names the place of a row's time.
        timed: Past and future covariates, each ``(rows, features)``.
        timed_names: Their columns.
        static: Static covariates, ``(rows,)`` each.
        notes: What was found out, as sentences.
    """

    ids: np.ndarray
    codes: Int[np.ndarray, " rows"]
    times: Times
    values: Float64[np.ndarray, " rows"]
    where_time: Callable[[int], str]
    timed: dict[str, Float64[np.ndarray, "rows features"]] = field(default_factory=dict)
    timed_names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    static: dict[str, np.ndarray] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class _Names:
    """Numbers the labels of a column in the order in which they are met."""

    def __init__(self, where: Callable[[int], str]) -> None:
        self.where = where
        self.numbers: dict[Any, int] = {}
        self.padded: set[str] = set()

    def codes(self, column: "pd.Series", seen: int) -> Int32[np.ndarray, " rows"]:
        """Return the number of each row's label, ``(rows,)``; `seen` rows came before."""
        import pandas as pd

        if isinstance(column.dtype, pd.CategoricalDtype):
            codes, labels = column.cat.codes.to_numpy(), column.cat.categories.tolist()
        else:
            codes, found = pd.factorize(column)
            labels = found.tolist()
        used, first = np.unique(codes, return_index=True)
        numbered = np.zeros(len(labels), np.int32)
        for place in np.argsort(first):
            label = labels[used[place]] if used[place] >= 0 else ""
            if isinstance(label, str):
                self.padded.update([label] if label != label.strip() else [])
                label = label.strip()
            if label in MISSING[:1]:
                raise DataError(f"{self.where(seen + int(first[place]))} is empty: name the series, or delete the row.")
            numbered[used[place]] = self.numbers.setdefault(label, len(self.numbers))
        return numbered[codes]

    @property
    def array(self) -> np.ndarray:
        """The labels: whole numbers if all are, else objects, ``(series,)``."""
        labels = list(self.numbers)
        if all(isinstance(label, int) and not isinstance(label, bool) for label in labels):
            return np.array(labels, np.int64)
        array = np.empty(len(labels), object)
        array[:] = labels
        return array

    def notes(self) -> list[str]:
        """Return a note where labels had blanks around them."""
        padded = sorted(self.padded)
        return (
            [f"Blanks around {count(len(padded), 'name')} of series were taken off ({quoted(padded, 3)})."]
            if padded
            else []
        )


def unfold(sheet: Sheet, roles: Roles, form: TableFormat, fix: frozenset[str]) -> Unfolded:
    """Read a table to its end and return its rows."""
    if roles.layout == "long":
        return _long(sheet, roles, form, fix)
    return _wide(sheet, roles, form, fix)


def _reader(sheet: Sheet, column: int, form: TableFormat, fix: frozenset[str]) -> TimeReader:
    where = partial(_cell, sheet, column)
    return TimeReader(sheet.dialect.names[column], where, form.get("date_format"), "utc" in fix)


def _cell(sheet: Sheet, column: int, record: int) -> str:
    return sheet.where(record, column)


def _long(sheet: Sheet, roles: Roles, form: TableFormat, fix: frozenset[str]) -> Unfolded:
    style, kinds = sheet.dialect.style, sheet.dialect.kinds
    wanted: dict[int, Use] = {column: "label" for column in (roles.id, roles.time) if column is not None}
    timed = {kind: roles.covariates[kind] for kind in ("past", "future")}
    static = roles.covariates["static"]
    for column in (*roles.values, *timed["past"], *timed["future"], *static):
        wanted[column] = "label" if column in static and kinds[column] != "number" else "number"
    reader = None if roles.time is None else _reader(sheet, roles.time, form, fix)
    names = _Names(partial(_cell, sheet, roles.id or 0))
    texts = {
        column: _Names(partial(_cell, sheet, column))
        for column, use in wanted.items()
        if column in static and use == "label"
    }
    codes: list[np.ndarray] = []
    columns: dict[int, list[np.ndarray]] = {
        column: [] for column, use in wanted.items() if use == "number" or column in texts
    }
    seen = 0
    for block in sheet.blocks(wanted):
        if roles.id is not None:
            codes.append(names.codes(block[roles.id], seen))
        if reader is not None:
            reader.add(block[roles.time])
        for column, parts in columns.items():
            if column in texts:
                parts.append(texts[column].codes(block[column], seen))
            else:
                parts.append(numbers(block[column], style, _after(partial(_cell, sheet, column), seen)))
        seen += len(block)
    joined = {column: np.concatenate(columns.pop(column)) for column in list(columns)}
    for column in (*timed["past"], *timed["future"], *(column for column in static if column not in texts)):
        # What is only known afterwards is not known where there is no value yet.
        known = joined[roles.values[0]] if column in timed["past"] else np.zeros(seen)
        for place in np.flatnonzero(np.isnan(joined[column]) & ~np.isnan(known))[:1]:
            raise DataError(f"{sheet.where(int(place), column)} is empty, and a covariate has to be known: fill it in.")
    if roles.id is None:
        ids, code = np.array([sheet.dialect.names[roles.values[0]]], object), np.zeros(seen, np.int32)
    else:
        ids, code = names.array, np.concatenate(codes)
        codes.clear()
    times = _counted(code) if reader is None else reader.finish()
    return Unfolded(
        ids,
        code,
        times,
        joined[roles.values[0]],
        partial(sheet.where, column=roles.time),
        {kind: np.stack([joined[column] for column in places], -1) for kind, places in timed.items() if places},
        {kind: tuple(sheet.dialect.names[column] for column in places) for kind, places in timed.items() if places},
        {
            sheet.dialect.names[column]: texts[column].array[joined[column]] if column in texts else joined[column]
            for column in static
        },
        names.notes(),
    )


def _after(where: Callable[[int], str], seen: int) -> Callable[[int], str]:
    return lambda row: where(seen + row)


def _counted(codes: Int[np.ndarray, " rows"]) -> Times:
    """Return the number of each row within its series, from 0."""
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    lengths = np.diff(starts, append=len(codes))
    values = np.empty(len(codes), np.int64)
    values[order] = np.arange(len(codes)) - np.repeat(starts, lengths)
    return Times("integer", values, None, ["There is no column of times: rows are counted from 0."])


def _wide(sheet: Sheet, roles: Roles, form: TableFormat, fix: frozenset[str]) -> Unfolded:
    """Read a table whose columns are series, or whose rows are."""
    labels = roles.id if roles.layout == "rows" else roles.time
    wanted: dict[int, Use] = dict.fromkeys(roles.values, "number")
    if labels is not None:
        wanted[labels] = "label"
    reader = None if roles.time is None else _reader(sheet, roles.time, form, fix)
    names = _Names(partial(_cell, sheet, roles.id or 0))
    matrices: list[np.ndarray] = []
    codes: list[np.ndarray] = []
    seen = 0
    for block in sheet.blocks(wanted):
        if reader is not None:
            reader.add(block[roles.time])
        if roles.layout == "rows":
            codes.append(names.codes(block[roles.id], seen))
        matrices.append(_matrix(sheet, block, roles.values, seen))
        seen += len(block)
    matrix = np.concatenate(matrices)
    if roles.layout == "rows":
        code = np.concatenate(codes)
        for place in np.flatnonzero(np.diff(np.sort(code)) == 0)[:1]:
            row = int(np.flatnonzero(code == np.sort(code)[place])[1])
            raise DataError(
                f"{_cell(sheet, roles.id or 0, row)} is {names.array[code[row]]!r} once more: give each series one row."
            )
        return _in_rows(sheet, roles, matrix, names, form, fix)
    ids = np.array([sheet.dialect.names[column] for column in roles.values], object)
    times = _counted(np.zeros(len(matrix), np.int64)) if reader is None else reader.finish()
    kept = _from_first_to_last(~np.isnan(matrix.T))
    series, rows = np.nonzero(kept)
    empty = ids[~kept.any(axis=1)].tolist()
    where = (
        (lambda row: sheet.where(int(rows[row]), roles.time))
        if roles.time is not None
        else (lambda row: sheet.where(int(rows[row])))
    )
    found = Times(times.kind, times.values[rows], times.zone, times.notes)
    notes = [f"Without any value, and left out: {count(len(empty), 'column')} ({quoted(empty, 3)})."] if empty else []
    return Unfolded(ids, series, found, matrix.T[kept], where, notes=notes)


def _matrix(sheet: Sheet, block: "pd.DataFrame", columns: list[int], seen: int) -> Float64[np.ndarray, "rows columns"]:
    """Return many columns of numbers; in one go where pandas has parsed them all."""
    cells = block[columns]
    plain = all(dtype == np.float64 for dtype in set(cells.dtypes))
    if plain:
        matrix = cells.to_numpy()
        if np.all(np.abs(matrix) <= LARGEST, where=~np.isnan(matrix)):
            return matrix
    parsed = [
        numbers(cells[column], sheet.dialect.style, _after(partial(_cell, sheet, column), seen)) for column in columns
    ]
    return np.stack(parsed, -1)


def _in_rows(
    sheet: Sheet, roles: Roles, matrix: np.ndarray, names: _Names, form: TableFormat, fix: frozenset[str]
) -> Unfolded:
    titles = [sheet.dialect.names[column] for column in roles.values]
    if all(map(looks_like_time, titles)):
        import pandas as pd

        reader = TimeReader(
            "names of the columns",
            lambda place: f"{sheet.name}, the name of column {roles.values[place] + 1}",
            form.get("date_format"),
            "utc" in fix,
        )
        reader.add(pd.Series(titles, dtype=object))
        times = reader.finish()
    else:
        note = "The columns of values are counted from 1; where a series begins is not in the table."
        times = Times("integer", np.arange(1, len(titles) + 1), None, [note])
    kept = _from_first_to_last(~np.isnan(matrix))
    series, columns = np.nonzero(kept)
    found = Times(times.kind, times.values[columns], times.zone, times.notes)
    where = lambda row: sheet.where(int(series[row]), roles.values[columns[row]])  # noqa: E731
    return Unfolded(names.array, series, found, matrix[kept], where, notes=names.notes())


def _from_first_to_last(observed: np.ndarray) -> np.ndarray:
    """Return the cells from the first value of a series to its last: in a wide table the others are not part of it."""
    inside = np.maximum.accumulate(observed, axis=1) & np.maximum.accumulate(observed[:, ::-1], axis=1)[:, ::-1]
    return inside
