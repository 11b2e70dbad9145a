"""Several trained networks that classify together."""

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from gatewise.classification.chunk_reader import ChunkReader
from gatewise.classification.few_texts import FewTexts
from gatewise.classification.lessons import Curves, Reader, Weights
from gatewise.classification.row_reader import RowReader
from gatewise.classification.specification import Network, Rows
from gatewise.classification.word_runs import WordRuns
from gatewise.datasets import Sequences, Vocabulary


class Member(NamedTuple):
    """A trained network.

    Attributes:
        kind: Which of the kinds of networks it is.
        fold: The fold that it was trained without; -1 for none, where it was trained once more.
        weights: Its weights.
        seconds: How long its training took.
        curves: How it learnt.
    """

    kind: int
    fold: int
    weights: Weights
    seconds: float
    curves: Curves


@dataclass(eq=False)
class Members:
    """Trained networks that classify together: the mean of each kind, and the kinds weighed.

    Attributes:
        kinds: The kinds of networks.
        vocabulary: The words.
        outputs: Numbers for each text.
        longest: Words of the longest training text.
        runs: The runs of words that networks have vectors for, by `Network.known_runs`.
        trained: The trained networks.
        weights: How much each kind counts, in all 1; None while that is not known: each as much as another.
    """

    kinds: tuple[Network | Rows, ...]
    vocabulary: Vocabulary
    outputs: int
    longest: int
    runs: dict[tuple[int, int, int], WordRuns] = field(default_factory=dict)
    trained: list[Member] = field(default_factory=list)
    weights: tuple[float, ...] | None = None
    readers: dict[int, Reader] = field(default_factory=dict)
    # Networks of one kind side by side, by the kind and by which of them: for few texts.
    together: dict[tuple[int, tuple[int, ...]], FewTexts] = field(default_factory=dict)
    # Networks of one kind take turns in one Keras model, which two threads must not do at once.
    lock: threading.Lock = field(default_factory=threading.Lock)

    def check_rows(self) -> None:
        """Make the networks of somebody else's, so that one that does not fit is told before anything is trained.

        Raises:
            UsageError: One does not read such texts, or does not put out what these classes need.
        """
        for place, kind in enumerate(self.kinds):
            if isinstance(kind, Rows):
                self.reader(place)

    def scores(self, words: Sequences, one_of_each: bool = False) -> Float32[np.ndarray, "samples outputs"]:
        """Return the mean of what the networks say of each text.

        Args:
            words: The texts.
            one_of_each: Whether only the last network of each kind is asked.
        """
        total = np.zeros((len(words), self.outputs), np.float32)
        shares = self.shares(one_of_each)
        for kind in range(len(self.kinds)):
            places = [place for place, share in enumerate(shares) if share and self.trained[place].kind == kind]
            if places:
                given = np.array([shares[place] for place in places], np.float32)
                total += np.tensordot(given, self._scores_of(kind, tuple(places), words), axes=1)
        return total

    def _scores_of(
        self, kind: int, places: tuple[int, ...], words: Sequences
    ) -> Float32[np.ndarray, "members samples outputs"]:
        """Return what some networks of one kind say of each text."""
        weights = [self.trained[place].weights for place in places]
        with self.lock:
            reader = self.reader(kind)
            if not (isinstance(reader, ChunkReader) and reader.are_few(words)):
                return np.stack([reader.scores(each, words) for each in weights])
            few = self.together.get((kind, places)) or FewTexts(reader.spec, weights)
            self.together[kind, places] = few
        return reader.scores_of_few(few, words)

    def shares(self, one_of_each: bool = False) -> list[float]:
        """Return how much each network counts: all of a kind together as much as the kind."""
        of_kind = Counter(member.kind for member in self.trained)
        last = {member.kind: place for place, member in enumerate(self.trained)}

        def share(place: int, kind: int) -> float:
            weight = 1 / len(of_kind) if self.weights is None else self.weights[kind]
            return weight * (last[kind] == place if one_of_each else 1 / of_kind[kind])

        return [share(place, member.kind) for place, member in enumerate(self.trained)]

    def reader(self, kind: int) -> Reader:
        """Return the network of some kind, without weights of its own."""
        if kind not in self.readers:
            given, others = self.kinds[kind], list(self.readers.values())
            reader: Reader
            if isinstance(given, Network):
                runs = None if given.known_runs is None else self.runs[given.known_runs]
                reader = ChunkReader(given, self.vocabulary, self.outputs, self.longest, runs)
            else:
                reader = RowReader(given, self.vocabulary, self.outputs, self.longest)
            for other in others:
                if isinstance(other, ChunkReader) and isinstance(reader, ChunkReader):
                    reader.beginnings = other.beginnings
            self.readers[kind] = reader
        return self.readers[kind]


def runs_of(kinds: tuple[Network | Rows, ...], words: Sequences, size: int) -> dict[tuple[int, int, int], WordRuns]:
    """Find the runs of words that some kinds of networks have vectors for.

    Args:
        kinds: The kinds of networks.
        words: Token numbers of the training texts.
        size: How many numbers words have.
    """
    found: dict[tuple[int, int, int], WordRuns] = {}
    for kind in kinds:
        known = kind.known_runs if isinstance(kind, Network) else None
        if known is not None and known not in found:
            longest, least, most_words = known
            found[known] = WordRuns.of(words, min(size, most_words), longest, least)
    return found
