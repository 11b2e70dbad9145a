"""The recipes on movie reviews: what they are, what they are fed, how they are trained and tested."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.datasets import RankedWords
from gatewise.errors import DataError, UsageError
from gatewise.recipes import ReviewOptions, recipe, recipes, run_reviews
from gatewise.recipes.reviews import run as running
from gatewise.recipes.reviews.encoding import Numbers
from gatewise.recipes.reviews.network import WordDropoutEmbedding
from gatewise.recurrent.activations import hard_sigmoid_keras2
from made_results import made_member

keras = import_keras()

# Brownlee 2016, the last line of each script's output.
PUBLISHED = {
    "imdb-lstm": 0.8679,
    "imdb-lstm-dropout": 0.8556,
    "imdb-lstm-gate-dropout": 0.8282,
    "imdb-lstm-word-dropout": None,
    "imdb-cnn-lstm": 0.8636,
}
WORDS = ["good", "bad", "fine", "awful", "film", "the", "a", "plot"]


def small_corpus(train=48, test=20, classes=("neg", "pos")):
    """Reviews of random words, good ones with "good" and bad ones with "bad" in them."""
    random = np.random.default_rng(0)
    texts, labels = [], []
    for number in range(train + test):
        label = number % 2
        words = list(random.choice(WORDS[2:], random.integers(1, 9)))
        texts.append(" ".join([*words, WORDS[1 - label], f"scene{number}"]))
        labels.append(classes[label])
    rows = list(zip(texts, labels, strict=True))
    return gw.read_corpus(rows[:train], test=rows[train:])


def small(name, **changes):
    return replace(recipe(name), words=12, length=6, units=3, embedding=4, batch_size=16, **changes)


def test_the_five_are_followed_by_their_gru_twins():
    assert [one.name for one in recipes("imdb")] == [*PUBLISHED, *(name.replace("lstm", "gru") for name in PUBLISHED)]
    for one in recipes("imdb"):
        assert one.published == PUBLISHED.get(one.name)
        assert gw.recipe(one.name) is one
        assert (one.words, one.length, one.embedding, one.units) == (5000, 500, 32, 100)
        assert (one.epochs, one.batch_size) == (3, 64)
    with pytest.raises(UsageError, match=r"^There is no family of recipes 'reviews': give 'airline' or 'imdb'\.$"):
        recipes("reviews")


@pytest.mark.parametrize(
    ("name", "layers", "weights"),
    [
        ("imdb-lstm", ["Embedding", "LSTM", "Dense"], 213_301),
        ("imdb-lstm-dropout", ["Embedding", "Dropout", "LSTM", "Dropout", "Dense"], 213_301),
        ("imdb-lstm-gate-dropout", ["Embedding", "LSTM", "Dense"], 213_301),
        ("imdb-lstm-word-dropout", ["WordDropoutEmbedding", "LSTM", "Dense"], 213_301),
        ("imdb-cnn-lstm", ["Embedding", "Conv1D", "MaxPooling1D", "LSTM", "Dense"], 216_405),
        ("imdb-cnn-gru", ["Embedding", "Conv1D", "MaxPooling1D", "GRU", "Dense"], 203_405),
    ],
)
def test_the_model_is_the_recipe(name, layers, weights):
    """The counts are those that the published scripts print (model.summary), but for the GRU's."""
    one = recipe(name)
    model = one.build()
    assert [type(layer).__name__ for layer in model.layers] == layers
    assert model.count_params() == weights
    walk = next(layer for layer in model.layers if type(layer).__name__ in ("LSTM", "GRU"))
    rate = 0.2 if one.gate_dropout else 0.0
    assert (walk.units, walk.dropout, walk.recurrent_dropout) == (100, rate, rate)
    assert all(layer.rate == 0.2 for layer in model.layers if "Dropout" in type(layer).__name__)
    assert model.layers[-1].activation is keras.activations.sigmoid
    assert (model.input_shape, model.loss, type(model.optimizer).__name__) == (
        (None, 500),
        "binary_crossentropy",
        "Adam",
    )
    assert one.network.count("→") == len(layers) - 1
    assert walk.recurrent_activation is keras.activations.sigmoid
    old = next(layer for layer in one.build("keras2").layers if type(layer) is type(walk))
    assert old.recurrent_activation is hard_sigmoid_keras2
    assert getattr(old, "reset_after", False) is False


