"""What networks are trained with, and what all of them can do, however they read."""

from typing import Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from gatewise.datasets import Sequences

# A corpus of so many texts is read three times, a smaller one more often.
_TEXTS_OF_ALL_EPOCHS = 75_000
_FEWEST_EPOCHS, _MOST_EPOCHS = 3, 30

Weights = list[Any]


def usual_epochs(texts: int) -> int:
    """Return how often so many texts should be read."""
    return int(np.clip(round(_TEXTS_OF_ALL_EPOCHS / max(texts, 1)), _FEWEST_EPOCHS, _MOST_EPOCHS))


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
    """

    words: Sequences
    truth: Bool[np.ndarray, "samples outputs"]
    importance: Float64[np.ndarray, " samples"]
    one_of_many: bool
    rows: Int64[np.ndarray, " rows"]
    held_out: Int64[np.ndarray, " rows"]
    seed: int


class Trained(NamedTuple):
    """What a training ends with.

    Attributes:
        weights: The weights.
        losses: The training loss during each epoch.
    """

    weights: Weights
    losses: tuple[float, ...]


class Reader(Protocol):
    """A network without its weights."""

    def train(self, lesson: Lesson) -> Trained:
        """Train it from fresh weights."""

    def scores(self, weights: Weights, words: Sequences) -> Float32[np.ndarray, "samples outputs"]:
        """Return what it says of each text: log-odds, or scores of which the softmax is meant."""

    def shapes(self) -> list[tuple[int, ...]]:
        """Return the shapes of its weights."""
