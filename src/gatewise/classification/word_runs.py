"""Runs of words as numbers, each at the word that it ends with: "not good" is not "good"."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, Int64

from gatewise.classification.ngrams import NGrams
from gatewise.datasets import Sequences
from gatewise.datasets.text.vocabulary import UNKNOWN


@dataclass(frozen=True, eq=False)
class WordRuns:
    """The runs of two words and more that networks have vectors for.

    Attributes:
        ngrams: The runs, those of one word included, which have no number here.
        longest: Words of the longest runs.
    """

    ngrams: NGrams
    longest: int

    @classmethod
    def of(cls, words: Sequences, size: int, longest: int, min_texts: int) -> "WordRuns":
        """Find the runs that are in so many texts.

        Args:
            words: Token numbers of the training texts; those from `size` on, and 1, the unknown word, are in no run.
            size: How many numbers words have.
            longest: Words of the longest runs.
            min_texts: In how many texts a run has to be.
        """
        return cls(NGrams.of(_below(words, size), size, longest, min_texts), longest)

    @property
    def size(self) -> int:
        """How many numbers there are: one for each run, and 0 for none."""
        return self.ngrams.terms - len(self.ngrams.orders[0]) + 1

    @property
    def keys(self) -> list[Int64[np.ndarray, " terms"]]:
        """The numbers by which the runs of one word, of two and so on are looked up; see `NGrams.orders`."""
        return list(self.ngrams.orders)

    def numbers(self, words: Sequences) -> Int32[np.ndarray, "tokens lengths"]:
        """Return the numbers of the runs of two, three … words that end with each token; 0 where none is known.

        Args:
            words: The token numbers of the texts.
        """
        found = np.zeros((len(words.ids), self.longest - 1), np.int32)
        columns = self.ngrams.columns(_below(words, self.ngrams.size))[1 : self.longest]
        first = len(self.ngrams.orders[0])
        for reach, column in enumerate(columns, 1):
            # A column stands where its run begins.
            found[reach:, reach - 1] = np.maximum(column[: len(column) - reach] - (first - 1), 0)
        return found


def _below(words: Sequences, size: int) -> Sequences:
    """Return texts in which numbers that are too large are the unknown word."""
    return Sequences(np.where(words.ids < size, words.ids, np.int32(UNKNOWN)), words.lengths)
