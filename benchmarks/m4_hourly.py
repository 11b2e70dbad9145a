"""Accuracy of the global networks on M4 Hourly, 414 series: sMAPE, MASE, OWA, seconds. Networks alone.

`--fold validation` holds back the last two days of each training part, and is for everything that is tried out; `--fold
test` is the published test part. Writes results/m4_hourly.json for the test part. Data: Makridakis, Spiliotis and
Assimakopoulos 2020, "The M4 Competition: 100,000 time series and 61 forecasting methods".
"""

import argparse
import sys
import time

import gatewise as gw
from m_competitions import combined, errors, forecast_all, read_panels, shown, write


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder with m4_hourly.csv.gz")
    parser.add_argument("--mode", choices=("fast", "best"), default="best")
    parser.add_argument("--fold", choices=("validation", "test"), default="validation")
    arguments = parser.parse_args()
    start = time.perf_counter()
    panels = read_panels(arguments.data, arguments.fold == "test")
    result = forecast_all(panels, arguments.mode)["hourly"]
    wall = time.perf_counter() - start
    panel, actual = panels["hourly"]
    naive2 = gw.baselines.Naive2().forecast(panel.values, panel.season_length, actual.shape[1])
    scores = {"networks": errors(panel, actual, combined(result)), "Naive2": errors(panel, actual, naive2)}
    for score in scores.values():
        yardstick = scores["Naive2"]
        score["owa"] = gw.metrics.owa(
            smape=score["smape_series"],
            mase=score["mase"],
            naive2_smape=yardstick["smape_series"],
            naive2_mase=yardstick["mase"],
        )
    for name, score in scores.items():
        print(shown(name, score), f" OWA {score['owa']:.4f}")
    print(f"{wall:.0f} s with reading")
    if arguments.fold == "test":
        here = {"mode": arguments.mode, "wall_seconds": wall, "seconds": result["seconds"]}
        write("m4_hourly.json", {**here, "members": list(result["names"]), "scores": scores})
    return 0


if __name__ == "__main__":
    sys.exit(main())
