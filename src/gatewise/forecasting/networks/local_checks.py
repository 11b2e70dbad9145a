"""What a specification of local networks may say, and a function that builds one: checked, each with one sentence."""

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from gatewise.datasets.windows import Layout
from gatewise.errors import UsageError
from gatewise.evaluation.averages import whole_number
from gatewise.forecasting.networks.heads import check_head
from gatewise.forecasting.networks.views import LocalView

if TYPE_CHECKING:
    from gatewise.forecasting.networks.local_networks import LocalNetworks

CELLS = ("lstm", "gru", "dense")
LOSSES = ("mae", "mse")


def check_local(networks: "LocalNetworks") -> None:
    """Refuse a specification that cannot be meant.

    Raises:
        UsageError: It cannot.
    """
    check_head(networks.head)
    for given, what in (
        (networks.recursive, "recursive networks"),
        (networks.build is not None, "a function of your own"),
    ):
        if networks.head != "point" and given:
            raise UsageError(
                f"head is {networks.head!r} and {what} can forecast points only: leave one of the two out."
            )
    check_choice("cell", networks.cell, CELLS)
    check_choice("layout", networks.layout, get_args(Layout))
    if networks.loss not in LOSSES:
        raise UsageError(
            f"loss is {networks.loss!r}: give 'mae' or 'mse'; quantiles and distributions are a head, such as "
            "head='quantile', and by sMAPE and a scaled error SequenceNetworks are trained."
        )
    for name in ("members", "batch_size"):
        whole_number(getattr(networks, name), name)
    for name in ("look_back", "epochs"):
        if getattr(networks, name) is not None:
            whole_number(getattr(networks, name), name)
    if not isinstance(networks.units, tuple) or not networks.units:
        raise UsageError(f"units is {networks.units!r}: give the units of each hidden layer, such as (8,).")
    for width in networks.units:
        whole_number(width, "units")
    views = networks.views
    if not isinstance(views, tuple) or not views or not all(isinstance(view, LocalView) for view in views):
        raise UsageError(f"views is {views!r}: give one LocalView or more, such as (LocalView('log'),).")
    rate = networks.learning_rate
    if isinstance(rate, bool) or not isinstance(rate, int | float | np.number) or not 0 <= rate < np.inf:
        raise UsageError(f"learning_rate is {rate!r}: give a number of 0 or above.")
    if networks.build is not None:
        check_builder(networks.build)


def check_choice(name: str, given: Any, choices: tuple[str, ...]) -> None:
    """Refuse what is none of some words.

    Raises:
        UsageError: It is none of them.
    """
    if given not in choices:
        raise UsageError(f"{name} is {given!r}: choose among {', '.join(map(repr, choices))}.")


def check_builder(build: Callable[..., Any]) -> None:
    """Refuse a function that cannot be called with a shape and a number.

    Raises:
        UsageError: It cannot.
    """
    try:
        signature = inspect.signature(build)
    except (TypeError, ValueError):
        # Some callables say nothing of their arguments.
        return
    try:
        signature.bind((1, 1), 1)
    except TypeError:
        raise UsageError(
            f"The network {_name_of(build)!r} takes {signature}: give a function (input_shape, outputs) -> keras.Model."
        ) from None


def built_by(build: Callable[..., Any], shape: tuple[int, ...], outputs: int) -> Any:
    """Return the Keras model that a function builds.

    Raises:
        UsageError: It builds something else.
    """
    from gatewise.backend import import_keras

    model = build(shape, outputs)
    if not isinstance(model, import_keras().Model):
        found = "None" if model is None else f"a {type(model).__name__}"
        raise UsageError(
            f"The network {_name_of(build)!r} returned {found} for (input_shape, outputs) = ({shape}, {outputs}): return a "
            "keras.Model."
        )
    return model


def _name_of(build: Callable[..., Any]) -> str:
    return getattr(build, "__name__", type(build).__name__)
