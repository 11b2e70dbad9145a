"""``gatewise classify``: what is printed and written, and what is refused. The networks have tests of their own: here the
linear model does it alone."""

import csv
import json

import pytest

import gatewise as gw
from gatewise.cli.app import run
from gatewise.cli.classifier_options import ClassifierTyped, asked_for
from made_texts import made
from terminals import on_a_terminal


@pytest.fixture(autouse=True)
def no_networks(monkeypatch):
    monkeypatch.setattr("gatewise.classification.classifier.NETWORKS", ())


@pytest.fixture
def typed(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, seed, number in (("train.csv", 0, 120), ("test.csv", 1, 60)):
        texts, labels = made(number, seed=seed)
        rows = [
            f"{text} n{seed}x{place},{label}" for place, (text, label) in enumerate(zip(texts, labels, strict=True))
        ]
        (tmp_path / name).write_text("\n".join(["text,label", *rows, ""]))

    def typed(*arguments):
        status = run(arguments)
        said = capsys.readouterr()
        return status, said.out, said.err

    return typed


def test_figures_files_and_remarks(typed, tmp_path):
    status, out, err = typed(
        "classify", "train.csv", "--test", "test.csv", "--model", "moods", "--out", "said.csv", "--report", "page.html"
    )
    assert status == 0
    assert out.startswith("9")
    assert " of 60 test texts are right (95 % interval " in out.splitlines()[0]
    assert out.splitlines()[1] == "Only the linear model was trained."
    assert [line.split()[0] for line in out.splitlines()[-2:]] == ["bad", "good"]
    assert "- 120 texts, 2 classes, of which each text has one." in err.splitlines()
    assert err.splitlines()[-3:] == ["model: moods", "predictions: said.csv", "report: page.html"]
    rows = list(csv.DictReader((tmp_path / "said.csv").open()))
    assert [row["row"] for row in rows] == [str(place) for place in range(1, 61)]
    assert [row["label"] for row in rows] == made(60, seed=1)[1]
    right = sum(row["label"] == row["predicted"] for row in rows)
    assert out.startswith(f"{right / 60:.2%} ")
    assert all((float(row["p(good)"]) > 0.5) == (row["predicted"] == "good") for row in rows)
    assert out.splitlines()[0].split(" (")[0] in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert (tmp_path / "moods" / "manifest.json").exists()


def test_a_terminal_sees_how_far_learning_and_judging_are(typed, monkeypatch):
    monkeypatch.setattr("gatewise.progress.SILENT_FOR", 0.0)
    with on_a_terminal() as seen:
        assert run(["classify", "train.csv", "--test", "test.csv"]) == 0
    assert [what in seen[0] for what in ("words ", "reading texts ")] == [True, True]
    with on_a_terminal() as seen:
        assert run(["classify", "train.csv", "--test", "test.csv", "--quiet"]) == 0
    assert seen == [""]


def test_predictions_name_the_rows_of_the_file_as_predict_does(typed, tmp_path):
    texts, labels = made(20, seed=1)
    rows = [
        ",good",
        " ,bad",
        *(f"{text},{label}" for text, label in zip(texts, labels, strict=True)),
        ",bad",
        "superb,bad",
    ]
    (tmp_path / "gaps.csv").write_text("\n".join(["text,label", *rows, ""]))
    options = ["--model", "moods", "--out", "said.csv", "--report", "page.html", "--quiet"]
    assert typed("classify", "train.csv", "--test", "gaps.csv", *options)[0] == 0
    said = list(csv.DictReader((tmp_path / "said.csv").open()))
    assert [int(row["row"]) for row in said] == [*range(3, 23), 24]
    assert typed("predict", "moods", "gaps.csv", "--text", "text", "--out", "again.csv", "--quiet")[0] == 0
    again = {row["row"]: row["predicted"] for row in csv.DictReader((tmp_path / "again.csv").open())}
    assert {row["row"]: row["predicted"] for row in said} == {row: given for row, given in again.items() if given}
    # The mistake that was put there is the last row of the file.
    assert "(row 24; what speaks for good)" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_json_without_a_test_part_is_about_texts_held_out(typed):
    status, out, err = typed("classify", "train.csv", "--json", "--quiet")
    content = json.loads(out)
    assert (status, err) == (0, "")
    assert (content["part"], content["texts"]) == ("training texts held out", 120)
    assert content["scores"]["combined"]["accuracy"] > 0.8


def test_columns_are_named_and_classes_weighed(typed, tmp_path):
    text = (tmp_path / "train.csv").read_text().replace("text,label", "said,mood,x").replace(",good\n", ",good,1\n")
    (tmp_path / "odd.csv").write_text(text.replace(",bad\n", ",bad,2\n"))
    status, out, _ = typed("classify", "odd.csv", "--text", "said", "--label", "mood", "--balanced", "--json")
    assert (status, list(json.loads(out)["classes"])) == (0, ["bad", "good"])


def lines(rows):
    return "\n".join(["text,label", *rows, ""])


GOOD = [f"a good film {place},pos" for place in range(12)]
BAD = [f"a bad film {place},neg" for place in range(12)]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (lines(GOOD), "'a.csv' holds one class, 'pos': give texts of at least two classes."),
        ("", "'a.csv' is empty: give a file with texts and labels."),
        ("text,label\n", "'a.csv' has a header and no rows below it: give at least one row of data."),
        (lines([*GOOD, "a film,"]), "'a.csv', line 14 has no label in column 'label'"),
        (lines([f"a film {place},id{place}" for place in range(40)]), "column 'label'"),
        (lines([*GOOD, *BAD]).encode() + b"caf\xe9,pos\n",
         "line 26 is not UTF-8 text (0xe9, byte 438 of the file): save it as UTF-8, or pass --errors replace."),
        (lines([*GOOD, *BAD]).encode() + b"a\0b,pos\n", "'a.csv', line 26 holds a NUL byte (byte 436 of the file)"),
        (lines([f"{'pos' if place % 2 else 'neg'},a film of number {place}" for place in range(12)]),
         "column 'label', named as the label, holds 12 different texts, and column 'text' holds 2 short ones: they seem to be "
         "swapped; pass --text label, --label text."),
        (lines([f"{chr(97 + p)}{q},{'pos' if p % 2 else 'neg'}" for p in range(8) for q in range(3)]),
         "No word is 2 times in 24 training texts: give --min-texts 1, or more texts."),
    ],
    ids=["one class", "empty", "no rows", "no label", "ids", "bytes", "NUL", "swapped", "no words"],
)  # fmt: skip
def test_bad_input_is_one_sentence_and_status_3(typed, tmp_path, content, sentence):
    (tmp_path / "a.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    status, out, err = typed("classify", "a.csv", "--quiet")
    assert (status, out) == (3, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert sentence in err


def test_labels_that_only_the_test_file_has_are_refused(typed, tmp_path):
    (tmp_path / "more.csv").write_text(lines(["what a film,odd", "superb,good"]))
    status, _, err = typed("classify", "train.csv", "--test", "more.csv")
    assert status == 3
    assert "'odd'" in err


def test_empty_rows_and_a_very_long_text_are_counted_not_dropped_in_silence(typed, tmp_path):
    rows = [*GOOD, *BAD, " ,pos", f"{'word ' * 2_000_000},neg"]
    (tmp_path / "a.csv").write_text(lines(rows))
    status, _, err = typed("classify", "a.csv")
    assert status == 0
    assert "1 row without a text was left out (line 26)." in err
    assert "1 text was cut after 1,000,000 characters (line 27)." in err


def test_bytes_are_replaced_where_asked(typed, tmp_path):
    (tmp_path / "a.csv").write_bytes(lines([*GOOD, *BAD]).encode() + b"caf\xe9 good,pos\n")
    status, _, err = typed("classify", "a.csv", "--errors", "replace")
    assert status == 0
    assert "Bytes that are not UTF-8 were replaced by � in line 26 of 'a.csv'." in err


@pytest.mark.parametrize(
    ("options", "status", "sentence"),
    [
        (
            ["--class-weight", "bad=5", "--balanced"],
            2,
            "--balanced and --class-weight both say how much classes count: leave one out.",
        ),
        (["--class-weight", "bad"], 2, "--class-weight is 'bad': write LABEL=NUMBER, such as urgent=5."),
        (["--class-weight", "worse=2"], 2, "--class-weight names 'worse', and the classes are 'bad', 'good'."),
        (
            ["--network", "none", "--network", "lstm"],
            2,
            "--network none stands for the linear model alone: leave it out, or the other networks.",
        ),
        (
            ["--network", "none", "--vectors", "v.txt"],
            2,
            "--vectors v.txt is for gatewise's own networks, and there is none: leave it out, or name one of 'lstm', 'gru', "
            "'rnn', 'cnn'.",
        ),
        (["--threshold", "2"], 2, "--threshold is 2.0: give 'half', 'f1' or a probability between 0 and 1."),
        (["--min-texts", "0"], 2, "--min-texts is 0: give a whole number of at least 1."),
        (["--minutes", "0"], 2, "--minutes is 0.0: give a number above 0."),
        (["--report", "train.csv"], 2, "--report 'train.csv' is the file that is read: give another name."),
        (["--out", "x.csv", "--report", "x.csv"], 2, "--out and --report are the same file 'x.csv': give two names."),
        (["--out", "test.csv"], 2, "'test.csv' exists: give another name, or --force to overwrite it."),
        (["--test", "no.csv"], 3, "There is no file 'no.csv': give the path of a file or folder."),
        (["--text", "txt"], 3, "'train.csv' has no column 'txt': did you mean 'text'?"),
    ],
)
def test_mistakes_get_one_line(typed, options, status, sentence):
    assert typed("classify", "train.csv", "--quiet", *options) == (status, "", f"error: {sentence}\n")


def test_what_is_typed_is_what_the_classifier_is_asked_for(tmp_path):
    (tmp_path / "v.txt").write_text("superb 1 2 3\n")
    typed = ClassifierTyped(["gru", "imdb-lstm"], tmp_path / "v.txt", 2.0, True, True, "none", "0.3", False,
                            ["a=b=2", "c=.5"], 3, 7)  # fmt: skip
    found = asked_for(typed).get_params()
    gru, recipe = found.pop("network")
    assert (gru.cell, gru.vectors, gru.embedding, recipe.name) == ("gru", tmp_path / "v.txt", 3, "imdb-lstm")
    assert found == {
        "minutes": 2.0,
        "network_only": True,
        "linear": gw.Linear(min_texts=3),
        "validation": gw.Validation(refit=True),
        "class_weight": {"a=b": 2.0, "c": 0.5},
        "calibration": gw.Calibration(None, 0.3),
        "seed": 7,
    }


def parts(*numbers):
    texts, labels = made(sum(numbers))
    names = [name for name, number in zip(("train", "validation", "test"), numbers, strict=True) for _ in range(number)]
    rows = zip(texts, labels, names, strict=True)
    return "\n".join(
        ["text,label,split", *(f"{text} n{n},{label},{part}" for n, (text, label, part) in enumerate(rows))]
    )


def test_a_validation_part_is_judged_by_or_learnt_from_and_told(typed, tmp_path):
    (tmp_path / "two.csv").write_text(parts(60, 30, 0))
    (tmp_path / "three.csv").write_text(parts(60, 30, 20))
    _, out, err = typed("classify", "two.csv", "--out", "said.csv")
    assert " of 30 validation texts are right" in out
    assert len((tmp_path / "said.csv").read_text().splitlines()) == 31
    assert "learnt from" not in err
    _, out, err = typed("classify", "three.csv", "--model", "m")
    assert " of 20 test texts are right" in out
    assert "- 30 validation texts are learnt from as well; the test part is judged by." in err.splitlines()
    assert len(gw.TextClassifier.load(tmp_path / "m").validation_.rows) == 90


def test_what_exists_is_not_overwritten_unless_asked(typed, tmp_path):
    assert typed("classify", "train.csv", "--model", "moods", "--quiet")[0] == 0
    status, out, err = typed("classify", "train.csv", "--model", "moods")
    assert (status, out) == (2, "")
    assert "moods" in err
    assert typed("classify", "train.csv", "--model", "moods", "--force", "--quiet")[0] == 0
