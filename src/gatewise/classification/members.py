"""Several networks, each trained without one fold of the texts: together they classify, apart they are validated."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Int32

from gatewise.classification.chunk_reader import ChunkReader
from gatewise.classification.lessons import Lesson, Reader, Weights
from gatewise.classification.row_reader import RowReader
from gatewise.classification.specification import Network
from gatewise.datasets import Sequences, Vocabulary
from gatewise.training.initial import member_seed

# A further network is begun when the time left is so many times what the last one took.
_ROOM = 1.1

Maker = Callable[[int, int], Any]


class Member(NamedTuple):
    """A trained network.

    Attributes:
        kind: Which of the kinds of networks it is.
        fold: The fold that it was trained without.
        weights: Its weights.
        seconds: How long its training took.
        losses: Its training loss during each epoch.
    """

    kind: int
    fold: int
    weights: Weights
    seconds: float
    losses: tuple[float, ...]


@dataclass(eq=False)
class Members:
    """Trained networks that classify together: their scores are averaged.

    Attributes:
        kinds: The kinds of networks: a `Network`, or a function that makes a Keras model.
        vocabulary: The words.
        outputs: Numbers for each text.
        longest: Words of the longest training text.
        trained: The trained networks.
    """

    kinds: tuple[Network | Maker, ...]
    vocabulary: Vocabulary
    outputs: int
    longest: int
    trained: list[Member] = field(default_factory=list)
    readers: dict[int, Reader] = field(default_factory=dict)
    # Networks of one kind take turns in one Keras model, which two threads must not do at once.
    lock: threading.Lock = field(default_factory=threading.Lock)

    def scores(self, words: Sequences) -> Float32[np.ndarray, "samples outputs"]:
        """Return the mean of what the networks say of each text."""
        total = np.zeros((len(words), self.outputs), np.float32)
        with self.lock:
            for member in self.trained:
                total += self.reader(member.kind).scores(member.weights, words)
        return total / np.float32(len(self.trained))

    def reader(self, kind: int) -> Reader:
        """Return the network of some kind, without weights of its own."""
        if kind not in self.readers:
            given, others = self.kinds[kind], list(self.readers.values())
            make = ChunkReader if isinstance(given, Network) else RowReader
            reader = make(given, self.vocabulary, self.outputs, self.longest)  # type: ignore[arg-type]
            for other in others:
                if isinstance(other, ChunkReader) and isinstance(reader, ChunkReader):
                    reader.beginnings = other.beginnings
            self.readers[kind] = reader
        return self.readers[kind]


class Held(NamedTuple):
    """Scores of texts that were held out.

    Attributes:
        scores: By the network that did not know the text, ``(samples, outputs)``; zeros where every network did.
        covered: Which texts have some, as folds: every text of these.
    """

    scores: Float32[np.ndarray, "samples outputs"]
    covered: tuple[int, ...]


def train_members(
    members: Members,
    lesson: Lesson,
    folds: Int32[np.ndarray, " samples"],
    until: float,
    progress: Callable[[int, int], None],
) -> Held:
    """Train one network after another, each without the next fold, as long as there is time; the first one always.

    Args:
        members: Where they go.
        lesson: The texts; its rows and seed are those of the run.
        folds: The fold of each text.
        until: When to be done, by ``time.monotonic()``.
        progress: Told before each network which it is, and of how many.
    """
    scores = np.zeros((len(folds), members.outputs), np.float32)
    wanted = int(folds.max()) + 1
    asked = [kind.members for kind in members.kinds if isinstance(kind, Network) and kind.members is not None]
    wanted = min(wanted, sum(asked)) if asked else wanted
    for number in range(wanted):
        last = members.trained[-1].seconds if members.trained else 0.0
        if number and time.monotonic() + _ROOM * last > until:
            break
        progress(number, wanted)
        started = time.monotonic()
        inside, outside = np.flatnonzero(folds != number), np.flatnonzero(folds == number)
        kind = number % len(members.kinds)
        reader = members.reader(kind)
        trained = reader.train(lesson._replace(rows=inside, held_out=outside, seed=member_seed(lesson.seed, number)))
        scores[outside] = reader.scores(trained.weights, lesson.words.select(outside))
        members.trained.append(Member(kind, number, trained.weights, time.monotonic() - started, trained.losses))
    return Held(scores, tuple(member.fold for member in members.trained))
