"""The Box-Cox scale: values as scipy has them and back exactly, and the power that coreforecast finds."""

import numpy as np
import pytest
from scipy import special

import gatewise as gw
from gatewise.forecasting.networks.local_networks import LocalNetworks
from gatewise.forecasting.networks.power import POWERS, from_scale, guerrero, to_scale
from gatewise.forecasting.networks.views import Glasses, LocalView
from gatewise.forecasting.panel import Panel


def test_the_scale_is_scipys_and_the_way_back_is_exact():
    random = np.random.default_rng(0)
    values = np.exp(4 * random.standard_normal((101, 50)))
    levels = to_scale(values, POWERS)
    np.testing.assert_allclose(levels, special.boxcox(values, POWERS[:, None]), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(from_scale(levels, POWERS), values, rtol=1e-11)
    tiny = np.array([1e-9, 1e-300])
    np.testing.assert_allclose(to_scale(values[:2], tiny), special.boxcox(values[:2], tiny[:, None]), rtol=1e-9)
    np.testing.assert_array_equal(to_scale(-values[:1], np.array([np.nan])), -values[:1])


def test_no_forecast_leaves_what_values_can_be():
    below = np.array([[-1e9, -3.0], [-1e9, 0.0], [-1e9, 1e9]])
    np.testing.assert_allclose(
        from_scale(below, np.array([0.5, 1.0, 0.0])), [[0, 0], [0, 1], [0, np.exp(700.0)]], atol=1e-300
    )


def grown(power, random, seasons=30, season=12):
    """A series whose movements are of one size on the scale of a power."""
    level = np.linspace(20.0, 60.0, seasons).repeat(season)
    wave = np.tile(np.sin(2 * np.pi * np.arange(season) / season), seasons)
    return (level + 6 * wave + 0.3 * random.standard_normal(seasons * season)) ** (1 / power)


@pytest.mark.parametrize("power", [0.25, 0.5, 1.0])
def test_the_power_is_that_on_whose_scale_movements_are_alike(power):
    values = grown(power, np.random.default_rng(1))
    assert guerrero(values[None], 12)[0] == pytest.approx(power, abs=0.05)
    # In any unit, and with a gap and a late beginning.
    gaps = np.concatenate([np.full(7, np.nan), 1e6 * values])
    gaps[40] = np.nan
    assert guerrero(gaps[None], 12)[0] == pytest.approx(power, abs=0.05)


def test_the_power_is_that_of_coreforecast():
    scalers = pytest.importorskip("coreforecast.scalers")
    random = np.random.default_rng(0)
    airline = gw.datasets.load_airline()
    for values, season in (
        (airline, 12),
        (grown(0.4, random), 12),
        (np.exp(random.standard_normal(80).cumsum() / 9), 4),
    ):
        expected = scalers.boxcox_lambda(values, "guerrero", season, 0.0, 1.0)
        assert guerrero(values[None], season)[0] == pytest.approx(expected, abs=0.011)


def test_a_series_that_is_not_positive_is_seen_as_it_is():
    values = np.array([[1.0, 2.0, 4.0, 8.0, 9.0, 9.5], [1.0, 0.0, 4.0, 8.0, 2.0, 5.0], [np.nan] * 6, [7.0] * 6])
    powers = guerrero(values, 1)
    assert np.isfinite(powers).tolist() == [True, False, False, True]
    glasses = Glasses.fitted(LocalView("box-cox", "kept"), values[:2], 1)
    np.testing.assert_allclose(glasses.see(values[:2])[1] * glasses.units[1], values[1])
    # Too short for two seasons: logarithms.
    assert guerrero(values[:1], 4).tolist() == [0.0]


def test_a_view_is_named_forecasts_and_is_saved(tmp_path):
    view = LocalView("box-cox", "differences")
    assert view.name == "box-cox, seasonal differences"
    with pytest.raises(gw.errors.UsageError, match="scale is 'root': choose among 'log', 'box-cox', 'plain'"):
        LocalView("root")
    networks = LocalNetworks(
        cell="dense", layout="flat", members=2, epochs=5, views=(view, LocalView("log", "removed"))
    )
    panel = Panel(gw.datasets.load_airline()[None], 12)
    trained = networks.train(panel, 12)
    forecast = trained.forecast(panel)
    # Next year's months lie around those of the last one.
    np.testing.assert_allclose(forecast[0, 0] / panel.values[0, -12:], 1.1, atol=0.15)
    again = type(trained).restore(trained.specification(), trained.arrays())
    np.testing.assert_array_equal(again.forecast(panel), forecast)
