"""The recipes on movie reviews as data: five with an LSTM, and the same five with a GRU.

Source of the networks, the training and the published accuracies: J. Brownlee, "Sequence Classification with LSTM
Recurrent Neural Networks in Python with Keras" (Machine Learning Mastery, 2016), each a single run with one seed, on
16,750 training reviews as its logs show. `imdb-lstm-word-dropout` is a form of it for which no accuracy is published.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gatewise.errors import UsageError
from gatewise.recipes.dialect import Dialect, RecurrentCell

if TYPE_CHECKING:
    from gatewise.recipes.reviews.result import ReviewResult

FILTERS, WIDTH, POOL = 32, 3, 2


@dataclass(frozen=True)
class ReviewRecipe:
    """One network for movie reviews, and how it is trained.

    Attributes:
        name: Its name on the command line.
        cell: Kind of the recurrent layer.
        words: Numbers below this one are words of their own, with 0 to fill up, 1 to start a review and 2 for the
            others: see `gatewise.datasets.RankedWords`.
        length: Words of a review; a longer one loses its beginning, a shorter one is filled up in front.
        embedding: Numbers that stand for a word.
        units: Units of the recurrent layer; a Dense layer of one unit with a sigmoid follows.
        word_dropout: Share of the words, of all of the vocabulary, that a training step does without.
        dropout: Share that Dropout takes before and after the recurrent layer.
        gate_dropout: Share that the recurrent layer takes of its inputs and of its state, gate by gate.
        convolution: Whether a convolution over 3 words with 32 filters and relu, and the maxima of pairs, come before
            the recurrent layer.
        epochs: Passes over the training reviews.
        batch_size: Reviews in a training step.
        published: Accuracy as published, from 0 to 1; None where there is none, or where something was changed that
            makes it no longer comparable.
    """

    name: str
    cell: RecurrentCell
    words: int = 5000
    length: int = 500
    embedding: int = 32
    units: int = 100
    word_dropout: float = 0.0
    dropout: float = 0.0
    gate_dropout: float = 0.0
    convolution: bool = False
    epochs: int = 3
    batch_size: int = 64
    published: float | None = None

    def __post_init__(self) -> None:
        for name in ("length", "embedding", "units", "epochs", "batch_size"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise UsageError(f"{name} is {value!r}: give a whole number of at least 1.")

    @property
    def network(self) -> str:
        """The network in words."""
        kind = f"{self.cell.upper()} {self.units}"
        if self.gate_dropout:
            kind += f" (dropout {self.gate_dropout:g} of inputs and state)"
        words = f" ({self.word_dropout:g} of the words dropped)" if self.word_dropout else ""
        layers = [f"Embedding {self.embedding}{words}"]
        if self.convolution:
            layers += [f"Conv1D {FILTERS} × {WIDTH} relu", f"MaxPooling {POOL}"]
        around = [f"Dropout {self.dropout:g}"] if self.dropout else []
        return " → ".join([*layers, *around, kind, *around, "Dense 1 sigmoid"])

    def varied(self, units: int | None = None, epochs: int | None = None) -> "ReviewRecipe":
        """Return the recipe with some of it changed, which then has no published accuracy; None leaves a field as it is.

        Args:
            units: Units of the recurrent layer.
            epochs: Passes over the training reviews.

        Raises:
            UsageError: A number below 1.
        """
        changed = replace(
            self,
            units=self.units if units is None else units,
            epochs=self.epochs if epochs is None else epochs,
        )
        return self if changed == self else replace(changed, published=None)

    def build(self, dialect: Dialect = "keras3") -> Any:
        """Return the compiled Keras model: binary crossentropy, Adam, and the accuracy.

        Args:
            dialect: ``"keras3"``: the recurrent layer with the defaults of Keras 3; ``"keras2"``: with those of Keras 2,
                which the published runs had, and for which gatewise has no kernels, so that a step takes several times
                as long.

        Raises:
            UsageError: An unknown dialect.

        >>> RECIPES[0].build().count_params()
        213301
        """
        from gatewise.recipes.reviews.network import build

        return build(self, dialect)

    def for_texts(self, words: int, outputs: int) -> Any:
        """Return its Keras model for the words and classes of other texts, not compiled: what `gw.TextClassifier` trains.

        Args:
            words: Rows of the embedding.
            outputs: Units of the last layer: 1 with a sigmoid as in the recipe; several without, their log-odds.
        """
        from gatewise.recipes.reviews.network import network

        return network(self, "keras3", words, outputs)

    def run(
        self,
        corpus: Any = None,
        members: int = 5,
        seed: int = 0,
        dialect: Dialect = "keras3",
    ) -> "ReviewResult":
        """Train the recipe with `members` seeds, one after the other, and return what each of them is worth.

        Args:
            corpus: A corpus with a training and a test part and two classes; None takes the movie reviews in their
                official parts, `gatewise.datasets.imdb`.
            members: How many networks, each with its own seed.
            seed: The seed from which the members' seeds are drawn.
            dialect: As in `build`.

        Raises:
            UsageError: An argument that cannot be meant.
            DataError: There are no reviews where they are looked for.
        """
        from gatewise.recipes.reviews.run import run

        return run(self, corpus, members=members, seed=seed, dialect=dialect)


def _recipes(cell: RecurrentCell) -> tuple[ReviewRecipe, ...]:
    return (
        ReviewRecipe(f"imdb-{cell}", cell),
        ReviewRecipe(f"imdb-{cell}-dropout", cell, dropout=0.2),
        ReviewRecipe(f"imdb-{cell}-gate-dropout", cell, gate_dropout=0.2),
        ReviewRecipe(f"imdb-{cell}-word-dropout", cell, word_dropout=0.2, gate_dropout=0.2),
        ReviewRecipe(f"imdb-cnn-{cell}", cell, convolution=True),
    )


_PUBLISHED = {
    "imdb-lstm": 0.8679,
    "imdb-lstm-dropout": 0.8556,
    "imdb-lstm-gate-dropout": 0.8282,
    "imdb-cnn-lstm": 0.8636,
}

RECIPES = tuple(replace(one, published=_PUBLISHED.get(one.name)) for one in (*_recipes("lstm"), *_recipes("gru")))
