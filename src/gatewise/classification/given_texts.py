"""What `TextClassifier` is given: a corpus, or texts and labels, checked and brought to one form."""

from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64

from gatewise.datasets import Corpus
from gatewise.datasets.text import Texts
from gatewise.datasets.text.corpus import PARTS
from gatewise.datasets.text.frames import is_missing
from gatewise.datasets.text.wording import listed, short
from gatewise.errors import DataError, ShapeError, UsageError
from gatewise.tables.form import count

# So many texts of a class have to be there, or no fold can be held out.
_FEWEST = 2


class Given(NamedTuple):
    """Labelled texts.

    Attributes:
        corpus: The texts; of labels that were given apart, the classes by their position.
        classes: The classes as their owner writes them.
        notes: What is not learnt from, a sentence each.
    """

    corpus: Corpus
    classes: np.ndarray
    notes: tuple[str, ...] = ()


def as_given(texts: Any, labels: Any) -> Given:
    """Return what `fit` was given as a corpus.

    Raises:
        UsageError: It is no corpus, or texts without labels.
        DataError: It cannot be learnt from.
    """
    if isinstance(texts, Corpus):
        if labels is not None:
            raise UsageError("labels are given, and a Corpus has its own: leave them out.")
        corpus = texts.train
        given = Given(corpus, np.array(corpus.classes), _left_out(texts))
    else:
        if labels is None:
            raise UsageError("labels are missing: give fit(texts, labels), or a Corpus such as gw.read_corpus returns.")
        given = _labelled(as_texts(texts), labels)
    _check_texts(given.corpus)
    _check_classes(given)
    return given


def as_texts(texts: Any) -> Texts:
    """Return texts as `Texts`.

    Raises:
        UsageError: Something among them is no text.
    """
    if isinstance(texts, Corpus):
        return texts.texts
    if not isinstance(texts, Iterable) or isinstance(texts, Mapping):
        raise UsageError(f"texts is {short(texts)}: give a list of texts, or a Corpus.")
    return Texts.of(texts)


def check_one_part(corpus: Corpus) -> None:
    """Refuse a corpus of several parts where texts are to be judged: those that were learnt from would be among them.

    Raises:
        UsageError: It has several parts.
    """
    if corpus.split is not None:
        there = [name for place, name in enumerate(PARTS) if (corpus.split == place).any()]
        if len(there) > 1:
            parts = f"{', '.join(there[:-1])} and {there[-1]}"
            raise UsageError(f"This corpus has several parts ({parts}): give one of them, such as corpus.{there[-1]}.")


def truth_of(labels: Any, classes: np.ndarray, several: bool, texts: int) -> Bool[np.ndarray, "samples classes"]:
    """Return which classes texts have, by labels that their owner wrote.

    Raises:
        ShapeError: There are not as many labels as texts.
        DataError: A label is none of the classes.
    """
    array = _as_array(labels)
    if len(array) != texts:
        raise ShapeError(
            f"There are {count(texts, 'text')} and {count(len(array), 'label')}: give one label for each text."
        )
    if several:
        if array.ndim != 2 or array.shape[1] != len(classes):
            raise ShapeError(
                f"labels have the shape {array.shape}, and each text has a truth value for each of {len(classes)} classes: "
                f"give ({texts}, {len(classes)})."
            )
        return array.astype(bool)
    places = {_plain(name): place for place, name in enumerate(classes)}
    names = [_plain(label) for label in array.tolist()]
    new = sorted({str(name) for name in names if name not in places})
    if new:
        rows = sum(name not in places for name in names)
        raise DataError(
            f"{count(rows, 'label')} {'is' if rows == 1 else 'are'} of classes that the training texts do not have "
            f"({listed(new)}); the classes are {listed(classes.tolist())}: correct them, or train with such texts."
        )
    return np.eye(len(classes), dtype=bool)[[places[name] for name in names]]


def importances(
    class_weight: Any, given: Given
) -> tuple[Float64[np.ndarray, " samples"], Float64[np.ndarray, " classes"]]:
    """Return how much each text counts, 1 in the mean, and how much each class does.

    Raises:
        UsageError: `class_weight` cannot be meant.
    """
    classes, truth = given.classes, having(given.corpus)
    if class_weight is None:
        return np.ones(len(truth)), np.ones(len(classes))
    if isinstance(class_weight, str) and class_weight == "balanced":
        weights = len(truth) / (len(classes) * np.maximum(truth.sum(axis=0), 1))
    elif isinstance(class_weight, Mapping):
        known = {_plain(key): value for key, value in class_weight.items()}
        strange = [key for key in known if key not in {_plain(name) for name in classes}]
        if strange:
            raise UsageError(f"class_weight names {listed(strange)}, and the classes are {listed(classes.tolist())}.")
        weights = np.array([known.get(_plain(name), 1.0) for name in classes], dtype=object)
        if not all(isinstance(value, Real) and 0 < float(value) < float("inf") for value in weights):
            raise UsageError(
                f"class_weight holds {listed([_plain(value) for value in known.values()])}: give numbers above 0."
            )
        weights = weights.astype(np.float64)
    else:
        raise UsageError(
            f"class_weight is {short(class_weight)}: give 'balanced', a dict of classes and weights, or None."
        )
    shares = truth / np.maximum(truth.sum(axis=1, keepdims=True), 1)
    each = np.where(truth.any(axis=1), shares @ weights, 1.0)
    return each / each.mean(), weights / weights.mean()


