import numpy as np
import pytest
import scipy.sparse as sparse
from scipy.optimize import minimize

from gatewise.classification.linear import Linear, Problem, fit_linear, naive_bayes_ratio
from gatewise.classification.linear_views import fit_views
from gatewise.classification.negation import denied, roles_of
from gatewise.classification.ngrams import NGrams
from gatewise.classification.runs import clusters_for, views_of
from gatewise.classification.sparse_logistic import fit_logistic
from gatewise.classification.word_clusters import Clusters, clusters_of
from gatewise.datasets import Sequences
from gatewise.datasets.text.number_table import Table


def test_a_table_finds_what_is_in_it_and_nothing_else():
    keys = np.unique(np.random.default_rng(0).integers(0, 2**60, 50_000))
    table = Table(keys)
    assert (table.find(keys) == np.arange(len(keys))).all()
    others = np.setdiff1d(np.random.default_rng(1).integers(0, 2**60, 50_000), keys)
    assert (table.find(others) == -1).all()


NAMES = [f"w{number}" for number in range(2, 100)]


def plain_runs(texts, longest, least):
    """The runs of words in at least so many texts, of which all shorter runs are in as many, one by one."""
    counts = {}
    for words in texts:
        runs = {tuple(words[i : i + n]) for n in range(1, longest + 1) for i in range(len(words) - n + 1)}
        for run in runs:
            if 1 not in run:
                counts[run] = counts.get(run, 0) + 1
    return {run for run, number in counts.items() if number >= least}


def test_runs_of_words_are_those_found_one_by_one():
    random = np.random.default_rng(0)
    texts = [random.integers(1, 9, random.integers(0, 12)).tolist() for _ in range(60)]
    ngrams = NGrams.of(Sequences.of(texts), 9, longest=3, min_texts=3)
    expected = plain_runs(texts, 3, 3)
    assert ngrams.terms == len(expected) > 30
    matrix = ngrams.matrix(Sequences.of(texts)).toarray()
    found = [
        {run for run in expected if any(tuple(words[i : i + len(run)]) == run for i in range(len(words)))}
        for words in texts
    ]
    assert matrix.sum(axis=1).tolist() == [len(runs) for runs in found]
    assert sorted(matrix.sum(axis=0)) == sorted(sum(run in runs for runs in found) for run in expected)


def test_pairs_with_a_word_between_them_are_those_found_one_by_one():
    random = np.random.default_rng(1)
    texts = [random.integers(1, 7, random.integers(0, 9)).tolist() for _ in range(50)]
    ngrams = NGrams.of(Sequences.of(texts), 7, longest=2, min_texts=4, apart=True)
    assert ngrams.steps == [(0,), (0, 1), (0, 2)]
    pairs = [{(a, b) for a, b in zip(words, words[2:], strict=False) if 1 not in (a, b)} for words in texts]
    texts_with = {pair: sum(pair in found for found in pairs) for pair in set.union(*pairs)}
    expected = {pair for pair, number in texts_with.items() if number >= 4}
    runs = plain_runs(texts, 2, 4)
    assert ngrams.terms == len(runs) + len(expected)
    assert 10 < len(expected) < len(texts_with)
    sums = ngrams.matrix(Sequences.of(texts)).toarray()[:, len(runs) :].sum(axis=1)
    assert sums.tolist() == [len(found & expected) for found in pairs]


def test_texts_without_known_words_are_rows_of_nothing():
    ngrams = NGrams.of(Sequences.of([[2, 3], [2, 3]]), 5)
    matrix = ngrams.matrix(Sequences.of([[], [1, 4], [2, 3, 2]]))
    assert matrix.toarray().tolist() == [[0, 0, 0], [0, 0, 0], [1, 1, 1]]


def test_a_logistic_regression_is_the_one_of_a_plain_optimizer():
    random = np.random.default_rng(0)
    dense = (random.random((60, 200)) < 0.1) * random.normal(size=(60, 200))
    truth = (dense[:, :5].sum(axis=1) + random.normal(size=60) * 0.3 > 0.1).astype(float)
    importance = random.uniform(1, 9, 60)

    def loss(values):
        scores = dense @ values[:-1] + values[-1]
        return importance @ (np.logaddexp(0, scores) - truth * scores) + values[:-1] @ values[:-1] / 2

    best = minimize(loss, np.zeros(201), method="L-BFGS-B", options={"maxiter": 2000, "maxfun": 10**6, "ftol": 1e-14})
    found = fit_logistic(sparse.csr_array(dense.astype(np.float32)), truth, importance)
    assert loss(np.append(found.weights, found.intercept)) < best.fun + 1e-3 * abs(best.fun)
    np.testing.assert_allclose(found.weights, best.x[:-1], atol=0.02)
    assert found.intercept == pytest.approx(best.x[-1], abs=0.02)


