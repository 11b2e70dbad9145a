"""What `gw.Forecaster` is worth on M3 and M4 Hourly: networks alone, together with the baselines, and the intervals.

For each frequency sMAPE in both averages, MASE, how many values the intervals of 80 and 95 per cent hold, MSIS beside that of
the intervals of naive and ETS forecasts, and seconds.
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
from classical_intervals import classical_bounds, some_series
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
    return {
        "combination": errors(panel, actual, columns["gatewise"]),
        "networks": errors(panel, actual, columns["gatewise-network"]),
        "intervals": intervals(panel, actual, bounds),
        "seconds": seconds,
        "chosen": list(forecaster.explanation.sentences),
    }


def intervals(panel, actual, bounds):
    """Return what intervals hold and their MSIS, and on some series the same beside those of naive and ETS forecasts."""
    rows = some_series(len(panel))
    some, after = panel.select(rows), actual[rows]
    beside = {"gatewise": [bound[rows] for bound in bounds]}
    for name, model in (("Naive", "Naive"), ("ETS", "AutoETS")):
        beside[name] = classical_bounds(model, some, actual.shape[1], LEVELS)
    there = np.isfinite(beside["ETS"][0]).all(axis=(1, 2))
    some, after = some.select(np.flatnonzero(there)), after[there]
    return {
        **held(panel, actual, *bounds),
        "beside": {name: held(some, after, *(bound[there] for bound in own)) for name, own in beside.items()},
        "beside_series": int(there.sum()),
    }


def held(panel, actual, lower, upper):
    """Return the share of values that intervals hold, and MSIS, at each level."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gw.errors.GatewiseWarning)
        msis = gw.metrics.msis(actual, lower, upper, panel.values, panel.season_length, LEVELS, average="series")
        return {
            "coverage": gw.metrics.coverage(actual, lower, upper, average="points").tolist(),
            "msis": msis.tolist(),
        }


def said(found):
    """Return the lines about intervals."""
    lines = [f"  coverage {percent(found['coverage'])}  MSIS {rounded(found['msis'])}, all series"]
    for name, own in found["beside"].items():
        shown_name = f"{name}, {found['beside_series']} series"
        lines.append(f"  {shown_name:22} coverage {percent(own['coverage'])}  MSIS {rounded(own['msis'])}")
    return "\n".join(lines)


def percent(shares):
    """Return shares in per cent."""
    return " ".join(f"{100 * share:5.1f} %" for share in shares)


def rounded(numbers):
    """Return numbers with two decimals."""
    return " ".join(f"{number:6.2f}" for number in numbers)


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
        print(said(found["intervals"]))
        print("  " + "\n  ".join(found["chosen"]), flush=True)
    for part in ("networks", "combination"):
        scores = totals([found[part] for found in results.values()])
        print(shown(f"all, {part}", scores, [sum(found["seconds"][0] for found in results.values())]))
    if arguments.fold == "test" and len(chosen) == len(panels):
        write(f"combination-{Path(arguments.data).name}-{arguments.mode}.json", {"frequencies": results})


if __name__ == "__main__":
    main()
