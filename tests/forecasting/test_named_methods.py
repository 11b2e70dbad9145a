"""Networks and baselines that somebody names: each has a name of its own, and what cannot be meant is one sentence."""

import numpy as np
import pytest

import gatewise as gw
from forecasting.made_networks import Lines
from forecasting.made_series import made_frame
from gatewise.forecasting.named_methods import with_names_apart
from gatewise.forecasting.networks.global_networks import Pool

SIMPLE = ["Naive", "Drift"]


class Mine:
    def __init__(self, name):
        self.name = name

    def forecast(self, values, season_length, horizon):
        return np.repeat(np.nan_to_num(values[:, -1:]), horizon, axis=1)


def names_of(networks):
    return [one.name for one in with_names_apart(networks, ())]


def test_networks_of_one_name_are_methods_of_their_own():
    forecaster = gw.Forecaster(3, network=[Lines(), Lines(look_back=9)], baselines=SIMPLE).fit(made_frame())
    names = ("Naive", "Drift", "lines", "lines, flat", "lines 2", "lines 2, flat")
    assert forecaster.explanation.methods == names
    assert np.isfinite(forecaster.predict()["gatewise"]).all()


def test_every_family_is_given_a_name_apart():
    local = gw.LocalNetworks()
    assert names_of([local, gw.LocalNetworks(units=(4,)), gw.SharedNetworks(local)]) == ["local", "local 2", "local 3"]
    one = gw.SequenceNetworks("one")
    (pool,) = with_names_apart([Pool((one, one))], ())
    assert [part.name for part in pool.networks] == ["one", "one 2"]
    # What stands in the columns of a backtest is no name for a method.
    assert names_of([Lines("Naive"), Lines("gatewise"), Lines("y")]) == ["Naive 2", "gatewise 2", "y 2"]


def test_networks_that_cannot_be_called_otherwise_are_refused():
    class Own:
        name = "own"
        train = Lines.train

    with pytest.raises(gw.errors.UsageError, match=r"^Networks of your own are called 'own', and so is another method"):
        with_names_apart([Own(), Own()], ())


def test_members_of_one_name_are_refused_where_their_names_are_known_after_training():
    networks = [Lines("a"), Lines("a, flat")]
    with pytest.raises(
        gw.errors.UsageError, match=r"^Two methods are called 'a, flat': give each a name of its own\.$"
    ):
        gw.Forecaster(3, network=networks, baselines=SIMPLE).fit(made_frame())


@pytest.mark.parametrize(
    ("baselines", "sentence"),
    [
        (["Naive", "Naive", "Drift"], "Two baselines are called 'Naive': give each once, and each a name of its own."),
        ([Mine("Naive"), "Naive"], "Two baselines are called 'Naive': give each once, and each a name of its own."),
        ([Mine("gatewise")], "A baseline is called 'gatewise', which is a column of a backtest: give it another name."),
        ("Naive", "baselines is 'Naive': give a list, such as ['Naive', 'SeasonalNaive'], and [] for none."),
        (
            [3],
            "3 is no baseline: give a name among Naive, SeasonalNaive, Drift, Regression, DynamicOptimizedTheta, ETS, ARIMA, "
            "or an object with a name and forecast(values, season_length, horizon).",
        ),
    ],
)
def test_baselines_that_cannot_be_meant_are_refused(baselines, sentence):
    with pytest.raises(gw.errors.UsageError) as refused:
        gw.Forecaster(3, network=[], baselines=baselines)
    assert str(refused.value) == sentence


def test_an_empty_list_of_baselines_is_none():
    forecaster = gw.Forecaster(3, network=Lines(), baselines=[]).fit(made_frame().query("unique_id == 's0'"))
    assert set(forecaster.explanation.methods) == {"lines", "lines, flat"}
    assert forecaster.validation.ranking == (
        "It was not tested whether the methods differ. There is no baseline beside the networks."
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            {"network": [], "network_only": True},
            "network_only is True and network is []: name networks, or let baselines have a part in the forecast.",
        ),
        ({"network": (), "baselines": []}, "network is [] and baselines is []: name one network or baseline at least."),
        (
            {"mode": "best", "minutes": 1},
            "mode is 'best' and minutes is 1, which decides the mode: leave one of the two out.",
        ),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused(arguments, sentence):
    with pytest.raises(gw.errors.UsageError) as refused:
        gw.Forecaster(3, **arguments)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"cell": "rnn"}, "cell is 'rnn': choose among 'lstm', 'gru', 'dense'."),
        ({"layout": "rows"}, "layout is 'rows': choose among 'flat', 'features', 'steps'."),
        ({"members": 0}, "members is 0: give a whole number of at least 1."),
        ({"look_back": 0}, "look_back is 0: give a whole number of at least 1."),
        ({"units": ()}, "units is (): give the units of each hidden layer, such as (8,)."),
        ({"units": (8, 0)}, "units is 0: give a whole number of at least 1."),
        ({"units": 8}, "units is 8: give the units of each hidden layer, such as (8,)."),
        ({"views": ()}, "views is (): give one LocalView or more, such as (LocalView('log'),)."),
        ({"views": "log"}, "views is 'log': give one LocalView or more, such as (LocalView('log'),)."),
        ({"learning_rate": -1}, "learning_rate is -1: give a number of 0 or above."),
        (
            {"loss": "smape"},
            "loss is 'smape': give 'mae' or 'mse'; quantiles and distributions are a head, such as head='quantile', and by "
            "sMAPE and a scaled error SequenceNetworks are trained.",
        ),
        (
            {"build": lambda shape: None},
            "The network '<lambda>' takes (shape): give a function (input_shape, outputs) -> keras.Model.",
        ),
    ],
)
def test_local_networks_that_cannot_be_meant_are_refused(arguments, sentence):
    with pytest.raises(gw.errors.UsageError) as refused:
        gw.LocalNetworks(**arguments)
    assert str(refused.value) == sentence


def test_lists_are_taken_for_tuples():
    assert gw.LocalNetworks(units=[8, 8], views=[gw.LocalView("plain")]).units == (8, 8)
    assert hash(gw.LocalNetworks(units=[4], views=[gw.LocalView("plain")]))


def test_a_function_that_builds_no_model_is_named():
    def forgetful(shape, outputs):
        pass

    with pytest.raises(gw.errors.UsageError) as refused:
        gw.Forecaster(3, network=forgetful, baselines=SIMPLE).fit(made_frame())
    assert str(refused.value) == (
        "The network 'forgetful' returned None for (input_shape, outputs) = ((12, 1), 3): return a keras.Model."
    )
    with pytest.raises(gw.errors.UsageError, match=r"^network is <class .*LocalNetworks'>: give a recipe's name"):
        gw.Forecaster(3, network=gw.LocalNetworks).fit(made_frame())
