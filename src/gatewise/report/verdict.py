"""The answer in words and as a table: what forecast best from past cutoffs, networks or a baseline."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from jaxtyping import Float64

from gatewise.errors import DataError
from gatewise.recipes.airline.summary import number
from gatewise.recipes.wording import NOTHING, Heading, Table

if TYPE_CHECKING:
    from gatewise.forecasting.backtest import Backtest
    from gatewise.forecasting.forecaster import Forecaster

MODEL = "gatewise"
ALONE = "gatewise-network"

# Errors that differ by less than this share of their scale differ by rounding.
_SAME = 1e-9

_METHOD = Heading("method", "gatewise is what is forecast: networks and baselines, weighed by their past errors.")
_BEST = Heading("best for", "Share of the series on which no other row has a lower error.")


class Standing(NamedTuple):
    """Methods by their error from past cutoffs.

    Attributes:
        backtest: The forecasts.
        names: The methods, the lowest error first.
        measure: The error that they are ordered by: ``"mase"``, or ``"mae"`` where the series have no scale for that.
        errors: Everything that is known of each, by the name it has in `Backtest.metrics`, ``(methods,)``.
        of_series: The error of each method on each series, ``(series,)``.
        best_for: Share of the series on which each is best, ``(methods,)``.
        windows: How many cutoffs.
        levels: Of the intervals, in per cent.
        baselines: Which of the methods are baselines.
    """

    backtest: "Backtest"
    names: tuple[str, ...]
    measure: str
    errors: dict[str, Float64[np.ndarray, " methods"]]
    of_series: dict[str, Float64[np.ndarray, " series"]]
    best_for: Float64[np.ndarray, " methods"]
    windows: int
    levels: tuple[float, ...]
    baselines: tuple[str, ...]

    @property
    def title(self) -> str:
        """What the error that they are ordered by is called."""
        return self.measure.upper()


def standing_of(forecaster: "Forecaster") -> "Standing | None":
    """Return how methods did in the validation that a forecaster was chosen by; None where its series are too short."""
    try:
        return standing(forecaster.validation)
    except DataError:
        return None


def standing(backtest: "Backtest") -> Standing:
    """Return the methods of a backtest in the order of their error."""
    scores = backtest.metrics()
    measure = "mase" if np.isfinite(scores["mase"].iloc[0]) else "mae"
    order = np.argsort(scores[measure].to_numpy(), kind="stable")
    names = tuple(scores["method"].iloc[order])
    errors = {name: scores[name].to_numpy(np.float64)[order] for name in scores.columns if name != "method"}
    by_series = backtest.metrics("series").groupby("method", sort=False)[measure]
    of_series = {str(name): part.to_numpy(np.float64) for name, part in by_series}
    grid = np.stack([of_series[name] for name in names])
    known = np.isfinite(grid).all(axis=0)
    best_for = (
        (grid[:, known] <= grid[:, known].min(axis=0, initial=np.inf)).mean(axis=1) if known.any() else np.zeros(0)
    )
    baselines = tuple(name for name in names if name not in {MODEL, ALONE, *backtest.networks})
    windows = len(backtest.scores.steps_back)
    return Standing(backtest, names, measure, errors, of_series, best_for, windows, backtest.levels, baselines)


def table(standing: Standing) -> Table:
    """Return the methods as rows of text, the best first."""
    shown = [column for column in _columns(standing) if np.isfinite(standing.errors[column[0]]).any()]
    headings = [_METHOD, *(heading for _, heading, _ in shown)]
    rows = [
        [name, *(text_of(standing.errors[error][place]) for error, _, text_of in shown)]
        for place, name in enumerate(standing.names)
    ]
    if len(standing.best_for) and len(standing.of_series[MODEL]) > 1:
        headings.append(_BEST)
        for row, share in zip(rows, standing.best_for, strict=True):
            row.append(_percent(share))
    return Table(headings, rows)


def _columns(standing: Standing) -> list[tuple[str, Heading, Callable[[float], str]]]:
    """Return what stands in the table: the name of each error, its heading, and how it is written."""
    widest = f"{max(standing.levels):g}" if standing.levels else ""
    scale = "divided by that of the seasonal naive forecast within the history"
    bands = [
        ("crps", Heading("CRPS", "Continuous ranked probability score of the whole distribution."), _number),
        (f"coverage-{widest}", Heading(f"{widest} % held", "Share of the values that this interval held."), _percent),
        (f"msis-{widest}", Heading("MSIS", f"Width of the {widest} % interval and fines, {scale}."), scaled),
    ]
    columns = [
        ("mase", Heading("MASE", f"Mean absolute error, {scale}."), scaled),
        ("rmse", Heading("RMSE", "Root of the mean squared error, in the units of the series."), _number),
        ("mae", Heading("MAE", "Mean absolute error, in the units of the series."), _number),
        ("smape", Heading("sMAPE", "Mean of 200 |actual − forecast| / (|actual| + |forecast|)."), _two_digits),
        *(bands if standing.levels else ()),
    ]
    return [column for column in columns if column[0] in standing.errors]


def winner(standing: Standing) -> Literal["gatewise", "baseline", "equal"] | None:
    """Return what forecasts better from past cutoffs; None where there is nothing to compare."""
    errors = dict(zip(standing.names, standing.errors[standing.measure], strict=True))
    baseline = min((errors[name] for name in standing.baselines if np.isfinite(errors[name])), default=None)
    own = errors.get(MODEL, np.nan)
    if baseline is None or not np.isfinite(own):
        return None
    if written(own, standing.measure) == written(baseline, standing.measure) or abs(own - baseline) <= _SAME * _size(
        standing
    ):
        return "equal"
    return "gatewise" if own < baseline else "baseline"


def verdict(standing: Standing) -> str:
    """Return in words whether networks or a baseline forecast better, the winner first."""
    errors = dict(zip(standing.names, standing.errors[standing.measure], strict=True))
    error = {name: written(value, standing.measure) for name, value in errors.items()}
    cutoffs = f"{standing.windows} past cutoff{'s' if standing.windows != 1 else ''}"
    known = [name for name in standing.names if np.isfinite(errors[name])]
    baseline = next((name for name in known if name in standing.baselines), None)
    networks = f"; the networks alone {error[ALONE]}" if ALONE in known else ""
    if MODEL not in known:
        return f"From {cutoffs} nothing is known that gatewise could be compared with."
    if baseline is None:
        return f"From {cutoffs} gatewise has a {standing.title} of {error[MODEL]}{networks}."
    won = winner(standing)
    if won == "equal":
        return (
            f"{baseline}, a baseline, is as good as gatewise here: from {cutoffs} both have a {standing.title} of "
            f"{error[baseline]}{networks}."
        )
    if won == "baseline":
        return (
            f"A baseline is better here: from {cutoffs} {baseline} has a {standing.title} of {error[baseline]}, gatewise "
            f"{error[MODEL]}{networks}."
        )
    return (
        f"gatewise is better than every baseline here: from {cutoffs} it has a {standing.title} of {error[MODEL]}, the best "
        f"baseline, {baseline}, {error[baseline]}{networks}."
    )


def _size(standing: Standing) -> float:
    """Return what an error is small beside: of a scaled one 1, else the usual size of the values."""
    if standing.measure == "mase":
        return 1.0
    return float(np.nanmean(np.abs(standing.backtest.scores.actual)))


def written(error: float, measure: str) -> str:
    """Return an error as it is written, with the digits that it needs."""
    return scaled(error) if measure == "mase" else _number(error)


def scaled(error: float) -> str:
    """Return an error that has no unit, such as MASE.

    >>> scaled(0.7426), scaled(float("nan"))
    ('0.743', '–')
    """
    return f"{error:.3f}" if np.isfinite(error) else NOTHING


def _number(error: float) -> str:
    return number(error) if np.isfinite(error) else NOTHING


def _two_digits(error: float) -> str:
    return f"{error:.2f}" if np.isfinite(error) else NOTHING


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if np.isfinite(share) else NOTHING
