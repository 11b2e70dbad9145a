"""Covariates at every step of many series, beside what is known there of the series themselves."""

import numpy as np
from jaxtyping import Float32

from gatewise.forecasting.covariate_glasses import CovariateGlasses
from gatewise.forecasting.networks.alignment import columns_moved
from gatewise.forecasting.panel import Panel


def with_covariates(
    inputs: Float32[np.ndarray, "series time features"],
    panel: Panel,
    lens: CovariateGlasses | None,
    horizon: int,
    longest: int,
) -> Float32[np.ndarray, "series time seen"]:
    """Return what is known at each origin with covariates: those of that step and of the series, then those of the horizon.

    Args:
        inputs: What is known of the series.
        panel: The same series.
        lens: How covariates are seen; None where there are none.
        horizon: Steps to forecast; the covariates of each that are known in advance stand last, step by step.
        longest: How many of each series' last columns are read.
    """
    if lens is None:
        return inputs
    panel = panel.last(min(longest, panel.values.shape[1]))
    beside = lens.beside(panel)
    rows, place = np.arange(len(panel))[:, None], columns_moved(panel, longest)
    whole = np.repeat(lens.of_series(panel)[:, None], inputs.shape[1], axis=1)
    ahead = np.minimum(place[..., None] + np.arange(1, horizon + 1), beside.shape[1] - 1)
    known = beside[rows[..., None], ahead, : lens.known].reshape(*inputs.shape[:2], -1)
    return np.concatenate([inputs, beside[rows, place], whole, known], axis=2)
