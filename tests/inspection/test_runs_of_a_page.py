"""The runs of words that a page takes along: those of the words that it takes along, and of them each with what it adds."""

import numpy as np

from gatewise.classification.ngrams import NGrams
from gatewise.classification.word_runs import WordRuns
from gatewise.datasets import Sequences
from gatewise.inspection.chunks import with_runs_of


def test_runs_of_some_words_add_to_texts_of_them_what_all_runs_add():
    random = np.random.default_rng(0)
    words = Sequences.of([random.integers(2, 12, 20).tolist() for _ in range(60)])
    runs = WordRuns.of(words, 12, 3, 4)
    table = random.standard_normal((runs.size, 2))
    layer = {"type": "chunks", "orders": runs.keys, "known": 12, "runs": table}
    taken = np.array([2, 3, 5, 8, 9])
    found = with_runs_of(taken, layer)
    some = WordRuns(NGrams(12, tuple(found["orders"])), 3)
    assert 1 < some.size == len(found["runs"]) < runs.size
    texts = Sequences.of([random.choice(taken, 30).tolist() for _ in range(5)])
    of_all, of_some = runs.numbers(texts), some.numbers(texts)
    np.testing.assert_array_equal(of_all > 0, of_some > 0)
    assert (of_some[:, 1] > 0).any()
    np.testing.assert_array_equal(table[of_all[of_all > 0]], found["runs"][of_some[of_some > 0]])
    # A layer without runs stays what it is.
    other = {"type": "dense", "orders": []}
    assert with_runs_of(taken, other) is other
