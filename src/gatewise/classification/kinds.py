"""Which networks a classifier trains: gatewise's own, those of the classic recipes, and a user's; given, or by name."""

import importlib
import inspect
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from gatewise.classification.specification import Network, Rows, Start
from gatewise.classification.vector_files import check_vectors
from gatewise.datasets.text.wording import short
from gatewise.errors import UsageError

# They take turns, so that what one overlooks another may see.
NETWORKS = (Network(units=32, runs=3), Network(cell="cnn", units=160, region=5, runs=3))
_BY_CELL = {
    "lstm": NETWORKS[0],
    "gru": replace(NETWORKS[0], cell="gru"),
    "rnn": replace(NETWORKS[0], cell="rnn"),
    "cnn": NETWORKS[1],
}


def kinds_of(network: Any) -> tuple[Network | Rows, ...]:
    """Return the kinds of networks that the argument `network` of a classifier asks for.

    Raises:
        UsageError: It is none, or a name that no network has.
        DataError: A file of vectors does not fit.
        EnvironmentFault: It cannot be read.
    """
    return tuple(map(_kind, network if isinstance(network, list | tuple) else (network,)))


def with_vectors(network: Any, path: Path) -> tuple[Network | Rows, ...]:
    """Return kinds of networks whose embeddings begin with the vectors of a file, and are as long as these.

    Args:
        network: As `kinds_of` takes it; None for the usual ones.
        path: The file.

    Raises:
        UsageError: None of them is gatewise's own.
        DataError: The file holds no vectors.
        EnvironmentFault: It cannot be read.
    """
    kinds = kinds_of(NETWORKS if network is None else network)
    if not any(isinstance(kind, Network) for kind in kinds):
        raise UsageError(
            f"vectors={short(str(path))} is for gatewise's own networks, and there is none: leave it out, or name one of "
            f"{', '.join(map(repr, _BY_CELL))}."
        )
    size = check_vectors(path)
    return tuple(replace(kind, vectors=path, embedding=size) if isinstance(kind, Network) else kind for kind in kinds)


def _kind(given: Any) -> Network | Rows:
    if isinstance(given, str):
        given = _named(given)
    if isinstance(given, Network):
        if given.vectors not in get_args(Start):
            check_vectors(given.vectors, given.embedding)
        return given
    if isinstance(given, Rows):
        return given
    if hasattr(given, "for_texts"):
        # A recipe on reviews: its network, its words, and as it is trained.
        return Rows(given.for_texts, given.words, given.epochs, given.batch_size, given.name)
    if not callable(given):
        raise UsageError(
            f"network is {short(given)}: give a gw.Network, the name of a cell or of a recipe on reviews, a function that "
            "makes a Keras model, a list of these, or () for none."
        )
    _check_signature(given)
    return Rows(given, name=getattr(given, "__name__", "own"))


def _named(name: str) -> Any:
    """Return the network of a name: that of a cell, or a recipe."""
    if name in _BY_CELL:
        return _BY_CELL[name]
    # The recipes are a room above this one, which knows them by their names alone.
    found = importlib.import_module("gatewise.recipes")
    known = {one.name: one for one in found.recipes("imdb")}
    if name not in known:
        names = ", ".join(map(repr, (*_BY_CELL, *known)))
        raise UsageError(f"There is no network {short(name)} for texts: give one of {names}, or a gw.Network.")
    return known[name]


def _check_signature(make: Callable[..., Any]) -> None:
    try:
        signature = inspect.signature(make)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(2, 1)
    except TypeError as error:
        name = getattr(make, "__name__", type(make).__name__)
        raise UsageError(
            f"network is a function {name}{signature}, and it is called with two numbers ({error}): write it as a "
            "function of the number of words and the number of outputs."
        ) from None
