"""Frames of pandas and polars, lists and arrays, spreadsheets and Parquet files: all of them give the same table."""

import datetime
import gc
import io
import os
import sys

import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest

import gatewise as gw
from gatewise.tables import files

FRAME = pd.DataFrame(
    {
        "unique_id": ["a"] * 3 + ["b"] * 3,
        "ds": list(pd.date_range("2024-01-01", periods=3)) * 2,
        "y": [1.0, 2.0, np.nan, 4.0, 5.0, 6.0],
    }
)
TABLE = gw.read_series(FRAME)
POLARS = polars.DataFrame(
    {
        "unique_id": FRAME["unique_id"].tolist(),
        "ds": [datetime.date(2024, 1, day) for day in (1, 2, 3)] * 2,
        "y": [1.0, 2.0, None, 4.0, 5.0, 6.0],
    }
)


def test_the_table_that_all_others_are_compared_with():
    assert TABLE.ids.tolist() == ["a", "b"]
    np.testing.assert_array_equal(TABLE.values, FRAME["y"])
    np.testing.assert_array_equal(TABLE.times, FRAME["ds"])


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(FRAME.convert_dtypes(), id="nullable types"),
        pytest.param(FRAME.convert_dtypes(dtype_backend="pyarrow"), id="types of Arrow"),
        pytest.param(FRAME.assign(y=pd.array([1, 2, None, 4, 5, 6], "Int64")), id="nullable whole numbers"),
        pytest.param(FRAME.astype({"unique_id": "category"}), id="categories"),
        pytest.param(FRAME.assign(ds=FRAME["ds"].astype(str)), id="dates as text"),
        pytest.param(FRAME.assign(ds=FRAME["ds"].dt.date), id="dates as objects"),
        pytest.param(FRAME.assign(ds=FRAME["ds"].dt.to_period("D")), id="periods"),
        pytest.param(FRAME.assign(y=FRAME["y"].astype(object)), id="values as objects"),
        pytest.param(
            FRAME.assign(y=["1", "2", "", "4.0", "5e0", "NaN"]).assign(y=["1", "2", "", "4.0", "5e0", "6"]),
            id="values as text",
        ),
        pytest.param(FRAME.set_index("ds"), id="times in the index"),
        pytest.param(FRAME.set_index(["unique_id", "ds"]), id="both in the index"),
        pytest.param(FRAME.set_axis(range(7, 13)), id="an index of numbers"),
        pytest.param(POLARS, id="polars"),
        pytest.param(pyarrow.Table.from_pandas(FRAME), id="a table of Arrow"),
        pytest.param(POLARS.with_columns(polars.col("ds").cast(polars.Datetime("ms"))), id="times of polars"),
        pytest.param(POLARS.with_columns(polars.col("unique_id").cast(polars.Categorical)), id="categories of polars"),
        pytest.param(POLARS.with_columns(polars.col("y").cast(polars.Int32)), id="whole numbers of polars"),
        pytest.param(POLARS.with_columns(polars.col("y").cast(polars.Decimal(10, 2))), id="decimals of polars"),
    ],
)
def test_every_frame_gives_the_same_table(frame):
    assert gw.read_series(frame) == TABLE


def test_a_frame_is_left_as_it_was():
    frame = FRAME.sample(frac=1, random_state=1).astype({"unique_id": "category"})
    before = frame.copy(deep=True)
    gw.read_series(frame)
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    "write", [lambda frame, file: frame.to_excel(file, index=False), lambda frame, file: frame.to_parquet(file)]
)
def test_spreadsheet_and_parquet(tmp_path, monkeypatch, write):
    write(FRAME, tmp_path / "table")
    assert gw.read_series(tmp_path / "table") == TABLE
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((tmp_path / "table").read_bytes())))
    assert gw.read_series("-") == TABLE


