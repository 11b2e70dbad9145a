"""How time and memory of a training step grow: with the sequence, the batch and the units.

LSTM → Dense on 32 features: T 500, batch 64 and 100 units, one of which is varied at a time. Kernels, scan and Keras on
JAX in turn, each in a process of its own. Points of which all runners were measured go into results/growth.json.
"""

import argparse
import sys

import growth_tables
from measuring import keep, measure_rows
from works import AXES, COMPARED, POINTS


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=[*AXES, *POINTS], default=list(AXES), metavar="AXIS or POINT")
    parser.add_argument("--runner", nargs="+", choices=COMPARED, metavar="RUNNER", help="default: all")
    parser.add_argument("--rounds", type=int, default=1, help="processes for each runner and point")
    parser.add_argument("--dry", action="store_true", help="keep nothing")
    arguments = parser.parse_args()
    names = [name for name in POINTS if name in arguments.only or name.partition("-")[0] in arguments.only]
    timed = {"repeats": 3, "least_seconds": 1.0}
    rows = measure_rows([POINTS[name] for name in names], arguments.runner, arguments.rounds, timed)

    import publish
    from gatewise.cli.tables import print_table

    if not arguments.dry:
        left_out = keep(publish.RESULTS / "growth.json", POINTS, rows)
        if left_out:
            print(f"not all runners were measured, so nothing is kept of: {', '.join(left_out)}", file=sys.stderr)
    print_table(*growth_tables.table(rows))
    print(*growth_tables.findings(rows), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
