"""What ``gatewise predict`` does with a classifier: a line out for each text that comes in."""

import csv
import json
import os
import re
import sys
import types

import pytest

import gatewise as gw
from gatewise.cli.app import run
from gatewise.cli.predict_texts import predict_texts
from gatewise.cli.text_options import TextsTyped
from gatewise.errors import DataError, GatewiseWarning, UsageError
from made_texts import made
from terminals import on_a_terminal


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "moods"
    gw.TextClassifier(network=()).fit(*made(120)).save(path)
    return path


@pytest.fixture(scope="module")
def classifier(model):
    return gw.TextClassifier.load(model)


TEXTS = ["w1 superb w2", "", "awful w3", "w4"]


@pytest.fixture
def written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.txt").write_text("\n".join([*TEXTS, ""]))
    (tmp_path / "new.csv").write_text("id,review\n1,w1 superb w2\n2,\n3,awful w3\n")
    return tmp_path


def test_each_line_is_answered_in_its_place(model, classifier, written, capsys):
    predict_texts(model, "new.txt", TextsTyped())
    out, err = capsys.readouterr()
    lines = out.splitlines()
    chances = classifier.predict_proba([text for text in TEXTS if text])
    assert [line.split("\t")[0] for line in lines] == ["good", "", "bad", lines[3].split("\t")[0]]
    assert [line.split("\t")[1:] for line in lines if line] == [[f"{p:.6f}" for p in row] for row in chances]
    assert err.splitlines() == [
        "- 'new.txt' holds 4 lines, each of which is a text.",
        "- 1 text is empty.",
        "A line for each text: its class, then the probabilities of bad, good.",
        "1 of the texts was empty and got no class.",
    ]
    predict_texts(model, "new.csv", TextsTyped(quiet=True))
    out, err = capsys.readouterr()
    assert ([line.split("\t")[0] for line in out.splitlines()], err) == (["good", "", "bad"], "")


def test_as_json_lines_with_what_each_token_adds(model, classifier, written, capsys):
    predict_texts(model, "new.txt", TextsTyped(as_json=True, explain=True, quiet=True))
    first, empty, *_ = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["predicted"] == "good"
    assert first["probabilities"]["good"] == pytest.approx(classifier.predict_proba(TEXTS[:1])[0, 1])
    assert [one["token"] for one in first["explanation"]] == ["w1", "superb", "w2"]
    assert empty == {"predicted": None, "probabilities": None}


def test_quickly_is_what_the_classifier_says_quickly(model, written, capsys, monkeypatch):
    asked = []
    usual = gw.TextClassifier.predict_proba

    def noted(self, texts, *, quick=False, progress):
        asked.append(quick)
        return usual(self, texts, quick=quick, progress=progress)

    monkeypatch.setattr(gw.TextClassifier, "predict_proba", noted)
    assert run(["predict", str(model), "new.txt", "--quick", "--quiet"]) == 0
    assert run(["predict", str(model), "new.txt", "--quick", "--out", "said.csv", "--quiet"]) == 0
    assert run(["predict", str(model), "new.txt", "--quiet"]) == 0
    assert asked == [True, True, False]


def test_tokens_have_numbers_in_a_pipe_and_colours_on_a_terminal(model, written, capsys, monkeypatch):
    predict_texts(model, "new.txt", TextsTyped(explain=True, quiet=True))
    line = capsys.readouterr().out.splitlines()[0]
    assert re.fullmatch(r"good\t0\.\d+\tw1\([+-]\d\.\d\d\) superb\(\+\d+\.\d\d\) w2\([+-]\d\.\d\d\)", line)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    predict_texts(model, "new.txt", TextsTyped(explain=True, quiet=True))
    assert "\x1b[48;2;31;111;235;38;5;15msuperb\x1b[0m" in capsys.readouterr().out


def test_a_table_of_predictions(model, written):
    predict_texts(model, "new.csv", TextsTyped(out=written / "said.csv", quiet=True))
    rows = list(csv.DictReader((written / "said.csv").open()))
    assert [(row["row"], row["predicted"]) for row in rows] == [("1", "good"), ("2", ""), ("3", "bad")]
    assert rows[1]["p(bad)"] == ""
    assert float(rows[2]["p(bad)"]) > 0.5


def test_somebody_who_only_sees_standard_error_sees_how_far_a_file_is(model, written, capsys, monkeypatch):
    monkeypatch.setattr("gatewise.progress.SILENT_FOR", 0.0)
    for command in (["predict", str(model), "new.txt"], ["predict", str(model), "new.txt", "--out", "said.csv"]):
        with on_a_terminal() as seen:
            assert run(command) == 0
        assert "reading texts" in seen[0]
        with on_a_terminal() as seen:
            assert run([*command, "--quiet", *(["--force"] if "--out" in command else [])]) == 0
        assert seen == [""]
    with on_a_terminal() as seen:
        assert run(["predict", str(model), "new.txt", "--explain"]) == 0
    assert "explaining texts" in seen[0]
    # Lines that are seen say it themselves.
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with on_a_terminal() as seen:
        assert run(["predict", str(model), "new.txt"]) == 0
    assert "━" not in seen[0]


