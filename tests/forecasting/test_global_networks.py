"""Global networks: what they may know, what moves their forecasts, and series of every kind."""

import json
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from forecasting.made_networks import Lines
from gatewise.forecasting.fitted import Plan
from gatewise.forecasting.networks import sequence_networks
from gatewise.forecasting.networks.alignment import AlignedSeries
from gatewise.forecasting.networks.global_networks import Pool, Stage, middle, restore
from gatewise.forecasting.networks.origins import UNKNOWN, View, origins_of, targets_of
from gatewise.forecasting.networks.seasonality import seasons_so_far
from gatewise.forecasting.networks.sequence_networks import SequenceNetworks
from gatewise.forecasting.panel import Panel
from gatewise.forecasting.planning import network_methods

VIEWS = [
    View(),
    View("smooth"),
    View("theta", own_scale=0.5),
    View("theta", seasonal=False),
    View("smooth", memory=1.0),
    View("repeat", seasonal=False),
    View("theta", damping=0.9),
]
HORIZON = 6


def made_panel(series=12, time=60):
    generator = np.random.default_rng(0)
    season = 0.2 * np.sin(np.arange(time) * np.pi / 2) * generator.random((series, 1))
    levels = 5 + 0.1 * generator.standard_normal((series, time)).cumsum(axis=1) + season
    values = np.exp(levels)
    values[2] -= 200
    for row in range(series):
        values[row, : 3 * row] = np.nan
    values[4, 30:33] = np.nan
    values[5, -1] = np.nan
    return Panel(values, 4)


@pytest.fixture(scope="module")
def trained():
    view = View("theta", lags=5)
    small = {"units": 8, "members": 2, "steps": 12, "relative": (1.0, 0.0), "batch": 6}
    pool = Pool((SequenceNetworks("one", view, **small), SequenceNetworks("two", cell="LSTM", layers=2, **small)))
    return pool.train(made_panel(), HORIZON, seed=3)


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_later_values_never_move_what_an_origin_knows(view):
    panel, ahead = made_panel(), 20
    changed = panel.values.copy()
    changed[:, -ahead:] *= np.random.default_rng(1).uniform(0.5, 3, (len(panel), ahead))
    before, after = (
        origins_of(AlignedSeries.of(Panel(values, 4)), view, HORIZON, 0.1) for values in (panel.values, changed)
    )
    lengths = AlignedSeries.of(panel).lengths
    known = np.arange(60) < (lengths - ahead)[:, None]
    for name in ("inputs", "base", "scale", "volatility"):
        np.testing.assert_array_equal(getattr(before, name)[known], getattr(after, name)[known])
        assert not np.array_equal(getattr(before, name), getattr(after, name))
        assert np.isfinite(getattr(before, name)).all()


def test_the_last_season_again_is_a_base():
    panel = made_panel()
    base = origins_of(AlignedSeries.of(panel), View("repeat", seasonal=False), HORIZON, 0.1).base
    np.testing.assert_allclose(base[0, 59], np.log(panel.values[0, [56, 57, 58, 59, 56, 57]]))
    np.testing.assert_allclose(base[0, 1], np.log(panel.values[0, [1, 1, 0, 1, 1, 1]]))


def test_an_origin_knows_the_same_when_the_series_ends_there():
    panel = made_panel()
    whole, cut = (origins_of(AlignedSeries.of(p), View("theta"), HORIZON, 0.1) for p in (panel, panel.until(7)))
    last = AlignedSeries.of(panel.until(7)).lengths - 1
    rows = np.arange(len(panel))
    assert whole.inputs.shape == cut.inputs.shape
    np.testing.assert_array_equal(whole.inputs[rows, last], cut.inputs[rows, last])


def test_a_season_is_found_and_noise_is_not_taken_for_one():
    generator = np.random.default_rng(0)
    noise = 0.1 * generator.standard_normal((200, 80))
    season = np.array([0.5, -0.2, 0.1, -0.4])
    found = seasons_so_far(noise + season[np.arange(80) % 4], 4)[:, -1]
    assert np.abs(found - season).mean() < 0.03
    assert np.abs(seasons_so_far(noise, 4)[:, -1]).mean() < 0.02
    assert not seasons_so_far(noise, 4)[:, :8].any()


