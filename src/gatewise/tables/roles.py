"""Which column is what: by what the caller says, by its name, or by what it alone holds. Anything else is a question."""

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from typing import Protocol

from gatewise.errors import DataError, UsageError
from gatewise.tables.dialect import Dialect
from gatewise.tables.form import Layout, count, nearest, quoted

ID_NAMES = ("unique_id", "series_id", "item_id", "series", "item", "id")
TIME_NAMES = ("ds", "date", "datetime", "timestamp", "time", "day", "week", "month", "quarter", "year", "period")
TARGET_NAMES = ("y", "target", "value")


class Described(Protocol):
    """A table whose columns are known by name and kind."""

    name: str
    dialect: Dialect


@dataclass(frozen=True)
class Roles:
    """Which column is what, by number.

    Attributes:
        layout: What a row is; see `TableFormat`.
        id: The column that names the series; None if there is one series, or the columns' names are the series'.
        time: The column of times; None where rows, or columns, are consecutive.
        values: The target; or, in the other layouts, all columns of values.
        covariates: Columns that are known in advance, in the past, and one value a series.
        notes: What was taken for what, as sentences.
    """

    layout: Layout
    id: int | None
    time: int | None
    values: list[int]
    covariates: dict[str, list[int]]
    notes: list[str] = field(default_factory=list)


def find_roles(
    sheet: Described,
    id_col: str | None,
    time_col: str | None,
    target_col: str | None,
    covariates: dict[str, list[str]],
    layout: Layout | None,
) -> Roles:
    """Find out which column is what.

    Raises:
        DataError: No such column, or more than one that it could be.
        UsageError: Options that exclude each other.
    """
    finder = _Finder(sheet)
    places = {
        kind: [finder.named(name, f"covariates[{kind!r}]") for name in names] for kind, names in covariates.items()
    }
    finder.refuse_roles_twice({"id_col": id_col, "time_col": time_col, "target_col": target_col}, covariates)
    taken = {place for column in places.values() for place in column}
    layout = layout or finder.layout_of_rows(id_col, time_col, target_col, taken)
    if layout == "rows":
        return _in_rows(finder, id_col, time_col, target_col, taken)
    explained = bool(taken)
    if layout == "columns" and (id_col or target_col or explained):
        raise UsageError(
            'format has layout="columns", in which every column of numbers is a series: leave out id_col, target_col and '
            "covariates."
        )
    time = finder.named(time_col, "time_col") if time_col else finder.time(taken)
    taken |= set() if time is None else {time}
    by_name = layout != "columns"
    target = finder.named(target_col, "target_col") if target_col else finder.by_name(TARGET_NAMES, taken, by_name)
    taken |= set() if target is None else {target}
    identity = finder.named(id_col, "id_col") if id_col else finder.by_name(ID_NAMES, taken, by_name)
    numeric = [place for place in finder.numeric(taken) if place != identity]
    alone = target is None and identity is None and not explained and layout is None
    if layout == "columns" or (alone and len(numeric) > 1):
        # A series may begin below the rows that were looked at.
        empty = [place for place, kind in enumerate(finder.kinds) if kind == "empty" and place != time]
        return _in_columns(finder, time, sorted(numeric + empty), layout is not None)
    if target is None:
        target = finder.only_target(numeric, covariates)
    if identity is None:
        identity = finder.only_id(taken | {target})
    return _long(finder, identity, time, target, places)


