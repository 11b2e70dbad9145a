"""What a Keras model holds as plain arrays, and the way in and out.

A run begins with `read_values` and ends with `write_values`: in between there are only arrays. Elsewhere in this room
variables are written a few at a time: the state carried by a prediction or an evaluation (`forward`, `predict`), and the
best weights that a callback restores (`callbacks`).
"""

from typing import Any, NamedTuple

import jax

from gatewise.recurrent import state_variables


class ModelValues(NamedTuple):
    """The arrays of one Keras model, or of an ensemble of it with a leading members axis.

    Attributes:
        trainable: Aligned with ``model.trainable_variables``.
        non_trainable: Aligned with ``model.non_trainable_variables`` (BatchNorm statistics, dropout seeds).
        optimizer: Aligned with ``model.optimizer.variables``; empty for a model that is not compiled.
        recurrent: Aligned with ``gatewise.recurrent.state_variables(model)``: the carried state of stateful layers.
    """

    trainable: list[Any]
    non_trainable: list[Any]
    optimizer: list[Any]
    recurrent: list[Any]


def model_variables(model: Any) -> ModelValues:
    """Return the Keras variables themselves, in the four groups of `ModelValues`."""
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and not optimizer.built:
        optimizer.build(model.trainable_variables)
    return ModelValues(
        trainable=list(model.trainable_variables),
        non_trainable=list(model.non_trainable_variables),
        optimizer=[] if optimizer is None else list(optimizer.variables),
        recurrent=state_variables(model),
    )


def read_values(model: Any) -> ModelValues:
    """Return the arrays that a model holds now."""
    return ModelValues(*([variable.value for variable in group] for group in model_variables(model)))


def write_values(model: Any, values: ModelValues) -> None:
    """Put arrays into a model's variables; `values` as from `read_values`."""
    for group, arrays in zip(model_variables(model), values, strict=True):
        for variable, array in zip(group, arrays, strict=True):
            old = variable.value
            if isinstance(array, jax.Array) and array.dtype == old.dtype and array.shape == old.shape:
                # What a program returns: `assign` would look at it for longer than a small epoch takes.
                variable._value = array
            else:
                variable.assign(array)
