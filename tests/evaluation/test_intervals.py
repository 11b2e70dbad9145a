"""Conformal intervals: what they promise, on errors that are exchangeable, and the laws of levels and units."""

from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from gatewise.errors import DataError, GatewiseWarning, NonFiniteError, ShapeError, UsageError
from gatewise.evaluation import conformal_intervals
from gatewise.evaluation.intervals import rank

NAN = float("nan")


def held(errors, new, **arguments):
    """Return how many of the new errors the intervals hold, ``(levels,)``, and of how many."""
    lower, upper, _ = conformal_intervals(errors, np.zeros(new.shape), **arguments)
    inside = (lower <= new[..., None]) & (new[..., None] <= upper)
    return inside.sum(axis=(0, 1)), new.size


def within_chance(count, total, share):
    """Whether a count is one that happens in all but one of 10,000 cases."""
    low, high = stats.binom.interval(1 - 1e-4, total, share)
    return low <= count <= high


@pytest.mark.parametrize("windows", [4, 10, 19, 37])
@pytest.mark.parametrize("kind", ["normal", "skewed", "heavy tails"])
def test_own_errors_hold_as_many_as_promised(windows, kind):
    """Of exchangeable errors the k-th of n holds the next with probability k / (n + 1), whatever their distribution."""
    rng = np.random.default_rng(windows)
    draw = {"normal": rng.normal, "skewed": rng.exponential, "heavy tails": lambda size: rng.standard_t(1.5, size)}[
        kind
    ]
    errors = draw(size=(windows + 1, 2000, 3))
    counts, total = held(errors[1:], errors[0], level=[50, 80], pool_below=1)
    for count, level in zip(counts, (50, 80), strict=True):
        share = rank(windows, level) / (windows + 1)
        assert level / 100 <= share < level / 100 + 1 / (windows + 1)
        assert within_chance(count, total, share)


def test_without_the_finite_sample_correction_the_promise_would_be_broken():
    """The plain 80 % quantile of 10 errors is the 8th, which holds 8 / 11: the test above can fail."""
    errors = np.random.default_rng(10).normal(size=(11, 2000, 3))
    plain = np.sort(np.abs(errors[1:]), axis=0)[7]
    count = (np.abs(errors[0]) <= plain).sum()
    assert within_chance(count, 6000, 8 / 11)
    assert not within_chance(count, 6000, 0.8)


def test_pooled_errors_hold_as_many_as_promised_and_units_make_series_alike():
    """Three windows of ten series are 30 errors, of which the k-th holds the next with probability k / 31."""
    rng = np.random.default_rng(5)
    scales = 10.0 ** rng.uniform(-3, 3, (300, 1, 10, 4))
    errors = rng.normal(size=(300, 4, 10, 4)) * scales
    total = np.zeros(2)
    for draw in range(300):
        total += held(errors[draw, 1:], errors[draw, 0], level=[80, 95], spread=scales[draw, 0])[0]
    # Ten errors share one quantile, whose coverage varies as a beta distribution: their correlation is 1 / (30 + 2).
    for count, level in zip(total, (80, 95), strict=True):
        share = rank(30, level) / 31
        effect = 1 + 9 / (30 + 2)
        deviation = np.sqrt(12000 * share * (1 - share) * effect)
        assert abs(count - 12000 * share) < 4 * deviation


def test_pooling_is_for_series_with_few_errors_only():
    errors = np.array([[[1.0], [10.0]], [[2.0], [20.0]], [[3.0], [NAN]]])
    own = conformal_intervals(errors, [[0.0], [0.0]], 50, pool_below=1)
    assert own.upper[:, 0, 0].tolist() == [2, 20]
    some = conformal_intervals(errors, [[0.0], [0.0]], 50, pool_below=3)
    assert some.upper[:, 0, 0].tolist() == [2, 3], "the third of 1, 2, 3, 10, 20"
    assert conformal_intervals(errors, [[0.0], [0.0]], 50).upper[:, 0, 0].tolist() == [3, 3]


def test_each_step_has_its_own_width():
    errors = np.arange(1, 5)[:, None, None] * np.array([[[1.0, 10.0, 100.0]]])
    lower, upper, level = conformal_intervals(errors, [[5, 6, 7]], 80, pool_below=1)
    assert upper[..., 0].tolist() == [[9, 46, 407]]
    assert lower[..., 0].tolist() == [[1, -34, -393]]
    assert level.tolist() == [80]


@pytest.mark.parametrize("sign", [1, -1])
def test_the_sign_of_errors_does_not_matter(sign):
    errors = np.random.default_rng(0).normal(size=(25, 3, 2))
    np.testing.assert_array_equal(
        conformal_intervals(sign * errors, np.ones((3, 2)), 90).upper,
        conformal_intervals(np.abs(errors), np.ones((3, 2)), 90).upper,
    )


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 30),
    st.lists(st.floats(1, 99.9), min_size=1, max_size=4),
    st.integers(1, 25),
)
@pytest.mark.filterwarnings("ignore::gatewise.errors.GatewiseWarning")
def test_a_higher_level_holds_the_lower_and_both_hold_the_forecast(seed, windows, levels, pool_below):
    rng = np.random.default_rng(seed)
    errors = rng.normal(size=(windows, 3, 2))
    errors[rng.random(errors.shape) < 0.3] = NAN
    errors[0, 0] = 1
    forecast, spread = rng.normal(size=(3, 2)), rng.gamma(2, size=(3, 2)) + 0.1
    lower, upper, _ = conformal_intervals(errors, forecast, sorted(levels), spread=spread, pool_below=pool_below)
    assert (upper[..., 1:] >= upper[..., :-1]).all()
    assert (lower[..., 1:] <= lower[..., :-1]).all()
    assert (lower <= forecast[..., None]).all()
    assert (forecast[..., None] <= upper).all()


