"""Lines as fastText reads them: words that begin with ``__label__`` are labels, the other words are the text."""

import re

from gatewise.datasets.text.lines import TextFile, blank_note
from gatewise.datasets.text.table import Roles, Table
from gatewise.datasets.text.wording import lines

PREFIX = "__label__"
_LABEL = re.compile(rf"(?<!\S){PREFIX}(\S*)\s?")


def read_label_lines(file: TextFile) -> Table:
    """Read a file of lines such as ``__label__pos __label__short a good film``."""
    rows: list[list[object]] = []
    places = []
    blank = 0
    for number, line in file:
        if line.strip():
            rows.append([_LABEL.sub("", line).strip(), _LABEL.findall(line) or None])
            places.append(number)
        else:
            blank += 1
    notes = [f"{file.name} holds a text in each line, with labels that begin with {PREFIX}."]
    return Table(
        file.name,
        ["text", "label"],
        rows,
        places,
        lambda line: f"{file.name}, line {line}",
        lines,
        notes + blank_note(blank) + file.note(),
        Roles(0, (1,)),
    )
