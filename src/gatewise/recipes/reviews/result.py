"""What a review recipe is worth: its accuracy as a distribution over seeds, beside the published value and linear models."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from gatewise.recipes.dialect import Dialect
from gatewise.recipes.members import percentile, plain, spread
from gatewise.recipes.reviews.specification import ReviewRecipe


class Member(NamedTuple):
    """One trained network.

    Attributes:
        accuracy: Share of the test reviews that it tells right, from 0 to 1.
        log_loss: Its mean binary crossentropy on them, in nats.
        loss: The mean crossentropy of the training reviews during each epoch, ``(epochs,)``.
        training_accuracy: Their share that is told right during each epoch, ``(epochs,)``.
        compile_seconds: Tracing and compiling, of the first member alone where the others use the same program.
        run_seconds: All its training steps.
        predict_seconds: Its prediction of the test reviews.
    """

    accuracy: float
    log_loss: float
    loss: tuple[float, ...]
    training_accuracy: tuple[float, ...]
    compile_seconds: float
    run_seconds: float
    predict_seconds: float


class LinearScore(NamedTuple):
    """What a linear model is worth, on the same reviews.

    Attributes:
        name: What it is.
        accuracy: Share of the test reviews that it tells right, from 0 to 1.
        log_loss: Its mean binary crossentropy on them, in nats.
        seconds: Everything, from the texts to the probabilities.
    """

    name: str
    accuracy: float
    log_loss: float
    seconds: float


@dataclass(frozen=True, eq=False)
class ReviewResult:
    """A recipe, trained with several seeds.

    Attributes:
        recipe: The recipe as it was run.
        dialect: Whose defaults the recurrent layer had.
        seed: The seed from which the members' seeds were drawn.
        split: Which reviews it was trained and tested with: ``"official"``, ``"published"``, or ``"own"``.
        sizes: How many reviews were trained with and tested with.
        members: The trained networks.
        linear: The linear models beside them.
    """

    recipe: ReviewRecipe
    dialect: Dialect
    seed: int
    split: str
    sizes: tuple[int, int]
    members: tuple[Member, ...]
    linear: tuple[LinearScore, ...] = ()

    @property
    def accuracy(self) -> Float[np.ndarray, " members"]:
        """Each member's accuracy on the test reviews, from 0 to 1, ``(members,)``."""
        return np.array([member.accuracy for member in self.members])

    @property
    def published_percentile(self) -> float | None:
        """Percentile of the published accuracy among the members; None where nothing is published."""
        return percentile(self.accuracy, self.recipe.published)

    @property
    def seconds(self) -> float:
        """Wall time of all members: compiling, training, predicting."""
        return sum(one.compile_seconds + one.run_seconds + one.predict_seconds for one in self.members)

    @property
    def epoch_seconds(self) -> float:
        """Training time of an epoch: the median over the members."""
        return float(np.median([one.run_seconds for one in self.members])) / self.recipe.epochs

    @property
    def best_linear(self) -> LinearScore | None:
        """The most accurate of the linear models."""
        return max(self.linear, key=lambda one: one.accuracy, default=None)

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain numbers, strings and lists."""
        recipe = self.recipe
        points = spread(self.accuracy)
        return {
            "recipe": recipe.name,
            "network": recipe.network,
            "words": recipe.words,
            "length": recipe.length,
            "units": recipe.units,
            "epochs": recipe.epochs,
            "batch_size": recipe.batch_size,
            "dialect": self.dialect,
            "seed": self.seed,
            "split": self.split,
            "reviews": dict(zip(("train", "test"), self.sizes, strict=True)),
            "accuracy": {"median": plain(points.median), "low": plain(points.low), "high": plain(points.high)},
            "published_accuracy": recipe.published,
            "published_percentile": self.published_percentile,
            "seconds": {"total": self.seconds, "epoch": self.epoch_seconds},
            "members": [
                {
                    name: plain(value) if isinstance(value, float) else list(value)
                    for name, value in one._asdict().items()
                }
                for one in self.members
            ],
            "linear": [one._asdict() for one in self.linear],
        }

    def __repr__(self) -> str:
        points = spread(self.accuracy)
        return (
            f"<ReviewResult {self.recipe.name}: {len(self.members)} members, test accuracy {points.median:.2%} "
            f"({points.low:.2%}–{points.high:.2%})>"
        )

    def _repr_html_(self) -> str:
        """Show the result as the row of the table in a notebook."""
        from gatewise.recipes.reviews.summary import as_html

        return as_html([self])
