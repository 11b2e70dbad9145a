"""Whether one forecaster is better than others, or only was so here: tests with an answer in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from gatewise.errors import DataError, ShapeError, UsageError
from gatewise.evaluation.averages import read_array, refuse, whole_number


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


@dataclass(frozen=True, eq=False)
class Ranking:
    """Methods ranked on many series.

    Attributes:
        names: The methods, the best mean rank first.
        mean_ranks: 1 is best on every series, ``(methods,)``.
        statistic: Friedman's, corrected for ties; about chi-squared with one degree of freedom less than methods.
        p_value: How likely such a statistic is where all methods are equally good.
        critical_distance: Nemenyi's: mean ranks that differ by less are not shown to be different.
        series: How many series were ranked.
        left_out: How many were not, since a method had no error there.
        alpha: How likely a difference may be found where there is none.
    """

    names: tuple[str, ...]
    mean_ranks: Float64[np.ndarray, " methods"]
    statistic: float
    p_value: float
    critical_distance: float
    series: int
    left_out: int
    alpha: float

    @property
    def near_best(self) -> tuple[str, ...]:
        """The methods that are not shown to be worse than the best, which is the first of them."""
        near = self.mean_ranks - self.mean_ranks[0] < self.critical_distance
        return tuple(name for name, is_near in zip(self.names, near, strict=True) if is_near)

    def __str__(self) -> str:
        """The result as a sentence."""
        test = f"Friedman test, {_probability(self.p_value)}"
        if self.p_value >= self.alpha:
            return f"On {self.series} series the {len(self.names)} methods are not shown to differ ({test})."
        best, *others = self.near_best
        rest = f"{_listed(others)} {'is' if len(others) == 1 else 'are'}" if others else "no other method is"
        return (
            f"On {self.series} series {best} has the best mean rank of {len(self.names)} methods, {self.mean_ranks[0]:.2f}, "
            f"and {rest} within the critical distance of {self.critical_distance:.2f} ({test})."
        )


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two forecasters compared on the same origins.

    Attributes:
        names: The two.
        mean_losses: Mean loss of each.
        statistic: Diebold and Mariano's, corrected; below 0 where the first is better.
        p_value: How likely one so far from 0 is where both are equally good.
        forecasts: How many were compared.
        loss: What was compared.
    """

    names: tuple[str, str]
    mean_losses: tuple[float, float]
    statistic: float
    p_value: float
    forecasts: int
    loss: str

    def __str__(self) -> str:
        """The result as a sentence."""
        test = f"Diebold-Mariano test, {_probability(self.p_value)}"
        order = (0, 1) if self.mean_losses[0] <= self.mean_losses[1] else (1, 0)
        better, worse = (f"{self.names[i]} ({self.mean_losses[i]:.4g})" for i in order)
        shown = "is better than" if self.p_value < 0.05 else "is not shown to be better than"
        return f"By mean {self.loss} error on {self.forecasts} forecasts {better} {shown} {worse} ({test})."


def friedman(errors: Any, names: Sequence[str], *, alpha: float = 0.05) -> Ranking:
    """Rank methods on every series, and test whether their mean ranks differ.

    Friedman's test, corrected for ties, and the critical distance ``q_α sqrt(k (k + 1) / (6 n))`` of Nemenyi's test for k
    methods on n series: Demšar 2006, "Statistical comparisons of classifiers over multiple data sets", section 3.2.2,
    where q_α is the studentised range divided by the root of 2.

    Args:
        errors: One error of each method on each series, lower is better; NaN leaves the series out, ``(series, methods)``.
        names: What the methods are called, ``(methods,)``.
        alpha: How likely a difference may be found where there is none.

    Returns:
        The ranking; `str` of it is a sentence.

    Raises:
        ShapeError: `errors` and `names` do not fit together.
        DataError: Fewer than 2 series with all errors, or no series on which the errors differ.
        UsageError: Fewer than 3 methods, or `alpha` cannot be meant.

    >>> errors = [[1, 2, 3], [1, 3, 2], [1, 2, 3], [1, 2, 3], [1, 3, 2], [1, 2, 3]]
    >>> print(friedman(errors, ["gatewise", "Naive", "Mean"]))
    On 6 series gatewise has the best mean rank of 3 methods, 1.00, and Naive is within the critical distance of 1.35 \
(Friedman test, p = 0.0094).
    """
    from scipy import stats

    array = read_array(errors, "errors", "(series, methods)")
    refuse(np.isinf(array), "errors", "is infinite", "give NaN where an error is not known.")
    count = array.shape[1]
    if len(names) != count:
        raise ShapeError(f"errors has {count} methods where names has {len(names)}: give one name for each column.")
    if count < 3:
        raise UsageError(
            f"Friedman's test compares 3 methods or more and was given {count}: use diebold_mariano for 2."
        )
    if not 0 < alpha < 1:
        raise UsageError(f"alpha is {alpha!r}: give a probability between 0 and 1, such as 0.05.")
    whole = array[~np.isnan(array).any(axis=1)]
    if len(whole) < 2:
        raise DataError(f"{len(whole)} of {len(array)} series have an error of every method: give at least 2 of them.")
    if (whole == whole[:, :1]).all():
        raise DataError("On every series all methods have the same error: there is nothing to rank.")
    mean_ranks = stats.rankdata(whole, axis=1).mean(axis=0)
    statistic, p_value = stats.friedmanchisquare(*whole.T)
    order = np.argsort(mean_ranks, kind="stable")
    critical = stats.studentized_range.ppf(1 - alpha, count, np.inf) / np.sqrt(2)
    return Ranking(
        names=tuple(str(names[i]) for i in order),
        mean_ranks=mean_ranks[order],
        statistic=float(statistic),
        p_value=float(p_value),
        critical_distance=float(critical * np.sqrt(count * (count + 1) / (6 * len(whole)))),
        series=len(whole),
        left_out=len(array) - len(whole),
        alpha=alpha,
    )


