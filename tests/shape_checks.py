"""Checks shapes at run time: which modules, and what of their annotations.

Only annotations that speak of arrays are checked. The others are the static checker's business, and where a public
function is called with a wrong argument, its own sentence is what the tests want to see.
"""

from collections.abc import Callable
from typing import Any, TypeVar, get_args

import beartype
import jaxtyping

# Modules, or whole packages, of pure array functions.
MODULES = [
    "gatewise.datasets",
    "gatewise.evaluation",
    "gatewise.forecasting.networks.alignment",
    "gatewise.forecasting.choosing.alone",
    "gatewise.forecasting.choosing.bands",
    "gatewise.forecasting.choosing.combination",
    "gatewise.forecasting.choosing.edges",
    "gatewise.forecasting.choosing.judgement",
    "gatewise.forecasting.choosing.movement",
    "gatewise.forecasting.choosing.paths",
    "gatewise.forecasting.choosing.prior",
    "gatewise.forecasting.covariate_glasses",
    "gatewise.forecasting.covariates",
    "gatewise.forecasting.linear_effects",
    "gatewise.forecasting.networks.local_samples",
    "gatewise.forecasting.networks.origin_covariates",
    "gatewise.forecasting.networks.origins",
    "gatewise.forecasting.networks.power",
    "gatewise.forecasting.panel",
    "gatewise.forecasting.networks.seasonal_means",
    "gatewise.forecasting.networks.seasonality",
    "gatewise.forecasting.networks.views",
    "gatewise.inspection.attribution",
    "gatewise.inspection.memory",
    "gatewise.recipes.airline.result",
    "gatewise.recipes.airline.samples",
    "gatewise.recipes.members",
    "gatewise.recipes.reviews.encoding",
    "gatewise.recurrent.equations",
    "gatewise.recurrent.scans",
    "gatewise.tables",
    "gatewise.training.convolutions",
    "gatewise.training.lengths",
    "gatewise.training.order",
    "gatewise.training.stopping",
]

Function = TypeVar("Function", bound=Callable[..., Any])


def install() -> None:
    """Switch the checks on for modules that are imported from now on."""
    jaxtyping.install_import_hook(MODULES, "shape_checks.checked")


def checked(function: Function) -> Function:
    """Let beartype check the arrays among a function's annotations."""
    annotations = function.__annotations__
    function.__annotations__ = {name: hint if _of_arrays(hint) else Any for name, hint in annotations.items()}
    return beartype.beartype(function)


def _of_arrays(hint: Any) -> bool:
    if isinstance(hint, type) and issubclass(hint, jaxtyping.AbstractArray):
        return True
    return any(_of_arrays(part) for part in get_args(hint))
