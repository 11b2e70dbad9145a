"""Writes generated parts of docs/: every command's --help text, the tree of errors, the server's codes (``--check``: compares).

The texts do not depend on the terminal: always the same width, never any colour.
"""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.update(COLUMNS="100", LINES="40", NO_COLOR="1", TERM="dumb")

import typer

import gatewise.errors
from gatewise.cli.app import app, run
from gatewise.serving.terms.problems import CODES

DOCS = Path(__file__).resolve().parents[1] / "docs"


def main(arguments: list[str]) -> int:
    """Write the pages, or compare them, and return how the script should end."""
    stale = []
    parts = (
        ("cli.md", "help", help_texts()),
        ("errors.md", "errors", error_tree()),
        ("serving.md", "problems", table_of_codes()),
    )
    for page, name, text in parts:
        before = (DOCS / page).read_text(encoding="utf-8")
        after = with_part(before, name, text)
        if before != after:
            stale.append(page)
            if "--check" not in arguments:
                (DOCS / page).write_text(after, encoding="utf-8")
    if not stale:
        print("docs: the generated parts are those of the program")
        return 0
    if "--check" in arguments:
        print(f"docs: {', '.join(stale)} tells of another program: run scripts/docs and commit", file=sys.stderr)
        return 1
    print(f"docs: written: {', '.join(stale)}")
    return 0


def with_part(page: str, name: str, text: str) -> str:
    """Return a page with other text between its two markers of a name."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n\n{text}\n{end}{after}"


def error_tree() -> str:
    """Return the tree that is drawn in the docstring of `gatewise.errors`."""
    _, _, rest = (gatewise.errors.__doc__ or "").partition("::\n\n")
    lines = rest.partition("\n\n")[0].splitlines()
    return "```text\n" + "".join(f"{line.removeprefix('    ')}\n" for line in lines) + "```\n"


def table_of_codes() -> str:
    """Return the table of `gatewise.serving.terms.problems`."""
    lines = [f"| {code.status} | `{name}` | {code.remedy} |\n" for name, code in CODES.items()]
    return "".join(["| status | code | what to do |\n|---|---|---|\n", *lines])


def help_texts() -> str:
    """Return the help of all commands as Markdown."""
    command = typer.main.get_command(app)
    sections = [f"## `{' '.join(path)}`\n\n```text\n{help_of(path)}```\n" for path in paths(command, ("gatewise",))]
    return "\n".join(sections)


def paths(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield a command's path and those of the commands below it, in the order of the help."""
    yield path
    for name, below in getattr(command, "commands", {}).items():
        yield from paths(below, (*path, name))


def help_of(path: tuple[str, ...]) -> str:
    """Return what a command says to --help."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        run([*path[1:], "--help"])
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
