"""What is estimated step by step for all series at once, against each series cut at each step and estimated by itself."""

import numpy as np
import pytest

from gatewise.forecasting.networks.alignment import AlignedSeries
from gatewise.forecasting.networks.origins import slopes_so_far, smoothed
from gatewise.forecasting.networks.seasonality import seasons_so_far
from gatewise.forecasting.panel import Panel


@pytest.fixture(scope="module")
def levels():
    generator = np.random.default_rng(0)
    return 0.3 * generator.standard_normal((5, 40)).cumsum(axis=1)


def season_of(series, season_length, memory):
    """The shrunk season of one series, from definitions."""
    half = season_length // 2
    weights = np.ones(season_length) if season_length % 2 else np.r_[0.5, np.ones(season_length - 1), 0.5]
    residuals = {}
    for middle in range(half, len(series) - half):
        around = series[middle - half : middle + half + 1]
        residuals[middle] = series[middle] - around @ weights / season_length
    means, noise, counts = [], 0.0, []
    for place in range(season_length):
        steps = [step for step in residuals if step % season_length == place]
        if not steps:
            return np.zeros(season_length)
        ages = (max(steps) - np.array(steps)) // season_length
        values, weight = np.array([residuals[step] for step in steps]), memory**ages
        means.append(values @ weight / weight.sum())
        noise += weight @ (values - means[-1]) ** 2
        counts.append(weight.sum())
    if len(residuals) - season_length < 2:
        return np.zeros(season_length)
    noise = noise / (sum(counts) - season_length + 1e-9) * np.mean(1 / np.array(counts))
    centred = np.array(means) - np.mean(means)
    signal = max(centred @ centred / (season_length - 1) - noise, 0.0)
    return centred * signal / (signal + noise + 1e-12)


@pytest.mark.parametrize("memory", [1.0, 0.7])
@pytest.mark.parametrize("season_length", [4, 5])
def test_the_season_at_a_step_is_that_of_the_series_up_to_it(levels, season_length, memory):
    levels = levels + np.sin(np.arange(40) * 2 * np.pi / season_length)
    seasons = seasons_so_far(levels, season_length, memory)
    for row, step in [(0, 39), (1, 25), (2, 14), (3, 11), (4, 8), (4, 3)]:
        expected = season_of(levels[row, : step + 1], season_length, memory)
        np.testing.assert_allclose(seasons[row, step], expected, atol=1e-10)
    assert np.abs(seasons[:, 39]).max() > 0.3


def test_slopes_are_those_of_the_least_squares_line(levels):
    slopes = slopes_so_far(levels)
    for row, step in [(0, 39), (1, 10), (4, 2)]:
        line = np.polyfit(np.arange(step + 1), levels[row, : step + 1], 1)
        assert slopes[row, step] == pytest.approx(line[0])
    assert (slopes[:, :2] == 0).all()


def test_the_level_is_smoothed_with_the_rate_of_least_error(levels):
    aligned = AlignedSeries.of(Panel(np.exp(levels), 1))
    found, rates = smoothed(levels, aligned)
    for row in range(5):
        errors, ends = {}, {}
        for rate in (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0):
            level, errors[rate] = levels[row, 0], 0.0
            for value in levels[row, 1:]:
                errors[rate] = 0.995 * errors[rate] + (value - level) ** 2
                level += rate * (value - level)
            ends[rate] = level
        best = min(errors, key=lambda rate: errors[rate] + 1e-6 * abs(rate - 0.5))
        assert rates[row, 39] == best
        assert found[row, 39] == pytest.approx(ends[best])
