"""Every sentence with which `TextClassifier` refuses what cannot be meant."""

import re
import warnings

import numpy as np
import pytest

import gatewise as gw
from gatewise.classification.thresholds import best_f1
from gatewise.classification.unknown_texts import are_known
from gatewise.datasets import Sequences

TEXTS = ["a good film", "good fun", "so good", "a bad film", "bad taste", "so bad"] * 2
LABELS = (["pos"] * 3 + ["neg"] * 3) * 2


def fit(texts=TEXTS, labels=LABELS, **options):
    return gw.TextClassifier(**{"network": (), **options}).fit(texts, labels)


REFUSED = [
    (
        lambda: fit(labels=None),
        "labels are missing: give fit(texts, labels), or a Corpus such as gw.read_corpus returns.",
    ),
    (lambda: fit(labels=["pos"] * 12), "All 12 texts are of one class, 'pos': give texts of at least two classes."),
    (lambda: fit([], []), "There are no texts: give at least two of each class."),
    (
        lambda: fit([*TEXTS, " \n", ""], [*LABELS, "pos", "neg"]),
        "The text at position 12 (and 1 more) is empty: leave it out, with its label.",
    ),
    (lambda: fit(labels=[*LABELS[:-1], None]), "The text at position 11 has no label: give it one, or leave it out."),
    (
        lambda: fit(labels=[*LABELS[:-1], float("nan")]),
        "The text at position 11 has no label: give it one, or leave it out.",
    ),
    (lambda: fit(labels=LABELS[:-1]), "There are 12 texts and 11 labels: give one label for each text."),
    (lambda: fit(labels="pos"), "labels is 'pos': give a list with one label for each text."),
    (lambda: fit(labels=[*LABELS[:-1], 1]), "labels are of several kinds ('int', 'str'): give one."),
    (lambda: fit("a good film"), "texts is one string, 'a good film': give a list of texts."),
    (lambda: fit(7), "texts is 7: give a list of texts, or a Corpus."),
    (lambda: fit([*TEXTS[:-1], 7]), "texts[11] is 7, which is not a str: give a list of texts."),
    (
        lambda: fit(LABELS, [f"text {n}" for n in range(12)]),
        "There are 12 different labels for 12 texts, the first 'text 0': labels that repeat are needed, so "
        "see whether texts and labels are swapped.",
    ),
    (
        lambda: fit([f"word{n}" for n in range(12)]),
        "No word is 2 times in 12 training texts: give gw.Linear(min_texts=1), or more texts.",
    ),
    (
        lambda: fit(labels=["odd", *LABELS[1:]]),
        "Class 'odd' has 1 text, and 2 are needed to learn from one and judge by the other: add texts, or "
        "leave the class out.",
    ),
    (
        lambda: fit(labels=np.full((12, 2), 2)),
        "labels are a matrix that holds other values than 0 and 1: give a truth value for each class.",
    ),
    (
        lambda: fit(labels=np.ones((12, 2), int)),
        "Class 0 leaves 0 texts, and 2 are needed to learn from one and judge by the other: add texts, or "
        "leave the class out.",
    ),
    (
        lambda: fit(class_weight="even"),
        "class_weight is 'even': give 'balanced', a dict of classes and weights, or None.",
    ),
    (lambda: fit(class_weight={"posi": 2}), "class_weight names 'posi', and the classes are 'neg', 'pos'."),
    (lambda: fit(class_weight={"pos": -1}), "class_weight holds -1: give numbers above 0."),
    (
        lambda: fit(labels=[{label} for label in LABELS]),
        "The label at position 0 is a set: give one label for each text; where texts may have several, a matrix of truth "
        "values, or the corpus that gw.read_corpus(texts, labels) makes of them.",
    ),
    (
        lambda: fit(network=gw.Network(vectors="neighbors")),
        "There is no file 'neighbors': vectors are 'neighbours', 'random' or the path of a text file with a word and its "
        "vector on each line.",
    ),
    (
        lambda: gw.Network(vectors=7),
        "Network.vectors is 7: give 'neighbours', 'random' or the path of a text file.",
    ),
    (
        lambda: fit(labels=["pos", "neg", "odd"] * 4, calibration=gw.Calibration(thresholds=0.3)),
        "thresholds=0.3 is for two classes or for texts with several, and each text has one of 3 here: leave it out; "
        "class_weight makes a class more or less likely to be given.",
    ),
    (
        lambda: gw.Calibration(thresholds=1.0),
        "Calibration.thresholds is 1.0: give 'half', 'f1' or a probability between 0 and 1.",
    ),
    (lambda: gw.Validation(refit=3), "Validation.refit is 3: choose one of True, False."),
    (lambda: fit(minutes=0), "minutes is 0: give a number above 0."),
    (lambda: fit(seed=-1), "seed is -1: give a whole number of at least 0."),
    (
        lambda: fit(network=7),
        "network is 7: give a gw.Network, the name of a cell or of a recipe on reviews, a function that makes a Keras model, a "
        "list of these, or () for none.",
    ),
    (
        lambda: fit(network="lstm-window"),
        "There is no network 'lstm-window' for texts: give one of 'lstm', 'gru', 'rnn', 'cnn', 'imdb-lstm', "
        "'imdb-lstm-dropout', 'imdb-lstm-gate-dropout', 'imdb-lstm-word-dropout', 'imdb-cnn-lstm', 'imdb-gru', "
        "'imdb-gru-dropout', 'imdb-gru-gate-dropout', 'imdb-gru-word-dropout', 'imdb-cnn-gru', or a gw.Network.",
    ),
    (
        lambda: fit(network=lambda words: None),
        "network is a function <lambda>(words), and it is called with two numbers (too many positional arguments): write it as "
        "a function of the number of words and the number of outputs.",
    ),
    (lambda: fit(network_only=True), "network_only is True: give True, with a network, or False."),
    (lambda: fit(validation="half"), "validation is 'half': give a gw.Validation, whose parts are 'folds', 'refit'."),
    (
        lambda: fit(linear=3),
        "linear is 3: give a gw.Linear, whose parts are 'longest', 'apart', 'min_texts', 'clusters', 'negations' and 2 more.",
    ),
    (
        lambda: fit(calibration="platt"),
        "calibration is 'platt': give a gw.Calibration, whose parts are 'method', 'thresholds'.",
    ),
    (lambda: gw.Network(cell="qrnn"), "Network.cell is 'qrnn': choose one of 'lstm', 'gru', 'rnn', 'cnn'."),
    (lambda: gw.Network(units=0), "Network.units is 0: give a whole number of at least 1."),
    (lambda: gw.Network(dropout=1.0), "Network.dropout is 1.0: give a share of at least 0 and below 1."),
    (lambda: gw.Linear(strength=0), "Linear.strength is 0: give a number above 0."),
    (lambda: gw.Linear(endings=(25, 0)), "Linear.endings is (25, 0): give a tuple of whole numbers of words, or ()."),
    (lambda: gw.Linear(negations="not"), "Linear.negations is 'not': give a tuple of words, or ()."),
    (lambda: gw.Linear(endings=25), "Linear.endings is 25: give a tuple of whole numbers of words, or ()."),
    (lambda: gw.Validation(folds=1), "Validation.folds is 1: give a whole number from 2 to 50."),
    (
        lambda: gw.TextClassifier().predict(["a"]),
        "This TextClassifier has learnt nothing yet: call fit(texts, labels) first.",
    ),
    (lambda: fit().score(TEXTS, LABELS[1:]), "There are 12 texts and 11 labels: give one label for each text."),
    (
        lambda: fit().score(TEXTS[:2], ["pos", "neutral"]),
        "1 label is of classes that the training texts do not have ('neutral'); the classes are 'neg', 'pos':"
        " correct them, or train with such texts.",
    ),
    (lambda: fit().score(TEXTS), "labels are missing: give score(texts, labels), or a Corpus."),
]


