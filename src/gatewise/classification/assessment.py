"""What a classifier is worth on some texts, and where it goes wrong: everything that a report shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from gatewise.classification.class_scores import (
    ClassScores,
    Curve,
    Reliability,
    class_scores,
    confusion,
    precision_recall_curve,
    reliability,
    roc_curve,
)
from gatewise.classification.explanation import Explanation, explain
from gatewise.classification.given_texts import check_one_part, having
from gatewise.classification.held_out import COMBINED, LINEAR, NETWORK, HeldOut
from gatewise.classification.lessons import Curves
from gatewise.classification.scores import Scores, wilson
from gatewise.datasets import Corpus
from gatewise.datasets.text import Texts
from gatewise.datasets.text.vocabulary import UNKNOWN
from gatewise.errors import DataError
from gatewise.progress import Progress, shown
from gatewise.tables.form import count

TEST, TRAINING = "test texts", "training texts held out"
_GROUPS = 5
_MISTAKES = 10
# The share of the time that it takes to ask about the texts; the rest explains mistakes.
_ASKING_TAKES = 0.9


class Group(NamedTuple):
    """Texts that are alike in something, and how many of them are right.

    Attributes:
        low: The least of what they are alike in.
        high: The most.
        texts: How many there are.
        accuracy: Share that is right.
        interval: Within which it is with 95 % confidence.
    """

    low: float
    high: float
    texts: int
    accuracy: float
    interval: tuple[float, float]


class Mistake(NamedTuple):
    """A text that was given a wrong class.

    Attributes:
        place: Its position among the texts.
        row: The row that it had where it was read, from 1.
        text: The text.
        truth: Its classes.
        given: What it was given.
        probability: How sure the classifier was of that.
        explanation: What speaks for the class that it was given, by the whole classifier. It has learnt from a text that was
            held out: what models without it went by is not shown then.
    """

    place: int
    row: int
    text: str
    truth: tuple[str, ...]
    given: tuple[str, ...]
    probability: float
    explanation: Explanation


@dataclass(frozen=True, eq=False)
class Assessment:
    """A classifier beside the truth.

    Attributes:
        part: What the texts are: ``"test texts"``, or ``"training texts held out"``, each judged by models that did not
            know it.
        classes: The classes.
        found: Truth and probabilities, of the classifier and of its parts.
        texts: The texts.
        rows: The row that each had where it was read, from 1, ``(samples,)``.
        tokens: How many tokens each has, ``(samples,)``.
        unknown: The share of them that is unknown, ``(samples,)``.
        mistakes: The most confident ones, explained.
        curves_of_networks: How each network learnt.
        seconds: How long each part of the training took.
        notes: What else there is to say.
    """

    part: str
    classes: tuple[str, ...]
    found: HeldOut
    texts: Texts
    rows: Int64[np.ndarray, " samples"]
    tokens: Int64[np.ndarray, " samples"]
    unknown: Float64[np.ndarray, " samples"]
    mistakes: tuple[Mistake, ...]
    curves_of_networks: tuple[Curves, ...]
    seconds: dict[str, float]
    notes: tuple[str, ...]

    @cached_property
    def given(self) -> Bool[np.ndarray, "samples classes"]:
        """Which classes the classifier gave each text, ``(samples, classes)``."""
        return self.found.given()

    @cached_property
    def right(self) -> Bool[np.ndarray, " samples"]:
        """Of which texts all classes are right, ``(samples,)``."""
        return self.found.right()

    @cached_property
    def scores(self) -> dict[str, Scores]:
        """What the classifier, the linear model and the networks are worth, as far as there are such.

        Networks that are asked alone are the classifier, and have no line of their own.
        """
        names = (COMBINED, LINEAR) if self._only_networks else (COMBINED, LINEAR, NETWORK)
        return {name: self.found.scores(name) for name in names if name in self.found.probabilities}

    @property
    def _only_networks(self) -> bool:
        """Whether networks are all that is asked."""
        chances = self.found.probabilities
        return NETWORK in chances and np.array_equal(chances[NETWORK], chances[COMBINED])

    @cached_property
    def of_classes(self) -> ClassScores:
        """Precision, recall and F1 of each class."""
        return class_scores(self.found.truth, self.given)

    @cached_property
    def confusion(self) -> Int64[np.ndarray, "classes classes"] | None:
        """How many texts of each class (rows) were given each class (columns); None where a text may have several."""
        if self.found.several:
            return None
        return confusion(self.found.truth.argmax(axis=1), self.given.argmax(axis=1), len(self.classes))

    def curves(self, place: int) -> tuple[Curve, Curve]:
        """Return for a class hits against false alarms, and precision against recall."""
        truth, chances = self.found.truth[:, place], self.found.probabilities[COMBINED][:, place]
        return roc_curve(truth, chances), precision_recall_curve(truth, chances)

    @cached_property
    def reliability(self) -> Reliability:
        """The probability of what was given beside how often it was right; of each class, where there may be several."""
        chances = self.found.probabilities[COMBINED]
        if self.found.several:
            return reliability(self.found.truth.ravel(), chances.ravel())
        return reliability(self.right, chances[self.given])

    @cached_property
    def by_length(self) -> list[Group]:
        """How many are right among the shortest texts, and so on to the longest."""
        return _groups(self.tokens.astype(np.float64), self.right)

    @cached_property
    def by_unknown(self) -> list[Group]:
        """How many are right among the texts with the fewest unknown tokens, and so on to those with the most."""
        return _groups(self.unknown, self.right)

    def conclusion(self) -> list[str]:
        """Return what it all means, in sentences; first, where it is so, that the linear model alone is as good, or better."""
        best = self.scores[COMBINED]
        low, high = best.interval
        whole = (
            f"{best.accuracy:.2%} of {count(best.texts, self.part.removesuffix('s'), self.part)} are right (95 % interval "
            f"{low:.2%} to {high:.2%})."
        )
        outcome = self.found.against_linear()
        if outcome is None:
            return [whole, "Only the linear model was trained."]
        beside = f"The linear model alone has {self.scores[LINEAR].accuracy:.2%}"
        if self._only_networks:
            beside += "; the networks were asked without it."
        else:
            beside += f", the networks alone {self.scores[NETWORK].accuracy:.2%}."
        p = f"p = {self.found.difference():.2g}"
        if outcome == "better":
            return [whole, beside, f"That is more than chance (McNemar's test against the linear model, {p})."]
        first = {
            "no difference": "The linear model alone is as good, as far as these texts show: no difference is beyond chance",
            "worse": "The linear model alone is better, beyond chance: the networks cost accuracy",
        }[outcome]
        return [f"{first} (McNemar's test, {p}).", whole, beside]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain numbers, strings and lists, without the texts."""
        per_class = zip(self.classes, *(part.tolist() for part in self.of_classes), strict=True)
        return {
            "part": self.part,
            "conclusion": self.conclusion(),
            "texts": len(self.texts),
            "scores": {name: {**one._asdict(), "interval": list(one.interval)} for name, one in self.scores.items()},
            "against_linear": self.found.against_linear(),
            "mcnemar_p": self.found.difference() if NETWORK in self.found.probabilities else None,
            "classes": {
                name: {"precision": _plain(p), "recall": _plain(r), "f1": _plain(f1), "support": int(support)}
                for name, p, r, f1, support in per_class
            },
            "confusion": None if self.confusion is None else self.confusion.tolist(),
            "seconds": self.seconds,
            "notes": list(self.notes),
        }


