"""The bar of long work, on a terminal and in a notebook, and who shows one."""

import json
import re
import subprocess
import sys
import threading
import time
import types

import numpy as np
import pytest

import gatewise as gw
from gatewise import progress
from gatewise.classification import assess
from gatewise.errors import UsageError
from gatewise.progress import TimeLeft, WorkBar, shown
from terminals import on_a_terminal

TEXTS = ["a good film", "good fun", "so good", "a bad film", "bad taste", "so bad"] * 4
LABELS = ["pos", "pos", "pos", "neg", "neg", "neg"] * 4
SERIES = np.sin(np.arange(60.0)) + np.arange(60.0)


@pytest.fixture
def at_once(monkeypatch):
    """Show every bar from its first moment on."""
    assert progress.SILENT_FOR == 1.0
    monkeypatch.setattr(progress, "SILENT_FOR", 0.0)


@pytest.fixture
def classifier():
    return gw.TextClassifier(network=()).fit(TEXTS, LABELS)


def forecaster():
    return gw.Forecaster(horizon=2, network="mlp-window", baselines=["Drift"])


def test_the_bar_comes_by_itself_where_work_tells_nothing_for_long(monkeypatch):
    monkeypatch.setattr(progress, "SILENT_FOR", 0.05)
    with on_a_terminal() as seen, WorkBar() as bar:
        bar.update(0.0, "reading m[/]\x1b[31m")
        # It draws itself some times a second.
        deadline = time.monotonic() + 10
        while bar.face is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.15)
    # What a name holds is shown, and neither obeyed nor a fault.
    assert "reading m[/]\\x1b[31m" in seen[0]


class TestWhoShowsOne:
    def test_what_takes_long_shows_it_by_itself(self, at_once, classifier):
        asked = forecaster()
        for work in (
            lambda: gw.TextClassifier(network=()).fit(TEXTS, LABELS),
            lambda: classifier.predict(TEXTS * 50),
            lambda: classifier.linear_.predict_proba(TEXTS * 50),
            lambda: assess(classifier, gw.read_corpus(TEXTS * 50, LABELS * 50)),
            lambda: asked.fit(SERIES),
            lambda: asked.update([60.0]).predict(),
            lambda: gw.backtest(asked, SERIES, n_windows=2),
            lambda: gw.forecast(SERIES, 2, network="mlp-window", baselines=["Drift"]),
        ):
            with on_a_terminal() as seen:
                work()
            # What is done for less than a tenth of a second need not be seen.
            assert "━" in seen[0]

    def test_none_comes_where_none_is_wanted(self, at_once, classifier):
        asked = forecaster()
        with on_a_terminal() as seen:
            gw.TextClassifier(network=()).fit(TEXTS, LABELS, progress=False)
            classifier.predict(TEXTS * 50, progress=False)
            assess(classifier, gw.read_corpus(TEXTS * 50, LABELS * 50), progress=False)
            asked.fit(SERIES, progress=False).predict(progress=False)
            gw.backtest(asked, SERIES, n_windows=2, progress=False)
            gw.forecast(SERIES, 2, network="mlp-window", baselines=["Drift"], progress=False)
        assert seen == [""]

    def test_who_listens_shows_it(self, at_once, classifier):
        heard = []
        with on_a_terminal() as seen:
            found = classifier.predict_proba(TEXTS * 200, progress=lambda share, what: heard.append((share, what)))
        assert seen == [""]
        assert [what for _, what in heard] == ["reading texts"] * 5
        shares = [share for share, _ in heard]
        assert shares == sorted(shares)
        assert shares[0] == 0.0
        assert 0.5 < shares[-1] < 1.0
        np.testing.assert_array_equal(found, classifier.predict_proba(TEXTS * 200, progress=False))

    def test_asking_quickly_and_explaining_tell_how_far_they_are(self):
        corpus = gw.read_corpus([f"{text} {place % 3}" for place, text in enumerate(TEXTS * 5)], LABELS * 5)
        small = gw.Network(units=2, embedding=4, members=1, runs=1)
        classifier = gw.TextClassifier(network=small, minutes=0.01).fit(corpus, progress=False)
        heard = []
        classifier.predict_proba(TEXTS, quick=True, progress=lambda *told: heard.append(told))
        assert heard == [(0.0, "reading texts")]
        heard.clear()
        wrong = gw.read_corpus(TEXTS * 50, (LABELS * 50)[::-1])
        assess(classifier, wrong, mistakes=2, progress=lambda *told: heard.append(told))
        assert [what for _, what in heard] == ["reading texts"] * 2 + ["explaining mistakes"] * 2
        assert [share for share, _ in heard] == sorted(share for share, _ in heard)

    def test_work_inside_of_work_shows_none_of_its_own(self, at_once):
        with on_a_terminal() as seen, shown(True) as outer:
            outer(0.25, "outer")
            with shown(True) as inner:
                inner(0.5, "inner")
            time.sleep(0.15)
        assert "outer" in seen[0]
        assert "inner" not in seen[0]
        with on_a_terminal() as seen, shown(lambda share, what: None), shown(True) as inner:
            inner(0.5, "inner")
        assert seen == [""]

    def test_without_a_terminal_there_is_neither_bar_nor_thread(self, at_once, capsys):
        before = threading.active_count()
        with shown(True) as told:
            told(0.5, "work")
            assert threading.active_count() == before
        assert capsys.readouterr().err == ""

    @pytest.mark.parametrize("strange", [None, 1, "yes"])
    def test_what_cannot_be_meant_is_refused(self, classifier, strange):
        sentence = (
            f"progress is {strange!r}: give True for a bar, False for none, or a function that is called with the share that "
            "is done and with what is being done."
        )
        for work in (
            lambda: classifier.fit(TEXTS, LABELS, progress=strange),
            lambda: classifier.predict(TEXTS, progress=strange),
            lambda: forecaster().fit(SERIES, progress=strange),
            lambda: gw.backtest(forecaster(), SERIES, n_windows=2, progress=strange),
        ):
            with pytest.raises(UsageError) as caught:
                work()
            assert str(caught.value) == sentence


