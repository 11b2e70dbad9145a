"""Run recipes: the same network with many seeds, in one compiled program."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from gatewise.datasets import load_airline
from gatewise.errors import UsageError
from gatewise.recipes.airline.result import RecipeResult, Scored, Timing
from gatewise.recipes.airline.samples import Part, Samples, prepare, rmse
from gatewise.recipes.airline.specification import Recipe
from gatewise.recipes.dialect import Dialect, check_dialect
from gatewise.training.progress import shares_told_to


@dataclass(frozen=True)
class RunOptions:
    """How recipes are run; the defaults are those of the published comparison.

    Attributes:
        values: A series ``(time,)``, or None for the airline passengers.
        members: How many networks of each recipe.
        seed: The seed from which the members' seeds are drawn.
        dialect: Whose defaults the recurrent layers have.
        leak: Whether the scaler sees the test part; None leaves it as the recipe says.
        look_back: Past values in a sample; None leaves it as the recipe says. So also the next two.
        units: Units of every hidden layer.
        epochs: Passes over the training part.

    Raises:
        UsageError: A number of members, a seed or a dialect that cannot be meant.
    """

    values: Any = None
    members: int = 100
    seed: int = 0
    dialect: Dialect = "keras2"
    leak: bool | None = None
    look_back: int | None = None
    units: int | None = None
    epochs: int | None = None

    def __post_init__(self) -> None:
        from gatewise.training.checks import check_seed

        if isinstance(self.members, bool) or not isinstance(self.members, int) or self.members < 1:
            raise UsageError(f"members is {self.members!r}: give a whole number of at least 1.")
        check_dialect(self.dialect)
        check_seed(self.seed)

    def applied_to(self, recipe: Recipe) -> Recipe:
        """Return the recipe as these options change it."""
        known = recipe if self.values is None else recipe.for_other_data()
        return known.varied(look_back=self.look_back, units=self.units, epochs=self.epochs, leak=self.leak)


def run_recipes(
    recipes: Sequence[Recipe],
    options: RunOptions,
    on_progress: Callable[[int, Recipe, float], None] | None = None,
) -> Iterator[RecipeResult]:
    """Run several recipes, one after the other, and yield each result when it is there.

    The data is checked for all recipes before the first of them is trained.

    Args:
        recipes: The recipes, from `recipe` or `recipes`.
        options: How to run them.
        on_progress: Called before each recipe, several times a second while it is compiled, and after every half second
            of training: with its place among them, from 0, the recipe as it is run, and the share of its training that
            is done, from 0 to 1.

    Yields:
        One result a recipe, in the order given.

    Raises:
        UsageError: A number of the options that a recipe cannot have.
        DataError: A series that is too short, constant, or not finite numbers.
    """
    jobs = [_job(recipe, options) for recipe in recipes]
    for place, (changed, samples) in enumerate(jobs):
        listener = _ignore if on_progress is None else partial(on_progress, place, changed)
        listener(0.0)
        yield _train(changed, samples, options, listener)


def _ignore(share: float) -> None:
    """Hear how far a run is, where nobody wants to know."""


def run(recipe: Recipe, values: Any, *, members: int, seed: int, leak: bool | None, dialect: Dialect) -> RecipeResult:
    """Run one recipe, with the bar of its training; see `Recipe.run`."""
    options = RunOptions(values=values, members=members, seed=seed, dialect=dialect, leak=leak)
    return _train(*_job(recipe, options), options, None)


def _job(recipe: Recipe, options: RunOptions) -> tuple[Recipe, Samples]:
    changed = options.applied_to(recipe)
    return changed, prepare(changed, load_airline() if options.values is None else options.values)


def _train(
    recipe: Recipe, samples: Samples, options: RunOptions, listener: Callable[[float], None] | None
) -> RecipeResult:
    from gatewise.training.ensemble import fit_ensemble

    start = time.perf_counter()
    with nullcontext() if listener is None else shares_told_to(listener):
        ensemble = fit_ensemble(
            recipe.build(options.dialect),
            samples.train.x,
            samples.train.y,
            members=options.members,
            batch_size=recipe.batch_size,
            epochs=recipe.epochs,
            shuffle=recipe.shuffle,
            seed=options.seed,
            reset_states="epoch",
        )
    on_train, on_test = _predict(ensemble, recipe, samples)
    history = ensemble.history
    return RecipeResult(
        recipe=recipe,
        dialect=options.dialect,
        seed=options.seed,
        values=samples.values,
        train=_scored(samples, samples.train, on_train),
        test=_scored(samples, samples.test, on_test),
        curves=np.sqrt(np.asarray(history.history["loss"], np.float64)) * samples.span,
        timing=Timing(
            compile_seconds=history.compile_seconds,
            run_seconds=history.run_seconds,
            total_seconds=time.perf_counter() - start,
            steps=int(history.steps),
        ),
    )


def _predict(ensemble: Any, recipe: Recipe, samples: Samples) -> tuple[Any, Any]:
    """Return what every member says about the training and the test part, each ``(members, samples, 1)``."""
    train, test = samples.train.x, samples.test.x
    if not recipe.stateful:
        # In one pass, which is one program less to compile; nothing is carried from one sample to the next.
        outputs = ensemble.predict(np.concatenate([train, test]), verbose=0)
        return outputs[:, : len(train)], outputs[:, len(train) :]
    passes = []
    for x in (train, test):
        # Each pass starts from zero, as published.
        ensemble.reset_states()
        passes.append(ensemble.predict(x, batch_size=recipe.batch_size, verbose=0))
    return passes[0], passes[1]


def _scored(samples: Samples, part: Part, outputs: Any) -> Scored:
    predictions = samples.original(outputs[:, :, 0])
    return Scored(part.at, predictions, rmse(predictions, part.actual), part.persistence)
