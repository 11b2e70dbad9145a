"""Networks that are not gatewise's own: recipes by name, and functions of a user's, with the rows and words that they want."""

import re
from dataclasses import replace

import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.classification.kinds import NETWORKS, kinds_of
from gatewise.classification.row_reader import RowReader
from gatewise.classification.specification import Rows
from gatewise.datasets import Sequences, Vocabulary
from made_texts import made

keras = import_keras()
layers = keras.layers
pytestmark = pytest.mark.usefixtures("quickly_compiled")


def test_names_are_cells_and_recipes():
    recipe = gw.recipe("imdb-gru").varied(units=7, epochs=2)
    found = kinds_of(["gru", "cnn", "imdb-cnn-lstm", recipe])
    assert [found[0].cell, found[0].units, found[1]] == ["gru", 32, NETWORKS[1]]
    assert [(one.words, one.epochs, one.batch_texts) for one in found[2:]] == [(5000, 3, 64), (5000, 2, 64)]
    reader = RowReader(found[3], Vocabulary(tuple("abcdef")), 3, 12)
    assert reader.length == 500
    assert [layer.name.split("_")[0] for layer in reader.network.layers] == ["embedding", "gru", "dense"]
    # Six words, one for unknown ones and one for none; three classes instead of one output.
    assert reader.shapes()[0] == (8, 32)
    assert reader.shapes()[-2:] == [(7, 3), (3,)]
    assert reader.ends_with == "linear"


def test_a_recipe_with_one_output_is_the_recipe():
    recipe = gw.recipe("imdb-cnn-lstm")
    asked, whole = recipe.for_texts(5000, 1), recipe.build()
    assert [layer.get_config() | {"name": ""} for layer in asked.layers] == [
        layer.get_config() | {"name": ""} for layer in whole.layers
    ]
    assert not asked.compiled


def test_rare_words_of_a_network_that_knows_fewer_are_unknown():
    reader = RowReader(Rows(own, words=4), Vocabulary(tuple("abcdef")), 1, 3)
    assert reader.shapes()[0] == (4, 8)
    assert reader.rows(Sequences.of([[2, 7], [3, 4, 5, 2]])).tolist() == [[0, 2, 1], [1, 1, 2]]


def own(words, outputs):
    return keras.Sequential(
        [keras.Input((3,)), layers.Embedding(words, 8), layers.Flatten(), layers.Dense(outputs, activation="sigmoid")]
    )


def test_a_recipe_is_trained_as_it_says_and_comes_back(tmp_path):
    texts, labels = made(60, longest=12)
    small = replace(gw.recipe("imdb-gru-word-dropout"), length=16, embedding=4, units=3, epochs=2, batch_size=16)
    classifier = gw.TextClassifier(network=small, network_only=True, validation=2).fit(texts, labels)
    members = classifier.network_.model
    assert members.reader(0).length == 16
    assert [len(member.curves.losses) for member in members.trained] == [2, 2]
    classifier.save(tmp_path / "saved")
    again = gw.TextClassifier.load(tmp_path / "saved")
    np.testing.assert_allclose(again.predict_proba(texts), classifier.predict_proba(texts), rtol=1e-5)
    kept = again.network_.model.kinds[0]
    words = len(classifier.vocabulary_.words) + 2
    assert (kept.words, kept.epochs, kept.batch_texts, kept.name) == (words, 2, 16, "imdb-gru-word-dropout")


def test_a_length_that_a_network_wants_is_kept_and_its_optimizer_too():
    texts, labels = made(60)

    def fixed(words, outputs):
        model = own(words, outputs)
        model.compile(keras.optimizers.SGD(0.5), "mse")
        return model

    classifier = gw.TextClassifier(network=fixed, validation=2).fit(texts, labels)
    reader = classifier.network_.model.reader(0)
    assert reader.length == 3
    assert isinstance(reader.network.optimizer, keras.optimizers.SGD)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda words, outputs: keras.Sequential(
                [keras.Input((4, 2)), layers.Flatten(), layers.Dense(outputs)], name="a"
            ),
            "Network 'a' reads (None, 4, 2): give one that reads token numbers (texts, time).",
        ),
        (
            lambda words, outputs: keras.Sequential([layers.LSTM(3), layers.Dense(outputs)], name="b"),
            "Network 'b' does not read token numbers (1, 29) (ValueError: ",
        ),
    ],
    ids=["two axes", "no embedding"],
)
def test_a_network_that_reads_something_else_is_told_before_anything_is_trained(make, sentence, monkeypatch):
    monkeypatch.setattr("gatewise.classification.fitting.fit_views", None)
    with pytest.raises(gw.errors.UsageError, match=f"^{re.escape(sentence)}") as caught:
        gw.TextClassifier(network=make).fit(*made(60))
    assert "\x1b" not in str(caught.value)
    assert "[1m" not in str(caught.value)
