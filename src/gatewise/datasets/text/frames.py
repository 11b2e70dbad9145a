"""Texts that are in memory already, and Parquet files: lists, pairs, dicts, Series and frames of any library.

Frames are asked for their columns and columns for a list, which pandas, polars and Arrow all know; none is imported.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gatewise.datasets.text.table import Roles, Table
from gatewise.datasets.text.wording import lines, short
from gatewise.errors import DataError, EnvironmentFault, UsageError
from gatewise.tables.form import count

_Values = list[Any]


def from_memory(source: Any, label: Any) -> Table:
    """Make a table of a frame, a dict of columns, a list of dicts, of pairs, or of texts.

    Args:
        source: The texts.
        label: Where `source` holds nothing but texts: their labels.

    Raises:
        UsageError: It is none of these.
        DataError: There is nothing in it, or columns of different lengths.
    """
    if isinstance(source, Mapping):
        return _table("The dict", {str(name): _values(column) for name, column in source.items()})
    names = _column_names(source)
    if names is not None:
        return _table("The frame", {str(name): _column(source, name) for name in names})
    if not _is_column(source):
        raise UsageError(
            f"source is {short(source)}: give a path, a list of texts, a dict of columns, or a frame of pandas or polars."
        )
    values = _values(source)
    if values and all(isinstance(value, Mapping) for value in values):
        keys = dict.fromkeys(str(key) for value in values for key in value)
        return _table("The list", {key: [value.get(key) for value in values] for key in keys})
    if label is None and values and all(isinstance(value, tuple | list) and len(value) == 2 for value in values):
        pairs = {"text": [value[0] for value in values], "label": [value[1] for value in values]}
        return _table("The list", pairs, Roles(0, (1,)))
    if label is None or not _is_column(label):
        raise UsageError("A list of texts comes without labels: pass label=[…], one for each text.")
    labels = _values(label)
    if len(labels) != len(values):
        raise DataError(
            f"There {'is' if len(values) == 1 else 'are'} {count(len(values), 'text')} and "
            f"{count(len(labels), 'label')}: give one label for each text."
        )
    return _table("The list", {"text": values, "label": labels}, Roles(0, (1,)))


def read_parquet(path: Path) -> Table:
    """Read a Parquet file.

    Raises:
        EnvironmentFault: pyarrow is not installed.
        DataError: It is damaged.
    """
    try:
        import pyarrow.parquet
    except ImportError:
        raise EnvironmentFault(
            f"{str(path)!r} is a Parquet file, which needs pyarrow: pip install 'gatewise[parquet]', or save it as CSV."
        ) from None
    try:
        frame = pyarrow.parquet.read_table(path)
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"{str(path)!r} is a damaged Parquet file ({reason}): fetch it anew.") from error
    name = repr(str(path))
    table = _table(name, {column: frame.column(column).to_pylist() for column in frame.column_names}, first=1)
    table.notes.append(f"{name} is a Parquet file.")
    return table


def is_missing(value: Any) -> bool:
    """Say whether a cell is missing, in the way of any library: None, NaN, pandas' NA and NaT."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and math.isnan(value)


def _table(name: str, columns: Mapping[str, _Values], roles: Roles | None = None, first: int = 0) -> Table:
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        sizes = ", ".join(f"{short(key)} {len(values)}" for key, values in columns.items())
        raise DataError(f"{name} has columns of different lengths ({sizes}): give one label for each text.")
    if not lengths or not max(lengths):
        raise DataError(f"{name} is empty: give at least one text with its label.")
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    places = list(range(first, first + len(rows)))
    return Table(
        name, list(columns), rows, places, lambda row: f"{name}, row {row}", lambda many: lines(many, "row"), [], roles
    )


def _column_names(source: Any) -> Sequence[Any] | None:
    """Return the names of a frame's columns; None where it is no frame."""
    for attribute in ("column_names", "columns"):
        names = getattr(source, attribute, None)
        if names is not None and not callable(names) and not isinstance(source, type):
            return list(names)
    return None


def _column(frame: Any, name: Any) -> _Values:
    return _values(frame.column(name) if hasattr(frame, "column_names") else frame[name])


def _is_column(value: Any) -> bool:
    if isinstance(value, str | bytes | Mapping):
        return False
    return isinstance(value, Sequence) or any(hasattr(value, name) for name in ("to_pylist", "to_list", "tolist"))


def _values(column: Any) -> _Values:
    """Return a column as a list of Python's own values."""
    for attribute in ("to_pylist", "to_list", "tolist"):
        if hasattr(column, attribute):
            return list(getattr(column, attribute)())
    return list(column)
