"""gatewise beside neuralforecast, darts and skforecast: M3 monthly, and a backtest with fresh weights at each cutoff.

Every contender is a process of its own and forecasts the 18 months after the training parts of the 1,428 series; all are
scored here, in the same way. Peers are run by another Python, ``--peers``, which needs neuralforecast, darts, skforecast
and keras; darts is stopped after ``--minutes`` of training. gatewise begins without compiled programs, so that its wall
time has all of the compiling in it, and is run once more with them. Writes results/forecast_peers.json and the table in
docs/forecasting.md.

    python benchmarks/forecast_side_by_side.py --data FOLDER --peers PYTHON
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from m_competitions import RESULTS, errors, long_frame, read_panels, write

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "forecasting.md"
BEGIN, END = "<!-- forecast-peers:begin -->", "<!-- forecast-peers:end -->"
FORECASTS = ("neuralforecast LSTM", "neuralforecast AutoLSTM", "darts BlockRNNModel", "skforecast ForecasterRnn")
BACKTEST = "darts backtest"
MEMBERS = 16
MODES = ("fast", "best")
NAIVE = "seasonal naive"
ALL = (*(f"gatewise, mode {mode}" for mode in MODES), *FORECASTS, NAIVE, "backtest")
HEADER = ("", "sMAPE by points", "by series", "MASE", "wall s", "× mode fast", "MiB at most")


def own(arguments):
    """Run gatewise in this process: the forecast of all series in a mode, or the backtest of one."""
    import resource

    import pandas as pd

    import gatewise as gw
    from gatewise.forecasting.networks.local_networks import LocalNetworks

    started = time.perf_counter()
    if arguments.own == "backtest":
        months = pd.date_range("1949-01-01", periods=144, freq="MS")
        frame = pd.DataFrame({"unique_id": "airline", "ds": months, "y": gw.datasets.load_airline()})
        gw.backtest(gw.Forecaster(12, network=LocalNetworks(members=MEMBERS)), frame, n_windows=24)
        found = np.zeros(0)
    else:
        panel, actual = read_panels(arguments.data, arguments.fold == "test")["monthly"]
        frame = long_frame(panel)
        started = time.perf_counter()
        forecaster = gw.Forecaster(actual.shape[1], mode=arguments.own, season_length=12).fit(frame)
        found = forecaster.predict(networks=True)
        found = np.stack([found[name].to_numpy().reshape(actual.shape) for name in ("gatewise", "gatewise-network")])
    seconds = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    np.save(arguments.out, found)
    Path(arguments.out).with_suffix(".json").write_text(json.dumps({"seconds": seconds, "peak_megabytes": memory}))


def child(command, out, environment=None):
    """Run a contender; return what it wrote, or the last line of its complaint."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **(environment or {})}, cwd=out.parent
    )
    if done.returncode:
        return {"message": (done.stderr.strip().splitlines() or ["no output"])[-1][:200]}, None
    return json.loads(out.with_suffix(".json").read_text(encoding="utf-8")), np.load(out)


def contenders(arguments, folder, panel, actual):
    """Yield the cells of all contenders, scored."""
    for mode in MODES:
        if f"gatewise, mode {mode}" not in arguments.only:
            continue
        print(f"gatewise, {mode}", file=sys.stderr, flush=True)
        out = folder / f"{mode}.npy"
        command = [sys.executable, __file__, "--data", arguments.data, "--fold", arguments.fold]
        cache = {"GATEWISE_CACHE": str(folder / f"cache-{mode}")}
        cell, found = child([*command, "--own", mode, "--out", str(out)], out, cache)
        if found is None:
            yield {"name": f"gatewise, mode {mode}", **cell}
            continue
        for name, forecast in zip(("", ", networks alone"), found, strict=True):
            yield {"name": f"gatewise, mode {mode}{name}", **cell, **errors(panel, actual, forecast)}
        if mode != MODES[0]:
            continue
        again, found = child([*command, "--own", mode, "--out", str(out)], out, cache)
        if found is not None:
            yield {"name": f"gatewise, mode {mode}, once more", **again, **errors(panel, actual, found[0])}
    if NAIVE in arguments.only:
        from gatewise.baselines import SeasonalNaive

        found = SeasonalNaive().forecast(panel.values, panel.season_length, actual.shape[1])
        yield {"name": NAIVE, **errors(panel, actual, found)}
    np.savez(folder / "series.npz", values=panel.values, horizon=actual.shape[1])
    for name in FORECASTS if arguments.peers else ():
        if name not in arguments.only:
            continue
        print(name, file=sys.stderr, flush=True)
        cell, found = peer(arguments, name, folder / "series.npz", folder)
        yield {"name": name, **cell, **({} if found is None else errors(panel, actual, found))}


def peer(arguments, name, series, folder):
    out = folder / f"{name.replace(' ', '-')}.npy"
    script = str(HERE / "forecast_peers.py")
    return child([arguments.peers, script, name, str(series), str(out), str(arguments.minutes)], out)