class _Finder:
    """Looks for columns in a table."""

    def __init__(self, sheet: Described) -> None:
        self.sheet = sheet
        self.names = sheet.dialect.names
        self.kinds = sheet.dialect.kinds

    def named(self, name: str, argument: str) -> int:
        """Return the column that the caller named."""
        if name in self.names:
            return self.names.index(name)
        near = nearest(str(name), self.names)
        hint = f"did you mean {near!r}?" if near else "choose one of them."
        raise DataError(f"{self.sheet.name} has no column {name!r} ({argument}); it has {quoted(self.names)}: {hint}")

    def by_name(self, wanted: Sequence[str], taken: Set[int], allowed: bool = True) -> int | None:
        """Return the first free column that has one of the usual names, where that is allowed to decide."""
        folded = [name.casefold().replace(" ", "_") for name in self.names]
        for name in wanted if allowed else ():
            if name in folded and folded.index(name) not in taken:
                return folded.index(name)
        return None

    def time(self, taken: set[int]) -> int | None:
        """Return the column of times: the one with a usual name, or the only one that holds dates."""
        named = self.by_name(TIME_NAMES, taken)
        year = self.by_name(("year",), taken)
        if year is not None and named not in (None, year) and self.kinds[named] == self.kinds[year] == "number":
            raise DataError(
                f"{self.sheet.name} has columns {self.names[year]!r} and {self.names[named]!r}, and a time has to stand in one "
                "column: make one such as 2024-01 of them, or choose one with time_col."
            )
        if named is not None:
            return named
        dates = [place for place, kind in enumerate(self.kinds) if kind == "time" and place not in taken]
        if len(dates) > 1:
            raise DataError(f"{self._has(dates, 'of dates')}: choose one with time_col={self.names[dates[0]]!r}.")
        return dates[0] if dates else None

    def numeric(self, taken: set[int]) -> list[int]:
        """Return the free columns that hold numbers."""
        return [place for place, kind in enumerate(self.kinds) if kind == "number" and place not in taken]

    def only_target(self, numeric: list[int], covariates: dict[str, list[str]]) -> int:
        """Return the only column of numbers that is no covariate."""
        if len(numeric) == 1:
            return numeric[0]
        for kind, names in covariates.items():
            for name in names if not numeric else ():
                if self.kinds[self.names.index(name)] == "number":
                    raise DataError(
                        f"{self.sheet.name} has no column of numbers beside {name!r}, which is given as covariates[{kind!r}]: "
                        "leave it out there if it holds the values."
                    )
        if not numeric:
            sign = re.search(r"[^\w.+-]", self.names[0]) if len(self.names) == 1 else None
            if sign is not None:
                written = sign[0] if sign[0].isprintable() else ascii(sign[0])[1:-1]
                raise DataError(
                    f"{self.sheet.name} has one column, {self.names[0]!r}, and no numbers in it: if '{written}' separates its "
                    f'cells, give format={{"separator": "{written}"}}.'
                )
            raise DataError(
                f"{self.sheet.name} has no column of numbers among {quoted(self.names)}: name the values with target_col."
            )
        raise DataError(
            f"{self._has(numeric, 'of numbers')}: choose the values with target_col={self.names[numeric[-1]]!r}."
        )

    def only_id(self, taken: set[int]) -> int | None:
        """Return the only column of text, which then names the series."""
        texts = [place for place, kind in enumerate(self.kinds) if kind == "text" and place not in taken]
        if len(texts) > 1:
            raise DataError(
                f"{self._has(texts, 'of text')}: choose what names the series with id_col={self.names[texts[0]]!r}."
            )
        return texts[0] if texts else None

    def layout_of_rows(
        self, id_col: str | None, time_col: str | None, target_col: str | None, taken: set[int]
    ) -> Layout | None:
        """Return "rows" for a table in which the columns are consecutive steps, or dates, and nothing says otherwise."""
        steps = self.steps()
        if time_col or target_col or taken or len(steps) < 2:
            return None
        first = self.named(id_col, "id_col") if id_col else 0
        return "rows" if first not in steps and self.kinds[first] != "time" else None

    def steps(self) -> list[int]:
        """Return the columns at the end whose names are consecutive numbers, as in V2, V3, … or 1, 2, …, or dates."""
        from gatewise.tables.spellings import looks_like_time

        if sum(map(looks_like_time, self.names)) > 1:
            return [place for place, name in enumerate(self.names) if looks_like_time(name)]
        run: list[int] = []
        for place in reversed(range(len(self.names))):
            head, number = _numbered(self.names[place])
            if number is None or (run and _numbered(self.names[run[0]]) != (head, number + 1)):
                break
            run.insert(0, place)
        return [place for place in run if self.kinds[place] != "text"]

    def refuse_roles_twice(self, options: dict[str, str | None], covariates: dict[str, list[str]]) -> None:
        """Refuse a column with two roles, such as a target that explains itself."""
        seen: dict[str, str] = {}
        for role, name in [
            *options.items(),
            *((f"covariates[{k!r}]", n) for k, names in covariates.items() for n in names),
        ]:
            if name is not None and name in seen:
                raise UsageError(f"{name!r} is given as {seen[name]} and as {role}: a column has one role.")
            if name is not None:
                seen[name] = role

    def left_out(self, used: set[int | None]) -> list[str]:
        """Return a note about columns that nothing is done with."""
        rest = [name for place, name in enumerate(self.names) if place not in used]
        empty = [name for name in rest if self.kinds[self.names.index(name)] == "empty"]
        filled = [name for name in rest if name not in empty]
        notes = [f"Left out: {quoted(filled)}."] if filled else []
        return notes + ([f"Left out, as the first rows have no value there: {quoted(empty)}."] if empty else [])

    def _has(self, places: list[int], what: str) -> str:
        return f"{self.sheet.name} has {count(len(places), 'column')} {what}, {quoted(self.names[place] for place in places)}"


