import numpy as np
import pytest

from gatewise.classification.combination import combine, cross_combined, for_steadier, link, usable
from gatewise.classification.decision import Decision
from gatewise.classification.folds import fold_of
from gatewise.classification.scores import mcnemar, scores, wilson
from gatewise.datasets import Corpus
from gatewise.datasets.text import Texts


def two_parts(samples=4000, outputs=1, several=False, seed=0):
    """Scores of two models that both know something else of the truth, the second three times too sure."""
    random = np.random.default_rng(seed)
    one, other = random.normal(size=(2, samples, outputs)) * 2
    chances = link(one + other + 0.5, several)
    drawn = random.random((samples, 1))
    if several:
        truth = random.random(chances.shape) < chances
    else:
        truth = np.eye(chances.shape[1], dtype=bool)[(drawn > chances.cumsum(axis=1)[:, :-1]).sum(axis=1)]
    return np.stack([one, 3 * other]), truth


@pytest.mark.parametrize(("outputs", "several"), [(1, False), (3, False), (2, True)])
def test_a_combination_finds_the_weights_that_made_the_truth(outputs, several):
    found, truth = two_parts(outputs=outputs, several=several)
    learnt = combine(found, truth, several, "temperature")
    np.testing.assert_allclose(learnt.weights, [1, 1 / 3], rtol=0.15)
    if several or outputs == 1:
        np.testing.assert_allclose(learnt.shifts, 0.5, atol=0.15)
    probabilities = learnt.probabilities(found)
    assert scores(truth, probabilities, Decision.plain(truth.shape[1], several)).calibration_error < 0.03
    if not several:
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_isotonic_mends_what_no_temperature_can():
    found, truth = two_parts()
    bent = np.sign(found) * np.abs(found) ** 3
    plain, curved = (
        scores(truth, combine(bent, truth, False, method).probabilities(bent), Decision.plain(2))
        for method in ("temperature", "isotonic")
    )
    assert curved.log_loss < plain.log_loss - 0.01
    assert curved.calibration_error < 0.03 < plain.calibration_error


def test_a_useless_model_has_no_say():
    found, truth = two_parts()
    found[1] = -found[1]
    assert combine(found, truth, False, "temperature").weights[1] == 0


@pytest.mark.parametrize(("outputs", "several"), [(1, False), (3, False), (2, True)])
def test_scores_with_less_chance_get_the_weights_that_would_be_learnt_from_them(outputs, several):
    random = np.random.default_rng(1)
    # Two models that know much of the same, as models of the same texts do.
    both = random.normal(size=(30_000, outputs)) * 1.5
    one, other = both + random.normal(size=(2, 30_000, outputs)) * 0.7
    chances = link(one + other + 0.4, several)
    drawn = random.random((30_000, 1))
    if several:
        truth = random.random(chances.shape) < chances
    else:
        truth = np.eye(chances.shape[1], dtype=bool)[(drawn > chances.cumsum(axis=1)[:, :-1]).sum(axis=1)]
    noise = random.normal(size=(6, *other.shape)) * 1.2
    single, mean = np.stack([one, other + noise[0]]), np.stack([one, other + noise.mean(axis=0)])
    learnt = combine(single, truth, several, "temperature")
    wanted = combine(mean, truth, several, "temperature")
    excess = np.array([0, 1.2**2 * (1 - 1 / 6)])
    if outputs > 1 and not several:
        # What all outputs share means nothing, and is not counted.
        excess *= 1 - 1 / outputs
    found = for_steadier(learnt, single, excess)
    assert learnt.weights[1] < 0.7 * wanted.weights[1]
    np.testing.assert_allclose(found.weights, wanted.weights, rtol=0.08)
    np.testing.assert_allclose(found.shifts, wanted.shifts, atol=0.06)
    before, after, best = (
        scores(truth, made.probabilities(mean), Decision.plain(truth.shape[1], several)).log_loss
        for made in (learnt, found, wanted)
    )
    assert before > best + 0.005
    assert after < best + 0.0005
    assert for_steadier(learnt, single, np.zeros(2)) is learnt


@pytest.mark.parametrize(("outputs", "several"), [(1, False), (3, False), (4, True)])
def test_few_texts_that_are_all_on_the_right_side_do_not_make_certainty(outputs, several):
    random = np.random.default_rng(3)
    truth = (
        random.random((60, outputs)) < 0.5
        if several
        else np.eye(max(outputs, 2), dtype=bool)[np.arange(60) % max(outputs, 2)]
    )
    sides = np.where(truth[:, -outputs:], 1.0, -1.0)
    given = (sides * random.uniform(1, 3, sides.shape))[None]
    learnt = combine(given, truth, several, "temperature")
    assert 1 < learnt.weights.sum() < 1.6
    # Of many texts the same scale is believed, as it would be without that.
    many = combine(np.tile(given, (1, 400, 1)), np.tile(truth, (400, 1)), several, "temperature")
    assert many.weights.sum() > 3


