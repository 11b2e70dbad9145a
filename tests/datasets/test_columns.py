"""Reading one column of numbers: what is found out, and the sentence for everything that is not clean."""

import pytest

from gatewise.datasets import read_values
from gatewise.errors import DataError, UsageError

CLASSIC = """"Month","International airline passengers: monthly totals in thousands. Jan 49 ? Dec 60"
"1949-01",112
"1949-02",118

International airline passengers: monthly totals in thousands. Jan 49 ? Dec 60

"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(content):
        raw = content if isinstance(content, bytes) else content.encode()
        (tmp_path / "a.csv").write_bytes(raw)
        return "a.csv"

    return write


@pytest.mark.parametrize(
    ("content", "name", "values"),
    [
        ("month,passengers\n1949-01,112\n1949-02,118.5\n", "passengers", [112, 118.5]),
        ("month;passengers\r\n1949-01;112\r\n1949-02;118\r\n", "passengers", [112, 118]),
        ("month\tpassengers\n1949-01\t112\n1949-02\t118", "passengers", [112, 118]),
        ("\ufeffy\n1\n-2e3\n+.5\n", "y", [1, -2000, 0.5]),
        ("1\n2\n3\n", "column 1", [1, 2, 3]),
        ("1949-01,112\n1949-02,118\n", "column 2", [112, 118]),
        ("\n\nmonth,y\n1949-01,112\n\n\n", "y", [112]),
        ('month,"y, in ""thousands"""\n"Jan, 1949",112\n', 'y, in "thousands"', [112]),
        ("y;note\n1;a,b\n2;c,d\n", "y", [1, 2]),
        ("\ufeffmonth\ty\n1949-01\t7\n".encode("utf-16-le"), "y", [7]),
    ],
)
def test_delimiter_header_and_column_are_found_out(write, content, name, values):
    found = read_values(write(content))
    assert found.name == name
    assert found.values.tolist() == values


def test_a_column_is_chosen_by_name_or_by_number(write):
    path = write("year,month,y\n1949,1,112\n1949,2,118\n")
    assert read_values(path, column="y").values.tolist() == [112, 118]
    assert read_values(path, column="2").values.tolist() == [1, 2]


def test_the_classic_file_is_read_once_its_footer_is_skipped(write):
    path = write(CLASSIC)
    with pytest.raises(DataError) as caught:
        read_values(path)
    assert str(caught.value) == (
        "'a.csv', line 5 is below the last row of data and holds no number ('International airline passengers: mon…'): "
        "skip the footer with --skip-footer 3 (skip_footer=3)."
    )
    assert read_values(path, skip_footer=3).values.tolist() == [112, 118]


@pytest.mark.parametrize(
    ("content", "options", "sentence"),
    [
        ("", {}, "'a.csv' is empty: give a CSV file with one number a row."),
        (" \n\n", {}, "'a.csv' is empty: give a CSV file with one number a row."),
        (
            "y\n1\n",
            {"skip_footer": 9},
            "'a.csv' holds nothing above the 9 lines of its footer: give a CSV file with one number a row.",
        ),
        ("month,y\n", {}, "'a.csv' has a header and no rows below it: give at least one row of data."),
        (
            "month,y\n1949-01,112\n1949-02,\n1949-03,3\n",
            {},
            "'a.csv', line 3, column 'y' is empty: fill in the missing value or delete the row.",
        ),
        (
            "month,y\n1949-01,112\n1949-02,n/a\n1949-03,3\n",
            {},
            "'a.csv', line 3, column 'y' is 'n/a', which is not a finite number: correct it.",
        ),
        (
            "month,y\n1949-01,112\n1949-02,inf\n1949-03,3\n",
            {},
            "'a.csv', line 3, column 'y' is 'inf', which is not a finite number: correct it.",
        ),
        (
            "y\n1\n1e999\n",
            {},
            "'a.csv', line 3, column 'y' is '1e999', which is not a finite number: correct it.",
        ),
        (
            "y\n1\n1_000\n3\n",
            {},
            "'a.csv', line 3, column 'y' is '1_000', which is not a finite number: correct it.",
        ),
        (
            'month;y\n1;"1.5"\n2;"1,5"\n3;2\n',
            {"column": "y"},
            "'a.csv', line 3, column 'y' is '1,5', which is not a finite number: write decimals with a point and no "
            "thousands separator.",
        ),
        (
            "month,y\n1949-01,112\n1949-02,118,9\n1949-03,3\n",
            {},
            "'a.csv', line 3 has 3 cells where the first row has 2: give every row the same number of cells.",
        ),
        (
            "month,y\n1949-01,112\n\n1949-03,3\n",
            {},
            "'a.csv', line 3 is empty and data follows it: fill in the missing row or delete the line.",
        ),
        (
            "month,y\n1949-01,112\n1949-02,118\nSource: Box & Jenkins,\n",
            {},
            "'a.csv', line 4 is below the last row of data and holds no number ('Source: Box & Jenkins, '): skip the "
            "footer with --skip-footer 1 (skip_footer=1).",
        ),
        (
            "year,month,y\n1949,1,112\n1949,2,118\n",
            {},
            "'a.csv' has 3 columns of numbers, 'year', 'month', 'y': choose one with --column y (column=…).",
        ),
        (
            "1949,112\n1950,118\n",
            {},
            "'a.csv' has 2 columns of numbers, 'column 1', 'column 2': choose one with --column 2 (column=…).",
        ),
        (
            "a,b\nx,y\nz,w\n",
            {},
            "'a.csv' has no column of numbers among 'a', 'b': give a file with one, decimals written with a point.",
        ),
        (
            "month,y\n1949-01,112\n",
            {"column": "sales"},
            "'a.csv' has no column 'sales'; it has 'month', 'y': choose one of them.",
        ),
        (
            "1949-01,112\n",
            {"column": "y"},
            "'a.csv' has no column 'y'; it has no header row and 2 columns, named by number: choose one of them.",
        ),
        (
            "y,y\n1,2\n",
            {"column": "y"},
            "'a.csv' has 2 columns named 'y': choose one by its number, 1 or 2.",
        ),
        (b"y\n1\xff\n", {}, "'a.csv' is not UTF-8 text (byte 3): save it as CSV in UTF-8."),
        (b"y\n1\0\n", {}, "'a.csv' is not a text file: give a CSV file."),
        ('y\n"1\n2\n', {}, "'a.csv', line 3 is not CSV (unexpected end of data): correct it."),
    ],
)
def test_refusals(write, content, options, sentence):
    with pytest.raises(DataError) as caught:
        read_values(write(content), **options)
    assert str(caught.value) == sentence


def test_a_path_that_is_no_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        read_values("none.csv")
    assert str(caught.value) == "There is no file 'none.csv': give the path of a CSV file."
    with pytest.raises(DataError) as caught:
        read_values(".")
    assert str(caught.value) == "'.' cannot be read (Is a directory): give the path of a CSV file."


def test_a_negative_footer_is_refused(write):
    with pytest.raises(UsageError) as caught:
        read_values(write("y\n1\n"), skip_footer=-1)
    assert str(caught.value) == "skip_footer is -1: give how many lines at the end are not data, 0 or more."
