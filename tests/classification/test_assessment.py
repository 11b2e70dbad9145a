"""What a classifier is worth: by hand where it was trained, in words where its parts are given."""

import json
from dataclasses import replace

import numpy as np
import pytest

import gatewise as gw
from gatewise.classification import HeldOut, assess
from gatewise.classification.decision import Decision
from gatewise.errors import DataError, UsageError
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
    assert first.row == first.place + 1
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
    assert held.rows.tolist() == (classifier.validation_.rows + 1).tolist()


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


def mirrored(chances, number):
    """Turn some probabilities round, so that what was right is wrong."""
    result = chances.copy()
    result[:number] = result[:number, ::-1]
    return result


@pytest.mark.parametrize(
    ("wrong", "wrong_of_linear", "outcome", "first"),
    [
        (0, 40, "better", "100.00% of 80 test texts are right (95 % interval 95.42% to 100.00%)."),
        (0, 2, "no difference",
         "The linear model alone is as good, as far as these texts show: no difference is beyond chance (McNemar's test, "
         "p = 0.5)."),
        (40, 0, "worse",
         "The linear model alone is better, beyond chance: the networks cost accuracy (McNemar's test, p = 1.8e-12)."),
    ],
)  # fmt: skip
def test_whether_the_networks_add_or_cost_something_is_said(found, wrong, wrong_of_linear, outcome, first):
    truth = found.found.truth
    best = np.where(truth, 0.9, 0.1)
    linear = mirrored(best, wrong_of_linear)
    parts = {"combined": mirrored(best, wrong), "linear": linear, "network": mirrored(best, 30)}
    other = replace(found, found=HeldOut(found.found.rows, found.found.folds, truth, parts, Decision.plain(2)))
    sentences = other.conclusion()
    assert (other.found.against_linear(), sentences[0]) == (outcome, first)
    assert f"{(80 - wrong) / 80:.2%} of 80 test texts are right" in " ".join(sentences)
    beside = f"The linear model alone has {(80 - wrong_of_linear) / 80:.2%}, the networks alone 62.50%."
    assert beside in sentences
    assert other.to_json()["against_linear"] == outcome


def test_networks_that_are_asked_alone_are_no_second_line(found):
    truth = found.found.truth
    best = np.where(truth, 0.9, 0.1)
    parts = {"combined": mirrored(best, 12), "linear": best, "network": mirrored(best, 12)}
    alone = replace(found, found=HeldOut(found.found.rows, found.found.folds, truth, parts, Decision.plain(2)))
    assert list(alone.scores) == ["combined", "linear"]
    assert alone.conclusion()[0].startswith("The linear model alone is better")
    assert alone.conclusion()[2] == "The linear model alone has 100.00%; the networks were asked without it."
    assert alone.to_json()["mcnemar_p"] == pytest.approx(2**-11)


@pytest.mark.parametrize("several", [False, True])
def test_headline_table_score_and_intervals_are_of_the_same_decisions(several):
    texts, labels = made(400, longest=12)
    # One class is rare, so that its weight changes what is given; three texts in ten say nothing.
    kept = [place for place, label in enumerate(labels) if label == "good" or place % 8 == 0]
    texts = [texts[place].replace("dull", "w1").replace("lovely", "w2") for place in kept]
    labels = [labels[place] for place in kept]
    options = {"calibration": gw.Calibration(thresholds="f1")} if several else {"class_weight": "balanced"}
    # What depends on chance is given at another probability than a half.
    chance = np.random.default_rng(4).random(len(texts))
    truth = np.array([[label == "bad", place < 0.4] for place, label in zip(chance, labels, strict=True)])
    columns = {"text": texts, "a": truth[:, 0].astype(int).tolist(), "b": truth[:, 1].astype(int).tolist()}
    corpus = gw.read_corpus(columns, ["a", "b"]) if several else gw.read_corpus(texts, labels)
    classifier = gw.TextClassifier(network=(), **options).fit(corpus)
    new = corpus.select(np.arange(0, len(corpus), 2))
    found = assess(classifier, new)
    accuracy = found.scores["combined"].accuracy
    assert accuracy == found.right.mean() == classifier.score(new)
    assert f"{accuracy:.2%} of {len(new)} test texts" in found.conclusion()[0]
    plain = Decision.plain(2, several).given(found.found.probabilities["combined"])
    assert not (plain == found.given).all()
    if not several:
        assert accuracy == np.trace(found.confusion) / found.confusion.sum()
        assert (classifier.predict(new.texts) == classifier.classes_[found.given.argmax(axis=1)]).all()
    held = assess(classifier, corpus, held_out=True)
    assert held.scores["combined"] == classifier.validation_.scores()
    assert held.right.mean() == classifier.validation_.scores().accuracy


def test_a_corpus_of_several_parts_is_not_judged_as_one(classifier, corpus):
    for judged in (classifier.score, lambda whole: assess(classifier, whole)):
        with pytest.raises(UsageError) as caught:
            judged(corpus)
        assert (
            str(caught.value)
            == "This corpus has several parts (train and test): give one of them, such as corpus.test."
        )
    assert classifier.score(corpus.test) == assess(classifier, corpus.test).right.mean()
    assert assess(classifier, corpus, held_out=True).texts == assess(classifier, corpus.train, held_out=True).texts


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