@pytest.mark.parametrize("name", ["imdb-lstm", "imdb-gru", "imdb-lstm-gate-dropout", "imdb-cnn-lstm"])
def test_the_networks_that_are_timed_are_the_recipes(name, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "benchmarks"))
    from trainers import keras_model
    from works import WORKS

    def config(model):
        return [{key: value for key, value in layer.get_config().items() if key != "name"} for layer in model.layers]

    try:
        assert config(keras_model(WORKS[name])) == config(recipe(name).build())
    finally:
        for module in ("trainers", "works"):
            sys.modules.pop(module)


def test_dropped_words_are_gone_from_all_places_and_the_others_make_up_for_it():
    layer = WordDropoutEmbedding(50, 4, 0.4)
    numbers = np.tile(np.arange(50), (3, 2))
    plain = np.asarray(layer(numbers))
    np.testing.assert_array_equal(plain, np.asarray(layer.embeddings)[numbers])
    dropped = np.asarray(layer(numbers, training=True))
    gone = (dropped == 0).all(axis=-1)
    assert (gone == gone[0, :50][numbers]).all()
    assert 0 < gone[0, :50].sum() < 50
    np.testing.assert_allclose(dropped[~gone], plain[~gone] / 0.6, rtol=1e-6)
    again = np.asarray(layer(numbers, training=True))
    assert (again == 0).tolist() != (dropped == 0).tolist()
    twin = WordDropoutEmbedding.from_config(layer.get_config())
    assert (twin.input_dim, twin.output_dim, twin.rate) == (50, 4, 0.4)


@pytest.mark.parametrize("rank_all", [False, True])
def test_reviews_are_numbered_by_rank_filled_up_and_cut_in_front(rank_all):
    corpus = gw.read_corpus([("b b a", "neg"), ("a b", "pos")], test=[("c c c c c a", "pos"), ("b c a b a", "neg")])
    one = replace(recipe("imdb-lstm"), words=6, length=4)
    train, test = Numbers(corpus, rank_all).of(one)
    # 0 fills up, 1 starts, 2 is a word whose number would not be below 6, the most frequent word is 4.
    if rank_all:  # c, then b and a, which is not known
        assert train.x.tolist() == [[1, 5, 5, 2], [0, 1, 2, 5]]
        assert test.x.tolist() == [[4, 4, 4, 2], [4, 2, 5, 2]]
    else:  # b, then a; c is in no training review
        assert train.x.tolist() == [[1, 4, 4, 5], [0, 1, 5, 4]]
        assert test.x.tolist() == [[0, 0, 1, 5], [4, 5, 4, 5]]
    assert (train.y.tolist(), test.y.tolist()) == ([[0.0], [1.0]], [[1.0], [0.0]])
    ranked = RankedWords.of(corpus.texts if rank_all else corpus.train.texts)
    np.testing.assert_array_equal(train.x, ranked.encode(corpus.train.texts, num_words=6).padded(4))


def test_recipes_that_ask_for_the_same_numbers_share_them():
    numbers = Numbers(small_corpus())
    assert numbers.of(small("imdb-lstm"))[0].x is numbers.of(small("imdb-gru"))[0].x
    assert numbers.of(small("imdb-lstm"))[0].x.shape == (48, 6)
    assert numbers.of(replace(small("imdb-gru"), length=7))[0].x.shape == (48, 7)
    assert numbers.sizes == (48, 20)