@pytest.mark.parametrize(("call", "sentence"), REFUSED, ids=[sentence[:40] for _, sentence in REFUSED])
def test_bad_input_is_a_sentence(call, sentence):
    with pytest.raises(gw.errors.GatewiseError, match=f"^{re.escape(sentence)}$"):
        call()


def test_texts_of_unknown_words_get_the_shares_of_the_classes_and_a_warning():
    texts = [*TEXTS, *(text for text, label in zip(TEXTS, LABELS, strict=True) if label == "pos")]
    classifier = gw.TextClassifier(network=()).fit(texts, [*LABELS, *["pos"] * 6])
    asked = ["xyzzy plugh", TEXTS[0], "", "plugh"]
    with pytest.warns(gw.errors.GatewiseWarning) as warned:
        found = classifier.predict_proba(asked)
    assert [str(one.message) for one in warned] == [
        "2 of 4 texts have no word that is known from the training texts: they get the shares that the classes have there, and "
        "no more can be said."
    ]
    np.testing.assert_allclose(found[[0, 2, 3]], [[1 / 3, 2 / 3]] * 3)
    assert abs(found[1, 1] - 2 / 3) > 0.01
    for way in (classifier.linear_.predict_proba, lambda text: classifier.probabilities_of_parts(text)["combined"]):
        with pytest.warns(gw.errors.GatewiseWarning, match=r"^1 of 1 text has no word .*: it gets the shares"):
            found = way(["xyzzy"])
        np.testing.assert_allclose(found, [[1 / 3, 2 / 3]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        told = classifier.explain("xyzzy plugh")
    assert (told.gradient.tolist(), told.occlusion.tolist()) == ([0, 0], [0, 0])


def test_training_texts_of_unknown_words_are_judged_like_any_other():
    texts = [*TEXTS * 2, "xyzzy", "plugh"]
    held = fit(texts, [*LABELS * 2, "pos", "pos"], validation=4).validation_
    for row in (len(texts) - 2, len(texts) - 1):
        others = held.truth[held.folds != held.folds[row]]
        np.testing.assert_allclose(held.probabilities["combined"][row], others.mean(axis=0), rtol=1e-12)


def test_which_texts_hold_a_known_word():
    words = Sequences(np.array([1, 1, 2, 1, 5], np.int32), np.array([2, 0, 2, 1, 0]))
    assert are_known(words).tolist() == [False, False, True, True, False]


@pytest.mark.parametrize("weight", [np.int64(10), np.float32(2)])
def test_numbers_of_numpy_are_weights(weight):
    assert (fit(class_weight={"pos": weight}).decide(np.array([[0.6, 0.4]])) == "pos").all()


def test_validation_texts_are_not_learnt_from_and_told():
    rows = [{"text": text, "label": label, "split": "train"} for text, label in zip(TEXTS, LABELS, strict=True)]
    corpus = gw.read_corpus([*rows, {"text": "xyzzy good", "label": "pos", "split": "validation"}])
    classifier = fit(corpus, None)
    assert classifier.notes_[0] == "1 validation text was not learnt from: score(corpus.validation) judges by them."
    assert len(classifier.validation_.rows) == 12
    assert classifier.score(corpus.validation) == 1


@pytest.mark.parametrize("given", [0.2, "f1"])
def test_the_second_of_two_classes_is_given_from_a_probability_on(given):
    classifier = fit(
        TEXTS[:8] + ["so", "a film"] * 2, LABELS[:8] + ["neg", "pos"] * 2, calibration=gw.Calibration(thresholds=given)
    )
    held = classifier.validation_
    chances = held.probabilities["combined"][:, 1]
    threshold = best_f1(held.truth[:, 1], chances) if given == "f1" else given
    assert abs(threshold - 0.5) > 0.05
    rows = np.array([[1 - chance, chance] for chance in (threshold - 0.01, threshold + 0.01)])
    assert classifier.decide(rows).tolist() == ["neg", "pos"]
    assert held.scores().accuracy == ((chances >= threshold) == held.truth[:, 1]).mean()


def test_no_texts_have_no_probabilities():
    assert fit().predict_proba([]).shape == (0, 2)
