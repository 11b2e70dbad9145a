"""Errors of forecasts, with the papers that define them: `gatewise.evaluation` by the names of its scores."""

from gatewise.evaluation.averages import Average
from gatewise.evaluation.distribution_scores import (
    coverage,
    crps_from_quantiles,
    crps_from_samples,
    msis,
    pinball,
    width,
)
from gatewise.evaluation.point_errors import mae, mase, owa, rmse, rmsse, seasonal_scale, smape

__all__ = [
    "Average",
    "coverage",
    "crps_from_quantiles",
    "crps_from_samples",
    "mae",
    "mase",
    "msis",
    "owa",
    "pinball",
    "rmse",
    "rmsse",
    "seasonal_scale",
    "smape",
    "width",
]
