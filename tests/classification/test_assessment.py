"""What a classifier is worth: by hand where it was trained, in words where its parts are given."""

import json
from dataclasses import replace

import numpy as np
import pytest

import gatewise as gw
from gatewise.classification import HeldOut, assess
from gatewise.errors import DataError
from made_texts import made


@pytest.fixture(scope="module")
def corpus():
    texts, labels = made(240, longest=20)
    # So that hardly a text is in both parts.
    texts = [f"{text} n{number}" for number, text in enumerate(texts)]
    return gw.read_corpus(
        list(zip(texts[:160], labels[:160], strict=True)), test=list(zip(texts[160:], labels[160:], strict=True))
    )


@pytest.fixture(scope="module")
def classifier(corpus):
    return gw.TextClassifier(network=()).fit(corpus)


@pytest.fixture(scope="module")
def found(classifier, corpus):
    return assess(classifier, corpus.test)


def test_figures_are_those_of_the_predictions(classifier, corpus, found):
    truth = np.array(corpus.classes)[corpus.test.labels]
    given = classifier.predict(corpus.test.texts)
    assert found.scores["combined"].accuracy == np.mean(given == truth) == found.right.mean()
    assert found.confusion.tolist() == [
        [int(((truth == one) & (given == other)).sum()) for other in corpus.classes] for one in corpus.classes
    ]
    assert found.of_classes.support.tolist() == list(corpus.test.counts().values())
    chances = classifier.predict_proba(corpus.test.texts).max(axis=1)
    assert np.nansum(found.reliability.counts * found.reliability.predicted) == pytest.approx(chances.sum())
    assert found.curves(1)[0].area > 0.9


def test_the_most_confident_mistakes_come_first_and_are_explained(classifier, corpus, found):
    wrong = np.flatnonzero(~found.right)
    assert len(wrong) > 0
    assert len(found.mistakes) == min(len(wrong), 10)
    sure = [one.probability for one in found.mistakes]
    assert sure == sorted(sure, reverse=True)
    chances = classifier.predict_proba(corpus.test.texts)
    assert sure[0] == pytest.approx(chances[wrong].max())
    first = found.mistakes[0]
    assert first.text == corpus.test.texts[first.place]
    assert first.explanation.classes[first.explanation.explained] == first.given[0] != first.truth[0]


def test_groups_hold_every_text_once(found, corpus):
    lengths = np.array([len(text.split()) for text in corpus.test.texts])
    assert [one.texts for one in found.by_length] == [
        int(((lengths >= one.low) & (lengths <= one.high)).sum()) for one in found.by_length
    ]
    assert sum(one.texts for one in found.by_length) == sum(one.texts for one in found.by_unknown) == 80
    assert sum(one.accuracy * one.texts for one in found.by_unknown) == pytest.approx(found.right.sum())
    # The number at the end is met once only.
    np.testing.assert_allclose(found.unknown * lengths, np.round(found.unknown * lengths))
    assert (found.unknown > 0).all()


def test_training_texts_are_judged_by_models_that_did_not_know_them(classifier, corpus):
    held = assess(classifier, corpus.train, held_out=True)
    assert held.part == "training texts held out"
    assert held.scores["combined"] == classifier.validation_.scores()
    assert held.texts == corpus.train.texts.select(classifier.validation_.rows)


def test_other_classes_are_refused(classifier, corpus):
    with pytest.raises(DataError) as caught:
        assess(classifier, replace(corpus.test, classes=("a", "b")))
    assert str(caught.value) == (
        "The texts have the classes a, b and the classifier knows bad, good: read them together, read_corpus(train, "
        "test=test)."
    )


def test_json_is_strict(found):
    content = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert content["classes"]["bad"]["support"] == int(found.of_classes.support[0])
    assert content["scores"]["linear"]["accuracy"] == content["scores"]["combined"]["accuracy"]
    assert content["conclusion"][1] == "Only the linear model was trained."


@pytest.mark.parametrize(("worse", "as_good"), [(40, False), (2, True)])
def test_where_the_linear_model_is_as_good_that_comes_first(found, worse, as_good):
    truth = found.found.truth
    best = np.where(truth, 0.9, 0.1)
    linear = best.copy()
    linear[:worse] = linear[:worse, ::-1]
    parts = {"combined": best, "linear": linear, "network": linear}
    other = replace(found, found=HeldOut(found.found.rows, found.found.folds, truth, parts))
    sentences = other.conclusion()
    assert sentences[0].startswith("The linear model alone is as good") is as_good
    whole = "100.00% of 80 test texts are right (95 % interval 95.42% to 100.00%)."
    assert whole in sentences
    assert any("The linear model alone has" in one for one in sentences)


def test_texts_with_several_classes():
    random = np.random.default_rng(0)
    words = ["superb", "dull", "long"]
    truth = random.random((120, 3)) < 0.5
    texts = [
        " ".join([*(w for w, has in zip(words, row, strict=True) if has), f"w{random.integers(30)}"]) for row in truth
    ]
    classifier = gw.TextClassifier(network=()).fit(texts, truth)
    corpus = gw.read_corpus(
        {"text": texts, **{str(place): truth[:, place].astype(int).tolist() for place in range(3)}}, ["0", "1", "2"]
    )
    found = assess(classifier, corpus)
    assert found.confusion is None
    assert found.right.mean() == classifier.score(texts, truth)
    assert found.reliability.counts.sum() == 360
    for one in found.mistakes:
        assert one.truth != one.given
