"""Networks that say quantiles or a distribution: what their outputs mean, what they learn, and how it reaches the forecast."""

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.forecasting.choosing.quantile_bands import conformal_reach, own_reach
from gatewise.forecasting.networks.counts import level_of_counts, quantiles_of_counts
from gatewise.forecasting.networks.head_losses import CountLoss, HeadLoss, OriginQuantileLoss
from gatewise.forecasting.networks.heads import outputs_of, quantiles_of
from gatewise.forecasting.networks.local_networks import LocalNetworks
from gatewise.forecasting.networks.losses import OriginLoss
from gatewise.forecasting.networks.origins import UNKNOWN
from gatewise.forecasting.networks.sequence_networks import SequenceNetworks
from gatewise.forecasting.networks.views import LocalView
from gatewise.forecasting.panel import Panel
from gatewise.forecasting.rolling import MEDIAN, QUANTILE_LEVELS

keras = import_keras()
pytestmark = pytest.mark.usefixtures("quickly_compiled")

HEADS = ("quantile", "normal", "student-t")


def skewed(series=1, time=120):
    """Values whose logarithms go up and down around a level with noise that is not symmetric."""
    random = np.random.default_rng(3)
    noise = random.gamma(1.0, 0.4, (series, time))
    return np.exp(3 + noise)


class TestOutputs:
    def test_a_network_that_says_nothing_says_a_usual_movement(self):
        for head in ("quantile", "normal"):
            np.testing.assert_allclose(
                quantiles_of(head, np.zeros((1, 2 * outputs_of(head)))),
                np.broadcast_to(stats.norm.ppf(QUANTILE_LEVELS), (1, 2, 7)),
                atol=5e-3,
            )
        student = quantiles_of("student-t", np.zeros((1, 3)))[0, 0]
        freedom = 2.1 + np.log1p(np.exp(5.0))
        np.testing.assert_allclose(student, 1.001 * stats.t.ppf(QUANTILE_LEVELS, freedom), rtol=1e-6)

    def test_outputs_of_a_step_stand_together(self):
        outputs = np.arange(14.0)[None]
        np.testing.assert_allclose(
            quantiles_of("quantile", outputs)[0, 1], np.arange(7.0, 14.0) + stats.norm.ppf(QUANTILE_LEVELS)
        )
        np.testing.assert_array_equal(quantiles_of("point", outputs)[0, :, 0], np.arange(14.0))

    @pytest.mark.parametrize("head", HEADS)
    def test_quantiles_never_cross(self, head):
        wild = 5 * np.random.default_rng(0).standard_normal((50, 3 * outputs_of(head)))
        assert (np.diff(quantiles_of(head, wild), axis=-1) >= 0).all()


class TestLosses:
    def test_the_likelihood_is_that_of_the_distribution(self):
        random = np.random.default_rng(0)
        y, outputs = random.standard_normal((6, 4)), random.standard_normal((6, 4, 3))
        width = np.logaddexp(0, outputs[..., 1] + np.log(np.e - 1)) + 1e-3
        freedom = 2.1 + np.logaddexp(0, outputs[..., 2] + 5)
        for head, outputs_in, distribution in (
            ("student-t", outputs, stats.t(freedom, outputs[..., 0], width)),
            ("normal", outputs[..., :2], stats.norm(outputs[..., 0], width)),
        ):
            loss = HeadLoss(head).call(y, outputs_in.reshape(6, -1))
            # Up to a constant, which moves no weight.
            constant = 0.5 * np.log(np.pi) if head == "student-t" else 0.5 * np.log(2 * np.pi)
            np.testing.assert_allclose(loss + constant, -distribution.logpdf(y).mean(axis=1), rtol=1e-4, atol=1e-4)

    def test_the_loss_of_quantiles_is_twice_the_pinball_loss(self):
        random = np.random.default_rng(0)
        y, outputs = random.standard_normal((6, 4)), random.standard_normal((6, 28))
        each = outputs.reshape(6, 4, 7) + stats.norm.ppf(QUANTILE_LEVELS)
        error = y[..., None] - each
        expected = 2 * np.maximum(QUANTILE_LEVELS * error, (QUANTILE_LEVELS - 1) * error).mean(axis=(1, 2))
        np.testing.assert_allclose(HeadLoss("quantile").call(y, outputs), expected, rtol=1e-5)

    def test_of_origins_it_is_that_of_the_absolute_error_where_all_quantiles_are_the_median(self):
        random = np.random.default_rng(0)
        targets = random.standard_normal((5, 9, 4))
        targets[2:, 3] = UNKNOWN
        extra = np.stack([np.full((5, 9), 0.7), np.full((5, 9), 9.0), np.zeros((5, 9))], axis=-1)
        y = np.concatenate([targets, extra], axis=-1).astype(np.float32)
        points = random.standard_normal((5, 9, 4)).astype(np.float32)
        same = np.repeat(points[..., None], 7, axis=-1) - stats.norm.ppf(QUANTILE_LEVELS)
        got = OriginQuantileLoss(4).call(y, same.reshape(5, 9, 28).astype(np.float32))
        # Levels lie evenly around a half: their mean pinball loss of one error is half its size.
        np.testing.assert_allclose(got, OriginLoss(4).call(y, points), rtol=1e-4)