def test_lines_of_standard_input_are_answered_as_they_come(model, monkeypatch, capsys):
    reading, writing = os.pipe()
    os.write(writing, b"superb\nawful\n\n")
    os.close(writing)
    with os.fdopen(reading) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        predict_texts(model, "-", TextsTyped(quiet=True))
    assert [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()] == ["good", "bad", ""]


def test_an_empty_file_is_one_sentence_about_texts(model, written, capsys):
    (written / "none.txt").write_text("\n")
    with pytest.raises(DataError, match=r"^'none\.txt' is empty: give a file with texts\.$"):
        predict_texts(model, "none.txt", TextsTyped())
    assert capsys.readouterr().err == ""


def test_texts_of_which_no_token_is_known_are_told_of_in_every_batch(model, classifier, monkeypatch, capsys):
    pipe = iter([["zzz yyy", "superb w1"], ["zzz yyy", "superb w1"], ["superb"]])
    monkeypatch.setattr("gatewise.datasets.text.unlabelled.lines_of_pipe", lambda *asked: pipe)
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(fileno=lambda: 0))
    with pytest.warns(GatewiseWarning, match=r"^1 of 2 texts has no word that is known") as warned:
        predict_texts(model, "-", TextsTyped(quiet=True, explain=True))
    assert len(warned) == 2
    first = capsys.readouterr().out.splitlines()[0]
    shares = classifier._fitted.shares
    assert first.split("\t")[1:] == [f"{shares.max():.6f}", "zzz(+0.00) yyy(+0.00)"]


@pytest.mark.parametrize(
    ("source", "options", "kind", "sentence"),
    [
        ("new.txt", {"out": "x.csv", "explain": True}, UsageError,
         "--out writes a table of predictions: leave --json and --explain out, or --out."),
        ("new.txt", {"quick": True, "explain": True}, UsageError,
         "--explain asks all models about every text: leave --quick out, or --explain."),
        ("-", {"text": "review"}, UsageError,
         "--text names a column, and standard input has a text in each line: leave it out."),
        ("new.csv", {"text": "reviews"}, DataError, "'new.csv' has no column 'reviews': did you mean 'review'?"),
    ],
)  # fmt: skip
def test_refusals(model, written, source, options, kind, sentence):
    out = options.pop("out", None)
    with pytest.raises(kind) as caught:
        predict_texts(model, source, TextsTyped(**options, out=None if out is None else written / out))
    assert str(caught.value).replace(f"{written}/", "") == sentence


def test_the_verb_asks_what_the_model_is(model, written, capsys):
    def typed(*arguments):
        status = run(["predict", str(model), *arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    status, out, err = typed("new.csv", "--text", "review", "--quiet")
    assert (status, [line.split("\t")[0] for line in out.splitlines()], err) == (0, ["good", "", "bad"], "")
    for arguments, sentence in (
        ([], f"{str(model)!r} is a classifier: give a FILE with texts behind it, or '-' for standard input."),
        (["new.csv", "--level", "80"],
         f"{str(model)!r} is a classifier, and options about horizons and series are for forecasters."),
        (["new.txt", "--out", "new.txt"], "--out 'new.txt' is the file that is read: give another name."),
    ):  # fmt: skip
        assert typed(*arguments) == (2, "", f"error: {sentence}\n")
    (written / "bad.txt").write_bytes(b"superb\nbad \xff one\n")
    status, _, err = typed("bad.txt", "--quiet")
    assert (status, err) == (
        3,
        "error: 'bad.txt', line 2 is not UTF-8 text (0xff, byte 11 of the file): save it as UTF-8, or pass --errors replace.\n",
    )
    assert typed("bad.txt", "--quiet", "--errors", "replace")[0] == 0


def test_of_several_classes_it_is_said_which_one_is_explained(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    texts, labels = made(120)
    gw.TextClassifier(network=()).fit(
        texts, [[label == "bad", True] for label in labels[:-2]] + [[False, False]] * 2
    ).save("m")
    (tmp_path / "a.txt").write_text("awful w1\n")
    predict_texts(tmp_path / "m", "a.txt", TextsTyped(explain=True, quiet=True))
    assert re.match(r"0\|1\t0\.9\d+ for [01]\tawful\(", capsys.readouterr().out)
