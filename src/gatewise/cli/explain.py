"""``gatewise explain``: the teaching page on a recurrent cell."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gatewise.cli.options import Debug, Force, Quiet, Seed


class Cell(StrEnum):
    """What is explained."""

    rnn = "rnn"
    lstm = "lstm"
    gru = "gru"


class Language(StrEnum):
    """In which language."""

    en = "en"
    zh = "zh"


def explain(
    cell: Annotated[Cell, typer.Argument(metavar="CELL", help="rnn, lstm or gru.")],
    language: Annotated[Language, typer.Option("--language", help="The language of the page.")] = Language.en,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="The page.  [default: CELL.html]")] = None,
    seed: Seed = 0,
    force: Force = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write a page that explains a recurrent cell with the real numbers of a network on the airline passengers.

    Step by step, each equation as it is computed, forward and then backward through time: where the gradient of a plain
    network dies, and that of an LSTM or GRU survives. For readers who have never seen a gate.

    \b
    Examples:
      gatewise explain lstm
      gatewise explain gru --language zh --out gru.html
    """  # noqa: D301
    from gatewise.cli.outputs import check_files, say

    page = out or Path(f"{cell.value}.html")
    check_files({"--out": page}, force)
    from gatewise.inspection.teaching import CELLS, lesson
    from gatewise.report.explanation_page import write_explanation

    lessons = {name: lesson(name, seed) for name in CELLS}
    write_explanation(page, cell.value, lessons, language.value, force)
    say(f"page: {page}", quiet)
