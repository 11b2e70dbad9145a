"""Texts in one block: the same texts as in a list, and what is no text."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewise.datasets import Texts
from gatewise.errors import DataError, UsageError

STRINGS = st.lists(st.text(max_size=8), max_size=12)


@given(STRINGS, st.data())
def test_it_is_the_sequence_that_was_given(strings, data):
    texts = Texts.of(strings)
    assert list(texts) == strings
    assert [texts[i] for i in range(-len(strings), len(strings))] == strings + strings
    assert list(texts[1:]) == strings[1:]
    assert texts.nbytes == len("".join(strings).encode())
    rows = data.draw(st.lists(st.integers(0, len(strings) - 1), max_size=5) if strings else st.just([]))
    assert list(texts.select(rows)) == [strings[row] for row in rows]
    assert texts == Texts.of(tuple(strings))
    marks = list(texts.fingerprints())
    assert [[one == other for one in strings] for other in strings] == [
        [one == other for one in marks] for other in marks
    ]
    assert texts != Texts.of([*strings, "more"])
    some = texts.select(rows)
    assert some == Texts.of([strings[row] for row in rows])
    assert hash(some) == hash(Texts.of([strings[row] for row in rows]))
    for packed in (texts, some):
        assert Texts(*packed.packed()) == packed
        assert packed.nbytes == len("".join(packed).encode())


def test_one_emoji_does_not_make_a_text_four_times_as_large():
    strings = ["x" * 999 + "👍"] * 100
    assert Texts.of(strings).nbytes == 100 * 1003
    assert sum(map(sys.getsizeof, strings)) > 100 * 4000


def test_an_index_outside_is_an_index_error():
    with pytest.raises(IndexError):
        Texts.of(["a"])[1]


@pytest.mark.parametrize(
    ("texts", "error", "sentence"),
    [
        ("one text", UsageError, "texts is one string, 'one text': give a list of texts."),
        (["a", None], UsageError, "texts[1] is None, which is not a str: give a list of texts."),
        (["a", 7.5], UsageError, "texts[1] is 7.5, which is not a str: give a list of texts."),
        (
            ["a", "b\ud800"],
            DataError,
            "texts[1] holds half a surrogate pair at character 1, which is no text: remove it.",
        ),
    ],
)
def test_what_is_no_text_is_refused(texts, error, sentence):
    with pytest.raises(error) as raised:
        Texts.of(texts)
    assert str(raised.value) == sentence
