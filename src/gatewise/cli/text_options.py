"""What can be typed about texts, wherever texts are read."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, NamedTuple

import typer


class Bytes(StrEnum):
    """What becomes of bytes that are not UTF-8."""

    strict = "strict"
    replaced = "replace"


TextColumn = Annotated[str | None, typer.Option("--text", metavar="NAME", help="The column of the texts.")]
BadBytes = Annotated[
    Bytes, typer.Option("--errors", help="Refuse bytes that are not UTF-8, or replace them by � and count them.")
]


class TextsTyped(NamedTuple):
    """What was typed about texts that are to be classified, under the names of the options."""

    text: str | None = None
    errors: str = "strict"
    explain: bool = False
    quick: bool = False
    out: Path | None = None
    as_json: bool = False
    force: bool = False
    quiet: bool = False
