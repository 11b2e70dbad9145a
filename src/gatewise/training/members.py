"""`Ensemble`: the trained members of one model, to predict with all of them or to take one out."""

import html
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from gatewise.artifact import rebuild
from gatewise.artifact.rebuild import randomness_kept
from gatewise.backend import import_keras
from gatewise.errors import UsageError
from gatewise.recurrent import is_stateful, recurrent_layers, state_rows, states_for
from gatewise.recurrent.states import replaced
from gatewise.training.arrays import as_inputs, named_leaves, rows_of
from gatewise.training.checks import check_verbose, check_whole, check_whole_batches, cut
from gatewise.training.forward import Forward, fetched, padded_to_power_of_two
from gatewise.training.history import EnsembleHistory
from gatewise.training.inputs import check_indices, check_inputs, embeddings
from gatewise.training.lengths import as_spec, back_in_order
from gatewise.training.predict import ROWS_PER_DISPATCH, run_batches, sorted_inputs
from gatewise.training.preparation import lengths_of_rows
from gatewise.training.rows import padded_rows
from gatewise.training.state import ModelValues, model_variables, write_values

keras = import_keras()

# Rows times members of one dispatch where the caller has no wish: what a step of the forward pass needs at once grows with
# both.
_MEMBER_ROWS_PER_DISPATCH = 32 * ROWS_PER_DISPATCH


class Ensemble:
    """The trained members of one model. Made by `fit_ensemble`.

    Attributes:
        model: The Keras model that the members share in everything but their values.
        seeds: The seed of each member.
        values: Weights, optimizer slots and carried state of all members; every array has a leading members axis.
        history: Losses and metrics ``(members, epochs)`` by name, and the times of the run.
    """

    where_models_are = "use ensemble.predict(x) for all members, or ensemble.member(k), which is a model"

    def __init__(self, model: Any, seeds: Sequence[int], values: ModelValues, history: EnsembleHistory) -> None:
        self.model = model
        self.seeds = tuple(seeds)
        self.values = values
        self.history = history
        self._forwards: dict[int, tuple[Forward, list[Any], list[Any]]] = {}

    @property
    def members(self) -> int:
        """How many members there are."""
        return len(self.seeds)

    def __len__(self) -> int:
        return self.members

    def predict(
        self, x: Any, batch_size: int | None = None, verbose: str | int = "auto", *, lengths: Any = None
    ) -> Any:
        """Run every member on the same data.

        Args:
            x: Inputs ``(rows, …)``, or a list of rows, as in `gatewise.predict`.
            batch_size: As in `gatewise.predict`, the fewer by default the more members there are; stateful members carry
                their state on.
            verbose: As in `gatewise.predict`.
            lengths: As in `gatewise.predict`.

        Returns:
            The outputs ``(members, rows, …)``.

        Raises:
            ShapeError: The model expects another shape.
        """
        check_verbose(verbose)
        spec = as_spec(lengths)
        x, own = padded_rows(self.model, x)
        spec = spec if own is None else lengths_of_rows(spec, own)
        x = as_inputs(x)
        check_inputs(self.model, x)
        check_indices(self.model, x, embeddings(self.model))
        if batch_size is not None:
            check_whole("batch_size", batch_size)
        x, order, span = (x, None, None) if spec is None else sorted_inputs(self.model, x, spec)
        rows, stateful = rows_of(x), is_stateful(self.model)
        size = batch_size or state_rows(self.model) or _rows_per_dispatch(self.members)
        if stateful:
            names = [name for name, _ in named_leaves(x, "x")]
            check_whole_batches(rows, size, "use another batch_size", lambda stop: cut(names, None, stop))
        forward, weights, carried = self._forward(size)
        if not stateful and rows <= size:
            outputs, _ = forward.call(weights, carried, *padded_to_power_of_two((x, span), rows, size))
            outputs = fetched(outputs, (slice(None), slice(rows)))
            return outputs if order is None else back_in_order(outputs, order, axis=1)
        call = lambda state, part: forward.call(weights, state, *part)  # noqa: E731
        outputs, carried = run_batches(call, carried, (x, span), size, verbose, axis=1)
        self._forwards[size] = (forward, weights, carried)
        if stateful and size == state_rows(self.model):
            self.values = self.values._replace(recurrent=[np.asarray(array) for array in carried])
        return outputs if order is None else back_in_order(outputs, order, axis=1)

    def _forward(self, rows: int) -> tuple[Forward, list[Any], list[Any]]:
        """Return the compiled forward pass at a batch size, with all weights and with the state carried at that size."""
        if rows not in self._forwards:
            stateful = is_stateful(self.model)
            states = states_for(self.model, rows) if stateful else [None for _ in recurrent_layers(self.model)]
            forward = Forward(self.model, states, members=True)
            weights = jax.device_put([*self.values.trainable, *self.values.non_trainable])
            own = stateful and rows == state_rows(self.model)
            zeros = [np.zeros((self.members, *v.shape), v.value.dtype) for v in forward.carried]
            self._forwards[rows] = (forward, weights, jax.device_put(self.values.recurrent if own else zeros))
        return self._forwards[rows]

    def reset_states(self) -> None:
        """Set the carried state of all members to zero, at every batch size."""
        for rows, (forward, weights, carried) in self._forwards.items():
            self._forwards[rows] = (forward, weights, [array * 0 for array in carried])
        self.values = self.values._replace(recurrent=[np.zeros_like(array) for array in self.values.recurrent])

    def member(self, member: int) -> Any:
        """Return one member as an ordinary compiled Keras model of its own.

        Args:
            member: Its number, from 0.

        Raises:
            UsageError: There is no such member, or the model cannot be cloned.
        """
        if not isinstance(member, (int, np.integer)) or not -self.members <= member < self.members:
            raise UsageError(
                f"Member {member!r} of an ensemble of {self.members}: choose from 0 to {self.members - 1}."
            )
        with randomness_kept():
            clone = _clone(self.model)
        write_values(clone, jax.tree.map(lambda array: array[member], self.values))
        return clone

    def __repr__(self) -> str:
        return f"<Ensemble of {self.members} members of model {self.model.name!r}: {self.history!r}>"

    def _repr_html_(self) -> str:
        """Show the distribution of every loss and metric over the members in a notebook."""
        name = html.escape(self.model.name)
        return f"<p>Ensemble of {self.members} members of model <code>{name}</code></p>{self.history._repr_html_()}"


def _rows_per_dispatch(members: int) -> int:
    """Return a power of two, as `padded_to_power_of_two` makes."""
    size = ROWS_PER_DISPATCH
    while size > 1 and size * members > _MEMBER_ROWS_PER_DISPATCH:
        size //= 2
    return size


def _clone(model: Any) -> Any:
    try:
        with replaced(model, compiled=False):  # Keras would compile the copy, and without the user's own functions
            clone = keras.models.clone_model(model)
        rebuild.recompile(clone, model)
        clone.optimizer.build(clone.trainable_variables)
    except Exception as error:
        raise UsageError(
            f"Model {model.name!r} cannot be cloned ({rebuild.first_line(error)}): build one yourself and use ensemble.values."
        ) from error
    if len(model_variables(clone).trainable) != len(model_variables(model).trainable):
        raise UsageError(f"Model {model.name!r} cannot be cloned: its copy has other variables. Use ensemble.values.")
    return clone
