"""Recipe results without training: predictions drawn around the truth, for tests of what is shown of them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gatewise.datasets import load_airline
from gatewise.recipes import Recipe, RecipeResult, ReviewResult, recipe
from gatewise.recipes.airline.result import Scored, Timing
from gatewise.recipes.airline.samples import Part, prepare, rmse
from gatewise.recipes.reviews.result import LinearScore, Member


def made(name: str = "lstm", members: int = 20, error: float = 50.0, **changes: object) -> RecipeResult:
    """Return a result whose members miss the truth by about `error`, a little more each."""
    chosen: Recipe = replace(recipe(name), **changes)
    samples = prepare(chosen, load_airline())
    random = np.random.default_rng(0)

    def scored(part: Part) -> Scored:
        noise = random.normal(size=(members, len(part.at)))
        noise *= error * np.linspace(0.9, 1.1, members)[:, None] / rmse(noise, np.zeros(len(part.at)))[:, None]
        predictions = part.actual + noise
        return Scored(part.at, predictions, rmse(predictions, part.actual), part.persistence)

    curves = np.linspace(200, 20, chosen.epochs) * np.linspace(0.9, 1.1, members)[:, None]
    timing = Timing(compile_seconds=1.0, run_seconds=2.0, total_seconds=4.0, steps=1000)
    return RecipeResult(
        recipe=chosen,
        dialect="keras2",
        seed=0,
        values=samples.values,
        train=scored(samples.train),
        test=scored(samples.test),
        curves=curves,
        timing=timing,
    )


def made_member(accuracy: float) -> Member:
    """Return a member of a review recipe that took 35 seconds."""
    return Member(
        accuracy, 0.3, (0.5, 0.4, 0.3), (0.7, 0.8, 0.9), compile_seconds=2.0, run_seconds=30.0, predict_seconds=3.0
    )


def made_reviews(name: str, accuracies: Sequence[float]) -> ReviewResult:
    """Return the result of a review recipe, with a member for each accuracy, beside a linear model."""
    linear = (LinearScore("NB-SVM, 1–2 grams", 0.912, 0.22, 30.0),)
    members = tuple(made_member(accuracy) for accuracy in accuracies)
    return ReviewResult(recipe(name), "keras3", 0, "published", (16_750, 8_250), members, linear)
