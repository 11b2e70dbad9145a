"""The command line in odd surroundings: strange paths, no colours, hardly any room, names that speak to the terminal."""

import shutil
import sys

import pytest

import gatewise as gw
from gatewise.cli.app import run
from gatewise.cli.predict_texts import predict_texts
from gatewise.cli.text_options import TextsTyped
from made_texts import made

SALES = "ds,y\n" + "".join(f"2024-01-{day:02d},{day}\n" for day in range(1, 29))


@pytest.fixture
def typed(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sales.csv").write_text(SALES)

    def typed(*arguments):
        status = run(arguments)
        return status, *capsys.readouterr()

    return typed


@pytest.mark.parametrize("name", ["my sales.csv", "two\nlines.csv", "-sales.csv", "söld.csv", "a'b\".csv", "--json"])
def test_a_file_may_have_any_name(typed, tmp_path, name):
    """A11; what begins with a dash comes behind ``--`` or with its folder, as everywhere."""
    (tmp_path / name).write_text(SALES)
    ways = ([("series", name)] if name[0] != "-" else []) + [("series", "--", name), ("series", f"./{name}")]
    for way in ways:
        status, out, err = typed(*way)
        assert (status, err) == (0, "")
        assert out.startswith("1 series of 28 values")


def test_a_strange_name_is_quoted_in_one_line(typed, tmp_path):
    (tmp_path / "two\n\x1b[31mlines.csv").write_text("")
    assert typed("series", "two\n\x1b[31mlines.csv") == (
        3,
        "",
        "error: 'two\\n\\x1b[31mlines.csv' is empty: give a table with a header and rows.\n",
    )


def test_hardly_any_room_is_said_before_the_work(typed, tmp_path, monkeypatch):
    """A06."""
    monkeypatch.setattr("gatewise.forecasting.forecaster.Forecaster.fit", lambda *_, **__: pytest.fail("trained"))
    full = type(shutil.disk_usage("/"))(10**9, 10**9 - 1_500_000, 1_500_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    for flag, name in (("--out", "f.csv"), ("--report", "f.html"), ("--model", "m")):
        status, out, err = typed("forecast", "sales.csv", "--horizon", "2", flag, name)
        assert (status, out) == (5, "")
        assert err.endswith(
            f"{name} may not be written: 1.5 MB are free on its disk, and 16 MB are wanted before the work begins; make room, "
            "or write elsewhere.\n"
        )
        assert not (tmp_path / name).exists()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "moods"
    texts, labels = made(60)
    gw.TextClassifier(network=()).fit(texts, [{"good": "good\x1b[31m"}.get(label, label) for label in labels]).save(
        path
    )
    return path


@pytest.mark.parametrize(("colour", "coloured"), [(None, True), ("1", False)])
def test_no_color_is_heard_on_a_terminal(model, tmp_path, monkeypatch, capsys, colour, coloured):
    """A10; in a pipe there are no colours anyway, see tests/cli/test_predict_texts.py."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.txt").write_text("w1 superb w2\n")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if colour:
        monkeypatch.setenv("NO_COLOR", colour)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    predict_texts(model, "new.txt", TextsTyped(explain=True, quiet=True))
    said = capsys.readouterr().out
    assert ("\x1b[48;2;" in said) is coloured
    assert ("superb(+" in said) is not coloured
    assert "good�[31m" in said  # a class that would paint the terminal, X15


def test_names_of_series_do_not_speak_to_the_terminal(typed, tmp_path):
    """X15, for tables of values."""
    rows = "".join(f"\x1b[2Jshop,2024-01-{day:02d},{day}\n" for day in range(1, 9))
    (tmp_path / "shops.csv").write_text(f"id,ds,y\n{rows}")
    status, out, _ = typed("series", "shops.csv")
    assert (status, "�[2Jshop" in out, "\x1b" in out) == (0, True, False)
