"""The shape checks of the test run are on, and see what they should."""

import jaxtyping
import numpy as np
import pytest

import shape_checks
from gatewise.datasets import windows as windows_module_door
from gatewise.recipes.members import spread


def test_a_wrong_rank_inside_the_package_is_caught():
    with pytest.raises(jaxtyping.TypeCheckError, match="values"):
        spread(np.zeros((2, 3)))


def test_arguments_that_are_no_arrays_are_left_to_the_functions_own_words():
    with pytest.raises(ValueError, match="layout is 'wide'"):
        windows_module_door([1, 2, 3], 1, "wide")


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (jaxtyping.Float[np.ndarray, " time"], True),
        (tuple[jaxtyping.Float[np.ndarray, " time"], int], True),
        (jaxtyping.Float[np.ndarray, " time"] | None, True),
        (int, False),
        (list[str], False),
    ],
)
def test_which_annotations_count(hint, expected):
    assert shape_checks._of_arrays(hint) is expected