def test_a_level_does_not_depend_on_those_beside_it_nor_on_their_order():
    errors, forecast = np.random.default_rng(1).normal(size=(25, 2, 3)), np.zeros((2, 3))
    several = conformal_intervals(errors, forecast, [95, 60, 80])
    assert several.level.tolist() == [95, 60, 80]
    for k, level in enumerate([95, 60, 80]):
        np.testing.assert_array_equal(several.upper[..., k : k + 1], conformal_intervals(errors, forecast, level).upper)


def test_errors_in_units_of_their_spread_give_widths_in_units_of_the_new_one():
    rng = np.random.default_rng(2)
    plain, then, now = rng.normal(size=(25, 2, 3)), rng.gamma(3, size=(25, 2, 3)), rng.gamma(3, size=(2, 3))
    unit = conformal_intervals(plain, np.zeros((2, 3)), 80).upper
    found = conformal_intervals(plain * then, np.zeros((2, 3)), 80, spread=now, errors_spread=then).upper
    np.testing.assert_allclose(found, unit * now[..., None], 1e-12)
    found = conformal_intervals(plain * now, np.zeros((2, 3)), 80, spread=now).upper
    np.testing.assert_allclose(found, unit * now[..., None], 1e-12)


@given(st.integers(0, 2000), st.integers(10, 999))
@example(749, 44)  # 750 * 4.4 / 100 comes out above 33
def test_the_rank_is_exact(count, tenths):
    level = Fraction(tenths, 10)
    assert rank(count, tenths / 10) == ceil((count + 1) * level / 100)


def test_too_few_errors_for_a_level_give_no_bounds_and_that_is_said():
    errors = np.ones((18, 1, 2))
    with pytest.warns(GatewiseWarning) as told:
        lower, upper, _ = conformal_intervals(errors, [[1, 2]], [90, 95], pool_below=1)
    assert upper.tolist() == [[[2, np.inf], [3, np.inf]]]
    assert lower.tolist() == [[[0, -np.inf], [1, -np.inf]]]
    assert str(told[0].message) == (
        "2 of 4 intervals have no bounds, since 95 per cent needs at least 19 errors: give more windows, or a larger "
        "pool_below so that series share theirs."
    )
    assert np.isfinite(conformal_intervals(np.ones((19, 1, 2)), [[1, 2]], [90, 95], pool_below=1).upper).all()


ERRORS = np.ones((5, 2, 3))


@pytest.mark.parametrize(
    ("errors", "forecast", "arguments", "error", "sentence"),
    [
        (
            ERRORS,
            np.ones((2, 3)),
            {"level": 100},
            UsageError,
            "level is 100: give per cent from 1 to below 100, such as 95 or [80, 95].",
        ),
        (
            ERRORS,
            np.ones((2, 3)),
            {"level": []},
            UsageError,
            "level is []: give per cent from 1 to below 100, such as 95 or [80, 95].",
        ),
        (
            ERRORS,
            np.ones((2, 3)),
            {"level": 80, "pool_below": 0},
            UsageError,
            "pool_below is 0: give a whole number of at least 1.",
        ),
        (
            ERRORS[0],
            np.ones((2, 3)),
            {"level": 80},
            ShapeError,
            "errors has shape (2, 3) where its axes have to be (windows, series, horizon), none of them empty.",
        ),
        (
            ERRORS,
            np.ones((3, 2)),
            {"level": 80},
            ShapeError,
            "errors has shape (5, 2, 3) where forecast has (3, 2): both have the same series and steps, errors with windows in "
            "front.",
        ),
        (
            np.where(np.arange(3) == 1, NAN, ERRORS),
            np.ones((2, 3)),
            {"level": 80},
            DataError,
            "errors has no number at step 2 of the horizon: give out-of-fold errors for it.",
        ),
        (
            ERRORS * np.inf,
            np.ones((2, 3)),
            {"level": 80},
            NonFiniteError,
            "errors is infinite at 30 of 30 places, the first at [0, 0, 0]: give NaN where an error is not known.",
        ),
        (
            ERRORS,
            np.full((2, 3), NAN),
            {"level": 80},
            NonFiniteError,
            "forecast is not finite at 6 of 6 places, the first at [0, 0]: there is nothing to put an interval around.",
        ),
        (
            ERRORS,
            np.ones((2, 3)),
            {"level": 80, "spread": np.zeros((2, 3))},
            DataError,
            "spread is not a number above 0 at 6 of 6 places, the first at [0, 0]: errors are divided by it.",
        ),
        (
            ERRORS,
            np.ones((2, 3)),
            {"level": 80, "errors_spread": np.ones((4, 2, 3))},
            ShapeError,
            "errors_spread has shape (4, 2, 3): it has to be (windows, series, horizon), here (5, 2, 3).",
        ),
    ],
)
def test_refusals(errors, forecast, arguments, error, sentence):
    with pytest.raises(error) as caught:
        conformal_intervals(errors, forecast, **arguments)
    assert str(caught.value) == sentence
