"""Covariates: what may move a forecast and what may not, what they are worth, and what is refused."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import gatewise as gw
from forecasting.made_covariates import COVARIATES, made_explained, without_values
from forecasting.made_networks import Lines
from gatewise.forecasting.classical.regression import Regression
from gatewise.forecasting.covariate_glasses import CovariateGlasses
from gatewise.forecasting.linear_effects import own_variance, shared, steps_of
from gatewise.forecasting.networks.global_networks import restore
from gatewise.forecasting.networks.local_networks import LocalNetworks
from gatewise.forecasting.networks.origins import View
from gatewise.forecasting.networks.season_networks import SeasonNetworks
from gatewise.forecasting.networks.sequence_networks import SequenceNetworks
from gatewise.forecasting.panel import Panel

pytestmark = pytest.mark.usefixtures("quickly_compiled")

HORIZON = 4
DENSE = LocalNetworks(cell="dense", layout="flat", units=(4,), members=2, epochs=4, learning_rate=0.005)


def read(frame, **covariates):
    return gw.read_series(frame, id_col="unique_id", target_col="y", covariates=covariates or COVARIATES)


@pytest.fixture(scope="module")
def panel():
    return Panel.of(read(without_values(made_explained(ahead=HORIZON), HORIZON)), ahead=HORIZON)


class TestPanel:
    def test_covariates_stand_beside_their_series_and_go_on_after_it(self):
        frame = pd.DataFrame(
            {
                "unique_id": ["a"] * 5 + ["b"] * 3,
                "ds": [1, 2, 4, 5, 6, 3, 4, 5],
                "y": [1.0, 2, 4, None, None, 3, 4, None],
                "promo": [0.0, 1, 0, 1, 2, 5, 6, 7],
                "lead": [0.1, 0.2, 0.4, None, None, 0.3, 0.4, None],
                "area": ["n"] * 5 + ["s"] * 3,
            }
        )
        known = Panel.of(read(frame), ahead=2).covariates
        # Time 3 of series a is left out, and is as time 2 was; b begins later, and knows one step in advance only.
        assert known.past[..., 0].tolist() == [[0.1, 0.2, 0.2, 0.4], [0.3, 0.3, 0.3, 0.4]]
        assert known.future[..., 0].tolist() == [[0, 1, 1, 0, 1, 2], [5, 5, 5, 6, 7, 7]]
        assert known.static.tolist() == [[1, 0], [0, 1]]
        assert known.names == ("promo", "lead", "area=n", "area=s")

    def test_what_was_known_at_a_cutoff(self, panel):
        cut = panel.until(3).covariates
        np.testing.assert_array_equal(cut.past, panel.covariates.past[:, :-3])
        np.testing.assert_array_equal(cut.future, panel.covariates.future[:, :-3])
        assert (cut.ahead, cut.select(np.array([1])).static.tolist()) == (HORIZON, [[1, 0]])
        both = Panel.joined([panel.until(3), panel])
        np.testing.assert_array_equal(both.covariates.future[:2, 3:], cut.future)
        np.testing.assert_array_equal(both.values[2:], panel.values)


class TestLinearEffects:
    def test_effects_are_found_beside_a_level_that_moves_and_noise_is_none(self):
        generator = np.random.default_rng(0)
        columns = generator.standard_normal((3, 200, 2))
        levels = 0.1 * generator.standard_normal((3, 200)).cumsum(axis=1) + 0.3 * columns[..., 0]
        levels[1, :50] = np.nan
        steps = steps_of(levels, columns)
        effects = steps.effects(np.zeros((3, 2)), own_variance(steps))
        np.testing.assert_allclose(effects[:, 0], 0.3, atol=0.03)
        np.testing.assert_allclose(effects[:, 1], 0.0, atol=0.01)
        mean, variance = shared(steps)
        np.testing.assert_allclose(mean, [0.3, 0.0], atol=0.02)
        assert (variance < 1e-3).all()

    def test_the_sums_are_those_of_least_squares(self):
        generator = np.random.default_rng(1)
        columns, level = generator.standard_normal((1, 40, 2)), generator.standard_normal((1, 40))
        steps = steps_of(np.cumsum(level, axis=1), np.cumsum(columns, axis=1))
        # A random walk is smoothed at rate 1: the regression is one of differences.
        assert steps.rate[0] == 1.0
        expected = np.linalg.lstsq(columns[0, 1:], level[0, 1:], rcond=None)[0]
        np.testing.assert_allclose(steps.effects(np.zeros((1, 2)), np.full((1, 2), 1e9))[0], expected, rtol=1e-6)

    def test_a_series_without_its_effects_and_back(self, panel):
        lens = CovariateGlasses.of_each(panel)
        bare = lens.without(panel)
        promo = panel.covariates.future[:, :-HORIZON, 0] > 0
        with_promo, rest = (
            np.nanmean(np.where(where, np.log(bare.panel.values), np.nan), axis=1) for where in (promo, ~promo)
        )
        np.testing.assert_allclose(with_promo, rest, atol=0.05)
        step = np.diff(bare.effects[0])[np.diff(panel.covariates.future[0, -HORIZON:, 0]) == 1]
        np.testing.assert_allclose(step, 0.4, atol=0.03)
        again = bare.back(bare.panel.values[None, :, -HORIZON:])
        np.testing.assert_allclose(again[0], bare.panel.values[:, -HORIZON:] * np.exp(bare.effects))


def own_network(input_shape, outputs):
    import keras

    assert input_shape == (3 + outputs, 3)
    return keras.Sequential([keras.Input(input_shape), keras.layers.Flatten(), keras.layers.Dense(outputs)])


# What each method uses.
METHODS = {
    "dense": DENSE,
    "stateful": LocalNetworks(units=(3,), members=2, epochs=2, look_back=3, stateful=True, head="normal"),
    "own and recursive": LocalNetworks(build=own_network, members=2, epochs=2, look_back=3, recursive=True),
    "Regression": Regression(),
    "season": SeasonNetworks("season", cycle=2, units=6, members=1, steps=6, phases=1),
}


def forecasts(method, panel):
    """Return a function from a panel to a method's forecasts, trained before."""
    if isinstance(method, Regression):
        return lambda other: method.forecast_panel(other, HORIZON)[None]
    return method.train(panel, HORIZON, seed=1).forecast