def assess(
    classifier: Any,
    corpus: Corpus,
    held_out: bool = False,
    mistakes: int = _MISTAKES,
    progress: Progress | bool = True,
) -> Assessment:
    """Compare a fitted classifier with the truth.

    Args:
        classifier: A fitted `TextClassifier`.
        corpus: Texts that it did not learn from, with the classes that it learnt; or, with `held_out`, the training part
            that it did learn from.
        held_out: Whether each text is judged by those of the models that did not know it, as `TextClassifier.validation_`.
        mistakes: How many of the most confident mistakes are explained.
        progress: True for a bar, on a terminal or in a notebook; False for none; or what is called with the share that is
            done, from 0 to 1, and with what is being done.

    Raises:
        UsageError: The corpus has several parts, and they are not held out.
        DataError: The corpus has other classes than the classifier.
    """
    classes = tuple(map(str, classifier.classes_.tolist()))
    if tuple(corpus.classes) != classes:
        raise DataError(
            f"The texts have the classes {', '.join(corpus.classes)} and the classifier knows {', '.join(classes)}: read them "
            "together, read_corpus(train, test=test)."
        )
    with shown(progress) as told:
        if held_out:
            found: HeldOut = classifier.validation_
            judged = corpus.train.select(found.rows)
        else:
            check_one_part(corpus)
            found, judged = _asked(classifier, corpus, told), corpus
        explained = _mistakes(classifier, found, judged, mistakes, told)
    texts, rows = judged.texts, judged.named_rows
    words = classifier.vocabulary_.words_of(texts)
    starts = words.offsets[:-1]
    unknown = np.add.reduceat(np.append(words.ids == UNKNOWN, 0).astype(np.float64), starts) * (words.lengths > 0)
    return Assessment(
        part=TRAINING if held_out else TEST,
        classes=classes,
        found=found,
        texts=texts,
        rows=rows,
        tokens=words.lengths,
        unknown=unknown / np.maximum(words.lengths, 1),
        mistakes=explained,
        curves_of_networks=_curves(classifier),
        seconds=dict(classifier.seconds_),
        notes=tuple(classifier.notes_),
    )


