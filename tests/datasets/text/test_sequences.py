"""Sequences as one matrix: the numbers of Keras's pad_sequences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.datasets import Sequences

keras = import_keras()

LISTS = st.lists(st.lists(st.integers(1, 9), max_size=7), min_size=1, max_size=6)
ENDS = st.sampled_from(["pre", "post"])


@given(LISTS, st.none() | st.integers(1, 8), ENDS, ENDS, st.integers(0, 3))
def test_padding_is_that_of_keras(lists, maxlen, padding, truncating, value):
    expected = keras.utils.pad_sequences(lists, maxlen, padding=padding, truncating=truncating, value=value)
    rows = Sequences.of(lists).padded(maxlen, padding, truncating, value)
    np.testing.assert_array_equal(rows, expected)
    assert rows.dtype == expected.dtype == np.int32


@given(LISTS)
def test_each_text_keeps_its_own_numbers(lists):
    sequences = Sequences.of(lists)
    assert [ids.tolist() for ids in sequences] == lists
    assert [sequences[i].tolist() for i in range(-len(lists), len(lists))] == lists + lists
    assert sequences.offsets.tolist() == [0, *np.cumsum([len(ids) for ids in lists])]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"maxlen": 0}, "maxlen is 0: give a whole number of at least 1, or None for the longest text."),
        ({"maxlen": 2.5}, "maxlen is 2.5: give a whole number of at least 1, or None for the longest text."),
        ({"maxlen": True}, "maxlen is True: give a whole number of at least 1, or None for the longest text."),
        ({"padding": "left"}, "padding is 'left': give 'pre' or 'post'."),
        ({"truncating": "left"}, "truncating is 'left': give 'pre' or 'post'."),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments, sentence):
    with pytest.raises(gw.errors.UsageError) as raised:
        Sequences.of([[1, 2]]).padded(**arguments)
    assert str(raised.value) == sentence


def test_lengths_of_other_texts_are_refused():
    with pytest.raises(gw.errors.ShapeError) as raised:
        Sequences(np.zeros(3, np.int32), np.array([1, 1]))
    assert str(raised.value) == "The lengths add up to 2 and there are 3 numbers: give the lengths of these texts."
