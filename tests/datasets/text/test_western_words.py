"""Texts numbered many at a time have the numbers that `tokenize` and a dict give."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gatewise.datasets import Vocabulary, tokenize
from gatewise.datasets.text.western_words import as_western

PIECES = st.sampled_from(
    [
        *"aZ09'’_-!.<>/ \t\n\x00\x1c\x85\xa0\xad\x81éÉ×²ªµßÿŸž€–“”…\u0301好👍\u200d\u212aİſ",
        "<br />", "<BR\xa0/>", "<br\x1c>", "<br\x85>", "don't", "l’été", "naïve", "rock'n'roll", "''", "e\u0301",
        "a" * 8, "a" * 9, "b" * 16, "b" * 17, "c" * 24, "c" * 25, "d" * 40, "é" * 30,
    ]
)  # fmt: skip
TEXTS = st.lists(st.lists(PIECES, max_size=12).map("".join), max_size=12)


@settings(deadline=None)  # the first text of any script makes its pattern
@given(TEXTS, st.integers(1, 3))
@example(["", "<", "'", "a'", "'a", "a'b'", "a''b", "é'é", "x" * 24 + "'" + "y" * 24] * 2, 1)
def test_many_at_a_time_have_the_numbers_of_one_at_a_time(texts, every):
    tokens = sorted({token for text in texts for token in tokenize(text)})
    vocabulary = Vocabulary(tuple(tokens[::every]) or ("a",))
    one, many = vocabulary._one_by_one(texts)[0], vocabulary._many(texts)
    assert many.lengths.tolist() == one.lengths.tolist()
    assert many.ids.tolist() == one.ids.tolist()


def test_words_that_differ_only_at_their_end_or_length_are_told_apart():
    words = [first + "x" * length + last for first in "ab" for length in range(40) for last in "yz"]
    vocabulary = Vocabulary(tuple(words[::2]))
    numbers = [vocabulary.numbers.get(word, 1) for word in words]
    assert vocabulary.encode(words).words.ids.tolist() == numbers
    assert numbers.count(1) == len(words) // 2


def test_western_texts_are_a_byte_for_each_character():
    assert as_western("Très “bon” ’n’ cher: 5 €") == "très “bon” 'n' cher: 5 €".encode("cp1252")
    assert as_western("e\u0301te\u0301") == b"\xe9t\xe9"
    assert as_western("好") is None