def backtests(arguments, folder):
    """Return the seconds of the backtest: gatewise with its programs compiled and without, and darts."""
    import gatewise as gw

    found = {}
    for name in ("first", "warm"):
        out = folder / f"backtest-{name}.npy"
        command = [sys.executable, __file__, "--data", arguments.data, "--own", "backtest", "--out", str(out)]
        found[f"gatewise {name}"], _ = child(command, out, {"GATEWISE_CACHE": str(folder / "cache-backtest")})
    if arguments.peers:
        np.savez(folder / "airline.npz", values=np.array([gw.datasets.load_airline()], float), horizon=12)
        found["darts"], _ = peer(arguments, BACKTEST, folder / "airline.npz", folder)
    return found


def table(cells):
    """Return the rows of the table."""
    fast = _seconds(cells, ALL[0])
    for cell in cells:
        if "smape_points" not in cell:
            yield [cell["name"], cell.get("message", "–"), *("–" for _ in HEADER[2:])]
            continue
        scores = [f"{cell[key]:.2f}" for key in ("smape_points", "smape_series", "mase")]
        if "seconds" not in cell:
            yield [cell["name"], *scores, "–", "–", "–"]
            continue
        times = f"{cell['seconds'] / fast:.1f}"
        yield [cell["name"], *scores, f"{cell['seconds']:,.0f}", times, f"{cell['peak_megabytes']:,.0f}"]


def _seconds(cells, name):
    return next((cell["seconds"] for cell in cells if cell["name"] == name and "seconds" in cell), float("nan"))


def _place(cell):
    return next(place for place, name in enumerate(ALL) if cell["name"].startswith(name))


def publish(content):
    """Write the table into the page."""
    from gatewise.recipes.speed.tables import as_markdown

    tests = content["backtest"]
    machine, versions = content["machine"], {cell.get("version") for cell in content["cells"]} - {None}
    warm = tests["gatewise warm"]["seconds"]
    against = ""
    if "seconds" in tests.get("darts", {}):
        seconds = tests["darts"]["seconds"]
        against = (
            f"; darts {seconds:.0f} s with one: {seconds / warm:.1f} times as long, and {MEMBERS * seconds / warm:.0f} times "
            "for as many networks"
        )
    again = _seconds(content["cells"], f"{ALL[0]}, once more")
    peers = [(cell["name"], cell["seconds"] / again) for cell in content["cells"] if cell["name"] in FORECASTS]
    text = (
        f"{content['date']}, {machine['processor']}, {machine['cores']} cores; {', '.join(sorted(versions))}, each at its "
        f"defaults; darts was stopped after {content['minutes']:.0f} minutes of training. gatewise began without compiled "
        "programs; its wall time has intervals, validation and baselines in it. Once they are compiled mode fast takes "
        f"{again:.0f} s, and {', '.join(f'{name} {times:.1f}' for name, times in peers)} times as long.\n\nA backtest of the "
        f"airline passengers, 24 cutoffs with fresh weights at each: gatewise {warm:.1f} s with {MEMBERS} networks at each "
        f"cutoff ({tests['gatewise first']['seconds']:.1f} s the first time){against}."
    )
    block = f"{BEGIN}\n{as_markdown(list(HEADER), list(table(content['cells'])))}\n\n{text}\n{END}"
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(before + block + rest.partition(END)[2], encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder with m3.csv.gz and m3_info.csv")
    parser.add_argument("--fold", choices=("validation", "test"), default="test")
    parser.add_argument("--peers", help="a Python with neuralforecast, darts, skforecast and keras")
    parser.add_argument(
        "--minutes", type=float, default=8.0, help="of training, for peers that take longer than anyone waits"
    )
    parser.add_argument(
        "--only", nargs="+", choices=ALL, default=ALL, metavar="NAME", help="the others keep their results"
    )
    parser.add_argument("--own", choices=("fast", "best", "backtest"), help=argparse.SUPPRESS)
    parser.add_argument("--out", help=argparse.SUPPRESS)
    parser.add_argument("--publish", action="store_true", help="only write the page from the JSON")
    arguments = parser.parse_args()
    path = RESULTS / "forecast_peers.json"
    if arguments.publish:
        return publish(json.loads(path.read_text(encoding="utf-8")))
    if not arguments.data:
        print("Left out: it needs the series of M3, --data FOLDER.", file=sys.stderr)
        return 0
    arguments.data = str(Path(arguments.data).resolve())
    if arguments.own:
        return own(arguments)
    from gatewise.cli.tables import print_table

    kept = {"backtest": {}, "cells": []}
    if set(arguments.only) != set(ALL) and path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))
    panel, actual = read_panels(arguments.data, arguments.fold == "test")["monthly"]
    with tempfile.TemporaryDirectory(prefix="forecasts-") as scratch:
        folder = Path(scratch)
        tests = backtests(arguments, folder) if "backtest" in arguments.only else kept["backtest"]
        cells = list(contenders(arguments, folder, panel, actual))
    measured = {cell["name"] for cell in cells}
    cells = sorted([*cells, *(cell for cell in kept["cells"] if cell["name"] not in measured)], key=_place)
    content = {"fold": arguments.fold, "minutes": arguments.minutes, "backtest": tests, "cells": cells}
    print(json.dumps(tests, indent=1))
    if cells:
        print_table(HEADER, list(table(cells)))
    if arguments.fold == "test":
        write(path.name, content)
        if tests and "seconds" in tests["gatewise warm"]:
            publish(json.loads(path.read_text(encoding="utf-8")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