def _asked(classifier: Any, corpus: Corpus, progress: Progress) -> HeldOut:
    probabilities = classifier.probabilities_of_parts(
        corpus.texts, progress=lambda share, what: progress(_ASKING_TAKES * share, what)
    )
    rows = np.arange(len(corpus))
    return HeldOut(rows, np.zeros(len(rows), np.int32), having(corpus), probabilities, classifier.validation_.decision)


def _mistakes(classifier: Any, found: HeldOut, judged: Corpus, most: int, progress: Progress) -> tuple[Mistake, ...]:
    """Return the mistakes that the classifier was most sure of."""
    chances, given = found.probabilities[COMBINED], found.given()
    wrong = given != found.truth
    # How sure it was of what is wrong: that a class is there, or that it is not.
    sure = np.where(wrong, np.where(given, chances, 1 - chances), -1.0)
    if not found.several:
        sure = np.where(given, sure, -1.0)
    order = [int(row) for row in np.argsort(-sure.max(axis=1), kind="stable")[:most] if sure[row].max() >= 0]
    names = classifier.classes_.tolist()
    result = []
    for number, row in enumerate(order):
        progress(_ASKING_TAKES + (1 - _ASKING_TAKES) * number / len(order), "explaining mistakes")
        place = int(sure[row].argmax())
        text = judged.texts[row]
        result.append(
            Mistake(
                row,
                int(judged.named_rows[row]),
                text,
                _named(names, found.truth[row]),
                _named(names, given[row]),
                float(sure[row, place]),
                explain(classifier, text, names[place]),
            )
        )
    return tuple(result)


def _curves(classifier: Any) -> tuple[Curves, ...]:
    if classifier.network_ is None:
        return ()
    return tuple(member.curves for member in classifier.network_.model.trained)


def _named(names: Sequence[Any], having_it: Bool[np.ndarray, " classes"]) -> tuple[str, ...]:
    return tuple(str(name) for name, has in zip(names, having_it.tolist(), strict=True) if has)


def _groups(values: Float64[np.ndarray, " samples"], right: Bool[np.ndarray, " samples"]) -> list[Group]:
    """Cut texts into groups of about one size, by a value; equal values stay together."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, _GROUPS + 1)[1:-1]))
    place = np.searchsorted(edges, values, side="left")
    groups = []
    for number in np.unique(place):
        inside = place == number
        hits, texts = int(right[inside].sum()), int(inside.sum())
        low, high = float(values[inside].min()), float(values[inside].max())
        groups.append(Group(low, high, texts, hits / texts, wilson(hits, texts)))
    return groups


def _plain(value: float) -> float | None:
    return value if np.isfinite(value) else None
