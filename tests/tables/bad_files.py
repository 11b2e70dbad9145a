"""Files and rows that are no table: the name of the case, the file, the options, the sentence."""

import gzip

DAYS = "ds,y\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n"


FILES = [
    (
        "an empty file",
        b"",
        {},
        "'a.csv' is empty: give a table with a header and rows.",
    ),
    (
        "blank lines only",
        "\n \n\n",
        {},
        "'a.csv' is empty: give a table with a header and rows.",
    ),
    (
        "a header and nothing else",
        "ds,y\n",
        {},
        "'a.csv' has a header and no rows below it: give at least one row of data.",
    ),
    (
        "a footer and nothing else",
        "ds,y\nSource: the office\n",
        {"fix": "footer"},
        "'a.csv' has a header and no rows below it: give at least one row of data.",
    ),
    (
        "UTF-16 without a mark",
        DAYS.encode("utf-16-le"),
        {},
        '\'a.csv\' looks like utf-16-le without a byte order mark: give format={"encoding": "utf-16-le"}, '
        "or save it in UTF-8.",
    ),
    (
        "Latin-1",
        "id,ds,y\na,2024-01-01,1\nbé,2024-01-02,2\n".encode("latin-1"),
        {},
        "'a.csv', row 3 is not UTF-8 text (byte 24, 0xe9): save it in UTF-8, or name its encoding with "
        'format={"encoding": "latin-1"}.',
    ),
    (
        "Latin-1 after a carriage return",
        "id,ds,y\r\na,2024-01-01,1\r\nbé,2024-01-02,2\r\n".encode("latin-1"),
        {},
        "'a.csv', row 3 is not UTF-8 text (byte 26, 0xe9): save it in UTF-8, or name its encoding with "
        'format={"encoding": "latin-1"}.',
    ),
    (
        "a NUL byte",
        "ds,y\n2024-01-01,1\n2024-01-02,2\0\n",
        {},
        "'a.csv', row 3 holds a NUL byte, which is no text: save it in UTF-8.",
    ),
    (
        "a PDF",
        b"%PDF-1.7 \n",
        {},
        "'a.csv' is a PDF document: export its table as CSV.",
    ),
    (
        "an old spreadsheet",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        {},
        "'a.csv' is a spreadsheet in the old .xls format: save it as .xlsx or CSV.",
    ),
    (
        "a zip archive",
        b"PK\x03\x04aaaaaaaaaaaaaaaaa",
        {},
        "'a.csv' is a zip archive: unpack it and give the table inside.",
    ),
    (
        "a pickle",
        b"\x80\x05\x95",
        {},
        "'a.csv' is a pickle, which could hold code: save the table as CSV or Parquet.",
    ),
    (
        "an error page",
        "<!DOCTYPE html><html>",
        {},
        "'a.csv' is HTML or XML, perhaps an error page saved as a table: fetch the table itself.",
    ),
    (
        "JSON",
        '{"error": "not found"}',
        {},
        "'a.csv' is JSON: save the table as CSV or Parquet.",
    ),
    (
        "a pointer of Git LFS",
        "version https://git-lfs.github.com/spec/v1\noid sha256:aa\n",
        {},
        "'a.csv' is a pointer of Git LFS, not the file itself: fetch it with 'git lfs pull'.",
    ),
    (
        "gzip that ends too early",
        gzip.compress(DAYS.encode() * 50, mtime=0)[:40],
        {},
        "'a.csv' is a gzip file that is damaged or ends too early: fetch it again.",
    ),
    (
        "a damaged Parquet file",
        b"PAR1aaaa",
        {},
        "'a.csv' is a damaged Parquet file: fetch it again.",
    ),
    (
        "a last row cut off",
        DAYS + "2024-0",
        {},
        "'a.csv', row 5 has 1 cell where the header has 2 ('2024-0'): the file seems to be cut off; fetch it again.",
    ),
]

