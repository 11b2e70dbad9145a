"""How long `gw.read_series` takes and how much memory: 10,000 monthly series, and a text file of 100 MB.

Each file is read in processes of its own. Writes results/tables.json and the table in docs/series.md.
"""

import argparse
import importlib.metadata
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "tables.json"
PAGE = ROOT / "docs" / "series.md"
BEGIN, END = "<!-- tables:begin -->", "<!-- tables:end -->"
HEADER = ["a CSV file of", "size", "read in", "memory"]
ROUNDS = 3
MEGABYTE = 2**20


def write_long(path, series, length, decimals=3):
    """Write series of `length` months as a long CSV file, sorted by series and time."""
    months = np.datetime64("1990-01", "M") + np.arange(length)
    days = [str(day) for day in months.astype("datetime64[D]")]
    generator = np.random.default_rng(0)
    with path.open("w", encoding="utf-8") as file:
        file.write("unique_id,ds,y\n")
        for number in range(series):
            values = (100 + generator.standard_normal(length).cumsum()).round(decimals)
            file.writelines(
                f"series-{number:06d},{day},{value}\n" for day, value in zip(days, values.tolist(), strict=True)
            )


def write_columns(path, series, length):
    """Write the same kind of series as a wide CSV file, a column each."""
    months = (np.datetime64("1990-01", "M") + np.arange(length)).astype("datetime64[D]")
    values = (100 + np.random.default_rng(0).standard_normal((length, series)).cumsum(axis=0)).round(3)
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(["ds", *(f"series-{number:06d}" for number in range(series))]) + "\n")
        file.writelines(f"{day},{','.join(map(str, row))}\n" for day, row in zip(months, values.tolist(), strict=True))


def write_minutes(path, length):
    """Write one series with a value every minute."""
    times = (np.datetime64("1990-01-01T00:00", "m") + np.arange(length)).astype(str)
    values = (100 + np.random.default_rng(0).standard_normal(length).cumsum()).round(3)
    with path.open("w", encoding="utf-8") as file:
        file.write("ds,y\n")
        file.writelines(f"{moment},{value}\n" for moment, value in zip(times.tolist(), values.tolist(), strict=True))


TABLES = {
    "10,000 series × 36 months, long": lambda path: write_long(path, 10_000, 36),
    "10,000 series × 36 months, a column each": lambda path: write_columns(path, 10_000, 36),
    "100 MB, long: 9,000 series × 360 months": lambda path: write_long(path, 9_000, 360),
    "100 MB, one series of minutes": lambda path: write_minutes(path, 4_200_000),
}


def read_once(path):
    """Read a file in this process and return the seconds and bytes that it took."""
    import pandas as pd

    import gatewise as gw

    # Pandas loads parts of itself when it first parses; those are no part of reading a table.
    gw.read_series(pd.DataFrame({"ds": ["2024-01-01", "2024-01-02"], "y": [1.0, 2.0]}))
    before = peak_bytes()
    start = time.perf_counter()
    table = gw.read_series(path)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "peak_bytes": peak_bytes() - before, "table": repr(table)}


def peak_bytes():
    """Return the largest resident size of this process so far."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def measured():
    """Return the cells of all tables."""
    cells = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        for name, write in TABLES.items():
            write(path)
            command = [sys.executable, __file__, "--file", str(path)]
            runs = [
                json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
                for _ in range(ROUNDS)
            ]
            cells.append({"name": name, "bytes": path.stat().st_size, "runs": runs})
            print(name, [round(run["seconds"], 2) for run in runs], file=sys.stderr, flush=True)
    return cells


def rows(content):
    """Return the table of the results: size of the file, fastest run, and memory beyond what Python and pandas take."""
    for cell in content["cells"]:
        size = cell["bytes"]
        seconds = min(run["seconds"] for run in cell["runs"])
        peak = max(run["peak_bytes"] for run in cell["runs"])
        megabytes = f"{size / MEGABYTE:.0f} MB"
        yield [cell["name"], megabytes, f"{seconds:.2f} s", f"{peak / MEGABYTE:.0f} MB ({peak / size:.1f} × the file)"]


def block(content):
    """Return what docs/series.md says about the results."""
    machine, versions = content["machine"], content["versions"]
    lines = [HEADER, ["---"] * len(HEADER), *rows(content)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    where = f"{machine['processor']}, {machine['cores']} cores; pandas {versions['pandas']}; {content['date']}"
    return f"{BEGIN}\n{table}\n\nThe fastest of {ROUNDS} runs, the largest memory of all; {where}.\n{END}"


def with_block(page, content):
    """Return a page with its block written anew."""
    before, rest = page.split(BEGIN)
    return before + block(content) + rest.split(END)[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", help="read one file in this process and print what it took as JSON")
    parser.add_argument("--update-docs", action="store_true", help="only write docs/series.md anew from the JSON")
    arguments = parser.parse_args()
    if arguments.file:
        print(json.dumps(read_once(arguments.file)))
        return 0
    if not arguments.update_docs:
        from gatewise.recipes.speed.results import describe_machine, installed_versions, today

        versions = {**installed_versions(), "pandas": importlib.metadata.version("pandas")}
        content = {"date": today(), "machine": describe_machine(), "versions": versions, "cells": measured()}
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    content = json.loads(RESULTS.read_text(encoding="utf-8"))
    PAGE.write_text(with_block(PAGE.read_text(encoding="utf-8"), content), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
