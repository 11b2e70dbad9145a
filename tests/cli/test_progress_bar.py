"""The bar that somebody at a terminal sees while recipes are trained."""

import os
import re
import subprocess
import sys

import pytest

from gatewise import progress
from gatewise.cli.app import run
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
