"""What a recipe trains and is scored on: the published split, the scaler, and persistence on the same points."""

import numpy as np
import pytest

from gatewise.datasets import load_airline
from gatewise.errors import DataError
from gatewise.recipes import recipe
from gatewise.recipes.airline.samples import prepare, rmse


@pytest.mark.parametrize(("name", "train", "test"), [("lstm", 94, 46), ("lstm-time-steps", 92, 44), ("mlp", 94, 46)])
def test_the_published_split_is_kept_with_its_lost_sample(name, train, test):
    """96 months train, 48 test; ``range(len - look_back - 1)`` leaves these counts, as in the published logs."""
    samples = prepare(recipe(name), load_airline())
    assert (len(samples.train.x), len(samples.test.x)) == (train, test)
    look_back = recipe(name).look_back
    assert samples.train.at.tolist() == list(range(look_back, look_back + train))
    assert samples.test.at.tolist() == list(range(96 + look_back, 96 + look_back + test))


@pytest.mark.parametrize("name", ["mlp-window", "lstm-window", "gru-stateful"])
def test_inputs_and_targets_are_the_series_around_each_position(name):
    values = load_airline()
    samples = prepare(recipe(name), values)
    for part in (samples.train, samples.test):
        for x, y, at, actual in zip(part.x, part.y, part.at, part.actual, strict=True):
            np.testing.assert_allclose(samples.original(x.ravel()), values[at - 3 : at], rtol=1e-6)
            np.testing.assert_allclose(samples.original(y), values[at], rtol=1e-6)
            assert actual == values[at]


def test_the_published_scaler_sees_everything_and_the_honest_one_the_training_part_only():
    values = load_airline()
    leaky, honest = (prepare(recipe("lstm").varied(leak=leak), values) for leak in (True, False))
    assert (leaky.low, leaky.low + leaky.span) == (104, 622)
    assert (honest.low, honest.low + honest.span) == (104, values[:96].max())
    changed = values.copy()
    changed[96:] *= 7
    np.testing.assert_array_equal(prepare(recipe("lstm").varied(leak=False), changed).train.x, honest.train.x)
    assert np.abs(prepare(recipe("lstm"), changed).train.x - leaky.train.x).max() > 0.1


def test_raw_counts_stay_raw():
    samples = prepare(recipe("mlp"), load_airline())
    assert samples.train.x[:3, 0].tolist() == [112, 118, 132]


@pytest.mark.parametrize(("name", "expected"), [("lstm", 48.66), ("lstm-window", 49.02)])
def test_persistence_is_scored_on_the_points_of_the_recipe(name, expected):
    """Expected: a loop over R's `AirPassengers`, on the months 1957-02… and 1957-04… up to 1960-11."""
    values = load_airline()
    samples = prepare(recipe(name), values)
    errors = [values[at] - values[at - 1] for at in range(96 + recipe(name).look_back, 143)]
    assert samples.test.persistence == pytest.approx(np.sqrt(np.mean(np.square(errors))))
    assert round(samples.test.persistence, 2) == expected


def test_other_data_loses_no_sample():
    samples = prepare(recipe("lstm-stateful").for_other_data(), np.arange(20.0))
    assert samples.train.at.tolist() == list(range(3, 13))
    assert samples.test.at.tolist() == list(range(16, 20))


def test_rmse_is_over_the_last_axis():
    predicted = np.array([[1.0, 2.0], [4.0, 5.0]])
    np.testing.assert_allclose(rmse(predicted, np.array([1.0, 0.0])), [np.sqrt(2), np.sqrt(17)])


@pytest.mark.parametrize("name", ["mlp", "lstm", "lstm-window", "gru-stacked-stateful"])
@pytest.mark.parametrize("look_back", [1, 2, 5, 12])
def test_the_least_length_named_is_the_least_that_works(name, look_back):
    one = recipe(name).varied(look_back=look_back)
    with pytest.raises(DataError) as caught:
        prepare(one, [1.0, 2.0])
    head, _, tail = str(caught.value).partition("give at least ")
    assert head == (
        f"A series of 2 values is too short for {name!r} with look_back={look_back}, which trains on the first 67 % "
        "and is tested on the rest: "
    )
    least = int(tail.split()[0])
    assert len(prepare(one, np.arange(least)).test.x) >= 1
    with pytest.raises(DataError):
        prepare(one, np.arange(least - 1))


def test_a_series_without_change_is_refused():
    with pytest.raises(DataError) as caught:
        prepare(recipe("lstm"), np.full(30, 7.0))
    assert str(caught.value) == (
        "All 30 values of the series are 7: give a series that changes, because nothing can be learned from this one."
    )
    late = np.r_[np.full(20, 7.0), np.arange(10)]
    with pytest.raises(DataError) as caught:
        prepare(recipe("lstm").for_other_data(), late)
    assert str(caught.value) == (
        "All 20 values of the training part of the series are 7: give a series that changes, because nothing can be "
        "learned from this one."
    )