def _numbered(name: str) -> tuple[str, int | None]:
    digits = len(name) - len(name.rstrip("0123456789"))
    return (name[: len(name) - digits], int(name[-digits:])) if digits and name.isascii() else (name, None)


def _long(
    finder: _Finder, identity: int | None, time: int | None, target: int, covariates: dict[str, list[int]]
) -> Roles:
    names = finder.names
    used = {identity, time, target, *(place for places in covariates.values() for place in places)}
    series = "one series" if identity is None else f"series {names[identity]!r}"
    when = "rows in the order of the table" if time is None else f"time {names[time]!r}"
    notes = [f"A row is one value: {series}, {when}, value {names[target]!r}."]
    notes += [
        f"Covariates {words}: {quoted(names[place] for place in covariates[kind])}."
        for kind, words in (("future", "known in advance"), ("past", "of the past"), ("static", "of a series"))
        if covariates[kind]
    ]
    for place in {target, *covariates["future"], *covariates["past"]}:
        if finder.kinds[place] == "time":
            raise DataError(f"{finder.sheet.name}, column {names[place]!r} holds dates and no numbers: choose another.")
    return Roles("long", identity, time, [target], covariates, notes + finder.left_out(used))


def _in_columns(finder: _Finder, time: int | None, numeric: list[int], named: bool) -> Roles:
    if not numeric:
        raise DataError(
            f"{finder.sheet.name} has no column of numbers among {quoted(finder.names)}: a column is a series here."
        )
    texts = [place for place, kind in enumerate(finder.kinds) if kind == "text" and place != time]
    if texts and not named:
        raise DataError(
            f"{finder._has(numeric, 'of numbers')}, and text in {finder.names[texts[0]]!r}: give target_col and id_col, or "
            'format={"layout": "columns"} if each column of numbers is a series.'
        )
    when = "rows in the order of the table" if time is None else f"time {finder.names[time]!r}"
    notes = [f"A column is a series: {len(numeric):,} of them, {when}."]
    return Roles("columns", None, time, numeric, _NO_COVARIATES, notes + finder.left_out({time, *numeric}))


def _in_rows(
    finder: _Finder, id_col: str | None, time_col: str | None, target_col: str | None, taken: set[int]
) -> Roles:
    if time_col or target_col or taken:
        raise UsageError(
            'format has layout="rows", in which the columns are the times: leave out time_col, target_col and covariates.'
        )
    named = finder.by_name(ID_NAMES, set())
    identity = finder.named(id_col, "id_col") if id_col else named if named is not None else 0
    values = [place for place in finder.steps() if place != identity]
    if not values:
        values = [place for place, kind in enumerate(finder.kinds) if kind in ("number", "empty") and place != identity]
    if not values:
        raise DataError(
            f"{finder.sheet.name} has no columns of numbers beside {finder.names[identity]!r}: check the layout."
        )
    first, last = finder.names[values[0]], finder.names[values[-1]]
    notes = [f"A row is a series: name {finder.names[identity]!r}, values {first!r} to {last!r}."]
    return Roles("rows", identity, None, values, _NO_COVARIATES, notes + finder.left_out({identity, *values}))


_NO_COVARIATES: dict[str, list[int]] = {"future": [], "past": [], "static": []}
