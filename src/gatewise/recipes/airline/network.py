"""A recipe's Keras model."""

from typing import Any

from gatewise.backend import import_keras
from gatewise.recipes.airline.specification import Recipe
from gatewise.recipes.dialect import Dialect, check_dialect, recurrent_layer

keras = import_keras()


def build(recipe: Recipe, dialect: Dialect) -> Any:
    """Return the compiled Keras model of a recipe; see `Recipe.build`."""
    check_dialect(dialect)
    # A stateful layer keeps one state for each row of the batch, so it has to know the batch size.
    batch = recipe.batch_size if recipe.stateful else None
    layers = [keras.Input(batch_shape=(batch, *recipe.input_shape))]
    for below, units in enumerate(recipe.units, start=1):
        if recipe.cell == "dense":
            layers.append(keras.layers.Dense(units, activation="relu"))
        else:
            # A recurrent layer below another one hands on its output at every time step, not only the last.
            options = {"stateful": recipe.stateful, "return_sequences": below < len(recipe.units)}
            layers.append(recurrent_layer(recipe.cell, units, dialect, **options))
    model = keras.Sequential([*layers, keras.layers.Dense(1)], name=recipe.name)
    model.compile(loss="mse", optimizer="adam")
    return model
