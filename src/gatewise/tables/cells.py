"""Cells that should be numbers: strict, and with a sentence for each way in which one is none."""

import math
import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64

from gatewise.errors import DataError, NonFiniteError
from gatewise.tables.form import count, shown

if TYPE_CHECKING:
    import pandas as pd

MISSING = ("", "NaN", "nan", "NAN", "NA", "<NA>", "null", "NULL")
"""How a missing value is written. Anything else that is no number is an error."""

# From here on not every whole number is a float64, and beyond the second no value is a float32, in which nets train.
WHOLE = 2.0**53
LARGEST = float(np.finfo(np.float32).max)

Where = Callable[[int], str]
"""Record, counted from 0 in the column at hand -> the place as a sentence names it: file, row, column."""


class NumberStyle(NamedTuple):
    """How numbers are written.

    Attributes:
        decimal: The decimal sign.
        thousands: The sign between groups of three digits; None where there is none.
    """

    decimal: str = "."
    thousands: str | None = None

    @property
    def pattern(self) -> re.Pattern[str]:
        """Matches a whole number cell."""
        return _number_pattern(self)

    def is_number(self, cell: str) -> bool:
        """Return whether a cell is a number."""
        return self.pattern.fullmatch(cell.strip()) is not None

    def plain(self, cell: str) -> str:
        """Return a number cell as Python writes numbers."""
        if self.thousands is not None:
            cell = cell.replace(self.thousands, "")
        return cell.strip().replace(self.decimal, ".")


@lru_cache
def _number_pattern(style: NumberStyle) -> re.Pattern[str]:
    point, digits = re.escape(style.decimal), "[0-9]+"
    if style.thousands is not None:
        digits = rf"(?:[0-9]{{1,3}}(?:{re.escape(style.thousands)}[0-9]{{3}})+|[0-9]+)"
    return re.compile(rf"[+-]?(?:{digits}(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?")


def numbers(column: "pd.Series", style: NumberStyle, where: Where) -> Float64[np.ndarray, " rows"]:
    """Return a column's numbers, NaN where a value is missing.

    Args:
        column: Cells of any type, ``(rows,)``.
        style: How numbers are written, where they are text.
        where: Names the place of a cell.

    Raises:
        DataError: A cell is neither a number nor missing.
        NonFiniteError: A number is infinite.
    """
    kind = getattr(column.dtype, "kind", "O")
    if kind == "b" and len(column):
        raise DataError(f"{where(0)} is {str(column.iloc[0])!r}, {_TRUTH}")
    if kind == "f":
        values: np.ndarray = column.to_numpy(dtype=np.float64, na_value=np.nan)
        _check_size(values, where)
        return values
    if kind in "iu":
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        for place in np.flatnonzero(np.abs(values) >= WHOLE)[:1]:
            raise DataError(f"{where(int(place))} is {column.iloc[place]}, {_DIGITS}")
        return values
    return _text_numbers([_as_text(cell) for cell in column.tolist()], style, where)


def need_a_second_look(values: Float64[np.ndarray, "rows columns"]) -> Bool[np.ndarray, " columns"]:
    """Return which columns of numbers that pandas parsed have to be read again as text.

    It is those in which one may be infinite or have too many digits; and those in which all are 0 or 1, as pandas reads
    truth values.
    """
    large = np.any(np.abs(values) >= WHOLE, axis=0)
    found: np.ndarray = large | np.all((values == 0) | (values == 1) | np.isnan(values), axis=0)
    return found


def _text_numbers(cells: list[str], style: NumberStyle, where: Where) -> Float64[np.ndarray, " rows"]:
    matches = style.pattern.fullmatch
    cells = [cell.strip() for cell in cells]
    wrong = [place for place, cell in enumerate(cells) if cell not in MISSING and not matches(cell)]
    if wrong:
        more = f" (the first of {count(len(wrong), 'such cell')})" if len(wrong) > 1 else ""
        error = NonFiniteError if _infinite(cells[wrong[0]]) else DataError
        raise error(f"{where(wrong[0])} is {shown(cells[wrong[0]])}{more}, {_why(cells[wrong[0]], style)}")
    values = np.array([math.nan if cell in MISSING else float(style.plain(cell)) for cell in cells], np.float64)
    for place in np.flatnonzero(np.isinf(values))[:1]:
        raise NonFiniteError(
            f"{where(int(place))} is {shown(cells[place])}, which is more than a float64 holds: correct it."
        )
    for place in np.flatnonzero(np.abs(values) >= WHOLE):
        plain = style.plain(cells[place])
        if re.fullmatch(r"[+-]?\d+", plain) and int(plain) != int(values[place]):
            raise DataError(f"{where(int(place))} is {shown(cells[place])}, {_DIGITS}")
    _check_size(values, where)
    return values


