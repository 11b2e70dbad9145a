"""A classifier that was saved is asked for in the same way: its arguments come back."""

import json

import numpy as np
import pytest

import gatewise as gw
from gatewise.classification.arguments import as_plain, from_plain
from gatewise.classification.kinds import NETWORKS

TEXTS = ["a good film", "good fun", "so good", "a bad film", "bad taste", "so bad"] * 2
LABELS = [1, 1, 1, 0, 0, 0] * 2


def test_arguments_come_back_from_json():
    networks = (gw.Network(units=3, vectors="random"), gw.Network(cell="cnn"))
    given = gw.TextClassifier(
        network=networks,
        minutes=float("inf"),
        network_only=True,
        linear=gw.Linear(endings=(3,), negations=("no",)),
        validation=gw.Validation(4, refit=True),
        class_weight={1: np.float32(2), 0: 1},
        calibration=gw.Calibration(None, 0.25),
        seed=np.int64(5),
    ).get_params()
    assert from_plain(json.loads(json.dumps(as_plain(given), allow_nan=False)), networks) == given
    plain = gw.TextClassifier().get_params()
    assert from_plain(as_plain(plain), NETWORKS) == plain


def test_a_loaded_classifier_is_trained_anew_as_the_saved_one(tmp_path):
    options = {"network": (), "linear": gw.Linear(longest=1), "class_weight": {1: 3.0}, "minutes": 2}
    classifier = gw.TextClassifier(**options).fit(TEXTS, LABELS)
    classifier.save(tmp_path / "saved")
    again = gw.TextClassifier.load(tmp_path / "saved")
    assert again.get_params() == classifier.get_params()
    anew = gw.TextClassifier(**again.get_params()).fit(TEXTS, LABELS)
    np.testing.assert_array_equal(anew.predict_proba(TEXTS), classifier.predict_proba(TEXTS))


def test_arguments_that_cannot_be_meant_are_refused(tmp_path, monkeypatch):
    forged = {**as_plain(gw.TextClassifier().get_params()), "validation": {"folds": 1, "refit": False}}
    monkeypatch.setattr("gatewise.classification.classifier.as_plain", lambda arguments: forged)
    gw.TextClassifier(network=()).fit(TEXTS, LABELS).save(tmp_path / "saved")
    with pytest.raises(gw.errors.ModelFileError, match=r"its arguments cannot be meant .*Validation.folds is 1"):
        gw.TextClassifier.load(tmp_path / "saved")