def moved(panel, kind, columns, by=1.0):
    array = getattr(panel.covariates, kind).copy()
    array[0, columns] += by
    return replace(panel, covariates=replace(panel.covariates, **{kind: array}))


@pytest.mark.parametrize("name", METHODS)
def test_what_moves_a_forecast_and_what_does_not(panel, name):
    used = getattr(METHODS[name], "covariates_used", ("past", "future"))
    refuse_wrong_moves(forecasts(METHODS[name], panel.until(12)), panel, used)


def refuse_wrong_moves(forecast, panel, used):
    """Check what moves a forecast from 12 steps before the end of a panel."""
    back = 12
    cut = panel.until(back)
    before = forecast(cut)
    assert np.isfinite(before).all()
    end = cut.values.shape[1]
    # What is measured after the cutoff, and what is known in advance of times after the horizon, is nothing to it.
    later = moved(moved(panel, "past", slice(end, None)), "future", slice(end + HORIZON, None))
    np.testing.assert_array_equal(forecast(later.until(back)), before)
    for kind, columns in (("past", -1), ("future", slice(end + 1, end + 2))):
        after = forecast(moved(cut, kind, columns))
        assert (after[:, 0] != before[:, 0]).any(axis=1).all() == (kind in used), kind
        # The other series has covariates of its own.
        np.testing.assert_array_equal(after[:, 1], before[:, 1])


