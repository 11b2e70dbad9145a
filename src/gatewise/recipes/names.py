"""All recipes by name, of both families: a series and movie reviews."""

import difflib
from typing import Literal, get_args, overload

from gatewise.errors import UsageError
from gatewise.recipes.airline.specification import RECIPES as ON_SERIES
from gatewise.recipes.airline.specification import Recipe
from gatewise.recipes.reviews.specification import RECIPES as ON_REVIEWS
from gatewise.recipes.reviews.specification import ReviewRecipe

Family = Literal["airline", "imdb"]

_ALL: tuple[Recipe | ReviewRecipe, ...] = (*ON_SERIES, *ON_REVIEWS)
_NAMED = {one.name: one for one in _ALL}


@overload
def recipes(family: Literal["airline"]) -> tuple[Recipe, ...]: ...
@overload
def recipes(family: Literal["imdb"]) -> tuple[ReviewRecipe, ...]: ...
@overload
def recipes(family: None = None) -> tuple[Recipe | ReviewRecipe, ...]: ...
def recipes(family: Family | None = None) -> tuple[Recipe | ReviewRecipe, ...]:
    """Return the recipes, in the order in which they are usually met.

    Args:
        family: ``"airline"``: those on a series, which forecast the airline passengers; ``"imdb"``: those that tell
            good movie reviews from bad ones. Default: both.

    Raises:
        UsageError: There is no such family.

    >>> len(recipes("airline")), len(recipes("imdb")), len(recipes())
    (12, 10, 22)
    """
    if family is not None and family not in get_args(Family):
        raise UsageError(f"There is no family of recipes {family!r}: give 'airline' or 'imdb'.")
    if family is None:
        return _ALL
    return ON_SERIES if family == "airline" else ON_REVIEWS


def recipe(name: str) -> Recipe | ReviewRecipe:
    """Return a recipe by its name.

    Args:
        name: One of the names of `recipes`.

    Raises:
        UsageError: There is no such recipe; the message says which name is nearest.

    >>> recipe("lstm-stateful").look_back, recipe("imdb-lstm").units
    (3, 100)
    """
    if name in _NAMED:
        return _NAMED[name]
    near = difflib.get_close_matches(str(name).lower(), _NAMED, n=1, cutoff=0.5)
    remedy = f"did you mean {near[0]!r}?" if near else f"choose among {', '.join(_NAMED)}."
    raise UsageError(f"There is no recipe {name!r}: {remedy}")