def test_sheets_and_their_rows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bad = FRAME.astype({"y": object})
    bad.loc[2, "y"] = "n/a"
    with pd.ExcelWriter("a.xlsx") as writer:
        bad.to_excel(writer, sheet_name="first", index=False)
        FRAME.to_excel(writer, sheet_name="second", index=False)
    assert gw.read_series("a.xlsx", format={"sheet": "second"}) == TABLE
    for options, sentence in (
        (
            {},
            "'a.xlsx', row 4, column 'y' is 'n/a', which is no number: correct it, or leave the cell "
            "empty if the value is missing.",
        ),
        ({"format": {"sheet": "third"}}, "'a.xlsx' has no sheet 'third'; it has 'first', 'second': choose one."),
    ):
        with pytest.raises(gw.errors.DataError) as caught:
            gw.read_series("a.xlsx", **options)
        assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("package", "write", "sentence"),
    [
        (
            "openpyxl",
            FRAME.to_excel,
            "'a' is an .xlsx file, for which openpyxl is needed: install it with pip install 'gatewise[excel]'.",
        ),
        (
            "pyarrow",
            FRAME.to_parquet,
            "'a' is a Parquet file, for which pyarrow is needed: install it with pip install 'gatewise[parquet]'.",
        ),
    ],
)
def test_a_missing_library_is_named(tmp_path, monkeypatch, package, write, sentence):
    monkeypatch.chdir(tmp_path)
    write("a.xlsx" if package == "openpyxl" else "a")
    if package == "openpyxl":
        os.rename("a.xlsx", "a")
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(gw.errors.EnvironmentFault) as caught:
        gw.read_series("a")
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("frame", "start", "zone", "freq"),
    [
        (FRAME.assign(ds=FRAME["ds"].dt.tz_localize("Europe/Berlin")), "2024-01-01", "Europe/Berlin", "D"),
        (
            POLARS.with_columns(polars.col("ds").cast(polars.Datetime("us")).dt.replace_time_zone("Europe/Berlin")),
            "2024-01-01",
            "Europe/Berlin",
            "D",
        ),
        (
            pd.Series(np.arange(99.0), index=pd.date_range("2024-03-30", periods=99, freq="h", tz="Europe/Berlin")),
            "2024-03-29T23:00",
            "UTC",
            "h",
        ),
        (
            pd.Series(np.arange(99.0), index=pd.date_range("2024-03-30", periods=99, freq="h", tz="+02:00")),
            "2024-03-30",
            "UTC+02:00",
            "h",
        ),
    ],
)
def test_time_zones(frame, start, zone, freq):
    table = gw.read_series(frame)
    assert (table.starts[0], table.zone, table.freq) == (np.datetime64(start), zone, freq)
    expected = (
        frame.index if isinstance(frame, pd.Series) else pd.to_datetime(FRAME["ds"]).dt.tz_localize("Europe/Berlin")
    )
    assert (pd.DatetimeIndex(table.to_frame()["ds"]) == pd.DatetimeIndex(expected)).all()


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ([1, 2, None], [1, 2, np.nan]),
        ((1.5, float("nan"), 3), [1.5, np.nan, 3]),
        (np.arange(3, dtype=np.int8), [0, 1, 2]),
        (np.ma.array([1.0, 2.0, 3.0], mask=[0, 0, 0]), [1, 2, 3]),
        (np.ma.array([1.0, 999.0, 3.0], mask=[0, 1, 0]), [1, np.nan, 3]),
        (np.ma.array([1, 999, 3], mask=[0, 1, 0]), [1, np.nan, 3]),
        (np.arange(6.0, dtype=">f4")[::2], [0, 2, 4]),
        (pd.Series([1, None, 3], dtype="Int64"), [1, np.nan, 3]),
        (polars.Series([1, None, 3]), [1, np.nan, 3]),
        (["1", "", "3e0"], [1, np.nan, 3]),
    ],
)
def test_one_series(source, values):
    table = gw.read_series(source)
    np.testing.assert_array_equal(table.values, values)
    assert table.times.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("source", "error", "sentence"),
    [
        (
            np.zeros((3, 4)),
            "ShapeError",
            "The array has shape (3, 4) where one series has shape (time,): give one column, or several as a frame with names.",
        ),
        (
            [[1, 2], [3]],
            "ShapeError",
            "The list holds rows of different lengths: give one series, or a table as a frame.",
        ),
        ([], "DataError", "The array has no values: give at least one."),
        (3.0, "UsageError", "source is a float: give a path, a frame, or one series as a list or an array."),
        (b"y\n1\n", "UsageError", "source is a bytes: give a path, a frame, or one series as a list or an array."),
        (POLARS.lazy(), "UsageError", "A LazyFrame of polars is no table yet: call collect() first."),
        (
            [1, float("inf")],
            "NonFiniteError",
            "The array, row 1 (counted from 0), column 'y' is inf, which is not finite: correct it, "
            "or leave the cell empty if the value is missing.",
        ),
        (
            [True, False],
            "DataError",
            "The array, row 0 (counted from 0), column 'y' is 'True', a truth value and no number: write 1 and 0.",
        ),
        (
            [1.0, 1e39],
            "DataError",
            "The array, row 1 (counted from 0), column 'y' is 1e+39, and networks train in float32, "
            "which ends at 3.4e+38: divide the column by a power of ten.",
        ),
        (
            [2**53 + 1],
            "DataError",
            "The array, row 0 (counted from 0), column 'y' is 9007199254740993, which has more digits "
            "than a float64 holds exactly: divide or round it.",
        ),
        (FRAME.iloc[:0], "DataError", "The frame has no rows: give at least one row of data."),
        (
            pd.DataFrame([[1, 2]], columns=["y", "y"]),
            "DataError",
            "The frame has 2 columns named 'y': give each a name of its own.",
        ),
        (
            FRAME.assign(ds=[pd.NaT, *FRAME["ds"][1:]]),
            "DataError",
            "The frame, row 0 (counted from 0), column 'ds' is empty: write the time, or delete the row.",
        ),
    ],
)
def test_refusals(source, error, sentence):
    with pytest.raises(getattr(gw.errors, error)) as caught:
        gw.read_series(source)
    assert str(caught.value) == sentence


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning", "error::ResourceWarning")
def test_files_are_closed(tmp_path):
    FRAME.to_csv(tmp_path / "a.csv.gz", index=False)
    FRAME.to_csv(tmp_path / "b.csv", index=False)
    FRAME.to_excel(tmp_path / "c.xlsx", index=False)
    (tmp_path / "d.csv").write_text("ds,y\nx,1\n")
    for path in sorted(tmp_path.iterdir()):
        before = len(os.listdir("/proc/self/fd"))
        try:
            assert gw.read_series(path) == TABLE
        except gw.errors.DataError:
            assert path.name == "d.csv"
        gc.collect()
        assert len(os.listdir("/proc/self/fd")) == before