def test_a_corpus_with_other_classes_is_refused():
    corpus = gw.read_corpus([("x", "a"), ("y", "b"), ("z", "c")], test=[("x y", "a")])
    with pytest.raises(DataError) as caught:
        recipe("imdb-lstm").run(corpus)
    assert str(caught.value) == (
        "The recipes tell two kinds of reviews from each other, and this corpus has 3 classes: give one with two, of "
        "which each text has one."
    )


@pytest.mark.parametrize("name", ["imdb-lstm-word-dropout", "imdb-cnn-gru"])
def test_members_are_trained_from_their_seeds_and_tested_by_hand(name):
    one = small(name, epochs=2)
    corpus = small_corpus()
    result = one.run(corpus, members=2, seed=5)
    train, test = Numbers(corpus).of(one)
    assert (result.split, result.sizes, len(result.members)) == ("own", (48, 20), 2)
    for number, member in enumerate(result.members):
        model = one.build()
        seed = gw.member_seed(5, number)
        gw.initialize(model, seed)
        history = gw.fit(model, train.x, train.y, batch_size=16, epochs=2, seed=seed, verbose=0)
        given = np.asarray(gw.predict(model, test.x), np.float64)
        assert member.accuracy == np.mean((given > 0.5) == (test.y > 0.5))
        crossentropy = -np.mean(np.log(np.where(test.y > 0.5, given, 1 - given)))
        assert member.log_loss == pytest.approx(crossentropy, rel=1e-5)
        np.testing.assert_allclose(member.loss, history.history["loss"], rtol=1e-5)
        assert member.run_seconds > 0
    assert result.members[0].loss != result.members[1].loss


def test_splits_recipes_and_progress_come_in_order(monkeypatch):
    asked, told = [], []

    def reviews(path, split):
        asked.append((path, split))
        return small_corpus()

    def trained(model, one, parts, seed, heard):
        heard(0.5)
        return made_member(0.8)

    monkeypatch.setattr(running, "imdb", reviews)
    monkeypatch.setattr(running, "run_member", trained)
    options = ReviewOptions(path="there", splits=("published", "official"), members=2, units=2, epochs=1, linear=False)
    chosen = [small("imdb-lstm"), small("imdb-gru")]
    results = list(run_reviews(chosen, options, lambda place, one, share: told.append((place, one.name, share))))
    assert asked == [("there", "published"), ("there", "official")]
    assert [(one.split, one.recipe.name, one.recipe.units) for one in results] == [
        ("published", "imdb-lstm", 2), ("published", "imdb-gru", 2), ("official", "imdb-lstm", 2), ("official", "imdb-gru", 2),
    ]  # fmt: skip
    assert told[:4] == [(0, "imdb-lstm", 0.0), (0, "imdb-lstm", 0.0), (0, "imdb-lstm", 0.25), (0, "imdb-lstm", 0.75)]
    assert [place for place, *_ in told] == sorted(place for place, *_ in told)
    assert told[-1] == (3, "imdb-gru", 0.75)


def test_a_changed_recipe_has_no_published_accuracy():
    one = recipe("imdb-lstm")
    assert one.varied() is one
    assert one.varied(units=100, epochs=3).published == 0.8679
    assert one.varied(epochs=4).published is None
    with pytest.raises(UsageError, match=r"^units is 0: give a whole number of at least 1\.$"):
        one.varied(units=0)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"members": 0}, "members is 0: give a whole number of at least 1."),
        ({"splits": ("own",)}, "split is 'own': give 'official' or 'published'."),
        ({"dialect": "keras1"}, "dialect is 'keras1': give 'keras2' or 'keras3'."),
        ({"seed": -1}, "seed=-1: a whole number from 0 to 2**63 - 1 is needed."),
    ],
)
def test_options_that_cannot_be_meant_are_refused(options, sentence):
    with pytest.raises(UsageError) as caught:
        ReviewOptions(**options)
    assert str(caught.value) == sentence
