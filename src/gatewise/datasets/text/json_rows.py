"""JSON lines, or one JSON list, of objects with a text and a label."""

import json
from collections.abc import Iterator
from typing import Any, NoReturn

from gatewise.datasets.text.lines import TextFile, blank_note
from gatewise.datasets.text.table import Table
from gatewise.datasets.text.wording import lines, short
from gatewise.errors import DataError


def read_json(file: TextFile) -> Table:
    """Read a file of JSON objects, one a line or all in one list.

    Raises:
        DataError: It is not JSON, or holds other things than objects.
    """
    is_list = file.head().lstrip().startswith(b"[")
    places: list[int] = []
    objects: list[dict[str, Any]] = []
    blank = 0
    for place, text in _whole(file) if is_list else file:
        if not text.strip():
            blank += 1
            continue
        value = _parsed(file, place, text)
        for position, item in enumerate(value if is_list else [value], start=1):
            number = position if is_list else place
            if not isinstance(item, dict):
                raise DataError(
                    f"{file.name}, {'object' if is_list else 'line'} {number} holds {short(item)} where an object such as "
                    '{"text": …, "label": …} is needed: correct it.'
                )
            places.append(number)
            objects.append(item)
    if not objects:
        raise DataError(f"{file.name} holds no objects: give at least one text with its label.")
    columns = list(dict.fromkeys(key for item in objects for key in item))
    noun = "object" if is_list else "line"
    kind = "a JSON list of objects" if is_list else "a JSON object in each line"
    return Table(
        file.name,
        columns,
        [[item.get(column) for column in columns] for item in objects],
        places,
        lambda place: f"{file.name}, {noun} {place}",
        lambda many: lines(many, noun),
        [f"{file.name} holds {kind}.", *blank_note(blank), *file.note()],
    )


def _whole(file: TextFile) -> Iterator[tuple[int, str]]:
    yield 1, "".join(line for _, line in file)


def _parsed(file: TextFile, line: int, text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_plain)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{file.name}, line {line + error.lineno - 1} is not JSON ({error.msg}, character {error.colno}): correct it."
        ) from None
    except (_NotJsonError, RecursionError) as error:
        why = str(error) if isinstance(error, _NotJsonError) else "nested too deeply"
        raise DataError(f"{file.name}, line {line} is not JSON as it should be ({why}): correct it.") from None


class _NotJsonError(Exception):
    """Something that Python's parser takes and the standard does not."""


def _refuse_constant(name: str) -> NoReturn:
    raise _NotJsonError(f"it holds {name}")


def _plain(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        twice = next(key for key in result if sum(key == other for other, _ in pairs) > 1)
        raise _NotJsonError(f"the key {short(twice)} is there twice")
    return result
