"""Texts of any length as rows of one shape: cut into chunks, and chunks put side by side into packs.

A text is read in chunks of a few dozen words, each by itself, and what was found in its chunks is pooled (R. Johnson and
T. Zhang, Supervised and Semi-Supervised Text Categorization using LSTM for Region Embeddings, ICML 2016). A walk along
50 words with many rows is much quicker than one along 500 words with few, and it classifies better.

::

    texts      aaaaaaaa bbb cccccccccccc dd           chunks of 5 words, packs of 4 chunks

    pack 0     aaaaa aaa·· bbb·· ·····                texts  0 0 1 4     rows  0 1 · ·
    pack 1     ccccc ccccc cc··· dd···                texts  0 0 0 1     rows  2 3 · ·

A pack is one row of what `gatewise.fit` is given, so that texts of any length share one compiled program without
padding to the longest of them.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int32, Int64

from gatewise.datasets import Sequences


class Packs(NamedTuple):
    """Chunks of texts, side by side.

    Attributes:
        words: Token numbers, 0 where there is none, ``(packs, chunks, steps)``.
        texts: Which text of the pack a chunk is of, ``(packs, chunks)``; the number of chunks, where it is of none.
        rows: Which row each text of a pack was, ``(packs, chunks)``; -1 where there is none.
        runs: Numbers of the runs of words that end with each, ``(packs, chunks, steps, lengths)``; None where there are none.
    """

    words: Int32[np.ndarray, "packs chunks steps"]
    texts: Int32[np.ndarray, "packs chunks"]
    rows: Int32[np.ndarray, "packs chunks"]
    runs: Int32[np.ndarray, "packs chunks steps lengths"] | None = None

    def inputs(self) -> dict[str, np.ndarray]:
        """Return what a network reads."""
        return {"words": self.words, "texts": self.texts, **({} if self.runs is None else {"runs": self.runs})}


class Chunking(NamedTuple):
    """How texts are cut.

    Attributes:
        steps: Words of a chunk.
        chunks: Chunks of a pack; what a text has beyond them is not read.
    """

    steps: int = 50
    chunks: int = 64

    def counts(self, lengths: Int64[np.ndarray, " samples"]) -> Int64[np.ndarray, " samples"]:
        """Return how many chunks texts of these lengths have; an empty text has one that is empty."""
        return np.clip(-(-lengths // self.steps), 1, self.chunks)

    def pack(
        self,
        words: Sequences,
        rows: Int64[np.ndarray, " samples"],
        runs: Int32[np.ndarray, "tokens lengths"] | None = None,
    ) -> Packs:
        """Put texts into packs, in the order given.

        Args:
            words: The token numbers of all texts.
            rows: Which of them, in which order.
            runs: The numbers of the runs that end with each of their words.

        Returns:
            The packs: each holds as many of the next texts as fit.
        """
        counts = self.counts(words.lengths[rows])
        pack, first = _places(counts, self.chunks)
        packs = int(pack[-1]) + 1 if len(pack) else 0
        # Where each text's first chunk is among all chunks, and which text of its pack it is.
        starts = pack * self.chunks + first
        opening = np.searchsorted(pack, np.arange(packs))
        place = np.arange(len(rows)) - opening[pack]
        texts = np.full(packs * self.chunks, self.chunks, np.int32)
        within = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
        texts[np.repeat(starts, counts) + within] = np.repeat(place, counts)
        numbers = np.full((packs, self.chunks), -1, np.int32)
        numbers[pack, place] = rows
        lengths = np.minimum(words.lengths[rows], counts * self.steps)
        # From which token on each text is read, and where.
        within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        source = np.repeat(words.offsets[:-1][rows], lengths) + within
        places = np.repeat(starts * self.steps, lengths) + within

        def filled(given: Any) -> Any:
            cells = np.zeros((packs * self.chunks * self.steps, *given.shape[1:]), np.int32)
            cells[places] = given[source]
            return cells.reshape(packs, self.chunks, self.steps, *given.shape[1:])

        return Packs(
            filled(words.ids),
            texts.reshape(packs, self.chunks),
            numbers,
            None if runs is None else filled(runs),
        )


def _places(
    counts: Int64[np.ndarray, " samples"], chunks: int
) -> tuple[Int64[np.ndarray, " samples"], Int64[np.ndarray, " samples"]]:
    """Return the pack of each text and where in it the text begins."""
    pack, first = np.zeros(len(counts), np.int64), np.zeros(len(counts), np.int64)
    number = filled = 0
    for index, count in enumerate(counts.tolist()):
        if filled + count > chunks:
            number, filled = number + 1, 0
        pack[index], first[index] = number, filled
        filled += count
    return pack, first
