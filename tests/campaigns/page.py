"""Writes what the campaigns found into docs/reliability.md, or says that the page is not as the results are.

``python tests/campaigns/page.py [--check]``
"""

import json
import sys
from pathlib import Path

from recorded import RESULTS

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- written by tests/campaigns/page.py -->\n", "<!-- end -->\n"


def training_kills(found):
    return (
        f"{found['kills']} trainings were killed, in turns in all {len(found['combinations'])} combinations of shuffle × "
        f"dropout × stateful, {found['during_training']} of them in the middle, {found['in_a_write']} while a checkpoint was "
        f"written; {found['differing']} differ in a bit when resumed, {found['strays']} files too many were left"
    )


def checkpoint_overhead(found):
    return (
        f"{found['pairs']} pairs of an LSTM(64) trained for {found['run_seconds']:.0f} s with and without `checkpoint=`: "
        f"{100 * found['overhead_median']:.1f} % longer in the middle of the pairs"
    )


def save_system_calls(found):
    points = sum(way["points"] for way in found["killed"].values())
    failed = sum(found["failed_calls_survived"].values())
    left = sum(way["strays_after_next"] for way in found["killed"].values())
    return (
        f"killed on entering each of {points} system calls (folders with and without an exchange in one step, files), and "
        f"{failed} calls failed for want of space or with a failing fsync: {found['lost']} models lost, {left} files left "
        "after the next save"
    )


def save_kills(found):
    left = sum(found["left_something"].values())
    return (
        f"{found['kills']:,} kills at random moments, half of them of two processes at one folder; {left} left something "
        f"behind: {found['lost']} models lost, {found['strays_after_next']} files left after the next save"
    )


ROWS = {
    "Training, killed": training_kills,
    "Training, how much checkpoints cost": checkpoint_overhead,
    "Saving, at every system call": save_system_calls,
    "Saving, at random moments": save_kills,
}


def table():
    """Return the table of what was found."""
    rows = ["| campaign | found | date, command |\n|---|---|---|\n"]
    for title, say in ROWS.items():
        path = RESULTS / f"{say.__name__}.json"
        if path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            rows.append(f"| {title} | {say(found)} | {found['date']}, `{found['command']}` |\n")
    return "".join(rows)


def main():
    """Write the page, or compare."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    written = f"{before}{BEGIN}\n{table()}\n{END}{after}"
    if "--check" in sys.argv:
        return int(written != text)
    PAGE.write_text(written, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
