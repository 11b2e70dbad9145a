"""What a run says of itself, where its parts are given."""

import numpy as np
import pytest

import gatewise as gw
from gatewise.classification.decision import Decision
from gatewise.classification.held_out import HeldOut
from gatewise.classification.notes import notes_on
from made_texts import made


def held(texts, folds=5, networks=True, wrong=0, wrong_of_linear=0):
    truth = np.eye(2, dtype=bool)[np.arange(texts) % 2]
    chances = np.where(truth, 0.9, 0.1)

    def with_wrong(number):
        return np.concatenate([chances[:number, ::-1], chances[number:]])

    parts = {"combined": with_wrong(wrong), "linear": with_wrong(wrong_of_linear)}
    parts |= {"network": chances} if networks else {}
    return HeldOut(np.arange(texts), np.arange(texts) % folds, truth, parts, Decision.plain(2))


PLAIN = gw.Calibration()
AS_GOOD = "The linear model alone is as good, as far as the texts held out show."


@pytest.mark.parametrize(
    ("found", "texts", "networks", "notes"),
    [
        (held(300, wrong_of_linear=30), 300, (20, 20), []),
        (held(300), 300, (20, 20), [AS_GOOD]),
        (held(300, wrong=30), 300, (20, 20), ["The linear model alone is better, beyond chance."]),
        (held(300, wrong_of_linear=30), 300, (11, 20),
         ["11 of 20 networks could be trained in the time given; more minutes give more."]),
        (held(60, wrong_of_linear=30), 300, (1, 4),
         ["1 of 4 networks could be trained in the time given, so that 60 of 300 texts were held out; more minutes give "
          "more."]),
        (held(60, wrong_of_linear=30), 300, (2, 2),
         ["2 networks were trained, as many as asked for, so that 60 of 300 texts were held out."]),
        (held(30, folds=1, wrong_of_linear=20), 300, (1, 1),
         ["1 network was trained, as many as asked for, so that 30 of 300 texts were held out.",
          "One fold alone was held out: its 30 texts made the probabilities and are judged by them, so that these look a "
          "little better than they are."]),
        (held(300, networks=False), 300, (0, 0), []),
    ],
)  # fmt: skip
def test_what_the_networks_add_and_how_many_there_are(found, texts, networks, notes):
    assert list(notes_on(found, PLAIN, texts, networks)) == notes


def test_a_curve_that_there_are_too_few_texts_for_is_not_replaced_in_silence():
    asked = gw.Calibration("isotonic")
    few = "isotonic calibration needs 1,000 texts held out"
    assert notes_on(held(999, networks=False), asked, 999, (0, 0)) == (
        f"By temperature instead: {few}, and there are 999.",
    )
    assert notes_on(held(200, wrong_of_linear=30), asked, 2000, (1, 1))[-1] == (
        f"By temperature instead for the networks: {few}, and there are 200."
    )
    assert notes_on(held(1000, networks=False), asked, 1000, (0, 0)) == ()
    classifier = gw.TextClassifier(network=(), calibration="isotonic", validation=2).fit(*made(60))
    assert classifier.notes_ == (f"By temperature instead: {few}, and there are 60.",)
