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


def checkpoint_share(found):
    return (
        f"{found['trainings']} trainings of an LSTM(64) with `checkpoint=`, {found['seconds']:.0f} s together, wrote "
        f"{found['writes']} checkpoints meanwhile: {100 * found['share_of_the_time']:.1f} % of their time"
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


def fuzzed(what):
    def say(found):
        became = ", ".join(f"{number:,} {word}" for word, number in found["became"].items())
        return (
            f"{found['inputs']:,} {what} ({became}): {found['faults']} tracebacks or sentences that are none, the slowest "
            f"took {found['slowest_seconds']} s, memory went from {found['megabytes'][0]} to {found['megabytes'][1]} MB"
        )

    return say


def fuzz_http(found):
    refused = sum(number for word, number in found["answers"].items() if word[0] == "4")
    _, _, most = found["megabytes_before_after_most"]
    return (
        f"{found['inputs']:,} requests, {refused:,} refused in {len(found['answers'])} kinds of answers: {found['faults']} "
        f"that are not documented or took over 5 s, {found['tracebacks']} tracebacks in the log, at most {most} MB"
    )


def schemathesis(found):
    return (
        f"{found['minutes']:.0f} minutes of Schemathesis {found['schemathesis']} over {found['operations']} operations, "
        f"{found['cases']:,} cases: {found['faults']} answers not as documented, {found['undocumented_5xx']} faults of "
        f"the server, the slowest answer took {found['slowest']['seconds']} s, at most "
        f"{found['megabytes_before_after_most'][2]} MB"
    )


def server_kills(found):
    return (
        f"{found['kills']} kills under {found['clients']} clients, {found['acknowledged_steps']:,} steps acknowledged, "
        f"{found['replayed']} of them answered again after a kill: {found['lost']} lost, {found['differing']} answers that "
        "differ in a bit from the network run alone"
    )


def server_schedules(found):
    said = found["answers"]
    return (
        f"{found['schedules']:,} schedules: {said['applied']:,} steps applied, {said['replayed']:,} answered again, "
        f"{said['seq_gap']:,} out of order, {said['seq_reused']:,} with another body, {said['cut']:,} connections cut before "
        f"the answer: {found['wrong']} answers that the protocol does not promise"
    )


def sklearn_checks(found):
    each = [f"{name} passes {one['passed']} of {one['checks']}" for name, one in found["estimators"].items()]
    return f"`check_estimator`: {', '.join(each)}, no exceptions asked for"


def triton_client(found):
    return (
        f"tritonclient {found['tritonclient']} as it is, asking a network, a forecaster and a classifier: {found['held']} of "
        f"{found['checks']} checks hold"
    )


def open_inference(found):
    return f"{found['server']}: {found['held']} of {found['checks']} checks hold"


ROWS = {
    "training_kills": ("Training, killed", training_kills),
    "checkpoint_overhead": ("Training, how much checkpoints cost", checkpoint_overhead),
    "checkpoint_share": ("Training, the share of checkpoints", checkpoint_share),
    "save_system_calls": ("Saving, at every system call", save_system_calls),
    "save_kills": ("Saving, at random moments", save_kills),
    "server_kills": ("A server, killed", server_kills),
    "server_schedules": ("Steps dropped, doubled, reordered", server_schedules),
    "fuzz_tables": ("Tables", fuzzed("files and options")),
    "fuzz_texts": ("Texts", fuzzed("files and texts")),
    "fuzz_models": ("Model folders", fuzzed("damaged or forged folders, under an audit hook")),
    "fuzz_http": ("Requests", fuzz_http),
    "schemathesis": ("Requests made from the OpenAPI document", schemathesis),
    "sklearn_checks": ("scikit-learn", sklearn_checks),
    "open_inference_gatewise": ("Open Inference Protocol", open_inference),
    "open_inference_mlserver": ("the same, beside it", open_inference),
    "triton_client": ("Triton's own client", triton_client),
}


def table():
    """Return the table of what was found."""
    rows = ["| campaign | found | date, command |\n|---|---|---|\n"]
    for name, (title, say) in ROWS.items():
        path = RESULTS / f"{name}.json"
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