class TestLearning:
    @pytest.mark.parametrize("head", ["quantile", "student-t"])
    def test_a_local_network_learns_the_spread_and_that_it_is_not_symmetric(self, head):
        networks = LocalNetworks(cell="dense", layout="flat", members=4, epochs=80, learning_rate=0.01, head=head)
        panel = Panel(skewed(time=300), 1)
        trained = networks.train(panel, 2)
        quantiles = np.log(np.median(trained.quantiles(panel), axis=0))[0]
        assert (np.diff(quantiles, axis=-1) > 0).all()
        np.testing.assert_array_equal(trained.forecast(panel), trained.quantiles(panel)[..., MEDIAN])
        true = 3 + stats.gamma.ppf(QUANTILE_LEVELS, 1.0, scale=0.4)
        spread = true[5] - true[1]
        np.testing.assert_allclose(quantiles[:, 5] - quantiles[:, 1], spread, rtol=0.35)
        if head == "quantile":
            up, down = quantiles[:, 5] - quantiles[:, 3], quantiles[:, 3] - quantiles[:, 1]
            assert (up > 1.3 * down).all()

    def test_a_global_network_learns_the_spread(self):
        random = np.random.default_rng(0)
        panel = Panel(np.exp(3 + 0.2 * random.standard_normal((40, 60))), 1)
        networks = SequenceNetworks("spread", units=8, steps=150, members=1, head="quantile", relative=(1.0,))
        trained = networks.train(panel, 3)
        quantiles = np.log(trained.quantiles(panel)[0])
        assert (np.diff(quantiles, axis=-1) >= 0).all()
        np.testing.assert_array_equal(trained.forecast(panel), trained.quantiles(panel)[..., MEDIAN])
        spread = (quantiles[..., 5] - quantiles[..., 1]).mean()
        assert abs(spread / (0.4 * stats.norm.ppf(0.9)) - 1) < 0.3

    def test_what_cannot_have_a_head_is_refused(self):
        with pytest.raises(
            gw.errors.UsageError,
            match="head is 'gamma': choose among 'point', 'quantile', 'normal', 'student-t', 'negative-binomial'",
        ):
            LocalNetworks(head="gamma")
        with pytest.raises(
            gw.errors.UsageError, match="head is 'normal' and recursive networks can forecast points only"
        ):
            LocalNetworks(head="normal", recursive=True)
        with pytest.raises(
            gw.errors.UsageError, match="head is 'normal': networks that read whole series have 'point' or"
        ):
            SequenceNetworks("one", head="normal")


def negative_binomial(outputs, level):
    """The distribution that outputs mean, in scipy's terms, written out again."""
    mean = level * np.exp(outputs[..., 0])
    dispersion = np.logaddexp(0, outputs[..., 1] + np.log(np.expm1(0.099))) + 1e-3
    return stats.nbinom(1 / dispersion, 1 / (1 + dispersion * mean))


