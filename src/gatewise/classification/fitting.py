"""One training run of a classifier: words, folds, the linear model, the networks, and their combination."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, Int64

from gatewise.classification.combination import (
    Combination,
    combine,
    cross_combined,
    for_steadier,
    usable,
)
from gatewise.classification.decision import Decision
from gatewise.classification.folds import fold_of
from gatewise.classification.given_texts import Given, having
from gatewise.classification.held_out import COMBINED, LINEAR, NETWORK, QUICK, HeldOut
from gatewise.classification.lessons import Lesson
from gatewise.classification.linear_views import fit_views
from gatewise.classification.members import Members, runs_of
from gatewise.classification.notes import notes_on
from gatewise.classification.quickness import Quickness
from gatewise.classification.refitting import refit
from gatewise.classification.rounds import train_in_rounds
from gatewise.classification.runs import clusters_for, views_of
from gatewise.classification.specification import Calibration, Linear, Network, Rows, Validation
from gatewise.classification.thresholds import as_weights, threshold_of
from gatewise.classification.unknown_texts import are_known, with_shares
from gatewise.classification.word_vectors import neighbour_vectors
from gatewise.datasets import Corpus, Sequences, Vocabulary
from gatewise.datasets.text.vocabulary import UNKNOWN
from gatewise.errors import DataError
from gatewise.progress import Progress
from gatewise.tables.form import count

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
        held_out: Probabilities of the training texts by models that did not know them, and how they are decided.
        shares: Of the classes among the training texts, ``(classes,)``: the probabilities of a text of unknown words.
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
    shares: Float64[np.ndarray, " classes"]
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


def run(
    plan: Plan,
    given: Given,
    importance: Float64[np.ndarray, " samples"],
    weights: Float64[np.ndarray, " classes"],
    progress: Progress,
) -> Fitted:
    """Train everything.

    Args:
        plan: What to do.
        given: The texts.
        importance: How much each counts.
        weights: How much each class weighs in decisions.
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
    held, excess = None, {LINEAR: 0.0}
    if members is not None:
        members.runs = runs = runs_of(plan.kinds, words, vocabulary.size)
        none = np.zeros(0, np.int64)
        numbers = {key: one.numbers(words) for key, one in runs.items()}
        lesson = Lesson(words, outputs, importance, one_of_many, none, none, plan.seed, vectors, numbers)
        told = _telling(progress)
        refits = plan.validation.refit
        held = train_in_rounds(members, lesson, folds, clock.started + plan.seconds, told, refits)
        scores[NETWORK], excess[NETWORK] = held.scores, held.excess
        clock.ends(NETWORK)
        if refits:
            refit(
                members, lesson, lambda number, wanted: progress(0.98, f"once more: network {number + 1} of {wanted}")
            )
            clock.ends("refit")
    progress(0.98, "calibration")
    rows = np.arange(len(folds)) if held is None else np.flatnonzero(np.isin(folds, held.covered))
    plain = Decision(weights, np.full(len(weights), 0.5), several)
    fitted = _combined(plan, scores, excess, _Judge(truth, folds, rows, are_known(words), plain))
    parts = {name: Part(model, fitted.alone[name]) for name, model in ((LINEAR, linear), (NETWORK, members)) if model}
    clock.ends("calibration")
    clock.seconds["all"] = clock.last - clock.started
    progress(1.0, "done")
    held_out = replace(fitted.held_out, decision=_decision(fitted.held_out, plan.calibration))
    number = (0, 0) if members is None or held is None else (len(members.trained), held.wanted)
    notes = notes_on(held_out, plan.calibration, len(corpus), number)
    return Fitted(
        vocabulary,
        parts[LINEAR],
        parts.get(NETWORK),
        fitted.combination,
        fitted.asked,
        held_out,
        truth.mean(axis=0),
        fitted.quick,
        clock.seconds,
        notes,
    )


class _Judge(NamedTuple):
    """What models are judged by.

    Attributes:
        truth: Which classes each text has.
        folds: The fold of each text.
        rows: The texts of which every part says something. The linear model does of all.
        known: Whether any token of each text is known.
        decision: What makes classes of probabilities.
    """

    truth: Bool[np.ndarray, "samples classes"]
    folds: Int32[np.ndarray, " samples"]
    rows: Int64[np.ndarray, " rows"]
    known: Bool[np.ndarray, " samples"]
    decision: Decision

    def shares(self) -> Float64[np.ndarray, "samples classes"]:
        """Return for each text the shares that the classes have in the other folds."""
        of_folds = np.stack([self.truth[self.folds != fold].mean(axis=0) for fold in range(int(self.folds.max()) + 1)])
        return of_folds[self.folds]


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
    judge: _Judge,
) -> _Combined:
    """Learn the combination of all parts and of each alone, and the probabilities of texts held out by both.

    Args:
        plan: What to do.
        scores: What each part says of texts that it does not know.
        excess: How much chance these scores have beyond what the part will say.
        judge: What they are judged by.
    """
    truth, folds, rows, several = judge.truth, judge.folds, judge.rows, judge.decision.several
    asked = (NETWORK,) if plan.network_only and NETWORK in scores else tuple(scores)

    def some_of(names: tuple[str, ...]) -> np.ndarray:
        return np.arange(len(folds)) if names == (LINEAR,) else rows

    def stacked(names: tuple[str, ...]) -> Float32[np.ndarray, "parts samples outputs"]:
        return np.stack([scores[name][some_of(names)] for name in names]).astype(np.float64)

    def learnt(names: tuple[str, ...]) -> Combination:
        given, some = stacked(names), some_of(names)
        method = usable(plan.calibration.method, len(some))
        found = combine(given, truth[some], several, method)
        # All networks together classify, and each was judged by itself.
        return found if method is None else for_steadier(found, given, np.array([excess[name] for name in names]))

    def judged(names: tuple[str, ...]) -> Float64[np.ndarray, "samples classes"]:
        some = some_of(names)
        method = usable(plan.calibration.method, len(some))
        found = cross_combined(stacked(names), truth[some], folds[some], several, method)
        return with_shares(found[np.searchsorted(some, rows)], judge.known[rows], judge.shares()[rows])

    alone = {name: learnt((name,)) for name in scores}
    probabilities = {name: judged((name,)) for name in scores}
    probabilities[COMBINED] = judged(asked)
    quick = None
    if len(asked) > 1:
        # One network of each kind is what the weights were learnt from.
        sure = probabilities[LINEAR]
        method = usable(plan.calibration.method, len(rows))
        quick = Quickness.learnt(sure, combine(stacked(asked), truth[rows], several, method))
        probabilities[QUICK] = np.where(quick.unsure(sure)[:, None], probabilities[COMBINED], sure)
    held_out = HeldOut(rows, folds[rows], truth[rows], probabilities, judge.decision)
    return _Combined(learnt(asked), asked, alone, held_out, quick)


def _decision(held_out: HeldOut, calibration: Calibration) -> Decision:
    """Return what makes classes of probabilities: by thresholds, where these were asked for."""
    plain, given = held_out.decision, calibration.thresholds
    if given == "half":
        return plain
    truth, chances = held_out.truth, held_out.probabilities[COMBINED]
    found = np.array([threshold_of(given, truth[:, place], chances[:, place]) for place in range(truth.shape[1])])
    return replace(plain, thresholds=found) if plain.several else replace(plain, weights=as_weights(found[1]))
