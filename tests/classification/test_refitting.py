"""Networks once more on all texts: what each is shown, for how long, what that costs, and what is said of it."""

import numpy as np
import pytest

import gatewise as gw
from gatewise.classification.lessons import Curves, Lesson, Trained
from gatewise.classification.members import Member, Members
from gatewise.classification.refitting import NO_FOLD, refit
from gatewise.datasets import Sequences, Vocabulary
from gatewise.training.initial import member_seed
from made_texts import made


class Pretended:
    """A network that remembers what it was shown."""

    def __init__(self):
        self.shown = []

    def train(self, lesson):
        self.shown.append((lesson.rows.tolist(), lesson.held_out.tolist(), lesson.epochs, lesson.seed))
        return Trained([len(self.shown)], Curves((9.0,)))


def test_each_network_is_shown_all_texts_for_as_many_epochs():
    members = Members((gw.Network(), gw.Network(patience=2)), Vocabulary(("a",)), 1, 1)
    members.readers = {0: Pretended(), 1: Pretended()}
    curves = [Curves((3.0, 2.0, 1.0), (1.0, 2.0, 3.0)), Curves((4.0, 3.0, 2.0, 1.0), (0.9, 0.5, 0.6, 0.7))]
    members.trained = [Member(kind, 4, [0], 1.0, curve) for kind, curve in enumerate(curves)]
    none = np.zeros(0, np.int64)
    words = Sequences(np.arange(5, dtype=np.int32), np.ones(5, np.int64))
    told = []
    refit(
        members, Lesson(words, np.ones((5, 1), bool), np.ones(5), False, none, none, 3), lambda *step: told.append(step)
    )
    assert members.readers[0].shown == [([0, 1, 2, 3, 4], [], 3, member_seed(3, 0))]
    # That which stops early kept the weights of its second epoch.
    assert members.readers[1].shown == [([0, 1, 2, 3, 4], [], 2, member_seed(3, 1))]
    assert [(member.fold, member.weights, member.curves) for member in members.trained] == [
        (NO_FOLD, [1], curves[0]),
        (NO_FOLD, [1], curves[1]),
    ]
    assert told == [(0, 2), (1, 2)]


@pytest.mark.usefixtures("quickly_compiled")
def test_networks_that_know_all_texts_classify_and_those_before_are_judged(tmp_path):
    texts, labels = made(60)
    network = gw.Network(cell="cnn", units=2, embedding=4, epochs=1, members=1)
    options = {"network": network, "network_only": True, "linear": gw.Linear(clusters=0, endings=())}
    before, after = (
        gw.TextClassifier(**options, validation=gw.Validation(2, refit=again)).fit(texts, labels)
        for again in (False, True)
    )
    held, found = before.validation_, after.validation_
    np.testing.assert_allclose(found.probabilities["network"], held.probabilities["network"], rtol=1e-6)
    (first,), (second,) = before.network_.model.trained, after.network_.model.trained
    assert (first.fold, second.fold) == (0, NO_FOLD)
    assert np.abs(np.asarray(first.weights[0]) - np.asarray(second.weights[0])).max() > 1e-4
    assert after.seconds_["refit"] > 0
    note = "Each network was trained once more on all texts; what is known of texts held out is of the networks before."
    assert note in after.notes_
    assert note not in before.notes_
    after.save(tmp_path / "saved")
    again = gw.TextClassifier.load(tmp_path / "saved")
    np.testing.assert_allclose(again.predict_proba(texts[:9]), after.predict_proba(texts[:9]), rtol=1e-5)
    assert again.network_.model.trained[0].fold == NO_FOLD