def test_the_one_step_forecast_moves_with_the_last_value(trained):
    panel = made_panel()
    moved = panel.values.copy()
    moved[:, -1] *= 1.1
    before, after = trained.forecast(panel), trained.forecast(Panel(moved, 4))
    rows = np.isfinite(panel.values[:, -1])
    assert (np.abs(after - before)[:, rows, 0] > 1e-3 * np.abs(before[:, rows, 0])).all()
    np.testing.assert_array_equal(after[:, ~rows], before[:, ~rows])


def test_a_longer_panel_needs_no_training(trained):
    panel = made_panel()
    rows = [row for row in range(len(panel)) if np.isfinite(panel.values[row, :-10]).any()]
    alone = trained.forecast(panel.until(10).select(rows))
    again = trained.forecast(Panel(panel.values[rows, :-10], 4))
    np.testing.assert_allclose(alone, again, rtol=1e-5)


@pytest.mark.parametrize("back", [[30, 12, 7], [9, 0]])
def test_forecasts_from_past_cutoffs_are_those_of_series_that_end_there(trained, back):
    """Read once or each by itself: to the last bit, also where a series was on another scale then or had not begun."""
    panel = made_panel()
    panel.values[8, -8] = -1.0
    for part in trained.parts:
        together = part.quantiles_at(panel, back)
        for place, one in enumerate(back):
            np.testing.assert_array_equal(together[:, :, place], part.quantiles(panel.until(one)))


def test_many_series_are_forecast_in_blocks_and_trained_on_in_part(trained, monkeypatch):
    panel = made_panel()
    together = trained.forecast(panel)
    monkeypatch.setattr(sequence_networks, "_ROWS_AT_ONCE", 5)
    np.testing.assert_allclose(trained.forecast(panel), together, rtol=1e-5)
    monkeypatch.setattr(sequence_networks, "_MOST_ORIGINS", 60 * 7)
    parts = [sequence_networks.part_of(panel, seed) for seed in (0, 0, 1)]
    assert [len(part) for part in parts] == [7, 7, 7]
    assert np.array_equal(parts[0].values, parts[1].values, equal_nan=True)
    assert not np.array_equal(parts[0].values, parts[2].values, equal_nan=True)


def test_progress_goes_from_member_to_member():
    shares = []
    small = {"units": 4, "steps": 1, "members": 2}
    pool = Pool((SequenceNetworks("one", **small), SequenceNetworks("two", **small)))
    pool.train(made_panel(), 2, progress=shares.append)
    assert shares == sorted(shares)
    # The end of each member's training is told, and while its program is compiled where it stands.
    assert {0.0, 0.25, 0.5, 0.75, 1.0} >= set(shares) >= {0.25, 0.5, 0.75, 1.0}


def test_less_is_believed_of_corrections_with_a_smaller_share(trained):
    part = trained.parts[0]
    panel = made_panel()
    rows = np.flatnonzero((np.nan_to_num(panel.values, nan=1.0) > 0).all(axis=1))
    whole, half, none = (
        replace(part, networks=replace(part.networks, share=share)).forecast(panel)[:, rows]
        for share in (1.0, 0.5, 0.0)
    )
    np.testing.assert_allclose(np.log(half), (np.log(whole) + np.log(none)) / 2, rtol=1e-6)
    aligned = AlignedSeries.of(panel)
    base = origins_of(aligned, part.networks.view, HORIZON, part.usual).base[rows, aligned.lengths[rows] - 1]
    np.testing.assert_allclose(none[0], np.exp(base), rtol=1e-9)


def test_targets_count_from_the_settled_origin_on():
    aligned = AlignedSeries.of(made_panel())
    origins = origins_of(aligned, View(), 2, 0.1)
    early, late = (targets_of(aligned, origins, 2, settled) for settled in (0.0, 2.5))
    known = late != UNKNOWN
    np.testing.assert_array_equal(late[known], early[known])
    assert [int(np.argmax(known[row, :, 0])) for row in (0, 11)] == [10, 10]
    assert int(np.argmax(early[0, :, 0] != UNKNOWN)) == 0
    short = AlignedSeries.of(Panel(made_panel().values[:, -9:], 4))
    counted = targets_of(short, origins_of(short, View(), 2, 0.1), 2, 2.5)
    assert int(np.argmax(counted[0, :, 0] != UNKNOWN)) == 4


def test_networks_come_back_from_json_and_arrays(trained):
    again = restore(json.loads(json.dumps(trained.specification())), trained.arrays())
    assert again.names == trained.names == ("one", "one", "two", "two")
    for part, restored in zip(trained.parts, again.parts, strict=True):
        assert part.losses.shape[0] == 2
        assert (part.losses > 0).all()
        np.testing.assert_array_equal(restored.losses, part.losses)
    np.testing.assert_array_equal(again.forecast(made_panel()), trained.forecast(made_panel()))


