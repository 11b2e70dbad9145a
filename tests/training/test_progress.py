"""What a user sees of a run: nothing of a short one, and of a long one how far it is and how much time is left."""

import re
import time

import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.training import progress, run
from gatewise.training.progress import Progress, shares_told_to
from terminals import on_a_terminal

keras = import_keras()

TIME_LEFT = r"\d+:\d\d left"


@pytest.fixture
def model():
    model = keras.Sequential([keras.Input((3, 1)), keras.layers.LSTM(4), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    return model


@pytest.fixture
def call():
    x, y = gw.windows(np.sin(np.arange(200) / 6), look_back=3)
    return {"x": x, "y": y, "batch_size": 4}


@pytest.fixture
def long_enough(monkeypatch):
    """Stop a run, which would go on for ever, after three seconds of training: the bar comes after one."""
    monkeypatch.setattr(run, "DISPATCH_SECONDS", 0.1)
    started = []
    plain = run.Run._after

    def after(self, before, done, outcome):
        state = plain(self, before, done, outcome)
        started.append(time.monotonic())
        if started[-1] - started[0] > 3:
            self.last_epoch = int(state.epoch)
        return state

    monkeypatch.setattr(run.Run, "_after", after)


def test_a_long_fit_shows_epoch_losses_and_the_time_left(model, call, long_enough):
    with on_a_terminal() as seen:
        gw.fit(model, **call, epochs=10**7)
    assert re.search(r"fit: epoch \d+/10000000 ", seen[0])
    assert re.search(rf"━.* {TIME_LEFT}.* loss \d", seen[0])


def test_a_long_ensemble_likewise(model, call, long_enough):
    with on_a_terminal() as seen:
        gw.fit_ensemble(model, **call, members=3, epochs=10**5)
    assert re.search(r"fit_ensemble: epoch \d+/100000 ", seen[0])
    assert re.search(rf"━.* {TIME_LEFT}.* loss \d", seen[0])


def test_compiling_is_said(monkeypatch):
    monkeypatch.setattr(progress, "SILENT_FOR", 0.0)
    with on_a_terminal() as seen, Progress("auto", 4, "fit: epoch") as bar:
        bar.compiling()
        bar.face.bars.refresh()
    assert re.search(r"fit: epoch 1/4 .*compiling", seen[0])


def test_of_work_under_a_second_nothing_is_seen(model, call):
    gw.fit(model, **call, epochs=2, verbose=0)
    with on_a_terminal() as seen:
        gw.fit(model, **call, epochs=2)
    assert seen == [""]


def test_verbose_0_says_nothing_and_2_a_line_an_epoch(model, call, capsys, monkeypatch):
    monkeypatch.setattr(progress, "SILENT_FOR", 0.0)
    with on_a_terminal() as seen:
        gw.fit(model, **call, epochs=3, verbose=0)
        assert capsys.readouterr().out == ""
        gw.fit(model, **call, epochs=3, verbose=2)
    assert re.fullmatch(r"Epoch 1 - loss: \S+\nEpoch 2 - loss: \S+\nEpoch 3 - loss: \S+\n", capsys.readouterr().out)
    assert seen == [""]


def test_what_is_no_terminal_gets_no_bar(model, call, capsys, monkeypatch):
    monkeypatch.setattr(progress, "SILENT_FOR", 0.0)
    gw.fit(model, **call, epochs=3)
    assert capsys.readouterr().err == ""


def test_a_listener_hears_the_shares_in_order_and_the_bar_is_its_business(model, call, monkeypatch):
    monkeypatch.setattr(progress, "SILENT_FOR", 0.0)
    monkeypatch.setattr(run, "DISPATCH_SECONDS", 0.01)
    heard = []
    with on_a_terminal() as seen:
        with shares_told_to(heard.append):
            gw.fit(model, **call, epochs=500, verbose=1)
        count = len(heard)
        gw.fit(model, **call, epochs=2, verbose=0)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    assert len(set(heard)) > 3
    assert seen == [""]
    assert len(heard) == count
