"""Series of every kind are forecast, or refused in a sentence."""

import numpy as np
import pandas as pd
import pytest

import gatewise as gw
from forecasting.made_networks import Lines
from gatewise.forecasting.networks.local_networks import LocalNetworks

TINY = LocalNetworks(cell="dense", layout="flat", units=(2,), members=2, epochs=2, look_back=4)
T = np.arange(48)
NOISE = np.random.default_rng(0).standard_normal(48)
WAVE = np.sin(T * np.pi / 6)
SERIES = {
    "constant": np.full(48, 7.0),
    "zeros": np.zeros(48),
    "two values": np.r_[np.full(47, 1.0), 2.0],
    "negative": -50 - 10 * WAVE + NOISE,
    "huge": 1e30 * (5 + WAVE + 0.1 * NOISE),
    "tiny": 1e-30 * (5 + WAVE + 0.1 * NOISE),
    "repeats itself": 5 + WAVE,
    "one": np.array([5.0]),
    "two": np.array([5.0, 6.0]),
    "three": np.array([5.0, 6.0, 8.0]),
    "shorter than the horizon": np.array([5.0, 6.0, 8.0, 7.0]),
    "gaps": np.where(T % 7 == 3, np.nan, 10 + WAVE),
    "mostly zeros": np.where(T % 9 == 0, 5.0, 0.0),
    "a long gap at its end": np.r_[np.arange(38.0), np.full(9, np.nan), 38.0],
}


def made(names):
    frames = [
        pd.DataFrame(
            {"unique_id": n, "ds": pd.date_range("2020-01", periods=len(SERIES[n]), freq="MS"), "y": SERIES[n]}
        )
        for n in names
    ]
    return gw.read_series(pd.concat(frames), freq="MS")


@pytest.fixture(scope="module")
def forecasts():
    fitted = gw.Forecaster(6, network=TINY, baselines=["Naive", "SeasonalNaive", "Drift"]).fit(made(SERIES))
    return fitted.predict(networks=True).set_index("unique_id")


@pytest.mark.parametrize("name", SERIES)
def test_every_series_is_forecast(forecasts, name):
    columns = forecasts.loc[name].drop(columns="ds")
    bounds = columns.columns.str.contains("-lo-|-hi-")
    assert np.isfinite(columns.loc[:, ~bounds].to_numpy(float)).all()
    # Of a single value nothing says how far it goes.
    assert (np.isfinite(columns.loc[:, bounds].to_numpy(float)) == (name != "one")).all()
    known = SERIES[name][np.isfinite(SERIES[name])]
    around = 3 * np.ptp(known) + 1e-9 * np.abs(known).max()
    for column in ("gatewise", "gatewise-network"):
        assert (columns[column] >= known.min() - around).all()
        assert (columns[column] <= known.max() + around).all()


@pytest.mark.parametrize(("name", "value"), [("constant", 7.0), ("zeros", 0.0), ("one", 5.0)])
def test_what_never_moved_is_forecast_not_to(forecasts, name, value):
    columns = forecasts.loc[name].drop(columns="ds").dropna(axis=1)
    np.testing.assert_allclose(columns, value, rtol=1e-6, atol=1e-6)


def test_units_do_not_matter():
    """A million times the series is forecast a million times the forecast, intervals too."""
    table = made(["negative", "huge"])
    plain, large = (
        gw.Forecaster(3, network=Lines(), baselines=["Naive", "SeasonalNaive"])
        .fit(gw.read_series(table.to_frame().assign(y=lambda frame, factor=factor: frame["y"] * factor)))
        .predict()
        for factor in (1.0, 2.0**20)
    )
    columns = plain.columns[2:]
    # The members of the networks for tests differ by a tenth, whatever the units.
    np.testing.assert_allclose(large[columns] / 2.0**20, plain[columns], rtol=0.02)


