from dataclasses import replace

import numpy as np
import pytest

import gatewise as gw
from gatewise.classification.thresholds import best_f1
from made_texts import SAYS, made

SMALL = gw.Network(units=8, embedding=8, epochs=12, learning_rate=0.02, batch_texts=10, chunk=16, members=3)


@pytest.fixture(scope="module")
def trained():
    texts, labels = made(240)
    told = []
    classifier = gw.TextClassifier(network=SMALL, validation=5, seed=5)
    classifier.fit(texts, labels, progress=lambda share, what: told.append((share, what)))
    return classifier, texts, labels, told


def test_it_learns_what_the_texts_say(trained):
    classifier, *_ = trained
    texts, labels = made(200, seed=1)
    assert classifier.classes_.tolist() == ["bad", "good"]
    # A tenth of the texts say nothing, and half of these are guessed right.
    assert classifier.score(texts, labels) > 0.9
    for part in (classifier.linear_, classifier.network_):
        found = classifier.classes_[part.predict_proba(texts).argmax(axis=1)]
        assert (found == labels).mean() > 0.85
    probabilities = classifier.predict_proba(texts)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (classifier.classes_[probabilities.argmax(axis=1)] == classifier.predict(texts)).all()
    assert classifier.predict_proba(["w1 w2 superb", "w1 w2 awful"])[:, 1].round().tolist() == [1, 0]


def test_probabilities_of_one_text_do_not_depend_on_the_others(trained):
    classifier, texts, *_ = trained
    together = classifier.predict_proba(texts[:50])
    alone = np.concatenate([classifier.predict_proba([text]) for text in texts[:4]])
    np.testing.assert_allclose(together[:4], alone, atol=1e-5)


def test_quickly_the_networks_are_asked_where_the_linear_model_is_not_sure(trained, monkeypatch):
    classifier, *_ = trained
    texts, _ = made(200, seed=1)
    fitted = classifier._fitted
    # The networks count for nothing with so easy texts.
    both = replace(fitted.quick.combination, weights=np.array([0.5, 0.5]))
    monkeypatch.setattr(fitted, "quick", replace(fitted.quick, combination=both))
    quick = classifier.predict_proba(texts, quick=True)
    linear = classifier.linear_.predict_proba(texts)
    unsure = linear.max(axis=1) < fitted.quick.below
    assert 5 < unsure.sum() < 70
    np.testing.assert_allclose(quick[~unsure], linear[~unsure], rtol=1e-12)
    words = fitted.vocabulary.encode([texts[row] for row in np.flatnonzero(unsure)]).words
    members = fitted.network.model
    last = members.reader(0).scores(members.trained[-1].weights, words)
    given = np.stack([fitted.linear.model.scores(words), last]).astype(float)
    np.testing.assert_allclose(quick[unsure], fitted.quick.combination.probabilities(given), atol=1e-6)
    assert np.abs(quick - linear)[unsure].max() > 1e-3
    assert (classifier.predict(texts, quick=True) == classifier.classes_[quick.argmax(axis=1)]).all()
    assert classifier.predict_proba([], quick=True).shape == (0, 2)


def test_texts_of_unknown_words_are_not_asked_about(trained):
    classifier, texts, labels, _ = trained
    share = np.mean([label == "good" for label in labels])
    asked = ["zzz yyy", texts[0], "xxx"]
    for way in (
        lambda: classifier.predict_proba(asked, quick=True),
        lambda: classifier.predict_proba(asked),
        lambda: classifier.network_.predict_proba(asked),
    ):
        with pytest.warns(gw.errors.GatewiseWarning, match="^2 of 3 texts have no word that is known"):
            found = way()
        np.testing.assert_allclose(found[[0, 2]], [[1 - share, share]] * 2, rtol=1e-12)
        assert abs(found[1, 1] - share) > 0.1


def test_held_out_probabilities_of_the_quick_way_are_of_the_same_models(trained):
    classifier, *_ = trained
    held = classifier.validation_.probabilities
    asked = held["linear"].max(axis=1) < classifier._fitted.quick.below
    assert 0.05 < asked.mean() < 0.15
    assert (held["quick"] == np.where(asked[:, None], held["combined"], held["linear"])).all()


def test_held_out_texts_are_in_order_and_judged_by_others(trained):
    classifier, _, labels, _ = trained
    held = classifier.validation_
    assert set(held.probabilities) == {"combined", "linear", "network", "quick"}
    assert set(held.folds) == {0, 1, 2}  # three networks were asked for, for five folds
    assert 130 < len(held.rows) < 160
    assert (held.truth[:, 1] == (np.array(labels)[held.rows] == "good")).all()
    scores = held.scores()
    assert scores.texts == len(held.rows)
    assert 0.85 < scores.accuracy < 0.99
    assert scores.log_loss < 0.4


