"""The pinball loss: its numbers, its shapes, what it refuses, and that it comes back from a file."""

import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.errors import ShapeError, UsageError
from gatewise.losses import Pinball

keras = import_keras()


def test_each_quantile_is_compared_with_the_one_target():
    y, q = np.array([[2.0], [5.0]], "float32"), np.array([[1.0, 4.0], [5.0, 3.0]], "float32")
    # By hand: levels 0.1 and 0.75; errors (y - q) of 1, -2 and 0, 2.
    expected = np.array([[0.1 * 1, 0.25 * 2], [0.0, 0.75 * 2]]).mean()
    assert float(Pinball([0.1, 0.75])(y, q)) == pytest.approx(expected)
    assert float(Pinball([0.1, 0.75])(y[:, 0], q)) == pytest.approx(expected)


def test_with_one_level_every_output_has_a_target():
    y, q = np.array([[2.0, 5.0]], "float32"), np.array([[1.0, 7.0]], "float32")
    assert float(Pinball(0.9)(y, q)) == pytest.approx((0.9 * 1 + 0.1 * 2) / 2)


def test_quantiles_of_a_horizon():
    draw = np.random.default_rng(0).normal
    y, q, levels = draw(size=(4, 6)), draw(size=(4, 6, 3)), (0.2, 0.5, 0.9)
    error = y[..., None] - q
    expected = np.maximum(np.array(levels) * error, (np.array(levels) - 1) * error).mean()
    assert float(Pinball(levels)(y.astype("float32"), q.astype("float32"))) == pytest.approx(expected, rel=1e-6)


def test_at_a_half_it_is_half_the_absolute_error():
    y, q = np.random.default_rng(1).normal(size=(2, 9, 1)).astype("float32")
    assert float(Pinball(0.5)(y, q)) == pytest.approx(np.abs(y - q).mean() / 2, rel=1e-6)


def test_a_network_learns_the_quantiles_of_noise():
    noise = np.random.default_rng(2).exponential(size=2000).astype("float32")
    levels = [0.1, 0.5, 0.9]
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(3)])
    model.compile(keras.optimizers.Adam(0.05), Pinball(levels))
    gw.fit(model, np.ones((2000, 1), "float32"), noise, batch_size=500, epochs=60, verbose=0)
    found = gw.predict(model, np.ones((1, 1), "float32"))[0]
    np.testing.assert_allclose(found, np.quantile(noise, levels), atol=0.12)


@pytest.mark.parametrize("levels", [0.0, 1, [], [0.5, 1.2], [[0.5]], "median", None, np.nan])
def test_levels_are_probabilities(levels):
    with pytest.raises(UsageError) as caught:
        Pinball(levels)
    assert str(caught.value) == (
        f"levels={levels!r}: a number between 0 and 1 is needed, such as 0.9, or a list of them, such as [0.1, 0.5, 0.9]."
    )


def test_shapes_that_do_not_fit():
    y, q = np.zeros((4, 2), "float32"), np.zeros((4, 3), "float32")
    with pytest.raises(ShapeError) as caught:
        Pinball([0.1, 0.9])(y, q)
    assert str(caught.value) == (
        "The loss Pinball has 2 levels, and the outputs of the model have the shape (4, 3): their last axis is to hold a "
        "quantile for each level."
    )
    with pytest.raises(ShapeError) as caught:
        Pinball([0.1, 0.5, 0.9])(y, q)
    assert str(caught.value) == (
        "The loss Pinball([0.1, 0.5, 0.9]) compares targets of the shape (4, 2) with outputs for which (4, 1) is needed."
    )


@pytest.mark.parametrize("levels", [0.8, (0.1, 0.9)])
def test_it_is_saved_with_its_model(tmp_path, levels):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2)])
    model.compile("adam", Pinball(levels, name="quantiles"))
    gw.save(model, tmp_path / "model")
    loss = gw.load(tmp_path / "model").loss
    assert (type(loss), loss.levels, loss.name) == (Pinball, levels, "quantiles")
