"""Recipes that are really trained."""

import numpy as np
import pytest

import gatewise as gw
from gatewise.datasets import load_airline
from gatewise.errors import DataError, UsageError
from gatewise.recipes import RunOptions, recipe, recipes, run_recipes
from gatewise.recipes.airline.samples import prepare, rmse
from gatewise.training import progress
from terminals import on_a_terminal


@pytest.mark.parametrize("name", ["mlp-window", "lstm-window", "gru-stacked-stateful"])
def test_each_member_is_an_ensemble_member_predicting_from_reset_state(name):
    one = recipe(name).varied(epochs=2)
    result = one.run(members=3, seed=5)
    samples = prepare(one, load_airline())
    ensemble = gw.fit_ensemble(
        one.build(),
        samples.train.x,
        samples.train.y,
        members=3,
        batch_size=one.batch_size,
        epochs=2,
        shuffle=one.shuffle,
        seed=5,
        verbose=0,
    )
    assert result.members == 3
    assert len(np.unique(result.test.rmse)) == 3
    for k in range(3):
        model = ensemble.member(k)
        for part, scored in ((samples.train, result.train), (samples.test, result.test)):
            if one.stateful:
                gw.reset_states(model)
            predicted = samples.original(gw.predict(model, part.x, batch_size=one.batch_size))[:, 0]
            np.testing.assert_allclose(scored.predictions[k], predicted, rtol=1e-5)
            assert scored.rmse[k] == pytest.approx(rmse(predicted, part.actual), rel=1e-5)
    np.testing.assert_allclose(
        result.curves, np.sqrt(np.asarray(ensemble.history.history["loss"])) * samples.span, rtol=1e-5
    )
    assert result.timing.steps == 2 * -(-len(samples.train.x) // one.batch_size)
    assert result.microseconds > 0


def test_the_same_seed_gives_the_same_result_and_another_does_not():
    one = recipe("gru").varied(epochs=1)
    first, again, other = (one.run(members=2, seed=seed).test.predictions for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


def test_another_series_is_scored_in_its_own_units_without_the_published_faults():
    values = load_airline() * 1000
    result = recipe("lstm").varied(epochs=1).run(values, members=2)
    assert (result.recipe.leak, result.recipe.drop_last) == (False, False)
    assert len(result.test.at) == 47
    assert 40_000 < result.test.persistence < 60_000
    assert result.test_percentile is None


def test_progress_is_told_before_and_during_each_recipe_and_results_come_one_by_one(monkeypatch):
    monkeypatch.setattr("gatewise.training.run.DISPATCH_SECONDS", 0.001)
    seen = []
    options = RunOptions(members=1, epochs=400)
    chosen = [recipe("mlp"), recipe("gru")]
    results = run_recipes(chosen, options, lambda place, one, share: seen.append((place, one.name, one.epochs, share)))
    assert next(results).recipe.name == "mlp"
    assert {told[:3] for told in seen} == {(0, "mlp", 400)}
    assert next(results).recipe.name == "gru"
    assert [told[:3] for told in seen] == sorted((told[:3] for told in seen), key=lambda told: told[0])
    for name in ("mlp", "gru"):
        shares = [told[3] for told in seen if told[1] == name]
        assert shares == sorted(shares)
        assert (shares[0], shares[-1]) == (0.0, 1.0)
        assert len(set(shares)) > 3


def test_everything_is_checked_before_anything_is_trained():
    seen = []
    # Five values are enough for the recipes with a look-back of 1, which come first, and not for the others.
    with pytest.raises(DataError):
        list(run_recipes(recipes("airline"), RunOptions(values=[1, 2, 3, 4, 5]), lambda *told: seen.append(told)))
    assert seen == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"members": 0}, "members is 0: give a whole number of at least 1."),
        ({"dialect": "keras1"}, "dialect is 'keras1': give 'keras2' or 'keras3'."),
        ({"seed": -1}, "seed=-1: a whole number from 0 to 2**63 - 1 is needed."),
    ],
)
def test_options_that_cannot_be_meant_are_refused(options, sentence):
    with pytest.raises(UsageError) as caught:
        RunOptions(**options)
    assert str(caught.value) == sentence


def test_a_recipe_run_by_itself_shows_the_bar_of_its_training(monkeypatch):
    monkeypatch.setattr(progress, "SILENT_FOR", 0.0)
    with on_a_terminal() as seen:
        recipe("mlp").varied(epochs=3).run(members=2)
    assert "fit_ensemble: epoch" in seen[0]
