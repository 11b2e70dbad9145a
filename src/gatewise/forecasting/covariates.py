"""`Covariates`: what explains the series of a panel, side by side with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float64, Int

from gatewise.tables import SeriesTable

Kind = Literal["future", "past", "static"]
# Static covariates by name, each with its texts.
Texts = Mapping[str, Sequence[str]]
# A text that only a few series have says little, and each takes a column: so many of the most frequent have one.
_MOST_TEXTS = 32


@dataclass(frozen=True, eq=False)
class Covariates:
    """What explains each series, without gaps: where a time is left out, as it was before.

    Attributes:
        past: What is known up to the last column of the series, ``(series, time, past)``.
        future: What is known in advance, some steps further than the series, ``(series, reach, future)``. Where it is not
            known, the last that is.
        static: Numbers of whole series, ``(series, static)``; a text is a column for each of its values, 1 where it is that.
        past_names: What they are called.
        future_names: The same.
        static_names: The same; ``area=north`` for the column of a text.
    """

    past: Float64[np.ndarray, "series time past"]
    future: Float64[np.ndarray, "series reach future"]
    static: Float64[np.ndarray, "series static"]
    past_names: tuple[str, ...] = ()
    future_names: tuple[str, ...] = ()
    static_names: tuple[str, ...] = ()

    @classmethod
    def of(cls, table: SeriesTable, ahead: int, texts: Texts | None = None) -> "Covariates | None":
        """Return the covariates of a table side by side, None where it has none.

        Args:
            table: The series.
            ahead: How many steps after the last value of each series may be forecast.
            texts: Of the static covariates that are texts, those that have a column. Default: as `texts_of` the table.
        """
        if not (table.past.names or table.future.names or table.static):
            return None
        series, time = len(table), int(table.lengths.max())
        place = table.offsets[1:, None] - time + np.arange(time)
        inside = place >= table.offsets[:-1, None]
        place = np.where(inside, place, 0)

        def side_by_side(columns: np.ndarray, names: Sequence[str]) -> np.ndarray:
            if not names:
                return np.zeros((series, time, 0))
            return np.where(inside[..., None], columns[place], np.nan)

        past = side_by_side(table.past.values, table.past.names)
        future = side_by_side(table.future.values, table.future.names)
        future = np.concatenate([future, _ahead(table, ahead)], axis=1)
        static, names = _static(table, texts_of(table) if texts is None else texts)
        return cls(_filled(past), _filled(future), static, table.past.names, table.future.names, names)

    @property
    def ahead(self) -> int:
        """How many steps after the last column are known in advance."""
        return self.future.shape[1] - self.past.shape[1]

    @property
    def names(self) -> tuple[str, ...]:
        """All of them: known in advance, past, static."""
        return (*self.future_names, *self.past_names, *self.static_names)

    def until(self, columns: int) -> "Covariates":
        """Return what was known at a column: of the past what was then, and as much in advance."""
        return replace(self, past=self.past[:, :columns], future=self.future[:, : columns + self.ahead])

    def last(self, columns: int) -> "Covariates":
        """Return those of the last columns."""
        first = self.past.shape[1] - columns
        return replace(self, past=self.past[:, first:], future=self.future[:, first:])

    def widened(self, columns: int) -> "Covariates":
        """Return those of so many columns of the past, the added ones like the first."""
        missing = columns - self.past.shape[1]

        def longer(array: np.ndarray) -> np.ndarray:
            wide: np.ndarray = np.repeat(array[:, :1], missing, axis=1)
            return np.concatenate([wide, array], axis=1)

        return replace(self, past=longer(self.past), future=longer(self.future))

    def select(self, places: Int[np.ndarray, " chosen"]) -> "Covariates":
        """Return those of some of the series."""
        return replace(self, past=self.past[places], future=self.future[places], static=self.static[places])

    @staticmethod
    def joined(parts: Sequence["Covariates"]) -> "Covariates":
        """Return those of several panels one below the other, all ending at the last column."""
        time = max(part.past.shape[1] for part in parts)
        longer = [part.widened(time) for part in parts]
        past, future, static = (
            np.concatenate([getattr(part, name) for part in longer]) for name in ("past", "future", "static")
        )
        return replace(parts[0], past=past, future=future, static=static)


def _ahead(table: SeriesTable, ahead: int) -> Float64[np.ndarray, "series ahead future"]:
    """Return what is known of the steps after the last value of each series, NaN where nothing is."""
    features = len(table.future.names)
    if not features or not len(table.ahead):
        return np.full((len(table), ahead, features), np.nan)
    steps = np.arange(ahead)
    known = steps < np.diff(table.ahead_offsets)[:, None]
    place = np.where(known, table.ahead_offsets[:-1, None] + steps, 0)
    return np.where(known[..., None], table.ahead[place], np.nan)


def _filled(columns: Float64[np.ndarray, "series time features"]) -> Float64[np.ndarray, "series time features"]:
    """Repeat the last value in gaps, and the first one before a series begins; 0 where there is none."""
    known = np.isfinite(columns)
    if known.all():
        return columns
    steps = np.arange(columns.shape[1])[:, None]
    place = np.maximum.accumulate(np.where(known, steps, -1), axis=1)
    place = np.where(place < 0, known.argmax(axis=1)[:, None], place)
    return np.nan_to_num(np.take_along_axis(columns, place, axis=1))


def texts_of(table: SeriesTable) -> Texts:
    """Return the texts of each static covariate that is no number, the most frequent ones, in alphabetical order."""
    found = {}
    for name, column in table.static.items():
        if column.dtype.kind in "fi":
            continue
        codes, texts = table.categories(name)
        counts = np.bincount(codes, minlength=len(texts))
        kept = np.sort(np.argsort(-counts, kind="stable")[:_MOST_TEXTS])
        found[name] = tuple(texts[place] for place in kept)
    return found


def _static(table: SeriesTable, texts: Texts) -> tuple[Float64[np.ndarray, "series static"], tuple[str, ...]]:
    """Return what is said of whole series as numbers, and their names."""
    columns, names = [np.zeros((len(table), 0))], []
    for name, column in table.static.items():
        if name not in texts:
            columns.append(column.astype(np.float64)[:, None])
            names.append(name)
            continue
        columns.append((column.astype(str)[:, None] == np.array(texts[name], str)).astype(np.float64))
        names += [f"{name}={text}" for text in texts[name]]
    return np.concatenate(columns, axis=1), tuple(names)
