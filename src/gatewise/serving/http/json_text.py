"""JSON from strangers: read strictly, as RFC 8259 has it and no parser does by itself."""

import json
import math
import re
from collections import Counter
from typing import Any, NoReturn

import numpy as np

from gatewise.serving.terms.problems import Problem, shown

# A number with an exponent or with hundreds of digits may be more than a double holds; others cannot.
_LARGE = re.compile(rb"\d[eE]|\d{300}")
_MOST_DIGITS = 310
# A longer body is read so that other threads get their turns: each number is a call of a Python function.
_LONG = 256 * 1024
_AT_ONCE = 2**20
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse(body: bytes, nesting: int, values: int | None = None) -> Any:
    """Return the value that a body holds.

    Args:
        body: UTF-8.
        nesting: How many levels of lists and objects may stand inside each other.
        values: How many numbers, texts, lists and objects there may be; None for any number.

    Raises:
        Problem: It holds too many values, or is not JSON, nests too deeply, has a key twice, NaN, a number beyond a double, or
            half a character.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _bad(f"it is not UTF-8 at byte {error.start}") from None
    lists = body.count(b"[") + body.count(b"{")
    many = values is not None and len(body) > values and body.count(b",") + lists >= values
    if lists > nesting or many:
        _check_size(body, nesting, values if many else None)
    decoder = _LARGE_DECODER if len(body) > _LONG or _LARGE.search(body) else _DECODER
    try:
        value = decoder.decode(text)
    except json.JSONDecodeError as error:
        place = len(text[: error.pos].encode())
        raise _bad(f"{error.msg} at byte {place}") from None
    except (ValueError, RecursionError) as error:
        raise _bad(str(error)) from None
    if b"\\u" in body and _SURROGATE.search(body):
        _check_surrogates(value)
    return value


def _bad(reason: str) -> Problem:
    return Problem("bad_json", f"The body is not JSON that can be taken: {reason}.")


def _check_size(body: bytes, nesting: int, values: int | None) -> None:
    """Count levels, and values where there is a limit, outside of strings; some of a body's bytes at a time, all at once."""
    # What is left of a quote in a string are pairs that begin with a backslash; without them quotes come in pairs.
    text = body.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in body else body
    inside, level, found = np.uint8(0), 0, 1
    for start in range(0, len(text), _AT_ONCE):
        codes = np.frombuffer(text, np.uint8, min(_AT_ONCE, len(text) - start), start)
        quotes = np.cumsum(codes == ord('"'), dtype=np.uint8) + inside
        outside = (quotes & 1) == 0
        inside = quotes[-1] & 1
        opened = ((codes == ord("[")) | (codes == ord("{"))) & outside
        closed = ((codes == ord("]")) | (codes == ord("}"))) & outside
        levels = np.cumsum(opened.view(np.int8) - closed.view(np.int8), dtype=np.int32)
        if level + int(levels.max()) > nesting:
            raise _bad(f"it nests deeper than {nesting} levels")
        level += int(levels[-1])
        found += int(np.count_nonzero(opened)) + int(np.count_nonzero((codes == ord(",")) & outside))
    if values is not None and found > values:
        raise Problem(
            "body_large", f"The body holds {found:,} numbers, texts and lists, and JSON may hold {values:,} here."
        )


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
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
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