ROWS = [
    (
        "a short row",
        "id,ds,y\na,2024-01-01,1\na,2024-01-02\na,2024-01-03,3\n",
        {},
        "'a.csv', row 3 has 2 cells where the header has 3 ('a,2024-01-02'): give every row the same number of cells.",
    ),
    (
        "a long row",
        "ds,y\n2024-01-01,1\n2024-01-02,2,9\n2024-01-03,3\n",
        {},
        "'a.csv', row 3 has 3 cells where the header has 2 ('2024-01-02,2,9'): give every row the same "
        "number of cells.",
    ),
    (
        "every row longer than the header",
        "ds,y\n2024-01-01,1,9\n2024-01-02,2,9\n",
        {},
        "'a.csv', row 2 has 3 cells where the header has 2 ('2024-01-01,1,9'): give every row the same "
        "number of cells.",
    ),
    (
        "a row after blank rows",
        "\nds,y\n\n2024-01-01,1\n,\n2024-01-02,2,3\n",
        {},
        "'a.csv', row 6 has 3 cells where the header has 2 ('2024-01-02,2,3'): give every row the same "
        "number of cells.",
    ),
    (
        "two columns of one name",
        "ds,y,y\n2024-01-01,1,9\n2024-01-02,2,9\n",
        {},
        "'a.csv' has 2 columns named 'y' (columns 2 and 3): give each a name of its own.",
    ),
    (
        "a target that is not there",
        DAYS,
        {"target_col": "sales"},
        "'a.csv' has no column 'sales' (target_col); it has 'ds', 'y': choose one of them.",
    ),
    (
        "a target in another case",
        DAYS,
        {"target_col": "Y"},
        "'a.csv' has no column 'Y' (target_col); it has 'ds', 'y': did you mean 'y'?",
    ),
    (
        "no header",
        "2024-01-01,1\n2024-01-02,2\n",
        {},
        "'a.csv' has no header: row 1 holds data ('2024-01-01, 1'): name the columns in a first row, or "
        'give format={"header": False}.',
    ),
    (
        "a quote never closed",
        'ds,y\n2024-01-01,1\n2024-01-02,"2\n2024-01-03,3\n',
        {},
        "'a.csv', row 3 has a quote that is never closed: close it.",
    ),
    (
        "a quote inside a cell",
        'id,ds,y\n5" pipe,2024-01-01,1\n5" pipe,2024-01-02,2\n',
        {},
        "'a.csv', row 2 has a quote inside a cell: put the whole cell in quotes and double those in it.",
    ),
    (
        "a blank before a quote",
        'id,ds,y\na,2024-01-01,1\nb, "2024-01-02",2\n',
        {},
        "'a.csv', row 3 has a quote inside a cell: put the whole cell in quotes and double those in it.",
    ),
    (
        "a row below a cell of two lines",
        'id,ds,y\n"a\nb",2024-01-01,1\n"a\nb",2024-01-02,x\n',
        {},
        "'a.csv', row 3, column 'y' is 'x', which is no number: correct it, or leave the cell empty if "
        "the value is missing.",
    ),
    (
        "a blank row in one column",
        "y\n1\n\n2\n",
        {},
        "'a.csv', row 3 is empty and data follows it: write NaN for a missing value, or delete the row.",
    ),
    (
        "a comment above the header",
        "# made by x\n" + DAYS,
        {},
        "'a.csv', row 1 begins with '#': delete it, or leave out such rows with fix=(\"comments\",).",
    ),
    (
        "a comment below the data",
        DAYS + "# end\n",
        {},
        "'a.csv', row 5 begins with '#': delete it, or leave out such rows with fix=(\"comments\",).",
    ),
    (
        "a cell too long",
        "id,ds,y\n" + "a" * 140_000 + ",2024-01-01,1\n",
        {},
        "'a.csv', row 2 has a cell of 140,000 bytes, and at most 131,072 are read: correct the row.",
    ),
    (
        "too many columns",
        ",".join(f"a{i}" for i in range(60_000)) + "\n" + ",".join("1" for i in range(60_000)) + "\n",
        {},
        "'a.csv' has 60,000 columns, and at most 50,000 are read: write it as a long table.",
    ),
    (
        "a row of totals",
        DAYS + "Total,6\n",
        {},
        "'a.csv', row 5, column 'ds' is 'Total', perhaps a row of totals: delete it, or leave out what is "
        'below the data with fix=("footer",).',
    ),
    (
        "a footer",
        DAYS + "\nSource: the office of numbers\n",
        {},
        "'a.csv', row 6 has 1 cell where the header has 2 ('Source: the office of numbers'): leave the "
        'footer out with fix=("footer",).',
    ),
    (
        "decimal commas or thousands",
        "ds;y\n2024-01-01;1,500\n2024-01-02;2,250\n",
        {},
        "'a.csv' has numbers such as '1,500', which may be thousands or a decimal comma: give "
        'format={"thousands": ","} or format={"decimal": ","}.',
    ),
    (
        "two columns of numbers",
        "id,ds,a,b\na,2024-01-01,1,2\n",
        {},
        "'a.csv' has 2 columns of numbers, 'a', 'b': choose the values with target_col='b'.",
    ),
    (
        "two columns of numbers beside a covariate",
        "ds,a,b,x\n2024-01-01,1,2,3\n",
        {"covariates": {"past": ["x"]}},
        "'a.csv' has 2 columns of numbers, 'a', 'b': choose the values with target_col='b'.",
    ),
    (
        "two columns of text",
        "s,t,ds,y\na,b,2024-01-01,1\n",
        {},
        "'a.csv' has 2 columns of text, 's', 't': choose what names the series with id_col='s'.",
    ),
    (
        "year and month apart",
        "year,month,y\n2024,1,1\n2024,2,1\n",
        {},
        "'a.csv' has columns 'year' and 'month', and a time has to stand in one column: make one such as 2024-01 of "
        "them, or choose one with time_col.",
    ),
    (
        "two columns of dates",
        "from,to,y\n2024-01-01,2024-01-02,1\n",
        {},
        "'a.csv' has 2 columns of dates, 'from', 'to': choose one with time_col='from'.",
    ),
    (
        "numbers alone between blanks, which may stand between thousands",
        "my sales\n1 234\n1 300\n",
        {},
        "'a.csv' has one column, 'my sales', and no numbers in it: if ' ' separates its cells, give "
        'format={"separator": " "}.',
    ),
    (
        "no column of numbers",
        "ds,a\n2024-01-01,x\n",
        {},
        "'a.csv' has no column of numbers among 'ds', 'a': name the values with target_col.",
    ),
    (
        "text beside several columns of numbers",
        "ds,a,b,note\n2024-01-01,1,2,x\n2024-01-02,1,2,x\n",
        {},
        "'a.csv' has 2 columns of numbers, 'a', 'b', and text in 'note': give target_col and id_col, or "
        'format={"layout": "columns"} if each column of numbers is a series.',
    ),
    (
        "a series in two rows",
        "V1,V2,V3,V4\nH1,1,2,3\nH1,4,5,\n",
        {},
        "'a.csv', row 3, column 'V1' is 'H1' once more: give each series one row.",
    ),
    (
        "an empty name of a series",
        "id,ds,y\na,2024-01-01,1\n,2024-01-02,2\n",
        {},
        "'a.csv', row 3, column 'id' is empty: name the series, or delete the row.",
    ),
]
