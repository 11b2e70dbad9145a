"""How much networks are to weigh beside baselines, and how wide intervals turn out, from several origins in training parts.

Each frequency of M3 and the hours of M4 are forecast from their training parts without the last horizon, without the last two
and the last three, as `gw.Forecaster` does it: methods are weighed by errors before that, and judged on the horizon that
follows. What is compared are the numbers of `gatewise.forecasting.choosing.prior.Weighing`; nothing is trained twice.
`--local SERIES` does the same for networks of which each knows one series, and `--guesses SERIES` asks what such a network is
to take for granted before it learns, and for how long it is to learn. For years `--intervals` asks how many values intervals
hold from origins a year apart, beside those that ETS forecasts bring along. No test part is read.

    python benchmarks/choosing.py --data FOLDER --kept FOLDER
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

import gatewise as gw
from classical_intervals import classical_bounds
from combination import LEVELS, held, kept_roll, within
from gatewise.forecasting import planning, validation
from gatewise.forecasting.choosing.judgement import judge
from gatewise.forecasting.choosing.prior import Weighing
from gatewise.forecasting.networks import local_samples
from gatewise.forecasting.networks.local_networks import LocalNetworks
from gatewise.forecasting.networks.views import LocalView
from m_competitions import HORIZONS, RESULTS, errors, long_frame, read_panels, write

NAME = "choosing.json"
PAGE = Path(__file__).resolve().parent.parent / "docs" / "forecasting.md"
# What networks weigh relative to Theta, ETS and ARIMA together.
WEIGHTS = (0.25, 0.5, 1.0, 2.0, 3.5, 6.0)
# One method by itself: as ahead as luck takes one series in all, as ahead as it takes one in 160 methods, never.
CHANCES = {"of all": 0.05, "of each": None, "never": 1e-300}
EACH = 0.0062
GUESSES = {"lasting": "changes", "rising": "slopes"}
YEARS_APART = (0, 1, 2, 3, 4, 6)
# How much of the changes since the season before, or of the slope, a first guess takes to go on; and epochs.
SHARES, EPOCHS = (0.0, 0.25, 0.5, 0.75, 1.0), (1, 60)


def fitted_at(panel, horizon, mode, kept, **options):
    """Return a forecaster fitted to a panel, whose methods' forecasts are kept."""
    validation.roll = kept_roll(kept, [])
    forecaster = gw.Forecaster(horizon, mode=mode, season_length=panel.season_length, **options)
    return forecaster.fit(long_frame(panel))


def together(rolled, panel, actual, weighing):
    """Return the errors with a weighing."""
    return errors(panel, actual, judge(rolled, panel, False, weighing=weighing).forecasts[-1])


def of_weights(panel, actual, mode, kept):
    """Return errors by what networks weigh, and by how a method is taken by itself."""
    fitted = fitted_at(panel, actual.shape[1], mode, kept).fitted
    rolled, own = fitted.rolled, fitted.panel
    count = len(rolled.names) * len(panel)
    found = {
        "series": len(panel),
        "networks": errors(own, actual, fitted.judged.networks[-1]),
        "together": {str(w): together(rolled, own, actual, Weighing(together=w)) for w in WEIGHTS},
    }
    if (rolled.steps_back > 0).sum() >= 8:
        found["alone"] = {
            name: together(rolled, own, actual, Weighing(chance=EACH * count if chance is None else chance))
            for name, chance in CHANCES.items()
        }
    return found


def of_local(panel, actual, series, kept):
    """Return errors by what local networks weigh, of series that are forecast each by itself."""
    rows = np.random.default_rng(0).choice(len(panel), min(series, len(panel)), replace=False)
    some, actual = panel.select(rows), actual[rows]
    # As each would be forecast alone, with fresh weights at each cutoff, but in one program.
    planning.are_few = validation.are_few = lambda *_: True
    slow = ["DynamicOptimizedTheta", "ETS"]
    names = [one.name for one in planning.usual_baselines(panel.season_length)]
    fitted = fitted_at(
        some,
        actual.shape[1],
        "fast",
        kept,
        network=LocalNetworks(members=8),
        baselines=[*(name for name in names if name not in slow), *slow],
    ).fitted
    return {
        "series": len(rows),
        "together": {str(w): _each_alone(fitted, actual, Weighing(local=w)) for w in WEIGHTS},
    }


