"""How long forecasts take, and what they are worth: one series end to end, a backtest with fresh weights, 10,000 series.

Each work runs in a process of its own with a cache of its own, so that its first run pays for what a first run pays for.
Beside the seconds stand those of processors, those of workers included: on a machine that has other work, too, these say
more. Memory is the most that the process and its workers held at once. Writes results/forecast.json, a work at a time, and
the table of docs/benchmarks.md.

    python benchmarks/forecast.py                  all of it
    python benchmarks/forecast.py --work airline   one of airline, backtest, many; the others stay as they were
    python benchmarks/forecast.py --table          write the table anew from the results
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from measuring import MOST_OTHERS, about_machine, busy_seconds

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "forecast.json"
PAGE = HERE.parent / "docs" / "benchmarks.md"
BEGIN, END = "<!-- forecast:begin -->\n", "<!-- forecast:end -->"
HORIZON = 12


def airline():
    """Fit the airline passengers, forecast a year, and backtest on the validation: `gatewise forecast airline`."""
    started = time.perf_counter()
    frame = airline_frame()
    import gatewise as gw

    forecaster = gw.Forecaster(HORIZON).fit(frame)
    forecaster.predict()
    table = forecaster.validation.metrics().set_index("method")
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "rmse": table["rmse"].round(2).to_dict(), "chosen": str(forecaster.explanation)}


def backtest():
    """Backtest one monthly series: 24 windows, fresh weights at each, 16 members."""
    import gatewise as gw
    from gatewise.forecasting.networks.local_networks import LocalNetworks

    frame = airline_frame()
    forecaster = gw.Forecaster(HORIZON, network=LocalNetworks(members=16))
    started = time.perf_counter()
    tested = gw.backtest(forecaster, frame, n_windows=24)
    seconds = time.perf_counter() - started
    table = tested.metrics().set_index("method")
    return {
        "seconds": seconds,
        "rmse": table["rmse"].round(2).to_dict(),
        "coverage": table["coverage-80"].round(3).to_dict(),
    }


def many(series):
    """Fit local networks for each of many series of 36 months, and forecast the year that follows, which is kept from them."""
    import numpy as np
    import pandas as pd

    import gatewise as gw
    from gatewise.forecasting.networks.local_networks import LocalNetworks

    generator = np.random.default_rng(0)
    time_of = np.arange(36 + HORIZON)
    size = generator.uniform(0.05, 0.3, (series, 1))
    season = size * np.sin((time_of + generator.integers(0, 12, (series, 1))) * np.pi / 6)
    level = generator.normal(0, 0.05, season.shape).cumsum(axis=1) + generator.uniform(2, 8, (series, 1))
    values, after = np.split(np.exp(level + season), [36], axis=1)
    ids = np.repeat([f"s{row:05d}" for row in range(series)], 36)
    months = np.tile(pd.date_range("2022-01-01", periods=36, freq="MS"), series)
    frame = pd.DataFrame({"unique_id": ids, "ds": months, "y": values.ravel()})
    started = time.perf_counter()
    forecaster = gw.Forecaster(HORIZON, network=LocalNetworks(members=4)).fit(frame)
    forecast = forecaster.predict()
    seconds = time.perf_counter() - started
    rolled = forecaster.fitted.rolled
    forecasts = {
        "gatewise": forecast["gatewise"].to_numpy().reshape(after.shape),
        "gatewise-network": forecaster.fitted.judged.networks[-1],
        **dict(zip(rolled.names, rolled.forecasts[:, -1], strict=True)),
    }
    scale = np.abs(values[:, 12:] - values[:, :-12]).mean(axis=1)
    mase = {name: float((np.abs(one - after).mean(axis=1) / scale).mean()) for name, one in forecasts.items()}
    return {
        "series": series,
        "rows": len(forecast),
        "seconds": seconds,
        "way": forecaster.fitted.trained[0].way,
        "mase": {name: round(value, 3) for name, value in mase.items()},
    }


def measured(work):
    """Run a work and return what it says, with the seconds of processors and the most memory, those of workers included."""
    import psutil

    most, ended, own = [0], threading.Event(), psutil.Process()
    started, (busy, before) = time.perf_counter(), busy_seconds()

    def watch():
        while not ended.wait(0.25):
            held = 0
            for process in (own, *own.children(recursive=True)):
                try:
                    held += process.memory_info().rss
                except psutil.Error:
                    continue
            most[0] = max(most[0], held)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        found = work()
    finally:
        ended.set()
        watcher.join()
    whole = os.cpu_count() * (time.perf_counter() - started)
    others = (busy_seconds()[0] - busy - (busy_seconds()[1] - before)) / whole
    return {**found, "cpu_seconds": busy_seconds()[1], "memory_bytes": most[0], "others": max(others, 0.0)}


def airline_frame():
    import pandas as pd

    import gatewise as gw

    months = pd.date_range("1949-01-01", periods=144, freq="MS")
    return pd.DataFrame({"unique_id": "airline", "ds": months, "y": gw.datasets.load_airline()})


def run(work, series, cache):
    """Run one work in a process of its own, with a cache of its own, and return what it printed."""
    command = [sys.executable, __file__, "--work", work, "--series", str(series), "--here"]
    environment = {**os.environ, "GATEWISE_CACHE": str(cache)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def table(results):
    """Return the lines of the page."""
    from gatewise.forecasting.classical.baseline_methods import BY_NAME

    lines = ["| | seconds | of processors | memory | RMSE or MASE, the best baseline's |", "|---|---|---|---|---|"]
    titles = {
        "airline": "`gw.Forecaster(12)` on the airline passengers, {}",
        "backtest": "backtest of them: 24 windows, fresh weights at each, 16 members, {}",
        "many": "{series:,} local series of 36 months, four networks each",
    }
    for work, title in titles.items():
        found = results.get(work)
        if found is None:
            continue
        for name, one in found["runs"].items():
            errors = one.get("rmse") or one["mase"]
            rival = min((value, method) for method, value in errors.items() if method in BY_NAME)
            # Where it was not looked at, it is not sure.
            shared = "" if one.get("others", 1.0) < MOST_OTHERS else " beside other work"
            lines.append(
                f"| {title.format(name, **one)} | {one['seconds']:.3g}{shared} | {one['cpu_seconds']:.3g} | "
                f"{one['memory_bytes'] / 2**20:,.0f} MiB | {errors['gatewise']:.3g} ({rival[1]} {rival[0]:.3g}) |"
            )
    dates = ", ".join(f"{work} {found['date']}" for work, found in results.items())
    machine = next(iter(results.values()))["machine"]
    where = f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB"
    return "\n".join([*lines, "", f"By `benchmarks/forecast.py` on {where} ({dates})."]) + "\n"


def write_table(results):
    """Write the section of the page."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(before + BEGIN + table(results) + END + rest.partition(END)[2], encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", choices=("airline", "backtest", "many"))
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--table", action="store_true", help="only write the table from the results")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        works = {"airline": airline, "backtest": backtest, "many": lambda: many(arguments.series)}
        print(json.dumps(measured(works[arguments.work])))
        return
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for work in () if arguments.table else [arguments.work] if arguments.work else ["airline", "backtest", "many"]:
        with tempfile.TemporaryDirectory() as cache:
            times = ("first ever", "warm") if work != "many" else ("once",)
            runs = {name: run(work, arguments.series, cache) for name in times}
        results[work] = {**about_machine(), "runs": runs}
        print(work, json.dumps(runs, indent=2), flush=True)
        if work != "many" or arguments.series == 10_000:
            RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    write_table(results)


if __name__ == "__main__":
    main()
