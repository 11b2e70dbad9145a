"""Minutes that are promised: what does not fit is left out and said, and where all fits the clock changes nothing."""

import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

import gatewise as gw
from forecasting.made_networks import Lines
from forecasting.made_series import made_frame
from gatewise.backend import import_keras
from gatewise.forecasting.fitted import Plan
from gatewise.forecasting.networks.local_networks import LocalNetworks
from gatewise.forecasting.panel import Panel
from gatewise.forecasting.planning import mode_for


@dataclass(frozen=True)
class SlowLines(Lines):
    """Lines that take a second to train, and say so ten times."""

    def train(self, panel, horizon, *, seed=0, progress=None):
        for step in range(10):
            time.sleep(0.1)
            progress(step / 10)
        return super().train(panel, horizon, seed=seed, progress=progress)


def fit(networks, minutes, **plan):
    started = time.perf_counter()
    forecaster = gw.Forecaster(3, network=networks, baselines=["Naive", "Drift"], minutes=minutes, **plan)
    return forecaster.fit(made_frame()), time.perf_counter() - started


def test_networks_that_are_not_done_in_time_are_left_out_and_said():
    # Each trains twice, for the validation and for the forecast.
    forecaster, seconds = fit([SlowLines("one"), SlowLines("two"), SlowLines("three")], 3 / 60)
    assert seconds < 2 * 3
    names = forecaster.explanation.methods
    assert set(names) == {"Naive", "Drift", "one", "one, flat"}
    assert forecaster.explanation.sentences[-1] == (
        "In 0.05 minutes there was no time for the networks 'two', 'three': give more for a better "
        "forecast, which is then the same on every machine."
    )
    assert np.isfinite(forecaster.predict(networks=True).iloc[:, 2:].to_numpy()).all()


def test_a_training_is_left_when_the_time_is_over():
    forecaster, seconds = fit([SlowLines("one")], 0.5 / 60)
    assert seconds < 1.6
    assert set(forecaster.explanation.methods) == {"Naive", "Drift"}
    assert "gatewise-network" not in forecaster.predict(networks=True).columns


def test_a_forecast_of_which_nothing_is_left_is_refused():
    with pytest.raises(
        gw.errors.UsageError, match=r"^No network could be trained in 0\.005 minutes: give more minutes, or let"
    ):
        fit([SlowLines("one")], 0.005, network_only=True)


def test_real_networks_stop_in_the_middle_of_their_training():
    import_keras()
    # Compiled beforehand, as its program does not depend on the epochs: XLA does not stop in the middle.
    fit(LocalNetworks(members=16, epochs=1), None)
    forecaster, seconds = fit(LocalNetworks(members=16, epochs=50_000), 3 / 60)
    assert 3 < seconds < 2 * 3
    assert forecaster.explanation.sentences[-1].startswith(
        "In 0.05 minutes there was no time for the networks 'local':"
    )


@pytest.mark.parametrize(
    ("series", "time", "minutes", "mode"),
    [
        # Mode best takes two and a half times the processor time of mode fast here, and a minute where nothing is compiled.
        (24, 48, 0.5, "fast"),
        (24, 48, 2, "best"),
        (1000, 100, 2, "fast"),
        (1000, 100, 5, "best"),
        # From 49 cutoffs 32 networks of each series, instead of 25 and 8.
        (1, 144, 0.25, "fast"),
        (1, 144, 1, "best"),
        (19, 400, 1, "fast"),
        (19, 400, 10, "best"),
    ],
)
def test_the_mode_has_room_for_compiling_and_for_all_cutoffs_and_members(series, time, minutes, mode):
    assert mode_for(Plan(12, minutes=minutes), Panel(np.ones((series, time)), 12)) == mode


def test_where_all_fits_the_clock_changes_nothing():
    plenty, _ = fit(Lines(), 600)
    best, _ = fit(Lines(), None, mode="best")
    pd.testing.assert_frame_equal(plenty.predict(), best.predict())
    assert not any("no time" in sentence for sentence in plenty.explanation.sentences)
