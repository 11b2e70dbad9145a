"""Tables that are refused: each with one sentence that says what, where and what to do; rows are counted as in the file."""

import re

import pytest
from bad_files import DAYS, FILES, ROWS
from bad_numbers import VALUES
from bad_times import TIMES

import gatewise as gw
from gatewise.cli.app import run


@pytest.fixture
def read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def read(content, options):
        (tmp_path / "a.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
        return gw.read_series("a.csv", **options)

    return read


@pytest.mark.parametrize(
    ("content", "options", "sentence"),
    [pytest.param(*case[1:], id=case[0]) for case in (*FILES, *ROWS, *TIMES, *VALUES)],
)
def test_a_table_is_refused_in_a_sentence(read, content, options, sentence):
    with pytest.raises(gw.errors.GatewiseError) as caught:
        read(content, options)
    assert str(caught.value) == sentence
    expected = gw.errors.DataError if sentence.startswith(("'a.csv'", "Series ")) else gw.errors.UsageError
    assert isinstance(caught.value, expected)


def typed(options):
    """Return options of `read_series` as flags."""
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if name == "covariates":
            columns = {kind: [of] if isinstance(of, str) else of for kind, of in value.items()}
            yield from (word for kind, of in columns.items() for column in of for word in (f"--{kind}", column))
        elif name == "format":
            yield from (word for key, one in value.items() for word in (flag, f"{key}={one}"))
        else:
            yield from (
                word for one in ((value,) if isinstance(value, str | int) else value) for word in (flag, str(one))
            )


# What Python's arguments look like in a sentence, outside of what it quotes.
PYTHON = re.compile(r"""\w+=[({"\w]|\b\w+_col\b|covariates\[""")


@pytest.mark.parametrize(
    ("content", "options", "sentence"),
    [pytest.param(*case[1:], id=case[0]) for case in (*FILES, *ROWS, *TIMES, *VALUES)],
)
def test_on_the_command_line_the_remedy_can_be_typed(tmp_path, monkeypatch, capsys, content, options, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    status = run(["series", "a.csv", *typed(options)])
    out, err = capsys.readouterr()
    assert (status in (2, 3), out) == (True, "")
    if not PYTHON.search(sentence):
        assert err.replace("--format has", "format has").replace("--freq", "freq") == f"error: {sentence}\n"
    unquoted = re.sub(r"(?<![\w=])'(?:[^'\\]|\\.)*'(?!\w)", "", err)
    named = re.findall(r"--([a-z-]+)", unquoted)
    known = ("id-col", "time-col", "target-col", "freq", "fix", "format", "future", "past", "static")
    assert set(named) <= set(known)
    assert not PYTHON.search(re.sub(r"--format \w+=", "--format ", unquoted))


KEYS = "'separator', 'decimal', 'thousands', 'encoding', 'header', 'sheet', 'layout', 'date_format', 'time_zone'"
OPTIONS = [
    (
        {"fix": "sort"},
        "fix has 'sort', which is unknown: give 'duplicates-first', 'duplicates-last', 'duplicates-mean', "
        "'duplicates-sum', 'gaps', 'utc', 'footer' or 'comments'.",
    ),
    (
        {"fix": ("duplicates-last", "duplicates-mean")},
        "fix has 'duplicates-last' and 'duplicates-mean', which exclude each other: give one of them.",
    ),
    (
        {"format": {"separatr": ";"}},
        "format has the key 'separatr', which is unknown: did you mean 'separator'?",
    ),
    ({"format": "csv"}, f"format is 'csv': give a dict with any of {KEYS}."),
    ({"format": {"decimal": ";"}}, "format has decimal=';': give '.' or ','."),
    ({"format": {"header": "no"}}, "format has header='no': give True or False."),
    ({"format": {"separator": ";;"}}, "format has separator=';;': give one ASCII character."),
    (
        {"format": {"thousands": ".", "decimal": "."}},
        "format has '.' for both decimal and thousands: give two different signs.",
    ),
    (
        {"format": {"encoding": "utf-9"}},
        "format has encoding='utf-9', which Python does not know: give another.",
    ),
    ({"format": {"layout": "wide"}}, "format has layout='wide': give 'long', 'columns' or 'rows'."),
    (
        {"format": {"date_format": "%Q"}},
        "format has date_format='%Q', which is no form of a date ('Q' is a bad directive in format '%Q'): correct it.",
    ),
    (
        {"covariates": {"futur": ["x"]}},
        "covariates has the key 'futur', which is unknown: did you mean 'future'?",
    ),
    (
        {"freq": "xx"},
        "freq is 'xx', which pandas does not know: give a name such as 'h', 'D', 'W-SUN', 'MS' or 'B'.",
    ),
    ({"freq": 1}, "freq is 1, and the table's times are dates: give a name such as 'D' or 'MS'."),
    (
        {"freq": "SMS"},
        "freq is 'SMS', and such a step is not read: give a fixed time, months, quarters, years or 'B'.",
    ),
    ({"freq": "-1D"}, "freq is '-1D': give a step forward."),
    (
        {"format": {"layout": "columns"}, "target_col": "y"},
        'format has layout="columns", in which every column of numbers is a series: leave out id_col, target_col and '
        "covariates.",
    ),
    (
        {"format": {"layout": "rows"}, "time_col": "ds"},
        'format has layout="rows", in which the columns are the times: leave out time_col, target_col and covariates.',
    ),
]


@pytest.mark.parametrize(("options", "sentence"), OPTIONS)
def test_an_option_that_cannot_be_meant(read, options, sentence):
    with pytest.raises(gw.errors.UsageError) as caught:
        read(DAYS, options)
    assert str(caught.value) == sentence