def test_the_ratio_is_that_of_wang_and_manning():
    matrix = sparse.csr_array(np.array([[1, 1, 0, 0], [1, 0, 1, 0], [0, 1, 1, 0]], np.float32))
    ratio = naive_bayes_ratio(matrix, np.array([1.0, 1, 0]), np.array([0.0, 0, 1]))
    p, q = np.array([4, 3, 3, 2]), np.array([2, 3, 3, 2])
    np.testing.assert_allclose(ratio[:3], np.log(p[:3] / p.sum() / (q[:3] / q.sum())), rtol=1e-6)
    assert ratio[3] == 0


def learnt(outputs=1, noise=0.0):
    random = np.random.default_rng(0)
    texts = [random.integers(2, 30, 12).tolist() for _ in range(90)]
    truth = np.array([[output + 2 in words for output in range(outputs)] for words in texts])
    truth ^= random.random(truth.shape) < noise
    words = Sequences.of(texts)
    spec = Linear(longest=2, min_texts=1)
    folds = (np.arange(90) % 3).astype(np.int32)
    views = views_of(words, NAMES[:28], spec)
    return words, truth, folds, *fit_views(views, words, truth, np.ones(90), folds, spec, False)


def company(words, kinds, seed=0):
    """Vectors of so many words, each near the direction of its kind: word number modulo the number of kinds."""
    random = np.random.default_rng(seed)
    near = np.eye(8)[np.arange(words) % kinds] + 0.1 * random.normal(size=(words, 8))
    vectors = (near * random.uniform(0.5, 3, (words, 1))).astype(np.float32)
    vectors[:2] = 0
    return vectors


def test_words_in_the_same_company_are_in_one_cluster():
    vectors = company(200, 4)
    vectors[77] = 0
    found = clusters_of(vectors, 4, seed=3)
    assert found[[0, 1, 77]].tolist() == [1, 1, 1]
    kinds = [set(found[kind + 4 : 200 : 4].tolist()) - {1} for kind in range(4)]
    assert sorted(kinds, key=min) == [{2}, {3}, {4}, {5}]
    clusters = Clusters(found, np.zeros(300, np.int8))
    assert clusters.numbers(Sequences.of([[5, 1, 77], [250]])).ids.tolist() == [found[5], 1, 1, 1]


def test_words_behind_a_negation_are_denied_up_to_the_next_mark():
    names = ["not", "didn't", ".", "a", "good", "film", "don"]
    roles = roles_of(names)
    assert roles.tolist() == [0, 0, 1, 1, 2, 0, 0, 0, 0]
    assert roles_of(names, ("a",)).tolist() == [0, 0, 0, 0, 2, 1, 0, 0, 0]
    number = {name: place for place, name in enumerate(names, start=2)}
    texts = ["a not good film . good", "good", "didn't a a a a a a a", "not not good", "film not"]
    words = Sequences.of([[number[word] for word in text.split()] for text in texts])
    found = denied(words, roles).astype(int)
    assert [found[start:stop].tolist() for start, stop in zip(words.offsets, words.offsets[1:], strict=False)] == [
        [0, 0, 1, 1, 0, 0],
        [0],
        [0, 1, 1, 1, 1, 1, 1, 0],
        [0, 0, 1],
        [0, 0],
    ]
    # Three clusters, 2 to 4; denied ones behind them. "film" is in none.
    clusters = Clusters(np.array([1, 1, 2, 2, 3, 4, 4, 1, 3], np.int32), roles)
    assert clusters.size == 8
    assert clusters.numbers(words).ids[:6].tolist() == [4, 2, 7, 1, 3, 4]


