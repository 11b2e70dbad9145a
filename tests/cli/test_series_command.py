"""``gatewise series``: what is understood of a table, as text and as JSON."""

import json
import re

import pytest
import typer

from gatewise.cli.app import app, run
from gatewise.cli.wording import as_typed, flags_of

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
            "12 settles it: give --format date_format=%d/%m/%Y or date_format=%m/%d/%Y.",
        ),
        (["sales.csv", "--format", "header"], 2, "--format is 'header': give KEY=VALUE, such as header=False."),
        (
            ["sales.csv", "--format", "headr=no"],
            2,
            "--format has the key 'headr', which is unknown: did you mean 'header'?",
        ),
        (["sale.csv"], 3, "There is no file 'sale.csv': did you mean 'sales.csv'?"),
        (["sales.csv", "--target-col", "sold", "--freq", "7"], 2, None),
    ],
)
def test_refusals(typed, arguments, status, sentence):
    found, out, err = typed("series", *arguments, *([] if sentence else ["--format", "date_format=%d/%m/%Y"]))
    sentence = sentence or "--freq is 7, and the table's times are dates: give a name such as 'D' or 'MS'."
    assert (found, out, err) == (status, "", f"error: {sentence}\n")


def test_the_shipped_series_has_a_bare_name_and_a_file_of_that_name_goes_first(typed, tmp_path):
    assert typed("series", "airline")[1].splitlines()[0] == (
        "1 series of 144 values, freq 'MS', 1949-01-01 to 1960-12-01, 0 missing"
    )
    assert typed("series", "airline", "--freq", "D") == (
        2,
        "",
        "error: Options about columns and format are for a file, and 'airline' is data that ships.\n",
    )
    (tmp_path / "airline").write_text("ds,y\n2024-01-01,1\n2024-01-02,2\n")
    assert typed("series", "airline")[1].startswith("1 series of 2 values")


def test_covariates_are_typed_one_flag_a_kind(typed, tmp_path):
    (tmp_path / "promo.csv").write_text(
        "ds,y,promo,heat,region\n2024-01-01,3,0,20,N\n2024-01-02,4,1,21,N\n2024-01-03,,1,,N\n"
    )
    status, out, _ = typed("series", "promo.csv", "--future", "promo", "--past", "heat", "--static", "region")
    assert status == 0
    assert "- Covariates known in advance: 'promo'." in out
    assert typed("series", "promo.csv", "--future", "promos") == (
        3,
        "",
        "error: 'promo.csv' has no column 'promos' (--future); it has 'ds', 'y', 'promo', 'heat', 'region': did you mean "
        "'promo'?\n",
    )


class TestFlagsInSentences:
    """Sentences of `read_series` as they are on the command line."""

    @pytest.mark.parametrize(
        ("text", "remedy"),
        [
            (
                "ds,y\n2024-01-01,1\n2024-01-02,2\n2024-01-02,2\n2024-01-03,2\n2024-01-04,2\n2024-01-05,2\n",
                "keep one with --fix duplicates-last, or",
            ),
            ("ds,y\n01/02/2024,1\n02/02/2024,2\n", "give --format date_format=%d/%m/%Y or date_format=%m/%d/%Y."),
            ('ds,y\n2024-01-01,"1,500"\n2024-01-02,2\n', "give --format thousands=, or --format decimal=,."),
            (
                "day,shop,a,b\n2024-01-01,n,1,2\n2024-01-02,n,1,2\n",
                "give --target-col and --id-col, or --format layout=columns",
            ),
            ("ds,y\n2024-01-01,1\n2024-01-02,2\nTotal,3\n", "with --fix footer."),
        ],
    )
    def test_the_remedy_is_what_can_be_typed(self, typed, tmp_path, text, remedy):
        (tmp_path / "bad.csv").write_text(text)
        status, out, err = typed("series", "bad.csv")
        assert (status, out) == (3, "")
        assert remedy in err
        assert not re.search(r"\w=[({\"]", err)

    def test_what_is_quoted_stays_as_it_is(self):
        flags = {"fix": "--fix", "time_col": "--time-col"}
        sentence = "'a.csv' has 'fix=(\"footer\",)' and the table's 'time_col': choose one with time_col='the time'."
        assert as_typed(sentence, flags) == (
            "'a.csv' has 'fix=(\"footer\",)' and the table's 'time_col': choose one with --time-col 'the time'."
        )

    def test_parts_of_what_a_flag_stands_for_are_the_flag(self):
        flags = flags_of(typer.main.get_command(app), ["recipes", "imdb"])
        assert as_typed("give its place, gw.datasets.imdb(path).", flags) == "give its place, --data FILE."
        assert as_typed("Linear.min_texts is 0.", {"min_texts": "--min-texts"}) == "--min-texts is 0."

    def test_truths_have_flags_of_their_own(self):
        flags = {"force": "--force", "leak": "--leak", "overwrite": "--force"}
        assert as_typed("pass overwrite=True, or leak=False.", flags) == "pass --force, or --no-leak."