def _check_size(values: Float64[np.ndarray, " rows"], where: Where) -> None:
    for place in np.flatnonzero(np.isinf(values))[:1]:
        raise NonFiniteError(f"{where(int(place))} is {values[place]}, {_INFINITE}")
    for place in np.flatnonzero(np.abs(values) > LARGEST)[:1]:
        raise DataError(
            f"{where(int(place))} is {values[place]:g}, and networks train in float32, which ends at 3.4e+38: divide the "
            "column by a power of ten."
        )


def _as_text(cell: Any) -> str:
    """Return a cell of a frame or a spreadsheet as it would stand in a text file."""
    if isinstance(cell, str):
        return cell
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, float | Decimal | np.floating):
        return repr(float(cell))
    return str(cell)


_MISSING_HINT = "correct it, or leave the cell empty if the value is missing."
_TRUTH = "a truth value and no number: write 1 and 0."
_DIGITS = "which has more digits than a float64 holds exactly: divide or round it."
# How a number may be spelled that is none here -> why, and what to do.
_ODD = {
    re.compile(
        r"[\u2212\u2013\u2014]\s*\d.*"
    ): "which begins with {code} and not with the minus of the keyboard: write '-'.",
    re.compile(r"(?=.*[^\x00-\x7f])[+-]?[\d.,]*\d[\d.,]*"): "which has digits other than 0 to 9: write it with those.",
    re.compile(r"(?=.*\d).*([%$€£¥₹]|\b[A-Z]{3}\b).*"): "which has a percent or currency sign: leave the sign out.",
    re.compile(r"[+-]?\d[\d_]*"): "which has an underscore: leave it out.",
}
_INFINITE = f"which is not finite: {_MISSING_HINT}"


def _infinite(cell: str) -> bool:
    return re.fullmatch(r"[+-]?(inf|infinity)|#DIV/0!", cell, re.IGNORECASE) is not None


def _why(cell: str, style: NumberStyle) -> str:
    """Return why a cell is no number, and what to do."""
    if _infinite(cell):
        return _INFINITE
    if cell.lower() in ("true", "false"):
        return _TRUTH
    odd = next((reason for pattern, reason in _ODD.items() if pattern.fullmatch(cell)), None)
    if odd is not None:
        return odd.format(code=f"U+{ord(cell[0]):04X}")
    return _why_sign(cell, style) or f"which is no number: {_MISSING_HINT}"


def _why_sign(cell: str, style: NumberStyle) -> str | None:
    """Return what to do about a number written with other signs than expected; None if it is not that."""
    point, other = style.decimal, "," if style.decimal == "." else "."
    both = re.fullmatch(r"[+-]?\d{1,3}(?:([.' \u00a0\u202f])\d{3})(?:\1\d{3})*,\d+", cell)
    if both is not None and style.thousands is None and both[1].isascii():
        named = f'format={{"decimal": ",", "thousands": "{both[1]}"}}'
        return f"which has a decimal comma and signs between thousands: give {named}."
    groups = rf"[+-]?\d{{1,3}}(?:[{re.escape(other)}' \u00a0\u202f]\d{{3}})+(?:{re.escape(point)}\d+)?"
    sign = re.search(r"\d(\D)\d{3}", cell)
    if sign is not None and re.fullmatch(groups, cell):
        if sign[1] == other and cell.count(other) == 1 and point not in cell:
            return (
                f'which may be thousands or a decimal {_SIGNS[other]}: give format={{"thousands": "{other}"}} or '
                f'format={{"decimal": "{other}"}}.'
            )
        if sign[1].isascii():
            return f'which has signs between thousands: give format={{"thousands": "{sign[1]}"}}, or leave them out.'
        return "which has signs between thousands: leave them out."
    if re.fullmatch(rf"[+-]?\d*{re.escape(other)}\d+", cell):
        return f'which has a decimal {_SIGNS[other]}: give format={{"decimal": "{other}"}}.'
    return None


_SIGNS = {",": "comma", ".": "point"}
