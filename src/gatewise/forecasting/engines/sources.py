"""What is to be forecast on an engine, as one frame of it: series, time, value, and what explains the series."""

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from gatewise.errors import EnvironmentFault, UsageError
from gatewise.forecasting.engines.order import Order, no_parquet, on_engine, read
from gatewise.forecasting.engines.rows import IN_ADVANCE, refuse_zone, rows_of
from gatewise.tables import SeriesTable, read_series
from gatewise.tables.form import checked_fixes, quoted

if TYPE_CHECKING:
    import types

_USUAL = {"id_col": "unique_id", "time_col": "ds", "target_col": "y"}


def long_frame(fa: "types.ModuleType", data: Any, order: Order, future: Any) -> tuple[Any, Order, Any]:
    """Return a frame where it is, or of what is read here and sent out.

    Args:
        fa: Fugue.
        data: As in `gatewise.forecast`.
        order: What is to be forecast.
        future: Rows in advance, as in `gatewise.forecast`.

    Returns:
        The frame; the order, with the step and the covariates where these are known by now; and the rows in advance, if they
        are not among those of the frame.

    Raises:
        UsageError: A column is not there.
    """
    data, future = (_loaded(fa, one) for one in (data, future))
    if not on_engine(data):
        table = read(data, order, fa.as_pandas(future) if on_engine(future) else future)
        refuse_zone(table)
        # Duplicates and the like were mended; that there may be gaps goes on being so.
        gaps = {"gaps"} & checked_fixes(order.reading.get("fix", ()))
        reading = {"freq": table.freq, "covariates": _covariates_of(table), "fix": tuple(gaps)}
        return rows_of(table), replace(order, reading=reading), None
    for fix in checked_fixes(order.reading.get("fix", ())) & {"duplicates-first", "duplicates-last"}:
        raise UsageError(
            f"fix has {fix!r}, and rows on an engine have no order: give 'duplicates-mean' or 'duplicates-sum', or mend them "
            "before."
        )
    named = {option: order.reading.get(option) or usual for option, usual in _USUAL.items()}
    columns = [*named.items(), *((f"covariates[{kind!r}]", name) for kind, name in _explaining(order))]
    _refuse_missing("The frame", fa.get_column_names(data), columns)
    frame = fa.select_columns(data, [name for _, name in columns])
    if future is None:
        return frame, order, None
    if not order.covariates["future"]:
        raise UsageError(
            "Rows with what is known in advance were given, and no column is named to be: name them with covariates."
        )
    columns = [*list(named.items())[:2], *(("covariates", name) for name in order.covariates["future"])]
    if not on_engine(future):
        future = _read_in_advance(future, [name for _, name in columns], order)
    _refuse_missing("The frame of rows in advance", fa.get_column_names(future), columns)
    return frame, order, fa.select_columns(future, [name for _, name in columns])


def _explaining(order: Order) -> list[tuple[str, str]]:
    return [(kind, name) for kind, names in order.covariates.items() for name in names]


def _covariates_of(table: SeriesTable) -> dict[str, list[str]]:
    found = {"future": table.future.names, "past": table.past.names, "static": table.static}
    return {kind: list(names) for kind, names in found.items()}


def _refuse_missing(what: str, there: Sequence[str], columns: Sequence[tuple[str, str]]) -> None:
    for option, name in columns:
        if name not in there:
            raise UsageError(f"{what} has no column {name!r}; it has {quoted(there)}: name the column by {option}.")


def _read_in_advance(future: Any, names: list[str], order: Order) -> pd.DataFrame:
    """Return rows in advance that are no frame of an engine, with the columns of one."""
    series, time, first, *others = names
    given: dict[str, Any] = {"id_col": series, "time_col": time, "target_col": first, "freq": order.reading.get("freq")}
    return read_series(future, **given, covariates={"past": others}).to_frame()[names]


def with_rows_in_advance(fa: "types.ModuleType", frame: Any, future: Any, names: list[str]) -> Any:
    """Return a frame with rows in advance below its own, which are marked.

    Args:
        fa: Fugue.
        frame: As `long_frame` gives it.
        future: Rows in advance.
        names: The covariates in them.
    """
    import pyarrow as pa

    schema = fa.get_schema(frame)
    blank: dict[str, Any] = {}
    for column in schema.names:
        kind = schema[column].type
        # They are never looked at; a type with no missing values, such as whole numbers, stays one.
        blank[column] = "" if pa.types.is_string(kind) or pa.types.is_large_string(kind) else 0
    both = f"{schema},{IN_ADVANCE}:bool"
    kept = [*schema.names[:2], *names]
    marked = fa.transform(frame, mark, schema=both, params={"columns": {IN_ADVANCE: False}})
    others = {column: value for column, value in blank.items() if column not in kept}
    added = fa.transform(future, mark, schema=both, params={"columns": {**others, IN_ADVANCE: True}})
    return fa.union(marked, added, distinct=False)


def mark(rows: pd.DataFrame, columns: Any) -> pd.DataFrame:
    """Return rows with columns that have one value each."""
    return rows.assign(**columns)


def _loaded(fa: "types.ModuleType", data: Any) -> Any:
    """Return the frame of Parquet files, which the engine reads; all else as it is."""
    if not isinstance(data, str | os.PathLike):
        return data
    path = os.fspath(data)
    parquet = "://" in path or os.path.isdir(path) or path.endswith(".parquet")
    if not parquet:
        return data
    try:
        return fa.load(path, format_hint="parquet")
    except ImportError as error:
        raise EnvironmentFault(f"{path!r} cannot be read: {error}.") from None
    except Exception as error:
        raise no_parquet(path, error) from None
