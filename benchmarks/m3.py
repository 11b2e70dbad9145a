"""Accuracy of the global networks on M3, all 3,003 series: sMAPE in both averages, MASE, each frequency, seconds.

Networks alone, without the series' domains. `--fold validation` holds back the last horizon of each training part, and is
for everything that is tried out; `--fold test` is the published test part, for what is published. Writes results/m3.json
for the test part, the modes beside each other. Data: Makridakis and Hibon 2000, "The M3-Competition".
"""

import argparse
import json
import sys
import time

import numpy as np

from m_competitions import RESULTS, combined, errors, forecast_all, read_panels, shown, totals, write

# The monthly series of Makridakis, Spiliotis and Assimakopoulos 2018, "Statistical and Machine Learning forecasting
# methods": those whose training part has at least so many values; 1,045.
LONG_MONTHLY = 81


def scores_of(panels, results):
    """Return the errors of all frequencies, of their total, and of the long monthly series."""
    scores = {name: errors(*panels[name], combined(result)) for name, result in results.items()}
    scores["all"] = totals([*scores.values()])
    if "monthly" in results:
        panel, actual = panels["monthly"]
        held = 0 if panel.room == panel.values.shape[1] else actual.shape[1]
        long = np.flatnonzero(np.isfinite(panel.values).sum(axis=1) + held >= LONG_MONTHLY)
        scores["long monthly"] = errors(panel.select(long), actual[long], combined(results["monthly"])[long])
    return scores


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder with m3.csv.gz and m3_info.csv")
    parser.add_argument("--mode", choices=("fast", "best"), default="best")
    parser.add_argument("--fold", choices=("validation", "test"), default="validation")
    parser.add_argument("--groups", default="yearly,quarterly,monthly,other")
    arguments = parser.parse_args()
    start = time.perf_counter()
    panels = {
        name: fold
        for name, fold in read_panels(arguments.data, arguments.fold == "test").items()
        if name in arguments.groups.split(",")
    }
    results = forecast_all(panels, arguments.mode)
    wall = time.perf_counter() - start
    scores = scores_of(panels, results)
    for name in scores.keys() - results.keys():
        print(shown(f"{name} ({scores[name]['series']:,})", scores[name]))
    print(f"{wall:.0f} s with reading")
    if arguments.fold == "test" and len(panels) == 4:
        path = RESULTS / "m3.json"
        before = json.loads(path.read_text(encoding="utf-8"))["modes"] if path.exists() else {}
        seconds = {name: result["seconds"] for name, result in results.items()}
        members = {name: list(result["names"]) for name, result in results.items()}
        here = {"wall_seconds": wall, "seconds": seconds, "members": members, "networks": scores}
        write("m3.json", {"modes": {**before, arguments.mode: here}})
    return 0


if __name__ == "__main__":
    sys.exit(main())
