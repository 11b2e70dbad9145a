"""Tables that are no text: frames of pandas and polars, arrays and lists, spreadsheets, Parquet files."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise.errors import DataError, EnvironmentFault, ShapeError, UsageError
from gatewise.tables.cells import NumberStyle
from gatewise.tables.delimited import Use
from gatewise.tables.dialect import SAMPLE_ROWS, Dialect, Kind, describe, kind_of
from gatewise.tables.files import Source
from gatewise.tables.form import TableFormat

if TYPE_CHECKING:
    import pandas as pd


class FrameSheet:
    """A frame of pandas as a table; attributes as in `DelimitedSheet`.

    Args:
        frame: The columns.
        name: As sentences name it.
        form: How text and numbers in it are written.
        first_row: What the first row is called; None counts rows from 0 and says so.
    """

    def __init__(self, frame: "pd.DataFrame", name: str, form: TableFormat, first_row: int | None = None) -> None:
        import pandas as pd

        self.name = name
        self.first_row = first_row
        self.frame = frame
        style = NumberStyle(form.get("decimal", "."), form.get("thousands"))
        names = [str(column) for column in frame.columns]
        twice = (
            next((column for column in names if names.count(column) > 1), None)
            if len(set(names)) < len(names)
            else None
        )
        if twice is not None:
            raise DataError(f"{name} has {names.count(twice)} columns named {twice!r}: give each a name of its own.")
        if not len(frame):
            raise DataError(f"{name} has no rows: give at least one row of data.")
        columns = [_plain(frame.iloc[:, place]) for place in range(len(names))]
        kinds = [_kind(column, style) for column in columns]
        for place, column in enumerate(columns):
            # A category is a name, also where all of them look like numbers.
            if (
                isinstance(frame.dtypes.iloc[place], pd.CategoricalDtype)
                and getattr(column.dtype, "kind", "O") not in "iufb"
            ):
                kinds[place] = "text" if kinds[place] == "number" else kinds[place]
        self.columns = columns
        self.dialect = Dialect(",", True, names, kinds, style, [])
        self.notes: list[str] = []

    def where(self, record: int, column: int | None = None) -> str:
        """Return the place of a row, or of its cell, as a sentence names it."""
        row = f"row {record} (counted from 0)" if self.first_row is None else f"row {record + self.first_row}"
        return f"{self.name}, {row}" + ("" if column is None else f", column {self.dialect.names[column]!r}")

    def blocks(self, wanted: Mapping[int, Use]) -> Iterator["pd.DataFrame"]:
        """Yield the wanted columns in one piece."""
        import pandas as pd

        yield pd.DataFrame({place: self.columns[place].reset_index(drop=True) for place in wanted})


def frame_of(source: Any) -> tuple["pd.DataFrame", str]:
    """Return a frame, array or list as a frame of pandas, and what sentences call it.

    Raises:
        UsageError: It is nothing of that kind.
        ShapeError: An array with too many axes.
    """
    import pandas as pd

    if isinstance(source, pd.DataFrame):
        return _with_index(source), "The frame"
    if isinstance(source, pd.Series):
        frame = pd.DataFrame({"y" if source.name is None else str(source.name): source})
        return _with_index(frame), "The series"
    library = type(source).__module__.partition(".")[0]
    if library == "polars":
        return _from_polars(source), "The frame"
    if library == "pyarrow" and hasattr(source, "column_names"):
        return source.to_pandas(), "The table"
    if library in ("dask", "pyspark", "ray"):
        raise UsageError(
            f"source is a {type(source).__name__} of {library}, which lies elsewhere: forecast it where it is with "
            "gatewise.forecast, or bring it here as a frame of pandas."
        )
    if not isinstance(source, list | tuple) and (isinstance(source, bytes) or not hasattr(source, "__array__")):
        raise UsageError(
            f"source is a {type(source).__name__}: give a path, a frame, or one series as a list or an array."
        )
    try:
        # A masked cell is a missing value, whatever stands below the mask.
        array = np.asarray(source)
        if isinstance(source, np.ma.MaskedArray) and np.ma.is_masked(source):
            array = array.astype(object)
            array[np.ma.getmaskarray(source)] = None
        array = array if array.dtype.kind in "iufb" else array.astype(object)
    except TypeError:
        raise UsageError(f"source is a {type(source).__name__}: give a path, a frame, or one series.") from None
    except ValueError:
        raise ShapeError("The list holds rows of different lengths: give one series, or a table as a frame.") from None
    if array.ndim == 1 and len(array):
        return pd.DataFrame({"y": array}), "The array"
    if array.ndim != 1:
        raise ShapeError(
            f"The array has shape {array.shape} where one series has shape (time,): give one column, or several as a frame "
            "with names."
        )
    raise DataError("The array has no values: give at least one.")


def spreadsheet(source: Source, form: TableFormat) -> FrameSheet:
    """Read a sheet of an .xlsx file.

    Raises:
        EnvironmentFault: openpyxl is not installed.
        DataError: No such sheet, or nothing in it.
    """
    import pandas as pd

    try:
        book = pd.ExcelFile(source.stream, engine="openpyxl")
    except ImportError:
        raise EnvironmentFault(_needed(source, "an .xlsx file", "openpyxl", "excel")) from None
    except Exception as error:
        raise DataError(f"{source.name} is a damaged .xlsx file: save it again.") from error
    sheet = form.get("sheet", book.sheet_names[0])
    if sheet not in book.sheet_names:
        raise DataError(
            f"{source.name} has no sheet {sheet!r}; it has {', '.join(map(repr, book.sheet_names))}: choose one."
        )
    cells = pd.read_excel(book, sheet, header=None, dtype=object, keep_default_na=False, na_values=[])
    filled = ~(cells.isna() | (cells == "")).all(axis=1)
    cells = cells.loc[: filled[filled].index.max()] if filled.any() else cells.iloc[:0]
    if not len(cells):
        raise DataError(f"{source.name} is empty: give a table with a header and rows.")
    rows = [["" if pd.isna(cell) else str(cell) for cell in row] for row in cells.head(SAMPLE_ROWS).values.tolist()]
    style = NumberStyle(form.get("decimal", "."), form.get("thousands"))
    described = describe(source.name, rows, ",", style, form.get("header"), [])
    body = cells.iloc[int(described.has_header) :]
    body.columns = described.names
    found = FrameSheet(body, source.name, form, first_row=1 + described.has_header)
    found.notes += described.notes
    if len(book.sheet_names) > 1 and "sheet" not in form:
        found.notes.append(f"The first of {len(book.sheet_names)} sheets is read, {sheet!r}.")
    return found


def parquet(source: Source, form: TableFormat) -> FrameSheet:
    """Read a Parquet file.

    Raises:
        EnvironmentFault: pyarrow is not installed.
        DataError: The file is damaged.
    """
    import pandas as pd

    try:
        frame = pd.read_parquet(source.stream, engine="pyarrow")
    except ImportError:
        raise EnvironmentFault(_needed(source, "a Parquet file", "pyarrow", "parquet")) from None
    except Exception as error:
        raise DataError(f"{source.name} is a damaged Parquet file: fetch it again.") from error
    return FrameSheet(_with_index(frame), source.name, form)


def _needed(source: Source, kind: str, package: str, extra: str) -> str:
    return f"{source.name} is {kind}, for which {package} is needed: install it with pip install 'gatewise[{extra}]'."


def _with_index(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return a frame whose index is a column, where it holds something."""
    import pandas as pd

    if isinstance(frame.index, pd.MultiIndex) or frame.index.name is not None:
        return frame.reset_index()
    if isinstance(frame.index, pd.DatetimeIndex | pd.PeriodIndex):
        return frame.rename_axis("ds").reset_index()
    return frame