def test_ratios_of_few_texts_do_not_depend_on_the_size_of_scores():
    truth = np.arange(40) % 2 == 1
    random = np.random.default_rng(0)
    one, other = (np.where(truth, 1.0, -1.0) + random.normal(0, 2, 40) for _ in range(2))
    both = np.stack([~truth, truth], axis=1)

    def ratio(size):
        weights = combine(np.stack([one, size * other])[..., None], both, False, "temperature").weights
        return weights[0] / (size * weights[1])

    assert ratio(5.0) == pytest.approx(ratio(1.0), rel=1e-3)


def test_for_many_texts_holding_the_scale_changes_nothing(monkeypatch):
    found, truth = two_parts(20_000)
    held = combine(found, truth, False, "temperature").probabilities(found)
    for name in ("_FEW_FOR_SPREAD", "_FEW_FOR_SHIFTS"):
        monkeypatch.setattr(f"gatewise.classification.combination.{name}", 0.0)
    free = combine(found, truth, False, "temperature").probabilities(found)
    assert np.abs(held - free).max() < 1e-4


def test_a_curve_needs_a_thousand_texts():
    assert [usable("isotonic", texts) for texts in (999, 1000)] == ["temperature", "isotonic"]
    assert usable(None, 10) is None


def test_what_is_right_is_what_is_given():
    chances = np.array([[0.7, 0.3], [0.6, 0.4], [0.9, 0.1]])
    truth = np.eye(2, dtype=bool)[[1, 1, 0]]
    weighed = Decision(np.array([1.0, 3.0]), np.full(2, 0.5), False)
    assert weighed.given(chances)[:, 1].tolist() == [True, True, False]
    balanced = Decision(np.array([143, 8]) / 151, np.full(2, 0.5), False)
    assert balanced.given(np.array([[8, 143], [9, 142]]) / 151).tolist() == [[False, True], [True, False]]
    found = scores(truth, chances, weighed)
    assert (found.accuracy, scores(truth, chances, Decision.plain(2)).accuracy) == (1.0, 1 / 3)
    assert found.log_loss == scores(truth, chances, Decision.plain(2)).log_loss
    # The probability of what was given: .3, .4 and .9, and all of them are right.
    assert found.calibration_error == pytest.approx((0.7 + 0.6 + 0.1) / 3)
    several = Decision(np.ones(2), np.array([0.65, 0.4]), True)
    assert several.given(chances).tolist() == [[True, False], [False, True], [True, False]]


def test_probabilities_of_a_fold_do_not_depend_on_its_truth():
    found, truth = two_parts(300)
    folds = (np.arange(300) % 3).astype(np.int32)
    once = cross_combined(found, truth, folds, False, "temperature")
    turned = np.where((folds == 2)[:, None], ~truth, truth)
    again = cross_combined(found, turned, folds, False, "temperature")
    np.testing.assert_array_equal(once[folds == 2], again[folds == 2])
    assert np.abs(once[folds == 0] - again[folds == 0]).max() > 0.05


def test_scores_by_hand():
    truth = np.eye(2, dtype=bool)[[0, 1, 1, 0]]
    chances = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.6, 0.4]])
    found = scores(truth, chances, Decision.plain(2))
    assert found.accuracy == 0.75
    assert found.log_loss == pytest.approx(-np.log([0.9, 0.8, 0.4, 0.6]).mean())
    # Two texts at .6, of which one is right; the others are right.
    assert found.calibration_error == pytest.approx((2 * 0.1 + 0.1 + 0.2) / 4)
    assert found.interval == wilson(3, 4)


def test_mcnemar_is_a_sign_test():
    one = np.array([True] * 10 + [False] * 2 + [True] * 50)
    other = np.array([False] * 10 + [True] * 2 + [True] * 50)
    assert mcnemar(one, other) == pytest.approx(2 * (1 + 12 + 66) / 2**12)
    assert mcnemar(one, one) == 1.0


def corpus(labels, groups=None, texts=None):
    texts = texts or [f"text {n}" for n in range(len(labels))]
    groups = None if groups is None else np.array(groups, np.int32)
    return Corpus(Texts.of(texts), np.array(labels, np.int32), ("a", "b"), groups)


def test_folds_keep_groups_and_equal_texts_together():
    groups = np.repeat(np.arange(40), 3)
    texts = [f"text {n}" for n in range(120)]
    texts[0] = texts[119]
    folds = fold_of(corpus(np.tile([0, 1, 1], 40), groups, texts), 5)
    assert all(len(set(folds[groups == group])) == 1 for group in range(40))
    assert folds[0] == folds[119]
    assert np.bincount(folds).max() <= 30


def test_folds_without_groups_are_runs_of_neighbours_of_each_class():
    folds = fold_of(corpus(np.repeat([0, 1], [1000, 200])), 5)
    for part in (folds[:1000], folds[1000:]):
        assert np.bincount(part).tolist() == [len(part) // 5] * 5
    assert (np.diff(folds[:1000]) != 0).sum() == 49
