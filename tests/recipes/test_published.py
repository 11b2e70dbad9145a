"""The published runs could have been ours: each lies inside the central 98 % of our seeds."""

import pytest

from gatewise.recipes import recipe, recipes


@pytest.mark.parametrize("name", [one.name for one in recipes("airline") if one.published_test])
def test_the_published_values_lie_inside_the_central_98_percent(name):
    """Source of the values: the two tutorials named in `gatewise.recipes.airline.specification`, one run each, on Keras 2."""
    result = recipe(name).run(members=100, dialect="keras2")
    assert result.failed == 0
    assert 1 <= result.test_percentile <= 99
    assert 1 <= result.train_percentile <= 99
