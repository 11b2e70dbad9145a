"""Scores of classes against loops that do what the definitions say."""

import numpy as np
import pytest

from gatewise.classification.class_scores import (
    class_scores,
    confusion,
    precision_recall_curve,
    reliability,
    roc_curve,
)


def drawn(samples=200, seed=0):
    random = np.random.default_rng(seed)
    truth = random.random(samples) < 0.4
    # Two decimals, so that there are ties.
    return truth, np.round(np.clip(random.normal(0.4 + 0.2 * truth, 0.2), 0, 1), 2)


def test_precision_recall_and_f1_are_counted():
    random = np.random.default_rng(1)
    truth, given = (random.random((50, 3)) < 0.5 for _ in range(2))
    scores = class_scores(truth, given)
    for place in range(3):
        pairs = list(zip(truth[:, place], given[:, place], strict=True))
        hits = sum(one and other for one, other in pairs)
        precision, recall = hits / sum(other for _, other in pairs), hits / sum(one for one, _ in pairs)
        assert scores.precision[place] == pytest.approx(precision)
        assert scores.recall[place] == pytest.approx(recall)
        assert scores.f1[place] == pytest.approx(2 * precision * recall / (precision + recall))
    assert scores.support.tolist() == truth.sum(axis=0).tolist()


def test_a_class_that_is_never_given_has_no_precision_and_one_that_is_not_there_no_recall():
    scores = class_scores(np.array([[True, False, False]] * 2), np.array([[False, True, False]] * 2))
    np.testing.assert_array_equal(scores.precision, [np.nan, 0, np.nan])
    np.testing.assert_array_equal(scores.recall, [0, np.nan, np.nan])
    np.testing.assert_array_equal(scores.f1, [0, 0, np.nan])


def test_confusion_counts_every_text():
    random = np.random.default_rng(2)
    truth, given = random.integers(0, 4, (2, 100))
    counts = confusion(truth, given, 4)
    assert counts.sum() == 100
    assert counts[2, 3] == sum(one == 2 and other == 3 for one, other in zip(truth, given, strict=True))


def test_the_area_below_the_roc_curve_is_the_chance_that_a_pair_is_in_order():
    truth, scores = drawn()
    pairs = [np.sign(one - other) for one in scores[truth] for other in scores[~truth]]
    curve = roc_curve(truth, scores)
    assert curve.area == pytest.approx(np.mean((np.array(pairs) + 1) / 2))
    assert (curve.x[0], curve.y[0], curve.x[-1], curve.y[-1]) == (0, 0, 1, 1)


def test_known_areas():
    """scikit-learn's documentation of roc_auc_score and average_precision_score has these four scores."""
    truth, scores = np.array([False, False, True, True]), np.array([0.1, 0.4, 0.35, 0.8])
    assert roc_curve(truth, scores).area == 0.75
    assert round(precision_recall_curve(truth, scores).area, 2) == 0.83


def test_precision_and_recall_are_those_above_each_threshold():
    truth, scores = drawn(seed=3)
    curve = precision_recall_curve(truth, scores)
    thresholds = sorted(set(scores.tolist()), reverse=True)
    assert len(curve.x) == len(thresholds) + 1
    area = 0.0
    for place, threshold in enumerate(thresholds, start=1):
        above = scores >= threshold
        assert curve.y[place] == pytest.approx(truth[above].mean())
        assert curve.x[place] == pytest.approx(truth[above].sum() / truth.sum())
        area += (curve.x[place] - curve.x[place - 1]) * curve.y[place]
    assert curve.area == pytest.approx(area)


@pytest.mark.parametrize("curve", [roc_curve, precision_recall_curve])
def test_without_a_hit_there_is_no_area(curve):
    assert np.isnan(curve(np.zeros(3, bool), np.array([0.1, 0.2, 0.3])).area)


def test_reliability_is_what_came_true_in_each_bin():
    truth, chances = drawn(1000, seed=4)
    found = reliability(truth, chances, bins=10)
    error = 0.0
    for number in range(10):
        upper = 1.1 if number == 9 else (number + 1) / 10
        inside = (chances * 10 >= number) & (chances * 10 < upper * 10)
        assert found.counts[number] == inside.sum()
        if inside.any():
            assert found.predicted[number] == pytest.approx(chances[inside].mean())
            assert found.observed[number] == pytest.approx(truth[inside].mean())
            error += abs(chances[inside].mean() - truth[inside].mean()) * inside.mean()
    assert found.error == pytest.approx(error)