class TestCounts:
    def test_the_likelihood_is_that_of_the_distribution(self):
        random = np.random.default_rng(0)
        outputs, level = random.standard_normal((6, 4, 2)), random.uniform(0.2, 40, (6, 1))
        counts = random.poisson(level, (6, 4)).astype(float)
        loss = CountLoss().call(np.concatenate([counts, level], axis=1), outputs.reshape(6, 8))
        constant = special.gammaln(counts + 1).mean(axis=1)
        expected = -negative_binomial(outputs, level).logpmf(counts).mean(axis=1)
        np.testing.assert_allclose(loss + constant, expected, rtol=1e-4, atol=1e-4)

    def test_quantiles_rounded_are_those_of_the_counts_and_between_them_they_go_up(self):
        random = np.random.default_rng(1)
        outputs, level = random.standard_normal((50, 3, 2)), random.uniform(0.2, 400, (50, 1))
        quantiles = quantiles_of_counts(outputs.reshape(50, 6), level[:, 0])
        whole = negative_binomial(outputs, level)
        np.testing.assert_array_equal(
            np.floor(quantiles + 0.5), np.moveaxis([whole.ppf(level) for level in QUANTILE_LEVELS], 0, -1)
        )
        assert (np.diff(quantiles, axis=-1) > 0)[quantiles[..., :-1] > 0].all()
        assert (quantiles >= 0).all()
        # The share of a count's probability that lies below.
        low = np.floor(quantiles + 0.5) - 1
        share = [
            whole.cdf(low[..., k]) + whole.pmf(low[..., k] + 1) * (quantiles[..., k] - low[..., k] - 0.5)
            for k in range(7)
        ]
        inside = quantiles > 0
        np.testing.assert_allclose(
            np.moveaxis(share, 0, -1)[inside], np.broadcast_to(QUANTILE_LEVELS, inside.shape)[inside]
        )

    def test_a_level_is_never_nothing(self):
        values = np.array([[0.0, 0.0, 0.0], [np.nan, 4.0, 2.0]])
        np.testing.assert_allclose(level_of_counts(np.zeros(2), values), [1e-3, 0.3])
        np.testing.assert_array_equal(level_of_counts(np.full((2, 2), 7.0), values), np.full((2, 2), 7.0))

    def test_a_local_network_learns_level_and_dispersion_of_counts(self):
        random = np.random.default_rng(0)
        true = stats.nbinom(2.0, 2.0 / (2.0 + 12.0))
        panel = Panel(np.vstack([true.rvs((12, 120), random_state=random), np.zeros((1, 120))]).astype(float), 1)
        networks = LocalNetworks(
            cell="dense", layout="flat", members=2, epochs=40, learning_rate=0.01, head="negative-binomial"
        )
        assert [view.name for view in networks.views] == ["as it is"]
        trained = networks.train(panel, 2)
        quantiles = np.median(trained.quantiles(panel), axis=0)
        np.testing.assert_allclose(
            quantiles[:12, :, 2:6].mean(axis=(0, 1)), true.ppf(QUANTILE_LEVELS[2:6]), rtol=0.3, atol=1.0
        )
        # Nothing ever happened: nothing will.
        assert (quantiles[12] < 0.5).all()

    def test_what_is_no_count_is_refused(self):
        networks = LocalNetworks(head="negative-binomial")
        with pytest.raises(
            gw.errors.DataError,
            match=r"^Series 2 of 2 has the value 1.5, and networks with the head 'negative-binomial' are for counts",
        ):
            networks.train(Panel(np.array([[1.0, 2.0, 3.0], [0.0, 1.5, -1.0]]), 1), 1)
        with pytest.raises(gw.errors.UsageError, match="and counts are seen as they are: leave views out"):
            LocalNetworks(head="negative-binomial", views=(LocalView("plain", "removed"),))


class TestIntervals:
    def test_an_interval_is_that_of_the_network_times_what_it_was_short_by(self):
        knots = stats.norm.ppf(QUANTILE_LEVELS)
        reach = np.where(knots > 0, 3.0, 1.0) * knots * np.ones((400, 1, 1, 1))
        levels = np.array([95.0, 60.0])
        # All values lie twice as far outside as the network says, at every level, above and below.
        probability = (np.arange(1, 401) - 0.5) / 400
        z = stats.norm.ppf(probability)
        errors = (2 * np.where(z > 0, 3.0, 1.0) * z)[:, None, None]
        back = np.arange(400, 0, -1)
        below, above = conformal_reach(errors, back, reach, reach[0], np.ones(1), levels)
        exact = 2 * stats.norm.ppf((1 + levels / 100) / 2)
        np.testing.assert_allclose(above[0, 0], 3 * exact, rtol=0.06)
        np.testing.assert_allclose(below[0, 0], exact, rtol=0.06)

    def test_without_errors_the_network_is_believed_and_wider_levels_hold_narrower_ones(self):
        random = np.random.default_rng(0)
        reach = np.sort(random.standard_normal((6, 2, 3, 7)), axis=-1)
        reach -= reach[..., 3:4]
        levels = np.array([50.0, 80.0, 95.0, 99.0])
        none = np.full((6, 2, 3), np.nan)
        below, above = conformal_reach(none, np.arange(6, 0, -1), reach, reach[0], np.ones(2), levels)
        np.testing.assert_allclose(above[..., :3], np.maximum(reach[0][..., [4, 5, 6]], 1e-3))
        np.testing.assert_allclose(below[..., :3], np.maximum(-reach[0][..., [2, 1, 0]], 1e-3))
        errors = random.standard_normal((6, 2, 3))
        both = conformal_reach(errors, np.arange(6, 0, -1), reach, reach[0], np.ones(2), levels)
        assert (np.diff(both, axis=-1) >= 0).all()

    def test_the_reach_of_several_networks_is_their_mean_by_weight(self):
        one, other = np.arange(7.0) * np.ones((2, 3, 7)), 3 * np.arange(7.0) * np.ones((2, 3, 7))
        weights = {"one": np.array([3.0, 0.0]), "other": np.array([1.0, 0.0])}
        mixed = own_reach({"one": one, "other": other}, weights)
        np.testing.assert_allclose(mixed[0, 0], (np.arange(7.0) - 3) * 1.5)
        np.testing.assert_allclose(mixed[1, 0], (np.arange(7.0) - 3) * 2)


