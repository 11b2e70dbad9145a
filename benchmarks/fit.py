"""Training speed of gatewise and its peers, side by side in one run.

Runs every installed runner on every workload, interleaved, each in a process of its own, writes results/fit.json and
prints the table with the targets. ``--update-docs`` and ``--check-docs`` measure nothing.
"""

import argparse
import sys

import publish
from gatewise.cli.tables import print_table
from gatewise.recipes.speed import RUNNERS, WORKLOADS, Measurement, measure_all
from gatewise.recipes.speed.tables import HEADER, remarks, rows, sentence


def report(done: int, total: int, one: Measurement) -> None:
    print(f"[{done}/{total}] {sentence(one)}", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workload", nargs="+", choices=list(WORKLOADS), default=list(WORKLOADS))
    parser.add_argument("--runner", nargs="+", choices=list(RUNNERS), default=list(RUNNERS))
    parser.add_argument("--rounds", type=int, default=3, help="processes for each runner and workload")
    parser.add_argument("--repeats", type=int, default=2, help="timed runs in each process, at least")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the epochs; writes no results")
    parser.add_argument("--update-docs", action="store_true", help="only rewrite the tables of the pages from the JSON")
    parser.add_argument("--check-docs", action="store_true", help="only check the tables of the pages against the JSON")
    arguments = parser.parse_args()
    if arguments.update_docs:
        publish.update()
        return 0
    if arguments.check_docs:
        return publish.check()
    results = measure_all(
        arguments.workload,
        arguments.runner,
        rounds=arguments.rounds,
        repeats=arguments.repeats,
        quick=arguments.quick,
        progress=report,
    )
    is_whole = arguments.workload == list(WORKLOADS) and arguments.runner == list(RUNNERS)
    if is_whole and not arguments.quick:
        publish.RESULTS.mkdir(exist_ok=True)
        (publish.RESULTS / "fit.json").write_text(results.to_json(), encoding="utf-8")
    print_table(HEADER, rows(results), left=2)
    print(*remarks(results), sep="\n")
    print_table(publish.VERDICT_HEADER, publish.verdicts(results), left=3)
    return 0


if __name__ == "__main__":
    sys.exit(main())