def of_guesses(panel, actual, series):
    """Return errors of local networks by how much of changes and slopes their first guess takes to go on, and by epochs."""
    rows = np.random.default_rng(0).choice(len(panel), min(series, len(panel)), replace=False)
    some, actual = panel.select(rows), actual[rows]
    found = {}
    for name, view in (("lasting", LocalView("log", "differences")), ("rising", LocalView("log", "removed"))):
        usual = getattr(local_samples, name.upper())
        networks = LocalNetworks(members=4, views=(view,))
        for share, epochs in [*((share, networks.passes) for share in SHARES), *((usual, epochs) for epochs in EPOCHS)]:
            setattr(local_samples, name.upper(), share)
            members = replace(networks, epochs=epochs).train(some, actual.shape[1]).forecast(some)
            scores = errors(some, actual, np.median(members, axis=0))
            found.setdefault(name, {})[f"{share} {epochs}"] = scores
            print(name, share, epochs, round(scores["smape_points"], 2), round(scores["mase"], 4), flush=True)
        setattr(local_samples, name.upper(), usual)
    return {"series": len(rows), **found}


def _each_alone(fitted, actual, weighing):
    """Return the errors of series of which each is judged without the others."""
    rolled, forecasts = fitted.rolled, []
    for row in range(len(actual)):
        one = replace(rolled, forecasts=rolled.forecasts[:, :, [row]], actual=rolled.actual[:, [row]])
        forecasts.append(judge(one, fitted.panel.select(np.array([row])), False, weighing=weighing).forecasts[-1])
    return errors(fitted.panel, actual, np.concatenate(forecasts))


def of_intervals(panel, actual, mode, kept):
    """Return what intervals hold, and what those of ETS hold, of the same series."""
    forecast = fitted_at(panel, actual.shape[1], mode, kept).predict(level=LEVELS)
    own = within(forecast, actual)
    classical = classical_bounds("AutoETS", panel, actual.shape[1], LEVELS)
    there = np.isfinite(classical[0]).all(axis=(1, 2))
    some = panel.select(np.flatnonzero(there))
    return {
        "series": int(there.sum()),
        "gatewise": held(some, actual[there], *(bound[there] for bound in own)),
        "ETS": held(some, actual[there], *(bound[there] for bound in classical)),
    }


def shown(name, found):
    """Return a line for the terminal."""
    cells = [f"{key} {score['smape_points']:7.3f} {score['mase']:.4f}" for key, score in _scores(found)]
    return f"{name} ({found['series']:,}): " + "; ".join(cells)


def _scores(found):
    yield from (("networks", found["networks"]),) if "networks" in found else ()
    for kind in ("together", "alone"):
        yield from found.get(kind, {}).items()


def weights_table(results):
    """Return a row for each origin: sMAPE of the networks, and together by what networks weigh."""
    rows = []
    for where in sorted(results, key=_order):
        found = results[where]
        if "together" in found:
            alone = f"{found['networks']['smape_points']:.2f}" if "networks" in found else ""
            scores = [f"{found['together'][str(weight)]['smape_points']:.2f}" for weight in WEIGHTS]
            rows.append([f"{where} ({found['series']:,})".replace(" before the end", ""), alone, *scores])
    return rows


def guesses_table(results):
    """Return two rows for each origin: MASE by how much of changes and slopes is taken to go on, then by epochs."""
    rows = []
    for where in sorted(results, key=_order):
        found = results[where]
        # Without seasons both are the same networks.
        names = ("lasting", "rising") if not where.startswith("yearly") else ("rising",)
        for name in names if "rising" in found else ():
            scores = [f"{score['mase']:.3f}" for score in found[name].values()]
            origin = ", ".join(where.split(", ")[:2]).replace(" before the end", "")
            rows.append([f"{origin} ({found['series']}), {GUESSES[name]}", *scores])
    return rows


