"""The recipes as data: the seven that everybody has met, and the five recurrent ones once more with GRU layers.

Source of the networks, the training and the published errors: J. Brownlee's two tutorials on the airline passengers
("Time Series Prediction With Deep Learning in Python With Keras" and "Time Series Prediction with LSTM Recurrent Neural
Networks in Python with Keras", Machine Learning Mastery, 2016), each a single run with one seed.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from gatewise.datasets import Layout
from gatewise.errors import UsageError
from gatewise.recipes.dialect import Dialect

if TYPE_CHECKING:
    from gatewise.recipes.airline.result import RecipeResult

Cell = Literal["dense", "lstm", "gru"]


@dataclass(frozen=True)
class Recipe:
    """One network, what it is fed, and how it is trained.

    Attributes:
        name: Its name on the command line.
        cell: Kind of the hidden layers.
        layout: What the window of past values is to the network: see `gatewise.windows`.
        look_back: Past values in a sample.
        units: Units of each hidden layer, from the input up; a Dense layer of one unit always follows.
        epochs: Passes over the training part.
        batch_size: Samples in a training step.
        stateful: Whether recurrent state is carried from batch to batch, in the order of time, and set to zero before
            each epoch and each prediction pass.
        scale: Whether values are rescaled to 0…1; if not, the network sees the raw numbers.
        leak: Whether the scaler sees the test part too, as published.
        drop_last: Whether the last sample of each part is dropped, as in the published ``range(len - look_back - 1)``.
        published_train: RMSE on the training part as published, in thousands of passengers; None where there is none,
            or where something was changed that makes it no longer comparable.
        published_test: The same for the test part.
    """

    name: str
    cell: Cell
    layout: Layout
    look_back: int
    units: tuple[int, ...]
    epochs: int = 100
    batch_size: int = 1
    stateful: bool = False
    scale: bool = True
    leak: bool = True
    drop_last: bool = True
    published_train: float | None = None
    published_test: float | None = None

    def __post_init__(self) -> None:
        numbers = {"look_back": self.look_back, "epochs": self.epochs, "batch_size": self.batch_size}
        for name, value in [*numbers.items(), *(("units", units) for units in self.units)]:
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise UsageError(f"{name} is {value!r}: give a whole number of at least 1.")

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample: ``(look_back,)``, ``(1, look_back)`` or ``(look_back, 1)``, as `layout` says."""
        return {"flat": (self.look_back,), "features": (1, self.look_back), "steps": (self.look_back, 1)}[self.layout]

    @property
    def shuffle(self) -> bool:
        """Whether each epoch has an order of its own; a stateful network needs the order of time."""
        return not self.stateful

    @property
    def network(self) -> str:
        """The network in words."""
        kind = {"dense": "Dense {} relu", "lstm": "LSTM {}", "gru": "GRU {}"}[self.cell]
        return " → ".join([*(kind.format(units) for units in self.units), "Dense 1"])

    def varied(
        self,
        look_back: int | None = None,
        units: int | None = None,
        epochs: int | None = None,
        leak: bool | None = None,
    ) -> "Recipe":
        """Return the recipe with some of it changed; None leaves a field as it is.

        The published errors stay only where the network, its input and its training are as published; a scaler
        that does not see the test part leaves them in place, for comparison.

        Args:
            look_back: Past values in a sample.
            units: Units of every hidden layer.
            epochs: Passes over the training part.
            leak: Whether the scaler sees the test part.

        Raises:
            UsageError: A number below 1.
        """
        changed = replace(
            self,
            look_back=self.look_back if look_back is None else look_back,
            units=self.units if units is None else (units,) * len(self.units),
            epochs=self.epochs if epochs is None else epochs,
        )
        if changed != self:
            changed = replace(changed, published_train=None, published_test=None)
        return changed if leak is None else replace(changed, leak=leak)

    def for_other_data(self) -> "Recipe":
        """Return the recipe as it should be used on a series other than the airline passengers.

        There is nothing published to compare with, so the two faults that are kept for the comparison go: the scaler
        sees the training part only, and no sample is dropped.
        """
        return replace(self, leak=False, drop_last=False, published_train=None, published_test=None)

    def build(self, dialect: Dialect = "keras2") -> Any:
        """Return the compiled Keras model: mean squared error, Adam.

        Args:
            dialect: ``"keras2"``: the recurrent layers with the defaults of Keras 2, which the published runs had
                (``recurrent_activation`` clip(0.2x + 0.5), and for the GRU ``reset_after=False``); ``"keras3"``: with
                the defaults of Keras 3. Dense layers are the same in both.

        Raises:
            UsageError: An unknown dialect.

        >>> RECIPES[6].build().input_shape
        (1, 3, 1)
        """
        from gatewise.recipes.airline.network import build

        return build(self, dialect)

    def run(
        self,
        values: Any = None,
        members: int = 100,
        seed: int = 0,
        leak: bool | None = None,
        dialect: Dialect = "keras2",
    ) -> "RecipeResult":
        """Train the recipe with `members` seeds and return what each of them is worth.

        Args:
            values: A series ``(time,)``; None takes the airline passengers. With another series the recipe is first
                changed as `for_other_data` says.
            members: How many networks, each with its own seed.
            seed: The seed from which the members' seeds are drawn.
            leak: Whether the scaler sees the test part; None leaves it as the recipe says.
            dialect: As in `build`.

        Raises:
            UsageError: An argument that cannot be meant.
            DataError: A series that is too short, constant, or not finite numbers.
        """
        from gatewise.recipes.airline.run import run

        return run(self, values, members=members, seed=seed, leak=leak, dialect=dialect)


def _recurrent(cell: Cell) -> tuple[Recipe, ...]:
    return (
        Recipe(cell, cell, "features", 1, (4,)),
        Recipe(f"{cell}-window", cell, "features", 3, (4,)),
        Recipe(f"{cell}-time-steps", cell, "steps", 3, (4,)),
        Recipe(f"{cell}-stateful", cell, "steps", 3, (4,), stateful=True),
        Recipe(f"{cell}-stacked-stateful", cell, "steps", 3, (4, 4), stateful=True),
    )


_PUBLISHED = {
    "mlp": (23.06, 48.53),
    "mlp-window": (23.75, 47.38),
    "lstm": (22.93, 47.53),
    "lstm-window": (24.19, 58.03),
    "lstm-time-steps": (23.69, 58.88),
    "lstm-stateful": (20.74, 52.23),
    "lstm-stacked-stateful": (20.49, 56.35),
}

RECIPES = tuple(
    replace(known, published_train=train, published_test=test)
    for known in (
        Recipe("mlp", "dense", "flat", 1, (8,), epochs=200, batch_size=2, scale=False),
        Recipe("mlp-window", "dense", "flat", 3, (12, 8), epochs=400, batch_size=2, scale=False),
        *_recurrent("lstm"),
        *_recurrent("gru"),
    )
    for train, test in [_PUBLISHED.get(known.name, (None, None))]
)
