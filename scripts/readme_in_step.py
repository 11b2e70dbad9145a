"""Says where README.md and README.zh-CN.md have come out of step.

Compared: the levels of the headings, the code blocks byte for byte, the numbers in the tables, pictures and links, and
the markers of generated parts. What the sentences say is for a reader to compare.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh-CN.md"

FENCE = re.compile(r"^(`{3,}|~{3,})")
LINK = re.compile(r"\]\(([^)\s]+)")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
MARKER = re.compile(r"<!--.*?-->")


@dataclass
class Outline:
    """What two versions of a page must have in common.

    Attributes:
        headings: The level of each heading.
        blocks: The code blocks, their fences included.
        tables: For each table row, the numbers of each cell.
        links: Where links and pictures point, each as often as it occurs.
        markers: HTML comments.
    """

    headings: list[int] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)
    tables: list[tuple[tuple[str, ...], ...]] = field(default_factory=list)
    links: Counter[str] = field(default_factory=Counter)
    markers: list[str] = field(default_factory=list)


def outline(text: str) -> Outline:
    """Return the outline of a Markdown page."""
    found = Outline()
    block: list[str] = []
    for line in text.splitlines():
        fence = FENCE.match(line)
        if block:
            block.append(line)
            if fence and line.strip() == block[0][: len(fence.group(1))]:
                found.blocks.append("\n".join(block))
                block = []
        elif fence:
            block = [line]
        else:
            _take_line(line, found)
    if block:
        found.blocks.append("\n".join(block))
    return found


def _take_line(line: str, found: Outline) -> None:
    heading = re.match(r"^(#+) ", line)
    if heading:
        found.headings.append(len(heading.group(1)))
    if line.startswith("|"):
        cells = [cell for cell in line.strip().strip("|").split("|") if not re.fullmatch(r"\s*:?-+:?\s*", cell)]
        if cells:
            found.tables.append(tuple(tuple(NUMBER.findall(cell)) for cell in cells))
    # The two pages link to each other: that is the one link in which they have to differ.
    found.links.update(link for link in LINK.findall(line) if link not in (ENGLISH.name, CHINESE.name))
    found.markers += MARKER.findall(line)


def differences(english: Outline, chinese: Outline) -> Iterator[str]:
    """Yield every difference in a sentence."""
    if english.headings != chinese.headings:
        yield f"the headings have the levels {english.headings} and {chinese.headings}"
    yield from _first_difference("code block", english.blocks, chinese.blocks)
    yield from _first_difference("table row", english.tables, chinese.tables)
    yield from _first_difference("marker", english.markers, chinese.markers)
    for link in sorted((english.links - chinese.links).elements()):
        yield f"{CHINESE.name} lacks the link to {link}"
    for link in sorted((chinese.links - english.links).elements()):
        yield f"{ENGLISH.name} lacks the link to {link}"


def _first_difference(what: str, english: list[object], chinese: list[object]) -> Iterator[str]:
    for number, (one, other) in enumerate(zip(english, chinese, strict=False), start=1):
        if one != other:
            yield f"{what} {number} differs:\n{one}\n---\n{other}"
            return
    if len(english) != len(chinese):
        yield f"there are {len(english)} and {len(chinese)} of: {what}"


def missing_targets(english: Outline) -> Iterator[str]:
    """Yield the links that point at files which are not there."""
    for link in english.links:
        if "://" not in link and not link.startswith("#") and not (ROOT / link.partition("#")[0]).exists():
            yield f"{ENGLISH.name} links to {link}, which does not exist"


def main() -> int:
    """Print every difference and return how the script should end."""
    pages = [outline(page.read_text(encoding="utf-8")) for page in (ENGLISH, CHINESE)]
    faults = [*differences(*pages), *missing_targets(pages[0])]
    print("\n".join(faults) or f"{ENGLISH.name} and {CHINESE.name} are in step")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
