"""All airline recipes as one command: seconds and memory of the whole process, with an empty and a warm cache.

Writes results/airline.json. POSIX only (the memory is asked of ``wait4``).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import publish
from gatewise.cli.tables import print_table
from gatewise.recipes.speed.results import describe_machine, installed_versions, today


def run(members: int, cache: str) -> tuple[float, int]:
    """Return the seconds and the peak bytes of one run of the whole command."""
    command = [sys.executable, "-m", "gatewise", "recipes", "airline", "--members", str(members), "--json"]
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        env={**os.environ, "GATEWISE_CACHE": cache},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        errors = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        process.kill()
        raise
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"gatewise recipes airline ended with status {process.returncode}: {errors.strip()[-500:]}")
    return seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=2, help="empty caches; each is followed by the warm runs")
    parser.add_argument("--repeats", type=int, default=2, help="warm runs in each round")
    arguments = parser.parse_args()
    first, warm, peaks = [], [], []
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory(prefix="gatewise-airline-") as cache:
            for index in range(1 + arguments.repeats):
                seconds, peak = run(arguments.members, cache)
                (first if index == 0 else warm).append(seconds)
                peaks.append(peak)
                words = "empty cache" if index == 0 else "warm cache"
                print(f"{words}: {seconds:.1f} s, {peak / 2**20:.0f} MiB", file=sys.stderr, flush=True)
    content = {
        "date": today(),
        "machine": describe_machine(),
        "versions": installed_versions(),
        "settings": {"members": arguments.members, "rounds": arguments.rounds, "repeats": arguments.repeats},
        "first_seconds": first,
        "warm_seconds": warm,
        "peak_bytes": peaks,
    }
    if arguments.members == 100:
        publish.RESULTS.mkdir(exist_ok=True)
        (publish.RESULTS / "airline.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print_table(publish.AIRLINE_HEADER, publish.airline_rows(content))
    return 0


if __name__ == "__main__":
    sys.exit(main())
