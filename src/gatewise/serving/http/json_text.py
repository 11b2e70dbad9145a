"""JSON from strangers: read strictly, as RFC 8259 has it and no parser does by itself."""

import json
import math
import re
from typing import Any, NoReturn

import numpy as np

from gatewise.serving.terms.problems import Problem, shown

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
# A number with an exponent or with hundreds of digits may be more than a double holds; others cannot.
_LARGE = re.compile(rb"\d[eE]|\d{300}")
_MOST_DIGITS = 310
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse(body: bytes, nesting: int) -> Any:
    """Return the value that a body holds.

    Args:
        body: UTF-8.
        nesting: How many levels of lists and objects may stand inside each other.

    Raises:
        Problem: It is not JSON, nests too deeply, has a key twice, NaN, a number beyond a double, or half a character.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _bad(f"it is not UTF-8 at byte {error.start}") from None
    if body.count(b"[") + body.count(b"{") > nesting:
        _check_nesting(body, nesting)
    decoder = _LARGE_DECODER if _LARGE.search(body) else _DECODER
    try:
        value = decoder.decode(text)
    except json.JSONDecodeError as error:
        place = len(text[: error.pos].encode())
        raise _bad(f"{error.msg} at byte {place}") from None
    except (ValueError, RecursionError) as error:
        raise _bad(str(error)) from None
    if _SURROGATE.search(body):
        _check_surrogates(value)
    return value


def _bad(reason: str) -> Problem:
    return Problem("bad_json", f"The body is not JSON that can be taken: {reason}.")


def _check_nesting(body: bytes, nesting: int) -> None:
    """Count levels outside of strings, all at once: a body may have millions of brackets."""
    codes = np.frombuffer(_STRING.sub(b"", body), np.uint8)
    opened = (codes == ord("[")) | (codes == ord("{"))
    closed = (codes == ord("]")) | (codes == ord("}"))
    levels = np.cumsum(opened.astype(np.int32) - closed)
    if levels.size and levels.max() > nesting:
        raise _bad(f"it nests deeper than {nesting} levels")


def _check_surrogates(value: Any) -> None:
    """Refuse text with half of a character, which no UTF-8 can say."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if type(item) is str:
            try:
                item.encode()
            except UnicodeEncodeError:
                raise _bad(f"{shown(item)} holds half of a surrogate pair") from None
        elif type(item) is list:
            waiting += item
        elif type(item) is dict:
            waiting += [*item, *item.values()]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {shown(twice)} stands twice in one object")
    return found


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")


def _float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError(f"the number {shown(digits)[1:-1]} is beyond what a double holds")
    return value


def _int(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a number has {len(digits)} digits")
    return int(digits)


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
_LARGE_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_int
)
