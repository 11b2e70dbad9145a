"""Many series in blocks: throughput on this machine and through Dask, and what a million series costs by these numbers.

Made monthly series; two processes of Dask with a thread each beside one process without an engine. What is learned from the
sample is timed apart from the blocks, as it is done once. Writes results/engine.json and the table of docs/many-machines.md.

    python benchmarks/engine.py                  measure and write
    python benchmarks/engine.py --table          write the table anew from the results
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "engine.json"
PAGE = HERE.parent / "docs" / "many-machines.md"
SERIES, MONTHS, HORIZON, SAMPLE, CORES = 2_700, 36, 12, 2_000, 2
WORKS = {"global": "the usual global networks", "local": "local networks, trained with each series"}
LOCAL_SERIES, LOCAL_SAMPLE = 900, 100
BEGIN, END = "<!-- engine:begin -->\n", "<!-- engine:end -->"


def made(series):
    """Return monthly series with a trend, a season and noise, no two alike."""
    import numpy as np
    import pandas as pd

    generator = np.random.default_rng(0)
    time_ = np.arange(MONTHS)
    level, slope, height = (generator.uniform(*ends, (series, 1)) for ends in ((3, 8), (-0.01, 0.02), (0.0, 0.3)))
    phase = generator.uniform(0, 12, (series, 1))
    noise = 0.05 * generator.standard_normal((series, MONTHS)).cumsum(axis=1)
    values = np.exp(level + slope * time_ + height * np.sin((time_ + phase) * np.pi / 6) + noise)
    return pd.DataFrame(
        {
            "unique_id": np.repeat([f"series {number}" for number in range(series)], MONTHS),
            "ds": np.tile(pd.date_range("2020-01-01", periods=MONTHS, freq="MS"), series),
            "y": values.ravel(),
        }
    )


def options(work):
    """Return what is asked for, and of how many series."""
    from gatewise.forecasting.networks.local_networks import LocalNetworks

    if work == "global":
        return {"sample": SAMPLE}, SERIES
    return {"sample": LOCAL_SAMPLE, "network": LocalNetworks()}, LOCAL_SERIES


def here(work):
    """Return seconds on this machine, without an engine: of the sample, and of the blocks."""
    import gatewise as gw

    asked, series = options(work)
    frame, times = made(series), []
    started = time.perf_counter()
    gw.forecast(frame, HORIZON, progress=lambda share, what: times.append((share, time.perf_counter())), **asked)
    ended = time.perf_counter()
    blocks = round(series / 448)
    learned = next(when for share, when in times if share >= 4 / (4 + blocks))
    return {"learn": learned - started, "blocks": ended - learned, "series": series}


def dask(work):
    """Return the same through two processes of Dask."""
    import dask.dataframe as dd
    from distributed import Client, LocalCluster

    import gatewise as gw

    asked, series = options(work)
    frame = dd.from_pandas(made(series), npartitions=8)
    with (
        LocalCluster(n_workers=CORES, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        started = time.perf_counter()
        forecasts = gw.forecast(frame, HORIZON, engine=client, **asked)
        learned = time.perf_counter()
        forecasts.compute()
        return {"learn": learned - started, "blocks": time.perf_counter() - learned, "series": series}


def measure(only):
    """Measure everything, each in a process of its own with an empty cache of compiled programs."""
    from measuring import about_machine

    found = {**about_machine(), "months": MONTHS, "horizon": HORIZON, "cores": CORES, "seconds": {}}
    if only is not None and RESULTS.exists():
        found["seconds"] = json.loads(RESULTS.read_text())["seconds"]
    for work in WORKS:
        for way in ("here", "dask"):
            if only not in (None, work):
                continue
            with tempfile.TemporaryDirectory(prefix="gatewise-cache-") as cache:
                command = [sys.executable, __file__, "--run", work, way]
                environment = {**os.environ, "GATEWISE_CACHE": cache}
                done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
            found["seconds"][f"{work} {way}"] = json.loads(done.stdout.splitlines()[-1])
            print(work, way, done.stdout.splitlines()[-1], flush=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


def table(found):
    """Return the section of the page."""
    lines = [
        f"Made series of {found['months']} months, {found['horizon']} ahead, on {found['cores']} cores.",
        "",
        "| | series | learned from the sample, once, s | blocks, s | series a second and core |",
        "|---|---|---|---|---|",
    ]
    rates = {}
    for work, title in WORKS.items():
        for way, where in (("here", "this machine alone"), ("dask", "Dask, two processes")):
            seconds = found["seconds"].get(f"{work} {way}")
            if seconds is None:
                continue
            rate = rates[work, way] = seconds["series"] / seconds["blocks"] / found["cores"]
            lines.append(
                f"| {title}; {where} | {seconds['series']:,} | {seconds['learn']:.0f} | {seconds['blocks']:.0f} | {rate:.0f} |"
            )
    measured = [work for work in WORKS if (work, "dask") in rates]
    lines += [
        "",
        "A million such series on the cores of a cluster, by the numbers of Dask, compiling included:",
        "",
        "| cores | " + " | ".join(f"{WORKS[work]}, hours" for work in measured) + " |",
        "|---|" + "---|" * len(measured),
    ]
    for cores in (2, 16, 64, 256):
        hours = [
            (found["seconds"][f"{work} dask"]["learn"] + 1e6 / rates[work, "dask"] / cores) / 3600 for work in measured
        ]
        lines.append(f"| {cores} | " + " | ".join(f"{value:.2g}" for value in hours) + " |")
    lines += ["", "In all that is " + " and ".join(f"{1e6 / rates[work, 'dask'] / 3600:.1f}" for work in measured)]
    lines[-1] += " hours of one core."
    machine, versions = found["machine"], ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    lines += [
        "",
        f"Measured by `python benchmarks/engine.py` on {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB; {versions}; {found['date']}.",
    ]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--only", choices=WORKS, help="measure one of the works, and keep the others' results")
    parser.add_argument("--table", action="store_true", help="only write the table from the results")
    arguments = parser.parse_args()
    if arguments.run:
        work, way = arguments.run
        print(json.dumps({"here": here, "dask": dask}[way](work)))
        return
    if not arguments.table:
        measure(arguments.only)
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(
        before + BEGIN + table(json.loads(RESULTS.read_text())) + END + rest.partition(END)[2], encoding="utf-8"
    )


if __name__ == "__main__":
    main()
