"""Texts that hold no word of the training texts: nothing speaks for a class, so that each is as likely as it is at all."""

import warnings

import numpy as np
from jaxtyping import Bool, Float64

from gatewise.datasets import Sequences
from gatewise.datasets.text.vocabulary import UNKNOWN
from gatewise.errors import GatewiseWarning
from gatewise.tables.form import count


def are_known(words: Sequences) -> Bool[np.ndarray, " samples"]:
    """Say of each text whether any of its tokens is known."""
    met = np.concatenate([np.zeros(1, np.int64), np.cumsum(words.ids != UNKNOWN)])
    ends = words.offsets
    result: np.ndarray = met[ends[1:]] > met[ends[:-1]]
    return result


def with_shares(
    probabilities: Float64[np.ndarray, "samples classes"],
    known: Bool[np.ndarray, " samples"],
    shares: Float64[np.ndarray, " classes"] | Float64[np.ndarray, "samples classes"],
) -> Float64[np.ndarray, "samples classes"]:
    """Return probabilities, and where no token of a text is known the shares of the classes among the training texts.

    Args:
        probabilities: What the models make of each text.
        known: Whether any of its tokens is known.
        shares: Of the classes; or of them for each text.
    """
    return np.where(known[:, None], probabilities, shares)


def tell_of_unknown(known: Bool[np.ndarray, " samples"], empty: Bool[np.ndarray, " samples"]) -> None:
    """Warn of texts whose tokens are all unknown, if there are such.

    Args:
        known: Whether any token of each text is known.
        empty: Whether it has no tokens at all, which needs no warning.

    Warns:
        GatewiseWarning: How many there are, of how many.
    """
    texts = int((~known & ~empty).sum())
    if texts:
        has, it = ("has", "it gets") if texts == 1 else ("have", "they get")
        warnings.warn(
            f"{texts:,} of {count(len(known), 'text')} {has} no word that is known from the training texts: {it} the shares "
            "that the classes have there, and no more can be said.",
            GatewiseWarning,
            stacklevel=4,
        )
