"""The errors of a backtest: every method, by step of the horizon, by series or by cutoff."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float64

from gatewise.errors import UsageError
from gatewise.evaluation import diebold_mariano, friedman
from gatewise.forecasting.judgement import series_scale
from gatewise.forecasting.panel import Panel
from gatewise.forecasting.rolling import values_until

if TYPE_CHECKING:
    import pandas as pd

By = Literal["horizon", "series", "cutoff"]
_NO_METHOD = ("y",)


@dataclass(frozen=True, eq=False)
class Scores:
    """Forecasts beside what happened.

    Attributes:
        panel: The series.
        steps_back: The cutoffs, ``(windows,)``.
        columns: ``y``, and the forecasts of every method, each ``(windows, series, horizon)``.
        half: How far the intervals of ``gatewise`` reach, ``(windows, series, horizon, levels)``.
        levels: Of the intervals.
    """

    panel: Panel
    steps_back: np.ndarray
    columns: Mapping[str, Float64[np.ndarray, "windows series horizon"]]
    half: Float64[np.ndarray, "windows series horizon levels"]
    levels: tuple[float, ...]

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods, ``gatewise`` first."""
        return tuple(
            name for name in self.columns if name not in _NO_METHOD and "-lo-" not in name and "-hi-" not in name
        )

    def table(self, by: str | None = None) -> "pd.DataFrame":
        """Return MAE, RMSE, sMAPE, MASE and RMSSE of every method.

        Args:
            by: None for one row a method; ``"horizon"``, ``"series"`` or ``"cutoff"`` for one row of each and each method.
        """
        import pandas as pd

        axes = {None: (0, 1, 2), "horizon": (0, 1), "series": (0, 2), "cutoff": (1, 2)}
        if by not in axes:
            raise UsageError(f"by is {by!r}: give 'horizon', 'series', 'cutoff', or None for one row of each method.")
        y = self.columns["y"]
        scale = np.stack(
            [series_scale(values_until(self.panel, int(b)), self.panel.season_length) for b in self.steps_back]
        )[..., None]
        rows = []
        for name in self.methods:
            forecast = self.columns[name]
            error = forecast - y
            known = np.isfinite(error)
            mean = lambda terms: _mean(terms, known, axes[by])  # noqa: E731, B023
            total = np.abs(y) + np.abs(forecast)
            relative = np.divide(200 * np.abs(error), total, out=np.zeros(y.shape), where=known & (total > 0))
            rows.append(
                pd.DataFrame(
                    {
                        "method": name,
                        "mae": mean(np.abs(error)),
                        "rmse": np.sqrt(mean(error**2)),
                        "smape": mean(relative),
                        "mase": mean(np.abs(error) / scale),
                        "rmsse": np.sqrt(mean((error / scale) ** 2)),
                    },
                    index=range(np.size(mean(error))),
                )
            )
        return pd.concat(rows, ignore_index=True)

    def ranking(self) -> str:
        """Say whether the best method is shown to be better."""
        y = self.columns["y"]
        names = [name for name in self.methods if name != "gatewise-network"]
        errors = np.stack([np.abs(self.columns[name] - y) for name in names], axis=-1)
        if y.shape[1] > 1:
            with np.errstate(all="ignore"):
                return str(friedman(np.nanmean(errors, axis=(0, 2)), names))
        best = min(
            (name for name in names if name != "gatewise"), key=lambda name: np.nanmean(errors[..., names.index(name)])
        )
        first, second = (np.nanmean(self.columns[name] - y, axis=2)[:, 0] for name in ("gatewise", best))
        return str(diebold_mariano(first, second, horizon=y.shape[2], names=("gatewise", best)))


def _mean(terms: np.ndarray, known: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    count = known.sum(axis=axes)
    total = np.sum(terms, axis=axes, where=known)
    return np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)
