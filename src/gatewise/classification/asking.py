"""Probabilities of many texts: while the networks read some of them, the next ones become numbers in another thread."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Float64

from gatewise.classification.combination import Combination
from gatewise.classification.fitting import Part
from gatewise.classification.given_texts import as_texts
from gatewise.classification.linear import LinearModel
from gatewise.datasets import Sequences, Vocabulary
from gatewise.datasets.text import Texts

# Enough for the networks to sort texts of similar length together, and for the work of a thread.
_TEXTS_AT_A_TIME = 2048


class _Prepared(NamedTuple):
    """Some texts as numbers, and what linear models say of them, by the position of the model."""

    words: Sequences
    linear: dict[int, Float32[np.ndarray, "samples outputs"]]


def ask(
    vocabulary: Vocabulary, models: Sequence[Any], combination: Combination, texts: Texts
) -> Float64[np.ndarray, "samples classes"]:
    """Return the probability of each class for each text.

    Args:
        vocabulary: The words.
        models: Linear models and `Members`, in the order of the weights of `combination`.
        combination: What makes probabilities of their scores.
        texts: The texts.
    """
    return combination.probabilities(scores_of(vocabulary, models, texts))


def scores_of(
    vocabulary: Vocabulary, models: Sequence[Any], texts: Texts
) -> Float64[np.ndarray, "parts samples outputs"]:
    """Return what each model says of each text.

    Args:
        vocabulary: The words.
        models: Linear models and `Members`.
        texts: The texts.
    """

    def prepared(start: int) -> _Prepared:
        words = vocabulary.encode(texts[start : start + _TEXTS_AT_A_TIME]).words
        linear = {place: model.scores(words) for place, model in enumerate(models) if isinstance(model, LinearModel)}
        return _Prepared(words, linear)

    def finished(part: _Prepared) -> Float64[np.ndarray, "parts samples outputs"]:
        each = [
            part.linear[place] if place in part.linear else model.scores(part.words)
            for place, model in enumerate(models)
        ]
        return np.stack(each).astype(np.float64)

    if len(texts) <= _TEXTS_AT_A_TIME:
        return finished(prepared(0))
    found = []
    starts = range(0, len(texts), _TEXTS_AT_A_TIME)
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(prepared, 0)
        for following in [*starts[1:], None]:
            part = coming.result()
            if following is not None:
                coming = pool.submit(prepared, following)
            found.append(finished(part))
    return np.concatenate(found, axis=1)


class PartOfClassifier:
    """One part of a `TextClassifier`, asked alone.

    Attributes:
        model: The linear model, or the networks.
    """

    def __init__(self, part: Part, vocabulary: Vocabulary) -> None:
        self.model = part.model
        self._part = part
        self._vocabulary = vocabulary

    def predict_proba(self, texts: Any) -> Float64[np.ndarray, "samples classes"]:
        """Return the probability of each class for each text, calibrated for this part alone."""
        return ask(self._vocabulary, [self.model], self._part.combination, as_texts(texts))