def test_a_backtest_finds_who_reads_what_was_not_known(monkeypatch):
    table = read(made_explained(), future=["promo"], past=["lead"])
    honest = gw.Forecaster(2, network=Lines(), baselines=["Naive", "Regression"])
    tested = gw.backtest(honest, table, n_windows=4, check_leaks=True)
    assert tested.notes[0].startswith("The networks cannot use")

    from gatewise.forecasting.classical import baseline_methods

    class Method(baseline_methods.BaselineMethod):
        def roll(self, panel, horizon, steps_back, progress):
            found = super().roll(panel, horizon, steps_back, progress)
            return {name: forecast + panel.covariates.past[0, -1, 0] for name, forecast in found.items()}

    monkeypatch.setattr("gatewise.forecasting.planning.BaselineMethod", Method)
    with pytest.raises(gw.errors.UsageError, match=r"^The method 'Naive' knows the future"):
        gw.backtest(honest, table, n_windows=4, check_leaks=True)


@pytest.fixture(scope="module")
def fitted():
    table = read(without_values(made_explained(ahead=HORIZON), HORIZON))
    return gw.Forecaster(HORIZON, network=DENSE, baselines=["Naive", "SeasonalNaive", "Regression"]).fit(table)


def test_a_promotion_is_forecast_far_better_by_who_knows_of_it(fitted):
    plain = gw.Forecaster(HORIZON, network=DENSE, baselines=["Naive", "SeasonalNaive"]).fit(
        made_explained()[["unique_id", "ds", "y"]]
    )
    known, unknown = (one.validation.metrics().set_index("method")["mase"] for one in (fitted, plain))
    for method in ("gatewise", "gatewise-network"):
        assert known[method] < 0.65 * unknown[method]
    assert known["Regression"] < 0.5 * known["SeasonalNaive"]


def test_the_explanation_says_who_uses_what(fitted):
    assert fitted.explanation.covariates == ("promo", "lead")
    assert fitted.explanation.sentences[-3:] == (
        "The networks use the covariates 'promo', 'lead'.",
        "The networks cannot use static covariates: 'area' is nothing to them.",
        "Of the baselines, Regression uses 'promo', 'lead', and the others go by the series alone.",
    )


class TestFuture:
    """Where what is known in advance comes from."""

    def test_rows_of_the_table_are_rows_given_later(self, fitted):
        whole = made_explained(ahead=HORIZON)
        rows = whole.groupby("unique_id").tail(HORIZON)[["unique_id", "ds", "promo"]]
        expected = fitted.predict()
        for given in (rows, whole.drop(columns=["lead", "area"]), rows.sample(frac=1, random_state=0)):
            pd.testing.assert_frame_equal(fitted.predict(future=given), expected)
        other = fitted.predict(future=rows.assign(promo=1.0 - rows["promo"]))
        ratio = np.log(other["gatewise"] / expected["gatewise"]) * np.where(rows["promo"] > 0, -1, 1)
        assert (ratio > 0.2).all()

    def test_a_list_for_a_single_covariate_of_a_single_series(self):
        frame = made_explained(series=1, ahead=HORIZON)
        forecaster = gw.Forecaster(HORIZON, network=[], baselines=["Regression"])
        forecaster.fit(read(frame.iloc[:-HORIZON], future=["promo"]))
        listed = forecaster.predict(future=frame["promo"].tolist()[-HORIZON:])
        pd.testing.assert_frame_equal(listed, forecaster.predict(future=frame[["ds", "promo"]].tail(HORIZON)))