@pytest.mark.parametrize("name", ["two", "three", "shorter than the horizon"])
def test_without_a_validation_intervals_are_of_the_movement(name):
    fitted = gw.Forecaster(12, network=Lines(), baselines=["Naive"]).fit(made([name]))
    forecast = fitted.predict(level=80)
    width = forecast["gatewise-hi-80"] - forecast["gatewise-lo-80"]
    assert (width > 0).all()
    np.testing.assert_allclose(width / width[0], np.sqrt(np.arange(1, 13)))
    assert str(fitted.explanation).endswith("no series is long enough to choose by forecasts from past cutoffs.")
    with pytest.raises(gw.errors.DataError) as caught:
        _ = fitted.validation
    assert str(caught.value) == (
        "There was no validation: no series is long enough to be forecast 12 steps from before its end."
    )


def test_without_levels_there_are_no_intervals_and_a_forecaster_says_what_it_is():
    forecaster = gw.Forecaster(3, network=[], baselines=["Naive"])
    assert repr(forecaster) == "Forecaster(horizon=3, mode='fast'; not fitted)"
    assert forecaster.fit(SERIES["repeats itself"]).predict(level=()).columns.tolist() == [
        "unique_id",
        "ds",
        "gatewise",
    ]
    assert (
        repr(forecaster)
        == "Forecaster(horizon=3, mode='fast'; fitted to 1 series of 48 values, freq 1, 0 to 47, 0 missing)"
    )
    backtest = gw.backtest(forecaster, SERIES["two values"], n_windows=2)
    assert repr(backtest).startswith("Backtest(1 series, 2 cutoffs, 6 forecast values; ")
    with pytest.raises(gw.errors.UsageError) as caught:
        gw.backtest(forecaster, SERIES["two values"], refit=0)
    assert str(caught.value) == "refit is 0: give a whole number of at least 1."


def test_a_single_value_has_no_interval():
    forecast = gw.Forecaster(2, network=Lines(), baselines=["Naive"]).fit(made(["one"])).predict(level=80)
    assert forecast["gatewise"].round(0).tolist() == [5.0, 5.0]
    assert forecast["gatewise-lo-80"].isna().all()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"horizon": 0}, "horizon is 0: give a whole number of at least 1."),
        ({"horizon": 1.5}, "horizon is 1.5: give a whole number of at least 1."),
        ({"season_length": 0}, "season_length is 0: give a whole number of at least 1."),
        ({"mode": "slow"}, "mode is 'slow': give 'fast' or 'best'."),
        ({"minutes": -1}, "minutes is -1: give a number above 0, or leave it out for what the mode takes."),
        ({"seed": -1}, "seed=-1: a whole number from 0 to 2**63 - 1 is needed."),
        ({"network_only": "yes"}, "network_only is 'yes': give True or False."),
        (
            {"baselines": ["Prophet"]},
            "There is no baseline 'Prophet': choose among Naive, SeasonalNaive, Drift, Regression, DynamicOptimizedTheta, ETS, "
            "ARIMA.",
        ),
    ],
)
def test_arguments_that_cannot_be_meant(arguments, sentence):
    with pytest.raises(gw.errors.UsageError) as caught:
        gw.Forecaster(**{"horizon": 3, **arguments})
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("network", "sentence"),
    [
        ("lstm-windows", "There is no recipe 'lstm-windows': did you mean 'lstm-window'?"),
        ("imdb-lstm", "The recipe 'imdb-lstm' is for texts: choose one for series, such as 'lstm-window'."),
        (
            3,
            "network is 3: give a recipe's name, networks such as LocalNetworks(), or a function (input_shape, outputs) -> "
            "keras.Model.",
        ),
    ],
)
def test_networks_that_cannot_be_meant(network, sentence):
    with pytest.raises(gw.errors.UsageError) as caught:
        gw.Forecaster(3, network=network).fit([1.0, 2.0, 3.0, 4.0])
    assert str(caught.value) == sentence


def test_a_forecaster_that_was_not_fitted_or_not_for_so_many_steps():
    forecaster = gw.Forecaster(3, network=Lines(), baselines=["Naive"])
    with pytest.raises(gw.errors.UsageError) as caught:
        forecaster.predict()
    assert str(caught.value) == "This forecaster has not been fitted: call fit(series) first."
    forecaster.fit([1.0, 2.0, 3.0, 4.0])
    with pytest.raises(gw.errors.UsageError) as caught:
        forecaster.predict(horizon=4)
    assert str(caught.value) == "horizon is 4, and this forecaster was made for 3: fit one with horizon=4."
