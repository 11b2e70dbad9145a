"""Rows of a text file, cut and counted in NumPy: against Python's csv module, at every size of piece."""

import csv
import io
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gatewise as gw
from gatewise.tables import records

CELLS = st.text(st.sampled_from(["a", "é", "7", " ", ",", '"', "\n", "\r", "€"]), max_size=5)
TABLES = st.lists(st.lists(CELLS, min_size=2, max_size=4), min_size=1, max_size=8)


def written(rows):
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()


@settings(max_examples=150, deadline=None)
@given(TABLES)
def test_rows_and_cells_are_those_of_the_csv_module(rows):
    text = records._unified(written(rows).encode())
    assert records.odd_quote(text, ",") is None
    found = records.count_cells(text, ",")
    assert found.cells.tolist() == [len(row) for row in rows]
    for place, row in enumerate(rows):
        # A line end inside quotes is made one line feed, like those between rows.
        expected = [records._unified(cell.encode()).decode() for cell in row]
        assert records.split(records.row_text(text, found, place), ",") == expected
    dropped = np.arange(len(rows)) % 2 == 1
    kept = records.count_cells(records.without(text, found, dropped), ",")
    assert kept.cells.tolist() == [len(row) for row in rows[::2]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 64])
def test_a_file_is_the_same_in_pieces_of_any_size(tmp_path, monkeypatch, encoding, size):
    monkeypatch.setattr(records, "PIECE", size + 60)
    generator = random.Random(size)
    rows = [[f'é"{number % 3}\r\n', f"2024-01-{number // 3 + 1:02d}", str(generator.random())] for number in range(60)]
    text = written([["id", "ds", "y"], *rows])
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    table = gw.read_series(tmp_path / "a.csv")
    assert table.ids.tolist() == [f'é"{number}' for number in range(3)]
    for number, series in enumerate(table):
        assert series.values.tolist() == [float(row[2]) for row in rows[number::3]]


@pytest.mark.parametrize(("row", "cell"), [(3, "x"), (40, "x"), (59, "x"), (17, "")])
def test_rows_are_counted_through_all_pieces(tmp_path, monkeypatch, row, cell):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(records, "PIECE", 100)
    lines = ["id,ds,y", *(f"a,2024-{1 + n // 28:02d}-{1 + n % 28:02d},{n}" for n in range(60))]
    lines[row - 1] = f"a,{cell},1"
    lines.insert(1, "")  # A blank row is a row of the file.
    (tmp_path / "a.csv").write_text("\n".join(lines))
    with pytest.raises(gw.errors.DataError, match=rf"^'a\.csv', row {row + 1}, column 'ds' is "):
        gw.read_series("a.csv")


def test_a_file_that_grows_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("ds,y\n2024-01-01,1\n2024-01-02,2\n")
    count_cells = records.count_cells

    def grow(*arguments):
        with path.open("a") as file:
            file.write("2024-01-03,3\n")
        return count_cells(*arguments)

    monkeypatch.setattr(records, "count_cells", grow)
    with pytest.raises(gw.errors.DataError, match="changed while it was read: read a copy that nobody writes to"):
        gw.read_series(path)


def sentence_of(path):
    """Return the sentence with which a file is refused; None where it is read."""
    try:
        gw.read_series(path)
    except gw.errors.GatewiseError as error:
        return str(error)
    return None


PARTS = ["ds", "y", "2024-01-01", "01/02/2024", "1", "-2.5", "1,5", "1e400", '"', "#", "\n", ",", ";", "NaN", "x"]


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=60) | st.lists(st.sampled_from(PARTS), max_size=30).map(lambda parts: "".join(parts).encode())
)
def test_anything_is_read_or_refused_in_a_sentence(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content)
    sentence = sentence_of(path)
    assert sentence is None or sentence.endswith((".", "?"))
