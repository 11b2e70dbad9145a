"""One training run of a classifier: words, folds, the linear model, the networks, and their combination."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32

from gatewise.classification.combination import Combination, combine, cross_combined, for_steadier
from gatewise.classification.folds import fold_of
from gatewise.classification.given_texts import Given, having
from gatewise.classification.held_out import COMBINED, LINEAR, NETWORK, QUICK, HeldOut
from gatewise.classification.lessons import Lesson
from gatewise.classification.linear_views import fit_views
from gatewise.classification.members import Members, runs_of
from gatewise.classification.quickness import Quickness
from gatewise.classification.rounds import train_in_rounds
from gatewise.classification.runs import clusters_for, views_of
from gatewise.classification.specification import Calibration, Linear, Network, Rows, Validation
from gatewise.classification.thresholds import best_f1
from gatewise.classification.word_vectors import neighbour_vectors
from gatewise.datasets import Corpus, Sequences, Vocabulary
from gatewise.datasets.text.vocabulary import UNKNOWN
from gatewise.errors import DataError
from gatewise.tables.form import count

Progress = Callable[[float, str], None]

# Shares of the time that the parts take, for the progress.
_BEFORE_LINEAR, _BEFORE_NETWORKS = 0.02, 0.1
_USUAL = Network()


@dataclass(frozen=True)
class Plan:
    """What a run is to do.

    Attributes:
        kinds: The kinds of networks; none for the linear model alone.
        linear: The linear model.
        validation: How texts are held out.
        calibration: How probabilities are made.
        seconds: How long it may take.
        network_only: Whether only the networks are to be asked.
        seed: Where random numbers come from.
    """

    kinds: tuple[Network | Rows, ...]
    linear: Linear
    validation: Validation
    calibration: Calibration
    seconds: float
    network_only: bool
    seed: int


class Part(NamedTuple):
    """A model and how its scores become probabilities.

    Attributes:
        model: `LinearViews` or `Members`.
        combination: Of this model alone.
    """

    model: Any
    combination: Combination


@dataclass
class Fitted:
    """What a run has made.

    Attributes:
        vocabulary: The words.
        linear: The linear model.
        network: The networks, or None.
        combination: How what the asked parts say becomes probabilities.
        asked: Which parts these are.
        held_out: Probabilities of the training texts by models that did not know them.
        thresholds: From which probability on each class is given, where a text may have several.
        quick: How it is asked quickly; None where that is no quicker, without a linear model or without networks.
        seconds: How long each part of the run took.
        notes: What was found out, a sentence each.
    """

    vocabulary: Vocabulary
    linear: Part
    network: Part | None
    combination: Combination
    asked: tuple[str, ...]
    held_out: HeldOut
    thresholds: Float64[np.ndarray, " classes"]
    quick: Quickness | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def models(self) -> list[Any]:
        """The models that are asked, in the order of the weights of `combination`."""
        return [getattr(self, name).model for name in self.asked]


class _Clock:
    """Seconds of the parts of a run."""

    def __init__(self) -> None:
        self.started = self.last = time.monotonic()
        self.seconds: dict[str, float] = {}

    def ends(self, what: str) -> None:
        now = time.monotonic()
        self.seconds[what] = now - self.last
        self.last = now


def run(plan: Plan, given: Given, importance: Float64[np.ndarray, " samples"], progress: Progress) -> Fitted:
    """Train everything.

    Args:
        plan: What to do.
        given: The texts.
        importance: How much each counts.
        progress: Told the share that is done, and what is being done.
    """
    corpus, clock = given.corpus, _Clock()
    several = corpus.multi_label
    truth = having(corpus)
    outputs = truth[:, 1:] if truth.shape[1] == 2 and not several else truth
    progress(0.0, "words")
    vocabulary, words = _words(corpus, plan)
    members = Members(plan.kinds, vocabulary, outputs.shape[1], int(words.lengths.max())) if plan.kinds else None
    if members is not None:
        members.check_rows()
    folds = fold_of(corpus, min(plan.validation.folds, _most_folds(truth)))
    clock.ends("words")
    progress(_BEFORE_LINEAR, "linear model")
    one_of_many = outputs.shape[1] > 1 and not several
    vectors = _vectors(words, vocabulary, plan)
    views = views_of(words, vocabulary.words, plan.linear, vectors)
    linear, linear_scores = fit_views(views, words, outputs, importance, folds, plan.linear, one_of_many)
    clock.ends(LINEAR)
    scores = {LINEAR: linear_scores}
    covered, excess = np.arange(int(folds.max()) + 1), {LINEAR: 0.0}
    if members is not None:
        members.runs = runs = runs_of(plan.kinds, words, vocabulary.size)
        none = np.zeros(0, np.int64)
        numbers = {key: one.numbers(words) for key, one in runs.items()}
        lesson = Lesson(words, outputs, importance, one_of_many, none, none, plan.seed, vectors, numbers)
        told = _telling(progress)
        held = train_in_rounds(members, lesson, folds, clock.started + plan.seconds, told)
        scores[NETWORK], covered, excess[NETWORK] = held.scores, np.array(held.covered), held.excess
        clock.ends(NETWORK)
    progress(0.98, "calibration")
    rows = np.flatnonzero(np.isin(folds, covered))
    fitted = _combined(plan, scores, excess, truth, folds, rows, several)
    parts = {name: Part(model, fitted.alone[name]) for name, model in ((LINEAR, linear), (NETWORK, members)) if model}
    clock.ends("calibration")
    clock.seconds["all"] = clock.last - clock.started
    progress(1.0, "done")
    notes = _notes(fitted.held_out, members, int(folds.max()) + 1)
    thresholds = _thresholds(fitted.held_out, plan.calibration, several)
    return Fitted(
        vocabulary,
        parts[LINEAR],
        parts.get(NETWORK),
        fitted.combination,
        fitted.asked,
        fitted.held_out,
        thresholds,
        fitted.quick,
        clock.seconds,
        notes,
    )


class _Combined(NamedTuple):
    combination: Combination
    asked: tuple[str, ...]
    alone: dict[str, Combination]
    held_out: HeldOut
    quick: Quickness | None


def _words(corpus: Corpus, plan: Plan) -> tuple[Vocabulary, Sequences]:
    """Return the words of the training texts, and the texts in their numbers."""
    least = plan.linear.min_texts
    try:
        vocabulary = Vocabulary.of(corpus.texts, None, least)
    except DataError as error:
        if "min_count" not in str(error):
            raise
        raise DataError(
            f"No word is {least} times in {count(len(corpus), 'training text')}: give gw.Linear(min_texts=1), or more texts."
        ) from None
    return vocabulary, vocabulary.encode(corpus.texts).words


def _vectors(words: Sequences, vocabulary: Vocabulary, plan: Plan) -> Float32[np.ndarray, "tokens features"] | None:
    """Return vectors of the words that clusters are made of, those that the usual networks begin with; None for no clusters."""
    size = min(vocabulary.size, _USUAL.max_words)
    if not clusters_for(plan.linear, size):
        return None
    known = Sequences(np.where(words.ids < size, words.ids, np.int32(UNKNOWN)), words.lengths)
    return neighbour_vectors(known, size, _USUAL.embedding)


def _most_folds(truth: Bool[np.ndarray, "samples classes"]) -> int:
    """Return how many folds there can be: one class at least has to be met in each."""
    counts = truth.sum(axis=0)
    return max(2, int(np.sort(counts)[-2:].min()))


def _telling(progress: Progress) -> Callable[[int, int], None]:
    def told(number: int, wanted: int) -> None:
        share = _BEFORE_NETWORKS + (0.98 - _BEFORE_NETWORKS) * number / wanted
        progress(share, f"network {number + 1} of {wanted}")

    return told


def _combined(
    plan: Plan,
    scores: dict[str, Any],
    excess: dict[str, float],
    truth: Bool[np.ndarray, "samples classes"],
    folds: Int32[np.ndarray, " samples"],
    rows: np.ndarray,
    several: bool,
) -> _Combined:
    """Learn the combination of all parts and of each alone, and the probabilities of texts held out by both."""
    method = plan.calibration.method
    asked = (NETWORK,) if plan.network_only and NETWORK in scores else tuple(scores)
    truth, folds = truth[rows], folds[rows]

    def stacked(names: tuple[str, ...]) -> Float32[np.ndarray, "parts samples outputs"]:
        return np.stack([scores[name][rows] for name in names]).astype(np.float64)

    def learnt(names: tuple[str, ...]) -> Combination:
        given = stacked(names)
        found = combine(given, truth, several, method)
        # All networks together classify, and each was judged by itself.
        return found if method is None else for_steadier(found, given, np.array([excess[name] for name in names]))

    alone = {name: learnt((name,)) for name in scores}
    probabilities = {name: cross_combined(stacked((name,)), truth, folds, several, method) for name in scores}
    probabilities[COMBINED] = cross_combined(stacked(asked), truth, folds, several, method)
    quick = None
    if len(asked) > 1:
        # One network of each kind is what the weights were learnt from.
        sure = probabilities[LINEAR]
        quick = Quickness.learnt(sure, combine(stacked(asked), truth, several, method))
        probabilities[QUICK] = np.where(quick.unsure(sure)[:, None], probabilities[COMBINED], sure)
    return _Combined(learnt(asked), asked, alone, HeldOut(rows, folds, truth, probabilities, several), quick)


def _thresholds(held_out: HeldOut, calibration: Calibration, several: bool) -> Float64[np.ndarray, " classes"]:
    """Return from which probability on each class is given."""
    classes = held_out.truth.shape[1]
    if not several or calibration.thresholds == "half":
        return np.full(classes, 0.5)
    return np.array([best_f1(held_out.truth[:, k], held_out.probabilities[COMBINED][:, k]) for k in range(classes)])


def _notes(held_out: HeldOut, members: Members | None, folds: int) -> tuple[str, ...]:
    notes = []
    if members is not None:
        trained = len(members.trained)
        if held_out.linear_is_as_good:
            notes.append("The linear model alone is as good: nothing shows that the networks add to it.")
        if trained < folds:
            notes.append(
                f"{count(trained, 'network')} of {folds} could be trained in the time given, so that "
                f"{len(held_out.rows):,} texts were held out; more minutes give more."
            )
    return tuple(notes)
