"""Cells that should be points in time. A date is read only in one way that all of them prove, or that was named."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Int, Int64

from gatewise.errors import DataError, UsageError
from gatewise.tables.cells import MISSING, Where
from gatewise.tables.form import shown
from gatewise.tables.spellings import (
    QUARTER,
    WHOLE,
    day_and_month_open,
    forms_of,
    offset_of,
    quarters,
    whole_numbers,
    why_no_date,
)

if TYPE_CHECKING:
    import pandas as pd

_TYPED = "typed"
# From so many cells it is judged whether most of a column differ.
_HEAD = 1_000
_EMPTY = (*MISSING, "NaT")
# What a nanosecond timestamp, which everybody's tools hold, can be.
_FIRST, _LAST = np.datetime64("1678-01-01", "us"), np.datetime64("2262-01-01", "us")


class Times(NamedTuple):
    """Points in time.

    Attributes:
        kind: Whole numbers, or dates and times.
        values: Numbers, or nanoseconds since 1970, ``(rows,)``.
        zone: What the clock that they show is called; None where nothing says so.
        notes: How they were read, as sentences.
    """

    kind: Literal["integer", "datetime"]
    values: Int64[np.ndarray, " rows"]
    zone: str | None
    notes: list[str]


class TimeReader:
    """Reads the points in time of a table, piece by piece of its column.

    Args:
        name: The column, as a note names it.
        where: Names the place of a record's cell.
        form: The form that was named; None finds it out.
        utc: Whether times with different offsets may be moved to UTC.
    """

    def __init__(self, name: str, where: Where, form: str | None = None, utc: bool = False) -> None:
        self.name = name
        self.where = where
        self.named = form
        self.utc = utc
        self.forms: tuple[str, ...] = ()
        self.example = ""
        # The first cell that two forms read as different days, and its record.
        self.open_at: tuple[int, str] | None = None
        self.zone: str | None = None
        self.moved = False
        self.seen = 0
        self.parts: dict[str, list[np.ndarray]] = {}
        self._row_of: Callable[[str], int] = len
        self.notes: list[str] = []

    def add(self, column: "pd.Series") -> None:
        """Read the next piece of the column."""
        import pandas as pd

        kind = getattr(column.dtype, "kind", "O")
        empty = np.flatnonzero(column.isna())
        if len(empty):
            self._refuse_empty(int(empty[0]))
        if kind in "iu":
            self._choose(str(column.iloc[0]), (WHOLE,))
            self.parts.setdefault(WHOLE, []).append(column.to_numpy().astype(np.int64))
        elif kind == "M":
            self._choose(str(column.iloc[0]), (_TYPED,))
            self.parts.setdefault(_TYPED, []).append(self._wall_clock(column))
        elif isinstance(column.dtype, pd.CategoricalDtype):
            self._add_labels(column.cat.codes.to_numpy(), column.cat.categories.tolist())
        elif column.head(_HEAD).nunique() * 2 > min(len(column), _HEAD):
            self._add_labels(np.arange(len(column)), column.tolist())
        else:
            codes, labels = pd.factorize(column)
            self._add_labels(codes, list(labels))
        self.seen += len(column)

    def finish(self) -> Times:
        """Return all points in time of the column.

        Raises:
            DataError: Day and month could be either way round.
        """
        form = self.forms[0]
        if day_and_month_open(self.forms) and self.open_at is not None:
            record, cell = self.open_at
            one, two = (_reading(cell, form) for form in self.forms)
            raise DataError(
                f"{self.where(record)} is {cell!r}, which may be {one} or {two}, and no day above 12 settles it: give "
                f'format={{"date_format": "{self.forms[0]}"}} or "{self.forms[1]}".'
            )
        values = np.concatenate(self.parts.pop(form))
        if form == WHOLE:
            return Times("integer", values, None, self.notes)
        if form != _TYPED:
            self.notes.append(f"Column {self.name!r} is read as {form}, such as {shown(self.example)}.")
        if self.zone is not None and not self.moved:
            self.notes.append(f"Times in {self.name!r} are those of {self.zone}.")
        return Times("datetime", values, self.zone, self.notes)

    def _choose(self, cell: str, forms: tuple[str, ...] = ()) -> None:
        """Find out the forms from the first cell."""
        if self.forms:
            return
        self.example = cell
        self.forms = forms or ((self.named,) if self.named is not None else forms_of(cell))
        if not self.forms:
            raise DataError(f"{self.where(self.seen)} is {shown(cell)}, {why_no_date(cell, None, '')}")

    def _wall_clock(self, column: "pd.Series") -> Int64[np.ndarray, " rows"]:
        """Return nanoseconds of timestamps that have a type, on the clock on which they are regular."""
        zone = getattr(column.dtype, "tz", None)
        if zone is not None:
            local = column.dt.tz_localize(None)
            utc = column.dt.tz_convert("UTC").dt.tz_localize(None)
            self.zone = str(zone)
            changes = (local - utc).nunique() > 1 or local.dt.tz_localize(zone, ambiguous="NaT").isna().any()
            if changes and not (local == local.dt.normalize()).all():
                local, self.zone, self.moved = utc, "UTC", True
                self.notes.append(
                    f"Times in {self.name!r} were moved from {zone} to UTC, where no hour is missing or double."
                )
            column = local
        return self._nanoseconds(column.to_numpy(), np.arange(len(column)))

    def _add_labels(self, codes: np.ndarray, labels: list[Any]) -> None:
        """Read a piece given as numbers of its distinct cells, so that each is read once."""
        cells = [str(label) for label in labels]
        self._row_of = lambda cell: next(row for row, code in enumerate(codes) if cells[code].strip() == cell)
        if cells[codes[0]].strip() in _EMPTY:
            self._refuse_empty(0)
        self._choose(cells[codes[0]].strip())
        read = self._read_in_all_forms(cells, codes)
        if not read or "" in cells:
            read = self._read_strictly(codes, cells)
        self.forms = tuple(read)
        if day_and_month_open(self.forms) and self.open_at is None:
            one, two = (read[form] for form in self.forms[:2])
            for row in np.flatnonzero((one != two)[codes])[:1]:
                self.open_at = self.seen + int(row), cells[codes[row]].strip()
        self.parts = {form: self.parts.get(form, []) for form in self.forms}
        for form, values in read.items():
            self.parts[form].append(values[codes])

    def _read_in_all_forms(self, cells: list[str], codes: np.ndarray) -> dict[str, np.ndarray]:
        """Return the distinct cells as numbers, in each form that all of them have."""
        found = {form: self._read(cells, form) for form in self.forms}
        return {
            form: values if form == WHOLE else self._nanoseconds(values, codes)
            for form, (values, wrong) in found.items()
            if wrong is None
        }

    def _read_strictly(self, codes: np.ndarray, cells: list[str]) -> dict[str, np.ndarray]:
        """Read cells with blanks around them, or say which is none, the first in the table first."""
        used, first = np.unique(codes, return_index=True)
        order = np.argsort(first)
        stripped = [cells[code].strip() for code in used[order]]
        rows = first[order]
        for cell, row in zip(stripped, rows, strict=True):
            if cell in _EMPTY:
                self._refuse_empty(int(row))
        wrong = [self._read(stripped, form)[1] for form in self.forms]
        bad = [place for place in wrong if place is not None]
        if len(bad) == len(wrong):
            self._refuse(stripped[max(bad)], int(rows[max(bad)]))
        return self._read_in_all_forms([cell.strip() for cell in cells], codes)

    def _read(self, cells: list[str], form: str) -> tuple[np.ndarray, int | None]:
        """Read distinct cells; the second result is the place of the first that does not have the form."""
        import pandas as pd

        if form == WHOLE:
            return whole_numbers(cells)
        if form == QUARTER:
            return quarters(cells)
        try:
            times = pd.to_datetime(pd.Series(cells), format=form, errors="coerce", exact=True, utc="%z" in form)
        except ValueError as error:
            raise UsageError(
                f"format has date_format={form!r}, which is no form of a date ({error}): correct it."
            ) from None
        wrong = np.flatnonzero(times.isna())
        if len(wrong):
            return np.zeros(0), int(wrong[0])
        if "%z" in form:
            times = self._one_clock(times, cells).dt.tz_localize(None)
        return times.to_numpy().astype("datetime64[us]"), None

    def _one_clock(self, times: "pd.Series", cells: list[str]) -> "pd.Series":
        """Return times in UTC on the clock of their offset, which has to be one and the same unless UTC is asked for."""
        if self.utc:
            self.zone = "UTC"
            return times
        offset = offset_of(self.example)
        self.zone = offset if offset == "UTC" else f"UTC{offset}"
        other = next((cell for cell in cells if offset_of(cell) != offset), None)
        if other is not None:
            raise DataError(
                f"{self.where(self.seen + self._row_of(other))} is {other!r}, with another offset from UTC than the first, "
                f'{self.example!r}: move all times to UTC with fix=("utc",).'
            )
        return times if offset == "UTC" else times.dt.tz_convert(self.zone)

    def _nanoseconds(self, values: np.ndarray, codes: Int[np.ndarray, " rows"]) -> Int64[np.ndarray, " distinct"]:
        """Return nanoseconds since 1970 of distinct times, once it is known that they can be held."""
        outside = np.flatnonzero((values < _FIRST) | (values >= _LAST))
        if len(outside):
            row = int(np.flatnonzero(np.isin(codes, outside))[0])
            raise DataError(
                f"{self.where(self.seen + row)} is {str(values[codes[row]])[:10]}, outside of 1678 to 2261: correct it, or "
                "delete the row if it stands for a date that is not known."
            )
        return values.astype("datetime64[ns]").astype(np.int64)

    def _refuse_empty(self, row: int) -> None:
        raise DataError(f"{self.where(self.seen + row)} is empty: write the time, or delete the row.")

    def _refuse(self, cell: str, row: int) -> None:
        form = self.forms[0]
        example = "" if self.named else self.example
        hint = why_no_date(cell, form, example)
        if any(word in cell.casefold() for word in ("total", "sum", "average")):
            hint = 'perhaps a row of totals: delete it, or leave out what is below the data with fix=("footer",).'
        raise DataError(f"{self.where(self.seen + row)} is {shown(cell)}, {hint}")


def _reading(cell: str, form: str) -> str:
    import pandas as pd

    time = pd.to_datetime(cell, format=form, utc="%z" in form)
    return f"{time.day} {time:%B %Y}"
