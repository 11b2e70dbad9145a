"""What networks are trained with, and what all of them can do, however they read."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, Int64

from gatewise.datasets import Sequences

# Texts held out that are read after each epoch.
_MOST_WATCHED = 1000

Weights = list[Any]


class Lesson(NamedTuple):
    """What a network is trained with.

    Attributes:
        words: The token numbers of all texts.
        truth: Which outputs each has, ``(samples, outputs)``.
        importance: How much each counts, ``(samples,)``.
        one_of_many: Whether a text has one of several outputs.
        rows: Which texts are learnt from.
        held_out: Which are not.
        seed: Where weights, order and dropout come from.
        vectors: Of the most frequent words, where they are known already, ``(tokens, features)``.
        runs: The numbers of the runs that end with each token, by `Network.known_runs`.
        epochs: How often the texts are read; None for as often as the network says.
    """

    words: Sequences
    truth: Bool[np.ndarray, "samples outputs"]
    importance: Float64[np.ndarray, " samples"]
    one_of_many: bool
    rows: Int64[np.ndarray, " rows"]
    held_out: Int64[np.ndarray, " rows"]
    seed: int
    vectors: Float32[np.ndarray, "tokens features"] | None = None
    runs: Mapping[tuple[int, int, int], Int32[np.ndarray, "tokens lengths"]] = MappingProxyType({})
    epochs: int | None = None


class Curves(NamedTuple):
    """How a network learnt, a number for each epoch.

    Attributes:
        losses: The training loss, during the epoch.
        held_out_losses: The loss of texts held out, after it.
        held_out_accuracies: The share of these that was right.
    """

    losses: tuple[float, ...] = ()
    held_out_losses: tuple[float, ...] = ()
    held_out_accuracies: tuple[float, ...] = ()

    @classmethod
    def of(cls, history: dict[str, list[float]]) -> "Curves":
        """Return what the history of a training says, whose metric of right texts is called "right"."""
        return cls(*(tuple(map(float, history.get(name, ()))) for name in ("loss", "val_loss", "val_right")))


class Trained(NamedTuple):
    """What a training ends with.

    Attributes:
        weights: The weights.
        curves: How it learnt.
    """

    weights: Weights
    curves: Curves


def watched(held_out: Int64[np.ndarray, " rows"], seed: int) -> Int64[np.ndarray, " rows"]:
    """Return some of the texts held out, enough to see how a network learns."""
    if len(held_out) <= _MOST_WATCHED:
        return held_out
    return np.sort(np.random.default_rng(seed).permutation(held_out)[:_MOST_WATCHED])


class Reader(Protocol):
    """A network without its weights."""

    def train(self, lesson: Lesson) -> Trained:
        """Train it from fresh weights."""

    def scores(self, weights: Weights, words: Sequences) -> Float32[np.ndarray, "samples outputs"]:
        """Return what it says of each text: log-odds, or scores of which the softmax is meant."""

    def shapes(self) -> list[tuple[int, ...]]:
        """Return the shapes of its weights."""
