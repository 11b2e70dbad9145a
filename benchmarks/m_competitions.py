"""What the benchmarks of forecasts share: M3 and M4 Hourly as panels, folds, errors in both averages, results as JSON."""

import json
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import gatewise as gw
from gatewise.forecasting.networks.global_networks import middle
from gatewise.forecasting.networks.usual_pools import usual_networks
from gatewise.forecasting.panel import Panel
from gatewise.recipes.speed.results import describe_machine, installed_versions, today

RESULTS = Path(__file__).resolve().parent / "results"
SEASONS = {"yearly": 1, "quarterly": 4, "monthly": 12, "other": 1, "hourly": 24}
HORIZONS = {"yearly": 6, "quarterly": 8, "monthly": 18, "other": 8, "hourly": 48}


def read_panels(data, test, earlier=0.0):
    """Return for each frequency the panel to learn from and what came after it.

    Args:
        data: Folder with m3.csv.gz and m3_info.csv, or with m4_hourly.csv.gz.
        test: Whether that is the published test part, or a horizon of the training part.
        earlier: So many horizons before the last. Series are left out that are shorter there than the shortest before the last.
    """
    folder = Path(data)
    if (folder / "m3.csv.gz").exists():
        values = pd.read_csv(folder / "m3.csv.gz")
        frequency = pd.read_csv(folder / "m3_info.csv").set_index("unique_id").frequency
        groups = dict(tuple(values.groupby(values.unique_id.map(frequency), sort=False)))
    else:
        groups = {"hourly": pd.read_csv(folder / "m4_hourly.csv.gz")}
    return {
        name: _fold(groups[name], SEASONS[name], HORIZONS[name], test, earlier) for name in SEASONS if name in groups
    }


def _fold(rows, season, horizon, test, earlier):
    panel = Panel(side_by_side(rows[rows.split == "train"]), season)
    if test:
        return panel, side_by_side(rows[rows.split == "test"])
    least = np.isfinite(panel.values).sum(axis=1).min() - horizon
    before = panel.until(horizon + round(earlier * horizon))
    long = np.flatnonzero(np.isfinite(before.values).sum(axis=1) >= least)
    end = before.values.shape[1]
    return before.select(long), panel.values[long, end : end + horizon]


def side_by_side(rows):
    """Return the series of a long frame as rows that end together, NaN before the shorter ones."""
    codes, names = pd.factorize(rows.unique_id)
    lengths = np.bincount(codes)
    back = rows.groupby("unique_id", sort=False).cumcount(ascending=False).to_numpy()
    values = np.full((len(names), lengths.max()), np.nan)
    values[codes, lengths.max() - 1 - back] = rows.y.to_numpy(float)
    return values


def long_frame(panel):
    """Return the series of a panel as a long frame with steps for times."""
    rows, columns = np.nonzero(np.isfinite(panel.values))
    return pd.DataFrame({"unique_id": rows, "ds": columns, "y": panel.values[rows, columns]})


def forecast_all(panels, mode, seed=0):
    """Train the usual networks for each frequency and return their forecasts, members apart, and the seconds of each.

    A frequency is printed when it is done.
    """
    results = {}
    for name, (panel, actual) in panels.items():
        start, cpu = time.perf_counter(), time.process_time()
        trained = usual_networks(panel, mode).train(panel, actual.shape[1], seed=seed)
        members = trained.forecast(panel)
        seconds = [time.perf_counter() - start, time.process_time() - cpu]
        results[name] = {"members": members, "names": trained.names, "seconds": seconds}
        score = errors(panel, actual, combined(results[name]))
        print(shown(f"{name} ({score['series']:,})", score, seconds), flush=True)
    return results


def errors(panel, actual, forecast):
    """Return sMAPE over points and over series, and MASE over series."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gw.errors.GatewiseWarning)
        return {
            "smape_points": gw.metrics.smape(actual, forecast, average="points"),
            "smape_series": gw.metrics.smape(actual, forecast, average="series"),
            "mase": gw.metrics.mase(actual, forecast, panel.values, panel.season_length, average="series"),
            "points": int(actual.size),
            "series": len(actual),
        }


def totals(scores):
    """Return the errors over several frequencies: over all points, over all series."""
    points, series = (np.array([score[key] for score in scores]) for key in ("points", "series"))
    weights = {"smape_points": points, "smape_series": series, "mase": series}
    means = {key: float(np.average([score[key] for score in scores], weights=w)) for key, w in weights.items()}
    return {**means, "points": int(points.sum()), "series": int(series.sum())}


def shown(name, score, seconds=None):
    """Return a line for the terminal."""
    time_taken = "" if seconds is None else f"  {seconds[0]:6.1f} s"
    return (
        f"{name:28} sMAPE {score['smape_points']:7.3f} by points {score['smape_series']:7.3f} by series   "
        f"MASE {score['mase']:.3f}{time_taken}"
    )


def combined(result):
    """Return the forecast of all members together."""
    return middle(result["members"], result["names"])


def write(name, content):
    """Write results with the machine, the versions and the day."""
    RESULTS.mkdir(exist_ok=True)
    where = {"date": today(), "machine": describe_machine(), "versions": installed_versions()}
    path = RESULTS / name
    path.write_text(json.dumps({**where, **content}, indent=1) + "\n", encoding="utf-8")