def _from_polars(source: Any) -> "pd.DataFrame":
    import pandas as pd

    if type(source).__name__ == "Series":
        source = source.to_frame(source.name or "y")
    if type(source).__name__ != "DataFrame":
        raise UsageError(f"A {type(source).__name__} of polars is no table yet: call collect() first.")
    columns: dict[str, Any] = {}
    for column in source.get_columns():
        kind = str(column.dtype)
        if kind.startswith(("Date", "Datetime")):
            zone = getattr(column.dtype, "time_zone", None)
            moments = pd.Series(
                column.dt.replace_time_zone(None).to_numpy() if zone is None and kind != "Date" else _naive(column)
            )
            columns[column.name] = moments if zone is None else moments.dt.tz_localize("UTC").dt.tz_convert(zone)
        elif column.dtype.is_numeric() and not kind.startswith("Decimal"):
            columns[column.name] = pd.Series(column.to_numpy())
        else:
            columns[column.name] = pd.Series(column.to_list(), dtype=object)
    return pd.DataFrame(columns)


def _naive(column: Any) -> np.ndarray:
    """Return a polars column of dates or times as NumPy's times, in UTC."""
    array: np.ndarray = column.to_physical().to_numpy()
    unit = {"Date": "D"}.get(str(column.dtype), getattr(column.dtype, "time_unit", "us"))
    return array.astype(f"datetime64[{unit}]").astype("datetime64[us]")


def _plain(column: "pd.Series") -> "pd.Series":
    """Return a column whose type says what it holds, where all of its cells agree."""
    import pandas as pd

    if isinstance(column.dtype, pd.PeriodDtype):
        return column.dt.to_timestamp()
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if column.dtype == object:
        kind = pd.api.types.infer_dtype(column, skipna=True)
        if kind in ("datetime", "datetime64", "date"):
            return pd.to_datetime(column)
        if kind in ("integer", "floating", "mixed-integer-float") and not column.isna().any():
            return pd.to_numeric(column)
    if not isinstance(column.dtype, np.dtype) and getattr(column.dtype, "kind", "O") in "iufb":
        numeric: pd.Series = column.astype(object)
        return numeric if column.isna().any() or column.dtype.kind == "b" else column.astype(f"{column.dtype.kind}8")
    if getattr(column.dtype, "kind", "O") == "M" and not isinstance(column.dtype, np.dtype | pd.DatetimeTZDtype):
        return pd.to_datetime(column.astype(object))
    return column


def _kind(column: "pd.Series", style: NumberStyle) -> Kind:
    kind = getattr(column.dtype, "kind", "O")
    if kind in "iuf":
        return "empty" if column.isna().all() else "number"
    if kind == "M":
        return "time"
    if kind in "bcm":
        return "number" if kind == "b" else "text"
    head = column.iloc[:SAMPLE_ROWS]
    return kind_of(["" if missing else str(cell) for cell, missing in zip(head, head.isna(), strict=True)], style)
