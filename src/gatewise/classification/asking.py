"""Probabilities of many texts: all models about all of them, or quickly.

While the networks read some of the texts, the next ones become numbers in other threads. Quickly means that the linear
model, which takes a thousandth of the time, is asked first, by all cores, and that one network of each kind is asked about
those texts alone of which the linear model is not sure: about the others they would hardly change a decision.
"""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64

from gatewise.backend import cores
from gatewise.classification.fitting import Fitted, Part
from gatewise.classification.given_texts import as_texts
from gatewise.classification.linear_views import LinearViews
from gatewise.classification.unknown_texts import are_known, tell_of_unknown, with_shares
from gatewise.datasets import Sequences, Vocabulary
from gatewise.datasets.text import Texts
from gatewise.progress import Progress, shown, silent

# Enough for the networks to sort texts of similar length together, and for the work of a thread.
_TEXTS_AT_A_TIME = 1024
# Enough for a few large arrays, and few enough for these to stay in the caches.
_TEXTS_OF_A_THREAD = 512
# Texts whose unsure ones the networks are asked about together.
_TEXTS_QUICKLY = 1 << 15
# What is told to be done.
_READING = "reading texts"


class Said(NamedTuple):
    """What models say of texts.

    Attributes:
        scores: Of each model for each text, ``(models, samples, outputs)``.
        known: Whether any token of each text is known, ``(samples,)``.
        empty: Whether it has no tokens at all, ``(samples,)``.
    """

    scores: Float64[np.ndarray, "parts samples outputs"]
    known: Bool[np.ndarray, " samples"]
    empty: Bool[np.ndarray, " samples"]


class _Prepared(NamedTuple):
    """Some texts as numbers, and what linear models say of them, by the position of the model."""

    words: Sequences
    linear: dict[int, Float32[np.ndarray, "samples outputs"]]


def ask(fitted: Fitted, texts: Texts, progress: Progress = silent) -> Float64[np.ndarray, "samples classes"]:
    """Return the probability of each class for each text, by all models.

    Args:
        fitted: The classifier.
        texts: The texts.
        progress: Told how far it is.
    """
    said = said_of(fitted.vocabulary, fitted.models, texts, progress)
    return with_shares(fitted.combination.probabilities(said.scores), said.known, fitted.shares)


def said_of(vocabulary: Vocabulary, models: Sequence[Any], texts: Texts, progress: Progress = silent) -> Said:
    """Return what each model says of each text.

    Args:
        vocabulary: The words.
        models: Linear models and `Members`.
        texts: The texts.
        progress: Told how far it is.

    Warns:
        GatewiseWarning: Of some texts no token is known.
    """

    def prepared(start: int) -> _Prepared:
        words = vocabulary.words_of(texts[start : start + _TEXTS_AT_A_TIME])
        linear = {place: model.scores(words) for place, model in enumerate(models) if isinstance(model, LinearViews)}
        return _Prepared(words, linear)

    def finished(part: _Prepared) -> Said:
        each = [
            part.linear[place] if place in part.linear else model.scores(part.words)
            for place, model in enumerate(models)
        ]
        return Said(np.stack(each).astype(np.float64), are_known(part.words), part.words.lengths == 0)

    if len(texts) <= _TEXTS_AT_A_TIME:
        progress(0.0, _READING)
        said = finished(prepared(0))
        tell_of_unknown(said.known, said.empty)
        return said
    found: list[Said] = []
    starts = iter(range(0, len(texts), _TEXTS_AT_A_TIME))
    threads = max(cores(), 1)
    with ThreadPoolExecutor(threads) as pool:
        coming = deque(pool.submit(prepared, start) for start in islice(starts, threads + 1))
        while coming:
            progress(_TEXTS_AT_A_TIME * len(found) / len(texts), _READING)
            part = coming.popleft().result()
            coming.extend(pool.submit(prepared, start) for start in islice(starts, 1))
            found.append(finished(part))
    known, empty = (np.concatenate([part[place] for part in found]) for place in (1, 2))
    tell_of_unknown(known, empty)
    return Said(np.concatenate([part.scores for part in found], axis=1), known, empty)


def ask_quickly(fitted: Fitted, texts: Texts, progress: Progress = silent) -> Float64[np.ndarray, "samples classes"]:
    """Return the probability of each class for each text, by the linear model and few questions to the networks.

    Args:
        fitted: The classifier; without a quick way, all models are asked.
        texts: The texts.
        progress: Told how far it is.
    """
    if fitted.quick is None or fitted.network is None:
        return ask(fitted, texts, progress)
    parts = []
    for start in range(0, max(len(texts), 1), _TEXTS_QUICKLY):
        progress(start / max(len(texts), 1), _READING)
        parts.append(_quickly(fitted, texts[start : start + _TEXTS_QUICKLY]))
    chances, known, empty = (np.concatenate([part[place] for part in parts]) for place in range(3))
    tell_of_unknown(known, empty)
    return with_shares(chances, known, fitted.shares)


def _quickly(fitted: Fitted, texts: Texts) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the probabilities of texts, whether any token of each is known, and whether it has none at all."""
    quick, linear = fitted.quick, fitted.linear
    assert quick is not None
    assert fitted.network is not None

    def read(start: int) -> tuple[Any, ...]:
        words = fitted.vocabulary.words_of(texts[start : start + _TEXTS_OF_A_THREAD])
        known = are_known(words)
        scores = linear.model.scores(words).astype(np.float64)
        chances = linear.combination.probabilities(scores[None])
        unsure = np.flatnonzero(quick.unsure(chances) & known)
        return chances, scores[unsure], unsure + start, known, words.lengths == 0, words.select(unsure)

    with ThreadPoolExecutor(max(cores(), 1)) as pool:
        found = list(pool.map(read, range(0, max(len(texts), 1), _TEXTS_OF_A_THREAD)))
    chances, scores, rows, known, empty = (np.concatenate([part[place] for part in found]) for place in range(5))
    if len(rows):
        asked = [part[5] for part in found]
        lengths = np.concatenate([words.lengths for words in asked])
        words = Sequences(np.concatenate([words.ids for words in asked]), lengths)
        networks = fitted.network.model.scores(words, one_of_each=True).astype(np.float64)
        chances[rows] = quick.combination.probabilities(np.stack([scores, networks]))
    return chances, known, empty


class PartOfClassifier:
    """One part of a `TextClassifier`, asked alone.

    Attributes:
        model: The linear model, or the networks.
    """

    def __init__(self, part: Part, fitted: Fitted) -> None:
        self.model = part.model
        self._part = part
        self._fitted = fitted

    def predict_proba(self, texts: Any, *, progress: Progress | bool = True) -> Float64[np.ndarray, "samples classes"]:
        """Return the probability of each class for each text, calibrated for this part alone.

        Args:
            texts: The texts.
            progress: As in `TextClassifier.fit`.
        """
        with shown(progress) as told:
            said = said_of(self._fitted.vocabulary, [self.model], as_texts(texts), told)
        return with_shares(self._part.combination.probabilities(said.scores), said.known, self._fitted.shares)
