from types import SimpleNamespace

import numpy as np
import pytest

import gatewise as gw
from gatewise.classification.lessons import Curves, Lesson, Trained
from gatewise.classification.members import Members
from gatewise.classification.rounds import train_in_rounds
from gatewise.datasets import Sequences, Vocabulary

TEXTS, FOLDS = 4000, 10
NOISE = (0.5, 1.0)
STEEPNESS = 1.5


def says(texts):
    """What a network would say without chance."""
    return np.random.default_rng(7).normal(size=TEXTS)[texts]


class Pretended:
    """A network that says of each text a number, and chance; it remembers which texts it was shown."""

    def __init__(self, noise, clock):
        self.noise, self.clock, self.shown = noise, clock, []

    def train(self, lesson):
        self.clock.now += 10.0
        self.shown.append(lesson.rows)
        return Trained([lesson.seed, len(self.shown) - 1], Curves())

    def scores(self, weights, words):
        seed, turn = weights
        chance = np.random.default_rng(seed).normal(size=TEXTS)[words.ids] * self.noise
        assert not np.isin(words.ids, self.shown[turn]).any()
        return (says(words.ids) + chance)[:, None].astype(np.float32)


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """A network takes ten seconds of this clock."""
    made = SimpleNamespace(now=0.0, monotonic=lambda: made.now)
    monkeypatch.setattr("gatewise.classification.rounds.time", made)
    return made


def trained(clock, members=(None, None), folds=FOLDS, until=1e9, refit=False):
    kinds = tuple(gw.Network(members=number) for number in members)
    made = Members(kinds, Vocabulary(("a",)), 1, 1)
    made.readers = {place: Pretended(noise, clock) for place, noise in zip(range(len(kinds)), NOISE, strict=False)}
    words = Sequences(np.arange(TEXTS, dtype=np.int32), np.ones(TEXTS, np.int64))
    none = np.zeros(0, np.int64)
    # The truth is what the networks would say without chance.
    chances = 1 / (1 + np.exp(-STEEPNESS * says(np.arange(TEXTS))))
    truth = np.random.default_rng(9).random(TEXTS) < chances
    lesson = Lesson(words, truth[:, None], np.ones(TEXTS), False, none, none, 0)
    fold = (np.arange(TEXTS) % folds).astype(np.int32)
    told = []
    held = train_in_rounds(made, lesson, fold, until, lambda *step: told.append(step), refit)
    return made, held, told


def test_every_text_is_judged_by_one_network_of_each_kind_that_does_not_know_it(clock):
    made, held, told = trained(clock)
    assert held.covered == tuple(range(FOLDS))
    assert [(member.fold, member.kind) for member in made.trained] == [(f, k) for f in range(FOLDS) for k in (0, 1)]
    assert sum(made.weights) == pytest.approx(1)
    # Together they would be as good as without chance; of what each says alone a part is chance.
    off = held.scores[:, 0] - says(np.arange(TEXTS))
    assert off.std() == pytest.approx(np.hypot(*np.multiply(made.weights, NOISE)), rel=0.05)
    assert told[0] == (0, 20)
    assert told[-1] == (19, 20)


def test_what_is_chance_is_found_where_two_networks_know_a_text_neither(clock):
    made, held, _ = trained(clock)
    expected = np.square(np.multiply(made.weights, NOISE)).sum() * (1 - 1 / FOLDS)
    assert held.excess == pytest.approx(expected, rel=0.1)
    for kind in (0, 1):
        first, second, third = made.readers[kind].shown[:3]
        assert set(np.arange(TEXTS) % FOLDS) - set(first % FOLDS) == {0, 1}
        assert (first == second).all()
        assert set(np.arange(TEXTS) % FOLDS) - set(third % FOLDS) == {2}


def test_kinds_count_as_they_deserve(clock):
    made, _, _ = trained(clock)
    # What is chance in the second kind has four times the variance of the first: so much less does it count.
    assert made.weights[0] == pytest.approx(0.8, abs=0.04)
    assert made.shares() == pytest.approx([weight / FOLDS for _ in range(FOLDS) for weight in made.weights])
    assert made.shares(one_of_each=True)[-2:] == pytest.approx(made.weights)
    assert sum(made.shares(one_of_each=True)) == pytest.approx(1)


def test_kinds_may_have_different_numbers_of_networks(clock):
    made, held, _ = trained(clock, members=(3, 1))
    of_kind = made.weights
    assert made.shares() == pytest.approx([of_kind[0] / 3, of_kind[1], of_kind[0] / 3, of_kind[0] / 3])
    # Of the second kind there is one network, and nothing shows how much of what it says is chance.
    assert held.covered == (0,)
    assert held.excess == pytest.approx((of_kind[0] * NOISE[0]) ** 2 * (1 - 1 / 3), rel=0.15)


def test_few_folds_are_left_out_one_at_a_time(clock):
    made, held, _ = trained(clock, members=(None,), folds=3)
    assert [len(shown) for shown in made.readers[0].shown] == [2666, 2667, 2667]
    assert held.excess == 0
    assert held.covered == (0, 1, 2)


def test_no_network_is_begun_that_could_not_be_finished(clock):
    made, held, told = trained(clock, until=39.0)
    assert (len(made.trained), clock.now) == (3, 30.0)
    assert told == [(0, 20), (1, 3), (2, 3)]
    # The first two rounds leave out both of their folds.
    assert held.covered == (0, 1)
    clock.now = 0.0
    made, held, _ = trained(clock, until=1.0)
    assert (len(made.trained), held.covered) == (1, (0, 1))
    assert made.shares() == [1.0]


def test_time_is_kept_for_training_each_network_once_more(clock):
    made, _, told = trained(clock, until=59.0, refit=True)
    assert (len(made.trained), clock.now) == (2, 20.0)
    assert told == [(0, 20), (1, 2)]
