"""What `gw.Forecaster` is worth on M3 and M4 Hourly: networks alone, together with the baselines, and the intervals.

For each frequency sMAPE in both averages, MASE, how many values the intervals of 80 and 95 per cent hold, MSIS, and seconds.
`--fold validation` holds back the last horizon of each training part, and is for everything that is tried out; `--fold test`
is the published test part, and writes results/combination-NAME.json.

    python benchmarks/combination.py --data FOLDER --mode fast
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np

import gatewise as gw
from m_competitions import errors, long_frame, read_panels, shown, totals, write

LEVELS = (80, 95)


def measured(panel, actual, mode, seed):
    """Fit and forecast one frequency, and return its errors."""
    started, cpu = time.perf_counter(), time.process_time()
    horizon, season = actual.shape[1], panel.season_length
    forecaster = gw.Forecaster(horizon, mode=mode, season_length=season, seed=seed).fit(long_frame(panel))
    forecast = forecaster.predict(level=LEVELS, networks=True)
    seconds = [time.perf_counter() - started, time.process_time() - cpu]
    columns = {name: forecast[name].to_numpy().reshape(actual.shape) for name in forecast.columns[2:]}
    bounds = [np.stack([columns[f"gatewise-{side}-{level}"] for level in LEVELS], -1) for side in ("lo", "hi")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gw.errors.GatewiseWarning)
        intervals = {
            "coverage": gw.metrics.coverage(actual, *bounds, average="points").tolist(),
            "msis": gw.metrics.msis(actual, *bounds, panel.values, season, LEVELS, average="series").tolist(),
        }
    return {
        "combination": errors(panel, actual, columns["gatewise"]),
        "networks": errors(panel, actual, columns["gatewise-network"]),
        "intervals": intervals,
        "seconds": seconds,
        "chosen": list(forecaster.explanation.sentences),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder with m3.csv.gz and m3_info.csv, or with m4_hourly.csv.gz")
    parser.add_argument("--mode", choices=("fast", "best"), default="fast")
    parser.add_argument("--fold", choices=("validation", "test"), default="validation")
    parser.add_argument("--groups", help="frequencies, such as yearly,other")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    panels = read_panels(arguments.data, arguments.fold == "test")
    chosen = arguments.groups.split(",") if arguments.groups else list(panels)
    results = {}
    for name in chosen:
        results[name] = found = measured(*panels[name], arguments.mode, arguments.seed)
        for part in ("networks", "combination"):
            print(shown(f"{name}, {part}", found[part], found["seconds"]))
        print(f"  coverage {found['intervals']['coverage']}  MSIS {found['intervals']['msis']}")
        print("  " + "\n  ".join(found["chosen"]), flush=True)
    for part in ("networks", "combination"):
        scores = totals([found[part] for found in results.values()])
        print(shown(f"all, {part}", scores, [sum(found["seconds"][0] for found in results.values())]))
    if arguments.fold == "test" and len(chosen) == len(panels):
        write(f"combination-{Path(arguments.data).name}-{arguments.mode}.json", {"frequencies": results})


if __name__ == "__main__":
    main()
