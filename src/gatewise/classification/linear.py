"""The linear model: which runs of words a text has, each weighed by how unequally the classes use it.

S. Wang and C. D. Manning, Baselines and Bigrams: Simple, Good Sentiment and Topic Classification, ACL 2012: a run's column
is multiplied by the logarithm of the ratio of its frequencies inside and outside of a class (naive Bayes), and a linear
model is fitted to that; here a logistic regression, on rows of length 1. Pairs of words with one between them count as runs.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, Int64

from gatewise.backend import cores
from gatewise.classification.ngrams import matrix_of
from gatewise.classification.runs import Columns, Runs
from gatewise.classification.sparse_logistic import fit_logistic
from gatewise.classification.specification import Linear
from gatewise.datasets import Sequences

# What is added to how often a run is met, inside of a class and outside.
_SMOOTHING = 2.0


@dataclass(frozen=True, eq=False)
class LinearModel:
    """A fitted linear model.

    Attributes:
        runs: The runs that it knows.
        weights: What each run adds for each output, before the row is brought to length 1, ``(terms, outputs)``.
        squares: What it adds to the square of the row's length, ``(terms, outputs)``.
        intercepts: What is added at last, ``(outputs,)``.
    """

    runs: Runs
    weights: Float32[np.ndarray, "terms outputs"]
    squares: Float32[np.ndarray, "terms outputs"]
    intercepts: Float32[np.ndarray, " outputs"]

    def scores(self, words: Sequences, found: Columns | None = None) -> Float32[np.ndarray, "samples outputs"]:
        """Return log-odds of each output for each text.

        Args:
            words: The texts.
            found: What ``runs.everywhere(words)`` returns, where it is known already.
        """
        columns = self.runs.of(self.runs.everywhere(words) if found is None else found, words)
        matrix = matrix_of(columns, words, self.runs.ngrams.terms)
        # Two products, as weights and squares side by side would be copied for each text.
        result: np.ndarray = (matrix @ self.weights) / _lengths(matrix @ self.squares) + self.intercepts
        return result

    def contributions(
        self, words: Int32[np.ndarray, " time"]
    ) -> list[tuple[int, tuple[int, ...], Float32[np.ndarray, " outputs"]]]:
        """Return what each run of one text adds to its log-odds.

        Args:
            words: The token numbers of the text.

        Returns:
            For each different run that is known: the token where it is first met, how far each of its words is from that,
            and what it adds to each output. Together with the intercepts they are the scores.
        """
        columns = self.runs.columns(Sequences(words, np.array([len(words)], np.int64)))
        met: dict[int, tuple[int, tuple[int, ...]]] = {}
        for steps, found in zip(self.runs.ngrams.steps, columns, strict=True):
            for start, column in enumerate(found.tolist()):
                if column >= 0:
                    met.setdefault(column, (start, steps))
        rows = np.array(list(met), np.int64)
        length = _lengths(self.squares[rows].sum(axis=0))
        return [(*place, self.weights[column] / length) for column, place in met.items()]


class Problem(NamedTuple):
    """What is to be learnt.

    Attributes:
        matrix: Which runs are in which text, ``(samples, terms)``.
        truth: Which outputs each text has, ``(samples, outputs)``.
        importance: How much each text counts, ``(samples,)``.
    """

    matrix: Any
    truth: Bool[np.ndarray, "samples outputs"]
    importance: Float64[np.ndarray, " samples"]


def fit_linear(
    runs: Runs, problem: Problem, folds: Int32[np.ndarray, " samples"] | None, spec: Linear
) -> tuple[LinearModel, Float32[np.ndarray, "samples outputs"] | None]:
    """Fit the linear model on all texts, and once without each fold.

    Args:
        runs: The runs.
        problem: What is to be learnt.
        folds: The fold of each text; None for no scores of texts held out.
        spec: The options.

    Returns:
        The model of all texts; and the scores of each text by the model that was fitted without its fold.
    """
    outputs = problem.truth.shape[1]
    held_out = [None] if folds is None else [None, *range(int(folds.max()) + 1)]
    scores = None if folds is None else np.zeros(problem.truth.shape, np.float32)
    parts: dict[int, tuple[Any, ...]] = {}

    def work(task: tuple[int | None, int]) -> None:
        fold, output = task
        rows = np.arange(len(problem.truth)) if fold is None else np.flatnonzero(folds != fold)
        fitted = _fit(problem, rows, output, spec)
        if fold is None:
            parts[output] = fitted
        elif scores is not None:
            weights, squares, intercept = fitted
            rows = np.flatnonzero(folds == fold)
            sums = problem.matrix[rows] @ np.stack([weights, squares], axis=1)
            scores[rows, output] = sums[:, 0] / _lengths(sums[:, 1]) + intercept

    with ThreadPoolExecutor(max(cores(), 1)) as pool:
        list(pool.map(work, [(fold, output) for output in range(outputs) for fold in held_out]))
    columns = [parts[output] for output in range(outputs)]
    model = LinearModel(
        runs,
        np.stack([weights for weights, _, _ in columns], axis=1),
        np.stack([squares for _, squares, _ in columns], axis=1),
        np.array([intercept for _, _, intercept in columns], np.float32),
    )
    return model, scores


def _fit(
    problem: Problem, rows: Int64[np.ndarray, " rows"], output: int, spec: Linear
) -> tuple[Float32[np.ndarray, " terms"], Float32[np.ndarray, " terms"], float]:
    """Return weights, squares and the intercept of one output, learnt from some of the texts."""
    from scipy import sparse

    matrix = problem.matrix[rows]
    truth = problem.truth[rows, output].astype(np.float64)
    importance = problem.importance[rows]
    ratio = naive_bayes_ratio(matrix, truth * importance, (1 - truth) * importance)
    data = ratio[matrix.indices]
    lengths = _lengths(np.add.reduceat(np.append(data**2, 0), matrix.indptr[:-1]) * (np.diff(matrix.indptr) > 0))
    data /= np.repeat(lengths, np.diff(matrix.indptr))
    scaled = sparse.csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)
    solution = fit_logistic(scaled, truth, importance * spec.strength)
    return solution.weights * ratio, ratio**2, solution.intercept


def naive_bayes_ratio(
    matrix: Any, inside: Float64[np.ndarray, " samples"], outside: Float64[np.ndarray, " samples"]
) -> Float32[np.ndarray, " terms"]:
    """Return the logarithm of how much more frequent each run is inside of a class than outside; 0 for one never met.

    ``log((p + 2) / |p + 2|) - log((q + 2) / |q + 2|)``, p and q the numbers of texts with the run, as Wang and Manning
    have it; they add 1, with which movie reviews that were held out are classified a little worse.

    Args:
        matrix: Which runs are in which text.
        inside: How much each text counts inside of the class.
        outside: How much it counts outside.
    """
    transposed = matrix.T
    p, q = (transposed @ side.astype(np.float32) for side in (inside, outside))
    ratio = _share(p) - _share(q)
    return np.where(p + q > 0, ratio, 0).astype(np.float32)


def _share(met: np.ndarray) -> np.ndarray:
    return np.log((met + _SMOOTHING) / (met + _SMOOTHING).sum())


def _lengths(squares: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(squares, 1e-12))
