"""Linear models beside the networks: what the words of a review say without their order, and short runs of them.

- TF-IDF: how often a word or pair of words is in a review, its logarithm, times the logarithm of how rare it is; each review
  of length 1 (G. Salton and C. Buckley, Term-Weighting Approaches in Automatic Text Retrieval, 1988).
- NB-SVM's features: whether a word, pair or triple is there, times the logarithm of how unequally the two kinds of reviews
  use it (S. Wang and C. D. Manning, Baselines and Bigrams, ACL 2012); the linear part of `gatewise.TextClassifier`.

Both are followed by a logistic regression, and their options are not chosen by the test reviews: those of the first are
usual ones, those of the second the classifier's.
"""

import time
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from gatewise.classification.decision import Decision
from gatewise.classification.linear import Problem, fit_linear
from gatewise.classification.ngrams import NGrams
from gatewise.classification.runs import Runs
from gatewise.classification.scores import scores
from gatewise.classification.sparse_logistic import fit_logistic
from gatewise.classification.specification import Linear
from gatewise.datasets import Corpus, Sequences, Vocabulary
from gatewise.recipes.reviews.result import LinearScore

_LEAST_REVIEWS = 2
# As in scikit-learn's LogisticRegression: C = 10, which suits rows of length 1.
_TFIDF_STRENGTH = 10.0


def linear_scores(train: Corpus, test: Corpus) -> tuple[LinearScore, ...]:
    """Train linear models and test them.

    Args:
        train: Reviews of two classes.
        test: Others.

    Returns:
        TF-IDF with logistic regression, and NB-SVM's features with it.
    """
    started = time.perf_counter()
    vocabulary = Vocabulary.of(train.texts, None, _LEAST_REVIEWS)
    words, tested = (vocabulary.encode(part.texts).words for part in (train, test))
    reading = time.perf_counter() - started
    truth = np.eye(2, dtype=bool)[test.labels]
    result = []
    for name, model in (("TF-IDF + logistic regression, 1–2 grams", _tfidf), ("NB-SVM's features, 1–3 grams", _bayes)):
        started = time.perf_counter()
        odds = model(vocabulary.size, words, train.labels.astype(bool), tested)
        seconds = reading + time.perf_counter() - started
        second = 0.5 * (1 + np.tanh(0.5 * odds))
        found = scores(truth, np.stack([1 - second, second], axis=1), Decision.plain(2))
        result.append(LinearScore(name, found.accuracy, found.log_loss, seconds))
    return tuple(result)


def _tfidf(
    size: int, words: Sequences, good: Bool[np.ndarray, " samples"], tested: Sequences
) -> Float64[np.ndarray, " rows"]:
    """Return the log-odds of reviews by TF-IDF and logistic regression."""
    ngrams = NGrams.of(words, size, longest=2, min_texts=_LEAST_REVIEWS)
    counted = counts(ngrams, words)
    met = np.bincount(counted.indices, minlength=ngrams.terms)
    rarity = np.log((1 + len(words)) / (1 + met)) + 1
    solution = fit_logistic(weighed(counted, rarity), good.astype(np.float64), np.full(len(words), _TFIDF_STRENGTH))
    odds: np.ndarray = weighed(counts(ngrams, tested), rarity) @ solution.weights + solution.intercept
    return odds.astype(np.float64)


def _bayes(
    size: int, words: Sequences, good: Bool[np.ndarray, " samples"], tested: Sequences
) -> Float64[np.ndarray, " rows"]:
    """Return the log-odds of reviews by the linear part of a `TextClassifier`."""
    spec = Linear(longest=3)
    runs = Runs(NGrams.of(words, size, spec.longest, spec.min_texts))
    problem = Problem(runs.matrix(words), good[:, None], np.ones(len(words)))
    model, _ = fit_linear(runs, problem, None, spec)
    return model.scores(tested)[:, 0].astype(np.float64)


def counts(ngrams: NGrams, words: Sequences) -> Any:
    """Return how often each run of words is in each text, a ``csr_array`` ``(samples, terms)``."""
    from scipy import sparse

    text = np.repeat(np.arange(len(words)), words.lengths)
    found = ngrams.columns(words)
    rows = np.concatenate([text[columns >= 0] for columns in found])
    columns = np.concatenate([columns[columns >= 0] for columns in found])
    ones = np.ones(len(rows), np.float32)
    return sparse.coo_array((ones, (rows, columns)), shape=(len(words), ngrams.terms)).tocsr()


def weighed(counted: Any, rarity: Float64[np.ndarray, " terms"]) -> Any:
    """Return ``(1 + log count) × rarity``, each row brought to length 1, as a ``csr_array`` of float32."""
    from scipy import sparse

    data = (1 + np.log(counted.data)) * rarity[counted.indices]
    texts = np.repeat(np.arange(counted.shape[0]), np.diff(counted.indptr))
    lengths = np.sqrt(np.bincount(texts, weights=data**2, minlength=counted.shape[0]))
    data = data / np.maximum(lengths, 1e-12)[texts]
    return sparse.csr_array((data.astype(np.float32), counted.indices, counted.indptr), shape=counted.shape)
