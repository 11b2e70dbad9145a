"""The networks and baselines that somebody names, checked: each a method with a name of its own."""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from gatewise.errors import UsageError
from gatewise.evaluation.simple_baselines import Baseline
from gatewise.forecasting.classical.baseline_methods import BY_NAME
from gatewise.forecasting.networks.global_networks import Networks, Pool
from gatewise.forecasting.networks.local_networks import LocalNetworks
from gatewise.forecasting.networks.shared_networks import SharedNetworks

# What else stands in the columns of a backtest.
_COLUMNS = ("unique_id", "ds", "cutoff", "y", "gatewise", "gatewise-network")


def baselines_named(given: Any) -> tuple[Baseline, ...] | None:
    """Return the baselines that were asked for; None where that was left open.

    Raises:
        UsageError: One of them is none, or two have the same name.
    """
    if given is None:
        return None
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise UsageError(f"baselines is {given!r}: give a list, such as ['Naive', 'SeasonalNaive'], and [] for none.")
    chosen = tuple(_baseline(one) for one in given)
    names = [one.name for one in chosen]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UsageError(f"Two baselines are called {twice[0]!r}: give each once, and each a name of its own.")
    taken = [name for name in names if name in _COLUMNS]
    if taken:
        raise UsageError(f"A baseline is called {taken[0]!r}, which is a column of a backtest: give it another name.")
    return chosen


def _baseline(given: Any) -> Baseline:
    if not isinstance(given, str):
        if not isinstance(given, Baseline) or not callable(given.forecast):
            raise UsageError(
                f"{given!r} is no baseline: give a name among {', '.join(BY_NAME)}, or an object with a name and "
                "forecast(values, season_length, horizon)."
            )
        return given
    if given not in BY_NAME:
        raise UsageError(f"There is no baseline {given!r}: choose among {', '.join(BY_NAME)}.")
    return BY_NAME[given]


def networks_named(given: Any) -> tuple[Networks, ...]:
    """Return the networks that were asked for.

    Raises:
        UsageError: One of them is none.
    """
    return tuple(_networks(one) for one in (given if isinstance(given, list | tuple) else [given]))


def _networks(given: Any) -> Networks:
    if isinstance(given, str):
        from gatewise.recipes import Recipe, recipe

        found = recipe(given)
        if not isinstance(found, Recipe):
            raise UsageError(f"The recipe {given!r} is for texts: choose one for series, such as 'lstm-window'.")
        return LocalNetworks.of_recipe(found)
    if isinstance(given, Networks) and not isinstance(given, type):
        return given
    if not callable(given) or isinstance(given, Networks):
        raise UsageError(
            f"network is {given!r}: give a recipe's name, networks such as LocalNetworks(), or a function "
            "(input_shape, outputs) -> keras.Model."
        )
    return LocalNetworks(name=getattr(given, "__name__", "own"), build=given)


def with_names_apart(networks: Sequence[Networks], baselines: Sequence[Baseline]) -> tuple[Networks, ...]:
    """Return networks of which no two have the same name, nor one that of a baseline: a second one has a number behind it.

    Args:
        networks: The networks.
        baselines: Those beside them, which keep their names.

    Raises:
        UsageError: Networks of one's own have the same name, and cannot be given another.
    """
    taken = {*_COLUMNS, *BY_NAME, *(one.name for one in baselines)}
    return tuple(_apart(one, taken) for one in networks)


def _apart(one: Networks, taken: set[str]) -> Networks:
    if isinstance(one, Pool):
        return Pool(tuple(_apart(part, taken) for part in one.networks))
    name = getattr(one, "name", None)
    if not isinstance(name, str):
        return one
    own, number = name, 1
    while own in taken:
        number += 1
        own = f"{name} {number}"
    taken.add(own)
    return one if own == name else _called(one, own)


def _called(one: Any, name: str) -> Networks:
    """Return networks by another name."""
    if isinstance(one, SharedNetworks):
        return replace(one, networks=replace(one.networks, name=name))
    if is_dataclass(one) and any(field.name == "name" and field.init for field in fields(one)):
        renamed: Networks = replace(one, name=name)  # type: ignore[type-var, assignment]
        return renamed
    raise UsageError(f"Networks of your own are called {one.name!r}, and so is another method: give each its own name.")
