"""Rows of some series, as they come from an engine or are sent to one: in any order, and with what explains the series."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise.errors import DataError
from gatewise.forecasting.future_rows import with_future
from gatewise.tables import SeriesTable, read_series
from gatewise.tables.assembly import KEEP_ONE

if TYPE_CHECKING:
    import pandas as pd

# Of rows that an engine hands over, which only say what is known in advance.
IN_ADVANCE = "gatewise_in_advance"


def read_rows(
    rows: "pd.DataFrame",
    freq: Any,
    covariates: Mapping[str, Sequence[str]],
    horizon: int,
    mending: Mapping[str, Any] | None = None,
) -> SeriesTable:
    """Read the rows of some series as they came, in any order.

    Args:
        rows: The columns for series, time and value, and covariates; with a column `IN_ADVANCE` also rows that have no part
            but in what is known in advance.
        freq: The step; None finds it.
        covariates: The names of those known in advance, past and static.
        horizon: Steps that are to be forecast.
        mending: What `read_series` is told of how values are written, and of what may be mended.

    Raises:
        DataError: A value or time is wrong, or a covariate of a step to forecast is not known; the sentence says of which
            series.
    """
    name, time, value = rows.columns[:3]
    given: dict[str, Any] = {"id_col": name, "time_col": time, "target_col": value, "freq": freq}
    given |= {"covariates": covariates, **(mending or {})}
    rows = rows.sort_values([name, time], kind="stable").reset_index(drop=True)
    advance = None
    if IN_ADVANCE in rows:
        advance = rows[rows[IN_ADVANCE].astype(bool)][[name, time, *covariates["future"]]].reset_index(drop=True)
        rows = rows[~rows[IN_ADVANCE].astype(bool)].drop(columns=IN_ADVANCE).reset_index(drop=True)
        _refuse_strangers(rows[name], advance[name])
    rows = with_texts(rows, covariates.get("static", ()))
    try:
        table = read_series(rows, **given)
    except DataError as error:
        raise _of_series(rows, given) or error from None
    refuse_zone(table)
    if advance is not None and len(advance):
        try:
            table = with_future(table, advance)
        except DataError as error:
            raise _of_series_in_advance(table, advance) or error from None
    table.refuse_unknown_future(horizon)
    return table


def rows_of(table: SeriesTable) -> "pd.DataFrame":
    """Return a table as the rows that `read_rows` reads it from, all that is known in advance among them."""
    frame = table.to_frame(ahead=True)
    names = list(table.future.names)
    if not names:
        return frame
    # At a time that the source left out, a covariate is as it was before; and what is not known is not sent.
    gaps = frame[names].isna().any(axis=1) & ~_after_values(table)
    if gaps.any():
        filled = frame.groupby(table.columns[0], sort=False)[names].ffill()
        frame[names] = frame[names].where(~gaps.to_numpy()[:, None], filled)
    return frame.dropna(subset=names).reset_index(drop=True)


def _after_values(table: SeriesTable) -> np.ndarray:
    """Return which rows of a table's frame are below the last value of their series."""
    counts = np.stack([table.lengths, np.diff(table.ahead_offsets)], axis=1).ravel()
    return np.repeat(np.tile([False, True], len(table)), counts)


def with_texts(rows: "pd.DataFrame", static: Sequence[str]) -> "pd.DataFrame":
    """Return rows whose columns of text that explain whole series are read as texts, though all might look like numbers."""
    import pandas as pd

    texts = [name for name in static if name in rows and not pd.api.types.is_numeric_dtype(rows[name])]
    return rows.astype(dict.fromkeys(texts, "category"))


def refuse_zone(table: SeriesTable) -> None:
    """Refuse times of a zone, which not every engine keeps.

    Raises:
        DataError: They have one.
    """
    if table.zone is not None:
        raise DataError(
            f"Column {table.columns[1]!r} has times of the zone {table.zone}, which not every engine keeps: give times "
            "without a zone."
        )


def _refuse_strangers(names: "pd.Series", advance: "pd.Series") -> None:
    """Refuse what is known in advance of series that are not there: in a block it might be taken for that of another."""
    known = set(names.tolist())
    for name in advance.tolist():
        if name not in known:
            raise DataError(f"Rows in advance are given for series {name!r}, which has no values: leave them out.")


def _of_series(rows: "pd.DataFrame", given: dict[str, Any]) -> DataError | None:
    """Return what is wrong with the first series that cannot be read by itself."""
    for name, own in rows.groupby(given["id_col"], sort=True):
        try:
            read_series(own.reset_index(drop=True), **given)
        except DataError as error:
            return _named(error, name, "in the order of time")
    return None


def _of_series_in_advance(table: SeriesTable, advance: "pd.DataFrame") -> DataError | None:
    """Return what is wrong with the first series whose rows in advance cannot be read by themselves."""
    for name, own in advance.groupby(table.columns[0], sort=True):
        try:
            with_future(table, own.reset_index(drop=True))
        except DataError as error:
            return _named(error, name, "its rows in advance in the order of time")
    return None


def _named(error: DataError, name: Any, where: str) -> DataError:
    """Return an error about a frame as one about a series."""
    # Rows of an engine come in any order, so that none of them is the first or the last.
    mended = str(error).replace(KEEP_ONE, 'make one of them with fix=("duplicates-mean",), or "duplicates-sum".')
    sentence = mended.replace("The frame", f"Series {name!r}, {where}", 1)
    return type(error)(sentence if repr(name) in sentence else f"Series {name!r}: {sentence}")
