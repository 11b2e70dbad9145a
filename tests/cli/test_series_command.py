"""``gatewise series``: what is understood of a table, as text and as JSON."""

import json

import pytest

from gatewise.cli.app import run

SALES = """shop;day;sold
north;1/2/2024;3,5
north;2/2/2024;4
north;4/2/2024;5
south;1/2/2024;9
south;2/2/2024;
south;3/2/2024;7
"""


@pytest.fixture
def typed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sales.csv").write_text(SALES)

    def typed(*arguments):
        status = run(list(arguments))
        return status, *capsys.readouterr()

    return typed


def test_what_is_understood_is_printed(typed):
    status, out, err = typed("series", "sales.csv", "--format", "date_format=%d/%m/%Y")
    assert (status, err) == (0, "")
    summary, *notes, blank, titles, rule, north, south = out.splitlines()
    assert summary == "2 series of 3 to 4 values, freq 'D', 2024-02-01 to 2024-02-04, 2 missing"
    assert "- A row is one value: series 'shop', time 'day', value 'sold'." in notes
    assert "- 1 value is empty: masked as missing." in notes
    assert titles.split() == ["series", "values", "missing", "first", "last"]
    assert north.split() == ["north", "4", "1", "2024-02-01", "2024-02-04"]
    assert south.split() == ["south", "3", "1", "2024-02-01", "2024-02-03"]
    assert not blank.strip()
    assert set(rule.strip()) <= {"─", " "}


def test_the_same_as_json(typed):
    status, out, _ = typed("series", "sales.csv", "--format", "date_format=%d/%m/%Y", "--freq", "D", "--json")
    found = json.loads(out)
    assert status == 0
    assert found["columns"] == {"id": "shop", "time": "day", "value": "sold"}
    assert (found["freq"], found["series"], found["values"], found["missing"]) == ("D", 2, 7, 2)
    assert found["each"][0] == {"id": "north", "length": 4, "missing": 1, "first": "2024-02-01", "last": "2024-02-04"}
    assert "Numbers have a decimal comma, as '3,5' shows." in found["notes"]


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (
            ["sales.csv"],
            3,
            "'sales.csv', row 2, column 'day' is '1/2/2024', which may be 1 February 2024 or 2 January 2024, and no day above "
            '12 settles it: give format={"date_format": "%d/%m/%Y"} or "%m/%d/%Y".',
        ),
        (["sales.csv", "--format", "header"], 2, "--format is 'header': give KEY=VALUE, such as header=False."),
        (
            ["sales.csv", "--format", "headr=no"],
            2,
            "format has the key 'headr', which is unknown: did you mean 'header'?",
        ),
        (["sale.csv"], 3, "There is no file 'sale.csv': did you mean 'sales.csv'?"),
        (["sales.csv", "--target-col", "sold", "--freq", "7"], 2, None),
    ],
)
def test_refusals(typed, arguments, status, sentence):
    found, out, err = typed("series", *arguments, *([] if sentence else ["--format", "date_format=%d/%m/%Y"]))
    sentence = sentence or "freq is 7, and the table's times are dates: give a name such as 'D' or 'MS'."
    assert (found, out, err) == (status, "", f"error: {sentence}\n")
