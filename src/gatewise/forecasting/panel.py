"""`Panel`: many series side by side, all ending at the last column."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64, Int, Int64

from gatewise.errors import UsageError
from gatewise.evaluation.averages import whole_number
from gatewise.forecasting.covariates import Covariates, Texts
from gatewise.tables import SeriesTable
from gatewise.tables.frequency import NANOSECONDS, Frequency


@dataclass(frozen=True, eq=False)
class Panel:
    """Many series, aligned at their ends.

    A series that had not begun yet where a panel was cut by `until` has no value in it. It is there so that every panel of
    a validation has the same rows; its forecasts are NaN.

    Attributes:
        values: The series, NaN before a shorter one begins and where a value is missing, ``(series, time)``.
        season_length: Steps in a season, 1 for none.
        room: How many columns the panel had before `until` left some out: programs compiled for so many serve both.
            Default: as many as there are.
        keys: A whole number for each series, from 0 to 2**63 - 1, that networks of its own are seeded by instead of by its
            place, ``(series,)``; None for none.
        covariates: What explains the series; None where nothing does.
    """

    values: Float64[np.ndarray, "series time"]
    season_length: int
    room: int = 0
    keys: Int64[np.ndarray, " series"] | None = None
    covariates: Covariates | None = None

    def __post_init__(self) -> None:
        whole_number(self.season_length, "season_length")
        object.__setattr__(self, "room", max(self.room, self.values.shape[1]))

    @classmethod
    def of(
        cls, table: SeriesTable, season_length: int | None = None, ahead: int = 0, texts: Texts | None = None
    ) -> "Panel":
        """Return the series of a table side by side.

        Args:
            table: The series.
            season_length: Steps in a season. Default: that of the table's frequency, see `usual_season`.
            ahead: How many steps may be forecast, for what is known of them in advance.
            texts: Of the static covariates that are texts, those that have a column. Default: the most frequent ones.

        >>> import gatewise as gw
        >>> Panel.of(gw.read_series([1.0, None, 3.0])).values.tolist()
        [[1.0, nan, 3.0]]
        """
        values, observed = table.stacked()
        season = usual_season(table.frequency) if season_length is None else season_length
        return cls(np.where(observed, values, np.nan), season, covariates=Covariates.of(table, ahead, texts))

    def __len__(self) -> int:
        return len(self.values)

    def until(self, steps_back: int) -> "Panel":
        """Return the panel as it stood some steps ago: without its last columns.

        Raises:
            UsageError: Nothing would be left.
        """
        columns = self.values.shape[1] - steps_back
        if steps_back < 0 or columns < 1:
            raise UsageError(
                f"steps_back is {steps_back}, and the longest series has {self.values.shape[1]} values: give a number from 0 "
                "to one less than that."
            )
        known = None if self.covariates is None else self.covariates.until(columns)
        return replace(self, values=self.values[:, :columns], covariates=known)

    def last(self, columns: int) -> "Panel":
        """Return the panel without its first columns."""
        known = None if self.covariates is None else self.covariates.last(columns)
        return replace(self, values=self.values[:, self.values.shape[1] - columns :], covariates=known)

    def widened(self, columns: int) -> "Panel":
        """Return the panel with so many columns, NaN in those that are added in front."""
        missing = columns - self.values.shape[1]
        values = np.pad(self.values, ((0, 0), (missing, 0)), constant_values=np.nan)
        known = None if self.covariates is None else self.covariates.widened(columns)
        return replace(self, values=values, room=columns, covariates=known)

    def select(self, places: Sequence[int] | Int[np.ndarray, " chosen"]) -> "Panel":
        """Return some of the series, by number, in the order asked for."""
        chosen = np.asarray(places, np.int64)
        known = None if self.covariates is None else self.covariates.select(chosen)
        keys = None if self.keys is None else self.keys[chosen]
        return replace(self, values=self.values[chosen], keys=keys, covariates=known)

    @classmethod
    def joined(cls, panels: Sequence["Panel"]) -> "Panel":
        """Return the series of several panels one below the other, all ending at the last column."""
        time = max(panel.values.shape[1] for panel in panels)
        values = [panel.widened(time).values for panel in panels]
        known = [panel.covariates for panel in panels if panel.covariates is not None]
        keyed = [panel.keys for panel in panels if panel.keys is not None]
        keys = np.concatenate(keyed) if keyed else None
        covariates = Covariates.joined(known) if known else None
        return cls(np.concatenate(values), panels[0].season_length, keys=keys, covariates=covariates)


def usual_season(frequency: Frequency | None) -> int:
    """Return how many steps the season has that series of a frequency mostly have.

    A year for months, quarters and weeks; a week for days and business days; a day for hours and minutes, where it has at
    most 96 steps, and else an hour. 1, no season, for whole numbers, years, seconds and steps that do not fit.

    >>> from gatewise.tables.frequency import parse
    >>> [usual_season(parse(name, "datetime")) for name in ("MS", "QS", "YS", "W", "D", "B", "h", "15min", "min")]
    [12, 4, 1, 52, 7, 5, 24, 96, 60]
    """
    if frequency is None or frequency.kind == "integer":
        return 1
    if frequency.kind == "month":
        return 12 // frequency.step if 12 % frequency.step == 0 else 1
    if frequency.kind == "business-day":
        return 5 if frequency.step == 1 else 1
    day, step = NANOSECONDS["D"], frequency.step
    if step % day == 0:
        return {1: 7, 7: 52}.get(step // day, 1)
    whole = [span // step for span in (day, NANOSECONDS["h"]) if span % step == 0 and span // step <= 96]
    return whole[0] if whole else 1
