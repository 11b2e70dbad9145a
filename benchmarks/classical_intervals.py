"""Intervals that naive and ETS forecasts of statsforecast bring along, for the MSIS beside that of gatewise."""

import os
import warnings
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np

# ETS is estimated series by series: of so many, evenly spread, at most.
MOST_SERIES = 200


def some_series(count):
    """Return the numbers of the series that are compared."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST_SERIES)).astype(int))


def classical_bounds(model, panel, horizon, levels):
    """Return lower and upper bounds of a model of statsforecast, each ``(series, horizon, levels)``.

    NaN for a series that it cannot be estimated on.
    """
    one = partial(_bounds, model=model, season=panel.season_length, horizon=horizon, levels=levels)
    with ProcessPoolExecutor(os.cpu_count()) as workers:
        bounds = np.stack(list(workers.map(one, panel.values, chunksize=8)))
    return bounds[:, 0], bounds[:, 1]


def _bounds(values, model, season, horizon, levels):
    from statsforecast import models

    series = values[np.isfinite(values)]
    # Naive has no season.
    made = models.Naive() if model == "Naive" else getattr(models, model)(season_length=season)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = made.forecast(y=series, h=horizon, level=list(levels))
        return np.stack([np.stack([found[f"{side}-{level}"] for level in levels], -1) for side in ("lo", "hi")])
    except Exception:  # Any method may fail on some series in a way of its own.
        return np.full((2, horizon, len(levels)), np.nan)
