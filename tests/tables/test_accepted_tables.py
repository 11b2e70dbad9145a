"""Tables that are read although something is unusual about them: what comes out, and what is said about it."""

import gzip
import io
import sys

import numpy as np
import pytest
from bad_files import DAYS

import gatewise as gw

NAN = float("nan")
ONE = "A row is one value: one series, time 'ds', value 'y'."
ISO = "Column 'ds' is read as %Y-%m-%d, such as '2024-01-01'."
THREE = (["2024-01-01", "2024-01-02", "2024-01-03"], [1, 2, 3])


def two(first, second, one=1, other=2):
    """Return a table of two times."""
    return f"ds,y\n{first},{one}\n{second},{other}\n"


def gaps(number, longest):
    """Return what is said about gaps."""
    return (
        f"{number} times between the first and the last of a series are not in the table (at most {longest} in a row): masked "
        "as missing, not filled in."
    )


# The name of the case, the file, the options, the times, the values, what is said beside the usual.
CASES = [
    ("comma", DAYS, {}, *THREE, []),
    ("semicolon", DAYS.replace(",", ";"), {}, *THREE, ["Cells are separated by semicolons."]),
    ("tab", DAYS.replace(",", "\t"), {}, *THREE, ["Cells are separated by tabs."]),
    ("bar", DAYS.replace(",", "|"), {}, *THREE, ["Cells are separated by vertical bars."]),
    ("blanks", DAYS.replace(",", " "), {}, *THREE, ["Cells are separated by blanks."]),
    ("colons", DAYS.replace(",", ":"), {}, *THREE, ["Cells are separated by colons."]),
    ("waves", DAYS.replace(",", "~"), {}, *THREE, ["Cells are separated by '~'."]),
    (
        "points that may stand between thousands",
        "ds;y\n2024-01-01;1.234\n2024-01-02;12.345\n2024-01-03;123.456\n",
        {},
        THREE[0],
        [1.234, 12.345, 123.456],
        [
            "Cells are separated by semicolons.",
            "Numbers such as '1.234' are read with a decimal point; if it stands between thousands in them, say so by "
            "thousands in format.",
        ],
    ),
    (
        "another separator",
        DAYS.replace(",", "~"),
        {"format": {"separator": "~"}},
        *THREE,
        ["Cells are separated by '~'."],
    ),
    ("byte order mark", "\ufeff" + DAYS, {}, *THREE, []),
    ("UTF-16", ("\ufeff" + DAYS).encode("utf-16-be"), {}, *THREE, ["The text is UTF-16-BE."]),
    ("UTF-32", ("\ufeff" + DAYS).encode("utf-32-le"), {}, *THREE, ["The text is UTF-32-LE."]),
    (
        "UTF-16, named",
        DAYS.encode("utf-16-le"),
        {"format": {"encoding": "utf-16-le"}},
        *THREE,
        ["The text is UTF-16-LE."],
    ),
    ("gzip", gzip.compress(DAYS.encode()), {}, *THREE, []),
    ("carriage returns", DAYS.replace("\n", "\r"), {}, *THREE, []),
    ("mixed line ends", "ds,y\r\n2024-01-01,1\n2024-01-02,2\r2024-01-03,3", {}, *THREE, []),
    (
        "blank rows",
        "\n" + DAYS.replace("2024-01-02", ",\n\n2024-01-02") + " \n",
        {},
        *THREE,
        ["4 blank rows were skipped."],
    ),
    (
        "blanks in the header",
        DAYS.replace("ds,y", " ds,y "),
        {},
        *THREE,
        ["Blanks around 2 column names were taken off (' ds', 'y ')."],
    ),
    ("blanks in cells", DAYS.replace("2024-01-02,2", " 2024-01-02 , 2 "), {}, *THREE, []),
    ("quotes", DAYS.replace("2024-01-02,2", '"2024-01-02","2"'), {}, *THREE, []),
    ("comments", "# made by x\n" + DAYS, {"fix": "comments"}, *THREE, ["1 row beginning with '#' left out."]),
    (
        "a footer",
        DAYS + "\nSource: the office\n",
        {"fix": "footer"},
        *THREE,
        ["2 rows of a footer left out.", "1 blank row was skipped."],
    ),
    ("a row of totals", DAYS + "Total,6\n", {"fix": "footer"}, *THREE, ["1 row of a footer left out."]),
    ("no header", DAYS[5:], {"format": {"header": False}}, *THREE, ["The table has no header; columns are numbered."]),
    (
        "decimal comma",
        "ds;y\n2024-01-01;1,5\n2024-01-02;-2,25\n",
        {},
        ["2024-01-01", "2024-01-02"],
        [1.5, -2.25],
        ["Cells are separated by semicolons.", "Numbers have a decimal comma, as '1,5' shows."],
    ),
    (
        "decimal comma, named",
        'ds,y\n2024-01-01,"1,500"\n2024-01-02,"2,250"\n',
        {"format": {"decimal": ","}},
        ["2024-01-01", "2024-01-02"],
        [1.5, 2.25],
        [],
    ),
    (
        "thousands, named",
        'ds,y\n2024-01-01,"1,234,567"\n2024-01-02,"2,250.5"\n',
        {"format": {"thousands": ","}},
        ["2024-01-01", "2024-01-02"],
        [1234567, 2250.5],
        [],
    ),
    (
        "thousands with points",
        "ds;y\n2024-01-01;1.234,5\n2024-01-02;2.250\n",
        {"format": {"thousands": "."}},
        ["2024-01-01", "2024-01-02"],
        [1234.5, 2250],
        ["Cells are separated by semicolons."],
    ),
    (
        "missing values",
        "ds,y\n2024-01-01,\n2024-01-02,NaN\n2024-01-03,NA\n2024-01-04,null\n2024-01-05,1e2\n2024-01-06,3\n",
        {},
        [f"2024-01-0{day}" for day in range(1, 7)],
        [NAN] * 4 + [100, 3],
        ["4 values are empty: masked as missing."],
    ),
    (
        "gaps",
        two("2024-01-01", "2024-01-02") + "2024-01-05,3\n2024-01-07,4\n",
        {},
        [f"2024-01-0{day}" for day in range(1, 8)],
        [1, 2, NAN, NAN, 3, NAN, 4],
        [gaps(3, 2)],
    ),
    (
        "mostly gaps",
        two("2024-01-01", "2024-01-02") + "2024-01-06,3\n2024-01-10,4\n",
        {"fix": "gaps"},
        [f"2024-01-{day:02d}" for day in range(1, 11)],
        [1, 2, NAN, NAN, NAN, 3, NAN, NAN, NAN, 4],
        [gaps(6, 3)],
    ),
    (
        "out of order",
        two("2024-01-02", "2024-01-01", 2, 1) + "2024-01-03,3\n",
        {},
        *THREE,
        ["1 row is earlier than the row before; the table was sorted."],
    ),
    (
        "descending",
        two("2024-01-03", "2024-01-02", 3, 2) + "2024-01-01,1\n",
        {},
        *THREE,
        ["The rows are in descending order of time; the table was sorted."],
    ),
    *(
        (
            f"twice, {way}",
            two("2024-01-01", "2024-01-02") + "2024-01-02,4\n2024-01-03,3\n",
            {"fix": f"duplicates-{way}"},
            THREE[0],
            [1, value, 3],
            [f"1 row with a time that its series already had: {said}."],
        )
        for way, value, said in (
            ("first", 2, "the first was kept"),
            ("last", 4, "the last was kept"),
            ("mean", 3, "their mean was taken"),
            ("sum", 6, "they were added up"),
        )
    ),
    (
        "twice, one empty",
        two("2024-01-01", "2024-01-02") + "2024-01-02,\n2024-01-03,3\n",
        {"fix": "duplicates-mean"},
        *THREE,
        ["1 row with a time that its series already had: their mean was taken."],
    ),
    (
        "a constant series",
        DAYS[:5] + "2024-01-01,5\n2024-01-02,5\n",
        {},
        ["2024-01-01", "2024-01-02"],
        [5, 5],
        ["The same value throughout: 1 series ('y')."],
    ),
    (
        "zeros",
        DAYS[:5] + "2024-01-01,0\n2024-01-02,-0.0\n",
        {},
        ["2024-01-01", "2024-01-02"],
        [0, 0],
        ["Nothing but zeros: 1 series ('y')."],
    ),
    ("two values", two("2024-01-01", "2024-01-02", -1, 1), {}, ["2024-01-01", "2024-01-02"], [-1, 1], []),
    ("huge values", two("2024-01-01", "2024-01-02", -3e38, 3e38), {}, ["2024-01-01", "2024-01-02"], [-3e38, 3e38], []),
    (
        "tiny values",
        two("2024-01-01", "2024-01-02", 1e-40, 2e-40),
        {},
        ["2024-01-01", "2024-01-02"],
        [1e-40, 2e-40],
        ["All values are too small for float32, in which they are 0 (below 1.2e-38): 1 series ('y')."],
    ),
    (
        "large whole numbers",
        two("2024-01-01", "2024-01-02", 9007199254740992, "1e20"),
        {},
        ["2024-01-01", "2024-01-02"],
        [2.0**53, 1e20],
        [],
    ),
    (
        "a future",
        two("2200-01-01", "2200-01-02"),
        {},
        ["2200-01-01", "2200-01-02"],
        [1, 2],
        ["The last time, 2200-01-02, is more than a year from now."],
    ),
]


