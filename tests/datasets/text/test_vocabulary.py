"""Vocabularies: limits, unknown tokens, pairs of words, JSON."""

import json
import subprocess
import sys
import zlib
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewise.datasets import Vocabulary, tokenize
from gatewise.datasets.text.vocabulary import _pair_numbers
from gatewise.errors import DataError, GatewiseWarning, ModelFileError, UsageError

TEXTS = st.lists(st.lists(st.sampled_from(["a", "b", "c", "é", "!"]), max_size=6).map(" ".join), min_size=1, max_size=6)


@given(TEXTS, TEXTS, st.integers(1, 3), st.integers(1, 4))
def test_the_most_frequent_words_are_known_and_numbered_by_frequency(train, other, min_count, max_words):
    counts = Counter(token for text in train for token in tokenize(text))
    expected = sorted((w for w in counts if counts[w] >= min_count), key=lambda w: (-counts[w], w))[:max_words]
    if not expected:
        with pytest.raises(DataError):
            Vocabulary.of(train, max_words, min_count)
        return
    vocabulary = Vocabulary.of(train, max_words, min_count)
    assert vocabulary.words == tuple(expected)
    assert vocabulary.size == len(expected) + 2
    assert Vocabulary.of(train[::-1], max_words, min_count) == vocabulary
    known = {word: number for number, word in enumerate(expected, start=2)}
    numbers = [[known.get(token, 1) for token in tokenize(text)] for text in train]
    assert [ids.tolist() for ids in vocabulary.encode(train).words] == numbers

    tokens = [token for text in other for token in tokenize(text)]
    report = vocabulary.unknown_in(other)
    assert report.tokens == len(tokens)
    assert report.unknown == sum(token not in known for token in tokens)
    assert report.texts == tuple(
        i for i, text in enumerate(other) if tokenize(text) and not set(tokenize(text)) & set(known)
    )


def pair_number(first, second, buckets):
    """The formula of the docstring, in Python's own numbers."""
    a, b = zlib.crc32(first.encode()), zlib.crc32(second.encode())
    mixed = (a * 0x9E3779B97F4A7C15 + b) * 0xC2B2AE3D27D4EB4F % 2**64
    return 1 + (mixed >> 32) % buckets


@given(TEXTS, st.integers(1, 50))
def test_pairs_of_words_have_the_numbers_of_the_formula(texts, buckets):
    vocabulary = Vocabulary(("a", "b"), buckets)
    with np.errstate(over="raise"):
        expected = []
        for text in texts:
            tokens = tokenize(text)
            expected.append(([0] if tokens else []) + [pair_number(*pair, buckets) for pair in pairwise(tokens)])
    if not {"a", "b"} & {token for text in texts for token in tokenize(text)}:
        texts, expected = [*texts, "a"], [*expected, [0]]
    encoded = vocabulary.encode(texts)
    assert [ids.tolist() for ids in encoded.bigrams] == expected
    assert encoded.bigrams.lengths.tolist() == encoded.words.lengths.tolist()


def test_pairs_are_spread_evenly_and_know_their_order():
    hashes = np.array([zlib.crc32(str(n).encode()) for n in range(20_001)], np.uint64)
    counts = np.bincount(_pair_numbers(hashes, np.array([20_001]), 1000)[1:] - 1, minlength=1000)
    # 20 in each of 1,000 buckets: chi-square has 999 degrees of freedom, mean 999, deviation 45.
    assert abs(((counts - 20) ** 2 / 20).sum() - 999) < 5 * 45
    assert pair_number("not", "good", 10**6) != pair_number("good", "not", 10**6)


