"""How dates may be spelled: which forms a cell may have, and why one that has none is no date."""

import re

import numpy as np

WHOLE = "whole number"
QUARTER = "YYYYQn"

_CLOCK = (
    r"(?P<clock>[T ]\d{1,2}:\d{2}(?P<second>:\d{2}(?P<fraction>\.\d{1,9})?)?(?P<half>\s?[AaPp][Mm])?)?"
    r"(?P<zone>\s?(?:Z|UTC|[+-]\d{2}:?\d{2}))?"
)
# How a date may be spelled -> the forms that this may have, as strptime writes them. Two forms: the data has to decide.
_SPELLINGS: dict[str, tuple[str, ...]] = {
    r"\d{4}-\d{1,2}-\d{1,2}": ("%Y-%m-%d",),
    r"\d{4}/\d{1,2}/\d{1,2}": ("%Y/%m/%d",),
    r"\d{4}\.\d{1,2}\.\d{1,2}": ("%Y.%m.%d",),
    r"\d{1,2}/\d{1,2}/\d{4}": ("%d/%m/%Y", "%m/%d/%Y"),
    r"\d{1,2}-\d{1,2}-\d{4}": ("%d-%m-%Y", "%m-%d-%Y"),
    r"\d{1,2}\.\d{1,2}\.\d{4}": ("%d.%m.%Y", "%m.%d.%Y"),
    r"\d{4}-\d{1,2}": ("%Y-%m",),
    r"\d{4}/\d{1,2}": ("%Y/%m",),
    r"\d{1,2}/\d{4}": ("%m/%Y",),
    r"\d{1,2} [A-Za-z]{3,9} \d{4}": ("%d %b %Y", "%d %B %Y"),
    r"\d{1,2}-[A-Za-z]{3}-\d{4}": ("%d-%b-%Y",),
    r"[A-Za-z]{3,9} \d{4}": ("%b %Y", "%B %Y"),
    r"[A-Za-z]{3}-\d{4}": ("%b-%Y",),
    r"[A-Za-z]{3,9} \d{1,2}, \d{4}": ("%b %d, %Y", "%B %d, %Y"),
}
_COMPILED = {re.compile(f"(?P<date>{spelling}){_CLOCK}"): forms for spelling, forms in _SPELLINGS.items()}
_QUARTER = re.compile(r"(\d{4})[- ]?[Qq]([1-4])")
_WEEK = re.compile(r"\d{4}-?W\d{2}(-\d)?")
_SHORT_YEAR = re.compile(r"\d{1,2}[/.-](?:\d{1,2}|[A-Za-z]{3})[/.-]\d{2}|[A-Za-z]{3}[- ]\d{2}|\d{2}-[A-Za-z]{3}")
_NUMBER = re.compile(r"[+-]?\d{1,18}")
_FLOAT = re.compile(r"\d+\.\d+")


def looks_like_time(cell: str) -> bool:
    """Return whether text is spelled as a date is, and not as a number is."""
    cell = cell.strip()
    return any(pattern.fullmatch(cell) for pattern in (*_COMPILED, _QUARTER, _WEEK, _SHORT_YEAR))


def forms_of(cell: str) -> tuple[str, ...]:
    """Return the forms that a cell may have, as strptime writes them; none if it is no date.

    >>> forms_of("2024-01-31T06:00Z"), forms_of("01/02/2024"), forms_of("7")
    (('%Y-%m-%dT%H:%M%z',), ('%d/%m/%Y', '%m/%d/%Y'), ('whole number',))
    """
    if _NUMBER.fullmatch(cell):
        return (WHOLE,)
    if _QUARTER.fullmatch(cell):
        return (QUARTER,)
    for pattern, forms in _COMPILED.items():
        match = pattern.fullmatch(cell)
        if match is not None:
            return tuple(form + _clock_form(match) for form in forms)
    return ()


def _clock_form(match: re.Match[str]) -> str:
    form = ""
    if match["clock"]:
        form = match["clock"][0] + ("%I" if match["half"] else "%H") + ":%M"
        form += (":%S" if match["second"] else "") + (".%f" if match["fraction"] else "")
        if match["half"]:
            form += (" " if match["half"][0].isspace() else "") + "%p"
    if match["zone"]:
        form += (" " if match["zone"][0].isspace() else "") + "%z"
    return form


def day_and_month_open(forms: tuple[str, ...]) -> bool:
    """Return whether two forms read the same cell as two different days."""
    return len(forms) > 1 and forms[0].startswith("%d") and forms[1].startswith("%m")


def offset_of(cell: str) -> str:
    """Return the offset from UTC at the end of a cell.

    >>> offset_of("2024-01-31 06:00+0100"), offset_of("2024-01-31T06:00Z")
    ('+01:00', 'UTC')
    """
    match = re.search(r"([+-]\d{2}):?(\d{2})$", cell)
    return "UTC" if match is None or match[0].lstrip("+-").replace(":", "") == "0000" else f"{match[1]}:{match[2]}"


def quarters(cells: list[str]) -> tuple[np.ndarray, int | None]:
    """Return the first days of quarters, and the place of the first cell that is none."""
    found = [_QUARTER.fullmatch(cell) for cell in cells]
    bad = next((place for place, match in enumerate(found) if match is None), None)
    months = [f"{match[1]}-{3 * int(match[2]) - 2:02d}" if match else "1970-01" for match in found]
    return np.array(months, "datetime64[M]").astype("datetime64[us]"), bad


def whole_numbers(cells: list[str]) -> tuple[np.ndarray, int | None]:
    """Return whole numbers, and the place of the first cell that is none."""
    found = [_NUMBER.fullmatch(cell) is not None for cell in cells]
    bad = None if all(found) else found.index(False)
    return np.array([int(cell) if ok else 0 for cell, ok in zip(cells, found, strict=True)], np.int64), bad


def why_no_date(cell: str, form: str | None, example: str) -> str:
    """Return why a cell is no date, and what to do; `example` is the first date, which had the form."""
    forms = forms_of(cell)
    if _WEEK.fullmatch(cell):
        reason = "an ISO week: write the date of its Monday."
    elif form in forms:
        reason = f"which is no day of the calendar, read as {form}: correct it."
    elif form is None:
        reason = _why_not_the_first(cell)
    elif not forms or not example:
        reason = f"which is no date of the form {form}: correct it, or delete the row."
    elif ("%z" in form) != ("%z" in forms[0]):
        has = "has no offset from UTC" if "%z" in form else "has an offset from UTC"
        reason = f"which {has}, unlike the first, {example!r}: write all of them in one way."
    else:
        reason = f"which is written otherwise than the first, {example!r}: write all of them in one way."
    return reason


def _why_not_the_first(cell: str) -> str:
    if _SHORT_YEAR.fullmatch(cell):
        return 'whose century is open: write the year with four digits, or give format={"date_format": "%d/%m/%y"}.'
    if _FLOAT.fullmatch(cell):
        if cell.rstrip("0").endswith("."):
            return "a number with a decimal point: write counted steps as 1, 2, 3, and dates as 2024-01-31."
        return "a fraction and no date: write dates as 2024-01-31."
    return 'which is no date: write dates as 2024-01-31, or name their form with format={"date_format": "%d.%m.%Y"}.'
