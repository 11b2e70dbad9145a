"""What methods weigh, and how wide intervals are, in numbers that can be followed by hand."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from gatewise.forecasting.choosing.alone import better_alone, beyond_noise
from gatewise.forecasting.choosing.bands import conformal_quantiles, half_widths, half_widths_of_movement
from gatewise.forecasting.choosing.combination import combined, weights_from
from gatewise.forecasting.choosing.judgement import errors_with, judge, series_scale, sizes_now, usual_errors_of
from gatewise.forecasting.choosing.movement import Movement, recent_movement, slope_on_movement
from gatewise.forecasting.choosing.prior import Weighing, prior_weights
from gatewise.forecasting.cutoffs import backtest_cutoffs, validation_cutoffs
from gatewise.forecasting.panel import Panel
from gatewise.forecasting.rolling import Rolled, actual_after


def as_usual(errors):
    """Series that move as they always do."""
    return Movement(np.ones(errors.shape[:2]), np.ones(errors.shape[1]))


def test_where_nothing_is_known_the_prior_decides():
    weights = weights_from(np.full((2, 3, 4, 5), np.nan), np.array([3.0, 1.0]))
    np.testing.assert_array_equal(weights, np.repeat([[0.75], [0.25]], 4, axis=1))


def test_weights_fall_with_the_fourth_power_of_the_error_drawn_to_equal_ones():
    errors = np.stack([np.full((4, 1, 2), 1.0), np.full((4, 1, 2), 1.2)])
    weights = weights_from(errors, np.array([1.0, 1.0]))[:, 0]
    # Eight errors, relative to their mean of 1.1, and eight times 1.
    drawn = (8 * np.array([1.0, 1.2]) / 1.1 + 8) / 16
    expected = drawn**-4.0
    np.testing.assert_allclose(weights, expected / expected.sum())
    assert weights[0] > weights[1]


def test_the_more_is_known_the_further_weights_are_from_equal():
    few, many = (
        weights_from(np.stack([np.full((count, 1, 2), 1.0), np.full((count, 1, 2), 1.2)]), np.ones(2))[0, 0]
        for count in (1, 40)
    )
    assert 0.5 < few < many < 1
    overlapping = weights_from(np.stack([np.full((40, 1, 2), 1.0), np.full((40, 1, 2), 1.2)]), np.ones(2), overlap=40.0)
    assert overlapping[0, 0] == pytest.approx(few)


def test_a_method_far_behind_is_left_out():
    errors = np.stack([np.full((30, 1, 2), size) for size in (1.0, 1.1, 9.0)])
    weights = weights_from(errors, np.ones(3))[:, 0]
    assert weights[2] == 0
    assert weights.sum() == pytest.approx(1)


def test_a_series_with_few_errors_goes_by_the_others():
    errors = np.ones((2, 6, 50, 4))
    errors[1] = 1.3
    errors[0, :, 0], errors[1, :, 0] = 1.3, 1.0
    errors[:, 1:, 0] = np.nan
    weights = weights_from(errors, np.ones(2))
    assert weights[0, 0] > 0.5
    assert weights[0, 0] < weights[0, 1]


def test_a_method_without_a_forecast_is_left_out_of_the_mean():
    forecasts = np.array([[[1.0, 2.0]], [[3.0, np.nan]]])
    np.testing.assert_array_equal(combined(forecasts, np.array([[0.5], [0.5]])), [[2.0, 2.0]])
    assert np.isnan(combined(np.full((2, 1, 1), np.nan), np.array([[0.5], [0.5]]))).all()


def test_what_groups_of_methods_weigh_where_nothing_is_known():
    names, networks = ("Naive", "ETS", "Theta", "one", "other"), np.array([False, False, False, True, True])
    nothing = np.zeros((1, 1, 1))
    rolled = Rolled(names, networks, np.array([0]), np.zeros((5, 1, 1, 1)), nothing)
    together = np.array([0.1, 0.5, 0.5, 1.75, 1.75])
    np.testing.assert_allclose(prior_weights(rolled, False, Weighing()), together / together.sum())
    each = replace(rolled, local=frozenset(("one", "other")))
    local = np.array([0.1, 0.5, 0.5, 0.25, 0.25])
    np.testing.assert_allclose(prior_weights(each, False, Weighing()), local / local.sum())
    np.testing.assert_array_equal(prior_weights(each, True, Weighing()), [0, 0, 0, 0.5, 0.5])


def one_that_is_better(series):
    """Of two methods one has errors of a half of the other's in five windows of six, of the first series."""
    random = np.random.default_rng(3)
    panel, back = Panel(random.standard_normal((series, 60)), 1), np.arange(24, -1, -1)
    actual = actual_after(panel, 1, back)
    good = actual + np.where(np.arange(25) % 6 == 5, 1.8, 0.5)[:, None, None]
    bad = actual + 1.0
    bad[-1], good[-1] = 2.0, 1.0
    good[:, 1:] = bad[:, 1:]
    return panel, Rolled(("good", "bad"), np.array([False, True]), back, np.stack([good, bad]), actual)


