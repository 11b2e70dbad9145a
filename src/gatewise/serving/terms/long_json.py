"""JSON of many values, written and read in parts, so that other threads get their turns.

Python's own functions for it keep all threads waiting until they are done, which for a million numbers takes a second.
"""

import json
from collections.abc import Iterator
from typing import Any

# Values that are written in one go, and bytes that are read so: some milliseconds.
_VALUES_AT_ONCE = 5000
_BYTES_AT_ONCE = 256 * 1024


def written(value: Any, allow_nan: bool = True) -> str:
    """Return what ``json.dumps`` returns of plain JSON values."""
    return "".join(_parts(value, allow_nan))


def read(body: bytes) -> Any:
    """Return what ``json.loads`` returns."""
    if len(body) <= _BYTES_AT_ONCE:
        return json.loads(body)
    return json.loads(body, parse_float=_float, parse_int=_int)


def _float(digits: str) -> float:
    return float(digits)


def _int(digits: str) -> int:
    return int(digits)


def _parts(value: Any, allow_nan: bool) -> Iterator[str]:
    if _weight(value) <= _VALUES_AT_ONCE:
        yield json.dumps(value, allow_nan=allow_nan)
    elif type(value) is dict:
        for place, (name, item) in enumerate(value.items()):
            yield f"{', ' if place else '{'}{json.dumps(name)}: "
            yield from _parts(item, allow_nan)
        yield "}"
    else:
        # Objects in a list are of any size, and lists in a list of one.
        step = 1 if type(value[0]) is dict else max(1, _VALUES_AT_ONCE // _weight(value[0]))
        for start in range(0, len(value), step):
            yield ", " if start else "["
            if step == 1:
                yield from _parts(value[start], allow_nan)
            else:
                yield json.dumps(value[start : start + step], allow_nan=allow_nan)[1:-1]
        yield "]"


def _weight(value: Any) -> int:
    """Return about how many values there are in a value."""
    if type(value) is dict:
        return 1 + sum(map(_weight, value.values()))
    if type(value) is not list or not value:
        return 1
    if type(value[0]) is dict:
        return sum(map(_weight, value))
    return len(value) * _weight(value[0])
