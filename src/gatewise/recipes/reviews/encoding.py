"""Reviews as the numbers that a recipe is trained and tested with."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int32

from gatewise.datasets.text import Corpus, RankedWords
from gatewise.errors import DataError
from gatewise.recipes.reviews.specification import ReviewRecipe


class Part(NamedTuple):
    """Reviews to train or to test with.

    Attributes:
        x: The numbers of their words, filled up and cut in front, ``(samples, time)``.
        y: 1 for a good review, 0 for a bad one, ``(samples, 1)``.
    """

    x: Int32[np.ndarray, "samples time"]
    y: Float32[np.ndarray, "samples 1"]


class Numbers:
    """The reviews of a corpus, numbered as recipes ask for it, and only once for recipes that ask for the same.

    Args:
        corpus: With a training and a test part, and two classes, the good one last.
        rank_all: Whether the words of the test part count, too, when they are ranked. The published recipes ranked the
            words of all 25,000 training reviews and divided these afterwards.

    Raises:
        DataError: The corpus has other classes.
        UsageError: It has no test part.
    """

    def __init__(self, corpus: Corpus, rank_all: bool = False) -> None:
        if corpus.multi_label or len(corpus.classes) != 2:
            raise DataError(
                f"The recipes tell two kinds of reviews from each other, and this corpus has {len(corpus.classes)} "
                "classes: give one with two, of which each text has one."
            )
        self.train, self.test = corpus.train, corpus.test
        self._ranked = RankedWords.of(corpus.texts if rank_all else self.train.texts)
        self._kept: tuple[tuple[int, int], tuple[Part, Part]] | None = None

    @property
    def sizes(self) -> tuple[int, int]:
        """How many reviews there are to train and to test with."""
        return len(self.train), len(self.test)

    def of(self, recipe: ReviewRecipe) -> tuple[Part, Part]:
        """Return the training and the test reviews as a recipe asks for them."""
        wanted = (recipe.words, recipe.length)
        if self._kept is None or self._kept[0] != wanted:
            self._kept = (wanted, (self._part(self.train, recipe), self._part(self.test, recipe)))
        return self._kept[1]

    def _part(self, corpus: Corpus, recipe: ReviewRecipe) -> Part:
        numbers = self._ranked.encode(corpus.texts, num_words=recipe.words)
        return Part(numbers.padded(recipe.length), corpus.labels.astype(np.float32)[:, None])
