"""What can be typed about texts, wherever texts are read."""

from enum import StrEnum
from typing import Annotated

import typer


class Bytes(StrEnum):
    """What becomes of bytes that are not UTF-8."""

    strict = "strict"
    replaced = "replace"


TextColumn = Annotated[str | None, typer.Option("--text", metavar="NAME", help="The column of the texts.")]
BadBytes = Annotated[
    Bytes, typer.Option("--errors", help="Refuse bytes that are not UTF-8, or replace them by � and count them.")
]
