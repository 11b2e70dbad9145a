"""One measurement: ``python -m gatewise.recipes.speed --runner keras-jax --workload lstm-time-steps``."""

import argparse

from gatewise.recipes.speed.runners import RUNNERS, measure_all
from gatewise.recipes.speed.tables import sentence
from gatewise.recipes.speed.workloads import WORKLOADS


def main() -> None:
    """Measure one runner on one workload and print the result."""
    parser = argparse.ArgumentParser(prog="python -m gatewise.recipes.speed", description=__doc__)
    parser.add_argument("--runner", choices=list(RUNNERS), required=True)
    parser.add_argument("--workload", choices=list(WORKLOADS), required=True)
    parser.add_argument("--repeats", type=int, default=3, help="timed runs")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the epochs")
    parser.add_argument("--json", action="store_true", help="print every raw timing as JSON")
    arguments = parser.parse_args()
    results = measure_all([arguments.workload], [arguments.runner], repeats=arguments.repeats, quick=arguments.quick)
    print(results.to_json() if arguments.json else sentence(results.measurements[0]))


if __name__ == "__main__":
    main()
