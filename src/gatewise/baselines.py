"""Forecasts to compare with, all with one interface: the baselines of `gatewise.evaluation` by their short names."""

from gatewise.evaluation.simple_baselines import Baseline, Drift, Mean, Naive, Naive2, SeasonalNaive
from gatewise.evaluation.statistical_baselines import ARIMA, ETS, DynamicOptimizedTheta

__all__ = ["ARIMA", "ETS", "Baseline", "Drift", "DynamicOptimizedTheta", "Mean", "Naive", "Naive2", "SeasonalNaive"]