def test_global_networks_learn_from_other_series_what_a_promotion_does():
    """Nor does a series know by itself that has not had any; and what is said of whole series is seen."""
    frame = made_explained(series=12, time=48, ahead=HORIZON)
    first = frame["unique_id"] == "s0"
    frame.loc[first, "y"] *= np.exp(-0.4 * frame.loc[first, "promo"])
    times = frame.groupby("unique_id").cumcount()
    frame.loc[first, "promo"] = (times[first] >= 49).astype(float)
    panel = Panel.of(read(without_values(frame, HORIZON)), ahead=HORIZON)
    networks = SequenceNetworks("sequence", View("smooth", lags=4), units=6, members=1, steps=60)
    trained = networks.train(panel, HORIZON, seed=1)
    forecast = trained.forecast(panel)
    actual = frame["y"].to_numpy().reshape(12, -1)[:, -HORIZON:]
    plain = replace(panel, covariates=None)
    alone = networks.train(plain, HORIZON, seed=1).forecast(plain)
    errors = [np.abs(np.log(each[0, 1:]) - np.log(actual[1:])).mean() for each in (forecast, alone)]
    assert errors[0] < 0.65 * errors[1]
    # The promotion of the series that had none before begins at its second step.
    np.testing.assert_allclose(np.log(forecast[0, 0, 1] / forecast[0, 0, 0]), 0.4, atol=0.15)
    refuse_wrong_moves(trained.forecast, panel, networks.covariates_used)

    static = panel.covariates.static.copy()
    static[3] = static[3, ::-1]
    other = trained.forecast(replace(panel, covariates=replace(panel.covariates, static=static)))
    assert (other[0, 3] != forecast[0, 3]).all()
    np.testing.assert_array_equal(np.delete(other, 3, axis=1), np.delete(forecast, 3, axis=1))

    again = restore(json.loads(json.dumps(trained.specification())), trained.arrays())
    np.testing.assert_array_equal(again.forecast(panel), forecast)


def test_an_update_is_the_same_in_steps_and_at_once_and_a_saved_forecaster_comes_back(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    step_by_step, at_once = (gw.Forecaster.load(tmp_path / "model") for _ in range(2))
    pd.testing.assert_frame_equal(at_once.predict(networks=True), fitted.predict(networks=True))
    assert str(at_once.explanation) == str(fitted.explanation)
    assert at_once.explanation.covariates == ("promo", "lead")
    later = made_explained(ahead=HORIZON + 4).groupby("unique_id").tail(HORIZON + 4)
    new = later.groupby("unique_id").head(2)
    for ds in sorted(new["ds"].unique()):
        step_by_step.update(new[new["ds"] == ds])
    at_once.update(new)
    # Two of the four steps that were known in advance still are.
    pd.testing.assert_frame_equal(step_by_step.predict(2, networks=True), at_once.predict(2, networks=True))
    with pytest.raises(gw.errors.DataError, match=r"has no 'promo' for 2021-05-01, and a forecast of 3 steps"):
        at_once.predict(3)
    whole = read(without_values(made_explained(ahead=HORIZON), 2))
    table = at_once.fitted.table
    np.testing.assert_array_equal(table.future.values, whole.future.values)
    np.testing.assert_array_equal(table.past.values, whole.past.values)
    np.testing.assert_array_equal(table.ahead, whole.ahead)
    expected = at_once.fitted.trained[0].forecast(Panel.of(whole, ahead=HORIZON))
    np.testing.assert_array_equal(expected, at_once.fitted.trained[0].forecast(at_once.fitted.panel))


def new_rows(**columns):
    rows = {"unique_id": ["s0"] * 2, "ds": ["2021-01-01", "2021-02-01"], "y": [50.0, 51.0]}
    rows |= {"promo": [0.0, 1.0], "lead": [0.0, 0.0], **columns}
    return pd.DataFrame({name: column for name, column in rows.items() if column is not None})


FUTURE = (
    "and a forecast of 2 steps needs them: give rows for these times with future, or below its last value with an empty "
    "value."
)


@pytest.fixture(scope="module")
def lines():
    return gw.Forecaster(HORIZON, network=[], baselines=["Regression"]).fit(read(made_explained()))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda one: one.predict(2),
            f"Series 's0' (the first of 2 such series) has no 'promo' for 2021-01-01, 2021-02-01, {FUTURE}",
        ),
        (
            lambda one: one.predict(2, future=new_rows()),
            f"Series 's1' has no 'promo' for 2021-01-01, 2021-02-01, {FUTURE}",
        ),
        (
            lambda one: one.predict(future=new_rows(promo=None)),
            "The rows in advance have no column 'promo'; they have 'unique_id', 'ds', 'y', 'lead': add it, since the "
            "forecaster was fitted with it.",
        ),
        (
            lambda one: one.predict(future=new_rows(promo=["yes", "no"])),
            "The frame, row 0 (counted from 0), column 'promo' is 'yes' (the first of 2 such cells), which is no number: "
            "correct it, or leave the cell empty if the value is missing.",
        ),
        (
            lambda one: one.predict(future=new_rows(ds=["2021-01-02", "2021-02-02"])),
            "The frame, row 0 (counted from 0), column 'ds' is 2021-01-02, which is no time of the frequency 'MS'.",
        ),
        (
            lambda one: one.predict(
                future=read(new_rows(ds=["2021-01-01", "2021-01-02"], lead=None), future=["promo"])
            ),
            "The new rows have the step 'D', and the series that the forecaster was fitted with 'MS': give rows with the same "
            "one.",
        ),
        (
            lambda one: one.predict(future=new_rows(unique_id=["s9"] * 2)),
            "The new rows have 1 series that the forecaster was not fitted with, the first is 's9'; it knows 's0', 's1': leave "
            "them out, or fit again with them.",
        ),
        (
            lambda one: one.update([1.0, 2.0]),
            "The forecaster was fitted with the covariates 'promo', 'lead', and a list has none: give a table with them.",
        ),
        (
            lambda one: one.update(gw.read_series(new_rows()[["unique_id", "ds", "y"]], freq="MS")),
            "The new rows have no covariates of that kind, and the forecaster was fitted with 'lead': give the same ones.",
        ),
        (
            lambda one: one.update(new_rows(lead=None)),
            "The frame has no column 'lead' (covariates['past']); it has 'unique_id', 'ds', 'y', 'promo': choose one of them.",
        ),
        (
            lambda one: one.update(new_rows(promo=[np.nan, 1.0])),
            "The frame, row 0 (counted from 0), column 'promo' is empty, and a covariate has to be known: fill it in.",
        ),
    ],
)
def test_what_is_missing_or_does_not_fit_is_refused_in_a_sentence(lines, call, sentence):
    with pytest.raises(gw.errors.DataError) as caught:
        call(lines)
    assert str(caught.value) == sentence