def intervals_table(results):
    """Return a row for each origin: what intervals held, and those of ETS."""
    rows = []
    for where in sorted(results, key=_order):
        found = results[where]
        if "ETS" in found:
            shares = [f"{100 * share:.1f}" for own in ("gatewise", "ETS") for share in found[own]["coverage"]]
            rows.append([f"{where.split(',')[1].split()[0]} years ({found['series']})", *shares])
    return rows


def _order(where):
    """Return where a row comes: by kind, by frequency, the last origin first."""
    name, steps = where.split(", ")[:2]
    return "local" in where, "best" in where, [*HORIZONS].index(name), int(steps.split()[0])


def publish(results):
    """Write both tables into the page."""
    from gatewise.recipes.speed.tables import as_markdown

    page = PAGE.read_text(encoding="utf-8")
    for name, header, rows in (
        ("weights", ["", "networks", *(f"{weight:g}" for weight in WEIGHTS)], weights_table(results)),
        (
            "guesses",
            ["", *map("{:g}".format, SHARES), *(f"{epochs} epoch{'' if epochs == 1 else 's'}" for epochs in EPOCHS)],
            guesses_table(results),
        ),
        ("intervals", ["before the end", "80 %", "95 %", "ETS 80 %", "ETS 95 %"], intervals_table(results)),
    ):
        begin, end = f"<!-- choosing-{name}:begin -->", f"<!-- choosing-{name}:end -->"
        before, _, rest = page.partition(begin)
        page = f"{before}{begin}\n{as_markdown(header, rows)}\n{end}{rest.partition(end)[2]}"
    PAGE.write_text(page, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder with m3.csv.gz and m3_info.csv, or with m4_hourly.csv.gz")
    parser.add_argument("--mode", choices=("fast", "best"), default="fast")
    parser.add_argument("--groups", help="frequencies, such as yearly,other")
    parser.add_argument("--origins", default="0,1,2", help="horizons before the last of the training part")
    parser.add_argument("--local", type=int, help="so many series, each with networks of its own")
    parser.add_argument("--guesses", type=int, help="so many series: what local networks take for granted")
    parser.add_argument("--intervals", action="store_true", help="years only: what intervals hold")
    parser.add_argument("--kept", type=Path, help="folder that keeps forecasts, and gives those that it has")
    parser.add_argument("--publish", action="store_true", help="only write the page from the results")
    arguments = parser.parse_args()
    before = RESULTS / NAME
    results = json.loads(before.read_text(encoding="utf-8"))["origins"] if before.exists() else {}
    if arguments.publish:
        publish(results)
        return
    if not (arguments.data and arguments.kept):
        print("Left out: it needs the series of M3 or of M4 Hourly, --data FOLDER, and --kept FOLDER.")
        return
    origins = [float(one) for one in arguments.origins.split(",")]
    if arguments.intervals:
        origins = [years / HORIZONS["yearly"] for years in YEARS_APART]
    for earlier in origins:
        panels = read_panels(arguments.data, False, earlier)
        for name in arguments.groups.split(",") if arguments.groups else panels:
            panel, actual = panels[name]
            steps = round((1 + earlier) * actual.shape[1])
            kept = arguments.kept / f"{name}-{arguments.mode}-{steps}-back"
            where = f"{name}, {steps} steps before the end, mode {arguments.mode}"
            if arguments.intervals:
                results[f"{where}, intervals"] = found = of_intervals(panel, actual, arguments.mode, kept)
                print(where, found, flush=True)
                continue
            if arguments.guesses:
                results[f"{where}, guesses"] = of_guesses(panel, actual, arguments.guesses)
                continue
            if arguments.local:
                where = f"{where}, local"
                found = of_local(panel, actual, arguments.local, kept.with_name(f"{kept.name}-local"))
            else:
                found = of_weights(panel, actual, arguments.mode, kept)
            results[where] = found
            print(shown(where, found), flush=True)
    write(NAME, {"origins": dict(sorted(results.items()))})
    publish(results)


if __name__ == "__main__":
    main()
