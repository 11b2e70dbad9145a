"""``gatewise inspect``: sentences, JSON and the page, from saved models of every kind, and what it refuses."""

import json

import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.cli.app import run

pytestmark = pytest.mark.usefixtures("quickly_compiled")
keras = import_keras()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, quickly_compiled):
    path = tmp_path_factory.mktemp("inspected")
    model = keras.Sequential([keras.Input((None, 1)), keras.layers.GRU(2), keras.layers.Dense(1)], name="small")
    gw.initialize(model, 0)
    gw.save(model, path / "model")
    gw.to_keras(model, path / "model.keras")
    words = keras.Sequential(
        [
            keras.Input((6,), dtype="int32"),
            keras.layers.Embedding(8, 2),
            keras.layers.SimpleRNN(2),
            keras.layers.Dense(1, activation="sigmoid"),
        ],
        name="words",
    )
    gw.initialize(words, 1)
    gw.save(words, path / "words")
    (path / "words.txt").write_text("film\nnot\nbad\n<b>\nrare\n")
    (path / "sales.csv").write_text("sold\n" + "\n".join(map(str, range(10, 30))) + "\n")
    return path


def test_it_says_in_sentences_and_writes_a_page(folder, capsys):
    page = folder / "page.html"
    typed = ["--csv", str(folder / "sales.csv"), "--scale", "--last", "8", "--out", str(page)]
    assert run(["inspect", str(folder / "model"), *typed, "--beside", str(folder / "model.keras")]) == 0
    out, err = capsys.readouterr()
    model = gw.load(folder / "model")
    found = gw.inspect(model, (np.arange(20.0) / 19)[-8:])
    first, second = out.strip().split("\n\n")
    assert first == second == str(found)
    assert err == f"page: {page}\n"
    assert page.read_text(encoding="utf-8").count('class="panel"') == 2


def test_texts_are_numbered_as_the_reviews_are(folder, capsys):
    typed = [
        "--text",
        "Not bad film!",
        "--words",
        str(folder / "words.txt"),
        "--name",
        "neg",
        "--name",
        "pos",
        "--json",
    ]
    assert run(["inspect", str(folder / "words"), *typed]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert [step["step"] for step in found["steps"]] == ["<start>", "not", "bad", "film"]
    said = gw.predict(gw.load(folder / "words"), np.array([[0, 0, 1, 5, 6, 4]]))[0]
    assert found["steps"][-1]["says"] == pytest.approx(said, abs=1e-6)
    assert found["score"] == "log-odds of pos"


@pytest.mark.parametrize(
    ("typed", "sentence", "status"),
    [
        (["model"], "error: Give what the model is to read: --text TEXT, or --csv FILE.", 2),
        (
            ["model", "--text", "a", "--csv", "b"],
            "error: A model reads texts or a series: leave --text or --csv out.",
            2,
        ),
        (
            ["words", "--text", "bad"],
            "error: A saved Keras model does not hold the words whose numbers it reads: give them with --words, a line each.",
            2,
        ),
        (["words", "--text", " ", "--words", "words.txt"], "error: The text is empty: give at least one word.", 3),
        (["model", "--csv", "airline", "--last", "0"], "error: --last is 0: give a whole number of at least 1.", 2),
        (
            ["model", "--csv", "airline", "--network", "lstm"],
            "error: network= chooses among those of a classifier or forecaster: leave it out for a single model.",
            2,
        ),
        (["nowhere", "--csv", "airline"], "error: nowhere is refused: there is no such folder.", 4),
    ],
)
def test_what_cannot_be_meant_is_refused(folder, monkeypatch, capsys, typed, sentence, status):
    monkeypatch.chdir(folder)
    assert run(["inspect", *typed]) == status
    assert capsys.readouterr().err.startswith(sentence)
