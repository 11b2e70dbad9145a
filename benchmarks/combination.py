"""What `gw.Forecaster` is worth on M3 and M4 Hourly: networks alone, together with the baselines, and the intervals.

For each frequency sMAPE in both averages, MASE, how many values the intervals of 80 and 95 per cent hold, MSIS beside that of
the intervals of naive and ETS forecasts, and seconds.
`--fold validation` holds back the last horizon of each training part, and is for everything that is tried out; `--fold test`
is the published test part, and writes results/combination-NAME-MODE.json.

`--kept FOLDER` keeps what each method forecast, so that a run that was broken off goes on where it was. Frequencies may be
run one after the other; each keeps the results of the others.

    python benchmarks/combination.py --data FOLDER --mode fast
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np

import gatewise as gw
from classical_intervals import classical_bounds, some_series
from gatewise.forecasting import rolling, validation
from m_competitions import RESULTS, errors, long_frame, read_panels, shown, totals, write

LEVELS = (80, 95)
PARTS = ("networks", "combination")
M3 = {"yearly", "quarterly", "monthly", "other"}
PAGE = Path(__file__).resolve().parent.parent / "docs" / "forecasting.md"
BEGIN, END = "<!-- combination:begin -->", "<!-- combination:end -->"
HEADER = ("", "mode", "networks", "together", "by series", "MASE", "in 80 %", "in 95 %", "MSIS", "naive", "ETS", "s")


class Started:
    """A method that has begun, and is not to begin once more."""

    def __init__(self, method):
        self.method = method

    def __getattr__(self, name):
        return getattr(self.method, name)

    def start(self, panel, horizon, steps_back):
        """Do nothing."""


def kept_roll(folder, seconds):
    """Return `rolling.roll` with a memory: what a method forecast is read from a folder, or kept there once it is done.

    Args:
        folder: The folder of a frequency, a mode and a fold.
        seconds: Gets the seconds of each method, of now or of then.
    """
    folder.mkdir(parents=True, exist_ok=True)

    def roll(methods, panel, horizon, steps_back, progress):
        paths = [folder / f"{method.title.replace(' ', '-').replace(',', '')}.npz" for method in methods]
        missing = [method for method, path in zip(methods, paths, strict=True) if not path.exists()]
        for method in missing:
            method.start(panel, horizon, steps_back)
        parts = []
        # Networks first, while workers estimate baselines.
        for method, path in sorted(zip(methods, paths, strict=True), key=lambda both: not both[0].is_network):
            if not path.exists():
                started = time.perf_counter()
                part = rolling.roll([Started(method)], panel, horizon, steps_back, progress)
                new = path.with_suffix(".part.npz")
                taken = time.perf_counter() - started
                np.savez(new, names=part.names, forecasts=part.forecasts, back=part.steps_back, seconds=taken)
                new.rename(path)
            with np.load(path) as kept:
                parts.append((method, tuple(kept["names"].tolist()), kept["forecasts"]))
                seconds.append(float(kept["seconds"]))
                back = kept["back"]
        parts.sort(key=lambda part: methods.index(part[0]))
        return rolling.Rolled(
            tuple(name for _, names, _ in parts for name in names),
            np.array([method.is_network for method, names, _ in parts for _ in names]),
            back,
            np.concatenate([forecasts for _, _, forecasts in parts]),
            rolling.actual_after(panel, horizon, back),
            local=frozenset(name for method, names, _ in parts if getattr(method, "is_local", False) for name in names),
        )

    return roll


def measured(panel, actual, mode, seed, kept):
    """Fit and forecast one frequency, and return its errors."""
    seconds = []
    if kept is not None:
        validation.roll = kept_roll(kept, seconds)
    started = time.perf_counter()
    horizon, season = actual.shape[1], panel.season_length
    forecaster = gw.Forecaster(horizon, mode=mode, season_length=season, seed=seed).fit(long_frame(panel))
    forecast = forecaster.predict(level=LEVELS, networks=True)
    taken = sum(seconds) or time.perf_counter() - started
    together, networks = (forecast[name].to_numpy().reshape(actual.shape) for name in ("gatewise", "gatewise-network"))
    return {
        "combination": errors(panel, actual, together),
        "networks": errors(panel, actual, networks),
        "intervals": intervals(panel, actual, within(forecast, actual)),
        "seconds": [taken],
        "chosen": list(forecaster.explanation.sentences),
    }


def within(forecast, actual):
    """Return the lower and the upper bounds of a forecast, ``(series, horizon, levels)`` each."""
    return [
        np.stack([forecast[f"gatewise-{side}-{level}"].to_numpy().reshape(actual.shape) for level in LEVELS], -1)
        for side in ("lo", "hi")
    ]


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


def table():
    """Return the rows of the table, of all results that there are."""
    rows = []
    for data in ("m3", "m4_hourly"):
        for mode in ("best", "fast"):
            path = RESULTS / f"combination-{data}-{mode}.json"
            if path.exists():
                frequencies = json.loads(path.read_text(encoding="utf-8"))["frequencies"]
                rows += [row(name, mode, found) for name, found in frequencies.items()]
                if set(frequencies) == M3:
                    parts = {part: totals([found[part] for found in frequencies.values()]) for part in PARTS}
                    seconds = sum(found["seconds"][0] for found in frequencies.values())
                    rows.append([*row("**all**", mode, parts)[:6], *("" for _ in HEADER[6:-1]), f"{seconds:.0f}"])
    return rows


def row(name, mode, found):
    """Return a row of the table."""
    networks, together = (found[part] for part in PARTS)
    scores = [networks["smape_points"], together["smape_points"], together["smape_series"]]
    cells = [name, mode, *(f"{score:.2f}" for score in scores), f"{together['mase']:.3f}"]
    if "intervals" not in found:
        return cells
    beside = found["intervals"]["beside"]
    msis = [f"{beside[one]['msis'][1]:.1f}" for one in ("gatewise", "Naive", "ETS")]
    held_shares = [f"{100 * share:.1f}" for share in found["intervals"]["coverage"]]
    return [*cells, *held_shares, *msis, f"{found['seconds'][0]:.0f}"]


def publish():
    """Write the table into the page."""
    from gatewise.recipes.speed.tables import as_markdown

    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    block = f"{BEGIN}\n{as_markdown(list(HEADER), table())}\n{END}"
    PAGE.write_text(before + block + rest.partition(END)[2], encoding="utf-8")


def percent(shares):
    """Return shares in per cent."""
    return " ".join(f"{100 * share:5.1f} %" for share in shares)


def rounded(numbers):
    """Return numbers with two decimals."""
    return " ".join(f"{number:6.2f}" for number in numbers)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder with m3.csv.gz and m3_info.csv, or with m4_hourly.csv.gz")
    parser.add_argument("--mode", choices=("fast", "best"), default="fast")
    parser.add_argument("--fold", choices=("validation", "test"), default="validation")
    parser.add_argument("--groups", help="frequencies, such as yearly,other")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kept", type=Path, help="folder that keeps forecasts, and gives those that it has")
    parser.add_argument("--publish", action="store_true", help="only write the page from the results")
    arguments = parser.parse_args()
    if arguments.publish:
        publish()
        return
    if not arguments.data:
        print("Left out: it needs the series of M3 or of M4 Hourly, --data FOLDER.")
        return
    panels = read_panels(arguments.data, arguments.fold == "test")
    chosen = arguments.groups.split(",") if arguments.groups else list(panels)
    results = {}
    for name in chosen:
        kept = arguments.kept and arguments.kept / f"{name}-{arguments.mode}-{arguments.fold}-{arguments.seed}"
        results[name] = found = measured(*panels[name], arguments.mode, arguments.seed, kept)
        for part in PARTS:
            print(shown(f"{name}, {part}", found[part], found["seconds"]))
        print(said(found["intervals"]))
        print("  " + "\n  ".join(found["chosen"]), flush=True)
    for part in PARTS:
        scores = totals([found[part] for found in results.values()])
        print(shown(f"all, {part}", scores, [sum(found["seconds"][0] for found in results.values())]))
    if arguments.fold == "test":
        path = RESULTS / f"combination-{Path(arguments.data).name}-{arguments.mode}.json"
        before = json.loads(path.read_text(encoding="utf-8"))["frequencies"] if path.exists() else {}
        kept = {**before, **results}
        write(path.name, {"frequencies": {name: kept[name] for name in panels if name in kept}})
        publish()


if __name__ == "__main__":
    main()