def diebold_mariano(
    errors: Any,
    other_errors: Any,
    horizon: int = 1,
    *,
    loss: Literal["squared", "absolute"] = "squared",
    names: tuple[str, str] = ("the first", "the second"),
) -> Comparison:
    """Test whether one of two forecasters is better, from their errors at the same step from successive origins.

    The mean difference of losses over its standard error, with the autocovariances up to ``horizon - 1`` that forecasts of
    overlapping horizons have: Diebold and Mariano 1995, "Comparing predictive accuracy"; multiplied by
    ``sqrt((n + 1 - 2h + h (h - 1) / n) / n)`` and compared with Student's t of n - 1 degrees of freedom: Harvey, Leybourne and
    Newbold 1997, "Testing the equality of prediction mean squared errors". Where the variance so
    estimated is not above 0, its autocovariances get Bartlett's weights (Newey and West 1987), with which it is.

    Args:
        errors: Errors of the first, `horizon` steps ahead, in the order of time, ``(windows,)``.
        other_errors: Errors of the second at the same times, ``(windows,)``.
        horizon: How many steps ahead they are.
        loss: What counts: ``"squared"`` or ``"absolute"`` errors.
        names: What the two are called.

    Returns:
        The comparison; `str` of it is a sentence, which speaks of a difference where p is below 0.05.

    Raises:
        ShapeError: Not two rows of errors of the same length.
        NonFiniteError: NaN or infinity among them.
        DataError: Not more errors than steps ahead, or losses that always differ by the same.
        UsageError: `horizon` or `loss` cannot be meant.

    >>> print(diebold_mariano([1, -1, 1, -1, 2, 1], [3, -2, 2, -3, 3, 2], names=("gatewise", "Naive")))
    By mean squared error on 6 forecasts gatewise (1.5) is better than Naive (6.5) (Diebold-Mariano test, p = 0.0041).
    """
    # scipy.stats, which has the same number, takes ten times as long to load.
    from scipy import special

    horizon = whole_number(horizon, "horizon")
    if loss not in ("squared", "absolute"):
        raise UsageError(f"loss is {loss!r}: give 'squared' or 'absolute'.")
    first, second = (
        read_array(values, name, "(windows)") for values, name in ((errors, "errors"), (other_errors, "other_errors"))
    )
    for array, name in ((first, "errors"), (second, "other_errors")):
        refuse(~np.isfinite(array), name, "is not finite", "leave out the windows of which an error is not known.")
    if first.shape != second.shape:
        raise ShapeError(
            f"errors has {len(first)} windows where other_errors has {len(second)}: give errors of the same windows."
        )
    count = len(first)
    if count <= horizon:
        raise DataError(
            f"{_counted(count, 'error')} of forecasts {_counted(horizon, 'step')} ahead {'is' if count == 1 else 'are'} too "
            f"few to compare: give more than {horizon}."
        )
    losses = np.stack([first, second]) ** 2 if loss == "squared" else np.abs([first, second])
    differences = losses[0] - losses[1]
    if np.ptp(differences) <= 1e-12 * losses.max():
        raise DataError("The losses of both differ by the same in every window: there is nothing to test.")
    variance = _variance_of_mean(differences, horizon)
    correction = np.sqrt((count + 1 - 2 * horizon + horizon * (horizon - 1) / count) / count)
    statistic = float(correction * differences.mean() / np.sqrt(variance))
    return Comparison(
        names=(str(names[0]), str(names[1])),
        mean_losses=(float(losses[0].mean()), float(losses[1].mean())),
        statistic=statistic,
        p_value=float(2 * special.stdtr(count - 1, -abs(statistic))),
        forecasts=count,
        loss=loss,
    )


def _variance_of_mean(differences: Float64[np.ndarray, " windows"], horizon: int) -> float:
    """Return the variance of the mean of values that are correlated over less than `horizon` steps."""
    count = len(differences)
    around = differences - differences.mean()
    covariances = np.array([around[lag:] @ around[: count - lag] for lag in range(horizon)]) / count
    variance = (covariances[0] + 2 * covariances[1:].sum()) / count
    if variance > 0:
        return float(variance)
    weights = 1 - np.arange(1, horizon) / horizon
    return float((covariances[0] + 2 * weights @ covariances[1:]) / count)


def _probability(p_value: float) -> str:
    return "p < 0.0001" if p_value < 0.0001 else f"p = {p_value:.2g}"


def _listed(names: list[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
