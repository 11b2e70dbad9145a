"""Windows over a series: every sample, in all three layouts, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gatewise as gw
from gatewise.errors import DataError, NonFiniteError, ShapeError, UsageError


@given(st.integers(1, 12), st.integers(1, 40), st.sampled_from(["flat", "features", "steps"]))
def test_every_sample_is_a_window_and_the_value_after_it(look_back, more, layout):
    values = np.arange(look_back + more) * 1.5
    x, y = gw.windows(values, look_back, layout)
    assert len(x) == len(y) == more
    for sample, (window, target) in enumerate(zip(x, y, strict=True)):
        np.testing.assert_array_equal(window.ravel(), values[sample : sample + look_back])
        assert target.shape == (1,)
        assert target[0] == values[sample + look_back]


@pytest.mark.parametrize(("layout", "shape"), [("flat", (7, 3)), ("features", (7, 1, 3)), ("steps", (7, 3, 1))])
def test_layouts_have_the_shapes_of_the_docstring(layout, shape):
    x, y = gw.windows(range(10), 3, layout)
    assert (x.shape, x.dtype, y.shape, y.dtype) == (shape, np.float32, (7, 1), np.float32)


def test_windows_are_copies():
    values = np.arange(6.0)
    x, y = gw.windows(values, 2, "flat")
    x[:] = -1
    y[:] = -1
    assert values.tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("values", "look_back", "layout", "error", "sentence"),
    [
        ([1, 2], 0, "steps", UsageError, "look_back is 0: give a whole number of at least 1."),
        ([1, 2], True, "steps", UsageError, "look_back is True: give a whole number of at least 1."),
        ([1, 2], 1, "wide", UsageError, "layout is 'wide': give 'flat', 'features' or 'steps'."),
        (
            [1, 2, 3],
            3,
            "steps",
            DataError,
            "A series of 3 values has no sample with look_back=3: give at least 4 values, or a smaller look_back.",
        ),
        (
            [[1], [2]],
            1,
            "steps",
            ShapeError,
            "values has shape (2, 1) where one series has shape (time,): give one column, as values.ravel() does for "
            "a table of one column.",
        ),
        (
            ["1", "2"],
            1,
            "steps",
            DataError,
            "values does not hold numbers only: give a list or an array of numbers.",
        ),
        (
            [1, float("nan"), 2, float("inf")],
            1,
            "steps",
            NonFiniteError,
            "values holds 2 NaN or infinite values, the first at position 1: fill or drop them first.",
        ),
    ],
)
def test_refusals(values, look_back, layout, error, sentence):
    with pytest.raises(error) as caught:
        gw.windows(values, look_back, layout)
    assert str(caught.value) == sentence
