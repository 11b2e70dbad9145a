"""Records scores of utilsforecast, and a test of statsmodels, for the tests: run it where both are installed.

    pip install utilsforecast==0.2.17 statsmodels==0.15.0
    python tests/evaluation/record_from_peers.py

Writes peer_scores.json beside itself, with the arrays that were scored.
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import statsmodels.api as sm
from utilsforecast import losses

LEVEL, QUANTILES, SEASON = 80, [0.1, 0.5, 0.9], 4


def main():
    """Make three series, score them with utilsforecast and write everything down."""
    rng = np.random.default_rng(20260101)
    history, actual = rng.gamma(4, 25, (3, 14)).round(1), rng.gamma(4, 25, (3, 5)).round(1)
    forecast = (actual * rng.lognormal(0, 0.4, actual.shape)).round(1)
    quantiles = (forecast[..., None] * np.array([0.6, 1.0, 1.5])).round(1)
    train = long(y=history, start=0)
    table = long(start=14, y=actual, m=forecast, **{"m-lo-80": quantiles[..., 0], "m-hi-80": quantiles[..., 2]})
    for k, q in enumerate(QUANTILES):
        table[f"q{q}"] = quantiles[..., k].ravel()

    def score(loss, column="m", **arguments):
        return loss(table, models=arguments.pop("models", [column]), **arguments)[column].tolist()

    mae = score(losses.mae)
    mase = score(losses.mase, seasonality=SEASON, train_df=train)
    winkler = score(losses.winkler_score, level=LEVEL)
    names = {"m": [f"q{q}" for q in QUANTILES]}
    scores = {
        "mae": mae,
        "rmse": score(losses.rmse),
        # utilsforecast's goes from 0 to 1.
        "smape": [200 * value for value in score(losses.smape)],
        "mase": mase,
        "rmsse": score(losses.rmsse, seasonality=SEASON, train_df=train),
        "pinball": [score(losses.quantile_loss, models={"m": f"q{q}"}, q=q) for q in QUANTILES],
        "crps_from_quantiles": [
            2 * value for value in score(losses.mqloss, models=names, quantiles=np.array(QUANTILES))
        ],
        "coverage": score(losses.coverage, level=LEVEL),
        # It has no scaled one; the scale is that of MASE.
        "msis": [w * scaled / error for w, scaled, error in zip(winkler, mase, mae, strict=True)],
    }
    recorded = {
        "origin": f"utilsforecast {version('utilsforecast')}, statsmodels {version('statsmodels')}",
        "season_length": SEASON,
        "level": LEVEL,
        "quantile_levels": QUANTILES,
        "history": history.tolist(),
        "actual": actual.tolist(),
        "forecast": forecast.tolist(),
        "quantiles": quantiles.tolist(),
        "scores": scores,
        "diebold_mariano": diebold_mariano(rng),
    }
    Path(__file__).with_name("peer_scores.json").write_text(json.dumps(recorded, indent=1) + "\n", encoding="utf-8")


def long(start, **columns):
    """Return arrays of (series, time) as columns of a long table."""
    series, time = next(iter(columns.values())).shape
    table = {"unique_id": np.repeat(np.arange(series), time), "ds": np.tile(np.arange(start, start + time), series)}
    return pd.DataFrame(table | {name: values.ravel() for name, values in columns.items()})


def diebold_mariano(rng):
    """Return statistics without Harvey, Leybourne and Newbold's factor: regressions on a constant, with HAC errors."""
    first, second = rng.normal(0, 1, 40).round(2), rng.normal(0.4, 1.2, 40).round(2)
    statistics = {}
    for horizon in (1, 3):
        robust = {"maxlags": horizon - 1, "kernel": "uniform", "use_correction": False}
        fit = sm.OLS(first**2 - second**2, np.ones(40)).fit(cov_type="HAC", cov_kwds=robust)
        statistics[str(horizon)] = float(fit.tvalues[0])
    return {"errors": first.tolist(), "other_errors": second.tolist(), "statistics": statistics}


if __name__ == "__main__":
    main()