def test_the_more_series_the_further_ahead_a_method_by_itself_must_be():
    # Of 2 comparisons 2.5 per cent at one side, of 4,000 one in 80,000.
    assert beyond_noise(0.05, 2) == pytest.approx(stats.norm.ppf(0.975))
    assert beyond_noise(0.05, 4000) == pytest.approx(stats.norm.ppf(1 - 0.05 / 4000))
    panel, rolled = one_that_is_better(1)
    assert judge(rolled, panel, False).alone[-1].tolist() == [0]
    many, beside = one_that_is_better(2000)
    assert judge(beside, many, False).alone[-1, 0] == -1


def test_series_judged_without_the_others_are_judged_as_beside_them():
    panel, rolled = one_that_is_better(300)
    usual, own = usual_errors_of(rolled, panel, False), np.arange(7)
    some = replace(rolled, forecasts=rolled.forecasts[:, :, own], actual=rolled.actual[:, own])
    apart, beside = judge(some, panel.select(own), False, usual), judge(rolled, panel, False)
    np.testing.assert_allclose(apart.weights, beside.weights[:, :, own])
    np.testing.assert_array_equal(apart.alone, beside.alone[:, own])


def test_intervals_cover_what_they_promise():
    """Errors of many normal series, each of a size of its own, from windows that do not overlap."""
    random = np.random.default_rng(0)
    size = random.uniform(0.1, 10, (400, 1))
    errors = random.standard_normal((9, 400, 3)) * size
    levels = np.array([50.0, 80.0, 95.0])
    half = half_widths(errors[:8], np.arange(8) * 3, np.ones(400), as_usual(errors[:8]), levels)
    inside = np.abs(errors[8, ..., None]) <= half
    np.testing.assert_allclose(inside.mean(axis=(0, 1)), levels / 100, atol=0.03)
    # A large series has wide intervals of its own, without a scale that says so.
    assert np.corrcoef(half[:, 0, 1], size[:, 0])[0, 1] > 0.8


def test_intervals_are_in_the_units_of_the_series():
    errors = np.random.default_rng(0).standard_normal((5, 2, 3))
    back, levels = np.arange(5) * 3, np.array([80.0])
    half = half_widths(errors, back, np.ones(2), as_usual(errors), levels)
    larger = half_widths(errors * [[2.0], [7.0]], back, np.array([2.0, 7.0]), as_usual(errors), levels)
    np.testing.assert_allclose(larger, half * [[[2.0]], [[7.0]]])


def test_movements_that_nobody_knows_make_no_intervals():
    errors = np.ones((4, 1, 2))
    unknown = Movement(np.full((4, 1), np.nan), np.full(1, np.nan))
    assert np.isnan(half_widths(errors, np.arange(4) * 2, np.ones(1), unknown, np.array([80.0]))).all()


def test_few_errors_at_the_same_time_make_intervals_wider():
    errors = np.ones((4, 1, 4))
    half = half_widths(errors, np.array([16, 14, 12, 10]), np.ones(1), as_usual(errors), np.array([50.0, 80.0]))
    # Four windows, two steps apart of four: 2.5 independent ones.
    wider = stats.t.ppf([0.75, 0.9], 2.5) / stats.norm.ppf([0.75, 0.9])
    np.testing.assert_allclose(half, np.broadcast_to(wider, (1, 4, 2)))


def test_windows_of_which_nothing_is_known_yet_do_not_count():
    errors = np.random.default_rng(0).standard_normal((8, 3, 2))
    back, levels = np.arange(16, 0, -2), np.array([80.0])
    later = np.where(np.arange(8)[:, None, None] < 3, errors, np.nan)
    expected = half_widths(errors[:3], back[:3], np.ones(3), as_usual(errors[:3]), levels)
    np.testing.assert_array_equal(half_widths(later, back, np.ones(3), as_usual(later), levels), expected)


def test_a_conformal_quantile_is_that_of_one_error_more():
    ordered = np.arange(1.0, 20.0)
    levels = np.array([25.0, 80.0, 95.0, 99.0])
    np.testing.assert_allclose(conformal_quantiles(ordered, 1e9, levels), [5.0, 16.0, 19.0, 19.0], rtol=1e-6)
    few = conformal_quantiles(ordered, 4.0, levels)
    tails = (1 + levels / 100) / 2
    np.testing.assert_allclose(few, [5.0, 16.0, 19.0, 19.0] * stats.t.ppf(tails, 4) / stats.norm.ppf(tails))