def test_paths_that_are_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sales.csv").write_text("y\n1\n2\n")
    (tmp_path / "secret.csv").write_text("y\n1\n")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "part.0.parquet").touch()

    def refuse(path, *arguments):
        raise PermissionError(13, "Permission denied")

    cases = {
        "slaes.csv": "There is no file 'slaes.csv': did you mean 'sales.csv'?",
        "x": "There is no file 'x': give the path of a table.",
        "none/x.csv": "There is no file 'none/x.csv': there is no folder 'none' either.",
        "pipe": "'pipe' is no regular file: send what it holds to standard input, and give '-' as the path.",
        ".": "'.' is a folder: give the path of a table in it.",
        "parts": "'parts' is a folder: give the path of a table in it; a folder of Parquet files is what gatewise.forecast "
        "takes, or gatewise forecast --engine dask.",
        "https://example.org/x.csv": "'https://example.org/x.csv' is an address, and nothing is fetched from there: give the "
        "path of a file.",
    }
    for path, sentence in cases.items():
        with pytest.raises(gw.errors.DataError) as caught:
            gw.read_series(path)
        assert str(caught.value) == sentence
    monkeypatch.setattr(files.Path, "open", refuse)
    with pytest.raises(gw.errors.DataError) as caught:
        gw.read_series("secret.csv")
    assert str(caught.value) == "'secret.csv' cannot be read (Permission denied): give the path of a table."


def test_an_empty_column_is_left_out_for_that_reason():
    table = gw.read_series(
        pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=3), "a": [1.0, 2.0, 3.0], "b": np.nan})
    )
    assert (len(table), table.notes[1]) == (1, "Left out, as the first rows have no value there: 'b'.")
