"""The linear models beside the recipes: weights by a loop over words, and what they are worth on made reviews."""

from collections import Counter

import numpy as np
import pytest

import gatewise as gw
from gatewise.classification.ngrams import NGrams
from gatewise.datasets import Vocabulary
from gatewise.recipes.reviews.linear import counts, linear_scores, weighed
from made_texts import made

TEXTS = ["a b a", "b a", "b b a b", "c a b", "c"]


def test_counts_and_weights_are_those_of_a_loop():
    """``(1 + log count) × (log((1 + texts) / (1 + texts with it)) + 1)``, each text of length 1."""
    vocabulary = Vocabulary.of(TEXTS, None, 1)
    words = vocabulary.encode(TEXTS).words
    ngrams = NGrams.of(words, vocabulary.size, longest=2, min_texts=1)
    counted = counts(ngrams, words)
    runs = [Counter([*text.split(), *zip(text.split(), text.split()[1:], strict=False)]) for text in TEXTS]
    met = Counter(run for one in runs for run in one)
    assert sorted(counted.toarray().sum(axis=0).tolist()) == sorted(sum(one[run] for one in runs) for run in met)
    rarity = np.log(6 / (1 + np.bincount(counted.indices, minlength=ngrams.terms))) + 1
    matrix = weighed(counted, rarity).toarray()
    for row, one in enumerate(runs):
        expected = np.array([(1 + np.log(times)) * (np.log(6 / (1 + met[run])) + 1) for run, times in one.items()])
        expected /= np.linalg.norm(expected)
        np.testing.assert_allclose(np.sort(matrix[row][matrix[row] > 0]), np.sort(expected), rtol=1e-6)


def test_both_learn_what_the_words_say():
    texts, labels = made(400)
    rows = [(f"{text} n{place}", label) for place, (text, label) in enumerate(zip(texts, labels, strict=True))]
    corpus = gw.read_corpus(rows[:300], test=rows[300:])
    tfidf, bayes = linear_scores(corpus.train, corpus.test)
    assert (tfidf.name, bayes.name) == ("TF-IDF + logistic regression, 1–2 grams", "NB-SVM's features, 1–3 grams")
    for one in (tfidf, bayes):
        # A tenth of the texts say nothing.
        assert one.accuracy == pytest.approx(0.95, abs=0.05)
        assert one.log_loss < 0.45
        assert one.seconds > 0
    classifier = gw.TextClassifier(network=(), calibration=None).fit(corpus)
    assert bayes.accuracy == pytest.approx(classifier.score(corpus.test), abs=0.02)
