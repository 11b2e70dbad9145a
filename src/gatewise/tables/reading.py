"""The way in for forecasting: from a file, a frame or a list to a table of series."""

import os
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

from gatewise.errors import UsageError
from gatewise.tables import frames
from gatewise.tables.assembly import assemble
from gatewise.tables.delimited import DelimitedSheet
from gatewise.tables.files import Source, open_source
from gatewise.tables.form import Covariates, Fix, TableFormat, checked_covariates, checked_fixes, checked_format
from gatewise.tables.remarks import remarked
from gatewise.tables.roles import find_roles
from gatewise.tables.series_table import SeriesTable
from gatewise.tables.unfolding import unfold
from gatewise.tables.whole_times import localized, recognised


def read_series(
    source: Any,
    *,
    id_col: str | None = None,
    time_col: str | None = None,
    target_col: str | None = None,
    freq: Any = None,
    covariates: Covariates | None = None,
    fix: Fix | Iterable[Fix] = (),
    format: TableFormat | None = None,
) -> SeriesTable:
    """Read one series or many thousand, and say what was understood.

    Columns are found by name (``unique_id``, ``ds``, ``y`` and the like) or because only one can be meant; the frequency is
    found in the times. What is open is refused with a question and never guessed, and what was found stands in the
    table's `notes`. Nothing is repaired unasked: a missing value or time is masked, anything else that is wrong is refused
    with its row, counted as in the file, where the header is row 1.

    Args:
        source: Path of a CSV file (also gzipped), Parquet file or .xlsx file, ``"-"`` for standard input; a frame of pandas
            or polars; a list, array or pandas Series of one series, ``(time,)``; bytes as `tables.files.given` has them.
        id_col: The column that names the series, in a table with several.
        time_col: The column of times.
        target_col: The column of values.
        freq: The step, as pandas names it, or a whole number where times are whole numbers.
        covariates: Columns that explain the series: known in advance, in the past, or one value a series; see `Covariates`.
        fix: What may be mended: ``"duplicates-first"`` and ``-last``, ``-mean``, ``-sum`` (a time that a series has twice),
            ``"gaps"`` (more times missing than there are), ``"utc"`` (different offsets from UTC), ``"footer"`` (text below
            the data), ``"comments"`` (rows beginning with ``#``).
        format: How the table is written, where it does not show; see `TableFormat`.

    Returns:
        The series, in the order in which the source brings them.

    Raises:
        UsageError: An option cannot be meant.
        DataError: There is no such file, or its content is wrong or open to more than one reading.
        NonFiniteError: A value is infinite.
        EnvironmentFault: A library for this kind of file is not installed.

    >>> import gatewise as gw
    >>> table = gw.read_series([112.0, 118.0, None, 129.0])
    >>> table
    SeriesTable(1 series of 4 values, freq 1, 0 to 3, 1 missing)
    >>> table.notes[-1]
    '1 value is empty: masked as missing.'
    """
    form, fixes, explaining = checked_format(format), checked_fixes(fix), checked_covariates(covariates)
    with ExitStack() as closing:
        sheet = open_sheet(source, form, fixes, closing)
        roles = find_roles(sheet, id_col, time_col, target_col, explaining, form.get("layout"))
        rows = unfold(sheet, roles, form, fixes)
    name = "times" if roles.time is None else sheet.dialect.names[roles.time]
    if roles.time is not None or rows.times.kind == "datetime":
        rows.times = recognised(rows.times, name, rows.where_time, isinstance(freq, int))
    if "time_zone" in form:
        if rows.times.kind != "datetime" or rows.times.zone is not None:
            why = "are whole numbers" if rows.times.kind == "integer" else f"are those of {rows.times.zone}"
            raise UsageError(f"format has time_zone={form['time_zone']!r}, and times {why}: leave it out.")
        rows.times = localized(rows.times, form["time_zone"], rows.codes, rows.where_time)
    if freq is None and roles.time is None and rows.times.kind == "integer":
        # Rows or columns that are counted have the step 1, also where there is a single one.
        freq = 1
    table = assemble(rows, freq, fixes, roles.id is not None)
    names = sheet.dialect.names
    columns = (
        "unique_id" if roles.id is None or roles.layout == "rows" else names[roles.id],
        "ds" if roles.time is None else names[roles.time],
        names[roles.values[0]] if roles.layout == "long" else "y",
    )
    notes = (*sheet.notes, *roles.notes, *table.notes)
    return remarked(replace(table, columns=columns, notes=notes), sheet.name)


def open_sheet(
    source: Any, form: TableFormat, fixes: frozenset[str], closing: ExitStack
) -> DelimitedSheet | frames.FrameSheet:
    """Open a file, bytes, a frame or a list as a table, which `closing` closes in the end."""
    if not isinstance(source, str | os.PathLike | Source):
        frame, name = frames.frame_of(source)
        return frames.FrameSheet(frame, name, form)
    opened = source if isinstance(source, Source) else open_source(source, closing)
    readers = {"excel": frames.spreadsheet, "parquet": frames.parquet, "text": partial(DelimitedSheet, fix=fixes)}
    return readers[opened.kind](opened, form)  # type: ignore[operator]
