"""Times that are refused: the name of the case, the file, the options, the sentence."""

DAYS = "ds,y\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n"


TIMES = [
    (
        "a word",
        "ds,y\n2024-01-01,1\nyesterday,2\n2024-01-03,3\n",
        {},
        "'a.csv', row 3, column 'ds' is 'yesterday', which is no date of the form %Y-%m-%d: correct it, "
        "or delete the row.",
    ),
    (
        "a word first",
        "ds,y\nyesterday,2\n2024-01-03,3\n",
        {},
        "'a.csv', row 2, column 'ds' is 'yesterday', which is no date: write dates as 2024-01-31, or name "
        'their form with format={"date_format": "%d.%m.%Y"}.',
    ),
    (
        "day or month first, and not in the first row",
        "ds,y\n01/01/2024,1\n01/02/2024,2\n",
        {},
        "'a.csv', row 3, column 'ds' is '01/02/2024', which may be 1 February 2024 or 2 January 2024, and "
        'no day above 12 settles it: give format={"date_format": "%d/%m/%Y"} or "%m/%d/%Y".',
    ),
    (
        "day or month first",
        "ds,y\n01/02/2024,1\n02/02/2024,2\n",
        {},
        "'a.csv', row 2, column 'ds' is '01/02/2024', which may be 1 February 2024 or 2 January 2024, and "
        'no day above 12 settles it: give format={"date_format": "%d/%m/%Y"} or "%m/%d/%Y".',
    ),
    (
        "day and month first",
        "ds,y\n13/02/2024,1\n02/14/2024,2\n",
        {},
        "'a.csv', row 3, column 'ds' is '02/14/2024', which is no day of the calendar, read as %d/%m/%Y: correct it.",
    ),
    (
        "two ways to write a date",
        "ds,y\n2024-01-01,1\n2024/01/02,2\n",
        {},
        "'a.csv', row 3, column 'ds' is '2024/01/02', which is written otherwise than the first, "
        "'2024-01-01': write all of them in one way.",
    ),
    (
        "another way to write a date, later",
        "ds,y\n2024-01-01,1\n02.01.2024,2\n",
        {},
        "'a.csv', row 3, column 'ds' is '02.01.2024', which is written otherwise than the first, "
        "'2024-01-01': write all of them in one way.",
    ),
    (
        "two offsets from UTC",
        "ds,y\n2024-01-01T00:00+01:00,1\n2024-01-01T01:00+02:00,2\n",
        {},
        "'a.csv', row 3, column 'ds' is '2024-01-01T01:00+02:00', with another offset from UTC than the "
        "first, '2024-01-01T00:00+01:00': move all times to UTC with fix=(\"utc\",).",
    ),
    (
        "an offset after none",
        "ds,y\n2024-01-01T00:00,1\n2024-01-01T01:00Z,2\n",
        {},
        "'a.csv', row 3, column 'ds' is '2024-01-01T01:00Z', which has an offset from UTC, unlike the "
        "first, '2024-01-01T00:00': write all of them in one way.",
    ),
    (
        "no offset after one",
        "ds,y\n2024-01-01T00:00Z,1\n2024-01-01T01:00,2\n",
        {},
        "'a.csv', row 3, column 'ds' is '2024-01-01T01:00', which has no offset from UTC, unlike the "
        "first, '2024-01-01T00:00Z': write all of them in one way.",
    ),
    (
        "a time twice",
        "ds,y\n2024-01-01,1\n2024-01-02,2\n2024-01-02,3\n2024-01-03,4\n",
        {},
        "'a.csv', row 4, column 'ds' is 2024-01-02 once more, after row 3: keep one with "
        'fix=("duplicates-last",), or "duplicates-first", "duplicates-mean", "duplicates-sum".',
    ),
    (
        "times of several series twice",
        "id,ds,y\na,2024-01-01,1\nb,2024-01-02,2\na,2024-01-01,3\nb,2024-01-03,4\nb,2024-01-03,4\n",
        {},
        "'a.csv', row 4, column 'ds' is 2024-01-01 of series 'a' once more, after row 2 (the first of 2 "
        'such rows): keep one with fix=("duplicates-last",), or "duplicates-first", "duplicates-mean", '
        '"duplicates-sum".',
    ),
    (
        "an hour that clocks show twice",
        "ds,y\n2024-10-27 01:00,1\n2024-10-27 02:00,2\n2024-10-27 02:00,3\n2024-10-27 03:00,4\n",
        {},
        "'a.csv', row 4, column 'ds' is 2024-10-27 02:00:00 once more, after row 3: if clocks were put "
        'back, name their zone with format={"time_zone": "Europe/Berlin"} or the like.',
    ),
    (
        "an hour that clocks should show twice",
        "ds,y\n2024-10-27 01:00,1\n2024-10-27 02:00,2\n2024-10-27 03:00,4\n",
        {"format": {"time_zone": "Europe/Berlin"}},
        "'a.csv', row 3, column 'ds' is 2024-10-27 02:00:00, which clocks in Europe/Berlin show twice, "
        "and the series has it once: write times with their offset from UTC.",
    ),
    (
        "an hour that clocks leave out",
        "ds,y\n2024-03-31 01:00,2\n2024-03-31 02:00,3\n2024-03-31 03:00,4\n",
        {"format": {"time_zone": "Europe/Berlin"}},
        "'a.csv', row 3, column 'ds' is 2024-03-31 02:00:00, when clocks in Europe/Berlin were put "
        "forward: correct it.",
    ),
    (
        "a zone that is none",
        "ds,y\n2024-03-31 01:00,2\n2024-03-31 02:00,3\n",
        {"format": {"time_zone": "Europe/Berlni"}},
        "format has time_zone='Europe/Berlni', which is unknown: give a name such as 'Europe/Berlin'.",
    ),
    (
        "more times missing than there",
        "ds,y\n2024-01-01,1\n2024-01-02,2\n2204-01-07,3\n",
        {},
        "'a.csv', row 4, column 'ds' is 2204-01-07, 65748 days after the time before it, where 1 day is "
        "the shortest step: its series would have 65,747 missing times beside 3 that are there; correct "
        'it, or allow it with fix=("gaps",).',
    ),
    (
        "a grid that no memory holds",
        "ds,y\n2024-01-01T00:00:00,1\n2024-01-01T00:00:01,2\n2124-01-01T00:00:00,3\n",
        {"fix": "gaps"},
        "Series 'y' would have 3,155,673,601 steps from 2024-01-01 to 2124-01-01: correct its times, or name a longer "
        "step with freq.",
    ),
    (
        "a step that is named and shorter than those of the table",
        "ds,y\n2024-01-01,1\n2024-01-31,2\n2024-03-01,3\n",
        {"freq": "D"},
        "'a.csv', row 3, column 'ds' is 2024-01-31, 30 days after the time before it, where 1 day is the step: its series "
        'would have 58 missing times beside 3 that are there; correct it, or allow it with fix=("gaps",).',
    ),
    (
        "a step that is named for days, and is that of hours",
        DAYS + "2024-01-04,4\n2024-01-05,5\n2024-01-06,6\n",
        {"freq": "h"},
        "'a.csv', row 3, column 'ds' is 2024-01-02, in a series with steps of 1 day, while freq='h' names 1 hour: give the "
        'step that it has, or allow it with fix=("gaps",).',
    ),
    (
        "a step far shorter than those of the table",
        "ds,y\n2024-01-01,1\n2024-01-31,2\n2024-03-01,3\n",
        {"freq": "250ms", "fix": ("gaps",)},
        "Series 'y' would have 20,736,001 steps from 2024-01-01 to 2024-03-01: correct its times, or name a longer step with "
        "freq.",
    ),
    (
        "no regular step",
        "ds,y\n2024-01-01,1\n2024-01-03,2\n2024-01-05,3\n2024-01-08,3\n2024-01-10,3\n",
        {},
        "'a.csv', row 5, column 'ds' is 2024-01-08, 3 days after the time before it, while 75 % of the "
        "steps are 2 days: a series has to be regular; correct the times, or sum or average the values "
        "over regular periods first.",
    ),
    (
        "series of two frequencies",
        "id,ds,y\n"
        + "".join(f"a,2024-{m:02d}-01,1\n" for m in range(1, 9))
        + "".join(f"b,{y}-01-01,1\n" for y in range(2000, 2008)),
        {},
        "'a.csv', row 11, column 'ds' is 2001-01-01, in a series with steps of 12 months, while others "
        "have 1 month: read series of different frequencies as tables of their own.",
    ),
    (
        "30 February",
        "ds,y\n2024-02-28,1\n2024-02-29,2\n2024-02-30,3\n",
        {},
        "'a.csv', row 4, column 'ds' is '2024-02-30', which is no day of the calendar, read as %Y-%m-%d: correct it.",
    ),
    (
        "a date among whole numbers that is none",
        "ds,y\n20240101,1\n20240102,2\n20240230,3\n",
        {},
        "'a.csv', row 4, column 'ds' is 20240230, which is no date such as 20240101: correct it, or give "
        "freq=1 if the column counts steps.",
    ),
    (
        "year 1",
        "ds,y\n0001-01-01,1\n2024-01-02,2\n",
        {},
        "'a.csv', row 2, column 'ds' is 0001-01-01, outside of 1678 to 2261: correct it, or delete the "
        "row if it stands for a date that is not known.",
    ),
    (
        "year 9999",
        "ds,y\n2024-01-02,2\n9999-12-31,1\n",
        {},
        "'a.csv', row 3, column 'ds' is 9999-12-31, outside of 1678 to 2261: correct it, or delete the "
        "row if it stands for a date that is not known.",
    ),
    (
        "an empty time",
        "ds,y\n2024-01-02,2\n,1\n",
        {},
        "'a.csv', row 3, column 'ds' is empty: write the time, or delete the row.",
    ),
    (
        "an empty time first",
        "ds,y\n,2\n2024-01-02,1\n",
        {},
        "'a.csv', row 2, column 'ds' is empty: write the time, or delete the row.",
    ),
    (
        "NaT",
        "ds,y\n2024-01-02,2\nNaT,1\n",
        {},
        "'a.csv', row 3, column 'ds' is empty: write the time, or delete the row.",
    ),
    (
        "numbers of a spreadsheet",
        "date,y\n45292,2\n45293,1\n",
        {},
        "'a.csv', row 2, column 'date' is 45292, which looks like a spreadsheet's number for 2024-01-01: "
        "save dates as 2024-01-31, or give freq=1 if it counts steps.",
    ),
    (
        "ISO weeks",
        "ds,y\n2024-W01,2\n2024-W02,1\n",
        {},
        "'a.csv', row 2, column 'ds' is '2024-W01', an ISO week: write the date of its Monday.",
    ),
    (
        "years of two digits",
        "ds,y\n01-Jan-24,2\n02-Jan-24,1\n",
        {},
        "'a.csv', row 2, column 'ds' is '01-Jan-24', whose century is open: write the year with four "
        'digits, or give format={"date_format": "%d/%m/%y"}.',
    ),
    (
        "steps with a point",
        "ds,y\n1.0,1\n2.0,2\n",
        {"target_col": "y"},
        "'a.csv', row 2, column 'ds' is '1.0', a number with a decimal point: write counted steps as 1, 2, 3, and dates as "
        "2024-01-31.",
    ),
    (
        "fractions",
        "ds,y\n1.5,2\n2.5,1\n",
        {},
        "'a.csv', row 2, column 'ds' is '1.5', a fraction and no date: write dates as 2024-01-31.",
    ),
    (
        "several series without a name",
        "ds,y\n2024-01-01,2\n2024-01-01,1\n2024-01-02,2\n2024-01-02,1\n",
        {},
        "'a.csv', row 3, column 'ds' is 2024-01-01 once more, after row 2 (the first of 2 such rows): if "
        "the table holds several series, name their column with id_col.",
    ),
    (
        "not the frequency named",
        DAYS,
        {"freq": "MS"},
        "'a.csv', row 3, column 'ds' is 2024-01-02, which is no time of the frequency 'MS'.",
    ),
    (
        "not the step named",
        DAYS,
        {"freq": "2D"},
        "'a.csv', row 3, column 'ds' is 2024-01-02, 1 day after the first of its series, and the "
        "frequency '2D' has a step of 2 days.",
    ),
    (
        "not the weekday named",
        "ds,y\n2024-01-01,1\n2024-01-08,2\n",
        {"freq": "W-SUN"},
        "'a.csv', row 2, column 'ds' is 2024-01-01, and the series are 'W-MON', not 'W-SUN': give that, "
        "or no frequency.",
    ),
]