def test_pairs_are_the_same_in_every_process():
    code = (
        "from gatewise.datasets import Vocabulary; "
        "print(Vocabulary(('not', 'bad'), 1000).encode(['not bad at all']).bigrams.ids.tolist())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    expected = [0, *(pair_number(*pair, 1000) for pair in (("not", "bad"), ("bad", "at"), ("at", "all")))]
    assert json.loads(done.stdout) == expected


def test_what_is_unknown_is_reported():
    vocabulary = Vocabulary.of(["a good film", "a bad film"], min_count=2)
    report = vocabulary.unknown_in(["a long film", "un film long", "", "très long"])
    assert report == (8, 5, (3,), (("long", 3), ("un", 1), ("très", 1)))
    assert report.share == 5 / 8
    assert str(report) == (
        "62.50% of 8 tokens unknown; 1 text without any known token; most frequent: 'long', 'un', 'très'."
    )


def test_texts_of_which_nothing_is_known_are_told():
    vocabulary = Vocabulary(("a",))
    with pytest.warns(GatewiseWarning) as warned:
        encoded = vocabulary.encode(["un film", "bon"])
    assert encoded.words.ids.tolist() == [1, 1, 1]
    assert str(warned[0].message) == (
        "Not one of 3 tokens in 2 texts is known to the vocabulary, so that a model can only guess: give texts in the "
        "language of the training texts."
    )
    assert vocabulary.encode(["", " "]).words.lengths.tolist() == [0, 0]


@given(st.lists(st.text(min_size=1), min_size=1, unique=True), st.integers(0, 2**31 - 1))
def test_it_comes_back_from_json_as_it_was(words, buckets):
    words = [word for word in words if word.isprintable()] or ["a"]
    vocabulary = Vocabulary(tuple(words), buckets)
    text = vocabulary.to_json()
    assert Vocabulary.from_json(text) == vocabulary
    assert Vocabulary.from_json(text.encode()) == vocabulary
    assert json.loads(text) == {
        "format": "gatewise vocabulary",
        "version": 1,
        "bigram_buckets": buckets,
        "words": words,
    }


GOOD = {"format": "gatewise vocabulary", "version": 1, "bigram_buckets": 0, "words": ["a"]}
END = ". Save it anew with this version of gatewise."


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[1, ", "it is not JSON (Expecting value: line 1 column 5 (char 4)). Save it anew."),
        ("[1]", "it is no vocabulary of gatewise" + END),
        (json.dumps({**GOOD, "format": "other"}), "it is no vocabulary of gatewise" + END),
        (json.dumps({**GOOD, "version": 2}), "it has version 2 and this gatewise reads version 1" + END),
        (json.dumps({**GOOD, "words": ["a", 1]}), "its words are no list of words" + END),
        (json.dumps({**GOOD, "words": []}), "its words are no list of words" + END),
        (json.dumps({**GOOD, "words": ["a", "a"]}), "a word is in it twice" + END),
        (json.dumps({**GOOD, "bigram_buckets": -1}), "its bigram_buckets are -1" + END),
        (json.dumps({**GOOD, "bigram_buckets": None}), "its bigram_buckets are None" + END),
    ],
)
def test_json_of_something_else_is_refused(content, sentence):
    with pytest.raises(ModelFileError) as raised:
        Vocabulary.from_json(content)
    assert str(raised.value) == f"The vocabulary is refused: {sentence}"


@pytest.mark.parametrize(
    ("texts", "arguments", "error", "sentence"),
    [
        (
            ["a b", "a c"],
            {"min_count": 3},
            DataError,
            "No word is met min_count=3 times in 2 texts (the most frequent, 'a', 2 times): lower min_count, or give more "
            "texts.",
        ),
        ([" ", ""], {}, DataError, "There are no words in 2 texts: give texts of letters or digits."),
        (["a"], {"min_count": 0}, UsageError, "min_count is 0: give a whole number of at least 1."),
        (["a"], {"max_words": 0}, UsageError, "max_words is 0: give a whole number of at least 1."),
        (["a"], {"bigram_buckets": 1.5}, UsageError, "bigram_buckets is 1.5: give a whole number of at least 0."),
    ],
)
def test_a_vocabulary_of_nothing_is_refused(texts, arguments, error, sentence):
    with pytest.raises(error) as raised:
        Vocabulary.of(texts, **arguments)
    assert str(raised.value) == sentence
