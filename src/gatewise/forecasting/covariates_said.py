"""Which covariates which methods use, in sentences: none is left out silently."""

from collections.abc import Sequence

import numpy as np

from gatewise.evaluation.simple_baselines import Baseline
from gatewise.forecasting.classical.baseline_methods import PanelBaseline
from gatewise.forecasting.covariates import Kind
from gatewise.forecasting.networks.global_networks import Networks, Pool
from gatewise.tables import SeriesTable
from gatewise.tables.form import quoted

_WORDS: dict[Kind, str] = {
    "future": "covariates that are known in advance",
    "past": "past covariates",
    "static": "static covariates",
}
# What a regression of each series by itself can use.
_REGRESSION: tuple[Kind, ...] = ("future", "past")


def covariates_said(
    table: SeriesTable, networks: Sequence[Networks], baselines: Sequence[Baseline]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the covariates of a table that some method uses, and what is to be said of all of them.

    Args:
        table: The series.
        networks: The networks that are trained on them.
        baselines: The baselines beside.
    """
    names: dict[Kind, tuple[str, ...]] = {
        "future": table.future.names,
        "past": table.past.names,
        "static": tuple(table.static),
    }
    given = [kind for kind, columns in names.items() if columns]
    if not given:
        return (), ()
    families = [family for one in networks for family in (one.networks if isinstance(one, Pool) else (one,))]
    uses = [tuple(kind for kind in given if kind in getattr(one, "covariates_used", ())) for one in families]
    sentences = []
    for used in dict.fromkeys(uses):
        some = [getattr(family, "name", "own") for family, own in zip(families, uses, strict=True) if own == used]
        subject = "The networks" if len(some) == len(families) else f"The networks {quoted(some)}"
        if used:
            sentences.append(f"{subject} use the covariates {quoted(_of(names, used))}.")
        unused = [kind for kind in given if kind not in used]
        if unused:
            words = " and ".join(_WORDS[kind] for kind in unused)
            sentences.append(f"{subject} cannot use {words}: {quoted(_of(names, unused))} is nothing to them.")
    lines = [one.name for one in baselines if isinstance(one, PanelBaseline)]
    known = [kind for kind in given if kind in _REGRESSION]
    if lines and known:
        columns = quoted(_of(names, known))
        sentences.append(
            f"Of the baselines, {' and '.join(lines)} uses {columns}, and the others go by the series alone."
        )
    elif baselines:
        sentences.append("The baselines go by the series alone.")
    still = _constant(table)
    if still:
        sentences.append(f"{quoted(still)} never changes, so that nothing is learned from it.")
    every = {kind for used in uses for kind in used} | set(known if lines else ())
    return tuple(name for kind in given if kind in every for name in names[kind]), tuple(sentences)


def _of(names: dict[Kind, tuple[str, ...]], kinds: Sequence[Kind]) -> list[str]:
    return [name for kind in kinds for name in names[kind]]


def _constant(table: SeriesTable) -> list[str]:
    """Return the covariates that have a single value."""
    found = [
        name
        for one in (table.future, table.past)
        for name, column in zip(one.names, one.values.T, strict=True)
        if np.nanmin(column) == np.nanmax(column)
    ]
    return [*found, *(name for name, column in table.static.items() if len(set(column.tolist())) == 1)]
