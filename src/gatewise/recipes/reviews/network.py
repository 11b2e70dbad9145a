"""A review recipe's Keras model, and the one layer in it that Keras no longer has."""

from typing import Any

from gatewise.backend import import_keras
from gatewise.recipes.dialect import Dialect, check_dialect, recurrent_layer
from gatewise.recipes.reviews.specification import FILTERS, POOL, WIDTH, ReviewRecipe

keras = import_keras()


@keras.saving.register_keras_serializable(package="gatewise")
class WordDropoutEmbedding(keras.layers.Embedding):  # type: ignore[name-defined]
    """An Embedding that does without some words in each training step: ``Embedding(…, dropout=rate)`` of Keras 1.

    Which words of the vocabulary a step does without is drawn once for all rows of the batch: their vectors are zero
    wherever they are met, and those of the others are larger by ``1 / (1 - rate)`` to make up for it. (Y. Gal and Z.
    Ghahramani, A Theoretically Grounded Application of Dropout in Recurrent Neural Networks, 2016, section 4.2; there each
    row has a draw of its own.)

    Args:
        words: How many words there are.
        features: Numbers that stand for a word.
        rate: The share of the words that is dropped.
        kwargs: More arguments of Keras's Embedding.
    """

    def __init__(self, words: int, features: int, rate: float, **kwargs: Any) -> None:
        super().__init__(words, features, **kwargs)
        self.rate = rate
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the vectors of words, ``(batch, time, features)``."""
        if not training:
            return super().call(inputs)
        kept = keras.random.dropout(keras.ops.ones((self.input_dim, 1)), self.rate, seed=self.seed_generator)
        return keras.ops.take(self.embeddings * kept, keras.ops.cast(inputs, "int32"), axis=0)

    def compute_output_spec(self, inputs: Any, training: bool = False) -> Any:
        """Return the shape of the vectors."""
        return super().compute_output_spec(inputs)

    def get_config(self) -> dict[str, Any]:
        """Return what the layer is built from."""
        config = super().get_config()
        named = {"words": config.pop("input_dim"), "features": config.pop("output_dim"), "rate": self.rate}
        return {**config, **named}


def build(recipe: ReviewRecipe, dialect: Dialect) -> Any:
    """Return the compiled Keras model of a recipe; see `ReviewRecipe.build`."""
    check_dialect(dialect)
    model = network(recipe, dialect, recipe.words, 1)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def network(recipe: ReviewRecipe, dialect: Dialect, words: int, outputs: int) -> Any:
    """Return the Keras model of a recipe for some numbers of words and outputs, not compiled; see `ReviewRecipe.for_texts`."""
    layers = keras.layers
    model = keras.Sequential([keras.Input((recipe.length,), dtype="int32")], name=recipe.name)
    if recipe.word_dropout:
        model.add(WordDropoutEmbedding(words, recipe.embedding, recipe.word_dropout))
    else:
        model.add(layers.Embedding(words, recipe.embedding))
    if recipe.convolution:
        model.add(layers.Conv1D(FILTERS, WIDTH, padding="same", activation="relu"))
        model.add(layers.MaxPooling1D(POOL))
    if recipe.dropout:
        model.add(layers.Dropout(recipe.dropout))
    rates = {"dropout": recipe.gate_dropout, "recurrent_dropout": recipe.gate_dropout}
    model.add(recurrent_layer(recipe.cell, recipe.units, dialect, **rates))
    if recipe.dropout:
        model.add(layers.Dropout(recipe.dropout))
    model.add(layers.Dense(outputs, activation="sigmoid" if outputs == 1 else None))
    return model
