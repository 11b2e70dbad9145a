"""A model's forward pass, compiled, with the recurrent state as an argument and a result."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import jax
import numpy as np

from gatewise.backend import import_keras
from gatewise.recurrent import MEMBERS, lent_states, quick_cells, without_kernels
from gatewise.training.inputs import UNFIT, unfit
from gatewise.training.lengths import mask_argument

keras = import_keras()


class Forward:
    """``(weights, states, x) -> (outputs, states)`` for one model, or for an ensemble with a leading members axis.

    Args:
        model: A built Keras model.
        states: What each recurrent layer carries, as from ``gatewise.recurrent.states_for``.
        members: Whether weights and states have a members axis.
        member_data: Whether `x` has one, too: other rows for each member.
    """

    def __init__(self, model: Any, states: Sequence[Any], members: bool = False, member_data: bool = False) -> None:
        self.model = model
        self.states = list(states)
        self.weights = [*model.trainable_variables, *model.non_trainable_variables]
        self.carried = [variable for variable in keras.tree.flatten(self.states) if variable is not None]
        function = self._run
        self.members = members
        axes = (0, 0, 0 if member_data else None, None)
        self.program = jax.jit(jax.vmap(function, in_axes=axes) if members else function)

    def call(self, weights: list[Any], carried: list[Any], x: Any, span: Any = None) -> tuple[Any, list[Any]]:
        """Run the model.

        Args:
            weights: From `read_weights`.
            carried: The states.
            x: Inputs ``(rows, …)``.
            span: Which steps of each row are real ``(rows, 2)``, where the model is to be given a mask.

        Raises:
            ShapeError: With Keras's own words for what a layer cannot take.
        """
        try:
            return self.program(weights, carried, x, span)
        except UNFIT as error:
            raise unfit(self.model, error, x=x) from error

    def read_weights(self) -> list[Any]:
        """Return the model's weights as they are now, in the order that the function wants."""
        return [variable._value for variable in self.weights]

    def keep(self, carried: list[Any]) -> None:
        """Leave the state that a call returned in the model's variables.

        Written directly: the shapes and types are those that the variables had, and ``assign`` would take longer to check
        that than the whole prediction takes.
        """
        for variable, array in zip(self.carried, carried, strict=True):
            variable._value = array

    def _run(self, weights: list[Any], carried: list[Any], x: Any, span: Any) -> tuple[Any, list[Any]]:
        mapping = [*zip(self.weights, weights, strict=True), *zip(self.carried, carried, strict=True)]
        arguments = {"training": False} if self.model._call_has_training_arg else {}
        # Kernels do the rows of one model.
        kernels = without_kernels(MEMBERS) if self.members else nullcontext()
        with (
            kernels,
            lent_states(self.model, self.states),
            quick_cells(self.model),
            keras.StatelessScope(state_mapping=mapping) as scope,
        ):
            outputs = self.model.call(x, **arguments, **mask_argument(x, span))
        return outputs, [scope.get_current_value(variable) for variable in self.carried]


def fetched(outputs: Any, index: Any) -> Any:
    """Return a part of every output as a NumPy array of its own: what JAX gives may not be written to."""
    if isinstance(outputs, jax.Array):
        return np.array(outputs)[index]
    return jax.tree.map(lambda array: np.array(array)[index], outputs)


def padded_to_power_of_two(x: Any, rows: int, most: int) -> Any:
    """Repeat the last row of every array until the number of rows is a power of two, at most `most`.

    So any number of rows needs only a handful of programs.
    """
    size = 1
    while size < rows:
        size *= 2
    size = max(min(size, most), rows)
    if size == rows:
        return x
    return jax.tree.map(lambda array: np.concatenate([array, np.repeat(array[-1:], size - rows, axis=0)]), x)


def joined(parts: list[Any], axis: int = 0) -> Any:
    """Concatenate the outputs of several batches, as NumPy arrays."""
    return jax.tree.map(lambda *arrays: np.concatenate(arrays, axis=axis), *parts)
