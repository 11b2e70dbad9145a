"""What a run leaves behind: numbers by epoch and member, in no more memory than they need, and shown in notebooks."""

import re

import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.training.history import EnsembleHistory, History

keras = import_keras()

EVIL = '<b title="&">'
ESCAPED = "&lt;b title=&quot;&amp;&quot;&gt;"


def cells(shown):
    """Return the rows of a table, each a list of the texts in it."""
    return [re.findall(r"<t[hd]>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", shown)]


def filled(members=3, epochs=4):
    history = EnsembleHistory(members, epochs)
    for epoch in range(epochs):
        history.put("loss", list(range(members)), epoch, np.arange(members, dtype="float32") + 10 * epoch)
    return history


class TestGrowth:
    def test_a_run_that_stops_early_holds_what_it_did_and_not_what_it_was_asked_for(self):
        history = EnsembleHistory(100, 10**6)
        assert history.shape == (100, 10**6)
        for epoch in range(50):
            history.put("loss", list(range(100)), epoch, np.full(100, epoch, "float32"))
        assert history.shape == history.history["loss"].shape == (100, 50)
        assert history.history["loss"][7].tolist() == list(range(50))
        assert history.epoch == list(range(50))
        assert sum(rows.nbytes for rows in history._room.values()) <= 100 * 100 * 4

    def test_there_is_never_room_for_more_than_was_asked_for(self):
        history = filled(members=2, epochs=70)
        assert history._room["loss"].shape == history.shape == (2, 70)

    def test_blocks_that_come_later_and_go_further_leave_nan_behind_the_others(self):
        history = EnsembleHistory(2, 100)
        for epoch in range(2):
            history.put("loss", [0], epoch, np.float32([1.0]))
        history.stop(0, 0)
        for epoch in range(5):
            history.put("loss", [1], epoch, np.float32([2.0]))
        np.testing.assert_array_equal(history.history["loss"], [[1, *[np.nan] * 4], [2] * 5])
        assert history.stopped_epoch == [0, None]

    def test_a_metric_that_begins_later_has_as_many_epochs_as_the_others(self):
        history = filled(members=1, epochs=3)
        history.put("val_loss", [0], 2, np.float64([5.0]))
        np.testing.assert_array_equal(history.history["val_loss"], [[np.nan, np.nan, 5.0]])
        assert history.history["val_loss"].dtype == np.float64
        assert history.medians(2) == {"loss": 20.0, "val_loss": 5.0}
        assert history.medians(0) == {"loss": 0.0}

    def test_the_first_members_are_those(self):
        history = filled().first(2)
        assert history.shape == (2, 4)
        assert history.history["loss"][:, 1].tolist() == [10.0, 11.0]

    def test_a_trained_ensemble_that_stops_early(self):
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        stop = keras.callbacks.EarlyStopping(monitor="loss", min_delta=1e9, patience=2)
        x = np.ones((4, 1), "float32")
        ensemble = gw.fit_ensemble(model, x, x, members=3, batch_size=4, epochs=10**6, callbacks=[stop], verbose=0)
        # The first epoch is the best there will be; two more, and each member stops.
        assert ensemble.history.stopped_epoch == [2, 2, 2]
        assert ensemble.history.history["loss"].shape == (3, 3)
        gw.save(ensemble, "stopped")
        np.testing.assert_array_equal(gw.load("stopped").history.history["loss"], ensemble.history.history["loss"])


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


class TestNotebooks:
    def test_a_history_shows_first_lowest_highest_and_last(self):
        history = History()
        for epoch, value in enumerate((3.0, 1.0, 2.0)):
            history.add(epoch, {"loss": value, EVIL: 10 * value})
        history.steps, history.compile_seconds, history.run_seconds = 30, 1.5, 0.25
        shown = history._repr_html_()
        assert cells(shown) == [
            ["", "first", "lowest", "highest", "last"],
            ["loss", "3", "1", "3", "2"],
            [ESCAPED, "30", "10", "30", "20"],
        ]
        assert shown.endswith("<p>3 epochs, 30 steps; compiled in 1.50 s, ran 0.25 s</p>")
        assert repr(history).startswith("<History: 3 epochs, 30 steps; loss 2, ")

    def test_a_history_without_an_epoch(self):
        assert "<p>0 epochs, 0 steps; " in History()._repr_html_()

    def test_an_ensembles_history_shows_the_members_last_epochs(self):
        history = EnsembleHistory(101, 2)
        for name in ("loss", EVIL):
            for epoch in range(2):
                history.put(name, list(range(101)), epoch, np.arange(101, dtype="float64") + epoch)
        # Stopped after the first epoch, where it was 100: the same as member 99 has at the end.
        history.stop(100, 0)
        shown = history._repr_html_()
        assert cells(shown) == [
            ["last epoch", "5 %", "median", "95 %"],
            ["loss", "6", "51", "96"],
            [ESCAPED, "6", "51", "96"],
        ]
        assert "<p>101 members, 0 steps each; " in shown
        assert repr(history).startswith("<EnsembleHistory: 101 members, 2 epochs, ")

    def test_an_ensemble_of_which_nothing_is_finite_shows_no_numbers(self):
        history = filled(members=1, epochs=1)
        history.fail(0, (0, 0))
        assert cells(history._repr_html_())[1:] == [["loss"]]

    def test_an_ensemble_names_its_model_above_the_history(self):
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)], name="<i>mine")
        model.compile("sgd", "mse")
        ensemble = gw.fit_ensemble(model, np.ones((4, 1)), np.ones((4, 1)), batch_size=4, members=2, verbose=0)
        shown = ensemble._repr_html_()
        assert shown.startswith("<p>Ensemble of 2 members of model <code>&lt;i&gt;mine</code></p><table>")
        assert shown.endswith(ensemble.history._repr_html_())