def test_rows_in_advance_between_the_steps_of_the_series_are_refused():
    table = read(made_explained(series=1).assign(ds=2 * np.arange(72)), future=["promo"])
    forecaster = gw.Forecaster(2, network=[], baselines=["Regression"]).fit(table)
    with pytest.raises(gw.errors.DataError) as caught:
        forecaster.predict(future=read(new_rows(ds=[143, 145], lead=None), future=["promo"]))
    assert str(caught.value) == (
        "The rows in advance of series 's0' begin at 143, which is no step after 142, its last value: give its own times."
    )


def test_rows_in_advance_for_series_without_such_covariates_are_refused():
    forecaster = gw.Forecaster(2, network=[], baselines=["Naive"]).fit([1.0, 2.0, 3.0, 4.0])
    with pytest.raises(gw.errors.UsageError) as caught:
        forecaster.predict(future=new_rows())
    assert str(caught.value) == (
        "Rows with what is known in advance were given, and the series have no such covariates: leave them out, or name the "
        "columns."
    )


def test_what_never_changes_is_said_and_does_no_harm():
    frame = made_explained(series=1).assign(promo=1.0, lead=2.0)
    table = read(frame, future=["promo"], past=["lead"])
    plain = gw.Forecaster(2, network=[], baselines=["Regression"]).fit(frame[["ds", "y"]])
    forecaster = gw.Forecaster(2, network=[], baselines=["Regression"]).fit(table)
    assert forecaster.explanation.sentences[-1] == "'promo', 'lead' never changes, so that nothing is learned from it."
    expected = plain.predict()["gatewise"]
    np.testing.assert_allclose(forecaster.predict(future=[1.0, 1.0])["gatewise"], expected, rtol=1e-6)