def forecaster():
    networks = LocalNetworks(cell="dense", layout="flat", members=2, epochs=30, learning_rate=0.01, head="quantile")
    return gw.Forecaster(2, network=networks, baselines=["Naive"], season_length=1)


@pytest.fixture(scope="module")
def fitted():
    return forecaster().fit(skewed()[0])


def test_quantiles_reach_a_backtest_that_is_asked_for():
    frame = gw.backtest(forecaster(), skewed()[0], n_windows=12).frame
    last = frame[frame["cutoff"] == frame["cutoff"].max()]
    above, below = last["gatewise-hi-80"] - last["gatewise"], last["gatewise"] - last["gatewise-lo-80"]
    # As no baseline's are.
    assert np.median(above / below) > 1.15


def test_quantiles_reach_the_backtest(fitted):
    # With fresh weights at each of 24 cutoffs, as `gatewise.backtest` has them.
    backtest = fitted.validation
    table = backtest.metrics().set_index("method")
    assert set(table.index) == {
        "gatewise",
        "gatewise-network",
        "Naive",
        "local (log, seasonal differences)",
        "local (log, season removed)",
    }
    assert np.isfinite(table[["pinball", "crps", "coverage-80", "msis-95"]].to_numpy()).all()
    frame = backtest.frame
    above = (frame["gatewise-hi-80"] - frame["gatewise"]).to_numpy()
    below = (frame["gatewise"] - frame["gatewise-lo-80"]).to_numpy()
    # Values are skewed, and so are the intervals: as no baseline's are.
    assert np.median(above / below) > 1.15
    assert (frame["gatewise-lo-95"] <= frame["gatewise-lo-80"]).all()
    assert abs(table.loc["gatewise", "coverage-80"] - 0.8) < 0.2


def test_quantiles_reach_the_forecast_its_paths_and_what_is_saved(fitted, tmp_path):
    forecast = fitted.predict(level=[50, 80, 95])
    assert (
        np.diff(forecast[["gatewise-lo-95", "gatewise-lo-80", "gatewise-lo-50", "gatewise"]].to_numpy(), axis=1) > 0
    ).all()
    up, down = forecast["gatewise-hi-80"] - forecast["gatewise"], forecast["gatewise"] - forecast["gatewise-lo-80"]
    assert (up != down).all()
    paths = fitted.simulate(4000)["gatewise"].to_numpy().reshape(4000, 2)
    inside = ((paths >= forecast["gatewise-lo-80"].to_numpy()) & (paths <= forecast["gatewise-hi-80"].to_numpy())).mean(
        axis=0
    )
    # Reaches from few errors go up in steps: between two of them wider intervals are as wide as this one.
    levels = np.arange(80, 91)
    wider = fitted.predict(level=levels.tolist())
    width = np.stack([wider[f"gatewise-hi-{level}"] - wider[f"gatewise-lo-{level}"] for level in levels])
    as_wide = levels[(width <= width[0] * (1 + 1e-9)).sum(axis=0) - 1] / 100
    assert (inside > 0.8 - 0.026).all()
    assert (inside < as_wide + 0.026).all()
    fitted.save(tmp_path / "model")
    loaded = gw.Forecaster.load(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.predict(level=[50, 80, 95]), forecast)
    pd.testing.assert_frame_equal(loaded.validation.frame, fitted.validation.frame)
    updated = loaded.update(skewed()[0, -3:] * 1.1).predict(level=[50, 80, 95])
    assert (updated["gatewise-hi-80"] > updated["gatewise"]).all()
