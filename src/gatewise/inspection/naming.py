"""Which of several networks is looked into: the first, or the one that is asked for by its name or number."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from gatewise.errors import UsageError


class _Named(Protocol):
    @property
    def name(self) -> str: ...


Known = TypeVar("Known", bound=_Named)


def named(known: Sequence[Known], network: int | str | None, refusal: str, more: str = "") -> Known:
    """Return the network that was asked for.

    Args:
        known: Those that there are, at least one, the best first.
        network: A name, of which the first is meant, or a number from 0; None for the best.
        refusal: What is said where there is none such, with ``{network!r}`` and ``{names}`` in it.
        more: What is said besides.

    Raises:
        UsageError: There is no such network.
    """
    if network is None:
        return known[0]
    for place, one in enumerate(known):
        if network in (one.name, place) and not isinstance(network, bool):
            return one
    names = ", ".join(repr(name) for name in dict.fromkeys(one.name for one in known))
    said = refusal.format(network=network, names=names)
    raise UsageError(f"{said}, or a number from 0 to {len(known) - 1}{more}.")
