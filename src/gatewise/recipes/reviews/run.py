"""Run review recipes: the same network with several seeds, one after the other, each with all cores."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, get_args

import numpy as np

from gatewise.datasets.text import Corpus, imdb
from gatewise.datasets.text.reviews import Split
from gatewise.errors import UsageError
from gatewise.recipes.dialect import Dialect, check_dialect
from gatewise.recipes.reviews.encoding import Numbers, Part
from gatewise.recipes.reviews.result import LinearScore, Member, ReviewResult
from gatewise.recipes.reviews.specification import ReviewRecipe
from gatewise.training.progress import shares_told_to

_PREDICTED_AT_ONCE = 256
# Of the time of a member; the rest is its prediction.
_TRAINING_SHARE = 0.85
# A probability of 0 or 1 that is wrong costs this, not infinity; as in Keras.
_LEAST_PROBABILITY = 1e-7

OnProgress = Callable[[int, ReviewRecipe, float], None]


@dataclass(frozen=True)
class ReviewOptions:
    """How review recipes are run.

    Attributes:
        path: The archive or folder of the reviews; None as in `gatewise.datasets.imdb`.
        splits: The parts: ``"official"``, 25,000 reviews to train and 25,000 to test with; ``"published"``, 16,750 and
            8,250. One after the other.
        members: How many networks of each recipe.
        seed: The seed from which the members' seeds are drawn.
        dialect: Whose defaults the recurrent layers have.
        units: Units of the recurrent layer; None leaves it as the recipe says. So also the next.
        epochs: Passes over the training reviews.
        linear: Whether linear models are trained beside the networks.

    Raises:
        UsageError: A number of members, a seed, a split or a dialect that cannot be meant.
    """

    path: Any = None
    splits: tuple[Split, ...] = ("official",)
    members: int = 5
    seed: int = 0
    dialect: Dialect = "keras3"
    units: int | None = None
    epochs: int | None = None
    linear: bool = True

    def __post_init__(self) -> None:
        from gatewise.training.checks import check_seed

        if isinstance(self.members, bool) or not isinstance(self.members, int) or self.members < 1:
            raise UsageError(f"members is {self.members!r}: give a whole number of at least 1.")
        for split in self.splits:
            if split not in get_args(Split):
                raise UsageError(f"split is {split!r}: give 'official' or 'published'.")
        check_dialect(self.dialect)
        check_seed(self.seed)


def run_reviews(
    recipes: Sequence[ReviewRecipe], options: ReviewOptions, on_progress: OnProgress | None = None
) -> Iterator[ReviewResult]:
    """Run several recipes, one after the other, and yield each result when it is there.

    Args:
        recipes: The recipes, from `recipe` or `recipes`.
        options: How to run them.
        on_progress: Called before each recipe and while it is trained, several times a second: with its place among all
            runs, from 0, the recipe as it is run, and the share of it that is done, from 0 to 1.

    Yields:
        One result for each split and recipe, in the order given.

    Raises:
        UsageError: A number of the options that a recipe cannot have.
        DataError: The reviews are damaged or other things.
        EnvironmentFault: There are no reviews, and they cannot be downloaded.
    """
    changed = [one.varied(units=options.units, epochs=options.epochs) for one in recipes]
    for number, split in enumerate(options.splits):
        if on_progress is not None:
            on_progress(number * len(changed), changed[0], 0.0)
        numbers = Numbers(imdb(options.path, split), rank_all=split == "published")
        linear = _beside(numbers) if options.linear else ()
        for place, one in enumerate(changed, start=number * len(changed)):
            told = _ignore if on_progress is None else partial(on_progress, place, one)
            yield _run(one, numbers, options, split, linear, told)


def run(recipe: ReviewRecipe, corpus: Any, *, members: int, seed: int, dialect: Dialect) -> ReviewResult:
    """Run one recipe; see `ReviewRecipe.run`."""
    options = ReviewOptions(members=members, seed=seed, dialect=dialect)
    if corpus is None:
        return next(run_reviews([recipe], options))
    if not isinstance(corpus, Corpus):
        raise UsageError(f"corpus is a {type(corpus).__name__}: give what gw.read_corpus or gw.datasets.imdb returns.")
    numbers = Numbers(corpus)
    return _run(recipe, numbers, options, "own", _beside(numbers), _ignore)


def run_member(model: Any, recipe: ReviewRecipe, parts: tuple[Part, Part], seed: int, told: Any) -> Member:
    """Train a recipe's model from fresh weights and test it.

    Args:
        model: What `ReviewRecipe.build` returned; a model that was trained before starts anew, with the same program.
        recipe: Its recipe.
        parts: The training and the test reviews, from `Numbers.of`.
        seed: The member's seed, from `gatewise.member_seed`.
        told: Called with the share that is done, from 0 to 1.
    """
    from gatewise.training.fit import fit
    from gatewise.training.initial import initialize
    from gatewise.training.predict import predict

    train, test = parts
    initialize(model, seed)
    with shares_told_to(lambda share: told(_TRAINING_SHARE * share)):
        history = fit(model, train.x, train.y, batch_size=recipe.batch_size, epochs=recipe.epochs, seed=seed)
    start = time.perf_counter()
    with shares_told_to(lambda share: told(_TRAINING_SHARE + (1 - _TRAINING_SHARE) * share)):
        probabilities = np.asarray(predict(model, test.x, batch_size=_PREDICTED_AT_ONCE), np.float64)[:, 0]
    seconds = time.perf_counter() - start
    right = test.y[:, 0] > 0.5
    given = np.where(right, probabilities, 1 - probabilities)
    return Member(
        accuracy=float(np.mean((probabilities > 0.5) == right)),
        log_loss=float(-np.mean(np.log(np.clip(given, _LEAST_PROBABILITY, 1)))),
        loss=tuple(map(float, history.history["loss"])),
        training_accuracy=tuple(map(float, history.history["accuracy"])),
        compile_seconds=history.compile_seconds,
        run_seconds=history.run_seconds,
        predict_seconds=seconds,
    )


def _beside(numbers: Numbers) -> tuple[LinearScore, ...]:
    """Return what linear models are worth on the same reviews."""
    from gatewise.recipes.reviews.linear import linear_scores

    return linear_scores(numbers.train, numbers.test)


def _run(
    recipe: ReviewRecipe,
    numbers: Numbers,
    options: ReviewOptions,
    split: str,
    linear: tuple[LinearScore, ...],
    told: Callable[[float], None],
) -> ReviewResult:
    from gatewise.training.initial import member_seed

    told(0.0)
    model = recipe.build(options.dialect)
    parts = numbers.of(recipe)
    members = []
    for number in range(options.members):

        def of_all(share: float, before: int = number) -> None:
            told((before + share) / options.members)

        members.append(run_member(model, recipe, parts, member_seed(options.seed, number), of_all))
    return ReviewResult(recipe, options.dialect, options.seed, split, numbers.sizes, tuple(members), linear)


def _ignore(share: float) -> None:
    """Hear how far a run is, where nobody wants to know."""
