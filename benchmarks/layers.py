"""One step of networks with one recurrent layer: gatewise, the scan that its kernels replace, and the peers.

All runners in turn, each in a process of its own, with the sgemm of the machine measured in the same run. Rows of which
all runners were measured go into results/layers.json.
"""

import argparse
import sys

import layer_tables
from measuring import RUNNERS, keep, measure_rows
from works import WORKS


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(WORKS), default=list(WORKS), metavar="WORK")
    parser.add_argument("--runner", nargs="+", choices=list(RUNNERS), metavar="RUNNER", help="default: all")
    parser.add_argument("--rounds", type=int, default=2, help="processes for each runner and work")
    parser.add_argument("--repeats", type=int, default=2, help="timed runs in each process, at least")
    parser.add_argument("--seconds", type=float, default=3.0, help="what they take together, at least")
    parser.add_argument("--dry", action="store_true", help="keep nothing")
    arguments = parser.parse_args()
    timed = {"repeats": arguments.repeats, "least_seconds": arguments.seconds}
    rows = measure_rows([WORKS[name] for name in arguments.only], arguments.runner, arguments.rounds, timed)

    import publish
    from gatewise.cli.tables import print_table

    if not arguments.dry:
        left_out = keep(publish.RESULTS / "layers.json", WORKS, rows)
        if left_out:
            print(f"not all runners were measured, so nothing is kept of: {', '.join(left_out)}", file=sys.stderr)
    print_table(*layer_tables.times_table(rows), left=1)
    header, verdicts = layer_tables.verdicts_table(rows)
    if verdicts:
        print_table(header, verdicts, left=2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
