"""Values that are refused: the name of the case, the file, the options, the sentence."""

DAYS = "ds,y\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n"


def day(*cells):
    """Return a table with a value a day."""
    return "ds,y\n" + "".join(f"2024-01-{place + 1:02d},{cell}\n" for place, cell in enumerate(cells))


VALUES = [
    (
        "no value at all",
        "ds,y\n2024-01-01,\n2024-01-02,NaN\n",
        {"target_col": "y"},
        "'a.csv' has no value in any series: give at least one.",
    ),
    (
        "infinity",
        day(1, "inf"),
        {},
        "'a.csv', row 3, column 'y' is 'inf', which is not finite: correct it, or leave the cell empty if "
        "the value is missing.",
    ),
    (
        "a number too large for float64",
        day(1, "1e400"),
        {},
        "'a.csv', row 3, column 'y' is '1e400', which is more than a float64 holds: correct it.",
    ),
    (
        "a number too large for float32",
        day(1, "1e39"),
        {},
        "'a.csv', row 3, column 'y' is 1e+39, and networks train in float32, which ends at 3.4e+38: "
        "divide the column by a power of ten.",
    ),
    (
        "thirty digits",
        day(1, "123456789012345678901234567890"),
        {},
        "'a.csv', row 3, column 'y' is '123456789012345678901234567890', which has more digits than a "
        "float64 holds exactly: divide or round it.",
    ),
    (
        "words for missing",
        day(1, "n/a", "-", 2, 2),
        {},
        "'a.csv', row 3, column 'y' is 'n/a' (the first of 2 such cells), which is no number: correct it, "
        "or leave the cell empty if the value is missing.",
    ),
    (
        "Arabic digits",
        day(1, "١٢", 3),
        {},
        "'a.csv', row 3, column 'y' is '١٢', which has digits other than 0 to 9: write it with those.",
    ),
    (
        "an underscore",
        day(1, "1_000", 3),
        {},
        "'a.csv', row 3, column 'y' is '1_000', which has an underscore: leave it out.",
    ),
    (
        "another minus",
        day(1, "−5", 3),
        {},
        "'a.csv', row 3, column 'y' is '−5', which begins with U+2212 and not with the minus of the "
        "keyboard: write '-'.",
    ),
    (
        "a truth value",
        day(1, "True", 3),
        {},
        "'a.csv', row 3, column 'y' is 'True', a truth value and no number: write 1 and 0.",
    ),
    (
        "truth values only",
        day("True", "False", "True"),
        {"target_col": "y"},
        "'a.csv', row 2, column 'y' is 'True' (the first of 3 such cells), a truth value and no number: write 1 and 0.",
    ),
    (
        "per cent",
        day(1, "45%", 3),
        {},
        "'a.csv', row 3, column 'y' is '45%', which has a percent or currency sign: leave the sign out.",
    ),
    (
        "a currency",
        day(1, "$4.50", 3),
        {},
        "'a.csv', row 3, column 'y' is '$4.50', which has a percent or currency sign: leave the sign out.",
    ),
    (
        "a currency in letters",
        day(1, "4.50 EUR", 3),
        {},
        "'a.csv', row 3, column 'y' is '4.50 EUR', which has a percent or currency sign: leave the sign out.",
    ),
    (
        "a decimal comma",
        'ds,y\n2024-01-01,"1,5"\n2024-01-02,2\n',
        {},
        "'a.csv', row 2, column 'y' is '1,5', which has a decimal comma: give format={\"decimal\": \",\"}.",
    ),
    (
        "thousands or a decimal comma",
        'ds,y\n2024-01-01,"1,234"\n2024-01-02,2\n',
        {},
        "'a.csv', row 2, column 'y' is '1,234', which may be thousands or a decimal comma: give "
        'format={"thousands": ","} or format={"decimal": ","}.',
    ),
    (
        "thousands",
        'ds,y\n2024-01-01,"1,234,567"\n2024-01-02,2\n',
        {},
        "'a.csv', row 2, column 'y' is '1,234,567', which has signs between thousands: give "
        'format={"thousands": ","}, or leave them out.',
    ),
    (
        "thousands not in threes",
        'ds,y\n2024-01-01,"1,23,567"\n2024-01-02,2\n',
        {"format": {"thousands": ","}},
        "'a.csv', row 2, column 'y' is '1,23,567', which is no number: correct it, or leave the cell "
        "empty if the value is missing.",
    ),
    (
        "thousands with apostrophes",
        "ds,y\n2024-01-01,1'234\n2024-01-02,2\n",
        {},
        "'a.csv', row 2, column 'y' is \"1'234\", which has signs between thousands: give "
        'format={"thousands": "\'"}, or leave them out.',
    ),
    (
        "the target as its own covariate",
        DAYS,
        {"target_col": "y", "covariates": {"past": ["y"]}},
        "'y' is given as target_col and as covariates['past']: a column has one role.",
    ),
    (
        "a covariate twice",
        DAYS,
        {"covariates": {"past": ["y"], "future": ["y"]}},
        "Column 'y' is twice among the covariates: name each column once.",
    ),
    (
        "a covariate that is not there",
        DAYS,
        {"covariates": {"future": ["price"]}},
        "'a.csv' has no column 'price' (covariates['future']); it has 'ds', 'y': choose one of them.",
    ),
    (
        "an empty covariate",
        "ds,y,x\n2024-01-01,1,1\n2024-01-02,2,\n",
        {"covariates": {"past": ["x"]}},
        "'a.csv', row 3, column 'x' is empty, and a covariate has to be known: fill it in.",
    ),
    (
        "a static covariate that changes",
        "id,ds,y,r\na,2024-01-01,1,n\na,2024-01-02,2,s\n",
        {"covariates": {"static": ["r"]}},
        "'a.csv', row 3, column 'r' is 's', and series 'a' began with 'n': a static covariate has one "
        "value a series; declare it as past or future instead.",
    ),
    (
        "a decimal comma and points between thousands",
        "ds;y\n2024-01-01;1.234,5\n2024-01-02;2.345,5\n",
        {"target_col": "y"},
        "'a.csv', row 2, column 'y' is '1.234,5' (the first of 2 such cells), which has a decimal comma and signs between "
        'thousands: give format={"decimal": ",", "thousands": "."}.',
    ),
    (
        "a decimal comma and blanks between thousands",
        "ds;y\n2024-01-01;1 234,5\n",
        {"target_col": "y"},
        "'a.csv', row 2, column 'y' is '1 234,5', which has a decimal comma and signs between thousands: give "
        'format={"decimal": ",", "thousands": " "}.',
    ),
    (
        "the only column of numbers as a covariate",
        DAYS,
        {"covariates": {"future": ["y"]}},
        "'a.csv' has no column of numbers beside 'y', which is given as covariates['future']: leave it out there if it "
        "holds the values.",
    ),
    (
        "control letters",
        day(1, "\x1b[31mred", 3),
        {},
        "'a.csv', row 3, column 'y' is '\\x1b[31mred', which is no number: correct it, or leave the cell "
        "empty if the value is missing.",
    ),
]
