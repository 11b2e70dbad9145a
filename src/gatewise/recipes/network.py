"""A recipe's Keras model."""

from typing import Any

from gatewise.backend import import_keras
from gatewise.recipes.specification import Dialect, Recipe, check_dialect
from gatewise.recurrent.activations import hard_sigmoid_keras2

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
            layers.append(_recurrent(recipe, units, dialect, last=below == len(recipe.units)))
    model = keras.Sequential([*layers, keras.layers.Dense(1)], name=recipe.name)
    model.compile(loss="mse", optimizer="adam")
    return model


def _recurrent(recipe: Recipe, units: int, dialect: Dialect, last: bool) -> Any:
    options: dict[str, Any] = {"stateful": recipe.stateful}
    # A recurrent layer below another one hands on its output at every time step, not only the last.
    options["return_sequences"] = not last
    if dialect == "keras2":
        options["recurrent_activation"] = hard_sigmoid_keras2
    if recipe.cell == "lstm":
        return keras.layers.LSTM(units, **options)
    if dialect == "keras2":
        options["reset_after"] = False
    return keras.layers.GRU(units, **options)
