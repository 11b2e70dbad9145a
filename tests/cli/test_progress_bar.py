"""The bar that somebody at a terminal sees while recipes are trained."""

import os
import re
import subprocess
import sys
import time

import pytest

from gatewise.cli import progress
from gatewise.cli.app import run
from gatewise.cli.progress import TimeLeft
from terminals import Terminal, on_a_terminal


def test_a_run_at_a_terminal_shows_the_recipe_its_share_and_the_time_left():
    terminal = Terminal()
    # Epochs enough for several seconds of training on any machine: the bar has to move inside of a recipe.
    command = [sys.executable, "-m", "gatewise", "recipes", "airline", "--recipe", "gru", "--recipe", "mlp"]
    command += ["--members", "4", "--epochs", "6000"]
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=terminal.file,
        text=True,
        check=False,
        env={**os.environ, "TERM": "xterm"},
    )
    seen = terminal.seen()
    assert done.returncode == 0
    assert done.stdout.splitlines()[-2].split()[0] == "mlp"
    lines = [line for line in re.split(r"[\r\n]+", seen) if line]
    assert {line.split()[0] + line.split()[1] for line in lines} == {"gru1/2", "mlp2/2"}
    first = re.findall(r"^gru .*━ (\d+:\d\d) left", "\n".join(lines), re.MULTILINE)
    assert len(set(first)) > 1, "the bar does not move inside of a recipe"
    assert re.search(r"^mlp .*━ \d+:\d\d left", "\n".join(lines), re.MULTILINE)


@pytest.mark.parametrize("silent_for", [1e9, 0.0])
def test_the_bar_comes_only_on_work_over_a_second_and_is_gone_with_quiet(monkeypatch, capsys, silent_for):
    assert progress.SILENT_FOR == 1.0
    monkeypatch.setattr(progress, "SILENT_FOR", silent_for)
    fast = ["recipes", "airline", "--members", "2", "--epochs", "2", "--recipe", "gru"]
    with on_a_terminal() as seen:
        assert run(fast) == 0
    assert ("gru" in seen[0]) is (silent_for == 0)
    with on_a_terminal() as seen:
        assert run([*fast, "--quiet"]) == 0
    assert seen == [""]


def test_the_bar_comes_by_itself_where_work_tells_nothing_for_long(monkeypatch):
    monkeypatch.setattr(progress, "SILENT_FOR", 0.05)
    with on_a_terminal() as seen, progress.WorkBar() as bar:
        bar.update(0.0, "reading m[/]\x1b[31m")
        # It draws itself some times a second.
        deadline = time.monotonic() + 10
        while bar.bar is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.15)
    # What a name holds is shown, and neither obeyed nor a fault.
    assert "reading m[/]\\x1b[31m" in seen[0]


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
