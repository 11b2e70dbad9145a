"""A frame as CSV that a spreadsheet can open without running anything."""

import io
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

# A spreadsheet runs a cell that begins so as a formula; a number is none.
_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?[\d.,]+(?:[eE][+-]?\d+)?")
_DIGITS = "%.10g"


def as_csv(frame: "pd.DataFrame") -> str:
    """Return a frame as CSV, in which no spreadsheet takes a name for a formula.

    A text that begins with one of ``= + - @`` gets an apostrophe in front, as OWASP advises under "CSV injection"; numbers are
    left alone.

    >>> import pandas as pd
    >>> print(as_csv(pd.DataFrame({"unique_id": ["=1+1", "-3", "a"], "y": [-1.5, 2.0, 3.25]})), end="")
    unique_id,y
    '=1+1,-1.5
    -3,2
    a,3.25
    """
    guarded = {name: _guarded(frame[name]) for name in frame.columns if not _is_plain(frame[name])}
    written = frame.assign(**guarded).rename(columns=lambda name: _guard(str(name)))
    text = io.StringIO()
    written.to_csv(text, index=False, float_format=_DIGITS, lineterminator="\n")
    return text.getvalue()


def _is_plain(column: "pd.Series") -> bool:
    """Tell whether a column holds numbers or times, which are no formulas."""
    return column.dtype.kind in "iufbM" or str(column.dtype).startswith("datetime64")


def _guarded(column: "pd.Series") -> "pd.Series":
    """Return a column of names; each name once, as there are few of them and many rows."""
    names = {name: _guard(str(name)) for name in column.unique()}
    return column.map(names)


def _guard(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text