def having(corpus: Corpus) -> Bool[np.ndarray, "samples classes"]:
    """Say of each text which classes it has."""
    return corpus.labels if corpus.multi_label else np.eye(len(corpus.classes), dtype=bool)[corpus.labels]


def _labelled(texts: Texts, labels: Any) -> Given:
    array = _as_array(labels)
    if len(array) != len(texts):
        raise ShapeError(
            f"There are {count(len(texts), 'text')} and {count(len(array), 'label')}: give one label for each text."
        )
    if array.ndim == 2:
        if not np.isin(array, (0, 1)).all():
            raise DataError(
                "labels are a matrix that holds other values than 0 and 1: give a truth value for each class."
            )
        names = np.arange(array.shape[1])
        return Given(Corpus(texts, array.astype(bool), tuple(map(str, names))), names)
    missing = [row for row, label in enumerate(array.tolist()) if is_missing(label) or label == ""]
    if missing:
        more = f" (and {len(missing) - 1:,} more)" if len(missing) > 1 else ""
        raise DataError(f"The text at position {missing[0]}{more} has no label: give it one, or leave it out.")
    several = next((row for row, label in enumerate(array.tolist()) if isinstance(label, set | frozenset | dict)), None)
    if several is not None:
        raise DataError(
            f"The label at position {several} is a {type(array[several]).__name__}: give one label for each text; where texts "
            "may have several, a matrix of truth values, or the corpus that gw.read_corpus(texts, labels) makes of them."
        )
    kinds = {type(_plain(label)) for label in array.tolist()}
    if len(kinds) > 1:
        raise DataError(f"labels are of several kinds ({listed(sorted(kind.__name__ for kind in kinds))}): give one.")
    classes, places = np.unique(
        array.astype(str) if array.dtype == object and kinds == {str} else array, return_inverse=True
    )
    if len(classes) > max(len(texts) // 2, 2) and len(texts) >= 10:
        raise DataError(
            f"There are {count(len(classes), 'different label')} for {count(len(texts), 'text')}, the first "
            f"{short(_plain(classes[0]))}: labels that repeat are needed, so see whether texts and labels are swapped."
        )
    return Given(Corpus(texts, places.astype(np.int32).ravel(), tuple(map(str, classes))), classes)


def _left_out(corpus: Corpus) -> tuple[str, ...]:
    """Say how many texts are there for choosing between models; those of the test part are nobody's surprise."""
    kept = 0 if corpus.split is None else int((corpus.split == PARTS.index("validation")).sum())
    if not kept:
        return ()
    were = "was" if kept == 1 else "were"
    return (f"{count(kept, 'validation text')} {were} not learnt from: score(corpus.validation) judges by them.",)


def _as_array(labels: Any) -> np.ndarray:
    if isinstance(labels, str) or not isinstance(labels, Iterable):
        raise UsageError(f"labels is {short(labels)}: give a list with one label for each text.")
    if isinstance(labels, np.ndarray) and labels.ndim in {1, 2}:
        return labels
    listed_labels = list(labels)
    if listed_labels and isinstance(listed_labels[0], Sequence | np.ndarray) and not isinstance(listed_labels[0], str):
        try:
            return np.array(listed_labels)
        except ValueError:
            raise ShapeError("labels are rows of different lengths: give a truth value for each class.") from None
    result = np.empty(len(listed_labels), object)
    result[:] = listed_labels
    kinds = {type(label) for label in listed_labels}
    return np.array(listed_labels) if len(kinds) == 1 and kinds <= {int, float, bool, str} else result


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _check_texts(corpus: Corpus) -> None:
    if not len(corpus):
        raise DataError("There are no texts: give at least two of each class.")
    empty = [row for row, text in enumerate(corpus.texts.raw()) if not text.strip()]
    if empty:
        more = f" (and {len(empty) - 1:,} more)" if len(empty) > 1 else ""
        raise DataError(f"The text at position {empty[0]}{more} is empty: leave it out, with its label.")


def _check_classes(given: Given) -> None:
    corpus = given.corpus
    truth = having(corpus)
    counts = truth.sum(axis=0)
    if not corpus.multi_label and (counts > 0).sum() < 2:
        only = short(given.classes[int(counts.argmax())].item())
        raise DataError(
            f"All {count(len(corpus), 'text')} are of one class, {only}: give texts of at least two classes."
        )
    for place, number in enumerate(counts.tolist()):
        other = len(corpus) - number
        name = short(_plain(given.classes[place]))
        if number < _FEWEST or (corpus.multi_label and other < _FEWEST):
            held = "has" if number < _FEWEST else "leaves"
            texts = count(number if number < _FEWEST else other, "text")
            raise DataError(
                f"Class {name} {held} {texts}, and {_FEWEST} are needed to learn from one and judge by the other: add "
                "texts, or leave the class out."
            )
