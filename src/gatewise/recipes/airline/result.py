"""What a recipe is worth: its error as a distribution over seeds, beside the published value and persistence."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from gatewise.recipes.airline.specification import Recipe
from gatewise.recipes.dialect import Dialect
from gatewise.recipes.members import percentile, plain, spread


class Timing(NamedTuple):
    """Where the time went.

    Attributes:
        compile_seconds: Tracing and compiling; near 0 where the program was already there.
        run_seconds: Training all members.
        total_seconds: Everything, from building the model to the last prediction.
        steps: Training steps of each member.
    """

    compile_seconds: float
    run_seconds: float
    total_seconds: float
    steps: int


class Scored(NamedTuple):
    """One part of the series, with every member's predictions on it; all in the units of the series.

    Attributes:
        at: Position of each predicted value in the series, ``(samples,)``.
        predictions: ``(members, samples)``.
        rmse: ``(members,)``.
        persistence: RMSE of repeating the value before, on the same points.
    """

    at: Int[np.ndarray, " samples"]
    predictions: Float[np.ndarray, "members samples"]
    rmse: Float[np.ndarray, " members"]
    persistence: float


@dataclass(frozen=True, eq=False)
class RecipeResult:
    """A recipe, trained with many seeds.

    Attributes:
        recipe: The recipe as it was run.
        dialect: Whose defaults the recurrent layers had.
        seed: The seed from which the members' seeds were drawn.
        values: The series, ``(time,)``.
        train: The training part with its predictions.
        test: The test part with its predictions.
        curves: Training RMSE during each epoch in the units of the series, ``(members, epochs)``.
        timing: Where the time went.
    """

    recipe: Recipe
    dialect: Dialect
    seed: int
    values: Float[np.ndarray, " time"]
    train: Scored
    test: Scored
    curves: Float[np.ndarray, "members epochs"]
    timing: Timing

    @property
    def members(self) -> int:
        """How many networks were trained."""
        return len(self.test.rmse)

    @property
    def failed(self) -> int:
        """How many of them ended without a finite error."""
        return int(np.sum(~np.isfinite(self.test.rmse)))

    @property
    def beats_persistence(self) -> float:
        """Share of the members, 0…1, whose test RMSE is below that of persistence on the same points."""
        return float(np.mean(self.test.rmse < self.test.persistence))

    @property
    def microseconds(self) -> float:
        """Training time of one step of one member, in microseconds."""
        return self.timing.run_seconds * 1e6 / (self.timing.steps * self.members)

    @property
    def train_percentile(self) -> float | None:
        """Percentile of the published training RMSE among the members; None where nothing is published."""
        return percentile(self.train.rmse, self.recipe.published_train)

    @property
    def test_percentile(self) -> float | None:
        """Percentile of the published test RMSE among the members; None where nothing is published."""
        return percentile(self.test.rmse, self.recipe.published_test)

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain numbers, strings and lists; predictions and curves are left out."""
        recipe = self.recipe
        return {
            "recipe": recipe.name,
            "network": recipe.network,
            "input_shape": list(recipe.input_shape),
            "look_back": recipe.look_back,
            "units": list(recipe.units),
            "epochs": recipe.epochs,
            "batch_size": recipe.batch_size,
            "stateful": recipe.stateful,
            "leak": recipe.leak,
            "dialect": self.dialect,
            "members": self.members,
            "failed": self.failed,
            "seed": self.seed,
            "train": _part_json(self.train, recipe.published_train),
            "test": _part_json(self.test, recipe.published_test),
            "beats_persistence": self.beats_persistence,
            "seconds": {
                "compile": self.timing.compile_seconds,
                "run": self.timing.run_seconds,
                "total": self.timing.total_seconds,
            },
            "steps": self.timing.steps,
            "microseconds_per_step_and_member": self.microseconds,
        }

    def __repr__(self) -> str:
        test = spread(self.test.rmse)
        return (
            f"<RecipeResult {self.recipe.name}: {self.members} members, test RMSE {test.median:.2f} "
            f"({test.low:.2f}–{test.high:.2f}), persistence {self.test.persistence:.2f}>"
        )

    def _repr_html_(self) -> str:
        """Show the result as the row of the table in a notebook."""
        from gatewise.recipes.airline.summary import as_html

        return as_html([self])


def _part_json(part: Scored, published: float | None) -> dict[str, Any]:
    points = spread(part.rmse)
    return {
        "samples": len(part.at),
        "rmse": {
            "median": plain(points.median),
            "low": plain(points.low),
            "high": plain(points.high),
            "members": [plain(error) for error in part.rmse.tolist()],
        },
        "persistence_rmse": part.persistence,
        "published_rmse": published,
        "published_percentile": percentile(part.rmse, published),
    }
