"""How long forecasts take, and what they are worth: one series end to end, a backtest with fresh weights, 10,000 series.

Each work runs in a process of its own, so that its first run pays for what a first run pays for. Writes
results/forecast.json.

    python benchmarks/forecast.py                  all of it
    python benchmarks/forecast.py --work airline   one of airline, backtest, many
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from m_competitions import write

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
    """Backtest one monthly series: 24 windows, fresh weights at each, 16 members; a first time and a second one."""
    import gatewise as gw
    from gatewise.forecasting.networks.local_networks import LocalNetworks

    frame = airline_frame()
    forecaster = gw.Forecaster(HORIZON, network=LocalNetworks(members=16))
    found = {}
    for name in ("first", "warm"):
        started = time.perf_counter()
        tested = gw.backtest(forecaster, frame, n_windows=24)
        found[f"{name}_seconds"] = time.perf_counter() - started
    table = tested.metrics().set_index("method")
    return {**found, "rmse": table["rmse"].round(2).to_dict(), "coverage": table["coverage-80"].round(3).to_dict()}


def many(series):
    """Fit local networks for each of many series of 36 months, and forecast a year of each."""
    import resource

    import numpy as np
    import pandas as pd

    import gatewise as gw
    from gatewise.forecasting.networks.local_networks import LocalNetworks

    generator = np.random.default_rng(0)
    time_of = np.arange(36)
    size = generator.uniform(0.05, 0.3, (series, 1))
    season = size * np.sin((time_of + generator.integers(0, 12, (series, 1))) * np.pi / 6)
    level = generator.normal(0, 0.05, (series, 36)).cumsum(axis=1) + generator.uniform(2, 8, (series, 1))
    values = np.exp(level + season).ravel()
    ids = np.repeat([f"s{row:05d}" for row in range(series)], 36)
    months = np.tile(pd.date_range("2022-01-01", periods=36, freq="MS"), series)
    frame = pd.DataFrame({"unique_id": ids, "ds": months, "y": values})
    started = time.perf_counter()
    forecaster = gw.Forecaster(HORIZON, network=LocalNetworks(members=4)).fit(frame)
    forecast = forecaster.predict()
    seconds = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    table = forecaster.validation.metrics().set_index("method")
    return {
        "series": series,
        "rows": len(forecast),
        "seconds": seconds,
        "memory_bytes": memory,
        "mase": table["mase"].round(3).to_dict(),
    }


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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", choices=("airline", "backtest", "many"))
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        works = {"airline": airline, "backtest": backtest, "many": lambda: many(arguments.series)}
        print(json.dumps(works[arguments.work]()))
        return
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for work in [arguments.work] if arguments.work else ["airline", "backtest", "many"]:
            cache = Path(folder) / work
            if work == "airline":
                results[work] = {name: run(work, arguments.series, cache) for name in ("first ever", "warm")}
            else:
                results[work] = run(work, arguments.series, cache)
            print(work, json.dumps(results[work], indent=2), flush=True)
    if not arguments.work and arguments.series == 10_000:
        write("forecast.json", results)


if __name__ == "__main__":
    main()