def test_runs_of_clusters_are_a_view_of_their_own():
    words = Sequences.of([[2, 3, 4, 5], [6, 3, 8, 5], [10, 3], [2, 99, 3]])
    spec = Linear(longest=2, min_texts=1, apart=False, clusters=4)
    of_words, of_clusters = views_of(words, NAMES, spec, company(100, 4))
    assert [len(keys) for keys in of_words.ngrams.orders] == [8, 9]
    # Runs of clusters have to be in one text more than those of words: the pair of two of the fourth kind is in one.
    assert [len(keys) for keys in of_clusters.ngrams.orders] == [4, 3]
    assert of_clusters.matrix(words).toarray().sum(axis=1).tolist() == [7, 7, 3, 3]
    again = Sequences.of([[6, 99, 12, 1]])
    assert (of_clusters.matrix(again).toarray() == of_clusters.matrix(words).toarray()[[0]]).sum() == 5


def test_a_few_words_are_put_into_fewer_clusters_or_none():
    assert [clusters_for(Linear(), words) for words in (30_000, 8_000, 1_000, 999)] == [1500, 400, 50, 0]
    assert [clusters_for(Linear(clusters=number), 100) for number in (0, 4, 6)] == [0, 4, 0]


@pytest.mark.parametrize("outputs", [1, 3])
def test_what_runs_contribute_adds_up_to_the_scores(outputs):
    words, truth, _, views, _ = learnt(outputs)
    ((model, share),) = views
    assert share == 1
    scores = model.scores(words)
    assert ((scores > 0) == truth).mean() > 0.99
    for row in (0, 17):
        parts = model.contributions(words[row])
        np.testing.assert_allclose(
            sum(weight for _, _, weight in parts) + model.intercepts, scores[row], rtol=1e-3, atol=1e-4
        )
        assert all(start >= 0 and start + steps[-1] < 12 for start, steps, _ in parts)
        assert {steps for _, steps, _ in parts} == {(0,), (0, 1), (0, 2)}


def test_an_end_is_read_as_if_the_rest_were_not_there():
    random = np.random.default_rng(0)
    texts = [random.integers(1, 9, random.integers(0, 12)).tolist() for _ in range(60)]
    words, spec = Sequences.of(texts), Linear(longest=3, endings=(4, 2, 6))
    whole, *ends = views_of(words, NAMES[:7], spec)
    # Half of the texts have four words and more; hardly any has eight.
    assert [view.last for view in ends] == [2]
    cut = Sequences.of([text[-2:] for text in texts])
    assert (ends[0].matrix(words).toarray() == whole.matrix(cut).toarray()).all()
    assert ends[0].matrix(words).sum() > 60


def test_views_count_by_what_they_say_of_texts_that_they_do_not_know():
    """Which words of a kind a text has is chance, and the first kind decides, or the last word: one view says it best."""
    random = np.random.default_rng(0)
    words = Sequences.of([random.integers(2, 100, 12).tolist() for _ in range(90)])
    kinds = np.array([(words[row] % 5 == 0).sum() for row in range(90)])
    ends = np.array([words[row][-1] for row in range(90)])
    folds, spec = (np.arange(90) % 3).astype(np.int32), Linear(longest=2, min_texts=1, clusters=5, endings=(1,))
    given = views_of(words, NAMES, spec, company(100, 5))
    assert [(view.clusters is not None, view.last) for view in given] == [(False, None), (True, None), (False, 1)]
    for truth, best in ((kinds > 0, given[1]), (ends % 14 < 7, given[2])):
        views, held_out = fit_views(given, words, truth[:, None], np.ones(90), folds, spec, False)
        assert sum(views.shares) == pytest.approx(1)
        assert views.models[int(np.argmax(views.shares))].runs is best
        parts = [share * model.scores(words) for model, share in views]
        np.testing.assert_allclose(views.scores(words), sum(parts), rtol=1e-5, atol=1e-6)
        assert ((held_out[:, 0] > 0) == truth).mean() > 0.6


def test_scores_of_a_fold_come_from_a_model_that_does_not_know_it():
    words, truth, folds, views, held_out = learnt(noise=0.2)
    assert ((views.scores(words) > 0) == truth).mean() == 1
    assert ((held_out > 0) == truth).mean() < 0.9
    # The labels of a fold cannot change what is said of it.
    runs = views.models[0].runs
    turned = np.where((folds == 1)[:, None], ~truth, truth)
    _, again = fit_linear(runs, Problem(runs.matrix(words), turned, np.ones(90)), folds, Linear())
    np.testing.assert_allclose(again[folds == 1], held_out[folds == 1], rtol=1e-6)
    assert not np.allclose(again[folds == 0], held_out[folds == 0], atol=0.1)
