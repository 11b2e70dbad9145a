"""Networks trained in rounds: one of each kind without a fold of the texts, then one of each without the next fold.

Together they classify, apart they are validated. What one network says of a text is partly chance: another seed, other
texts to learn from, and it would say something else. The mean of many networks has less of that, so that it deserves more
trust than any of them was found to deserve. How much is chance shows where two networks of one kind know a text neither:
the first two rounds leave out each other's fold as well.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32

from gatewise.classification.combination import combine
from gatewise.classification.lessons import Lesson
from gatewise.classification.members import Member, Members
from gatewise.classification.specification import Network
from gatewise.training.initial import member_seed

# A further network is begun when the time left is so many times what the last one of its kind took.
_ROOM = 1.05
# With fewer folds too little would be left to learn from.
_FOLDS_FOR_TWO = 5


class Held(NamedTuple):
    """Scores of texts that were held out.

    Attributes:
        scores: What the networks that did not know the text said of it, one of each kind, weighed, ``(samples, outputs)``;
            zeros where every network of a kind did.
        covered: Which texts have some, as folds: every text of these.
        excess: By how much the variance of these scores is greater than that of the mean of all networks would be.
        wanted: How many networks there would be with more time.
    """

    scores: Float32[np.ndarray, "samples outputs"]
    covered: tuple[int, ...]
    excess: float
    wanted: int


class _Kind:
    """What the networks of one kind said of the texts that they did not know."""

    def __init__(self, samples: int, outputs: int) -> None:
        self.scores = np.zeros((samples, outputs), np.float32)
        self.covered: set[int] = set()
        # The texts that the first two networks did not know, and what each said of them.
        self.twice: list[Float32[np.ndarray, "samples outputs"]] = []
        self.seconds = 0.0

    def chance(self, one_of_many: bool) -> float:
        """Return the variance of what is chance in the scores of one network."""
        if len(self.twice) < 2:
            return 0.0
        return float((centered(self.twice[0] - self.twice[1], one_of_many) ** 2).mean() / 2)


def train_in_rounds(
    members: Members,
    lesson: Lesson,
    folds: Int32[np.ndarray, " samples"],
    until: float,
    progress: Callable[[int, int], None],
    refit: bool = False,
) -> Held:
    """Train one network after another as long as there is time; the first one always.

    Args:
        members: Where they go.
        lesson: The texts; its rows and seed are those of the run.
        folds: The fold of each text.
        until: When to be done, by ``time.monotonic()``.
        progress: Told before each network which it is, and of how many.
        refit: Whether each is to be trained once more afterwards, for which as much time is kept.
    """
    rounds = int(folds.max()) + 1
    wanted = [min(_asked(kind), rounds) for kind in members.kinds]
    order = [(fold, kind) for fold in range(rounds) for kind, most in enumerate(wanted) if fold < most]
    kinds = [_Kind(len(folds), members.outputs) for _ in members.kinds]
    for number, (fold, kind) in enumerate(order):
        took = kinds[kind].seconds or max(one.seconds for one in kinds)
        left = until - time.monotonic()
        if refit:
            took *= 2
            left -= sum(member.seconds for member in members.trained)
        if number and left < _ROOM * took:
            break
        progress(number, min(len(order), number + max(int(left / took), 1)) if took else len(order))
        left_out = np.isin(folds, _left_out(fold, rounds, wanted[kind]))
        task = lesson._replace(
            rows=np.flatnonzero(~left_out), held_out=np.flatnonzero(left_out), seed=member_seed(lesson.seed, number)
        )
        members.trained.append(_train(members, kind, fold, task))
        _hold(members, kinds[kind], task, folds, left_out)
    return _held(members, kinds, lesson, folds, len(order))


def centered(scores: Any, one_of_many: bool) -> Any:
    """Return scores less what softmax makes nothing of: their mean over the outputs, where a text has one of several."""
    return scores - scores.mean(axis=-1, keepdims=True) if one_of_many else scores


def _asked(kind: Any) -> int:
    """Return how many networks of a kind are asked for at most."""
    return kind.members if isinstance(kind, Network) and kind.members is not None else 2**31


def _left_out(fold: int, rounds: int, wanted: int) -> list[int]:
    return [0, 1] if fold < 2 and wanted > 1 and rounds >= _FOLDS_FOR_TWO else [fold]


def _train(members: Members, kind: int, fold: int, task: Lesson) -> Member:
    started = time.monotonic()
    trained = members.reader(kind).train(task)
    return Member(kind, fold, trained.weights, time.monotonic() - started, trained.curves)


def _hold(
    members: Members,
    kind: _Kind,
    task: Lesson,
    folds: Int32[np.ndarray, " samples"],
    left_out: Bool[np.ndarray, " samples"],
) -> None:
    """Ask the last network about the texts that it does not know."""
    started = time.monotonic()
    member = members.trained[-1]
    found = members.reader(member.kind).scores(member.weights, task.words.select(task.held_out))
    own = folds[task.held_out] == member.fold
    # Until a fold's own network is there, one that happens not to know it speaks.
    taken = own | ~np.isin(folds[task.held_out], list(kind.covered))
    kind.scores[task.held_out[taken]] = found[taken]
    kind.covered |= set(np.unique(folds[left_out]).tolist())
    if not own.all():
        kind.twice.append(found)
    kind.seconds = member.seconds + time.monotonic() - started


def _held(
    members: Members, kinds: list[_Kind], lesson: Lesson, folds: Int32[np.ndarray, " samples"], wanted: int
) -> Held:
    """Weigh the kinds, and return what they say together."""
    numbers = [sum(member.kind == place for member in members.trained) for place in range(len(kinds))]
    there = [place for place, number in enumerate(numbers) if number]
    covered = sorted(set.intersection(*(kinds[place].covered for place in there)))
    # The variance that a score loses when it is the mean of all networks of its kind.
    excess = np.array([kinds[place].chance(lesson.one_of_many) * (1 - 1 / numbers[place]) for place in there])
    scores = np.stack([kinds[place].scores for place in there]).astype(np.float64)
    weights = _weights(scores, lesson, np.isin(folds, covered))
    members.weights = tuple(
        float(weights[there.index(place)]) if place in there else 0.0 for place in range(len(kinds))
    )
    together = np.tensordot(weights, scores, axes=1).astype(np.float32)
    return Held(together, tuple(covered), float(weights**2 @ excess), wanted)


def _weights(
    scores: Float64[np.ndarray, "parts samples outputs"],
    lesson: Lesson,
    rows: Bool[np.ndarray, " samples"],
) -> Float64[np.ndarray, " parts"]:
    """Return how much each kind counts, by what its networks say of texts that they do not know."""
    parts, _, outputs = scores.shape
    if parts == 1:
        return np.ones(1)
    several = outputs > 1 and not lesson.one_of_many
    truth = np.concatenate([~lesson.truth, lesson.truth], axis=1) if outputs == 1 else lesson.truth
    weights = combine(scores[:, rows], truth[rows], several, "temperature", held=False).weights
    # Where none is worth anything, all are worth the same.
    result: Float64[np.ndarray, " parts"] = weights / weights.sum() if weights.sum() > 0 else np.full(parts, 1 / parts)
    return result
