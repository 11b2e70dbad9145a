"""The integer encoding of the published recipes, beside the lines of Keras that made theirs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewise.datasets import RankedWords
from gatewise.datasets.text.ranked import split_words
from gatewise.errors import DataError, UsageError

# Keras 2's Tokenizer, whose filters these are.
FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
TEXTS = st.lists(st.text(st.sampled_from("abC'<é/,. \n"), max_size=20), min_size=1, max_size=6)


def keras_words(text):
    """What keras.preprocessing.text.text_to_word_sequence did, written out."""
    for character in FILTERS:
        text = text.replace(character, " ")
    return [word for word in text.lower().split(" ") if word]


def keras_numbers(sequence, num_words, skip_top):
    """What keras.datasets.imdb.load_data does with the ranks of a review, written out."""
    shifted = [1] + [rank + 3 for rank in sequence]
    return [number if skip_top <= number < num_words else 2 for number in shifted]


@given(st.text(max_size=40))
def test_words_are_cut_as_keras_cut_them(text):
    assert split_words(text) == keras_words(text)


@given(TEXTS, TEXTS, st.integers(4, 9), st.integers(0, 6))
def test_numbers_are_those_of_keras(train, test, num_words, skip_top):
    if not any(map(keras_words, train)):
        return
    ranked = RankedWords.of(train)
    counts = [sum(keras_words(text).count(word) for text in train) for word in ranked.words]
    assert counts == sorted(counts, reverse=True)
    ranks = {word: rank for rank, word in enumerate(ranked.words, start=1)}
    for texts in (train, test):
        expected = [
            keras_numbers([ranks[word] for word in keras_words(text) if word in ranks], num_words, skip_top)
            for text in texts
        ]
        assert [ids.tolist() for ids in ranked.encode(texts, num_words, skip_top)] == expected


def test_the_most_frequent_word_is_4_and_ties_go_by_first_appearance():
    ranked = RankedWords.of(["b a a", "c b a"])
    assert ranked.words == ("a", "b", "c")
    assert [ids.tolist() for ids in ranked.encode(["c a", "", "new b"])] == [[1, 6, 4], [1], [1, 5]]
    assert ranked.encode(["new b"], keep_unseen=True).ids.tolist() == [1, 2, 5]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            {"num_words": 3},
            "num_words is 3: give a whole number of at least 4 (0 to 3 are no words), or None for all.",
        ),
        (
            {"num_words": "5000"},
            "num_words is '5000': give a whole number of at least 4 (0 to 3 are no words), or None for all.",
        ),
        ({"skip_top": -1}, "skip_top is -1: give a whole number of at least 0."),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments, sentence):
    with pytest.raises(UsageError) as raised:
        RankedWords.of(["a"]).encode(["a"], **arguments)
    assert str(raised.value) == sentence


def test_texts_without_words_have_no_ranks():
    with pytest.raises(DataError) as raised:
        RankedWords.of(["", "?!"])
    assert str(raised.value) == "The texts hold no words: give texts of letters or digits."
