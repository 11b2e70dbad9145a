"""What past forecasts say: the methods in order, their errors by step, what intervals held, how errors hang together."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from gatewise.recipes.airline.summary import number
from gatewise.recipes.wording import NOTHING, Heading, Table
from gatewise.report import residuals, score_figures, verdict
from gatewise.report.out_of_fold import OutOfFold
from gatewise.report.traces import Figure
from gatewise.report.verdict import MODEL, Standing
from gatewise.tables import SeriesTable

# More lines than this are not told apart: gatewise, its networks alone, and the best of the others.
_MOST_LINES = 7
# Errors that a level's coverage may be off by are about 2 standard errors of a share.
_FEW_VALUES = 8


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a page shows of past forecasts.

    Attributes:
        rows: The forecasts.
        code: Which number each series of the table has among them, ``(series,)``.
        standing: The methods in order.
        sentences: Who won, and whether that is more than luck.
        table: The methods as rows of text.
        intervals: What the intervals held, as rows of text.
        remarks: On the residuals, by the name of the plot.
        figures: The plots.
    """

    rows: OutOfFold
    code: list[int]
    standing: Standing
    sentences: tuple[str, ...]
    table: Table
    intervals: Table
    remarks: dict[str, str]
    figures: dict[str, Figure]


def gathered(standing: Standing, series: SeriesTable) -> Evidence:
    """Gather what a backtest says.

    Args:
        standing: How methods did, on some of the series or all.
        series: The series.
    """
    backtest = standing.backtest
    rows = OutOfFold.of(backtest.frame)
    places = {name: place for place, name in enumerate(rows.ids)}
    figures, remarks = _figures(standing, rows)
    return Evidence(
        rows=rows,
        code=[places.get(name, -1) for name in series.ids.tolist()],
        standing=standing,
        sentences=(verdict.verdict(standing), backtest.ranking),
        table=verdict.table(standing),
        intervals=_intervals(rows, standing),
        remarks=remarks,
        figures=figures,
    )


def _figures(standing: Standing, rows: OutOfFold) -> tuple[dict[str, Figure], dict[str, str]]:
    """Return the plots of all series together, and remarks on the residuals."""
    by_step = standing.backtest.metrics("horizon").groupby("method", sort=False)[standing.measure]
    curves = {str(name): part.to_numpy(np.float64) for name, part in by_step}
    first = [name for name in (MODEL, verdict.ALONE) if name in curves]
    others = [name for name in standing.names if name in curves and name not in first][: _MOST_LINES - len(first)]
    figures = {
        "by-horizon": score_figures.by_horizon({name: curves[name] for name in [*first, *others]}, standing.title)
    }
    remarks = {}
    if rows.bounds:
        figures["coverage"] = score_figures.coverage(rows)
        figures["places"] = score_figures.places(*residuals.places_in_intervals(rows))
    errors = residuals.in_own_units(rows)
    if len(errors) >= _FEW_VALUES:
        figures["histogram"] = score_figures.histogram(errors)
        remarks["histogram"] = _bias(errors, rows)
    found = residuals.autocorrelation(rows)
    if found is not None:
        figures["dependence"] = score_figures.dependence(found)
        remarks["dependence"] = _dependence(found)
    return figures, remarks


def _bias(errors: Float64[np.ndarray, " known"], rows: OutOfFold) -> str:
    mean = errors.mean()
    if abs(mean) < 0.2:
        return "Errors are about centred: the forecasts are neither too high nor too low as a rule."
    side = "low" if mean > 0 else "high"
    return f"The forecasts were too {side} as a rule: the mean error is {abs(mean):.2f} of the usual one."


def _dependence(found: residuals.Autocorrelation) -> str:
    if found.p_value >= 0.05:
        return f"One-step errors are not shown to depend on those before (Ljung-Box test, p = {found.p_value:.2g})."
    lag = int(found.lags[np.argmax(np.abs(found.values) / found.edge)])
    return (
        f"One-step errors depend on those before, most on those {lag} cutoff{'s' if lag > 1 else ''} before (Ljung-Box test, "
        f"p = {found.p_value:.2g}): there is something in the past that is not used."
    )


def _intervals(rows: OutOfFold, standing: Standing) -> Table:
    headings = [
        Heading("interval", "The share of values that it promises to hold."),
        Heading("held", "The share that it held."),
        Heading("of values", "How many values were compared."),
        Heading("mean width", "Upper minus lower bound, in the units of the series."),
    ]
    place = standing.names.index(MODEL)
    body = []
    for level in rows.bounds:
        known = np.isfinite(rows.held(level))
        held, width = (standing.errors[f"{score}-{level:g}"][place] for score in ("coverage", "width"))
        share = f"{100 * held:.1f} %" if known.any() else NOTHING
        body.append([f"{level:g} %", share, f"{known.sum():,}", number(width) if known.any() else NOTHING])
    return Table(headings, body)