def test_one_wild_forecast_does_not_make_all_intervals_wide():
    errors = np.random.default_rng(0).standard_normal((6, 200, 4))
    back, levels = np.arange(6) * 4, np.array([80.0, 95.0])
    tame = half_widths(errors, back, np.ones(200), as_usual(errors), levels)
    errors[2, 7, 3] = 1e6
    wild = half_widths(errors, back, np.ones(200), as_usual(errors), levels)
    others = np.delete(np.arange(200), 7)
    np.testing.assert_allclose(wild[others], tame[others], rtol=0.02)
    assert (wild[7] > tame[7]).all()


@pytest.mark.parametrize("wrong", [1, 3])
def test_a_series_that_moved_once_has_intervals_that_end(wrong):
    errors, back, levels = np.zeros((12, 1, 2)), np.arange(12, 0, -1), np.array([80.0, 95.0])
    errors[4 : 4 + wrong] = 3.0
    half = half_widths(errors, back, np.ones(1), as_usual(errors), levels)[0]
    assert (half[:, 0] <= half[:, 1]).all()
    # Ninety-five per cent of so few are all of them; beside errors of nothing the next one may be larger than the last.
    assert (half[:, 1] > 3).all()
    assert (half[:, 1] < 150).all()
    none = half_widths(np.zeros_like(errors), back, np.ones(1), as_usual(errors), levels)
    assert (none < 1e-300).all()


def test_sizes_of_series_are_learned_from_few_windows():
    """Coverage is as promised for series with small errors and for those with large ones, where there are windows for it."""
    random = np.random.default_rng(0)
    size = np.repeat([1.0, 6.0], 300)[:, None]
    errors = random.standard_t(5, (13, 600, 3)) * size
    half = half_widths(errors[:12], np.arange(12, 0, -1) * 3, np.ones(600), as_usual(errors[:12]), np.array([80.0]))
    inside = (np.abs(errors[12]) <= half[..., 0]).reshape(2, -1).mean(axis=1)
    np.testing.assert_allclose(inside, 0.8, atol=0.05)
    assert half[300:].mean() > 4 * half[:300].mean()


def test_intervals_hold_for_series_that_became_livelier_or_calmer():
    """Errors as large as the series moved of late, which is not how they usually move, from a single window."""
    random = np.random.default_rng(0)
    then, now = np.exp(random.uniform(-1, 1, (2, 600)))
    errors = random.standard_normal((1, 600, 4)) * then[:, None]
    half = half_widths(errors, np.array([4]), np.ones(600), Movement(then[None], now), np.array([80.0]))[..., 0]
    held = np.abs(random.standard_normal((600, 4)) * now[:, None]) <= half
    livelier = now > 1
    np.testing.assert_allclose([held[livelier].mean(), held[~livelier].mean()], 0.8, atol=0.04)
    alike = half_widths(errors, np.array([4]), np.ones(600), as_usual(errors), np.array([80.0]))[..., 0]
    blind = np.abs(errors[0]) <= alike
    assert blind[then > 1].mean() < 0.72 < 0.88 < blind[then < 1].mean()


def test_how_errors_go_with_movement_is_the_slope_of_logarithms_and_nothing_by_chance():
    random = np.random.default_rng(0)
    then = np.exp(random.uniform(-1, 1, (5, 200)))
    noise = np.exp(0.3 * random.standard_normal((5, 200)))
    # Windows may differ as a whole.
    sizes = np.array([1.0, 2.0, 3.0, 4.0, 5.0])[:, None] * then**0.6 * noise
    assert slope_on_movement(sizes, then, 5.0) == pytest.approx(0.6, abs=0.05)
    assert slope_on_movement(noise, then, 5.0) < 0.05
    assert slope_on_movement(1 / then, then, 5.0) == 0
    assert slope_on_movement(then**3, then, 5.0) == 1
    assert slope_on_movement(sizes[:, :19], then[:, :19], 5.0) == 0
    few = slope_on_movement(sizes[:, :25], then[:, :25], 1.0)
    assert few == pytest.approx(0.6, abs=0.15)


def test_recent_movement_halves_its_memory_over_a_season():
    values = np.array([[0.0, 4.0, 5.0, np.nan, 9.0, 7.0], [np.nan, np.nan, np.nan, np.nan, np.nan, 1.0], [3.0] * 6])
    # Steps of 4, 1 and 2, the last a moment ago, and two usual ones.
    weights = 0.5 ** (np.array([4, 3, 0]) / 2)
    expected = ((weights * [4, 1, 2]).sum() / (7 / 3) + 2) / (weights.sum() + 2)
    np.testing.assert_allclose(recent_movement(values, 1), [expected, 1.0, 1.0])
    longer = 0.5 ** (np.array([4, 3, 0]) / 12)
    expected = ((longer * [4, 1, 2]).sum() / (7 / 3) + 2) / (longer.sum() + 2)
    np.testing.assert_allclose(recent_movement(values[:1], 12), [expected])


