"""Values of the user's in error messages and notes: escaped, so that no terminal obeys them, and cut short."""

from collections.abc import Sequence

_LONGEST = 60
_MOST_LISTED = 5


def short(value: object) -> str:
    r"""Return a value as Python would write it, control characters escaped, at most 60 characters of it.

    >>> short("a\x1b[31mred")
    "'a\\x1b[31mred'"
    """
    if isinstance(value, str) and len(value) > _LONGEST:
        value = value[: _LONGEST - 1] + "…"
    text = repr(value)
    return text if len(text) <= 4 * _LONGEST else text[: 4 * _LONGEST - 1] + "…"


def listed(values: Sequence[object]) -> str:
    """Return the first values, separated by commas, and how many more there are.

    >>> listed(["a", "b", "c", "d", "e", "f", "g"])
    "'a', 'b', 'c', 'd', 'e' and 2 more"
    """
    more = f" and {len(values) - _MOST_LISTED:,} more" if len(values) > _MOST_LISTED else ""
    return ", ".join(short(value) for value in values[:_MOST_LISTED]) + more


def lines(numbers: Sequence[int], noun: str = "line") -> str:
    """Return the first places, as in "lines 3, 4 and 7"; the rest is counted.

    >>> lines([3]), lines([3, 4]), lines(range(1, 1001))
    ('line 3', 'lines 3 and 4', 'lines 1, 2, 3, 4, 5 and 995 more')
    """
    if len(numbers) == 1:
        return f"{noun} {numbers[0]}"
    if len(numbers) > _MOST_LISTED:
        shown = ", ".join(str(number) for number in numbers[:_MOST_LISTED])
        return f"{noun}s {shown} and {len(numbers) - _MOST_LISTED:,} more"
    return f"{noun}s {', '.join(str(number) for number in numbers[:-1])} and {numbers[-1]}"