def test_the_progress_goes_up_to_one(trained):
    *_, told = trained
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert told[0][1] == "words"
    assert [what for _, what in told][2:5] == [f"network {number} of 3" for number in (1, 2, 3)]
    assert told[-1] == (1.0, "done")


def test_it_comes_back_from_its_folder(trained, tmp_path):
    classifier, texts, *_ = trained
    classifier.save(tmp_path / "moods")
    again = gw.TextClassifier.load(tmp_path / "moods")
    np.testing.assert_array_equal(again.predict_proba(texts), classifier.predict_proba(texts))
    np.testing.assert_array_equal(again.predict_proba(texts, quick=True), classifier.predict_proba(texts, quick=True))
    assert again.classes_.tolist() == ["bad", "good"]
    assert again.validation_.scores() == classifier.validation_.scores()
    assert again.notes_ == classifier.notes_
    curves, before = ([member.curves for member in one.network_.model.trained] for one in (again, classifier))
    assert curves == before
    assert all(len(curve) == 12 for one in curves for curve in one)
    with pytest.raises(gw.errors.UsageError, match="already holds a saved text classifier: pass overwrite=True"):
        classifier.save(tmp_path / "moods")


def test_the_same_seed_gives_the_same_bits(trained):
    classifier, texts, labels, _ = trained
    again = gw.TextClassifier(network=SMALL, validation=5, seed=5).fit(texts, labels)
    np.testing.assert_array_equal(again.predict_proba(texts), classifier.predict_proba(texts))
    assert again.network_.model.trained[0].weights[0].shape == classifier.network_.model.trained[0].weights[0].shape


def test_several_classes_and_weights():
    texts, labels = made(200, ("bad", "good", "odd"))
    plain = gw.TextClassifier(network=()).fit(texts, labels)
    assert plain.network_ is None
    assert plain.score(texts, labels) > 0.9
    weighted = gw.TextClassifier(network=(), class_weight={"odd": 50.0}).fit(texts, labels)
    nothing = ["w1 w2 w3"]
    assert weighted.predict(nothing).tolist() == ["odd"]
    # Probabilities are those of the texts all the same.
    assert weighted.predict_proba(nothing)[0, 2] < 0.5


def test_classes_keep_the_type_of_the_labels():
    texts, labels = made(60)
    numbers = [int(label == "good") + 3 for label in labels]
    assert set(gw.TextClassifier(network=()).fit(texts, numbers).predict(texts).tolist()) == {3, 4}
    flags = [label == "good" for label in labels]
    assert gw.TextClassifier(network=()).fit(texts, flags).predict(texts).dtype == bool


def test_texts_with_several_labels():
    texts, _ = made(300, ("bad", "good", "odd"))
    truth = np.array([[any(word in text for word in words) for words in SAYS.values()] for text in texts])
    options = {"network": (), "validation": 3}
    for calibration in (gw.Calibration(), gw.Calibration("isotonic", thresholds="f1"), None):
        classifier = gw.TextClassifier(calibration=calibration, **options).fit(texts, truth)
        assert classifier.multi_label_
        assert classifier.predict(texts).shape == (300, 3)
        assert classifier.score(texts, truth) > 0.95
    assert classifier.predict(["superb and weird"]).tolist() == [[False, True, True]]


def test_a_corpus_is_taken_with_its_classes():
    texts, labels = made(80)
    corpus = gw.read_corpus(texts, label=labels)
    classifier = gw.TextClassifier(network=()).fit(corpus)
    assert classifier.classes_.tolist() == list(corpus.classes)
    assert classifier.score(corpus) == classifier.score(texts, labels)


def test_the_best_threshold_is_that_of_all_thresholds():
    random = np.random.default_rng(0)
    chances = random.random(200).round(2)
    truth = random.random(200) < chances**2

    def f1(threshold):
        given = chances >= threshold
        return 2 * (given & truth).sum() / (given.sum() + truth.sum())

    assert f1(best_f1(truth, chances)) == max(map(f1, np.arange(0, 1, 0.005)))


def test_arguments_are_as_scikit_learn_asks_for_them():
    classifier = gw.TextClassifier(minutes=3, network=())
    again = type(classifier)(**classifier.get_params()).set_params(minutes=4)
    assert (again.minutes, again.network, again.seed) == (4, (), 0)
    with pytest.raises(
        gw.errors.UsageError, match=r"^TextClassifier has no 'epochs': its arguments are network, minutes,"
    ):
        classifier.set_params(epochs=3)


def test_many_texts_are_asked_in_parts_in_their_order(trained):
    classifier, texts, *_ = trained
    many = texts * 20
    assert len(many) > 2 * 2048
    few = classifier.predict_proba(texts)
    np.testing.assert_allclose(classifier.predict_proba(many), np.tile(few, (20, 1)), atol=1e-5)