def test_without_errors_intervals_go_as_a_random_walk():
    half = half_widths_of_movement(np.array([[1.0, 3.0, 1.0], [np.nan, np.nan, 5.0]]), 4, np.array([95.0]))
    np.testing.assert_allclose(half[0, :, 0], 2 * np.sqrt([1, 2, 3, 4]) * stats.t.ppf(0.975, 2))
    assert np.isnan(half[1]).all()


def test_a_scale_is_never_nothing():
    values = np.array([[1.0, 2.0, 1.0, 2.0], [7.0, 7.0, 7.0, 7.0], [0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 4.0, 7.0]])
    np.testing.assert_allclose(series_scale(values, 2), [1.0, 7e-9, 1e-9, 4.0])


def test_a_method_is_alone_only_beyond_noise():
    random = np.random.default_rng(0)
    panel = Panel(random.standard_normal((2, 60)), 1)
    back = np.arange(24, 0, -1)
    actual = actual_after(panel, 1, back)
    good = actual + 0.1 * random.standard_normal(actual.shape)
    bad = actual + random.standard_normal(actual.shape)
    forecasts = np.stack([good, bad])
    forecasts[:, :, 1] = bad[:, 1]
    rolled = Rolled(("good", "bad"), np.array([False, True]), back, forecasts, actual)
    mixed = forecasts.mean(axis=0)
    both, only_bad = np.array([True, True]), np.array([False, True])
    assert better_alone(rolled, mixed, 1, both, 2.5).tolist() == [0, -1]
    assert better_alone(rolled, mixed, 1, only_bad, 2.5).tolist() == [-1, -1]
    assert better_alone(rolled, mixed[:6], 18, both, 2.5).tolist() == [-1, -1]


def test_errors_of_a_positive_series_grow_with_its_level():
    values = np.stack([np.repeat([10.0, 20.0, 40.0], 8), np.repeat([-10.0, 20.0, 40.0], 8)])
    panel, back = Panel(values, 1), np.array([16, 8, 0])
    errors = np.full((3, 2, 2), -3.0)
    rolled = Rolled(("one",), np.array([False]), back, errors[None], np.zeros((3, 2, 2)))
    sizes = sizes_now(errors, rolled, 0, panel)
    # The level was 10, then 20, and is 40; nothing is known yet of the last cutoff.
    np.testing.assert_allclose(sizes[:2, 0], [[12.0, 12.0], [6.0, 6.0]])
    np.testing.assert_allclose(sizes[:2, 1], 3.0)
    assert np.isnan(sizes[2]).all()


def test_cutoffs():
    assert backtest_cutoffs(12, 3, 2) == [16, 14, 12]
    assert validation_cutoffs(Panel(np.ones((1, 144)), 12), 12, 4) == [48, 36, 24, 12]
    assert validation_cutoffs(Panel(np.ones((1, 144)), 12), 12, 100)[0] == 48
    assert validation_cutoffs(Panel(np.ones((1, 10)), 12), 12, 4) == []
    assert validation_cutoffs(Panel(np.ones((1, 14)), 1), 6, 4) == [9, 8, 7, 6]
    assert validation_cutoffs(Panel(np.ones((1, 10)), 1), 6, 4) == [6]
    # Whole days before the end, where there is room for them.
    assert validation_cutoffs(Panel(np.ones((1, 912)), 24), 48, 6) == [288, 240, 192, 144, 96, 48]
    assert validation_cutoffs(Panel(np.ones((1, 700)), 7), 10, 3) == [231, 126, 14]


def test_errors_to_expect_are_midway_only_where_weights_were_learned_from_two_windows():
    actual = np.zeros((4, 1, 2))
    forecasts = np.stack([np.full((4, 1, 2), 1.0), np.full((4, 1, 2), 5.0)])
    made, weights = np.full((4, 1, 2), 3.0), np.array([[1.0], [0.0]])
    rolled = Rolled(("good", "bad"), np.array([False, True]), np.array([4, 3, 2, 0]), forecasts, actual)
    np.testing.assert_allclose(errors_with(rolled, made, weights, 0), 2.0)
    np.testing.assert_allclose(errors_with(rolled, made, weights, 2), 2.5)
    np.testing.assert_allclose(errors_with(rolled, made, weights, 3), 3.0)