def test_the_same_seed_gives_the_same_networks():
    networks = SequenceNetworks("one", units=4, members=1, steps=3)
    first, second, other = (networks.train(made_panel(), 2, seed=seed).arrays() for seed in (1, 1, 2))
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name])
    assert not np.array_equal(first["0/0"], other["0/0"])


def test_series_of_every_kind_have_a_forecast(trained):
    time = 40
    steps = np.arange(time, dtype=float)
    kinds = {
        "constant": np.full(time, 7.0),
        "zero": np.zeros(time),
        "two values": np.where(steps < 25, 1.0, 3.0),
        "tiny": 1e-12 * (1 + steps),
        "huge": 1e15 * (1 + steps),
        "negative": -50 - steps,
        "rare": np.where(steps % 7 == 0, 5.0, 0.0),
        "one value": np.where(steps == time - 1, 3.0, np.nan),
        "gaps": np.where(steps % 3 == 0, 10 + steps, np.nan),
        "explosive": np.exp(steps),
        "empty": np.full(time, np.nan),
    }
    forecasts = dict(
        zip(kinds, np.swapaxes(trained.forecast(Panel(np.array([*kinds.values()]), 4)), 0, 1), strict=True)
    )
    assert np.isnan(forecasts.pop("empty")).all()
    for kind, forecast in forecasts.items():
        assert np.isfinite(forecast).all(), kind
    assert (forecasts["constant"].round(9) == 7).all()
    assert (forecasts["zero"] == 0).all()
    assert (forecasts["one value"].round(9) == 3).all()
    assert (forecasts["rare"] >= 0).all()
    for kind, scale in (("tiny", 1e-12), ("huge", 1e15)):
        assert ((forecasts[kind] > 10 * scale) & (forecasts[kind] < 200 * scale)).all(), kind


def test_the_middle_weighs_configurations_alike():
    forecasts = np.array([1.0, 2.0, 9.0, 10.0])[:, None, None]
    assert middle(forecasts, ["a", "a", "a", "b"]).tolist() == [[6.0]]


def test_a_later_stage_begins_with_what_was_learnt_and_takes_its_share_of_the_steps():
    networks = SequenceNetworks("one", units=4, members=2, steps=4)
    panel = made_panel()
    before = networks.train(panel.until(8), 4, seed=1, stage=Stage(0.5))
    still = replace(networks, rate=1e-9, decay=0.0)
    after = still.train(panel, 4, seed=1, stage=Stage(0.5, before.weights))
    for member in range(2):
        for one, other in zip(before.weights[member], after.weights[member], strict=True):
            np.testing.assert_allclose(other, one, atol=1e-6)
    assert np.any(np.abs(after.weights[0][0] - after.weights[1][0]) > 1e-3)
    whole = networks.train(panel, 4, seed=1)
    assert before.losses.shape[1] * 2 == whole.losses.shape[1]
    learnt = networks.train(panel, 4, seed=1, stage=Stage(0.5, before.weights))
    assert np.any(np.abs(learnt.weights[0][0] - before.weights[0][0]) > 1e-3)


class InStages(Lines):
    """Lines that say which stages they were trained in."""

    in_stages = True
    stages: ClassVar[list[Stage]] = []

    def train(self, panel, horizon, *, seed=0, progress=None, stage):
        self.stages.append(stage)
        trained = super().train(panel, horizon, seed=seed)
        object.__setattr__(trained, "weights", panel.values.shape[1])
        return trained


def test_validation_trains_in_stages_and_a_backtest_from_fresh_weights(monkeypatch):
    back = [12, 8, 0]
    panel = made_panel()
    plan = Plan(4, network=InStages())
    for in_stages, expected in ((True, [Stage(0.5), Stage(0.5, 48)]), (False, None)):
        (method,) = network_methods(plan, [InStages()], False, last=0, in_stages=in_stages)
        InStages.stages.clear()
        if expected is None:
            with pytest.raises(TypeError, match="stage"):  # it was not told of any
                method.roll(panel, 4, back, print)
        else:
            method.roll(panel, 4, back, print)
            assert InStages.stages == expected
    # Networks that know nothing of stages are not told of them.
    (plain,) = network_methods(plan, [Lines()], False, last=0, in_stages=True)
    assert set(plain.roll(panel, 4, back, lambda _: None)) == {"lines", "lines, flat"}