@pytest.fixture
def read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def read(content, **options):
        (tmp_path / "a.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
        return gw.read_series("a.csv", **options)

    return read


@pytest.mark.parametrize(
    ("content", "options", "times", "values", "said"), [pytest.param(*case[1:], id=case[0]) for case in CASES]
)
def test_what_is_read_and_said(read, content, options, times, values, said):
    table = read(content, **options)
    np.testing.assert_array_equal(table.times, np.array(times, "datetime64[ns]"))
    np.testing.assert_array_equal(table.values, values)
    np.testing.assert_array_equal(table.observed, ~np.isnan(values))
    assert [
        note
        for note in table.notes
        if not note.startswith(("A row is one value", "Column 'ds' is", "Column 'column 1' is"))
    ] == said


def test_everything_usual_is_said_too(read):
    assert read(DAYS).notes == (ONE, ISO)
    assert (
        read(two("2024-01-01", "2024-01-02").replace("ds,y", "ds,sales")).notes[0]
        == "A row is one value: one series, time 'ds', value 'sales'."
    )


@pytest.mark.parametrize(
    ("first", "second", "third", "freq", "note"),
    [
        ("2024-01-31", "2024-02-29", "2024-03-31", "ME", None),
        ("2024-01-04", "2024-01-05", "2024-01-08", "B", None),
        ("2024-01-07", "2024-01-14", "2024-01-21", "W-SUN", None),
        ("2024-1-5", "2024-1-6", "2024-1-7", "D", None),
        ("2024-01", "2024-02", "2024-03", "MS", "Column 'ds' is read as %Y-%m, such as '2024-01'."),
        ("2024Q1", "2024Q2", "2024Q3", "QS-JAN", "Column 'ds' is read as YYYYQn, such as '2024Q1'."),
        ("Jan 2024", "Feb 2024", "Mar 2024", "MS", "Column 'ds' is read as %b %Y, such as 'Jan 2024'."),
        ("May 2024", "June 2024", "July 2024", "MS", "Column 'ds' is read as %B %Y, such as 'May 2024'."),
        ("31/01/2024", "01/02/2024", "02/02/2024", "D", "Column 'ds' is read as %d/%m/%Y, such as '31/01/2024'."),
        ("01/31/2024", "02/01/2024", "02/02/2024", "D", "Column 'ds' is read as %m/%d/%Y, such as '01/31/2024'."),
        ("02/01/2024", "02/02/2024", "02/13/2024", None, "Column 'ds' is read as %m/%d/%Y, such as '02/01/2024'."),
        ("1704067200", "1704070800", "1704074400", "h", "Column 'ds' holds seconds since 1970; times are in UTC."),
        (
            "1704067200000",
            "1704067200250",
            "1704067200500",
            "250ms",
            "Column 'ds' holds milliseconds since 1970; times are in UTC.",
        ),
        ("20240101", "20240102", "20240103", "D", "Column 'ds' is read as %Y%m%d, such as 20240101."),
        ("2024-01-01 06:00", "2024-01-01 06:15", "2024-01-01 06:30", "15min", None),
        (
            "2024-01-01T06:00:00Z",
            "2024-01-01T07:00:00Z",
            "2024-01-01T08:00:00Z",
            "h",
            "Times in 'ds' are those of UTC.",
        ),
        (
            "2024-01-01T00:00+02:00",
            "2024-02-01T00:00+02:00",
            "2024-03-01T00:00+02:00",
            "MS",
            "Times in 'ds' are those of UTC+02:00.",
        ),
        ("2024-01-01 01:00 PM", "2024-01-01 02:00 PM", "2024-01-01 03:00 PM", "h", None),
        ("1", "2", "3", 1, None),
        ("2019", "2021", "2023", 2, None),
    ],
)
def test_times_and_their_step(read, first, second, third, freq, note):
    table = read(two(first, second) + f"{third},3\n", fix="gaps")
    assert table.freq == ("D" if freq is None else freq)
    assert note is None or note in table.notes
    if freq is not None:
        # What the step says, counted from the first time, is where the table has its times.
        assert table.values.tolist() == [1, 2, 3]
        np.testing.assert_array_equal(table.tail(2).times, table.times[1:])


def test_a_proof_of_day_and_month_may_come_late(read):
    rows = "".join(f"{day:02d}/02/2024,{day}\n" for day in range(1, 29))
    assert read("ds,y\n" + rows).times[-1] == np.datetime64("2024-02-28")


def test_clocks_that_are_put_back_and_forward(read):
    back = "ds,y\n" + "".join(f"2024-10-27 0{hour}:00,{value}\n" for value, hour in enumerate((1, 2, 2, 3)))
    table = read(back, format={"time_zone": "Europe/Berlin"})
    assert table.freq == "h"
    assert table.starts[0] == np.datetime64("2024-10-26T23:00")
    assert table.values.tolist() == [0, 1, 2, 3]
    forward = "ds,y\n" + "".join(f"2024-03-31 0{hour}:00,{hour}\n" for hour in (0, 1, 3, 4))
    assert read(forward).missing == 1  # Without a zone the hour is a gap.
    table = read(forward, format={"time_zone": "Europe/Berlin"})
    assert table.missing == 0
    assert table.zone == "UTC"
    assert "Times were moved from Europe/Berlin to UTC, where no hour is missing or double." in table.notes


def test_different_offsets_are_moved_to_utc_on_request(read):
    table = read("ds,y\n2024-03-31T01:00+01:00,1\n2024-03-31T03:00+02:00,2\n2024-03-31T04:00+02:00,3\n", fix="utc")
    assert table.freq == "h"
    assert (table.starts[0], table.zone) == (np.datetime64("2024-03-31T00:00"), "UTC")
    assert table.values.tolist() == [1, 2, 3]


def test_one_row_shows_no_frequency(read):
    table = read("ds,y\n2024-01-01,1\n")
    assert (len(table), table.freq) == (1, None)
    assert table.notes[-1] == "Every series has one value, so that the frequency is not known: name it with freq."
    assert read("ds,y\n2024-01-01,1\n", freq="MS").times_after(1)[0, 0] == np.datetime64("2024-02-01")


def test_one_large_value_is_remarked_upon(read):
    table = read("y\n" + "1\n" * 11 + "5000\n")
    assert (
        table.notes[-1]
        == "One value is more than 1,000 times as large as the others on average, perhaps a wrong one: 1 series ('y')."
    )


def test_a_start_in_1970_among_others_is_remarked_upon(read):
    rows = "a,1970-01-01,1\na,1970-01-02,2\n" + "".join(
        f"{name},2023-01-0{day},{day}\n" for name in "bc" for day in (1, 2)
    )
    assert (
        read("id,ds,y\n" + rows).notes[-1] == "Begins at 1970-01-01, perhaps a date that is not known: 1 series ('a')."
    )


def test_series_without_a_value_are_left_out(read):
    table = read("id,ds,y\na,2024-01-01,1\na,2024-01-02,2\nb,2024-01-01,\nb,2024-01-02,\n")
    assert table.ids.tolist() == ["a"]
    assert table.values.tolist() == [1, 2]
    assert "Without any value, and left out: 1 series ('b')." in table.notes


@pytest.mark.parametrize(
    ("content", "id_column", "time_column", "value_column"),
    [
        ("unique_id,ds,y\nb,2024-01-01,1\nb,2024-01-02,2\na,2024-01-02,3\n", "unique_id", "ds", "y"),
        ("Shop;Month;Sales\nb;2024-01;1\nb;2024-02;2\na;2024-01;3\n", "Shop", "Month", "Sales"),
        ("value,id,date\n1,b,2024-01-01\n2,b,2024-01-02\n3,a,2024-01-02\n", "id", "date", "value"),
        ("y,series,when\n1,b,2024-01-01\n2,b,2024-01-02\n3,a,2024-01-02\n", "series", "when", "y"),
    ],
)
def test_columns_are_found_by_name_or_content(read, content, id_column, time_column, value_column):
    table = read(content)
    assert table.columns == (id_column, time_column, value_column)
    assert f"A row is one value: series {id_column!r}, time {time_column!r}, value {value_column!r}." in table.notes
    assert table.ids.tolist() == ["b", "a"]
    assert table.lengths.tolist() == [2, 1]
    assert table.values.tolist() == [1, 2, 3]


def test_columns_that_nothing_is_done_with_are_named(read):
    table = read("id,ds,y,split,price\na,2024-01-01,1,train,3\na,2024-01-02,2,train,4\n")
    assert "Left out: 'split', 'price'." in table.notes


def test_names_of_series_are_text_and_never_missing(read):
    table = read("id,ds,y\n001,2024-01-01,1\n001,2024-01-02,2\nNA,2024-01-01,3\n 1 ,2024-01-01,4\n")
    assert table.ids.tolist() == ["001", "NA", "1"]
    assert "Blanks around 1 name of series were taken off (' 1 ')." in table.notes


def test_a_column_may_be_a_series(read):
    table = read("ds,a,b,c\n2024-01-01,1,,\n2024-01-02,2,5,\n2024-01-03,,6,\n2024-01-04,4,,\n")
    assert table.ids.tolist() == ["a", "b"]
    assert table.lengths.tolist() == [4, 2]
    assert table.starts.tolist() == np.array(["2024-01-01", "2024-01-02"], "datetime64[ns]").tolist()
    np.testing.assert_array_equal(table.values, [1, 2, NAN, 4, 5, 6])
    assert table.notes[0] == "A column is a series: 3 of them, time 'ds'."
    assert "Without any value, and left out: 1 column ('c')." in table.notes


def test_a_series_in_a_column_may_have_any_name(read):
    table = read("y,id,ds\n1,5,2024-01-01\n2,6,2024-01-02\n", format={"layout": "columns"})
    assert table.ids.tolist() == ["y", "id"]
    assert table.values.tolist() == [1, 2, 5, 6]


def test_a_column_that_begins_below_the_rows_looked_at_is_a_series(read):
    days = np.datetime64("2020-01-01") + np.arange(300)
    rows = [f"{day},{place},{place},{place if place > 250 else ''}" for place, day in enumerate(days)]
    table = read("\n".join(["ds,a,b,late", *rows]))
    assert table.lengths.tolist() == [300, 300, 49]


def test_a_row_may_be_a_series(read):
    m4 = read("V1,V2,V3,V4\nH1,1,2,3\nH2,4,5,\n")
    assert m4.ids.tolist() == ["H1", "H2"]
    assert m4.lengths.tolist() == [3, 2]
    assert m4.times.tolist() == [1, 2, 3, 1, 2]
    assert m4.notes[0] == "A row is a series: name 'V1', values 'V2' to 'V4'."
    spreadsheet = "Series,N,NF,Category,Starting Year,1,2,3\nN1,3,1,MICRO,1990,7,8,9\nN2,2,1,MICRO,1991,5,6,\n"
    m3 = read(spreadsheet)
    assert m3.values.tolist() == [7, 8, 9, 5, 6]
    assert "Left out: 'N', 'NF', 'Category', 'Starting Year'." in m3.notes
    dated = read("shop,2024-01,2024-02,2024-03\na,1,2,3\nb,,5,6\n")
    assert dated.freq == "MS"
    assert dated.starts[1] == np.datetime64("2024-02-01")


def test_covariates(read):
    rows = [
        "a,2024-01-01,1,0,20,north",
        "a,2024-01-02,2,1,21,north",
        "a,2024-01-03,,1,,north",
        "b,2024-01-01,5,0,9,south",
    ]
    text = "\n".join(["id,ds,y,promo,heat,area", *rows])
    table = read(text, covariates={"future": "promo", "past": ["heat"], "static": ["area"]})
    assert table.values.tolist() == [1, 2, 5]
    assert table.future.names == ("promo",)
    assert table.future.values[:, 0].tolist() == [0, 1, 0]
    assert table.past.values[:, 0].tolist() == [20, 21, 9]
    assert table.ahead.tolist() == [[1]]
    assert table.ahead_offsets.tolist() == [0, 1, 1]
    assert table.static["area"].tolist() == ["north", "south"]
    table.select([0]).refuse_unknown_future(1)
    with pytest.raises(gw.errors.DataError) as caught:
        table.refuse_unknown_future(2)
    assert str(caught.value) == (
        "Series 'a' (the first of 2 such series) has no 'promo' for 2024-01-04, and a forecast of 2 steps needs them: give "
        "rows for these times with future, or below its last value with an empty value."
    )
    codes, texts = table.categories("area")
    assert (codes.tolist(), texts) == ([0, 1], ["north", "south"])
    with pytest.raises(gw.errors.DataError) as caught:
        table.categories("area", ["north"])
    assert (
        str(caught.value)
        == "Series 'b' has area='south', which is none of the known 'north': correct it, or train with it."
    )


def test_a_covariate_that_explains_nothing_is_remarked_upon(read):
    table = read("ds,y,x\n2024-01-01,1,1\n2024-01-02,2,1\n", covariates={"past": ["x"]})
    assert table.notes[-1] == "Covariate 'x' has the same value everywhere, so that it explains nothing."


def test_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(DAYS.encode())))
    assert gw.read_series("-").values.tolist() == [1, 2, 3]
