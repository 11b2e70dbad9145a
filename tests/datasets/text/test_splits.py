"""Cutting a corpus into parts: the shares of the classes, what stays together, what cannot be done."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewise.datasets import Corpus, Texts, split_corpus
from gatewise.datasets.text.splits import inseparable, shared_between
from gatewise.errors import DataError, UsageError


def corpus_of(labels, texts=None, groups=None):
    labels = np.array(labels)
    labels = labels.astype(np.int32) if labels.ndim == 1 else labels.astype(bool)
    classes = tuple("abcdefgh"[: labels.shape[1] if labels.ndim == 2 else labels.max() + 1])
    texts = [f"text {i}" for i in range(len(labels))] if texts is None else texts
    groups = None if groups is None else np.array(groups, np.int32)
    return Corpus(Texts.of(texts), labels, classes, groups)


@settings(deadline=None)
@given(st.lists(st.integers(3, 60), min_size=2, max_size=4), st.sampled_from([(0.2, 0.0), (0.1, 0.2), (0.5, 0.25)]))
def test_every_class_has_its_share_of_every_part(sizes, shares):
    test, validation = shares
    corpus = corpus_of(np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes)))
    split = split_corpus(corpus, test, validation, seed=3)
    for share, name in ((1 - test - validation, "train"), (validation, "validation"), (test, "test")):
        if share:
            counts = split.part(name).counts()
            for size, found in zip(sizes, counts.values(), strict=True):
                assert found >= 1
                assert abs(found - share * size) <= 1.5
    assert list(split.texts) == list(corpus.texts)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 9), st.integers(0, 5)), min_size=40, max_size=60))
def test_equal_texts_and_groups_stay_together(rows):
    rows += [(label, 100 + n, 100 + n) for label in (0, 1) for n in range(2)]
    corpus = corpus_of([row[0] for row in rows], [f"text {row[1]}" for row in rows], [row[2] for row in rows])
    try:
        split = split_corpus(corpus, test=0.3)
    except DataError:
        # Too much belongs together; the sentences are tested below.
        assert inseparable(corpus).max() + 1 < 20
        return
    for kind in (1, 2):
        parts = {}
        for row, part in zip(rows, split.split.tolist(), strict=True):
            assert parts.setdefault(row[kind], part) == part
    assert shared_between(split) == 0


def test_large_groups_go_first_so_that_small_ones_can_fill_up():
    groups = [0] * 40 + list(range(1, 61))
    corpus = split_corpus(corpus_of([n % 2 for n in range(100)], groups=groups), test=0.4)
    assert corpus.test.counts() == {"a": 20, "b": 20}


def test_groups_that_no_split_can_part_are_refused():
    corpus = corpus_of([0, 1, 1, 2, 0, 2], groups=[0, 0, 1, 1, 2, 2])
    with pytest.raises(DataError) as raised:
        split_corpus(corpus)
    assert re.fullmatch(
        r"The groups leave no text of class '[abc]' for the (train|test) part: give another seed, or other shares\.",
        str(raised.value),
    )


def test_what_belongs_together_through_others_is_found():
    corpus = corpus_of([0] * 5, ["x", "x", "y", "y", "z"], groups=[0, 1, 1, 2, 3])
    assert inseparable(corpus).tolist() == [0, 0, 0, 0, 1]


def test_the_seed_decides_and_nothing_else():
    corpus = corpus_of([0, 1] * 50)
    one, same, other = (split_corpus(corpus, seed=seed).split for seed in (1, 1, 2))
    assert one.tolist() == same.tolist() != other.tolist()
    assert split_corpus(corpus).notes == ("Split at random with seed 0, each class in its share: 80 train, 20 test.",)


def test_texts_with_several_classes_are_shared_out_too():
    labels = np.random.default_rng(1).random((400, 3)) < [0.5, 0.1, 0.02]
    split = split_corpus(corpus_of(labels), test=0.25)
    assert split.multi_label
    for name, whole in split_corpus(corpus_of(labels)).counts().items():
        assert abs(split.test.counts()[name] - 0.25 * whole) <= 2


def test_a_shared_text_is_counted_wherever_the_split_came_from():
    corpus = corpus_of([0, 1, 0, 1], ["a", "b", "a", "c"])
    leaking = Corpus(corpus.texts, corpus.labels, corpus.classes, split=np.array([0, 0, 2, 1], np.int8))
    assert shared_between(leaking) == 1
    assert shared_between(corpus) == 0


def test_a_part_that_is_not_there_is_named():
    corpus = corpus_of([0, 1])
    assert corpus.train is corpus
    with pytest.raises(UsageError) as raised:
        _ = corpus.test
    assert str(raised.value) == (
        "This corpus has no test part: make one with gw.datasets.split_corpus(corpus, test=0.2)."
    )
    with pytest.raises(UsageError) as raised:
        corpus.part("dev")
    assert str(raised.value) == "The part is 'dev': give 'train', 'validation' or 'test'."


@pytest.mark.parametrize(
    ("corpus", "arguments", "error", "sentence"),
    [
        (
            corpus_of([0, 0, 0, 1]),
            {},
            DataError,
            "Class 'b' has 1 text, and 2 parts are to have it: add texts of that class, or leave it out.",
        ),
        (
            corpus_of([0, 0, 1, 1], ["x", "y", "z", "z"]),
            {},
            DataError,
            "Class 'b' has 2 texts, which stay together in 1 group, and 2 parts are to have it: add texts of that class, "
            "or leave it out.",
        ),
        (
            corpus_of([0, 1, 0, 1]),
            {"test": 0, "validation": 0},
            UsageError,
            "test=0 and validation=0 leave everything to train with: give shares whose sum is above 0 and below 1.",
        ),
        (
            corpus_of([0, 1, 0, 1]),
            {"test": 0.5, "validation": 0.5},
            UsageError,
            "test=0.5 and validation=0.5 leave nothing to train with: give shares whose sum is above 0 and below 1.",
        ),
        (
            corpus_of([0, 1, 0, 1]),
            {"test": 20},
            UsageError,
            "test is 20: give a share of at least 0 and below 1, such as 0.2.",
        ),
        (
            corpus_of([0, 1, 0, 1]),
            {"seed": -1},
            UsageError,
            "seed is -1: give a whole number of at least 0.",
        ),
    ],
)
def test_what_cannot_be_split_is_refused(corpus, arguments, error, sentence):
    with pytest.raises(error) as raised:
        split_corpus(corpus, **arguments)
    assert str(raised.value) == sentence
