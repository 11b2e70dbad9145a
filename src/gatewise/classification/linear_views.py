"""Linear models of several views of a text, weighed by what they say of texts that they do not know.

A view that is worth nothing beside the others (clusters of the words of a few hundred texts, say) gets no weight, and is
left out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32

from gatewise.classification.combination import combine
from gatewise.classification.linear import LinearModel, Problem, fit_linear
from gatewise.classification.runs import Columns, Runs
from gatewise.classification.specification import Linear
from gatewise.datasets import Sequences

# A view that counts less than this among all is not worth the time that it takes to ask it.
_LEAST_SHARE = 0.05
# Texts of which a matrix is made at a time, for prediction.
_TEXTS_AT_A_TIME = 4096


@dataclass(frozen=True, eq=False)
class LinearViews:
    """Fitted linear models of several views.

    Attributes:
        models: The models.
        shares: How much each counts, in all 1.
    """

    models: tuple[LinearModel, ...]
    shares: tuple[float, ...]

    def scores(self, words: Sequences) -> Float32[np.ndarray, "samples outputs"]:
        """Return log-odds of each output for each text."""
        parts = []
        ends = words.offsets
        for start in range(0, len(words), _TEXTS_AT_A_TIME):
            stop = min(start + _TEXTS_AT_A_TIME, len(words))
            parts.append(self._scores(Sequences(words.ids[ends[start] : ends[stop]], words.lengths[start:stop])))
        return np.concatenate(parts) if parts else np.zeros((0, len(self.intercepts)), np.float32)

    def _scores(self, words: Sequences) -> Float32[np.ndarray, "samples outputs"]:
        found: dict[int, Columns] = {}
        total = np.zeros((len(words), len(self.intercepts)), np.float32)
        for model, share in self:
            runs = model.runs
            # Views that know the same runs look them up once.
            if id(runs.ngrams) not in found:
                found[id(runs.ngrams)] = runs.everywhere(words)
            total += np.float32(share) * model.scores(words, found[id(runs.ngrams)])
        return total

    @property
    def intercepts(self) -> Float32[np.ndarray, " outputs"]:
        """What a text without any known run is given, ``(outputs,)``."""
        return np.sum([np.float32(share) * model.intercepts for model, share in self], axis=0)

    def __iter__(self) -> Iterator[tuple[LinearModel, float]]:
        """Return each model with how much it counts."""
        return iter(zip(self.models, self.shares, strict=True))


def fit_views(
    views: Sequence[Runs],
    words: Sequences,
    truth: Bool[np.ndarray, "samples outputs"],
    importance: Float64[np.ndarray, " samples"],
    folds: Int32[np.ndarray, " samples"],
    spec: Linear,
    one_of_many: bool,
) -> tuple[LinearViews, Float32[np.ndarray, "samples outputs"]]:
    """Fit a linear model of each view on all texts, and once without each fold.

    Args:
        views: The views.
        words: The token numbers of the texts.
        truth: Which outputs each text has.
        importance: How much each text counts.
        folds: The fold of each text.
        spec: The options.
        one_of_many: Whether a text has one of several outputs.

    Returns:
        The models of all texts; and the scores of each text by the models that were fitted without its fold.
    """
    models, held_out = [], []
    for view in views:
        # One matrix at a time: it is the largest thing here.
        model, scores = fit_linear(view, Problem(view.matrix(words), truth, importance), folds, spec)
        assert scores is not None
        models.append(model)
        held_out.append(scores)
    shares = _shares(np.stack(held_out).astype(np.float64), truth, one_of_many)
    kept = [place for place, share in enumerate(shares) if share]
    together = np.tensordot(shares, np.stack(held_out), axes=1).astype(np.float32)
    return LinearViews(tuple(models[place] for place in kept), tuple(float(shares[place]) for place in kept)), together


def _shares(
    scores: Float64[np.ndarray, "parts samples outputs"],
    truth: Bool[np.ndarray, "samples outputs"],
    one_of_many: bool,
) -> Float64[np.ndarray, " parts"]:
    """Return how much each view counts, by what its models say of texts that they do not know."""
    parts, _, outputs = scores.shape
    first = np.eye(parts)[0]
    if parts == 1:
        return first
    classes = np.concatenate([~truth, truth], axis=1) if outputs == 1 else truth
    weights = combine(scores, classes, outputs > 1 and not one_of_many, "temperature", held=False).weights
    weights = np.where(weights < _LEAST_SHARE * weights.sum(), 0, weights)
    return weights / weights.sum() if weights.sum() > 0 else first