class TestNotebook:
    """A cell's output, by what IPython offers every notebook."""

    @pytest.fixture
    def cell(self, monkeypatch):
        shown_lines = []
        handle = types.SimpleNamespace(update=shown_lines.append)

        def display(line, display_id):
            assert display_id is True
            shown_lines.append(line)
            return handle

        notebook = types.ModuleType("IPython")
        notebook.get_ipython = lambda: types.SimpleNamespace(kernel=object())
        notebook.display = types.ModuleType("IPython.display")
        notebook.display.HTML = str
        notebook.display.display = display
        monkeypatch.setitem(sys.modules, "IPython", notebook)
        monkeypatch.setitem(sys.modules, "IPython.display", notebook.display)
        return shown_lines

    def test_a_line_is_drawn_changed_now_and_then_and_taken_away(self, at_once, cell, monkeypatch):
        monkeypatch.setattr(progress, "_BETWEEN_MESSAGES", 0.0)
        with shown(True) as told:
            told(0.0, "reading <b>")
            told(0.25, "training")
        assert cell == [
            '<div><span>reading &lt;b&gt;</span> <progress value="0.0000" max="1"></progress> <span></span></div>',
            '<div><span>training</span> <progress value="0.2500" max="1"></progress> <span></span></div>',
            "",
        ]

    def test_messages_are_few(self, at_once, cell):
        with shown(True) as told:
            for step in range(1000):
                told(step / 1000, "training")
        assert len(cell) < 100

    def test_a_training_shows_the_same_line(self, cell, monkeypatch):
        monkeypatch.setattr("gatewise.training.progress.SILENT_FOR", 0.0)
        keras = gw.backend.import_keras()
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        model.compile("adam", "mse")
        gw.fit(model, np.ones((8, 3)), np.ones((8, 1)), epochs=3)
        assert re.match(r"<div><span>fit: epoch \d/3</span> <progress ", cell[0])
        assert cell[-1] == ""

    def test_ipython_at_a_terminal_is_no_notebook(self, cell, monkeypatch):
        monkeypatch.setattr(sys.modules["IPython"], "get_ipython", types.SimpleNamespace)
        assert not progress.can_be_seen()


def test_a_program_without_standard_error_works():
    code = (
        "import sys; sys.stderr = None; import gatewise as gw; "
        "print(len(gw.Forecaster(2, network='mlp-window').fit([*range(40)]).predict()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, json.loads(done.stdout)) == (0, 2)


class TestTimeLeft:
    def test_nothing_is_known_before_the_first_recipe_moves(self):
        left = TimeLeft(3)
        assert [left.estimate(0, 0.0, now) for now in (10.0, 14.0)] == [None, None]
        assert left.estimate(0, 0.1, 15.0) is None

    def test_one_recipe_is_timed_by_its_training_and_the_others_with_its_compiling(self):
        left = TimeLeft(3)
        left.estimate(0, 0.0, 10.0)
        left.estimate(0, 0.2, 14.0)
        # Four tenths in two seconds: another two seconds, after six; the two others take eight each.
        assert left.estimate(0, 0.6, 16.0) == pytest.approx(2 + 2 * 8)

    def test_while_the_next_is_compiled_those_before_count(self):
        left = TimeLeft(3)
        for place, share, now in ((0, 0.0, 0.0), (0, 0.5, 5.0), (0, 1.0, 6.0)):
            left.estimate(place, share, now)
        assert left.estimate(1, 0.0, 8.0) == pytest.approx(8 + 8)
        assert left.estimate(1, 0.0, 11.0) == pytest.approx(5 + 8)
        assert left.estimate(1, 0.0, 20.0) == pytest.approx(0 + (8 + 12) / 2)

    def test_at_the_end_nothing_is_left(self):
        left = TimeLeft(1)
        for share, now in ((0.0, 0.0), (0.5, 5.0)):
            left.estimate(0, share, now)
        assert left.estimate(0, 1.0, 6.0) == 0
