"""Reading one column of numbers: what is found out, and the sentence for what is asked or not clean."""

import pytest

from gatewise.errors import DataError
from gatewise.tables import read_values

# As it is found on the web: the airline passengers.
CLASSIC = """"Month","International airline passengers: monthly totals in thousands. Jan 49 ? Dec 60"
"1949-01",112
"1949-02",118

International airline passengers: monthly totals in thousands. Jan 49 ? Dec 60

"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(content):
        (tmp_path / "a.csv").write_text(content, encoding="utf-8", newline="")
        return "a.csv"

    return write


@pytest.mark.parametrize(
    ("content", "options", "name", "values"),
    [
        ("month,passengers\n1949-01,112\n1949-02,118.5\n", {}, "passengers", [112, 118.5]),
        # What stands beside the numbers does not matter: these are no dates.
        ("month;passengers\r\n1-01;112\r\n1-02;118\r\n", {}, "passengers", [112, 118]),
        ("month\tpassengers\nx\t112\nx\t118", {}, "passengers", [112, 118]),
        ("\ufeffy\n1\n-2e3\n+.5\n", {}, "y", [1, -2000, 0.5]),
        ("y;z\n1,5;x\n2;y\n", {}, "y", [1.5, 2]),
        ("1\n2\n3\n", {"format": {"header": False}}, "column 1", [1, 2, 3]),
        ("1949-01,112\n1949-02,118\n", {"format": {"header": False}}, "column 2", [112, 118]),
        ("year,month,y\n1949,1,112\n1949,2,118\n", {"column": "y"}, "y", [112, 118]),
        ("year,month,y\n1949,1,112\n1949,2,118\n", {"column": "2"}, "month", [1, 2]),
    ],
)
def test_the_column_is_found_or_named(write, content, options, name, values):
    found = read_values(write(content), **options)
    assert found.name == name
    assert found.values.tolist() == values


def test_the_classic_file_is_read_once_its_footer_is_left_out(write):
    path = write(CLASSIC)
    with pytest.raises(DataError) as caught:
        read_values(path)
    assert str(caught.value) == (
        "'a.csv', row 5 has 1 cell where the header has 2 ('International airline passengers: mon…'): leave the footer out "
        'with fix=("footer",).'
    )
    assert read_values(path, fix="footer").values.tolist() == [112, 118]


@pytest.mark.parametrize(
    ("content", "options", "sentence"),
    [
        (
            "month,y\n1949-01,112\n1949-02,\n1949-03,3\n",
            {},
            "'a.csv', row 3, column 'y' is empty: fill in the missing value or delete the row.",
        ),
        (
            "month,y\n1949-01,112\n1949-02,NaN\n1949-03,3\n",
            {},
            "'a.csv', row 3, column 'y' is empty: fill in the missing value or delete the row.",
        ),
        (
            "month,y\n1949-01,112\n1949-02,n/a\n1949-03,3\n",
            {},
            "'a.csv', row 3, column 'y' is 'n/a', which is no number: correct it, or leave the cell empty if the value is "
            "missing.",
        ),
        (
            "year,month,y\n1949,1,112\n1949,2,118\n",
            {},
            "'a.csv' has 3 columns of numbers, 'year', 'month', 'y': choose one with column='y'.",
        ),
        ("month,y\n1949-01,a\n", {}, "'a.csv' has no column of numbers among 'month', 'y': give a file with one."),
        (
            "month,y\n1949-01,1\n",
            {"column": "3"},
            "'a.csv' has no column '3'; it has 'month', 'y': choose one of them.",
        ),
    ],
)
def test_refusals(write, content, options, sentence):
    with pytest.raises(DataError) as caught:
        read_values(write(content), **options)
    assert str(caught.value) == sentence
